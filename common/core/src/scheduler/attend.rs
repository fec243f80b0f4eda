//! Workers come, speak, go, and are set aside.

use std::collections::BTreeSet;

use cleanplate_types::ids::{LeaseId, WorkerId};

use crate::effect::{Effect, Ignored};
use crate::input::Attachment;
use crate::scheduler::Scheduler;
use crate::scheduler::fleet::Worker;
use crate::scheduler::timers::Timer;

impl Scheduler {
    pub(super) fn attach(&mut self, attachment: Attachment, effects: &mut Vec<Effect>) {
        let Attachment {
            worker: id,
            session,
            instance,
            card,
            slots,
            mut encoders,
            mut models,
            holding,
        } = attachment;
        let (now, silence) = (self.now, self.config.worker_silent_ms);
        // Two of a name would push each other out for ever, and what each holds would lapse each time.
        let other = self.fleet.worker(&id).and_then(|known| known.lives_beside(instance, now));
        if let Some(heard_ms) = other {
            let void = Ignored::NameInUse { worker: id, heard_ms, free_after_ms: silence };
            effects.push(Effect::Ignored(void));
            return;
        }
        // Each once, so that counting proofs counts workers.
        encoders.sort_unstable();
        encoders.dedup();
        models.installed.sort_unstable();
        models.installed.dedup();
        let (draining, changed) = self.edit_worker(&id, |worker| {
            worker.session = Some(session);
            worker.instance = instance;
            worker.card = card;
            worker.slots = slots;
            worker.encoders = encoders;
            worker.models = models;
            worker.silent = false;
            worker.silence_ms = silence;
            worker.set_aside_until = None;
            worker.failures_in_a_row = 0;
            worker.last_seen = now;
            worker.draining
        });
        self.arm(now.after(silence), Timer::Worker(id.clone()));
        let holding: BTreeSet<LeaseId> = holding.into_iter().collect();
        let current =
            self.fleet.worker(&id).map(|worker| worker.leases.clone()).unwrap_or_default();
        for lease in current.difference(&holding) {
            self.lapse(*lease, "the worker came back without it", effects);
        }
        for lease in holding.difference(&current) {
            self.revoke(&id, *lease, effects);
        }
        if draining {
            effects.push(Effect::DrainWorker { worker: id, session });
        }
        self.worker_freed = true;
        self.work_freed = true;
        if changed {
            self.proofs_changed(effects);
        }
    }

    pub(super) fn detach(&mut self, id: &WorkerId, session: u64, effects: &mut Vec<Effect>) {
        if !self.is_current(id, session, effects) {
            return;
        }
        let (idle, changed) = self.edit_worker(id, |worker| {
            worker.session = None;
            worker.leases.is_empty()
        });
        self.work_freed = true;
        // Without leases there is nothing to come back to.
        let gone = idle && self.fleet.remove(id);
        if changed || gone {
            self.proofs_changed(effects);
        }
    }

    pub(super) fn heartbeat(&mut self, id: &WorkerId, session: u64, effects: &mut Vec<Effect>) {
        if !self.is_current(id, session, effects) {
            return;
        }
        self.hear(id, effects);
        let gone = |worker: &Worker| worker.draining && worker.leases.is_empty();
        if self.fleet.worker(id).is_some_and(gone) {
            // It should have gone: it was not told, or did not hear.
            effects.push(Effect::DrainWorker { worker: id.clone(), session });
        }
    }

    pub(super) fn drain(&mut self, id: &WorkerId, effects: &mut Vec<Effect>) {
        if self.fleet.worker(id).is_none() {
            effects.push(Effect::Ignored(Ignored::UnknownWorker { worker: id.clone() }));
            return;
        }
        let (session, changed) = self.edit_worker(id, |worker| {
            worker.draining = true;
            worker.session
        });
        self.work_freed = true;
        if let Some(session) = session {
            effects.push(Effect::DrainWorker { worker: id.clone(), session });
        }
        if changed {
            self.proofs_changed(effects);
        }
    }

    /// A worker gave a sign of life.
    pub(super) fn hear(&mut self, id: &WorkerId, effects: &mut Vec<Effect>) {
        let now = self.now;
        let Some(worker) = self.fleet.touch(id) else {
            return;
        };
        worker.last_seen = now;
        if worker.silent {
            let deadline = now.after(worker.silence_ms);
            let ((), changed) = self.edit_worker(id, |worker| worker.silent = false);
            self.arm(deadline, Timer::Worker(id.clone()));
            self.worker_freed = true;
            if changed {
                self.proofs_changed(effects);
            }
        }
    }

    /// A failure of `worker`'s own: too many in a row set it aside.
    pub(super) fn worker_failed(&mut self, id: &WorkerId) {
        let until = self.now.after(self.config.set_aside_ms);
        // More than a piece of work may fail: or the last worker would be set aside for the sake of
        // a piece that kills every worker, and the job would wait and not fail.
        let failures_max = self.config.worker_failures_max.max(self.config.attempts_max + 1);
        if self.fleet.worker(id).is_none() {
            return;
        }
        let (aside, _) = self.edit_worker(id, |worker| {
            worker.failures_in_a_row += 1;
            let aside = worker.failures_in_a_row >= failures_max;
            if aside {
                worker.set_aside_until = Some(until);
            }
            aside
        });
        if aside {
            self.work_freed = true;
            self.arm(until, Timer::SetAside(id.clone()));
        }
    }

    /// Something that `worker` did came to a good end.
    pub(super) fn worker_succeeded(&mut self, id: &WorkerId) {
        if let Some(worker) = self.fleet.touch(id) {
            worker.failures_in_a_row = 0;
        }
    }

    /// Changes a worker; says too whether an encoder came or went with it.
    pub(super) fn edit_worker<R>(
        &mut self,
        id: &WorkerId,
        change: impl FnOnce(&mut Worker) -> R,
    ) -> (R, bool) {
        let (now, silence) = (self.now, self.config.worker_silent_ms);
        self.fleet.edit(id, || Worker::absent(now, silence), change)
    }

    /// Encoders or models came or went: jobs that wait for some, or lost theirs, look again.
    pub(super) fn proofs_changed(&mut self, effects: &mut Vec<Effect>) {
        for job in self.proof_bound.iter().cloned().collect::<Vec<_>>() {
            self.advance(&job, effects);
        }
    }

    fn is_current(&self, id: &WorkerId, session: u64, effects: &mut Vec<Effect>) -> bool {
        let worker = id.clone();
        match self.fleet.worker(id) {
            None => effects.push(Effect::Ignored(Ignored::UnknownWorker { worker })),
            Some(known) if known.session == Some(session) => return true,
            Some(_) => effects.push(Effect::Ignored(Ignored::StaleSession { worker, session })),
        }
        false
    }
}
