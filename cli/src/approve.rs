//! `approve`: lets the plan of a job pass that waits for a review, less the overlays that stay.

use cleanplate_proto::v1::ApproveRequest;
use serde_json::json;

use crate::arguments::{ApproveArguments, JobArgument};
use crate::client::Client;
use crate::exit::{Refusal, Status};
use crate::say;
use crate::settings::Settings;

/// Does it.
///
/// # Errors
/// A refusal where there is no such job, it does not wait, an overlay is not in its plan, or nobody answers.
pub(crate) async fn run(
    arguments: ApproveArguments,
    settings: &Settings,
) -> Result<Status, Refusal> {
    let ApproveArguments { job: JobArgument { job, client }, drop: mut dropped } = arguments;
    dropped.sort_unstable();
    dropped.dedup();
    let connected = Client::of(settings, &client).await?;
    let request = ApproveRequest { job: job.clone(), drop: dropped.clone() };
    let reply = connected.jobs.clone().approve(request).await;
    reply.map_err(|reply| connected.refusal(&reply))?;
    if client.json {
        say::json(&json!({ "job": job, "approved": true, "dropped": dropped }))?;
    } else {
        let stays = dropped.iter().map(|at| format!("overlay {at}")).collect::<Vec<_>>();
        let but = if stays.is_empty() {
            String::new()
        } else {
            format!(" without {}", stays.join(" and "))
        };
        say::note(&format!(
            "approved job {job}{but}; `cleanplate watch {job}` follows it to its end"
        ));
    }
    Ok(Status::Done)
}
