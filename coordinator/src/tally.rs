//! The attempts that run and how each ends, over all jobs, as the durable records tell: what metrics count.
//!
//! Pure: records in, endings out. Refuses to remember what is over: an attempt is kept until its job ends, as long as
//! lines of its trail may come.

use std::collections::BTreeMap;
use std::time::Duration;

use cleanplate_core::outcome::JobOutcome;
use cleanplate_core::record::{Event, LeaseEnd, Record};
use cleanplate_telemetry::metrics::Metrics;
use cleanplate_types::failure::{Failure, Stage};
use cleanplate_types::ids::{JobId, LeaseId, WorkerId};
use cleanplate_types::time::Tick;
use cleanplate_types::trail::TrailEvent;

use crate::attempts::{Fate, STITCH, work_of};
use crate::journal::TrailLine;

/// See the top of the file.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    leases: BTreeMap<LeaseId, Running>,
}

/// An attempt of a job that is open.
#[derive(Debug)]
struct Running {
    job: JobId,
    work: &'static str,
    /// Nobody where the coordinator does the work itself.
    worker: Option<WorkerId>,
    /// The row of its worker's card, where that was known.
    tier: Option<&'static str>,
    since: Tick,
    is_over: bool,
    /// Stages that began, and when.
    stages: Vec<(Stage, u64)>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) work: &'static str,
    pub(crate) worker: Option<WorkerId>,
    pub(crate) tier: Option<&'static str>,
    pub(crate) held_ms: u64,
    pub(crate) fate: Fate,
}

impl Tally {
    /// Takes a durable record; returns the attempts that it ends. `tier_of` knows the rows of workers' cards.
    pub(crate) fn take(
        &mut self,
        record: &Record,
        tier_of: impl Fn(&WorkerId) -> Option<&'static str>,
    ) -> Vec<Ending> {
        if let Event::Leased { lease, worker, piece, .. } = &record.event {
            let running = Running {
                tier: tier_of(worker),
                worker: Some(worker.clone()),
                ..Running::new(&record.job, work_of(*piece), record.at)
            };
            self.leases.insert(*lease, running);
            return Vec::new();
        }
        let mut endings = self.ended_by(record);
        // Whoever held it before this coordinator began may be known by now.
        for ending in endings.iter_mut().filter(|ending| ending.tier.is_none()) {
            ending.tier = ending.worker.as_ref().and_then(&tier_of);
        }
        endings
    }

    fn ended_by(&mut self, record: &Record) -> Vec<Ending> {
        let (job, at) = (&record.job, record.at);
        match &record.event {
            Event::StitchStarted { lease } => {
                // One that was still running belonged to a coordinator that is gone.
                let endings = self.end_stitches(job, at, &Fate::Revoked);
                self.leases.insert(*lease, Running::new(job, STITCH, at));
                endings
            }
            Event::LeaseEnded { lease, end } => {
                let fate = match end {
                    LeaseEnd::Done => Fate::Done,
                    LeaseEnd::Failed(failure) => Fate::of(failure),
                    LeaseEnd::GaveBack => Fate::GaveBack,
                    LeaseEnd::Outrun => Fate::Revoked,
                };
                self.end(*lease, at, fate).into_iter().collect()
            }
            Event::IntakeDone { lease, .. }
            | Event::WindowDone { lease, .. }
            | Event::Reduced { lease, .. }
            | Event::AuditDone { lease, .. } => {
                self.end(*lease, at, Fate::Done).into_iter().collect()
            }
            Event::Retabled { failure } | Event::EncoderLost { failure } => {
                self.end_all(job, at, Some(failure))
            }
            Event::StitchFailed { failure } => self.end_stitches(job, at, &Fate::of(failure)),
            Event::Ended(outcome) => self.ended(job, at, outcome),
            Event::Forgotten => {
                self.leases.retain(|_, running| running.job != *job);
                Vec::new()
            }
            Event::Submitted { .. }
            | Event::Leased { .. }
            | Event::Surveyed(_)
            | Event::PlanSettled(_)
            | Event::CopySettled(_)
            | Event::EncoderChosen(_)
            | Event::Briefed { .. }
            | Event::CellCommitted { .. }
            | Event::PartDiscarded { .. }
            | Event::SeamBroken { .. }
            | Event::AuditsDrawn { .. }
            | Event::Drafted { .. }
            | Event::Approved { .. }
            | Event::Prioritised { .. }
            | Event::Retried => Vec::new(),
        }
    }

    fn ended(&mut self, job: &JobId, at: Tick, outcome: &JobOutcome) -> Vec<Ending> {
        let (stitch, failure) = match outcome {
            JobOutcome::Done(_) | JobOutcome::Copied { .. } => (Some(Fate::Done), None),
            JobOutcome::Failed(failure) => {
                let is_stitch = matches!(failure.stage, Stage::Stitch | Stage::Publish);
                (is_stitch.then(|| Fate::of(failure)), Some(failure.as_ref()))
            }
            JobOutcome::Previewed(_) | JobOutcome::Abstained { .. } | JobOutcome::Cancelled => {
                (None, None)
            }
        };
        let stitches = stitch.map(|fate| self.end_stitches(job, at, &fate)).unwrap_or_default();
        let rest = self.end_all(job, at, failure);
        self.leases.retain(|_, running| running.job != *job);
        stitches.into_iter().chain(rest).collect()
    }

    fn end(&mut self, lease: LeaseId, at: Tick, fate: Fate) -> Option<Ending> {
        let running = self.leases.get_mut(&lease).filter(|running| !running.is_over)?;
        Some(running.end(at, fate))
    }

    fn running_of(&mut self, job: &JobId) -> impl Iterator<Item = (&LeaseId, &mut Running)> {
        self.leases.iter_mut().filter(move |(_, running)| running.job == *job && !running.is_over)
    }

    fn end_stitches(&mut self, job: &JobId, at: Tick, fate: &Fate) -> Vec<Ending> {
        let stitches = self.running_of(job).filter(|(_, running)| running.work == STITCH);
        stitches.map(|(_, running)| running.end(at, fate.clone())).collect()
    }

    /// Ends what runs; the one whose failure is the reason has failed, the others are revoked.
    fn end_all(&mut self, job: &JobId, at: Tick, failure: Option<&Failure>) -> Vec<Ending> {
        let running = self.running_of(job);
        let endings = running.map(|(lease, running)| {
            let its_own = failure.filter(|failure| failure.lease == Some(*lease));
            running.end(at, its_own.map_or(Fate::Revoked, Fate::of))
        });
        endings.collect()
    }

    /// Takes a durable line of a trail; returns how long the stage took that it ends, where it ends one.
    pub(crate) fn take_line(&mut self, line: &TrailLine) -> Option<Duration> {
        let stages = &mut self.leases.get_mut(&line.lease)?.stages;
        let (stage, at_ms) = (line.entry.stage, line.entry.at_ms);
        match line.entry.event {
            TrailEvent::Started => {
                stages.retain(|(begun, _)| *begun != stage);
                stages.push((stage, at_ms));
                None
            }
            TrailEvent::Finished | TrailEvent::Failed => {
                let place = stages.iter().position(|(begun, _)| *begun == stage)?;
                let (_, since_ms) = stages.swap_remove(place);
                Some(Duration::from_millis(at_ms.saturating_sub(since_ms)))
            }
            TrailEvent::Fallback => None,
        }
    }
}

impl Running {
    fn new(job: &JobId, work: &'static str, since: Tick) -> Self {
        let (job, stages) = (job.clone(), Vec::new());
        Self { job, work, worker: None, tier: None, since, is_over: false, stages }
    }

    fn end(&mut self, at: Tick, fate: Fate) -> Ending {
        self.is_over = true;
        let (worker, held_ms) = (self.worker.clone(), at.since(self.since));
        Ending { work: self.work, worker, tier: self.tier, held_ms, fate }
    }
}

/// Counts what a durable record says, and the attempts that it ended.
pub(crate) fn count(metrics: &Metrics, record: &Record, endings: &[Ending]) {
    if let Event::Submitted { .. } = &record.event {
        metrics.submitted();
    } else if let Event::CellCommitted { summary, .. } = &record.event {
        metrics.committed(summary.frames, summary.part_bytes);
    } else if let Event::PartDiscarded { .. } = &record.event {
        metrics.discarded();
    } else if let Event::Ended(outcome) = &record.event {
        metrics.ended(outcome.as_str());
    }
    for Ending { work, tier, held_ms, fate, worker: _ } in endings {
        metrics.attempt((*work, fate.as_str()), Duration::from_millis(*held_ms), *tier);
        if let Some(failure) = fate.failure() {
            metrics.failure(failure.stage.as_str(), failure.kind.as_str());
        }
    }
}

#[cfg(test)]
mod tests {
    use cleanplate_core::outcome::Published;
    use cleanplate_core::record::Piece;
    use cleanplate_types::cell::Segment;
    use cleanplate_types::failure::FailureKind;
    use cleanplate_types::frames::FrameRange;
    use cleanplate_types::ids::CellIndex;
    use cleanplate_types::trail::TrailEntry;

    use super::*;

    fn told(tally: &mut Tally, at: u64, event: Event) -> Vec<(&'static str, u64, &'static str)> {
        let record = Record { at: Tick(at), job: JobId::parse("j").unwrap(), event };
        let endings = tally.take(&record, |worker| (worker.as_str() == "a").then_some("24"));
        endings.iter().map(|ending| (ending.work, ending.held_ms, ending.fate.as_str())).collect()
    }

    fn leased(lease: u64) -> Event {
        let segment = Segment { first: CellIndex(0), cells: 1, frames: FrameRange::new(0, 9) };
        let (worker, piece) = (WorkerId::parse("a").unwrap(), Piece::Segment(segment));
        Event::Leased { lease: LeaseId(lease), worker, piece, attempt: 1 }
    }

    fn line(lease: u64, at_ms: u64, event: TrailEvent) -> TrailLine {
        let entry =
            TrailEntry { at_ms, stage: Stage::Fill, event, detail: String::new(), count: None };
        TrailLine { job: JobId::parse("j").unwrap(), lease: LeaseId(lease), entry }
    }

    #[test]
    fn an_attempt_ends_once_with_the_time_that_it_was_held() {
        let mut tally = Tally::default();
        told(&mut tally, 1_000, leased(1));
        told(&mut tally, 1_000, leased(2));
        let end = Event::LeaseEnded { lease: LeaseId(1), end: LeaseEnd::Done };
        assert_eq!(told(&mut tally, 4_000, end.clone()), [("segment", 3_000, "done")]);
        assert_eq!(told(&mut tally, 5_000, end), []);
        told(&mut tally, 5_000, Event::StitchStarted { lease: LeaseId(3) });
        let done = JobOutcome::Done(Published { bytes: 1, notes: Vec::new() });
        let ended = told(&mut tally, 9_000, Event::Ended(done));
        assert_eq!(ended, [("stitch", 4_000, "done"), ("segment", 8_000, "revoked")]);
        assert!(tally.leases.is_empty(), "nothing is kept of a job that ended");
    }

    #[test]
    fn the_lease_that_failed_the_job_has_failed_and_its_row_is_known_after_a_restart() {
        let mut tally = Tally::default();
        let record = Record { at: Tick(0), job: JobId::parse("j").unwrap(), event: leased(1) };
        assert_eq!(tally.take(&record, |_| None), []);
        let mut failure = Failure::new(FailureKind::BadInput, Stage::Decode, "broken");
        failure.lease = Some(LeaseId(1));
        let event = Event::Ended(JobOutcome::Failed(Box::new(failure)));
        let record = Record { at: Tick(9), job: JobId::parse("j").unwrap(), event };
        let endings = tally.take(&record, |_| Some("24"));
        assert_eq!((endings[0].fate.as_str(), endings[0].tier), ("failed", Some("24")));
    }

    #[test]
    fn a_stage_takes_from_its_start_to_its_end_also_where_the_lease_is_over() {
        let mut tally = Tally::default();
        told(&mut tally, 0, leased(1));
        assert_eq!(tally.take_line(&line(1, 500, TrailEvent::Started)), None);
        told(&mut tally, 1, Event::LeaseEnded { lease: LeaseId(1), end: LeaseEnd::GaveBack });
        let took = tally.take_line(&line(1, 2_500, TrailEvent::Finished));
        assert_eq!(took, Some(Duration::from_millis(2_000)));
        assert_eq!(tally.take_line(&line(1, 2_600, TrailEvent::Finished)), None, "it has ended");
        assert_eq!(tally.take_line(&line(7, 1, TrailEvent::Started)), None, "nobody's");
    }
}
