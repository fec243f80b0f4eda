//! How far a job is, for people: what they saw once is not taken back without a word.

use cleanplate_types::ids::{CellIndex, JobId, LeaseId};

use crate::ledger::Lease;
use crate::ledger::job::{Job, place};
use crate::record::{Event, LeaseEnd, Piece, Record};
use crate::scheduler::Scheduler;
use crate::scheduler::tending::Loss;

impl Scheduler {
    /// Counts what is in flight under these leases anew, after a report or a commit.
    pub(super) fn recount(&mut self, id: &JobId, leases: &[LeaseId]) {
        for lease in leases {
            let Some(job) = self.ledger.jobs.get(id) else { return };
            let in_flight = self.frames_in_flight(job, *lease);
            let (watch, tending) = (self.watches.get_mut(lease), self.tended.get_mut(id));
            let (Some(watch), Some(tending)) = (watch, tending) else { continue };
            let before = std::mem::replace(&mut watch.in_flight, in_flight);
            tending.in_flight = tending.in_flight.saturating_sub(before) + in_flight;
        }
        let encoding = self.ledger.jobs.get(id).and_then(Job::encoding);
        let committed = encoding.map_or(0, |encoding| encoding.frames_committed);
        if let Some(tending) = self.tended.get_mut(id) {
            tending.frames_best = tending.frames_best.max(committed + tending.in_flight);
        }
    }

    /// Remembers how work was lost, where a record says so.
    pub(super) fn note_loss(&mut self, record: &Record) {
        let loss = match &record.event {
            Event::LeaseEnded { end: LeaseEnd::GaveBack, .. } => Loss::GivenBack,
            Event::LeaseEnded { end: LeaseEnd::Failed(_), .. }
            | Event::PartDiscarded { .. }
            | Event::SeamBroken { .. }
            | Event::Retabled { .. }
            | Event::EncoderLost { .. } => Loss::Failed,
            Event::LeaseEnded { end: LeaseEnd::Done | LeaseEnd::Outrun, .. }
            | Event::Submitted { .. }
            | Event::Leased { .. }
            | Event::IntakeDone { .. }
            | Event::Surveyed(_)
            | Event::WindowDone { .. }
            | Event::Reduced { .. }
            | Event::PlanSettled(_)
            | Event::CopySettled(_)
            | Event::EncoderChosen(_)
            | Event::Briefed { .. }
            | Event::CellCommitted { .. }
            | Event::StitchStarted { .. }
            | Event::StitchFailed { .. }
            | Event::Ended(_)
            | Event::Retried
            | Event::Forgotten
            | Event::AuditsDrawn { .. }
            | Event::AuditDone { .. }
            | Event::Drafted { .. }
            | Event::Approved { .. }
            | Event::Prioritised { .. } => return,
        };
        if let Some(tending) = self.tended.get_mut(&record.job) {
            tending.lost = Some(loss);
        }
    }

    /// Frames reported under a segment lease of cells that are not committed.
    pub(super) fn frames_in_flight(&self, job: &Job, id: LeaseId) -> u64 {
        let Some(Lease { job: name, piece, .. }) = self.ledger.leases.get(&id) else { return 0 };
        let (Piece::Segment(segment), Some(encoding)) = (piece, job.encoding()) else { return 0 };
        // Who copies what another makes adds nothing to it.
        let copied =
            |cell: &CellIndex| encoding.doubled.contains(cell) && encoding.part(*cell).is_none();
        if let Some(cell) = segment.indices().find(copied)
            && self.ledger.leases_of(name, cell).next() != Some(id)
        {
            return 0;
        }
        // Cells are made in their order; those that a copy has handed in are not in flight.
        let mut made = self.frames_reported(id);
        let in_flight = segment.indices().map(|cell| {
            let frames = job.cells().get(place(cell)).map_or(0, |cell| cell.frames.count());
            let of_this = made.min(frames);
            made -= of_this;
            if encoding.part(cell).is_some() { 0 } else { of_this }
        });
        in_flight.sum()
    }
}
