//! Tells one endpoint: a signed request for each occasion, again and again until it is taken or too old.
//!
//! Owns one endpoint's pace. What was taken is marked in the store, so that the next coordinator does not tell it again;
//! where it ends between the two it is told twice, under the same id. An endpoint that is out costs requests at longer
//! and longer pauses, and holds up nobody else.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use cleanplate_access::Watched;
use cleanplate_shapes::JobState;
use cleanplate_store::{Store, StoreError, keys};
use cleanplate_telemetry::metrics::WebhookEnd;
use cleanplate_types::digest::Sha;
use cleanplate_types::ids::JobId;
use cleanplate_types::time::Tick;
use futures::future::join_all;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, StatusCode};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::asking::in_words;
use crate::dispatch::{Known, Orders, Question};
use crate::hooks::endpoint::Endpoint;
use crate::hooks::occasion::{Occasion, What};
use crate::hooks::secrets::Secrets;
use crate::meters::Meters;

/// Requests to one endpoint at a time.
const AT_ONCE: usize = 4;

/// The longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(600);

/// What goes by within one lead.
#[derive(Debug)]
pub(super) struct Teller {
    pub(super) endpoint: Endpoint,
    pub(super) client: Client,
    pub(super) secrets: Watched<Secrets>,
    pub(super) store: Store,
    pub(super) orders: Orders,
    pub(super) meters: Arc<Meters>,
    pub(super) give_up: Duration,
    pub(super) first_pause: Duration,
    pub(super) turns: Semaphore,
    /// It said that it wants nothing more.
    pub(super) gone: AtomicBool,
}

/// How a try went that needs no other.
enum Tried {
    /// The endpoint has it.
    Told,
    /// There is nothing to tell any more: the job is open again, or forgotten.
    Stale,
}

/// Why a try came to nothing.
struct Trouble {
    detail: String,
    /// How long the endpoint asks to be left alone.
    after: Option<Duration>,
}

impl From<String> for Trouble {
    fn from(detail: String) -> Self {
        Self { detail, after: None }
    }
}

impl Teller {
    pub(super) fn turns() -> Semaphore {
        Semaphore::new(AT_ONCE)
    }

    /// Tells what coordinators before this one may not have told, of all that there is to tell at `now`. An endpoint that
    /// is new hears of what happens from now on.
    pub(super) async fn catch_up(&self, owed: Vec<Occasion>, now: Tick, open: &HashSet<JobId>) {
        let mut pause = self.first_pause;
        let told = loop {
            match self.told(&owed, now, open).await {
                Ok(told) => break told,
                Err(error) => {
                    tracing::warn!(%error, endpoint = %self.endpoint, "what was told before is not known yet");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        };
        let owed = owed.into_iter().filter(|occasion| !told.contains(&self.mark_of(occasion)));
        join_all(owed.map(|occasion| {
            let age = occasion.at().map_or(0, |at| now.since(at));
            self.tell(occasion, Duration::from_millis(age))
        }))
        .await;
    }

    /// The marks of what was told of `owed`; other marks are of use to nobody and go, but those of jobs that were `open`:
    /// what happened to them since may be told already.
    async fn told(
        &self,
        owed: &[Occasion],
        now: Tick,
        open: &HashSet<JobId>,
    ) -> Result<HashSet<String>, StoreError> {
        let endpoint = self.endpoint.id();
        let begun = self.store.list(&keys::told_since(&endpoint)).await?;
        let begun = begun.iter().filter_map(|mark| keys::told_since_of(&mark.key)).min();
        let marks = self.store.list(&keys::told(&endpoint)).await?;
        let marks: HashSet<_> = marks.into_iter().map(|mark| mark.key).collect();
        if begun.is_none() {
            let reviews = owed.iter().filter(|occasion| occasion.at().is_none());
            for occasion in reviews {
                self.mark(occasion).await?;
            }
            self.store.put(&keys::told_since_tick(&endpoint, now), Bytes::new()).await?;
            return Ok(owed.iter().map(|occasion| self.mark_of(occasion)).collect());
        }
        let known: HashSet<_> = owed.iter().map(|occasion| self.mark_of(occasion)).collect();
        let is_old = |mark: &&String| keys::told_job(mark).is_none_or(|job| !open.contains(&job));
        for mark in marks.difference(&known).filter(is_old) {
            self.store.delete(mark).await?;
        }
        let before = |at: Tick| begun.is_some_and(|begun| at < begun);
        let older = owed.iter().filter(|occasion| occasion.at().is_some_and(before));
        let older: Vec<_> = older.map(|occasion| self.mark_of(occasion)).collect();
        Ok(marks.into_iter().chain(older).collect())
    }

    /// Tells it, which happened so long ago.
    pub(super) async fn tell(&self, occasion: Occasion, age: Duration) {
        let deadline = Instant::now() + self.give_up.saturating_sub(age);
        let id = occasion.id();
        let mut pause = self.first_pause;
        loop {
            if self.gone.load(Ordering::Relaxed) {
                return;
            }
            let tried = self.try_once(&occasion, &id).await;
            let trouble = match tried {
                Ok(Tried::Told) => return self.has_told(&occasion).await,
                Ok(Tried::Stale) => return,
                Err(trouble) => trouble,
            };
            if self.gone.load(Ordering::Relaxed) {
                self.meters.metrics().webhook(WebhookEnd::GivenUp);
                return;
            }
            let Trouble { detail, after } = trouble;
            let (job, endpoint) = (&occasion.job, &self.endpoint);
            let wait = after.unwrap_or_default().max(jittered(pause, &id));
            if Instant::now() + wait > deadline {
                self.meters.metrics().webhook(WebhookEnd::GivenUp);
                tracing::error!(%job, %endpoint, id, detail, "the webhook was not told for too long, and is given up");
                return;
            }
            self.meters.metrics().webhook(WebhookEnd::Failed);
            tracing::warn!(%job, %endpoint, id, detail, again_s = wait.as_secs(), "the webhook is told again later");
            tokio::time::sleep(wait).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn has_told(&self, occasion: &Occasion) {
        self.meters.metrics().webhook(WebhookEnd::Delivered);
        tracing::debug!(job = %occasion.job, endpoint = %self.endpoint, "webhook told");
        if let Err(error) = self.mark(occasion).await {
            tracing::warn!(%error, job = %occasion.job, "that a webhook was told is not marked: the next start tells it again");
        }
    }

    async fn try_once(&self, occasion: &Occasion, id: &str) -> Result<Tried, Trouble> {
        let turn = self.turns.acquire().await;
        let job = occasion.job.clone();
        let known = self.orders.ask(|reply| Question::Job { job, reply }).await;
        let known = known.map_err(|_gone| "this coordinator leads no more".to_owned())?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let Some(body) = known.and_then(|known| body_of(occasion, known, now)) else {
            return Ok(Tried::Stale);
        };
        let sent = self.send(id, now.as_secs(), body?).await;
        drop(turn);
        sent.map(|()| Tried::Told)
    }

    async fn send(&self, id: &str, timestamp: u64, body: Vec<u8>) -> Result<(), Trouble> {
        let signature = self.secrets.now().sign(id, timestamp, &body);
        let request = self
            .client
            .post(self.endpoint.url().clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(body);
        let response = request.send().await.map_err(in_words)?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        if status == StatusCode::GONE && !self.gone.swap(true, Ordering::Relaxed) {
            tracing::error!(endpoint = %self.endpoint, "the endpoint answers 410 Gone: it is told nothing more until the coordinator starts again");
        }
        let after = retry_after(response.headers());
        Err(Trouble { detail: format!("it answers {status}"), after })
    }

    fn mark_of(&self, occasion: &Occasion) -> String {
        keys::told_of(&self.endpoint.id(), &occasion.job, &occasion.to_string())
    }

    async fn mark(&self, occasion: &Occasion) -> Result<(), StoreError> {
        self.store.put(&self.mark_of(occasion), Bytes::new()).await.map(drop)
    }
}

/// The message, of the job's present state; nothing where that is another than what is to be told.
fn body_of(occasion: &Occasion, known: Known, now: Duration) -> Option<Result<Vec<u8>, Trouble>> {
    // Another end, or another review, has its own message.
    if Occasion::of_known(&occasion.job, &known).as_ref() != Some(occasion) {
        return None;
    }
    let kind = match (occasion.what, &known.state.outcome) {
        (What::Ended, Some(outcome)) => format!("job.{}", outcome.kind),
        (What::Ended, None) => return None,
        (What::Review, _) => "job.review".to_owned(),
    };
    let at = occasion.at().map_or(now, |Tick(ms)| Duration::from_millis(ms));
    let at = humantime::format_rfc3339_millis(UNIX_EPOCH + at).to_string();
    let job = JobState::try_from(known.state).map_err(|error| error.to_string());
    let body = job.and_then(|job| {
        let message = json!({ "type": kind, "timestamp": at, "data": { "job": job } });
        serde_json::to_vec(&message).map_err(|error| error.to_string())
    });
    Some(body.map_err(Trouble::from))
}

/// What the endpoint asks for in whole seconds, no longer than the longest pause.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(PAUSE_MAX))
}

/// `pause` and up to a quarter more, so that many that failed together do not come back together.
fn jittered(pause: Duration, id: &str) -> Duration {
    let Sha(sha) = Sha::of(id.as_bytes());
    pause + pause / 1024 * u32::from(sha[0])
}
