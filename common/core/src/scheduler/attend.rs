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
            acknowledges,
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
        let same = self.fleet.worker(&id).is_some_and(|known| known.instance == instance);
        let kept = self.kept_of(&id, instance);
        let crash_loop = self.note_life(&id, instance);
        let aside_until = kept.as_ref().and_then(|it| Some(it.set_aside.as_ref()?.until));
        let (draining, changed) = self.edit_worker(&id, |worker| {
            if worker.instance != instance {
                // Another process: it was not told to go, and a person may have mended what was wrong.
                worker.draining = false;
                worker.leaves_by = None;
                worker.set_aside = None;
                worker.failures_in_a_row = 0;
            }
            if let Some(kept) = kept {
                worker.set_aside = kept.set_aside.filter(|aside| now < aside.until);
                (worker.asides, worker.failures_in_a_row) = (kept.asides, kept.failures_in_a_row);
                (worker.draining, worker.leaves_by) = (kept.draining, kept.leaves_by);
            }
            if crash_loop.is_some() {
                worker.set_aside = crash_loop;
            }
            worker.session = Some(session);
            worker.instance = instance;
            worker.card = card;
            worker.slots = slots;
            worker.encoders = encoders;
            worker.models = models;
            worker.silent = false;
            worker.silence_ms = silence;
            worker.acknowledges = acknowledges;
            worker.letting_go.clear();
            worker.last_seen = now;
            worker.draining
        });
        self.arm(now.after(silence), Timer::Worker(id.clone()));
        if let Some(until) = aside_until.filter(|until| now < *until) {
            self.arm(until, Timer::SetAside(id.clone()));
        }
        self.compare_leases(&id, holding, same, effects);
        self.hand_in(&id, effects);
        if draining {
            effects.push(Effect::DrainWorker { worker: id, session });
        }
        self.worker_freed = true;
        self.work_freed = true;
        if changed {
            self.proofs_changed(effects);
        }
    }

    /// A worker came back with the leases that it is still `holding`, or another process of its name with those that
    /// its predecessor left.
    fn compare_leases(
        &mut self,
        id: &WorkerId,
        holding: Vec<LeaseId>,
        same: bool,
        effects: &mut Vec<Effect>,
    ) {
        let holding: BTreeSet<LeaseId> = holding.into_iter().collect();
        let current = self.fleet.worker(id).map(|worker| worker.leases.clone()).unwrap_or_default();
        for lease in current.difference(&holding) {
            self.lapse(*lease, "the worker came back without it", effects);
        }
        if same && current.difference(&holding).next().is_some() {
            self.worker_failed(id);
        }
        for lease in holding.difference(&current) {
            self.revoke(id, *lease, effects);
        }
    }

    pub(super) fn detach(&mut self, id: &WorkerId, session: u64, effects: &mut Vec<Effect>) {
        if !self.is_current(id, session, effects) {
            return;
        }
        let ((idle, draining), changed) = self.edit_worker(id, |worker| {
            worker.session = None;
            (worker.leases.is_empty(), worker.draining)
        });
        self.work_freed = true;
        if draining {
            self.note_leaving(id);
        }
        // Without leases there is nothing to come back to.
        let gone = idle && self.forget_worker(id);
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

    pub(super) fn drain(
        &mut self,
        id: &WorkerId,
        within_ms: Option<u64>,
        effects: &mut Vec<Effect>,
    ) {
        if self.fleet.worker(id).is_none() {
            effects.push(Effect::Ignored(Ignored::UnknownWorker { worker: id.clone() }));
            return;
        }
        let (session, changed) = self.edit_worker(id, |worker| {
            worker.draining = true;
            worker.session
        });
        self.note_leaving(id);
        self.work_freed = true;
        if let Some(session) = session {
            effects.push(Effect::DrainWorker { worker: id.clone(), session });
        }
        if let Some(within_ms) = within_ms {
            self.leaves_within(id, within_ms, effects);
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

    pub(super) fn is_current(
        &self,
        id: &WorkerId,
        session: u64,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let worker = id.clone();
        match self.fleet.worker(id) {
            None => effects.push(Effect::Ignored(Ignored::UnknownWorker { worker })),
            Some(known) if known.session == Some(session) => return true,
            Some(_) => effects.push(Effect::Ignored(Ignored::StaleSession { worker, session })),
        }
        false
    }
}
