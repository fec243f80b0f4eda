//! `cancel`: cancels a job.

use cleanplate_proto::v1::CancelRequest;
use serde_json::json;

use crate::arguments::JobArgument;
use crate::client::Client;
use crate::exit::{Refusal, Status};
use crate::say;
use crate::settings::Settings;

/// Does it.
///
/// # Errors
/// A refusal where there is no such job, or nobody answers.
pub(crate) async fn run(arguments: JobArgument, settings: &Settings) -> Result<Status, Refusal> {
    let JobArgument { job, client } = arguments;
    let connected = Client::of(settings, &client).await?;
    let request = CancelRequest { job: job.clone() };
    let reply = connected.jobs.clone().cancel(request).await;
    reply.map_err(|reply| connected.refusal(&reply))?;
    if client.json {
        say::json(&json!({ "job": job, "cancelled": true }))?;
    } else {
        say::note(&format!("cancelled job {job}"));
    }
    Ok(Status::Done)
}
