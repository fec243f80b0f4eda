//! The last stage of a segment's trail, which its worker cannot tell: what was accepted of it, and why
//! something was not. Pure: records in, lines out.

use std::collections::BTreeMap;

use cleanplate_core::record::{Event, LeaseEnd, Piece, Record};
use cleanplate_types::failure::{Failure, Stage};
use cleanplate_types::ids::{JobId, LeaseId};
use cleanplate_types::time::Tick;
use cleanplate_types::trail::{TrailEntry, TrailEvent};

use crate::journal::TrailLine;

/// See the top of the file.
#[derive(Debug, Default)]
pub(crate) struct Commits {
    /// The segment leases that run.
    leases: BTreeMap<LeaseId, Accepted>,
}

/// What was accepted under a lease so far.
#[derive(Debug)]
struct Accepted {
    job: JobId,
    since: Tick,
    cells: u64,
    frames: u64,
}

impl Commits {
    /// Takes the next record; returns the lines that it adds to trails.
    pub(crate) fn take(&mut self, record: &Record) -> Vec<TrailLine> {
        match &record.event {
            Event::Leased { lease, piece: Piece::Segment(_), .. } => {
                let (job, since) = (record.job.clone(), record.at);
                self.leases.insert(*lease, Accepted { job, since, cells: 0, frames: 0 });
                Vec::new()
            }
            Event::CellCommitted { lease, summary } => {
                if let Some(accepted) = self.leases.get_mut(lease) {
                    accepted.cells += 1;
                    accepted.frames += summary.frames;
                }
                Vec::new()
            }
            Event::LeaseEnded { lease, end } => {
                let refusal = match end {
                    LeaseEnd::Done | LeaseEnd::GaveBack | LeaseEnd::Outrun => None,
                    LeaseEnd::Failed(failure) => Some(failure.as_ref()),
                };
                self.end(*lease, record.at, refusal)
            }
            Event::Retabled { .. } | Event::EncoderLost { .. } | Event::Ended(_) => {
                let of_job = self.leases.iter().filter(|(_, accepted)| accepted.job == record.job);
                let held: Vec<LeaseId> = of_job.map(|(lease, _)| *lease).collect();
                held.into_iter().flat_map(|lease| self.end(lease, record.at, None)).collect()
            }
            Event::Forgotten => {
                self.leases.retain(|_, accepted| accepted.job != record.job);
                Vec::new()
            }
            Event::Leased {
                piece: Piece::Intake | Piece::Window(_) | Piece::Reduce | Piece::Audit(_),
                ..
            }
            | Event::Submitted { .. }
            | Event::Prioritised { .. }
            | Event::IntakeDone { .. }
            | Event::Surveyed(_)
            | Event::WindowDone { .. }
            | Event::Reduced { .. }
            | Event::PlanSettled(_)
            | Event::CopySettled(_)
            | Event::EncoderChosen(_)
            | Event::Briefed { .. }
            | Event::PartDiscarded { .. }
            | Event::StitchStarted { .. }
            | Event::StitchFailed { .. }
            | Event::Retried
            | Event::SeamBroken { .. }
            | Event::AuditsDrawn { .. }
            | Event::AuditDone { .. }
            | Event::Drafted { .. }
            | Event::Approved { .. } => Vec::new(),
        }
    }

    fn end(&mut self, lease: LeaseId, at: Tick, failure: Option<&Failure>) -> Vec<TrailLine> {
        let Some(Accepted { job, since, cells, frames }) = self.leases.remove(&lease) else {
            return Vec::new();
        };
        let line = |event, detail, count| TrailLine {
            job: job.clone(),
            lease,
            entry: TrailEntry {
                at_ms: at.since(since),
                stage: Stage::Commit,
                event,
                detail,
                count,
            },
        };
        let accepted = (cells > 0).then(|| {
            let detail = format!("{cells} cells, {frames} frames accepted");
            line(TrailEvent::Finished, detail, Some(cells))
        });
        let refused = failure
            .filter(|failure| failure.stage == Stage::Commit)
            .map(|failure| line(TrailEvent::Failed, failure.message.clone(), None));
        accepted.into_iter().chain(refused).collect()
    }
}

#[cfg(test)]
mod tests {
    use cleanplate_core::outcome::JobOutcome;
    use cleanplate_types::cell::Segment;
    use cleanplate_types::digest::{PtsDigest, Sha};
    use cleanplate_types::failure::FailureKind;
    use cleanplate_types::frames::FrameRange;
    use cleanplate_types::ids::{CellIndex, WorkerId};
    use cleanplate_types::object::ObjectRef;
    use cleanplate_types::part::{PartSummary, Restored};
    use cleanplate_types::time::Timebase;

    use super::*;

    fn leased(lease: u64) -> Event {
        let segment = Segment { first: CellIndex(0), cells: 2, frames: FrameRange::new(0, 80) };
        Event::Leased {
            lease: LeaseId(lease),
            worker: WorkerId::parse("w").unwrap(),
            piece: Piece::Segment(segment),
            attempt: 1,
        }
    }

    fn committed(lease: u64) -> Event {
        let sha = Sha::of(b"");
        let summary = PartSummary {
            cell: CellIndex(0),
            frames: 40,
            digest: PtsDigest(sha),
            reorder_frames: 0,
            starts_with_key: true,
            spec: sha,
            extradata: sha,
            manifest: ObjectRef { key: "k".to_owned(), bytes: 1, sha },
            part_bytes: 1,
            timebase: Timebase::new(1, 25).unwrap(),
            coded: None,
            before: None,
            last: None,
            restored: Restored::default(),
        };
        Event::CellCommitted { lease: LeaseId(lease), summary: Box::new(summary) }
    }

    /// The lines that `events`, a second after each other, add.
    fn told(events: Vec<Event>) -> Vec<(u64, u64, &'static str, String)> {
        let mut commits = Commits::default();
        let mut lines = Vec::new();
        for (at, event) in (0..).step_by(1000).zip(events) {
            let job = JobId::parse("j").unwrap();
            lines.extend(commits.take(&Record { at: Tick(at), job, event }));
        }
        let shown = |line: TrailLine| {
            let TrailEntry { at_ms, event, detail, .. } = line.entry;
            (line.lease.0, at_ms, event.as_str(), detail)
        };
        lines.into_iter().map(shown).collect()
    }

    #[test]
    fn what_was_accepted_is_told_when_the_lease_ends() {
        let end = Event::LeaseEnded { lease: LeaseId(1), end: LeaseEnd::Done };
        let lines = told(vec![leased(1), committed(1), committed(1), end]);
        assert_eq!(lines, [(1, 3000, "finished", "2 cells, 80 frames accepted".to_owned())]);
    }

    #[test]
    fn a_part_that_is_refused_is_told_after_what_was_accepted() {
        let failure = Failure::new(FailureKind::PartRefused, Stage::Commit, "too few frames");
        let failed = LeaseEnd::Failed(Box::new(failure));
        let end = Event::LeaseEnded { lease: LeaseId(1), end: failed };
        let lines = told(vec![leased(1), committed(1), end]);
        let events: Vec<_> = lines.iter().map(|line| (line.2, line.3.as_str())).collect();
        let expected = [("finished", "1 cells, 40 frames accepted"), ("failed", "too few frames")];
        assert_eq!(events, expected);
    }

    #[test]
    fn what_was_accepted_before_the_job_ended_is_told_once_and_nothing_is_told_of_nothing() {
        let failure = Failure::new(FailureKind::EngineCrashed, Stage::Decode, "gone");
        let failed = LeaseEnd::Failed(Box::new(failure));
        let end = Event::LeaseEnded { lease: LeaseId(2), end: failed };
        let ended = || Event::Ended(JobOutcome::Cancelled);
        let lines = told(vec![leased(1), leased(2), committed(1), end, ended(), ended()]);
        assert_eq!(lines, [(1, 4000, "finished", "1 cells, 40 frames accepted".to_owned())]);
    }
}
