//! How far a job is, for people: what they saw once is not taken back without a word.

use cleanplate_types::ids::{CellIndex, JobId, LeaseId};

use crate::ledger::Lease;
use crate::ledger::job::{Encoding, Job};
use crate::record::Piece;
use crate::scheduler::Scheduler;

impl Scheduler {
    /// Counts what is in flight under a lease anew, after a report or a commit under it.
    pub(super) fn recount(&mut self, id: &JobId, lease: LeaseId) {
        let Some(job) = self.ledger.jobs.get(id) else { return };
        let in_flight = self.frames_in_flight(job, lease);
        let committed = job.encoding().map_or(0, |encoding: &Encoding| encoding.frames_committed);
        let (watch, tending) = (self.watches.get_mut(&lease), self.tended.get_mut(id));
        let (Some(watch), Some(tending)) = (watch, tending) else { return };
        let before = std::mem::replace(&mut watch.in_flight, in_flight);
        tending.in_flight = tending.in_flight.saturating_sub(before) + in_flight;
        tending.frames_best = tending.frames_best.max(committed + tending.in_flight);
    }

    /// Frames reported under a segment lease beyond those of its committed cells.
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
        let parts = segment.indices().filter_map(|cell| encoding.part(cell));
        let committed: u64 = parts.map(|part| part.summary.frames).sum();
        self.frames_reported(id).min(segment.frames.count()).saturating_sub(committed)
    }
}
