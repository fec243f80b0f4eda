//! The scheduler: one step function from inputs to effects, the same in service and in simulation.

use cleanplate_types::ids::JobId;
use cleanplate_types::time::Tick;

use crate::config::SchedulerConfig;
use crate::effect::Effect;
use crate::input::Input;
use crate::record::Record;
use crate::view::{JobView, WorkerView};

/// All jobs, workers and leases, and every decision about them.
#[derive(Debug)]
pub struct Scheduler {
    config: SchedulerConfig,
}

impl Scheduler {
    /// A scheduler that knows of nothing yet.
    #[must_use]
    pub fn new(config: SchedulerConfig) -> Self {
        Self { config }
    }

    /// The scheduler that wrote `records`, as it stood after the last of them.
    ///
    /// What was under way outside (stitches, loads, writes) is asked for again by the first step:
    /// give [`Input::Clock`] at once. Leases stay current for `restore_grace_ms`, until their workers
    /// have attached again.
    pub fn restore(
        config: SchedulerConfig,
        records: impl IntoIterator<Item = Record>,
        now: Tick,
    ) -> Self {
        let _ = (records.into_iter().count(), now);
        Self { config }
    }

    /// Takes one step. Reads no clock, touches no socket, never waits. Appends to `effects`.
    pub fn step(&mut self, now: Tick, input: Input, effects: &mut Vec<Effect>) {
        let _ = (now, input, effects, &self.config);
    }

    /// When the next step is due though nothing happens: give [`Input::Clock`] then. May be early;
    /// `None` where there is nothing to wait for.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Tick> {
        None
    }

    /// All jobs, in the order of submission.
    pub fn jobs(&self) -> impl Iterator<Item = JobView<'_>> {
        std::iter::empty()
    }

    /// One job.
    #[must_use]
    pub fn job(&self, job: &JobId) -> Option<JobView<'_>> {
        let _ = job;
        None
    }

    /// All workers that are attached or may still come back, by id.
    pub fn workers(&self) -> impl Iterator<Item = WorkerView<'_>> {
        std::iter::empty()
    }

    /// Jobs that have not ended.
    #[must_use]
    pub fn jobs_open(&self) -> usize {
        0
    }
}
