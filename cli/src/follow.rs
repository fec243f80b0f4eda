//! Follows a job to its end, over lost connections and from one coordinator to the next, and says how it ended.

use std::time::Duration;

use cleanplate_proto::{StandsBy, v1 as pb};
use cleanplate_shapes::report;
pub(crate) use cleanplate_shapes::words::size;
use tonic::{Status as Reply, Streaming};

use crate::client::{Client, is_lost};
use crate::exit::{Refusal, Status};
use crate::job_state::{End, JobState, Outcome, OutcomeWords as _};
use crate::progress::{Progress, REMIND_EVERY, clock, thousandths};
use crate::say;

/// How long to wait before a lost coordinator is asked again: it may be restarting.
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// How often a lost coordinator is asked: two minutes in all.
const ASKS_MAX: u32 = 240;

/// Follows `job` until it has ended, and returns its last state.
///
/// # Errors
/// A refusal where there is no such job, or the coordinator stays away.
pub(crate) async fn to_the_end(
    client: &Client,
    job: &str,
    progress: &mut Progress,
) -> Result<JobState, Refusal> {
    let mut client = client.clone();
    let mut asks = 0;
    let mut seen = false;
    loop {
        let lost = match watch(&client, job, asks).await {
            Ok(mut states) => match until_lost(&mut states, progress, &mut asks).await? {
                Followed::Ended(state) => return Ok(*state),
                Followed::Lost(reply) => {
                    seen = true;
                    reply
                }
            },
            // A coordinator that never answered is not one that restarts; one that stands by has answered.
            Err(reply) if is_lost(&reply) && (seen || StandsBy::of(&reply).is_some()) => reply,
            Err(reply) => return Err(client.refusal(&reply)),
        };
        asks += 1;
        if asks == 1 {
            progress.note("note: the coordinator does not answer, asking again");
        }
        if asks > ASKS_MAX {
            return Err(client.refusal(&lost));
        }
        let (next, at_once) = client.elsewhere(&lost);
        client = next;
        if !at_once {
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }
}

enum Followed {
    Ended(Box<JobState>),
    Lost(Reply),
}

async fn watch(client: &Client, job: &str, asks: u32) -> Result<Streaming<pb::JobState>, Reply> {
    let request = pb::WatchRequest { job: job.to_owned() };
    let mut jobs = client.jobs.clone();
    let asked = jobs.watch(request);
    let reply = match client.patience(asks) {
        Some(patience) => tokio::time::timeout(patience, asked)
            .await
            .unwrap_or_else(|_late| Err(Reply::unavailable("it does not answer")))?,
        None => asked.await?,
    };
    Ok(reply.into_inner())
}

async fn until_lost(
    states: &mut Streaming<pb::JobState>,
    progress: &mut Progress,
    asks: &mut u32,
) -> Result<Followed, Refusal> {
    loop {
        let next = tokio::time::timeout(REMIND_EVERY, states.message()).await;
        let Ok(next) = next else {
            progress.remind();
            continue;
        };
        let state = match next {
            Ok(Some(state)) => state,
            Ok(None) => return Ok(Followed::Lost(Reply::unavailable("the stream ended"))),
            Err(reply) if is_lost(&reply) => return Ok(Followed::Lost(reply)),
            Err(reply) => return Err(Refusal::failed(reply.message())),
        };
        *asks = 0;
        let state = parsed(state)?;
        progress.tell(&state)?;
        if state.outcome.is_some() {
            return Ok(Followed::Ended(Box::new(state)));
        }
    }
}

/// A state as the coordinator sent it.
///
/// # Errors
/// A refusal where this version does not understand it.
pub(crate) fn parsed(state: pb::JobState) -> Result<JobState, Refusal> {
    JobState::try_from(state)
        .map_err(|error| Refusal::failed(format!("the coordinator is of another version: {error}")))
}

/// What people waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waited {
    /// For how long.
    pub(crate) ms: u64,
    /// Frames that were done before they began to wait.
    pub(crate) frames_before: u64,
}

/// What a command whose job ended so tells people and returns.
///
/// # Errors
/// A refusal with the job's own status where it came to no output.
pub(crate) fn conclude(state: &JobState, output: &str, waited: Waited) -> Result<Status, Refusal> {
    let Some(outcome) = &state.outcome else {
        return Err(Refusal::failed("the job has not ended"));
    };
    let status = outcome.status();
    let message = match (&outcome.failure, outcome.kind) {
        (_, End::Done) => {
            say::note(&format!(
                "done: {output} ({}), {}",
                size(outcome.output_bytes),
                what_was_done(state, waited)
            ));
            return Ok(status);
        }
        (_, End::Unchanged) => {
            say::note(&format!(
                "done: {output} ({}): {}",
                size(outcome.output_bytes),
                outcome.message
            ));
            return Ok(status);
        }
        (_, End::Previewed) => {
            say::note(&format!(
                "done: {}; `cleanplate preview --job {} -o DIR` writes the preview",
                outcome.message, state.job
            ));
            return Ok(status);
        }
        (_, End::Cancelled) => "the job was cancelled".to_owned(),
        (_, End::Abstained) => abstained(outcome),
        (Some(failure), End::Failed) => failure.to_string(),
        (None, End::Failed) => outcome.message.clone(),
    };
    Err(Refusal::new(status, message))
}

/// What people may do where the detector cannot tell.
pub(crate) fn abstained(outcome: &Outcome) -> String {
    format!(
        "the detector abstained: {}; nothing was written (say what to remove by --region, --mask, --overlay \
         or --plan, or take a copy by --allow-unchanged)",
        outcome.message
    )
}

fn what_was_done(state: &JobState, waited: Waited) -> String {
    let removed = report::removed(&state.overlays, state.overlays_more, &state.restored);
    let mut text = removed.map_or_else(String::new, |removed| format!("{removed}, "));
    text.push_str(&format!(
        "{} in {} by {}, {}",
        count(state.frames_total, "frame"),
        count(state.cells_total.into(), "cell"),
        if state.encoder.is_empty() { "no encoder" } else { &state.encoder },
        clock(waited.ms)
    ));
    let frames = state.frames_total.saturating_sub(waited.frames_before);
    let fps_milli = u128::from(frames) * 1_000_000 / u128::from(waited.ms.max(1));
    if let Ok(fps_milli) = u32::try_from(fps_milli) {
        text.push_str(&format!(" ({} fps)", thousandths(fps_milli)));
    }
    if !state.notes.is_empty() {
        text.push_str(&format!(", {}", count(state.notes.len() as u64, "note")));
    }
    text
}

fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlay(frames: u64) -> cleanplate_shapes::ShownOverlay {
        let overlay = pb::OverlayState {
            bounds: Some(pb::Rect { x: 10, y: 20, width: 120, height: 40 }),
            origin: "static".to_owned(),
            fill: "auto".to_owned(),
            frames,
            samples: 4800,
            when: vec![pb::FrameRange { start: 0, end: frames }],
        };
        overlay.try_into().unwrap()
    }

    #[test]
    fn the_last_line_says_what_was_done() {
        let mut state = JobState::try_from(pb::JobState::default()).unwrap();
        state.frames_total = 250;
        state.cells_total = 1;
        state.encoder = "libx264".to_owned();
        state.notes = vec!["one".to_owned(), "two".to_owned()];
        let said = |state: &JobState, frames_before| {
            what_was_done(state, Waited { ms: 12_500, frames_before })
        };
        assert_eq!(said(&state, 0), "250 frames in 1 cell by libx264, 0:13 (20.0 fps), 2 notes");
        state.overlays = vec![overlay(240)];
        let nothing = said(&state, 0);
        assert!(nothing.starts_with("no frame shows static 120x40 at 10,20:"), "{nothing}");
        state.restored.frames = 240;
        let removed = said(&state, 0);
        assert!(removed.starts_with("removed static 120x40 at 10,20 from 240 frames"), "{removed}");
        assert!(
            said(&state, 125).contains("(10.0 fps)"),
            "work of an earlier run is not this one's"
        );
    }
}
