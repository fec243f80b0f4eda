//! The workers as they are now: sessions, slots, speeds, who is idle. Not durable: after a restart the
//! workers attach again and tell.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use cleanplate_types::digest::Sha;
use cleanplate_types::encode::EncoderProof;
use cleanplate_types::ids::{LeaseId, WorkerId};
use cleanplate_types::model::{ModelClass, ModelRef, WorkerModels};
use cleanplate_types::tier::Card;
use cleanplate_types::time::Tick;

use crate::scheduler::need::Need;
use crate::view::SetAsideFor;

/// A worker that is attached, or that may still come back to its leases.
#[derive(Debug, Clone)]
pub(crate) struct Worker {
    pub(crate) session: Option<u64>,
    /// The process that the session is, or was, of.
    pub(crate) instance: u64,
    pub(crate) card: Card,
    pub(crate) slots: u32,
    pub(crate) encoders: Vec<EncoderProof>,
    pub(crate) models: WorkerModels,
    pub(crate) leases: BTreeSet<LeaseId>,
    pub(crate) draining: bool,
    /// Attached, but not heard for too long: its leases have lapsed, and it gets none.
    pub(crate) silent: bool,
    pub(crate) set_aside: Option<SetAside>,
    /// Times that it was set aside without doing anything good in between.
    pub(crate) asides: u32,
    pub(crate) failures_in_a_row: u32,
    /// It will be taken away then.
    pub(crate) leaves_by: Option<Tick>,
    /// It answers when a lease is revoked.
    pub(crate) acknowledges: bool,
    /// Revoked leases that it has not let go of, and since when.
    pub(crate) letting_go: BTreeMap<LeaseId, Tick>,
    pub(crate) last_seen: Tick,
    /// The silence after which it is given up.
    pub(crate) silence_ms: u64,
    /// Measured speed of one slot, in thousandths of a frame of 1080p a second.
    pub(crate) speed: Option<u64>,
    /// The same for the last window that it looked at.
    pub(crate) look_speed: Option<u64>,
    idle: Option<Idle>,
}

/// For how long a worker gets no leases, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SetAside {
    pub(crate) until: Tick,
    pub(crate) why: SetAsideFor,
}

/// The order in which idle workers are served: those with the fewest leases first, so that work
/// spreads; the fastest of them first.
type Idle = (u32, Reverse<u64>, WorkerId);

impl Worker {
    /// A worker that nobody has attached yet.
    pub(crate) const fn absent(now: Tick, silence_ms: u64) -> Self {
        Self {
            session: None,
            instance: 0,
            card: Card::None,
            slots: 0,
            encoders: Vec::new(),
            models: WorkerModels { runtime: None, installed: Vec::new(), classes: Vec::new() },
            leases: BTreeSet::new(),
            draining: false,
            silent: false,
            set_aside: None,
            asides: 0,
            failures_in_a_row: 0,
            leaves_by: None,
            acknowledges: false,
            letting_go: BTreeMap::new(),
            last_seen: now,
            silence_ms,
            speed: None,
            look_speed: None,
            idle: None,
        }
    }

    /// Whether work may wait for it: it is attached, does not drain, and is not taken for dead.
    pub(crate) const fn stays(&self) -> bool {
        self.session.is_some() && !self.draining && !self.silent && self.slots > 0
    }

    /// How long ago it was heard, where that is another process than `instance`, attached and alive.
    pub(crate) const fn lives_beside(&self, instance: u64, now: Tick) -> Option<u64> {
        let heard_ms = now.since(self.last_seen);
        let lives = self.session.is_some() && heard_ms < self.silence_ms;
        if lives && self.instance != instance { Some(heard_ms) } else { None }
    }

    /// Whether it may get leases at all.
    pub(crate) const fn takes_work(&self) -> bool {
        self.stays() && self.set_aside.is_none()
    }

    /// Speed of one slot in thousandths of a frame of 1080p a second: measured, or its tier's row.
    pub(crate) fn slot_speed(&self) -> u64 {
        self.speed.unwrap_or_else(|| self.tier_speed())
    }

    /// Speed of one slot at 1080p by its card's row, in thousandths of a frame a second.
    pub(crate) fn tier_speed(&self) -> u64 {
        let tier = self.card.tier();
        u64::from(tier.fps_min + tier.fps_max) * 500
    }

    /// Whether it takes work and has a slot for it.
    pub(crate) fn is_idle(&self) -> bool {
        self.takes_work() && self.leases_held() < self.slots
    }

    fn leases_held(&self) -> u32 {
        u32::try_from(self.leases.len() + self.letting_go.len()).unwrap_or(u32::MAX)
    }
}

/// All workers, and what is asked of them often, kept up to date.
#[derive(Debug, Default)]
pub(crate) struct Fleet {
    workers: BTreeMap<WorkerId, Worker>,
    /// Idle workers that were not asked yet what they could take.
    idle: BTreeSet<Idle>,
    /// Idle workers for whom there was nothing.
    passed: BTreeSet<WorkerId>,
    /// Slots that have proved each encoder, of workers that are here to stay.
    proofs: BTreeMap<EncoderProof, u64>,
    /// Workers that are here to stay and have each model installed; `None` is the runtime for any.
    models: BTreeMap<Option<Sha>, usize>,
    /// Workers that are here to stay and paint on each class.
    classes: BTreeMap<ModelClass, usize>,
    /// Speed of all slots that take work.
    speed: u64,
    /// Number of these slots.
    slots: u64,
    attached: usize,
    /// Workers that are here to stay.
    staying: usize,
    /// Workers that take work.
    taking: usize,
    /// Workers that take work and have proved each encoder.
    taking_by_proof: BTreeMap<EncoderProof, usize>,
}

impl Fleet {
    pub(crate) fn workers(&self) -> impl Iterator<Item = (&WorkerId, &Worker)> {
        self.workers.iter()
    }

    pub(crate) fn worker(&self, id: &WorkerId) -> Option<&Worker> {
        self.workers.get(id)
    }

    /// Slots that have proved each encoder and build.
    pub(crate) fn proofs(&self) -> impl Iterator<Item = (&EncoderProof, u64)> {
        self.proofs.iter().map(|(proof, slots)| (proof, *slots))
    }

    /// The classes on which workers that are here to stay can paint by `model` for `encoder`, and their slots.
    pub(crate) fn painters<'a>(
        &'a self,
        encoder: &'a EncoderProof,
        model: &'a ModelRef,
    ) -> impl Iterator<Item = (&'a [ModelClass], u64)> {
        let able = move |worker: &&Worker| {
            worker.stays() && worker.encoders.contains(encoder) && worker.models.can_run(model)
        };
        let able = self.workers.values().filter(able);
        able.map(|worker| (worker.models.classes.as_slice(), u64::from(worker.slots)))
    }

    pub(crate) fn proves(&self, encoder: &EncoderProof) -> bool {
        self.proofs.contains_key(encoder)
    }

    /// Speed of all slots that take work, in thousandths of a frame of 1080p a second.
    pub(crate) const fn speed(&self) -> u64 {
        self.speed
    }

    /// Number of all slots that take work.
    pub(crate) const fn slots(&self) -> u64 {
        self.slots
    }

    /// Workers with a session.
    pub(crate) const fn attached(&self) -> usize {
        self.attached
    }

    /// Workers that are here to stay.
    pub(crate) const fn staying(&self) -> usize {
        self.staying
    }

    /// Workers that take work.
    pub(crate) const fn taking(&self) -> usize {
        self.taking
    }

    /// Workers that take work and have what it needs.
    pub(crate) fn able(&self, need: Need<'_>) -> usize {
        match need {
            Need::Nothing => self.taking,
            Need::Encoder(encoder) => self.taking_by_proof.get(encoder).copied().unwrap_or(0),
            Need::Painting(..) | Need::Models(..) => {
                let able = |worker: &&Worker| worker.takes_work() && need.is_met_by(worker);
                self.workers.values().filter(able).count()
            }
        }
    }

    /// Whether a worker that is here to stay has what is needed.
    pub(crate) fn has(&self, need: Need<'_>) -> bool {
        self.workers.values().any(|worker| worker.stays() && need.is_met_by(worker))
    }

    /// Changes a worker (made absent first where it is new) and all that follows from it. Says
    /// whether an encoder came or went with it.
    pub(crate) fn edit<R>(
        &mut self,
        id: &WorkerId,
        new: impl FnOnce() -> Worker,
        change: impl FnOnce(&mut Worker) -> R,
    ) -> (R, bool) {
        let mut worker = self.workers.remove(id).unwrap_or_else(new);
        let before = self.account(&worker, false);
        self.idle_out(&mut worker);
        let result = change(&mut worker);
        let after = self.account(&worker, true);
        self.idle_in(id, &mut worker);
        self.workers.insert(id.clone(), worker);
        (result, before || after)
    }

    /// Changes a worker that is there, where nothing follows from the change.
    pub(crate) fn touch(&mut self, id: &WorkerId) -> Option<&mut Worker> {
        self.workers.get_mut(id)
    }

    /// Does not count the last `late_ms` before `now` as silence of any worker that is not given up.
    pub(crate) fn spare(&mut self, late_ms: u64, now: Tick) {
        for worker in self.workers.values_mut().filter(|worker| !worker.silent) {
            worker.last_seen = worker.last_seen.after(late_ms).min(now);
        }
    }

    /// Forgets a worker. Says whether an encoder went with it.
    pub(crate) fn remove(&mut self, id: &WorkerId) -> bool {
        let Some(mut worker) = self.workers.remove(id) else {
            return false;
        };
        self.idle_out(&mut worker);
        self.account(&worker, false)
    }

    /// Notes that `worker` holds `lease` from now on.
    pub(crate) fn hold(&mut self, id: &WorkerId, lease: LeaseId) {
        self.change_leases(id, |leases| {
            leases.insert(lease);
        });
    }

    /// Notes that `worker` no longer holds `lease`.
    pub(crate) fn release(&mut self, id: &WorkerId, lease: LeaseId) {
        self.change_leases(id, |leases| {
            leases.remove(&lease);
        });
    }

    fn change_leases(&mut self, id: &WorkerId, change: impl FnOnce(&mut BTreeSet<LeaseId>)) {
        let Some(mut worker) = self.workers.remove(id) else {
            return;
        };
        self.idle_out(&mut worker);
        change(&mut worker.leases);
        self.idle_in(id, &mut worker);
        self.workers.insert(id.clone(), worker);
    }

    /// Takes the next idle worker out of the queue: it is granted something, or passed.
    pub(crate) fn next_idle(&mut self) -> Option<WorkerId> {
        let (_, _, id) = self.idle.pop_first()?;
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.idle = None;
        }
        Some(id)
    }

    /// Whether a worker is idle.
    pub(crate) fn has_idle(&self) -> bool {
        !self.idle.is_empty() || !self.passed.is_empty()
    }

    /// The idle workers, by name.
    pub(crate) fn idle(&self) -> impl Iterator<Item = &WorkerId> {
        let queued = self.idle.iter().map(|(_, _, id)| id);
        let all: BTreeSet<&WorkerId> = queued.chain(&self.passed).collect();
        all.into_iter().filter(|id| self.workers.get(*id).is_some_and(Worker::is_idle))
    }

    /// Notes that there is nothing for `worker`, which was taken out by `next_idle`.
    pub(crate) fn pass(&mut self, id: WorkerId) {
        self.passed.insert(id);
    }

    /// Puts all workers for whom there was nothing back into the queue.
    pub(crate) fn queue_passed(&mut self) {
        for id in std::mem::take(&mut self.passed) {
            self.change_leases(&id, |_| {});
        }
    }

    fn idle_out(&mut self, worker: &mut Worker) {
        if let Some(idle) = worker.idle.take() {
            self.idle.remove(&idle);
        }
    }

    fn idle_in(&mut self, id: &WorkerId, worker: &mut Worker) {
        let held = worker.leases_held();
        if worker.is_idle() {
            let idle = (held, Reverse(worker.slot_speed()), id.clone());
            self.idle.insert(idle.clone());
            worker.idle = Some(idle);
        }
    }

    /// Adds what `worker` counts for, or takes it away; says whether an encoder or one that runs models
    /// came or went, or the first worker came or the last one went.
    fn account(&mut self, worker: &Worker, add: bool) -> bool {
        let mut changed = false;
        if worker.session.is_some() {
            self.attached = step(self.attached, 1, add);
        }
        if worker.stays() {
            let before = self.staying;
            self.staying = step(before, 1, add);
            changed |= before == 0 || self.staying == 0;
        }
        if worker.takes_work() {
            self.taking = step(self.taking, 1, add);
            let slots = u64::from(worker.slots);
            let speed = worker.slot_speed().saturating_mul(slots);
            self.speed = if add { self.speed + speed } else { self.speed - speed };
            self.slots = if add { self.slots + slots } else { self.slots - slots };
            for proof in &worker.encoders {
                let count = self.taking_by_proof.entry(proof.clone()).or_default();
                *count = step(*count, 1, add);
                if *count == 0 {
                    self.taking_by_proof.remove(proof);
                }
            }
        }
        if worker.stays() {
            for proof in &worker.encoders {
                changed |= self.count_proof(proof, u64::from(worker.slots), add);
            }
            if worker.models.runtime.is_some() {
                let installed = worker.models.installed.iter().copied().map(Some);
                for model in installed.chain([None]) {
                    let count = self.models.entry(model).or_default();
                    let before = *count;
                    *count = step(before, 1, add);
                    changed |= before == 0 || *count == 0;
                }
                for class in &worker.models.classes {
                    let count = self.classes.entry(class.clone()).or_default();
                    let before = *count;
                    *count = step(before, 1, add);
                    changed |= before == 0 || *count == 0;
                }
            }
        }
        changed
    }

    fn count_proof(&mut self, proof: &EncoderProof, slots: u64, add: bool) -> bool {
        match (self.proofs.get_mut(proof), add) {
            (Some(count), true) => {
                *count += slots;
                false
            }
            (None, true) => {
                self.proofs.insert(proof.clone(), slots);
                true
            }
            (Some(count), false) if *count > slots => {
                *count -= slots;
                false
            }
            (Some(_), false) => {
                self.proofs.remove(proof);
                true
            }
            (None, false) => false,
        }
    }
}

const fn step(count: usize, by: usize, add: bool) -> usize {
    if add { count + by } else { count - by }
}
