//! The stitch and the copy: started, fed in order, started again, and their end.

use cleanplate_types::failure::{Failure, Verdict};
use cleanplate_types::ids::{CellIndex, JobId, LeaseId};
use cleanplate_types::request::OnDamage;

use crate::effect::{Effect, StitchOrder};
use crate::ledger::job::{Encoding, Job, Phase};
use crate::outcome::{JobOutcome, Published};
use crate::record::Event;
use crate::scheduler::tending::Stitching;
use crate::scheduler::{Scheduler, not_now};

impl Scheduler {
    /// Starts the stitch with the first segment that is leased (so that a container which cannot
    /// hold the streams is refused before much is computed) and feeds it what is next.
    pub(super) fn tend_stitch(&mut self, id: &JobId, effects: &mut Vec<Effect>) {
        let Some(mut stitch) = self.running_stitch(id, effects) else {
            return;
        };
        if let Some(encoding) = self.open_job(id).and_then(Job::encoding) {
            feed(id, encoding, &mut stitch, effects);
        }
        if let Some(tending) = self.tended.get_mut(id) {
            tending.stitch = Some(stitch);
        }
    }

    /// The stitch that runs; one is started where it is time.
    fn running_stitch(&mut self, id: &JobId, effects: &mut Vec<Effect>) -> Option<Stitching> {
        let running = self.tended.get(id)?.stitch;
        if running.is_some() || self.is_resting(id) {
            return running;
        }
        let order = self.open_job(id).and_then(stitch_order)?;
        let lease = self.start_stitch(id, effects);
        effects.push(Effect::StartStitch { job: id.clone(), lease, order: Box::new(order) });
        Some(Stitching { lease, cells: 0 })
    }

    /// Starts the copy.
    pub(super) fn tend_copy(&mut self, id: &JobId, effects: &mut Vec<Effect>) {
        let running = self.tended.get(id).is_none_or(|tending| tending.stitch.is_some());
        let Some((job, Phase::Copy { why })) = self.open_job(id).map(|job| (job, &job.phase))
        else {
            return;
        };
        let Some(source) = job.intake.as_ref().map(|intake| intake.source.clone()) else {
            return;
        };
        let (output, why) = (job.request.output.clone(), why.clone());
        let conceal = job.request.on_damage == OnDamage::Conceal;
        if running {
            return;
        }
        let lease = self.start_stitch(id, effects);
        let job = id.clone();
        effects.push(Effect::CopyThrough { job, lease, source, output, why, conceal });
        if let Some(tending) = self.tended.get_mut(id) {
            tending.stitch = Some(Stitching { lease, cells: 0 });
        }
    }

    fn start_stitch(&mut self, id: &JobId, effects: &mut Vec<Effect>) -> LeaseId {
        let lease = self.ledger.next_lease();
        self.record(id, Event::StitchStarted { lease }, effects);
        lease
    }

    pub(super) fn abort_stitch(&mut self, id: &JobId, effects: &mut Vec<Effect>) {
        let stitch = self.tended.get_mut(id).and_then(|tending| tending.stitch.take());
        if let Some(Stitching { lease, .. }) = stitch {
            effects.push(Effect::AbortStitch { job: id.clone(), lease });
        }
    }

    pub(super) fn published(
        &mut self,
        id: &JobId,
        lease: LeaseId,
        published: Published,
        effects: &mut Vec<Effect>,
    ) {
        let current = self.is_stitching(id, lease);
        let outcome = self.open_job(id).filter(|_| current).and_then(|job| match &job.phase {
            Phase::Encode(encoding) => {
                encoding.is_complete().then_some(JobOutcome::Done(published))
            }
            Phase::Copy { why } => Some(JobOutcome::Copied { why: why.clone(), published }),
            Phase::Intake
            | Phase::Survey
            | Phase::Draft { .. }
            | Phase::Analyse(_)
            | Phase::Reduce { .. }
            | Phase::Finding { .. }
            | Phase::Review
            | Phase::Previewed
            | Phase::Encoder
            | Phase::Brief { .. } => None,
        });
        match outcome {
            Some(outcome) => self.end(id, outcome, effects),
            None => not_now(id, "a publication", effects),
        }
    }

    pub(super) fn stitch_failed(
        &mut self,
        id: &JobId,
        lease: LeaseId,
        (cell, failure): (Option<CellIndex>, Failure),
        effects: &mut Vec<Effect>,
    ) {
        if !self.is_stitching(id, lease) {
            not_now(id, "a failure of an older stitch", effects);
            return;
        }
        if let Some(tending) = self.tended.get_mut(id) {
            tending.stitch = None;
        }
        let failure = Box::new(failure);
        let encoding = self.open_job(id).and_then(Job::encoding);
        let cell = cell.filter(|cell| encoding.is_some_and(|it| it.part(*cell).is_some()));
        let event = match (cell, failure.kind.verdict()) {
            (Some(cell), Verdict::Retry | Verdict::RetryElsewhere) => {
                self.note_discard(id, cell);
                Event::PartDiscarded { cell, failure }
            }
            (None, _) | (Some(_), Verdict::Retable | Verdict::FailJob) => {
                self.rest(id);
                Event::StitchFailed { failure }
            }
        };
        self.record(id, event, effects);
        self.work_freed = true;
        self.arm_second_worker(id);
        self.advance(id, effects);
    }

    /// The accepted part of `cell` is unusable: whoever made it did not do what it said.
    pub(super) fn note_discard(&mut self, id: &JobId, cell: CellIndex) {
        let encoding = self.open_job(id).and_then(Job::encoding);
        let maker = encoding.and_then(|it| it.part(cell)).map(|part| part.worker.clone());
        if let Some(maker) = maker {
            self.worker_failed(&maker);
        }
    }

    fn is_stitching(&self, id: &JobId, lease: LeaseId) -> bool {
        let stitch = self.tended.get(id).and_then(|tending| tending.stitch);
        stitch.is_some_and(|stitch| stitch.lease == lease)
    }
}

/// What the job's stitch joins, once a segment is leased.
fn stitch_order(job: &Job) -> Option<StitchOrder> {
    let encoding = job.encoding()?;
    if encoding.cells_committed == 0 && job.leases.is_empty() {
        return None;
    }
    let intake = job.intake.as_ref()?;
    Some(StitchOrder {
        brief: encoding.brief.clone(),
        source: intake.source.clone(),
        output: job.request.output.clone(),
        cells: u32::try_from(encoding.parts.len()).unwrap_or(u32::MAX),
        allow_metadata_loss: job.request.allow_metadata_loss,
        conceal: job.request.on_damage == OnDamage::Conceal,
    })
}

/// Hands on every cell that is next in order and firm.
fn feed(id: &JobId, encoding: &Encoding, stitch: &mut Stitching, effects: &mut Vec<Effect>) {
    let firm = encoding.cells_firm();
    while stitch.cells < firm
        && let Some(part) = encoding.part(CellIndex(stitch.cells))
    {
        effects.push(Effect::StitchPart {
            job: id.clone(),
            lease: stitch.lease,
            cell: CellIndex(stitch.cells),
            summary: Box::new(part.summary.clone()),
        });
        stitch.cells += 1;
    }
}
