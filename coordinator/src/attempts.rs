//! The attempts of a job, as its records tell them. Pure: records in, attempts out.

mod spans;

use cleanplate_core::outcome::JobOutcome;
use cleanplate_core::record::{Event, LeaseEnd, Piece, Record};
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::frames::FrameRange;
use cleanplate_types::ids::{LeaseId, WorkerId};
use cleanplate_types::time::Tick;

pub(crate) use spans::{Span, spans};

/// One lease of a job and how it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// The lease.
    pub(crate) lease: LeaseId,
    /// What it was for, by its name on the wire.
    pub(crate) work: &'static str,
    /// Who held it; nobody does where the coordinator does the work itself.
    pub(crate) worker: Option<WorkerId>,
    /// The frames that it concerns, where known.
    pub(crate) frames: Option<FrameRange>,
    /// Which attempt at the piece of work, from 1.
    pub(crate) attempt: u32,
    /// When it was granted.
    pub(crate) since: Tick,
    /// When it ended, where it has.
    pub(crate) until: Option<Tick>,
    /// How it went.
    pub(crate) fate: Fate,
}

impl Attempt {
    /// For how long its lease was held, in milliseconds; nothing while it runs.
    pub(crate) fn held_ms(&self) -> Option<u64> {
        self.until.map(|until| until.since(self.since))
    }

    fn end(&mut self, at: Tick, fate: Fate) {
        (self.until, self.fate) = (Some(at), fate);
    }
}

/// How an attempt went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is under way.
    Running,
    /// It brought what it was for.
    Done,
    /// It failed.
    Failed(Box<Failure>),
    /// Its worker was not heard of, or made no progress.
    Lapsed(Box<Failure>),
    /// Nobody wants its result any more.
    Revoked,
    /// Its worker went, and gave back what was not done.
    GaveBack,
}

impl Fate {
    /// How an attempt may end, by its name on the wire.
    pub(crate) const ENDS: [&str; 5] = ["done", "failed", "lapsed", "revoked", "gave_back"];

    /// Its name on the wire.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed(_) => "failed",
            Self::Lapsed(_) => "lapsed",
            Self::Revoked => "revoked",
            Self::GaveBack => "gave_back",
        }
    }

    /// What went wrong, where something did.
    pub(crate) fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed(failure) | Self::Lapsed(failure) => Some(failure),
            Self::Running | Self::Done | Self::Revoked | Self::GaveBack => None,
        }
    }

    pub(crate) fn of(failure: &Failure) -> Self {
        let failure = Box::new(failure.clone());
        match failure.kind {
            FailureKind::LeaseLapsed => Self::Lapsed(failure),
            FailureKind::BadInput
            | FailureKind::BadRequest
            | FailureKind::SourceUnavailable
            | FailureKind::SourceChanged
            | FailureKind::TableMismatch
            | FailureKind::StoreUnavailable
            | FailureKind::WorkerLacks
            | FailureKind::EncoderFailed
            | FailureKind::EngineCrashed
            | FailureKind::EngineHung
            | FailureKind::PartRefused
            | FailureKind::OutputUnwritable
            | FailureKind::Cancelled
            | FailureKind::Internal
            | FailureKind::SeamMismatch
            | FailureKind::AuditMismatch
            | FailureKind::OutputWrong
            | FailureKind::ObjectLost
            | FailureKind::OverLimit => Self::Failed(failure),
        }
    }
}

pub(crate) const STITCH: &str = "stitch";

/// Every kind of work, by its name on the wire.
pub(crate) const WORKS: [&str; 9] =
    ["intake", "find", "learn", "fetch", "preview", "reduce", "segment", "audit", STITCH];

/// A piece of work by its name on the wire.
pub(crate) const fn work_of(piece: Piece) -> &'static str {
    match piece {
        Piece::Intake => "intake",
        Piece::Window(window) => window.look.as_str(),
        Piece::Reduce => "reduce",
        Piece::Segment(_) => "segment",
        Piece::Audit(_) => "audit",
    }
}

/// The attempts that `records` (of one job, in order) tell of, oldest first.
pub(crate) fn attempts(records: &[Record]) -> Vec<Attempt> {
    let mut log = Log::default();
    for record in records {
        log.at = record.at;
        log.take(&record.event);
    }
    log.attempts
}

#[derive(Default)]
struct Log {
    /// When what is taken now was decided.
    at: Tick,
    attempts: Vec<Attempt>,
    cells: Vec<FrameRange>,
    frames: Option<FrameRange>,
    stitches: u32,
}

impl Log {
    fn take(&mut self, event: &Event) {
        match event {
            Event::Leased { lease, worker, piece, attempt } => {
                self.leased(*lease, worker, *piece, *attempt);
            }
            Event::LeaseEnded { lease, end } => {
                let fate = match end {
                    LeaseEnd::Done => Fate::Done,
                    LeaseEnd::Failed(failure) => Fate::of(failure),
                    LeaseEnd::GaveBack => Fate::GaveBack,
                    LeaseEnd::Outrun => Fate::Revoked,
                };
                self.end(*lease, fate);
            }
            Event::IntakeDone { lease, intake } => {
                self.frames = Some(FrameRange::new(0, intake.frames));
                self.end(*lease, Fate::Done);
            }
            Event::WindowDone { lease, .. }
            | Event::Reduced { lease, .. }
            | Event::AuditDone { lease, .. } => {
                self.end(*lease, Fate::Done);
            }
            Event::Surveyed(survey) => {
                self.cells = survey.cells.iter().map(|cell| cell.frames).collect();
            }
            Event::Retabled { failure } | Event::EncoderLost { failure } => {
                self.end_all(Some(failure), &Fate::Revoked);
            }
            Event::StitchStarted { lease } => self.stitch_started(*lease),
            Event::StitchFailed { failure } => self.end_stitches(&Fate::of(failure)),
            Event::Ended(outcome) => self.ended(outcome),
            // What comes after is another job of that name.
            Event::Forgotten => *self = Self::default(),
            Event::Submitted { .. }
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
            | Event::Retried => {}
        }
    }

    fn leased(&mut self, lease: LeaseId, worker: &WorkerId, piece: Piece, attempt: u32) {
        let frames = match piece {
            Piece::Intake => None,
            Piece::Window(window) => Some(window.frames),
            Piece::Reduce => self.frames,
            Piece::Segment(segment) => Some(segment.frames),
            Piece::Audit(cell) => self.cells.get(cell.0 as usize).copied(),
        };
        let work = work_of(piece);
        let worker = Some(worker.clone());
        let (since, fate) = (self.at, Fate::Running);
        let begun = Attempt { lease, work, worker, frames, attempt, since, until: None, fate };
        self.attempts.push(begun);
    }

    fn stitch_started(&mut self, lease: LeaseId) {
        // One that was still running belonged to a coordinator that is gone.
        self.end_stitches(&Fate::Revoked);
        self.stitches += 1;
        self.attempts.push(Attempt {
            lease,
            work: STITCH,
            worker: None,
            frames: self.frames,
            attempt: self.stitches,
            since: self.at,
            until: None,
            fate: Fate::Running,
        });
    }

    fn ended(&mut self, outcome: &JobOutcome) {
        match outcome {
            JobOutcome::Done(_) | JobOutcome::Copied { .. } => {
                self.end_stitches(&Fate::Done);
                self.end_all(None, &Fate::Revoked);
            }
            JobOutcome::Failed(failure) => {
                if matches!(failure.stage, Stage::Stitch | Stage::Publish) {
                    self.end_stitches(&Fate::of(failure));
                }
                self.end_all(Some(failure), &Fate::Revoked);
            }
            JobOutcome::Previewed(_) | JobOutcome::Abstained { .. } | JobOutcome::Cancelled => {
                self.end_all(None, &Fate::Revoked);
            }
        }
    }

    fn end(&mut self, lease: LeaseId, fate: Fate) {
        let at = self.at;
        if let Some(attempt) = self.attempts.iter_mut().rev().find(|one| one.lease == lease) {
            attempt.end(at, fate);
        }
    }

    fn running(&mut self) -> impl Iterator<Item = &mut Attempt> {
        self.attempts.iter_mut().filter(|attempt| attempt.fate == Fate::Running)
    }

    fn end_stitches(&mut self, fate: &Fate) {
        let at = self.at;
        for attempt in self.running().filter(|attempt| attempt.work == STITCH) {
            attempt.end(at, fate.clone());
        }
    }

    /// Ends what runs; the one whose failure is the reason has failed.
    fn end_all(&mut self, failure: Option<&Failure>, fate: &Fate) {
        let at = self.at;
        for attempt in self.running() {
            let fate = match failure {
                Some(failure) if failure.lease == Some(attempt.lease) => Fate::of(failure),
                Some(_) | None => fate.clone(),
            };
            attempt.end(at, fate);
        }
    }
}

#[cfg(test)]
mod tests {
    use cleanplate_core::outcome::Published;
    use cleanplate_types::cell::Segment;
    use cleanplate_types::ids::{CellIndex, JobId};

    use super::*;

    fn told(events: Vec<Event>) -> Vec<(u64, &'static str, &'static str)> {
        let job = JobId::parse("j").unwrap();
        let record = |event| Record { at: Tick(0), job: job.clone(), event };
        let records: Vec<_> = events.into_iter().map(record).collect();
        attempts(&records)
            .iter()
            .map(|attempt| (attempt.lease.0, attempt.work, attempt.fate.as_str()))
            .collect()
    }

    fn leased(lease: u64) -> Event {
        let segment = Segment { first: CellIndex(0), cells: 1, frames: FrameRange::new(0, 9) };
        Event::Leased {
            lease: LeaseId(lease),
            worker: WorkerId::parse("w").unwrap(),
            piece: Piece::Segment(segment),
            attempt: 1,
        }
    }

    #[test]
    fn a_stitch_of_a_coordinator_that_died_is_not_still_running() {
        let published = Published { bytes: 1, notes: Vec::new() };
        let events = vec![
            Event::StitchStarted { lease: LeaseId(1) },
            Event::StitchStarted { lease: LeaseId(2) },
            Event::Ended(JobOutcome::Done(published)),
        ];
        assert_eq!(told(events), [(1, "stitch", "revoked"), (2, "stitch", "done")]);
    }

    #[test]
    fn the_lease_that_failed_the_job_has_failed_and_the_others_are_revoked() {
        let mut failure = Failure::new(FailureKind::BadInput, Stage::Decode, "broken");
        failure.lease = Some(LeaseId(1));
        let ended = Event::Ended(JobOutcome::Failed(Box::new(failure)));
        let events = vec![leased(1), leased(2), ended];
        assert_eq!(told(events), [(1, "segment", "failed"), (2, "segment", "revoked")]);
    }

    #[test]
    fn a_lapse_is_told_apart_from_a_failure() {
        let failure = Failure::new(FailureKind::LeaseLapsed, Stage::Fill, "silent");
        let end = LeaseEnd::Failed(Box::new(failure));
        let events = vec![leased(1), Event::LeaseEnded { lease: LeaseId(1), end }];
        assert_eq!(told(events), [(1, "segment", "lapsed")]);
    }
}
