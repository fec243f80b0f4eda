//! The names of all metrics, one place: what is counted as it happens, and what is measured when somebody asks.
//!
//! Owns names, units, help and how they are written (`OpenMetrics` text). Refuses labels that are not fixed in the
//! program: every value of a label is a `&'static str` of a list that was given at the start, so that neither a job's
//! id nor anybody's free text becomes a series.

mod families;
mod snapshot;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::metrics::families::{
    Amounts, Counts, Histograms, amounts, count, counts, seconds, waits, works,
};
pub use crate::metrics::snapshot::{Age, CardIn, PerTier, Snapshot, WorkersIn};

/// What [`Metrics::text`] is, by its media type.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Every value that a label of what is counted may have.
#[derive(Debug, Clone, Copy)]
pub struct Labels {
    /// Kinds of work: `intake`, `segment`…
    pub works: &'static [&'static str],
    /// How an attempt may end.
    pub outcomes: &'static [&'static str],
    /// Stages of an attempt.
    pub stages: &'static [&'static str],
    /// How a job may end.
    pub endings: &'static [&'static str],
    /// Rows of the tier table.
    pub tiers: &'static [&'static str],
}

/// What is counted, from the start of the process on. One for each process: share it.
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    labels: Labels,
    attempts: Counts<2>,
    attempt_seconds: Histograms<1>,
    failures: Counts<2>,
    stage_seconds: Amounts<1>,
    fallbacks: Counts<1>,
    card_seconds: Amounts<1>,
    jobs_submitted: Counter,
    jobs_ended: Counts<1>,
    frames: Counter,
    cells: Counter,
    part_bytes: Counter,
    parts_discarded: Counter,
    append_seconds: Histogram,
    turn_seconds: Histogram,
    orders: Counter,
    store_bytes: Counts<1>,
    store_errors: Counts<1>,
    webhooks: Counts<1>,
}

impl Metrics {
    /// Metrics that are all zero, of a program of this version.
    #[must_use]
    pub fn new(version: &'static str, labels: Labels) -> Self {
        let mut registry = Registry::with_prefix("cleanplate");
        let r = &mut registry;
        r.register("build", "The version of the program", Info::new([("version", version)]));
        let this = Self {
            labels,
            attempts: counts(r, "attempts", "Attempts (leases) that ended, by work and outcome"),
            attempt_seconds: works(
                r,
                "attempt_seconds",
                "How long attempts took, from grant to end",
            ),
            failures: counts(
                r,
                "attempt_failures",
                "Attempts that failed or lapsed, by stage and kind of failure",
            ),
            stage_seconds: amounts(
                r,
                "stage_seconds",
                "Time from the beginnings of stages to their ends, waits included, as trails tell",
            ),
            fallbacks: counts(r, "fallbacks", "Fallbacks that trails tell of, by stage"),
            card_seconds: amounts(
                r,
                "card_seconds",
                "Time that leases were held, by the row of the worker's card",
            ),
            jobs_submitted: count(r, "jobs_submitted", "Jobs that were submitted"),
            jobs_ended: counts(r, "jobs_ended", "Jobs that ended, by outcome"),
            frames: count(r, "frames_committed", "Frames of cells that were committed"),
            cells: count(r, "cells_committed", "Cells that were committed"),
            part_bytes: count(r, "part_bytes", "Bytes of the parts of committed cells"),
            parts_discarded: count(
                r,
                "parts_discarded",
                "Committed parts that turned out to be unusable",
            ),
            append_seconds: waits(
                r,
                "journal_append_seconds",
                "How long a batch took to become durable",
            ),
            turn_seconds: waits(
                r,
                "dispatch_turn_seconds",
                "How long a turn of the dispatch loop took, with its write to the journal",
            ),
            orders: count(r, "dispatch_orders", "Orders that the dispatch loop took"),
            store_bytes: counts(
                r,
                "store_bytes",
                "Bytes of objects, sources and movies that the coordinator itself read and wrote",
            ),
            store_errors: counts(
                r,
                "store_errors",
                "Reads and writes of the coordinator that failed for good, by the place that they concern",
            ),
            webhooks: counts(r, "webhooks", "Requests of webhooks, by how they ended"),
            registry: Mutex::new(registry),
        };
        this.begin_at_zero();
        this
    }

    /// Makes every series that there can be, so that the first event is an increase.
    fn begin_at_zero(&self) {
        let Labels { works, outcomes, stages, endings, tiers } = self.labels;
        for work in works {
            drop(self.attempt_seconds.get_or_create(&[(WORK, *work)]));
            for outcome in outcomes {
                drop(self.attempts.get_or_create(&[(WORK, *work), (OUTCOME, *outcome)]));
            }
        }
        for stage in stages {
            drop(self.stage_seconds.get_or_create(&[(STAGE, *stage)]));
            drop(self.fallbacks.get_or_create(&[(STAGE, *stage)]));
        }
        for ending in endings {
            drop(self.jobs_ended.get_or_create(&[(OUTCOME, *ending)]));
        }
        for tier in tiers {
            drop(self.card_seconds.get_or_create(&[(TIER, *tier)]));
        }
        for direction in [READ, WRITE] {
            drop(self.store_bytes.get_or_create(&[(DIRECTION, direction)]));
        }
        for side in SIDES {
            drop(self.store_errors.get_or_create(&[(SIDE, side)]));
        }
        for end in WebhookEnd::ALL {
            drop(self.webhooks.get_or_create(&[(OUTCOME, end.as_str())]));
        }
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An attempt ended after so long, on a card of this row where a worker held it.
    pub fn attempt(
        &self,
        (work, outcome): (&'static str, &'static str),
        held: Duration,
        tier: Option<&'static str>,
    ) {
        self.attempts.get_or_create(&[(WORK, work), (OUTCOME, outcome)]).inc();
        self.attempt_seconds.get_or_create(&[(WORK, work)]).observe(seconds(held));
        if let Some(tier) = tier {
            self.card_seconds.get_or_create(&[(TIER, tier)]).inc_by(seconds(held));
        }
    }

    /// An attempt failed or lapsed in this stage with a failure of this kind.
    pub fn failure(&self, stage: &'static str, kind: &'static str) {
        self.failures.get_or_create(&[(STAGE, stage), ("kind", kind)]).inc();
    }

    /// A stage of an attempt ended after so long.
    pub fn stage(&self, stage: &'static str, took: Duration) {
        self.stage_seconds.get_or_create(&[(STAGE, stage)]).inc_by(seconds(took));
    }

    /// A trail told of a fallback.
    pub fn fallback(&self, stage: &'static str) {
        self.fallbacks.get_or_create(&[(STAGE, stage)]).inc();
    }

    /// A job was submitted.
    pub fn submitted(&self) {
        self.jobs_submitted.inc();
    }

    /// A job ended so.
    pub fn ended(&self, outcome: &'static str) {
        self.jobs_ended.get_or_create(&[(OUTCOME, outcome)]).inc();
    }

    /// A cell was committed.
    pub fn committed(&self, frames: u64, bytes: u64) {
        self.cells.inc();
        self.frames.inc_by(frames);
        self.part_bytes.inc_by(bytes);
    }

    /// A committed part turned out to be unusable.
    pub fn discarded(&self) {
        self.parts_discarded.inc();
    }

    /// A request of a webhook ended so.
    pub fn webhook(&self, end: WebhookEnd) {
        self.webhooks.get_or_create(&[(OUTCOME, end.as_str())]).inc();
    }

    /// A batch became durable after so long.
    pub fn appended(&self, took: Duration) {
        self.append_seconds.observe(seconds(took));
    }

    /// A turn of the dispatch loop over so many orders took so long.
    pub fn turned(&self, orders: u64, took: Duration) {
        self.orders.inc_by(orders);
        self.turn_seconds.observe(seconds(took));
    }

    /// All of it as text of the type [`MEDIA_TYPE`]: what was counted, what this process moved to and from store and
    /// sources since it started, and what is measured now, where this coordinator leads.
    ///
    /// # Errors
    /// [`std::fmt::Error`] where it cannot be written, which a `String` never says.
    pub fn text(&self, moved: Moved, now: Option<&Snapshot>) -> Result<String, std::fmt::Error> {
        let measured = snapshot::registry(now, self.labels);
        let mut text = String::new();
        let registry = self.registry();
        // Under the lock: two that ask at once must not both add the same.
        for (direction, bytes) in [(READ, moved.read), (WRITE, moved.written)] {
            raise(&self.store_bytes.get_or_create(&[(DIRECTION, direction)]), bytes);
        }
        for (side, errors) in SIDES.into_iter().zip(moved.failed) {
            raise(&self.store_errors.get_or_create(&[(SIDE, side)]), errors);
        }
        encode_registry(&mut text, &registry)?;
        drop(registry);
        encode_registry(&mut text, &measured)?;
        encode_eof(&mut text)?;
        Ok(text)
    }
}

/// How a request of a webhook ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookEnd {
    /// It was taken.
    Delivered,
    /// It was not, and is made again.
    Failed,
    /// It was not, for so long that it is not made again.
    GivenUp,
}

impl WebhookEnd {
    const ALL: [Self; 3] = [Self::Delivered, Self::Failed, Self::GivenUp];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::GivenUp => "given_up",
        }
    }
}

/// What a process moved to and from store, sources and outputs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Moved {
    /// Bytes that were read.
    pub read: u64,
    /// Bytes that were written.
    pub written: u64,
    /// Failures that concern sources, the store and outputs.
    pub failed: [u64; 3],
}

fn raise(counter: &Counter, to: u64) {
    counter.inc_by(to.saturating_sub(counter.get()));
}

const WORK: &str = "work";
const OUTCOME: &str = "outcome";
const STAGE: &str = "stage";
const TIER: &str = "tier";
const DIRECTION: &str = "direction";
const SIDE: &str = "side";
const SIDES: [&str; 3] = ["source", "store", "output"];
const READ: &str = "read";
const WRITE: &str = "write";

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: Labels = Labels {
        works: &["intake", "segment"],
        outcomes: &["done", "failed"],
        stages: &["decode"],
        endings: &["done"],
        tiers: &["24", "cpu"],
    };

    fn text(metrics: &Metrics, now: Option<&Snapshot>) -> String {
        metrics.text(Moved::default(), now).unwrap()
    }

    #[test]
    fn every_series_is_there_before_its_first_event_and_has_help_and_type() {
        let text = text(&Metrics::new("1.2.3", LABELS), None);
        assert!(
            text.contains("cleanplate_attempts_total{work=\"segment\",outcome=\"failed\"} 0"),
            "{text}"
        );
        assert!(text.contains("cleanplate_fallbacks_total{stage=\"decode\"} 0"));
        assert!(text.contains("cleanplate_build_info{version=\"1.2.3\"} 1"));
        assert!(text.contains("# TYPE cleanplate_attempt_seconds histogram"));
        assert!(text.contains("# HELP cleanplate_jobs_ended"));
        assert!(text.contains("cleanplate_leads 0") && !text.contains("cleanplate_workers"));
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn what_is_measured_leaves_no_series_behind() {
        let metrics = Metrics::new("1", LABELS);
        let workers = vec![WorkersIn { tier: "24", state: "attached", count: 3 }];
        let some = Snapshot { workers, eta_ms: Some(1_500), ..Snapshot::default() };
        let first = text(&metrics, Some(&some));
        assert!(
            first.contains("cleanplate_workers{tier=\"24\",state=\"attached\"} 3.0"),
            "{first}"
        );
        assert!(first.contains("cleanplate_queue_eta_seconds 1.5"));
        let second = text(&metrics, Some(&Snapshot::default()));
        assert!(!second.contains("attached"), "{second}");
        assert!(!second.contains("queue_eta"), "there is no answer where nobody works");
    }

    #[test]
    fn what_was_moved_is_counted_once_however_often_it_is_asked_for() {
        let metrics = Metrics::new("1", LABELS);
        let moved = Moved { read: 10, written: 7, failed: [1, 0, 0] };
        for _ in 0..2 {
            let text = metrics.text(moved, None).unwrap();
            assert!(
                text.contains("cleanplate_store_bytes_total{direction=\"read\"} 10\n"),
                "{text}"
            );
            assert!(text.contains("cleanplate_store_errors_total{side=\"source\"} 1\n"));
        }
    }
}
