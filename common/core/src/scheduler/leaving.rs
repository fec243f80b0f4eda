//! Workers that will be taken away, and leases that are to be let go of.
//!
//! Owns who is told to hand in what, and how long a revoked lease may go unanswered. Three timers are kept
//! apart: a worker that is silent, a lease that is stuck while its worker talks (both in `timers`), and a
//! revoked lease that its worker does not let go of (here).

use cleanplate_types::frames::FrameRange;
use cleanplate_types::ids::{LeaseId, WorkerId};

use crate::effect::Effect;
use crate::record::{Event, LeaseEnd, Piece};
use crate::scheduler::Scheduler;
use crate::scheduler::meter::rate;
use crate::scheduler::timers::Timer;
use crate::view::SetAsideFor;

/// A lease's own speed counts once it was measured for so long: less says nothing.
const MEASURED_MS: u64 = 1_000;

/// How long before its end a worker's time is looked at once more, in milliseconds: enough to hand in what is done.
const LAST_LOOK_MS: u64 = 3_000;

impl Scheduler {
    pub(super) fn notice(
        &mut self,
        id: &WorkerId,
        (session, remaining_ms): (u64, u64),
        effects: &mut Vec<Effect>,
    ) {
        if !self.is_current(id, session, effects) {
            return;
        }
        self.hear(id, effects);
        let ((), changed) = self.edit_worker(id, |worker| worker.draining = true);
        self.note_leaving(id);
        self.work_freed = true;
        self.leaves_within(id, remaining_ms, effects);
        if changed {
            self.proofs_changed(effects);
        }
    }

    /// A worker has so long, of several spans the one that ends first: it is told what to hand in, and what was
    /// expected to fit is looked at again before the end.
    pub(super) fn leaves_within(
        &mut self,
        id: &WorkerId,
        remaining_ms: u64,
        effects: &mut Vec<Effect>,
    ) {
        let by = self.now.after(remaining_ms);
        self.edit_worker(id, |worker| {
            worker.leaves_by = Some(worker.leaves_by.map_or(by, |before| before.min(by)));
        });
        self.hand_in(id, effects);
        let again_ms = match remaining_ms {
            0..=LAST_LOOK_MS => remaining_ms,
            _ => remaining_ms - LAST_LOOK_MS,
        };
        if again_ms > 0 {
            self.arm(self.now.after(again_ms), Timer::Leaves(id.clone()));
        }
    }

    /// Whether what a worker still holds is going to be done in time after all.
    pub(super) fn leaves_due(&mut self, id: &WorkerId, effects: &mut Vec<Effect>) {
        let Some(by) = self.fleet.worker(id).and_then(|worker| worker.leaves_by) else { return };
        if self.now < by {
            self.arm(by, Timer::Leaves(id.clone()));
        }
        self.hand_in(id, effects);
    }

    /// Tells a worker that will be taken away which of its leases it is not expected to finish.
    pub(super) fn hand_in(&self, id: &WorkerId, effects: &mut Vec<Effect>) {
        let Some(worker) = self.fleet.worker(id) else { return };
        let (Some(session), Some(by)) = (worker.session, worker.leaves_by) else { return };
        let remaining_ms = by.since(self.now);
        let fits = |lease: &LeaseId| self.expected_ms(*lease).is_some_and(|ms| ms <= remaining_ms);
        for lease in worker.leases.iter().copied().filter(|lease| !fits(lease)) {
            effects.push(Effect::HandIn { worker: id.clone(), session, lease, remaining_ms });
        }
    }

    /// How long a lease will still take at the speed measured under it, else at that of its worker; nothing
    /// where its length is not known.
    fn expected_ms(&self, id: LeaseId) -> Option<u64> {
        let lease = self.ledger.leases.get(&id)?;
        let watch = self.watches.get(&id)?;
        let (frames, passes): (FrameRange, u64) = match lease.piece {
            Piece::Segment(segment) => (segment.frames, 1),
            Piece::Window(window) => (window.frames, window.look.passes()),
            Piece::Intake | Piece::Reduce | Piece::Audit(_) => return None,
        };
        let done = watch.frames.unwrap_or(0);
        let left = (frames.count() * passes).saturating_sub(done);
        let elapsed = watch.since.map_or(0, |since| self.now.since(since));
        let measured = rate(done, elapsed).filter(|speed| elapsed >= MEASURED_MS && *speed > 0);
        let job = self.ledger.jobs.get(&lease.job)?;
        let usual = job.at_its_size(self.fleet.worker(&lease.worker)?.slot_speed());
        left.saturating_mul(1_000_000).checked_div(measured.unwrap_or(usual))
    }

    /// A worker goes by its own will.
    pub(super) fn leave(&mut self, id: &WorkerId, session: u64, effects: &mut Vec<Effect>) {
        if !self.is_current(id, session, effects) {
            return;
        }
        let held = self.fleet.worker(id).map(|worker| worker.leases.clone()).unwrap_or_default();
        let ((), changed) = self.edit_worker(id, |worker| {
            worker.session = None;
            worker.draining = true;
        });
        for lease in held {
            self.give_back(lease, effects);
        }
        self.note_leaving(id);
        self.work_freed = true;
        if self.forget_worker(id) || changed {
            self.proofs_changed(effects);
        }
    }

    /// A worker does no more under a lease. It will not get another one: who gives work back goes.
    pub(super) fn gave_back(&mut self, id: &WorkerId, lease: LeaseId, effects: &mut Vec<Effect>) {
        let ((), changed) = self.edit_worker(id, |worker| worker.draining = true);
        self.give_back(lease, effects);
        if changed {
            self.proofs_changed(effects);
        }
    }

    /// Frees what is not done of a lease, and blames nobody.
    fn give_back(&mut self, id: LeaseId, effects: &mut Vec<Effect>) {
        if self.lease_is_complete(id) {
            self.segment_done(id, effects);
            return;
        }
        let Some(lease) = self.ledger.leases.get(&id).cloned() else { return };
        self.record(&lease.job, Event::LeaseEnded { lease: id, end: LeaseEnd::GaveBack }, effects);
        self.release(&lease.worker, id);
        self.advance(&lease.job, effects);
    }

    /// Tells a worker to stop working on a lease, and waits for its answer where it gives any.
    pub(super) fn revoke(&mut self, id: &WorkerId, lease: LeaseId, effects: &mut Vec<Effect>) {
        let Some(worker) = self.fleet.worker(id) else { return };
        let Some(session) = worker.session else { return };
        effects.push(Effect::Revoke { worker: id.clone(), session, lease });
        if !worker.acknowledges || worker.letting_go.contains_key(&lease) {
            return;
        }
        let now = self.now;
        self.edit_worker(id, |worker| worker.letting_go.insert(lease, now));
        let due = now.after(self.config.cancel_unheard_ms);
        self.arm(due, Timer::Revoked(id.clone(), lease));
    }

    /// A worker does nothing any more under a lease that was revoked.
    pub(super) fn let_go(&mut self, id: &WorkerId, lease: LeaseId) {
        let holds = |known: &crate::scheduler::fleet::Worker| known.letting_go.contains_key(&lease);
        if !self.fleet.worker(id).is_some_and(holds) {
            return;
        }
        self.edit_worker(id, |worker| {
            worker.letting_go.remove(&lease);
            let for_it = |why: &SetAsideFor| *why == SetAsideFor::NotLettingGo { lease };
            if worker.set_aside.as_ref().is_some_and(|aside| for_it(&aside.why)) {
                worker.set_aside = None;
            }
        });
        self.worker_freed = true;
    }

    /// A revoked lease was not let go of: the worker is told again, and set aside later.
    pub(super) fn revoked_due(&mut self, id: &WorkerId, lease: LeaseId, effects: &mut Vec<Effect>) {
        let Some(worker) = self.fleet.worker(id) else { return };
        let Some(since) = worker.letting_go.get(&lease).copied() else { return };
        let aside_at = since.after(self.config.cancel_unheard_ms + self.config.cancel_aside_ms);
        if self.now < since.after(self.config.cancel_unheard_ms) {
            // It was let go of and revoked again.
            self.arm(since.after(self.config.cancel_unheard_ms), Timer::Revoked(id.clone(), lease));
        } else if self.now < aside_at {
            self.revoke(id, lease, effects);
            self.arm(aside_at, Timer::Revoked(id.clone(), lease));
        } else {
            self.set_aside(id, SetAsideFor::NotLettingGo { lease });
        }
    }

    /// Tells a worker once more that has still not let go, and sets it aside again.
    pub(super) fn mind_letting_go(&mut self, id: &WorkerId, effects: &mut Vec<Effect>) {
        let spans = self.config.cancel_unheard_ms + self.config.cancel_aside_ms;
        let Some(worker) = self.fleet.worker(id) else { return };
        let due = worker.letting_go.iter().filter(|(_, since)| since.after(spans) <= self.now);
        let overdue: Vec<LeaseId> = due.map(|(lease, _)| *lease).collect();
        for lease in &overdue {
            self.revoke(id, *lease, effects);
        }
        if let Some(lease) = overdue.first() {
            self.set_aside(id, SetAsideFor::NotLettingGo { lease: *lease });
        }
    }
}
