//! The trace of a job that ended: a span for the job, one for each attempt, one for each stage of an attempt, as its
//! records and trails in the journal tell.
//!
//! Made when the job has ended and from what is durable, so that neither a worker nor a coordinator that was lost on
//! the way is missing in it. Owns which spans there are; refuses to hold anything up: a collector that is out costs a
//! line in the log.

use std::sync::Arc;
use std::time::Duration;

use cleanplate_core::outcome::JobOutcome;
use cleanplate_core::record::{Event, Record};
use cleanplate_telemetry::traces::{Span, Traces, Value};
use cleanplate_types::digest::Sha;
use cleanplate_types::failure::Stage;
use cleanplate_types::ids::{JobId, LeaseId, WorkerId};
use cleanplate_types::time::Tick;
use cleanplate_types::trail::TrailEvent;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::attempts::{Attempt, attempts};
use crate::granted;
use crate::journal::{Journal, JournalError, TrailLine};

/// A trace with its number.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    pub(crate) id: u128,
    pub(crate) spans: Vec<Span>,
}

/// Jobs whose traces wait to be sent: more than end while a collector answers.
const WAITING_MAX: usize = 1024;

/// How long traces that wait may take when the coordinator stops.
const STOP_WAIT: Duration = Duration::from_secs(5);

/// Sends the traces of jobs that ended, one after another, where there is a collector.
#[derive(Debug)]
pub(crate) struct Tracer(Option<(mpsc::Sender<JobId>, JoinHandle<()>)>);

impl Tracer {
    /// One that reads `journal`.
    pub(crate) fn new(traces: Option<Traces>, journal: Arc<dyn Journal>) -> Self {
        Self(traces.map(|traces| {
            let (sender, mut ended) = mpsc::channel(WAITING_MAX);
            let sending = tokio::spawn(async move {
                while let Some(job) = ended.recv().await {
                    tell(&traces, &*journal, job).await;
                }
            });
            (sender, sending)
        }))
    }

    /// A job has ended, and that is durable.
    pub(crate) fn ended(&self, job: &JobId) {
        let Some((sender, _)) = &self.0 else { return };
        if sender.try_send(job.clone()).is_err() {
            tracing::warn!(%job, "no trace of the job: the collector of traces is too slow");
        }
    }

    /// Sends what waits, for a while.
    pub(crate) async fn stop(self) {
        let Some((sender, sending)) = self.0 else { return };
        drop(sender);
        let abort = sending.abort_handle();
        if tokio::time::timeout(STOP_WAIT, sending).await.is_err() {
            tracing::warn!("traces that waited were not sent: the collector does not answer");
            abort.abort();
        }
    }
}

async fn tell(traces: &Traces, journal: &dyn Journal, job: JobId) {
    match read(journal, &job).await {
        Ok(Some(Trace { id, spans })) => {
            let sent = traces.send(id, spans).await;
            log(&job, sent.map_err(|error| error.to_string()));
        }
        Ok(None) => {}
        Err(error) => log(&job, Err(format!("the journal cannot be read: {error}"))),
    }
}

fn log(job: &JobId, sent: Result<(), String>) {
    match sent {
        Ok(()) => tracing::debug!(%job, "trace sent"),
        Err(error) => tracing::warn!(%job, error, "no trace of the job"),
    }
}

async fn read(journal: &dyn Journal, job: &JobId) -> Result<Option<Trace>, JournalError> {
    let records = journal.records_of(job).await?;
    Ok(trace(&records, &granted::without(journal.trails_of(job).await?)))
}

/// The trace that `records` and `trails` of one job tell; nothing where it has not ended.
pub(crate) fn trace(records: &[Record], trails: &[TrailLine]) -> Option<Trace> {
    let (submitted, ended) = (records.first()?, records.last()?);
    let outcome = records.iter().rev().find_map(|record| {
        if let Event::Ended(outcome) = &record.event { Some(outcome) } else { None }
    })?;
    let job = submitted.job.as_str();
    let root = number(&format!("{job} {}", submitted.at.0));
    let attempts = attempts(records);
    let frames = attempts.iter().filter_map(|attempt| Some(attempt.frames?.end)).max();
    let mut attributes =
        vec![text("cleanplate.job", job), text("cleanplate.outcome", outcome.as_str())];
    attributes.extend(frames.map(|frames| ("cleanplate.frames", Value::Number(frames))));
    let mut spans = vec![Span {
        id: root,
        parent: None,
        name: "job",
        start_ms: submitted.at.0,
        end_ms: ended.at.0,
        attributes,
        error: failed(outcome),
    }];
    for attempt in &attempts {
        let own = number(&format!("{job} lease {}", attempt.lease.0));
        let span = of_attempt(job, attempt, (own, root), ended.at);
        let lines = trails.iter().filter(|line| line.lease == attempt.lease);
        let stages =
            Stages { job, lease: attempt.lease, parent: own, span: (span.start_ms, span.end_ms) };
        spans.push(span);
        spans.extend(stages.of(lines));
    }
    let half = number(&format!("{job} {} trace", submitted.at.0));
    Some(Trace { id: (u128::from(root) << 64) | u128::from(half), spans })
}

fn failed(outcome: &JobOutcome) -> Option<String> {
    match outcome {
        JobOutcome::Failed(failure) => Some(failure.to_string()),
        JobOutcome::Done(_)
        | JobOutcome::Copied { .. }
        | JobOutcome::Previewed(_)
        | JobOutcome::Abstained { .. }
        | JobOutcome::Cancelled => None,
    }
}

fn of_attempt(job: &str, attempt: &Attempt, (id, root): (u64, u64), ended: Tick) -> Span {
    let mut attributes = vec![
        text("cleanplate.job", job),
        ("cleanplate.lease", Value::Number(attempt.lease.0)),
        ("cleanplate.attempt", Value::Number(u64::from(attempt.attempt))),
        text("cleanplate.outcome", attempt.fate.as_str()),
    ];
    attributes.extend(
        attempt.worker.as_ref().map(|it: &WorkerId| text("cleanplate.worker", it.as_str())),
    );
    if let Some(frames) = attempt.frames {
        attributes.push(("cleanplate.frames.start", Value::Number(frames.start)));
        attributes.push(("cleanplate.frames.end", Value::Number(frames.end)));
    }
    Span {
        id,
        parent: Some(root),
        name: attempt.work,
        start_ms: attempt.since.0,
        end_ms: attempt.until.unwrap_or(ended).0,
        attributes,
        error: attempt.fate.failure().map(ToString::to_string),
    }
}

/// The stages of one attempt.
struct Stages<'a> {
    job: &'a str,
    lease: LeaseId,
    parent: u64,
    /// The attempt's own, in milliseconds: a worker's clock may run ahead, and its stages lie within.
    span: (u64, u64),
}

impl Stages<'_> {
    fn of<'a>(&self, lines: impl Iterator<Item = &'a TrailLine>) -> Vec<Span> {
        let mut begun: Vec<(Stage, u64)> = Vec::new();
        let mut spans: Vec<Span> = Vec::new();
        for line in lines {
            let (stage, at_ms) = (line.entry.stage, line.entry.at_ms);
            match line.entry.event {
                TrailEvent::Started => {
                    begun.retain(|(other, _)| *other != stage);
                    begun.push((stage, at_ms));
                }
                TrailEvent::Finished | TrailEvent::Failed => {
                    let place = begun.iter().position(|(other, _)| *other == stage);
                    let since_ms = place.map_or(at_ms, |place| begun.swap_remove(place).1);
                    spans.push(self.stage(line, (since_ms, at_ms), spans.len()));
                }
                TrailEvent::Fallback => {}
            }
        }
        spans
    }

    fn stage(&self, line: &TrailLine, (since_ms, until_ms): (u64, u64), place: usize) -> Span {
        let (start, end) = self.span;
        let within = |at_ms: u64| start.saturating_add(at_ms).min(end);
        let stage = line.entry.stage;
        let mut attributes = vec![text("cleanplate.detail", &line.entry.detail)];
        attributes.extend(line.entry.count.map(|count| ("cleanplate.count", Value::Number(count))));
        let has_failed = line.entry.event == TrailEvent::Failed;
        Span {
            id: number(&format!("{} lease {} {place} {stage}", self.job, self.lease.0)),
            parent: Some(self.parent),
            name: stage.as_str(),
            start_ms: within(since_ms),
            end_ms: within(until_ms),
            attributes,
            error: has_failed.then(|| line.entry.detail.clone()),
        }
    }
}

fn text(name: &'static str, text: &str) -> (&'static str, Value) {
    (name, Value::Text(text.to_owned()))
}

/// A number that follows from `text`, so that whoever makes the trace again makes the same; never 0.
fn number(text: &str) -> u64 {
    let sha = Sha::of(text.as_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&sha.0[..8]);
    u64::from_be_bytes(bytes).max(1)
}
