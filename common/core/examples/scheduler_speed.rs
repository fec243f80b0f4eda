//! How fast the scheduler alone is: 1,000 workers and 100,000 cells in one process, steps a second.
//!
//! `cargo run --release -p cleanplate-core --example scheduler_speed`. Models workers that never fail:
//! each grant, progress, cell and heartbeat is a step of the real scheduler. Writes no journal.

#![expect(clippy::print_stdout, reason = "the figures are for people and for `make bench`")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cleanplate_core::config::SchedulerConfig;
use cleanplate_core::effect::{Effect, Work};
use cleanplate_core::input::{Attachment, Input, IntakeResult, Report};
use cleanplate_core::outcome::{JobOutcome, Published};
use cleanplate_core::scheduler::Scheduler;
use cleanplate_types::brief::JobBrief;
use cleanplate_types::encode::EncoderName;
use cleanplate_types::ids::{JobId, LeaseId, WorkerId};
use cleanplate_types::model::WorkerModels;
use cleanplate_types::request::{EncoderChoice, JobRequest};
use cleanplate_types::source::SourceRef;
use cleanplate_types::tier::Card;
use cleanplate_types::time::Tick;

#[path = "../src/samples.rs"]
mod samples;

const WORKERS: u64 = 1000;
const JOBS: u64 = 10;
const CELLS: u64 = 100_000;
const CELL_FRAMES: u64 = 120;
/// Milliseconds that a worker needs for a cell: 120 frames at 30 a second.
const CELL_MS: u64 = 4000;
const HEARTBEAT_MS: u64 = 3000;

fn main() {
    let mut farm = Farm::new();
    let begun = Instant::now();
    farm.run();
    let took = begun.elapsed();
    let steps: u64 = farm.kinds.values().map(|kind| kind.steps).sum();
    let busy: Duration = farm.kinds.values().map(|kind| kind.took).sum();
    println!("{:>12} {:>9} {:>12} {:>10}", "input", "steps", "mean", "longest");
    for (name, Kind { steps, took, longest }) in &farm.kinds {
        let mean = took.as_nanos() / u128::from(*steps).max(1);
        println!("{name:>12} {steps:>9} {mean:>9} ns {:>7} us", longest.as_micros());
    }
    let each_second = u128::from(steps) * 1_000_000_000 / busy.as_nanos().max(1);
    println!(
        "{WORKERS} workers, {CELLS} cells in {JOBS} jobs: {steps} steps in {:.2} s in the scheduler, {each_second} steps a second ({:.2} s with the model)",
        busy.as_secs_f64(),
        took.as_secs_f64(),
    );
}

/// The steps of one kind of input.
#[derive(Debug, Default)]
struct Kind {
    steps: u64,
    took: Duration,
    longest: Duration,
}

/// What happens next in the model.
#[derive(Debug)]
enum Event {
    Tell(Input),
    Heartbeat(WorkerId),
    /// A worker goes on with a lease; so many of its cells are done.
    Work(WorkerId, LeaseId, u32),
}

struct Farm {
    scheduler: Scheduler,
    now: u64,
    queue: BTreeMap<(u64, u64), Event>,
    order: u64,
    work: BTreeMap<LeaseId, (JobId, Work)>,
    briefs: BTreeMap<JobId, Box<JobBrief>>,
    stitched: BTreeMap<JobId, u64>,
    done: u64,
    kinds: BTreeMap<&'static str, Kind>,
}

impl Farm {
    fn new() -> Self {
        let mut this = Self {
            scheduler: Scheduler::new(SchedulerConfig::default()),
            now: 0,
            queue: BTreeMap::new(),
            order: 0,
            work: BTreeMap::new(),
            briefs: BTreeMap::new(),
            stitched: BTreeMap::new(),
            done: 0,
            kinds: BTreeMap::new(),
        };
        for number in 0..WORKERS {
            let worker = WorkerId::parse(&format!("w{number}")).expect("a good name");
            let attachment = Attachment {
                worker: worker.clone(),
                session: number,
                instance: number,
                card: Card::None,
                slots: 1,
                encoders: if number % 4 == 0 {
                    Vec::new()
                } else {
                    vec![samples::proof(EncoderName::Libx264)]
                },
                models: WorkerModels::default(),
                holding: Vec::new(),
                acknowledges: false,
            };
            this.later(number, Event::Tell(Input::Attach(Box::new(attachment))));
            this.later(number + HEARTBEAT_MS, Event::Heartbeat(worker));
        }
        for number in 0..JOBS {
            let job = JobId::parse(&format!("j{number}")).expect("a good name");
            let request = Box::new(JobRequest {
                encoder: EncoderChoice::Named(EncoderName::Libx264),
                cell_frames: u32::try_from(CELL_FRAMES).ok(),
                output: format!("file:///{job}.mp4"),
                ..samples::request()
            });
            this.later(number, Event::Tell(Input::Submit { job, request }));
        }
        this
    }

    fn run(&mut self) {
        while self.done < JOBS {
            let next = self.queue.first_key_value().map(|((at, _), _)| *at);
            let due = self.scheduler.next_deadline().map(|due| due.0.max(self.now));
            if let Some(due) = due.filter(|due| next.is_none_or(|next| *due < next)) {
                self.now = due;
                self.tell("clock", Input::Clock);
            } else if let Some(((at, _), event)) = self.queue.pop_first() {
                self.now = at;
                self.happen(event);
            }
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Tell(input) => self.tell("other", input),
            Event::Heartbeat(worker) => {
                let session = worker.as_str()[1..].parse().expect("a number");
                self.later(HEARTBEAT_MS, Event::Heartbeat(worker.clone()));
                self.tell("heartbeat", Input::Heartbeat { worker, session });
            }
            Event::Work(worker, lease, cells) => self.work(worker, lease, cells),
        }
    }

    fn work(&mut self, worker: WorkerId, lease: LeaseId, cells: u32) {
        let Some((job, work)) = self.work.get(&lease) else { return };
        let report = |report| Input::Report { worker: worker.clone(), lease, report };
        let Work::Segment { segment, .. } = work else {
            let result = IntakeResult {
                source: SourceRef { url: "file:///in.mp4".to_owned(), bytes: 1, version: None },
                description: samples::object("description"),
                table: samples::object("table"),
                rest: None,
                notes: Vec::new(),
                frames: CELLS / JOBS * CELL_FRAMES,
            };
            self.tell("other", report(Report::IntakeDone(Box::new(result))));
            return;
        };
        if cells == segment.cells {
            self.work.remove(&lease);
            self.tell("segment done", report(Report::SegmentDone));
            return;
        }
        let brief = &self.briefs[job];
        let cell = &brief.cells[(segment.first.0 + cells) as usize];
        let summary = Box::new(samples::summary(cell, brief.spec.fingerprint(), "manifest"));
        let frames = u64::from(cells + 1) * CELL_FRAMES;
        self.tell("progress", report(Report::Progress { frames }));
        self.tell("cell done", report(Report::CellDone { summary }));
        self.later(CELL_MS, Event::Work(worker, lease, cells + 1));
    }

    fn tell(&mut self, name: &'static str, input: Input) {
        let mut effects = Vec::new();
        let begun = Instant::now();
        self.scheduler.step(Tick(self.now), input, &mut effects);
        let took = begun.elapsed();
        let kind = self.kinds.entry(name).or_default();
        kind.steps += 1;
        kind.took += took;
        kind.longest = kind.longest.max(took);
        for effect in effects {
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Grant { worker, lease, grant, .. } => {
                self.work.insert(lease, (grant.job, grant.work));
                self.later(CELL_MS, Event::Work(worker, lease, 0));
            }
            Effect::LoadTable { job, .. } => {
                let table = Box::new(samples::table(CELLS / JOBS * CELL_FRAMES, CELL_FRAMES));
                let description = Box::new(samples::description());
                self.later(1, Event::Tell(Input::TableLoaded { job, description, table }));
            }
            Effect::WriteBrief { job, brief, .. } => {
                self.briefs.insert(job.clone(), brief);
                let brief = samples::object("brief");
                self.later(1, Event::Tell(Input::BriefWritten { job, brief }));
            }
            Effect::StitchPart { job, lease, .. } => {
                let stitched = self.stitched.entry(job.clone()).or_default();
                *stitched += 1;
                if *stitched == CELLS / JOBS {
                    let published = Published { bytes: 1, notes: Vec::new() };
                    self.later(1, Event::Tell(Input::Published { job, lease, published }));
                }
            }
            Effect::JobEnded { outcome, .. } => {
                assert!(matches!(outcome, JobOutcome::Done(_)), "no job fails: {outcome:?}");
                self.done += 1;
            }
            Effect::Record(_)
            | Effect::Revoke { .. }
            | Effect::HandIn { .. }
            | Effect::DrainWorker { .. }
            | Effect::LoadFinding { .. }
            | Effect::StartStitch { .. }
            | Effect::AbortStitch { .. }
            | Effect::CopyThrough { .. }
            | Effect::WriteDraft { .. }
            | Effect::Sweep { .. }
            | Effect::Ignored(_) => {}
        }
    }

    fn later(&mut self, wait: u64, event: Event) {
        self.order += 1;
        self.queue.insert((self.now + wait, self.order), event);
    }
}
