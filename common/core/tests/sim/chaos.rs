//! What goes wrong, how often, and until when; and what persons do meanwhile.

use cleanplate_core::input::Input;
use cleanplate_core::view::{JobView, Waiting};
use cleanplate_types::encode::EncoderName;
use cleanplate_types::ids::JobId;

use crate::random::Random;
use crate::samples;
use crate::truth::Truth;
use crate::workers::Habits;
use crate::world::{Event, Size, World};

/// How often things go wrong, in thousandths, or for how long.
#[derive(Debug, Clone)]
pub(crate) struct Chaos {
    /// How long it lasts.
    for_ms: u64,
    calm: bool,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    /// Messages overtake each other.
    pub(crate) disordered: bool,
    pub(crate) delay_ms: u64,
    pub(crate) objects_fail: u64,
    pub(crate) stitch_fails: u64,
    /// Of each step.
    pub(crate) coordinator_dies: u64,
    /// Milliseconds between two things that befall a worker.
    fate_ms: u64,
    /// Milliseconds between two jumps of the coordinator's clock.
    pub(crate) jump_ms: u64,
    /// The clock is read late: a step may come with an earlier time than the one before, of each step.
    pub(crate) reads_late: u64,
    /// What persons do.
    persons: u64,
    /// How long ended jobs are kept.
    pub(crate) retention_ms: Option<u64>,
}

impl Chaos {
    pub(crate) fn random(random: &mut Random) -> Self {
        let mut some = |most| if random.chance(500) { random.between(1, most) } else { 0 };
        let (lost, doubled) = (some(20), some(50));
        let (objects_fail, stitch_fails, coordinator_dies) = (some(200), some(20), some(8));
        let reads_late = some(20);
        Self {
            for_ms: random.between(30_000, 900_000),
            calm: false,
            lost,
            doubled,
            disordered: random.chance(500),
            delay_ms: random.pick(&[5, 100, 2_000]),
            objects_fail,
            stitch_fails,
            coordinator_dies,
            fate_ms: random.pick(&[10_000, 60_000, 600_000]),
            jump_ms: random.pick(&[60_000, 600_000, 6_000_000]),
            reads_late,
            persons: random.below(8),
            retention_ms: random.chance(500).then(|| random.between(1_000, 3_600_000)),
        }
    }

    pub(crate) const fn is_calm(&self) -> bool {
        self.calm
    }
}

impl World {
    /// Jobs are submitted, workers start, and things begin to go wrong.
    pub(crate) fn begin(&mut self, size: Size) {
        for index in 0..self.workers.len() {
            let wait = self.random.between(1, 20_000);
            self.later(wait, Event::Boot { worker: index });
            let wait = self.random.between(1, self.chaos.fate_ms);
            self.later(wait, Event::Fate { worker: index });
        }
        for number in 0..self.random.between(1, size.jobs_max) {
            let job = JobId::parse(&format!("j{number}")).expect("a good name");
            let mut truth = Truth::random(&mut self.random, size.frames_max);
            // Now and then two jobs want the same.
            let place = if self.random.chance(100) { 0 } else { number };
            truth.request.output = format!("file:///out{place}.mp4");
            let request = Box::new(truth.request.clone());
            self.truths.jobs.insert(job.clone(), truth);
            let wait = self.random.between(1, 60_000);
            self.later_in_this_life(wait, Input::Submit { job, request });
        }
        for _ in 0..self.chaos.persons {
            let wait = self.random.between(1, self.chaos.for_ms);
            self.later(wait, Event::Person);
        }
        let wait = self.random.between(1, self.chaos.jump_ms);
        self.later(wait, Event::ClockJumps);
        let for_ms = self.chaos.for_ms;
        self.later(for_ms.max(61_000), Event::Calm);
    }

    /// Everybody is honest, up and well connected from now on.
    pub(crate) fn calm(&mut self) {
        self.chaos = Chaos {
            calm: true,
            lost: 0,
            doubled: 0,
            disordered: false,
            objects_fail: 0,
            stitch_fails: 0,
            coordinator_dies: 0,
            reads_late: 0,
            ..self.chaos
        };
        for index in 0..self.workers.len() {
            self.workers[index].habits = Habits::default();
            self.workers[index].frozen_until = self.now;
            if !self.workers[index].up {
                self.later(1, Event::Boot { worker: index });
            }
        }
    }

    pub(crate) fn boot(&mut self, index: usize) {
        let worker = &mut self.workers[index];
        if worker.up {
            return;
        }
        worker.up = true;
        worker.leaves = false;
        worker.boot += 1;
        let boot = worker.boot;
        self.later(1, Event::Attach { worker: index, boot });
        self.later(2, Event::Heartbeat { worker: index, boot });
    }

    /// The process ends, and what it had in hand is lost; it comes back after `wait`.
    pub(crate) fn die(&mut self, index: usize, wait: u64) {
        self.checkers.count("worker died");
        self.break_stream(index);
        let worker = &mut self.workers[index];
        worker.up = false;
        worker.work.clear();
        self.later(wait, Event::Boot { worker: index });
    }

    /// Something befalls a worker.
    pub(crate) fn fate(&mut self, index: usize) {
        if self.chaos.calm {
            return;
        }
        let wait = self.random.between(1, 2 * self.chaos.fate_ms);
        self.later(wait, Event::Fate { worker: index });
        if !self.workers[index].up {
            return;
        }
        match self.random.below(6) {
            5 => {
                // The machine will be taken away; it says so and goes when its hands are empty.
                self.workers[index].leaves = true;
                let remaining_ms = self.random.between(1, 120_000);
                let worker = self.workers[index].id.clone();
                if let Some(session) = self.workers[index].session {
                    self.send(index, Input::Notice { worker, session, remaining_ms });
                }
            }
            0 => {
                let wait = self.random.between(1, 120_000);
                self.die(index, wait);
            }
            1 => {
                self.checkers.count("worker frozen");
                let thaw = self.now + self.random.between(1000, 200_000);
                self.workers[index].frozen_until = thaw;
            }
            2 => {
                self.checkers.count("stream broken");
                self.break_stream(index);
            }
            3 => {
                self.checkers.count("encoder comes or goes");
                // The card's encoder is lost, or is there again; the worker says so anew.
                let card = samples::proof(EncoderName::H264Nvenc);
                let encoders = &mut self.workers[index].encoders;
                if encoders.contains(&card) {
                    encoders.retain(|proof| *proof != card);
                } else {
                    encoders.push(card);
                }
                self.break_stream(index);
            }
            _ => {
                self.checkers.count("speed changed");
                self.workers[index].frame_ms = self.random.between(1, 200);
            }
        }
    }

    /// Every job that waits for a person gets one.
    pub(crate) fn begin_reviews(&mut self) {
        let waits = |view: &JobView<'_>| view.waiting == Some(Waiting::Approval);
        let waiting: Vec<JobId> = self.views().filter(waits).map(|view| view.job.clone()).collect();
        for job in waiting {
            if self.reviews.insert(job.clone()) {
                let wait = self.random.between(1, 100_000);
                self.later(wait, Event::Reviewed { job });
            }
        }
    }

    /// A person approves all, some or none of a plan; or the coordinator is away and is asked later.
    pub(crate) fn reviewed(&mut self, job: JobId) {
        self.reviews.remove(&job);
        let input = match self.random.below(6) {
            0 => Input::Reject { job },
            1 => Input::Approve { job, dropped: vec![0] },
            _ => Input::Approve { job, dropped: Vec::new() },
        };
        self.tell(input);
    }

    /// A person cancels, tries again, forgets, submits twice, or drains a worker, or changes a priority.
    pub(crate) fn person(&mut self) {
        let jobs: Vec<JobId> = self.truths.jobs.keys().cloned().collect();
        let job = self.random.pick(&jobs);
        let input = match self.random.below(6) {
            0 => Input::Cancel { job },
            1 | 2 => Input::Retry { job },
            3 if self.random.chance(300) => Input::Forget { job },
            3 => {
                let request = Box::new(self.truths.of(&job).request.clone());
                Input::Submit { job, request }
            }
            4 => {
                let priority = self.random.pick(&[-1, 0, 1]);
                Input::Prioritise { job, priority }
            }
            _ => {
                let index = self.random.below(self.workers.len() as u64);
                let index = usize::try_from(index).expect("an index fits");
                let span = self.random.between(0, 60_000);
                let within_ms = self.random.chance(500).then_some(span);
                Input::Drain { worker: self.workers[index].id.clone(), within_ms }
            }
        };
        self.tell(input);
    }
}
