//! `retry`: queues a failed or cancelled job again.

use cleanplate_proto::v1::RetryRequest;
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
    let request = RetryRequest { job: job.clone() };
    let reply = connected.jobs.clone().retry(request).await;
    reply.map_err(|reply| connected.refusal(&reply))?;
    if client.json {
        say::json(&json!({ "job": job, "queued": true }))?;
    } else {
        say::note(&format!(
            "queued job {job} again; of what a failed job had, all is kept that is still there"
        ));
    }
    Ok(Status::Done)
}
