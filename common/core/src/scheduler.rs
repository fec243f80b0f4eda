//! The scheduler: one step function from inputs to effects, the same in service and in simulation.
//!
//! Durable state is the ledger, and changes by records only. All else (who is attached, what was asked
//! for, how fast it goes) is forgotten in a crash and made again. After each step every job is as far
//! as it can get, and no idle worker is left that could take a free piece of work.

mod advance;
mod aside;
mod attend;
mod demand;
mod fleet;
mod granting;
mod judging;
mod leaving;
mod meter;
mod need;
mod objects;
mod outputs;
mod people;
mod progress;
mod queue;
mod reports;
mod stitching;
mod tail;
mod tending;
mod timers;
mod views;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};

use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::ids::{JobId, LeaseId, WorkerId};
use cleanplate_types::time::Tick;

use crate::config::SchedulerConfig;
use crate::effect::{Effect, Ignored};
use crate::input::Input;
use crate::ledger::job::Job;
use crate::ledger::{Ledger, Limits};
use crate::outcome::JobOutcome;
use crate::record::{Event, Record};
use crate::scheduler::aside::Life;
use crate::scheduler::fleet::{Fleet, Worker};
use crate::scheduler::outputs::Outputs;
use crate::scheduler::queue::{Cost, Ended, Place, Queue};
use crate::scheduler::tending::{Tending, Watch};
use crate::scheduler::timers::Timer;

/// All jobs, workers and leases, and every decision about them.
#[derive(Debug)]
pub struct Scheduler {
    config: SchedulerConfig,
    ledger: Ledger,
    fleet: Fleet,
    /// Every current lease.
    watches: BTreeMap<LeaseId, Watch>,
    /// Every job that has not ended.
    tended: BTreeMap<JobId, Tending>,
    /// Jobs that have a free piece of work, do not rest, and are below their cap.
    grantable: Queue,
    /// Where jobs that have not ended write.
    outputs: Outputs,
    /// Jobs to which it matters what attached workers have proved.
    proof_bound: BTreeSet<JobId>,
    /// What is known of each name whose processes came and went lately.
    lives: BTreeMap<WorkerId, Life>,
    /// Jobs that have nothing free and wait for what is leased.
    tails: BTreeSet<JobId>,
    /// When the tails are looked at next.
    tails_due: Option<Tick>,
    /// Looks at the tails, one after another, that came to nothing.
    tails_vain: u32,
    /// When to look at what again. An entry may be early, and is then moved.
    timers: BTreeSet<(Tick, Timer)>,
    now: Tick,
    started: Tick,
    /// Something was restored and must be asked for again.
    resuming: bool,
    /// A worker became idle.
    worker_freed: bool,
    /// A piece of work became free, or somebody who was to be preferred for one went.
    work_freed: bool,
}

impl Scheduler {
    /// A scheduler that knows of nothing yet.
    #[must_use]
    pub fn new(config: SchedulerConfig) -> Self {
        let limits = Limits { attempts_max: config.attempts_max, lapses_max: config.lapses_max };
        let grantable = Queue::new(config.caps.owner_leases);
        Self {
            config,
            ledger: Ledger::new(limits),
            fleet: Fleet::default(),
            watches: BTreeMap::new(),
            tended: BTreeMap::new(),
            grantable,
            outputs: Outputs::default(),
            proof_bound: BTreeSet::new(),
            lives: BTreeMap::new(),
            tails: BTreeSet::new(),
            tails_due: None,
            tails_vain: 0,
            timers: BTreeSet::new(),
            now: Tick(0),
            started: Tick(0),
            resuming: false,
            worker_freed: false,
            work_freed: false,
        }
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
        let mut this = Self::new(config);
        this.now = now;
        this.started = now;
        this.resuming = true;
        for record in records {
            this.ledger.apply(&record);
        }
        this.tended =
            this.ledger.open_jobs().map(|job| (job.clone(), Tending::default())).collect();
        for (id, job) in this.tended.keys().filter_map(|id| this.ledger.jobs.get_key_value(id)) {
            this.grantable.opened(&job.request.owner);
            this.outputs.opened(id, &job.request);
        }
        let grace = this.config.restore_grace_ms;
        let stuck = this.config.lease_stuck_ms;
        for (id, lease) in &this.ledger.leases {
            this.fleet.edit(
                &lease.worker,
                || Worker::absent(now, grace),
                |worker| {
                    worker.leases.insert(*id);
                },
            );
            this.watches.insert(*id, Watch::restored(now));
            if let Some(job) = this.ledger.jobs.get(&lease.job) {
                let cost = Cost { speed: 0, expected_ms: 0, since: lease.since };
                this.grantable.granted(*id, &lease.job, place_of(job), cost);
            }
            this.timers.insert((now.after(stuck), Timer::Lease(*id)));
            this.timers.insert((now.after(grace), Timer::Worker(lease.worker.clone())));
        }
        for job in this.ledger.jobs.keys().cloned().collect::<Vec<_>>() {
            this.arm_retention(&job);
            this.arm_second_worker(&job);
        }
        this
    }

    /// Whether `other` knows the same of every job and lease as this one: what a restart must keep.
    #[must_use]
    pub fn remembers_the_same(&self, other: &Self) -> bool {
        self.ledger == other.ledger
    }

    /// Takes one step. Reads no clock, touches no socket, never waits. Appends to `effects`.
    ///
    /// A `now` before that of the last step is taken as that of the last step.
    pub fn step(&mut self, now: Tick, input: Input, effects: &mut Vec<Effect>) {
        self.begin(now);
        self.take(input, effects);
        // After the input, so that a sign of life that was waiting to be read counts.
        self.fire_timers(effects);
        if std::mem::take(&mut self.resuming) {
            for job in self.tended.keys().cloned().collect::<Vec<_>>() {
                self.advance(&job, effects);
            }
        }
        let work_freed = std::mem::take(&mut self.work_freed);
        if work_freed {
            self.fleet.queue_passed();
        }
        if std::mem::take(&mut self.worker_freed) || work_freed {
            self.tails_vain = 0;
            self.grant_all(effects);
        }
        self.arm_tails();
        debug_assert!(self.is_settled(), "no idle worker is left that could take a free piece");
    }

    /// When the next step is due though nothing happens: give [`Input::Clock`] then. May be early;
    /// `None` where there is nothing to wait for.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Tick> {
        if self.resuming {
            return Some(self.now);
        }
        self.timers.first().map(|(at, _)| *at)
    }

    /// The id that the next lease gets: objects of ended jobs carry lower ones.
    #[must_use]
    pub const fn next_lease(&self) -> LeaseId {
        self.ledger.next_lease()
    }

    /// The last lease that was given; 0 where none was.
    #[must_use]
    pub const fn last_lease(&self) -> LeaseId {
        self.ledger.last_lease()
    }

    /// Gives no lease up to `last`: somebody else gave them. It is known again after a restart only if a lease
    /// was given meanwhile.
    pub fn skip_leases(&mut self, last: LeaseId) {
        self.ledger.skip_leases(last);
    }

    /// Jobs that have not ended.
    #[must_use]
    pub fn jobs_open(&self) -> usize {
        self.tended.len()
    }

    fn take(&mut self, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Submit { job, request } => self.submit(job, request, effects),
            Input::Cancel { job } => self.cancel(&job, effects),
            Input::Retry { job } => self.retry(job, effects),
            Input::Forget { job } => self.forget(&job, effects),
            Input::Attach(attachment) => self.attach(*attachment, effects),
            Input::Detach { worker, session } => self.detach(&worker, session, effects),
            Input::Heartbeat { worker, session } => self.heartbeat(&worker, session, effects),
            Input::Drain { worker, within_ms } => self.drain(&worker, within_ms, effects),
            Input::Notice { worker, session, remaining_ms } => {
                self.notice(&worker, (session, remaining_ms), effects);
            }
            Input::Leave { worker, session } => self.leave(&worker, session, effects),
            Input::Report { worker, lease, report } => {
                self.report(&worker, lease, report, effects);
            }
            Input::TableLoaded { job, description, table } => {
                self.table_loaded(&job, *description, &table, effects);
            }
            Input::FindingLoaded { job, finding } => self.finding_loaded(&job, *finding, effects),
            Input::DraftWritten { job, look, draft } => {
                self.draft_written(&job, look, draft, effects);
            }
            Input::Approve { job, dropped } => self.approve(&job, dropped, effects),
            Input::Reject { job } => self.reject(&job, effects),
            Input::BriefWritten { job, brief } => self.brief_written(&job, brief, effects),
            Input::ObjectFailed { job, failure } => self.object_failed(&job, failure, effects),
            Input::Published { job, lease, published } => {
                self.published(&job, lease, published, effects);
            }
            Input::StitchFailed { job, lease, cell, failure } => {
                self.stitch_failed(&job, lease, (cell, failure), effects);
            }
            Input::Prioritise { job, priority } => self.prioritise(&job, priority, effects),
            Input::Found { job, outcome } => self.found(&job, outcome, effects),
            Input::Clock => {}
        }
    }

    /// Makes `event` true, here and in the journal.
    fn record(&mut self, job: &JobId, event: Event, effects: &mut Vec<Effect>) {
        let record = Record { at: self.now, job: job.clone(), event };
        self.ledger.apply(&record);
        self.note_loss(&record);
        effects.push(Effect::Record(record));
    }

    fn open_job(&self, job: &JobId) -> Option<&Job> {
        self.ledger.jobs.get(job).filter(|job| job.outcome.is_none())
    }

    /// A lease is over: its worker's slot is free, and so may be its work.
    fn release(&mut self, worker: &WorkerId, lease: LeaseId) {
        self.release_done(worker, lease);
        self.work_freed = true;
    }

    /// A lease is over and its work done.
    fn release_done(&mut self, worker: &WorkerId, lease: LeaseId) {
        let in_flight = self.watches.remove(&lease).map_or(0, |watch| watch.in_flight);
        if let Some(Ended { job, frees_cap }) = self.grantable.ended(lease, self.now) {
            self.work_freed |= frees_cap;
            if let Some(tending) = self.tended.get_mut(&job) {
                tending.in_flight = tending.in_flight.saturating_sub(in_flight);
            }
        }
        self.fleet.release(worker, lease);
        self.worker_freed = true;
    }

    /// Makes `event`, which ends every lease of `job`, true; tells the workers.
    fn record_and_revoke(&mut self, job: &JobId, event: Event, effects: &mut Vec<Effect>) {
        let held: Vec<(LeaseId, WorkerId)> = self
            .ledger
            .jobs
            .get(job)
            .into_iter()
            .flat_map(|job| &job.leases)
            .filter_map(|id| Some((*id, self.ledger.leases.get(id)?.worker.clone())))
            .collect();
        self.record(job, event, effects);
        for (lease, worker) in held {
            self.release(&worker, lease);
            self.revoke(&worker, lease, effects);
        }
    }

    fn fail_job(
        &mut self,
        job: &JobId,
        kind: FailureKind,
        message: impl Into<String>,
        effects: &mut Vec<Effect>,
    ) {
        let failure = Failure::new(kind, Stage::Plan, message);
        self.end(job, JobOutcome::Failed(Box::new(failure)), effects);
    }
}

/// Where `job` belongs in the queue.
fn place_of(job: &Job) -> Place<'_> {
    let (owner, priority) = (&job.request.owner, job.request.priority);
    Place { owner, priority, sequence: job.sequence }
}

fn not_now(job: &JobId, what: &'static str, effects: &mut Vec<Effect>) {
    effects.push(Effect::Ignored(Ignored::NotNow { job: job.clone(), what }));
}

#[cfg(test)]
mod tests;
