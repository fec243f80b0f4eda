//! `reject`: ends a job that waits for a review.

use cleanplate_proto::v1::RejectRequest;
use serde_json::json;

use crate::arguments::JobArgument;
use crate::client::Client;
use crate::exit::{Refusal, Status};
use crate::say;
use crate::settings::Settings;

/// Does it.
///
/// # Errors
/// A refusal where there is no such job, it does not wait for a review, or nobody answers.
pub(crate) async fn run(arguments: JobArgument, settings: &Settings) -> Result<Status, Refusal> {
    let JobArgument { job, client } = arguments;
    let connected = Client::of(settings, &client).await?;
    let request = RejectRequest { job: job.clone() };
    let reply = connected.jobs.clone().reject(request).await;
    reply.map_err(|reply| connected.refusal(&reply))?;
    if client.json {
        say::json(&json!({ "job": job, "rejected": true }))?;
    } else {
        say::note(&format!("rejected job {job}; nothing was written"));
    }
    Ok(Status::Done)
}
