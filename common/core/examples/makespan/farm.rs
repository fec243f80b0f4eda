//! The farm of the model: workers that share their card between two leases, and time in steps of 20 ms.
//! What it is a model of, and of what not, is said in `main.rs`.

use std::collections::BTreeMap;

use cleanplate_core::config::SchedulerConfig;
use cleanplate_core::effect::{Effect, Work};
use cleanplate_core::input::{Attachment, Input, IntakeResult, Report};
use cleanplate_core::outcome::Published;
use cleanplate_core::record::{Event, Piece};
use cleanplate_core::scheduler::Scheduler;
use cleanplate_types::brief::JobBrief;
use cleanplate_types::encode::EncoderName;
use cleanplate_types::frames::FrameRange;
use cleanplate_types::ids::{JobId, LeaseId, WorkerId};
use cleanplate_types::model::WorkerModels;
use cleanplate_types::overlay::Finding;
use cleanplate_types::part::PartSummary;
use cleanplate_types::picture::Rect;
use cleanplate_types::request::{Detect, EncoderChoice, JobRequest, Region};
use cleanplate_types::source::SourceRef;
use cleanplate_types::tier::Card;
use cleanplate_types::time::Tick;

use crate::random::Random;
use crate::samples;

const FRAMES: u64 = 216_000;
const KEYFRAMES: u64 = 250;
/// Frames a second of each worker.
const SPEEDS: [u64; 6] = [240, 120, 120, 60, 60, 30];
const SLOTS: u32 = 2;
const STEP_MS: u64 = 20;
const FETCH_MS: u64 = 2_000;
const UPLOAD_MS: u64 = 1_000;
const PROGRESS_MS: u64 = 500;
const HEARTBEAT_MS: u64 = 3_000;
const KILL_MS_MOST: u64 = 20 * 60_000;
const REPLACED_MS: u64 = 60_000;
/// A window's frames cost so many times less than a cell's, and an audit's.
const LOOK_RATIO: u64 = 4;
const AUDIT_RATIO: u64 = 4;
/// No job takes so long.
const END_MS: u64 = 4 * 3_600_000;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    Calm,
    Slow,
    Kills,
}

/// How it went.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Outcome {
    pub(crate) span_ms: u64,
    pub(crate) ideal_ms: u64,
    /// The same from the moment on at which the cells could be leased.
    pub(crate) cells_span_ms: u64,
    pub(crate) cells_ideal_ms: u64,
    /// Leases in all.
    pub(crate) leases: u64,
    /// Leases on work that another had.
    pub(crate) copies: u64,
}

#[derive(Debug)]
struct Worker {
    id: WorkerId,
    /// Frames a second.
    speed: u64,
    up: bool,
    session: u64,
    /// When it is killed, or comes back.
    fate_ms: u64,
    held: Vec<Held>,
}

#[derive(Debug)]
struct Held {
    lease: LeaseId,
    computes_from: u64,
    /// What is to be made, one after another: its work left, its frames, and what is told of it.
    steps: Vec<Step>,
    at: usize,
    frames: u64,
    told: u64,
}

#[derive(Debug)]
struct Step {
    /// In thousandths of a frame: a worker of 1 frame a second does one each millisecond.
    work: u64,
    left: u64,
    frames: u64,
    report: Option<Report>,
}

pub(crate) struct Farm {
    scheduler: Scheduler,
    random: Random,
    scenario: Scenario,
    now: u64,
    workers: Vec<Worker>,
    sessions: u64,
    inbox: BTreeMap<(u64, u64), Input>,
    order: u64,
    brief: Option<Box<JobBrief>>,
    /// Thousandths that a frame of each block of frames costs.
    costs: Vec<u64>,
    stitched: u64,
    /// Work that was possible so far, and that the job needs.
    possible: u64,
    needed: u64,
    ideal_ms: Option<u64>,
    /// When the brief was written, and the work that will have been possible when the cells could be done.
    brief_ms: u64,
    cells_needed: u64,
    cells_ideal_ms: Option<u64>,
    ended: bool,
    outcome: Outcome,
    leased: BTreeMap<LeaseId, FrameRange>,
}

impl Farm {
    pub(crate) fn new(seed: u64, scenario: Scenario) -> Self {
        let mut random = Random::new(seed);
        let slow = (scenario == Scenario::Slow).then(|| random.below(SPEEDS.len() as u64));
        let kills = scenario == Scenario::Kills;
        let workers = (0..).zip(SPEEDS).map(|(index, speed)| Worker {
            id: name(index, 0),
            speed: if slow == Some(index) { speed / 10 } else { speed },
            up: false,
            session: 0,
            fate_ms: if kills { random.between(1, KILL_MS_MOST) } else { u64::MAX },
            held: Vec::new(),
        });
        let workers = workers.collect();
        let costs = (0..=FRAMES / KEYFRAMES).map(|_| random.between(800, 1200)).collect();
        let mut this = Self {
            scheduler: Scheduler::new(SchedulerConfig::default()),
            random,
            scenario,
            now: 0,
            workers,
            sessions: 0,
            inbox: BTreeMap::new(),
            order: 0,
            brief: None,
            costs,
            stitched: 0,
            possible: 0,
            needed: u64::MAX,
            ideal_ms: None,
            brief_ms: 0,
            cells_needed: u64::MAX,
            cells_ideal_ms: None,
            ended: false,
            outcome: Outcome::default(),
            leased: BTreeMap::new(),
        };
        for index in 0..this.workers.len() {
            this.attach(index);
        }
        let rect = Rect { x: 16, y: 16, width: 32, height: 16 };
        let request = Box::new(JobRequest {
            encoder: EncoderChoice::Named(EncoderName::Libx264),
            detect: vec![Detect::Static],
            regions: vec![Region { rect, when: None }],
            fill: cleanplate_types::overlay::Fill::Membrane,
            audit: None,
            ..samples::request()
        });
        this.tell(Input::Submit { job: job(), request });
        this
    }

    pub(crate) fn run(mut self) -> Outcome {
        while !self.ended {
            self.now += STEP_MS;
            assert!(self.now < END_MS, "the job ends");
            self.possible +=
                self.workers.iter().filter(|it| it.up).map(|it| it.speed * STEP_MS).sum::<u64>();
            if self.possible >= self.needed {
                self.ideal_ms.get_or_insert(self.now);
            }
            if self.possible >= self.cells_needed {
                self.cells_ideal_ms.get_or_insert(self.now);
            }
            while let Some(((at, _), input)) = self.inbox.pop_first() {
                if at > self.now {
                    self.inbox.insert((at, 0), input);
                    break;
                }
                self.tell(input);
            }
            if self.scheduler.next_deadline().is_some_and(|due| due.0 <= self.now) {
                self.tell(Input::Clock);
            }
            for index in 0..self.workers.len() {
                self.compute(index);
                self.befall(index);
            }
        }
        self.outcome.span_ms = self.now;
        // A job that ends before the ideal would be a model that is wrong.
        self.outcome.ideal_ms = self.ideal_ms.expect("no job is faster than its workers");
        let cells_ideal_ms = self.cells_ideal_ms.expect("nor are its cells");
        self.outcome.cells_span_ms = self.now - self.brief_ms;
        self.outcome.cells_ideal_ms = cells_ideal_ms - self.brief_ms;
        self.outcome
    }

    fn attach(&mut self, index: usize) {
        self.sessions += 1;
        let session = self.sessions;
        let worker = &mut self.workers[index];
        (worker.up, worker.session) = (true, session);
        let attachment = Attachment {
            worker: worker.id.clone(),
            session,
            instance: session,
            card: Card::Gpu { name: "model".to_owned(), vram_mib: 24 * 1024, pretended: true },
            slots: SLOTS,
            encoders: vec![samples::proof(EncoderName::Libx264)],
            models: WorkerModels::default(),
            holding: Vec::new(),
            acknowledges: false,
        };
        self.tell(Input::Attach(Box::new(attachment)));
    }

    fn befall(&mut self, index: usize) {
        let worker = &mut self.workers[index];
        if worker.up && self.now.is_multiple_of(HEARTBEAT_MS) {
            let (worker, session) = (worker.id.clone(), worker.session);
            self.later(0, Input::Heartbeat { worker, session });
        }
        let worker = &mut self.workers[index];
        if self.scenario != Scenario::Kills || self.now < worker.fate_ms {
            return;
        }
        if worker.up {
            worker.up = false;
            worker.held.clear();
            worker.fate_ms = self.now + REPLACED_MS;
        } else {
            worker.id = name(index as u64, self.sessions);
            worker.fate_ms = self.now + self.random.between(1, KILL_MS_MOST);
            self.attach(index);
        }
    }

    /// Lets a worker compute for one step.
    fn compute(&mut self, index: usize) {
        let now = self.now;
        let worker = &mut self.workers[index];
        let id = worker.id.clone();
        let is_busy = |it: &Held| it.computes_from <= now && it.at < it.steps.len();
        let busy = worker.held.iter().filter(|it| is_busy(it)).count() as u64;
        let share = worker.speed * STEP_MS / busy.max(1);
        let mut said = Vec::new();
        for held in worker.held.iter_mut().filter(|it| is_busy(it)) {
            let mut budget = share;
            while let Some(step) = held.steps.get_mut(held.at) {
                let done = budget.min(step.left);
                (step.left, budget) = (step.left - done, budget - done);
                if step.left > 0 {
                    break;
                }
                held.at += 1;
                held.frames += step.frames;
                said.extend(step.report.take().map(|report| (UPLOAD_MS, held.lease, report)));
            }
            if now.is_multiple_of(PROGRESS_MS) {
                let part = held
                    .steps
                    .get(held.at)
                    .map_or(0, |step| (step.work - step.left) * step.frames / step.work.max(1));
                let frames = held.frames + part;
                if frames > held.told {
                    held.told = frames;
                    said.push((0, held.lease, Report::Progress { frames }));
                }
            }
        }
        for (wait, lease, report) in said {
            let worker = id.clone();
            self.later(wait, Input::Report { worker, lease, report });
        }
    }

    fn later(&mut self, wait: u64, input: Input) {
        self.order += 1;
        self.inbox.insert((self.now + wait, self.order), input);
    }

    fn tell(&mut self, input: Input) {
        if let Input::Report { worker, lease, report } = &input {
            // What a worker that was killed had on its way is lost.
            let Some(worker) = self.workers.iter_mut().find(|it| it.up && it.id == *worker) else {
                return;
            };
            match report {
                Report::Progress { .. } | Report::CellDone { .. } => {}
                Report::IntakeDone(_)
                | Report::WindowDone { .. }
                | Report::ReduceDone { .. }
                | Report::SegmentDone
                | Report::AuditDone { .. }
                | Report::GaveBack
                | Report::Released
                | Report::Failed { .. } => worker.held.retain(|it| it.lease != *lease),
            }
        }
        let mut effects = Vec::new();
        self.scheduler.step(Tick(self.now), input, &mut effects);
        for effect in effects {
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Grant { worker, lease, grant, .. } => self.grant(&worker, lease, grant.work),
            Effect::HandIn { .. } => unreachable!("no machine is taken away with a word here"),
            Effect::Revoke { worker, lease, .. } => {
                let worker = self.workers.iter_mut().find(|it| it.id == worker);
                worker.into_iter().for_each(|it| it.held.retain(|held| held.lease != lease));
            }
            Effect::LoadTable { job, .. } => {
                let table = Box::new(samples::table(FRAMES, KEYFRAMES));
                let description = Box::new(samples::description());
                self.later(0, Input::TableLoaded { job, description, table });
            }
            Effect::LoadFinding { job, .. } => {
                let finding = Box::new(Finding::Nothing);
                self.later(0, Input::FindingLoaded { job, finding });
            }
            Effect::WriteDraft { job, look, .. } => {
                self.later(0, Input::DraftWritten { job, look, draft: samples::object("draft") });
            }
            Effect::WriteBrief { job, brief, .. } => {
                let cells = brief.cells.iter().map(|cell| self.cost(cell.frames)).sum::<u64>();
                self.needed = cells + cells / LOOK_RATIO;
                (self.brief_ms, self.cells_needed) = (self.now, self.possible + cells);
                self.brief = Some(brief);
                self.later(0, Input::BriefWritten { job, brief: samples::object("brief") });
            }
            Effect::StitchPart { job, lease, .. } => {
                self.stitched += 1;
                let cells = self.brief.as_ref().map_or(0, |brief| brief.cells.len() as u64);
                if self.stitched == cells {
                    let published = Published { bytes: 1, notes: Vec::new() };
                    self.later(0, Input::Published { job, lease, published });
                }
            }
            Effect::JobEnded { outcome, .. } => {
                assert_eq!(outcome.as_str(), "done", "{outcome:?}");
                self.ended = true;
            }
            Effect::Record(record) => self.record(&record.event),
            Effect::DrainWorker { .. }
            | Effect::StartStitch { .. }
            | Effect::AbortStitch { .. }
            | Effect::CopyThrough { .. }
            | Effect::Sweep { .. }
            | Effect::Ignored(_) => {}
        }
    }

    fn record(&mut self, event: &Event) {
        if let Event::Leased { lease, piece, .. } = event {
            self.outcome.leases += 1;
            let frames = match piece {
                Piece::Segment(segment) => segment.frames,
                Piece::Window(window) => window.frames,
                Piece::Intake | Piece::Reduce | Piece::Audit(_) => return,
            };
            let meets = |other: &FrameRange| !other.intersect(frames).is_empty();
            self.outcome.copies += u64::from(self.leased.values().any(meets));
            self.leased.insert(*lease, frames);
        }
        if let Event::LeaseEnded { lease, .. } | Event::WindowDone { lease, .. } = event {
            self.leased.remove(lease);
        }
    }

    fn cost(&self, frames: FrameRange) -> u64 {
        let place = |frame: u64| usize::try_from(frame / KEYFRAMES).expect("a frame fits");
        (frames.start..frames.end).map(|frame| self.costs[place(frame)]).sum()
    }

    fn grant(&mut self, worker: &WorkerId, lease: LeaseId, work: Work) {
        let whole = |work: u64, frames: u64, report| {
            vec![Step { work, left: work, frames, report: Some(report) }]
        };
        let steps = match work {
            Work::Intake { .. } => {
                let intake = IntakeResult {
                    source: SourceRef { url: "file:///in.mp4".to_owned(), bytes: 1, version: None },
                    description: samples::object("description"),
                    table: samples::object("table"),
                    rest: None,
                    notes: Vec::new(),
                    frames: FRAMES,
                };
                whole(0, 0, Report::IntakeDone(Box::new(intake)))
            }
            Work::Analyse(look) => {
                let evidence = samples::object(&format!("evidence/{}", look.index));
                let cost = self.cost(look.window) / LOOK_RATIO;
                whole(cost, look.window.count(), Report::WindowDone { evidence })
            }
            Work::Reduce { .. } => {
                let finding = samples::object("finding");
                let mattes = Some(samples::object("mattes"));
                whole(0, 0, Report::ReduceDone { finding, mattes })
            }
            Work::Segment { segment, .. } => self.cells(segment.indices()),
            Work::Audit { cell, .. } => {
                let brief = self.brief.as_ref().expect("a part was made");
                let frames = brief.cells[cell.0 as usize].frames;
                let done = Report::AuditDone { frames: frames.count() };
                whole(self.cost(frames) / AUDIT_RATIO, frames.count(), done)
            }
        };
        let computes_from = self.now + FETCH_MS;
        let held = Held { lease, computes_from, steps, at: 0, frames: 0, told: 0 };
        let worker = self.workers.iter_mut().find(|it| it.id == *worker && it.up);
        if let Some(worker) = worker {
            worker.held.push(held);
        }
    }

    fn cells(&self, cells: impl Iterator<Item = cleanplate_types::ids::CellIndex>) -> Vec<Step> {
        let brief = self.brief.as_ref().expect("segments follow the brief");
        let spec = brief.spec.fingerprint();
        let mut steps: Vec<Step> = cells
            .map(|cell| {
                let cell = &brief.cells[cell.0 as usize];
                let work = self.cost(cell.frames);
                let summary: PartSummary = samples::summary(cell, spec, "manifest");
                let report = Some(Report::CellDone { summary: Box::new(summary) });
                Step { work, left: work, frames: cell.frames.count(), report }
            })
            .collect();
        steps.push(Step { work: 0, left: 0, frames: 0, report: Some(Report::SegmentDone) });
        steps
    }
}

fn job() -> JobId {
    JobId::parse("film").expect("a good name")
}

fn name(index: u64, life: u64) -> WorkerId {
    WorkerId::parse(&format!("w{index}-{life}")).expect("a good name")
}
