//! What two workers say of one frame: borders between segments, and audits.

use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::frames::FrameRange;
use cleanplate_types::ids::{CellIndex, JobId};

use crate::effect::Effect;
use crate::ledger::border::{BREAKS_MAX, Break};
use crate::ledger::job::{Encoding, Job, place};
use crate::planning::audit::{drawn, worth};
use crate::record::Event;
use crate::scheduler::Scheduler;

impl Scheduler {
    /// Looks whether the last commit made a border comparable that does not hold, or a part ready to
    /// be audited.
    pub(super) fn judge(&mut self, id: &JobId, effects: &mut Vec<Effect>) {
        let encoding = self.open_job(id).and_then(Job::encoding);
        let ready = encoding.is_some_and(|encoding| encoding.audits_free().next().is_some());
        let Some(broken) = encoding.and_then(Encoding::broken) else {
            if ready {
                self.work_freed = true;
                self.refresh(id);
            }
            return;
        };
        let Some(failure) = self.open_job(id).map(|job| seam_failure(job, &broken)) else {
            return;
        };
        let cell = broken.cell;
        let parts = |this: &Self| {
            let encoding = this.open_job(id).and_then(Job::encoding);
            encoding.map_or(0, |encoding| encoding.cells_committed)
        };
        let before = parts(self);
        self.record(id, Event::SeamBroken { cell, failure: Box::new(failure) }, effects);
        let neighbours = if before - parts(self) > 1 { cell.0.saturating_sub(1) } else { cell.0 };
        self.abort_stitch_beyond(id, neighbours, effects);
        self.work_freed = true;
        self.advance(id, effects);
    }

    /// Ends a stitch that was handed the part of `cell`, which is void.
    fn abort_stitch_beyond(&mut self, id: &JobId, cell: u32, effects: &mut Vec<Effect>) {
        let stitch = self.tended.get(id).and_then(|tending| tending.stitch);
        if stitch.is_some_and(|stitch| stitch.cells > cell) {
            self.abort_stitch(id, effects);
        }
    }

    /// An audit found that the part of `cell` shows other pictures than another decoder: nobody knows
    /// who is right, so the part is made again, and both are passed over where a third is there.
    pub(super) fn dispute(
        &mut self,
        id: &JobId,
        cell: CellIndex,
        failure: Failure,
        effects: &mut Vec<Effect>,
    ) {
        // One that is gone from the store is nobody's fault.
        if failure.kind != FailureKind::ObjectLost {
            self.note_discard(id, cell);
        }
        self.abort_stitch_beyond(id, cell.0, effects);
        self.record(id, Event::PartDiscarded { cell, failure: Box::new(failure) }, effects);
        self.arm_second_worker(id);
        self.work_freed = true;
    }

    /// Draws the cells of a job that are audited.
    pub(super) fn draw_audits(&mut self, id: &JobId, effects: &mut Vec<Effect>) {
        let Some(job) = self.open_job(id) else { return };
        let count = job.request.audit.unwrap_or(self.config.audit_cells);
        let Some(survey) = job.survey.as_ref().filter(|_| count > 0) else { return };
        if survey.cutting.compared_from.is_none() {
            return;
        }
        let cells = u32::try_from(survey.cells.len()).unwrap_or(u32::MAX);
        let chosen = drawn(id, cells, count);
        let frames = chosen.iter().filter_map(|cell| survey.cells.get(place(*cell)));
        let frames = frames.map(|cell| cell.frames.count()).sum();
        let audited = u32::try_from(chosen.len()).unwrap_or(u32::MAX);
        let note = worth(audited, cells, frames);
        self.record(id, Event::AuditsDrawn { cells: chosen, note }, effects);
    }
}

/// What is wrong with a border: frame, cells, workers, and what was tried.
fn seam_failure(job: &Job, broken: &Break) -> Failure {
    let Break { cell, left: (left, maker), right: (right, worker) } = broken;
    let breaks = job.encoding().map_or(0, |encoding| encoding.borders.breaks(*cell)) + 1;
    let next = match breaks {
        BREAKS_MAX.. => "with longer pre-roll and decoded as one too",
        2 => "with longer pre-roll too; both cells are decoded again as one",
        _ => "cell is decoded again with longer pre-roll",
    };
    let next = if breaks == 1 { format!("the later {next}") } else { next.to_owned() };
    let start = job.cells().get(place(*cell)).map_or(0, |cell| cell.frames.start);
    let (frame, before) = (start.saturating_sub(1), cell.0.saturating_sub(1));
    let text = format!(
        "frame {frame} at the border of cells {before} and {cell} is {left} as {maker} decoded it and \
         {right} as {worker} did, {next}"
    );
    let mut failure = Failure::new(FailureKind::SeamMismatch, Stage::Commit, text)
        .at(FrameRange::new(frame, start + 1));
    failure.worker = Some(worker.clone());
    failure.attempt = breaks;
    failure
}
