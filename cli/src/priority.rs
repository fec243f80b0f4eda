//! `priority`: changes the priority of a job that has not ended.

use cleanplate_proto::v1::PrioritiseRequest;
use serde_json::json;

use crate::arguments::PriorityArguments;
use crate::client::Client;
use crate::exit::{Refusal, Status};
use crate::say;
use crate::settings::Settings;

/// Does it.
///
/// # Errors
/// A refusal where there is no such job, it has ended, or nobody answers.
pub(crate) async fn run(
    arguments: PriorityArguments,
    settings: &Settings,
) -> Result<Status, Refusal> {
    let PriorityArguments { job, priority, client } = arguments;
    let connected = Client::of(settings, &client).await?;
    let request = PrioritiseRequest { job: job.clone(), priority };
    let reply = connected.jobs.clone().prioritise(request).await;
    reply.map_err(|reply| connected.refusal(&reply))?;
    if client.json {
        say::json(&json!({ "job": job, "priority": priority }))?;
    } else {
        say::note(&format!("job {job} has priority {priority}"));
    }
    Ok(Status::Done)
}
