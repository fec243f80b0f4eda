//! The net between workers and coordinator: late, twice, in another order, or not at all.

use cleanplate_core::input::Input;
use cleanplate_types::ids::WorkerId;

use crate::world::{Event, World};

impl World {
    /// A worker sends; without a stream, or on a bad day, into the void.
    pub(crate) fn send(&mut self, index: usize, input: Input) {
        if self.workers[index].session.is_none() || self.random.chance(self.chaos.lost) {
            self.checkers.count("message lost");
            return;
        }
        if self.random.chance(self.chaos.doubled) {
            self.checkers.count("message doubled");
            self.send_once(input.clone());
        }
        self.send_once(input);
    }

    fn send_once(&mut self, input: Input) {
        let wait = if self.chaos.disordered {
            self.checkers.count("message late");
            self.random.between(1, self.chaos.delay_ms)
        } else {
            20
        };
        self.later_in_this_life(wait, input);
    }

    /// The coordinator sends to a worker by one of its sessions.
    pub(crate) fn deliver(
        &mut self,
        worker: &WorkerId,
        session: u64,
        event: impl FnOnce(usize) -> Event,
    ) {
        let Some(index) = self.index_of(worker) else { return };
        if self.workers[index].session != Some(session) || self.random.chance(self.chaos.lost) {
            self.checkers.count("message lost");
            return;
        }
        let wait =
            if self.chaos.disordered { self.random.between(1, self.chaos.delay_ms) } else { 20 };
        self.later(wait, event(index));
    }

    /// The stream breaks; the coordinator notices sooner or later, if it lives.
    pub(crate) fn break_stream(&mut self, index: usize) {
        let Some(session) = self.workers[index].session.take() else { return };
        let worker = self.workers[index].id.clone();
        let wait = if self.random.chance(700) { 10 } else { self.random.between(10, 60_000) };
        self.later_in_this_life(wait, Input::Detach { worker, session });
        let (wait, boot) = (self.random.between(100, 3000), self.workers[index].boot);
        self.later(wait, Event::Attach { worker: index, boot });
    }

    pub(crate) fn try_attach(&mut self, index: usize, boot: u32) {
        let worker = &self.workers[index];
        if !worker.up || worker.boot != boot || worker.session.is_some() {
            return;
        }
        if !self.is_coordinator_up() || worker.frozen_until > self.now {
            self.later(700, Event::Attach { worker: index, boot });
            return;
        }
        self.attach(index);
    }

    pub(crate) fn beat(&mut self, index: usize, boot: u32) {
        let worker = &self.workers[index];
        if !worker.up || worker.boot != boot {
            return;
        }
        if worker.frozen_until <= self.now {
            if let Some(session) = worker.session {
                let worker = worker.id.clone();
                self.send(index, Input::Heartbeat { worker, session });
            }
            if self.workers[index].leaves && self.workers[index].work.is_empty() {
                if let Some(session) = self.workers[index].session {
                    let worker = self.workers[index].id.clone();
                    self.send(index, Input::Leave { worker, session });
                }
                self.die(index, 15_000);
                return;
            }
        }
        self.later(3_000, Event::Heartbeat { worker: index, boot });
    }
}
