//! The world around the scheduler: its own time, a queue of what happens next, and a journal.
//!
//! Everything follows from the seed. The scheduler is the real one; only what is around it is a model.

use std::collections::{BTreeMap, BTreeSet};

use cleanplate_core::config::{Retention, SchedulerConfig};
use cleanplate_core::effect::{Effect, Grant};
use cleanplate_core::input::Input;
use cleanplate_core::record::Record;
use cleanplate_core::scheduler::Scheduler;
use cleanplate_core::view::JobView;
use cleanplate_types::ids::{JobId, LeaseId, WorkerId};
use cleanplate_types::request::Review;

use crate::chaos::Chaos;
use crate::checkers::Checkers;
use crate::outside::Stitches;
use crate::random::Random;
use crate::trace::Trace;
use crate::truth::Truths;
use crate::workers::Worker;

/// All jobs end within so many milliseconds: a day.
const END_MS: u64 = 24 * 3_600_000;
/// Steps in which nothing but the clock moved, at one instant: more is a scheduler that spins.
const IDLE_STEPS_MAX: u32 = 50;

/// How large a world may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) workers_max: u64,
    pub(crate) jobs_max: u64,
    /// Frames of a job's source.
    pub(crate) frames_max: u64,
}

impl Size {
    /// What `cargo test` runs a thousand of.
    pub(crate) const SMALL: Self = Self { workers_max: 6, jobs_max: 6, frames_max: 6000 };
}

/// What happens next to whom.
#[derive(Debug)]
pub(crate) enum Event {
    /// Something reaches the coordinator, if it still lives its `life`.
    Input {
        life: u32,
        input: Box<Input>,
    },
    Grant {
        worker: usize,
        session: u64,
        lease: LeaseId,
        grant: Box<Grant>,
    },
    Revoke {
        worker: usize,
        session: u64,
        lease: LeaseId,
    },
    HandIn {
        worker: usize,
        session: u64,
        lease: LeaseId,
    },
    DrainWorker {
        worker: usize,
        session: u64,
    },
    Attach {
        worker: usize,
        boot: u32,
    },
    Heartbeat {
        worker: usize,
        boot: u32,
    },
    Step {
        worker: usize,
        boot: u32,
        lease: LeaseId,
    },
    Boot {
        worker: usize,
    },
    /// Something befalls a worker.
    Fate {
        worker: usize,
    },
    /// A person does something.
    Person,
    /// A person has looked at the plan of a job that waits for that.
    Reviewed {
        job: JobId,
    },
    StitchEnds {
        life: u32,
        job: JobId,
        lease: LeaseId,
    },
    CoordinatorStarts,
    /// The coordinator's clock shows another time than before.
    ClockJumps,
    /// Nothing goes wrong from now on.
    Calm,
}

/// See the top of the file.
pub(crate) struct World {
    pub(crate) random: Random,
    pub(crate) chaos: Chaos,
    pub(crate) now: u64,
    /// How far the coordinator's clock is ahead of the world's.
    pub(crate) clock_ahead: i64,
    queue: BTreeMap<(u64, u64), Event>,
    order: u64,
    sessions: u64,
    config: SchedulerConfig,
    scheduler: Option<Scheduler>,
    pub(crate) journal: Vec<Record>,
    /// Counts the coordinator's processes.
    pub(crate) life: u32,
    pub(crate) workers: Vec<Worker>,
    pub(crate) truths: Truths,
    /// Manifests of parts whose bytes are not what they say.
    pub(crate) rubbish: BTreeSet<String>,
    /// Manifests of parts that show wrong pictures.
    pub(crate) spoilt: BTreeSet<String>,
    pub(crate) stitches: Stitches,
    /// Jobs whose objects were deleted; whether all of them, at the last time.
    pub(crate) swept: BTreeMap<JobId, bool>,
    /// The first lease that the last sweep of each job left alone.
    pub(crate) swept_before: BTreeMap<JobId, LeaseId>,
    /// Jobs whose plan a person is looking at.
    pub(crate) reviews: BTreeSet<JobId>,
    pub(crate) checkers: Checkers,
    pub(crate) trace: Trace,
    pub(crate) steps: u64,
}

impl World {
    /// A world that follows from `seed`, of at most this size.
    pub(crate) fn new(seed: u64, size: Size) -> Self {
        let mut random = Random::new(seed);
        let chaos = Chaos::random(&mut random);
        let config =
            SchedulerConfig { retention: Retention::all(chaos.retention_ms), ..Default::default() };
        let count = random.between(1, size.workers_max);
        let workers = (0..count).map(|index| Worker::random(index, &mut random));
        let workers = workers.collect();
        let mut this = Self {
            random,
            chaos,
            now: 1_000_000,
            clock_ahead: 0,
            queue: BTreeMap::new(),
            order: 0,
            sessions: 0,
            scheduler: Some(Scheduler::new(config.clone())),
            config,
            journal: Vec::new(),
            life: 0,
            workers,
            truths: Truths::default(),
            rubbish: BTreeSet::new(),
            spoilt: BTreeSet::new(),
            stitches: Stitches::default(),
            swept: BTreeMap::new(),
            swept_before: BTreeMap::new(),
            reviews: BTreeSet::new(),
            checkers: Checkers::default(),
            trace: Trace::default(),
            steps: 0,
        };
        this.begin(size);
        this
    }

    /// Lets time run until every job has ended.
    pub(crate) fn run(&mut self) {
        let mut idle = 0;
        while !self.is_over() {
            let due = self.scheduler.as_ref().and_then(Scheduler::next_deadline);
            let due = due.map(|due| self.world_time(due).max(self.now));
            let next = self.queue.first_key_value().map(|((at, _), _)| *at);
            let before = self.now;
            match (due, next) {
                (Some(due), next) if next.is_none_or(|next| due < next) => {
                    self.now = due;
                    self.tell(Input::Clock);
                }
                (_, Some(next)) => {
                    self.now = next;
                    let (_, event) = self.queue.pop_first().expect("it is there");
                    self.happen(event);
                    idle = 0;
                }
                (_, None) => panic!("nothing is left to happen, and jobs are open"),
            }
            idle = if self.now > before { 0 } else { idle + 1 };
            assert!(idle < IDLE_STEPS_MAX, "the scheduler wants the clock again and again");
            assert!(self.now < END_MS, "every job ends: {}", self.open());
        }
        self.check_restart();
        self.outlast_retention();
    }

    fn is_over(&self) -> bool {
        self.chaos.is_calm() && self.scheduler.as_ref().is_some_and(|it| it.jobs_open() == 0)
    }

    fn open(&self) -> String {
        let views = self.scheduler.iter().flat_map(Scheduler::jobs);
        let open = views.filter(|view| view.outcome.is_none());
        let told = open.map(|view| {
            let (job, phase, waits) = (view.job, view.phase, &view.waiting);
            format!("{job} {phase:?} waits for {waits:?} with {:?}; ", view.leases)
        });
        let workers = self.scheduler.iter().flat_map(Scheduler::worker_views);
        told.chain(workers.map(|view| format!("{view:?}; "))).collect()
    }

    /// Tells the scheduler, makes what it decides durable, and does what it wants; or dies on the way.
    pub(crate) fn tell(&mut self, input: Input) {
        let now = self.read_clock();
        let Some(scheduler) = &mut self.scheduler else { return };
        self.steps += 1;
        self.trace.input(self.now, &input);
        self.checkers.speaker =
            if let Input::Report { worker, .. } = &input { Some(worker.clone()) } else { None };
        let mut effects = Vec::new();
        scheduler.step(now, input, &mut effects);
        self.trace.effects(&effects);
        let dies = self.random.chance(self.chaos.coordinator_dies);
        if dies && self.random.chance(500) {
            // Before anything is durable: nobody will ever know of this step.
            self.coordinator_dies();
            return;
        }
        for effect in &effects {
            if let Effect::Record(record) = effect {
                let truth = &self.truths.of(&record.job).table;
                self.checkers.take(record, truth);
                self.journal.push(record.clone());
            }
        }
        self.check_views();
        self.begin_reviews();
        if dies {
            let done = self.random.below(effects.len() as u64 + 1);
            effects.truncate(usize::try_from(done).expect("a length fits"));
        }
        for effect in effects {
            self.perform(effect);
        }
        if dies {
            self.check_restart();
            self.coordinator_dies();
        }
    }

    /// A coordinator that restarts now must know what this one knows.
    pub(crate) fn check_restart(&mut self) {
        let records = self.journal.iter().cloned();
        let restored = Scheduler::restore(self.config.clone(), records, self.tick());
        let live = self.scheduler.as_ref().expect("the coordinator lives");
        assert!(live.remembers_the_same(&restored), "a restart forgets nothing");
        self.checkers.count("restart checked");
    }

    /// What people see never contradicts itself.
    fn check_views(&self) {
        let Some(scheduler) = &self.scheduler else { return };
        for view in scheduler.jobs() {
            assert!(view.waiting.is_none() || view.leases.is_empty(), "it works or it waits");
            assert!(view.cells_committed <= view.cells_total);
            assert!(view.cells_stitched <= view.cells_committed);
            assert!(view.outcome.is_some() || view.frames_committed <= view.frames_total);
        }
        let open = scheduler.jobs().filter(|view| view.outcome.is_none());
        let mut outputs = BTreeSet::new();
        for view in open.filter(|view| view.request.review != Review::PreviewOnly) {
            assert!(outputs.insert(&view.request.output), "one open job writes one output");
        }
        let unexplained: Vec<_> = scheduler.unexplained().collect();
        assert!(unexplained.is_empty(), "every job gets on or says why not: {unexplained:?}");
        for view in scheduler.worker_views() {
            assert!(view.session.is_none() || view.leases.len() <= view.slots as usize);
        }
    }

    fn coordinator_dies(&mut self) {
        self.scheduler = None;
        self.life += 1;
        self.stitches.clear();
        for index in 0..self.workers.len() {
            self.break_stream(index);
        }
        let wait = self.random.between(1, 40_000);
        self.later(wait, Event::CoordinatorStarts);
    }

    fn coordinator_starts(&mut self) {
        self.clock_starts();
        let records = self.journal.iter().cloned();
        let restored = Scheduler::restore(self.config.clone(), records, self.tick());
        self.scheduler = Some(restored);
        self.checkers.count("coordinator restarted");
        self.tell(Input::Clock);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Input { life, input } => {
                if life == self.life {
                    self.tell(*input);
                }
            }
            Event::Grant { worker, session, lease, grant } => {
                if self.hears(worker, session) {
                    self.take_grant(worker, lease, *grant);
                }
            }
            Event::Revoke { worker, session, lease } => {
                if self.hears(worker, session) {
                    self.take_revoke(worker, lease);
                }
            }
            Event::HandIn { worker, session, lease } => {
                if self.hears(worker, session) {
                    self.take_hand_in(worker, lease);
                }
            }
            Event::DrainWorker { worker, session } => {
                if self.hears(worker, session) {
                    self.workers[worker].leaves = true;
                }
            }
            Event::Attach { worker, boot } => self.try_attach(worker, boot),
            Event::Heartbeat { worker, boot } => self.beat(worker, boot),
            Event::Step { worker, boot, lease } => {
                let thaw = self.workers[worker].frozen_until;
                if self.workers[worker].boot == boot && thaw > self.now {
                    self.at(thaw, Event::Step { worker, boot, lease });
                } else if self.workers[worker].boot == boot {
                    self.work(worker, lease);
                }
            }
            Event::Boot { worker } => self.boot(worker),
            Event::Fate { worker } => self.fate(worker),
            Event::Person => self.person(),
            Event::Reviewed { job } => self.reviewed(job),
            Event::StitchEnds { life, job, lease } => {
                if life == self.life {
                    self.stitch_ends(job, lease);
                }
            }
            Event::CoordinatorStarts => self.coordinator_starts(),
            Event::ClockJumps => self.clock_jumps(),
            Event::Calm => self.calm(),
        }
    }

    /// Whether a message of `session` is heard: by a live process whose stream that still is. What
    /// arrives while it is frozen is lost, which is worse than late.
    fn hears(&self, index: usize, session: u64) -> bool {
        let worker = &self.workers[index];
        worker.up && worker.session == Some(session) && worker.frozen_until <= self.now
    }

    pub(crate) fn next_session(&mut self) -> u64 {
        self.sessions += 1;
        self.sessions
    }

    pub(crate) fn views(&self) -> impl Iterator<Item = JobView<'_>> {
        self.scheduler.iter().flat_map(Scheduler::jobs)
    }

    /// Whether the coordinator lives and did not take this session of a worker.
    pub(crate) fn is_refused(&self, index: usize, session: u64) -> bool {
        let Some(scheduler) = &self.scheduler else { return false };
        let id = &self.workers[index].id;
        !scheduler.worker_views().any(|it| it.worker == id && it.session == Some(session))
    }

    pub(crate) fn is_coordinator_up(&self) -> bool {
        self.scheduler.is_some()
    }

    pub(crate) fn index_of(&self, id: &WorkerId) -> Option<usize> {
        self.workers.iter().position(|worker| worker.id == *id)
    }

    pub(crate) fn later(&mut self, wait: u64, event: Event) {
        self.at(self.now + wait, event);
    }

    pub(crate) fn at(&mut self, at: u64, event: Event) {
        self.order += 1;
        self.queue.insert((at, self.order), event);
    }

    pub(crate) fn later_in_this_life(&mut self, wait: u64, input: Input) {
        let life = self.life;
        self.later(wait, Event::Input { life, input: Box::new(input) });
    }
}
