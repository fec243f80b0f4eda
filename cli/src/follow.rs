//! Follows a job to its end, over lost connections, and says how it ended.

use std::time::Duration;

use cleanplate_proto::v1 as pb;
use tonic::{Status as Reply, Streaming};

use crate::client::{Client, is_lost};
use crate::exit::{Refusal, Status};
use crate::job_state::{End, JobState, Outcome};
use crate::progress::Progress;

/// How long to wait before a lost coordinator is asked again: it may be restarting.
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// How often a lost coordinator is asked: two minutes in all.
const ASKS_MAX: u32 = 240;

/// Follows `job` until it has ended.
///
/// # Errors
/// A refusal where there is no such job, or the coordinator stays away.
pub(crate) async fn to_the_end(
    client: &Client,
    job: &str,
    progress: &mut Progress,
) -> Result<Outcome, Refusal> {
    let mut asks = 0;
    let mut seen = false;
    loop {
        let lost = match watch(client, job).await {
            Ok(mut states) => match until_lost(&mut states, progress, &mut asks).await? {
                Followed::Ended(outcome) => return Ok(outcome),
                Followed::Lost(reply) => {
                    seen = true;
                    reply
                }
            },
            // A coordinator that never answered is not one that restarts.
            Err(reply) if is_lost(&reply) && seen => reply,
            Err(reply) => return Err(client.refusal(&reply)),
        };
        asks += 1;
        if asks == 1 {
            progress.note("note: the coordinator does not answer, asking again");
        }
        if asks > ASKS_MAX {
            return Err(client.refusal(&lost));
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

enum Followed {
    Ended(Outcome),
    Lost(Reply),
}

async fn watch(client: &Client, job: &str) -> Result<Streaming<pb::JobState>, Reply> {
    let request = pb::WatchRequest { job: job.to_owned() };
    Ok(client.jobs.clone().watch(request).await?.into_inner())
}

async fn until_lost(
    states: &mut Streaming<pb::JobState>,
    progress: &mut Progress,
    asks: &mut u32,
) -> Result<Followed, Refusal> {
    loop {
        let state = match states.message().await {
            Ok(Some(state)) => state,
            Ok(None) => return Ok(Followed::Lost(Reply::unavailable("the stream ended"))),
            Err(reply) if is_lost(&reply) => return Ok(Followed::Lost(reply)),
            Err(reply) => return Err(Refusal::failed(reply.message())),
        };
        *asks = 0;
        let state = JobState::try_from(state).map_err(|error| {
            Refusal::failed(format!("the coordinator is of another version: {error}"))
        })?;
        progress.tell(&state)?;
        if let Some(outcome) = state.outcome {
            return Ok(Followed::Ended(outcome));
        }
    }
}

/// What a command whose job ended so prints and returns.
///
/// # Errors
/// A refusal with the job's own status where it came to no output.
pub(crate) fn conclude(outcome: &Outcome, output: &str) -> Result<Status, Refusal> {
    let status = outcome.status();
    let message = match (&outcome.failure, outcome.kind) {
        (_, End::Done) => {
            crate::say::note(&format!("done: {output} ({} bytes)", outcome.output_bytes));
            return Ok(status);
        }
        (_, End::Unchanged) => {
            crate::say::note(&format!(
                "done: {output} is a copy of the source ({} bytes): {}",
                outcome.output_bytes, outcome.message
            ));
            return Ok(status);
        }
        (_, End::Cancelled) => "the job was cancelled".to_owned(),
        (_, End::Abstained) => format!(
            "the detector abstained: {}; nothing was written (say what to remove by --region or \
             --mask, or take a copy by --allow-unchanged)",
            outcome.message
        ),
        (Some(failure), End::Failed) => failure.to_string(),
        (None, End::Failed) => outcome.message.clone(),
    };
    Err(Refusal::new(status, message))
}
