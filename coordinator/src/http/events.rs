//! A job's states as server-sent events, to its end.
//!
//! An id counts on from the last one that the client had. A reader that comes back after it had the end is told by 204
//! that there is nothing more, as browsers need it. What is slow to read gets the latest state and no queue of old ones.

use std::convert::Infallible;
use std::pin::Pin;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use cleanplate_access::Caller;
use cleanplate_proto::v1 as pb;
use cleanplate_proto::v1::jobs_server::Jobs as _;
use cleanplate_shapes::JobState;
use futures::{Stream, StreamExt as _, stream};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tonic::Status;

use crate::http::jobs::shape;
use crate::http::problem::Problem;
use crate::http::{Api, call};

/// How often a comment tells that the stream lives: below what proxies wait for.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How long a client waits before it comes back, in milliseconds.
const RETRY: &str = "retry: 2000\n\n";

/// What the id of the last event ends with.
const END: &str = ".end";

type States = Pin<Box<dyn Stream<Item = Result<pb::JobState, Status>> + Send>>;

/// `GET /jobs/{job}/events`.
pub(super) async fn follow(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(job): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
    if last.ends_with(END) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let next = last.parse::<u64>().map_or(1, |last| last.saturating_add(1));
    let states = api.jobs.watch(call(caller, pb::WatchRequest { job })).await?.into_inner();
    let mut beats = interval(HEARTBEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beats.reset();
    let follower = Follower { states, next, beats, is_over: false };
    let events = stream::unfold(follower, |mut follower| async move {
        let event = follower.event().await?;
        Some((Ok::<_, Infallible>(Bytes::from(event)), follower))
    });
    let begun = stream::once(std::future::ready(Ok(Bytes::from_static(RETRY.as_bytes()))));
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // A proxy that gathers a response before it hands it on would hold everything back.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(begun.chain(events))).into_response())
}

struct Follower {
    states: States,
    next: u64,
    beats: Interval,
    is_over: bool,
}

impl Follower {
    /// The next event; nothing after the last.
    async fn event(&mut self) -> Option<String> {
        if self.is_over {
            return None;
        }
        tokio::select! {
            state = self.states.next() => {
                self.beats.reset();
                self.told(state?)
            }
            _ = self.beats.tick() => Some(": alive\n\n".to_owned()),
        }
    }

    fn told(&mut self, state: Result<pb::JobState, Status>) -> Option<String> {
        let shaped = state.map_err(Problem::from).and_then(shape::<_, JobState>);
        let id = self.next;
        self.next = self.next.saturating_add(1);
        match shaped {
            Ok(state) => {
                self.is_over = state.outcome.is_some();
                let end = if self.is_over { END } else { "" };
                let json = serde_json::to_string(&state).ok()?;
                Some(format!("id: {id}{end}\nevent: state\ndata: {json}\n\n"))
            }
            // Cut off: whoever comes back with the id of the last state goes on from there.
            Err(problem) => {
                self.is_over = true;
                let json = serde_json::to_string(&problem).ok()?;
                Some(format!("event: problem\ndata: {json}\n\n"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follower(states: Vec<Result<pb::JobState, Status>>) -> Follower {
        let states: States = Box::pin(stream::iter(states).chain(stream::pending()));
        let mut beats = interval(Duration::from_millis(50));
        beats.reset();
        Follower { states, next: 7, beats, is_over: false }
    }

    #[tokio::test]
    async fn states_have_ids_that_count_on_silence_has_a_beat_and_the_end_ends_it() {
        let running = pb::JobState { job: "j".to_owned(), ..pb::JobState::default() };
        let outcome = pb::Outcome { kind: "done".to_owned(), ..pb::Outcome::default() };
        let done = pb::JobState { outcome: Some(outcome), ..running.clone() };
        let mut told = follower(vec![Ok(running.clone()), Ok(done)]);
        assert!(
            told.event().await.unwrap().starts_with("id: 7\nevent: state\ndata: {\"job\":\"j\"")
        );
        assert!(told.event().await.unwrap().starts_with("id: 8.end\nevent: state\n"));
        assert_eq!(told.event().await, None);
        let mut told = follower(vec![Ok(running)]);
        told.event().await.unwrap();
        assert_eq!(told.event().await.as_deref(), Some(": alive\n\n"));
        let mut told = follower(vec![Err(Status::unavailable("it stops"))]);
        assert!(told.event().await.unwrap().starts_with("event: problem\ndata: {"));
        assert_eq!(told.event().await, None);
    }
}
