//! What happens when nothing happens: silent workers, stuck leases, waits that end.

use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::ids::{JobId, LeaseId, WorkerId};
use cleanplate_types::time::Tick;

use crate::effect::Effect;
use crate::scheduler::Scheduler;

/// What to look at when its time comes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// Whether a worker is silent.
    Worker(WorkerId),
    /// Whether a lease is stuck.
    Lease(LeaseId),
    /// Whether a worker is to be tried again.
    SetAside(WorkerId),
    /// Whether a job has waited long enough.
    Job(JobId),
    /// Whether an ended job was kept long enough.
    Retention(JobId),
    /// Whether the last attempt at a piece of work goes to the worker that failed at it before.
    SecondWorker(JobId),
    /// Whether a worker has let go of a revoked lease.
    Revoked(WorkerId, LeaseId),
    /// Whether a worker that has so long yet is going to do what it holds.
    Leaves(WorkerId),
    /// Whether the crashes of a worker that is gone are still of interest.
    Life(WorkerId),
    /// Whether an idle worker should have a copy of what another is slow at.
    Tail,
}

/// A step that is late by more than this part of a worker's silence is not merely a little behind.
const LATE_TELLS: u64 = 10;

/// Jobs that one step forgets, at most; what else is due waits for the next step, which is due at once. All that a job
/// left in the journal is deleted with it: where the time of thousands is over at one moment, that takes minutes.
pub(super) const FORGOTTEN_MAX: usize = 32;

impl Scheduler {
    /// Sets the clock. Where this step comes later than it was due, the coordinator itself was held up (a
    /// suspended machine, a slow disk): what the workers sent is still unread, so that much of their silence is not
    /// theirs.
    pub(super) fn begin(&mut self, now: Tick) {
        self.now = self.now.max(now);
        let late_ms = self.timers.first().map_or(0, |(due, _)| self.now.since(*due));
        if late_ms > self.config.worker_silent_ms / LATE_TELLS {
            let now = self.now;
            self.fleet.spare(late_ms, now);
            for watch in self.watches.values_mut() {
                watch.alive = watch.alive.after(late_ms).min(now);
            }
        }
    }

    /// Fires every timer that is due.
    pub(super) fn fire_timers(&mut self, effects: &mut Vec<Effect>) {
        let mut kept_no_longer = 0;
        while let Some((at, _)) = self.timers.first()
            && *at <= self.now
            && let Some((_, timer)) = self.timers.pop_first()
        {
            match timer {
                Timer::Worker(worker) => self.worker_due(&worker, effects),
                Timer::Lease(lease) => self.lease_due(lease, effects),
                Timer::SetAside(worker) => self.set_aside_due(&worker, effects),
                Timer::Job(job) => self.advance(&job, effects),
                Timer::Retention(job) => {
                    self.retention_due(&job, effects);
                    kept_no_longer += 1;
                    if kept_no_longer == FORGOTTEN_MAX {
                        return;
                    }
                }
                Timer::SecondWorker(job) => {
                    // Somebody may take now what nobody could; another piece may be due later.
                    self.work_freed = true;
                    self.arm_second_worker(&job);
                }
                Timer::Revoked(worker, lease) => self.revoked_due(&worker, lease, effects),
                Timer::Leaves(worker) => self.leaves_due(&worker, effects),
                Timer::Life(worker) => self.life_due(&worker),
                Timer::Tail => self.mind_tails(effects),
            }
        }
    }

    pub(super) fn arm(&mut self, at: Tick, timer: Timer) {
        self.timers.insert((at, timer));
    }

    fn worker_due(&mut self, id: &WorkerId, effects: &mut Vec<Effect>) {
        let Some(worker) = self.fleet.worker(id) else {
            return;
        };
        let deadline = worker.last_seen.after(worker.silence_ms);
        if self.now < deadline {
            self.arm(deadline, Timer::Worker(id.clone()));
            return;
        }
        let silent_ms = self.now.since(worker.last_seen);
        let attached = worker.session.is_some();
        let leases: Vec<LeaseId> = worker.leases.iter().copied().collect();
        if attached && !leases.is_empty() {
            self.worker_failed(id);
        }
        self.work_freed = true;
        let changed =
            if attached { self.edit_worker(id, |worker| worker.silent = true).1 } else { false };
        for lease in leases {
            let message = format!("the worker was not heard for {silent_ms} ms");
            self.lapse(lease, &message, effects);
        }
        let gone = if attached { false } else { self.forget_worker(id) };
        if changed || gone {
            self.proofs_changed(effects);
        }
    }

    fn lease_due(&mut self, id: LeaseId, effects: &mut Vec<Effect>) {
        let Some(watch) = self.watches.get(&id) else {
            return;
        };
        let deadline = watch.alive.after(self.config.lease_stuck_ms);
        if self.now < deadline {
            self.arm(deadline, Timer::Lease(id));
            return;
        }
        let stuck_ms = self.now.since(watch.alive);
        if self.lease_is_complete(id) {
            // Only the last word was lost.
            self.segment_done(id, effects);
            return;
        }
        let holder = self.ledger.leases.get(&id).map(|lease| lease.worker.clone());
        self.lapse(id, &format!("no progress for {stuck_ms} ms"), effects);
        if let Some(holder) = holder {
            self.worker_failed(&holder);
        }
    }

    /// Looks at `id` again when it was kept long enough, where it has ended.
    pub(super) fn arm_retention(&mut self, id: &JobId) {
        if let Some(due) = self.retained_until(id) {
            self.arm(due, Timer::Retention(id.clone()));
        }
    }

    fn retention_due(&mut self, id: &JobId, effects: &mut Vec<Effect>) {
        match self.retained_until(id) {
            Some(due) if due <= self.now => self.forget(id, effects),
            // It was tried again and ended later.
            Some(due) => self.arm(due, Timer::Retention(id.clone())),
            // It is open again, or a person was faster.
            None => {}
        }
    }

    /// Until when `id` is kept; nothing where it is open, unknown, or kept for ever.
    fn retained_until(&self, id: &JobId) -> Option<Tick> {
        let job = self.ledger.jobs.get(id)?;
        let kept_ms = self.config.retention.of(job.outcome.as_ref()?)?;
        Some(job.ended?.after(kept_ms))
    }

    /// A lease was not renewed: its work goes elsewhere.
    pub(super) fn lapse(&mut self, lease: LeaseId, message: &str, effects: &mut Vec<Effect>) {
        let stage = self.stage_of(lease);
        let failure = Failure::new(FailureKind::LeaseLapsed, stage, message);
        self.fail_lease(lease, failure, effects);
    }

    /// The stage under which the failure of a lease is filed where nothing is known of it.
    pub(super) fn stage_of(&self, lease: LeaseId) -> Stage {
        use crate::record::Piece;
        match self.ledger.leases.get(&lease).map(|lease| lease.piece) {
            Some(Piece::Intake) => Stage::Intake,
            Some(Piece::Window(_) | Piece::Reduce) => Stage::Analyse,
            Some(Piece::Audit(_)) => Stage::Decode,
            Some(Piece::Segment(_)) | None => Stage::Encode,
        }
    }
}
