//! `drain`: gives a worker no more work; it ends when it has finished what it holds.

use cleanplate_proto::v1::DrainWorkerRequest;
use serde_json::json;

use crate::arguments::DrainArguments;
use crate::client::Client;
use crate::exit::{Refusal, Status};
use crate::say;
use crate::settings::Settings;

/// Does it.
///
/// # Errors
/// A refusal where there is no such worker, or nobody answers.
pub(crate) async fn run(arguments: DrainArguments, settings: &Settings) -> Result<Status, Refusal> {
    let DrainArguments { worker, client } = arguments;
    let connected = Client::connect(settings.coordinator_of(&client)).await?;
    let request = DrainWorkerRequest { worker: worker.clone() };
    let reply = connected.jobs.clone().drain_worker(request).await;
    reply.map_err(|reply| connected.refusal(&reply))?;
    if client.json {
        say::json(&json!({ "worker": worker, "draining": true }))?;
    } else {
        say::note(&format!("worker {worker} gets no more work"));
    }
    Ok(Status::Done)
}
