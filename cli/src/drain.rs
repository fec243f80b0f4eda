//! `drain`: gives a worker no more work; it ends when it has finished what it holds, or what fits into its time.

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
    let DrainArguments { worker, within, client } = arguments;
    let connected = Client::of(settings, &client).await?;
    let within_ms = within.map(|seconds| seconds * 1000);
    let request = DrainWorkerRequest { worker: worker.clone(), within_ms };
    let reply = connected.jobs.clone().drain_worker(request).await;
    reply.map_err(|reply| connected.refusal(&reply))?;
    if client.json {
        say::json(&json!({ "worker": worker, "draining": true, "within_ms": within_ms }))?;
    } else if let Some(seconds) = within {
        say::note(&format!(
            "worker {worker} gets no more work, and gives back what it does not finish in {seconds} s"
        ));
    } else {
        say::note(&format!("worker {worker} gets no more work"));
    }
    Ok(Status::Done)
}
