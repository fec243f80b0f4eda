//! What keeps pages live: one stream for all jobs of a page, as server-sent events.
//!
//! Owns how often is looked, which is once a second however many jobs a page has, and that only what changed is sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, Query, State};
use axum::http::header;
use axum::response::IntoResponse as _;
use bytes::Bytes;
use cleanplate_access::Caller;
use cleanplate_shapes::JobState;
use cleanplate_types::ids::JobId;
use futures::{StreamExt as _, stream};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::dispatch::Totals;
use crate::http::Api;
use crate::http::jobs::shape;
use crate::http::pages::jobs::counts;
use crate::http::pages::row::Row;
use crate::http::pages::{Answer, Mishap};
use crate::http::problem::{Kind, Problem};

/// How often is looked.
const EVERY: Duration = Duration::from_secs(1);

/// Looks without news before a comment tells that the stream lives.
const QUIET_MAX: u32 = 15;

/// Jobs of one stream at most: a page has fifty.
const JOBS_MAX: usize = 200;

/// Which jobs.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Followed {
    jobs: String,
}

/// `GET /ui/events`.
pub(super) async fn follow(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Query(Followed { jobs }): Query<Followed>,
) -> Answer {
    let named = jobs.split(',').filter(|job| !job.is_empty());
    let jobs: Vec<JobId> = named.filter_map(|job| JobId::parse(job).ok()).collect();
    if jobs.len() > JOBS_MAX {
        let detail = format!("a stream follows {JOBS_MAX} jobs at most");
        return Err(Mishap::from(Problem::new(Kind::InvalidRequest, detail)));
    }
    let cut = Box::pin(api.jobs.until_cut(caller.clone()));
    let mut looks = interval(EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let follower = Follower { api, caller, jobs, looks, rows: Vec::new(), totals: None, quiet: 0 };
    let events = stream::unfold(follower, |mut follower| async move {
        let event = follower.news().await?;
        Some((Ok::<_, Infallible>(Bytes::from(event)), follower))
    });
    let events: Pin<Box<dyn futures::Stream<Item = _> + Send>> = Box::pin(events.take_until(cut));
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(events)).into_response())
}

struct Follower {
    api: Api,
    caller: Caller,
    jobs: Vec<JobId>,
    looks: Interval,
    /// As they were last sent.
    rows: Vec<Row>,
    totals: Option<Totals>,
    quiet: u32,
}

impl Follower {
    /// The next event; nothing where the coordinator stops.
    async fn news(&mut self) -> Option<String> {
        loop {
            self.looks.tick().await;
            let glance = self.api.jobs.glance(self.jobs.clone(), &self.caller).await.ok()?;
            let states = glance.states.into_iter().map(shape::<_, JobState>);
            let rows: Vec<Row> = states.flatten().map(|state| Row::of(&state)).collect();
            let changed: Vec<&Row> = rows.iter().filter(|row| !self.rows.contains(row)).collect();
            let totals = Some(glance.totals).filter(|totals| self.totals != Some(*totals));
            let event = (!changed.is_empty() || totals.is_some()).then(|| {
                let told = json!({ "rows": changed, "totals": totals.as_ref().map(counted) });
                format!("event: rows\ndata: {told}\n\n")
            });
            self.rows = rows;
            self.totals = Some(glance.totals);
            if event.is_some() {
                self.quiet = 0;
                return event;
            }
            self.quiet += 1;
            if self.quiet >= QUIET_MAX {
                self.quiet = 0;
                return Some(": alive\n\n".to_owned());
            }
        }
    }
}

fn counted(totals: &Totals) -> serde_json::Value {
    let counts = counts(totals).into_iter().map(|(state, count)| (state.to_owned(), count.into()));
    serde_json::Value::Object(counts.collect())
}
