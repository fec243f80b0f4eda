//! The scheduler at full size: 10,000 workers of every tier, 10,000 queued jobs, 100,000 committed parts and
//! 20,000 leased cells at one moment; then a restart of the coordinator from its journal, and faults.
//!
//! A model for time and memory, not for mistakes: workers are honest, the net is quick. A hundredth of the
//! workers die in the middle, a tenth are three times as slow as their tier. Checks that nobody's cell is
//! committed twice, and that a restart remembers all of it; prints what a step of each kind costs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use cleanplate_core::config::SchedulerConfig;
use cleanplate_core::effect::{Effect, Work};
use cleanplate_core::input::{Attachment, Input, IntakeResult, Report};
use cleanplate_core::record::{Event, Record};
use cleanplate_core::scheduler::Scheduler;
use cleanplate_types::brief::JobBrief;
use cleanplate_types::encode::EncoderName;
use cleanplate_types::ids::{CellIndex, JobId, LeaseId, WorkerId};
use cleanplate_types::model::WorkerModels;
use cleanplate_types::request::{EncoderChoice, JobRequest};
use cleanplate_types::source::SourceRef;
use cleanplate_types::tier::Card;
use cleanplate_types::time::Tick;

use crate::random::Random;
use crate::samples;

const WORKERS: u64 = 10_000;
const SLOTS: u32 = 2;
/// Jobs that are being encoded, and cells of each.
const FILMS: u64 = 50;
const FILM_CELLS: u64 = 4_000;
const QUEUED: u64 = 10_000;
const COMMITTED: u64 = 100_000;
const CELL_FRAMES: u64 = 120;
const HEARTBEAT_MS: u64 = 3_000;
/// Memory of each tier's card in GiB; the last is a machine without one.
const TIERS_GIB: [u64; 6] = [24, 16, 10, 8, 6, 0];

/// What a kind of step cost.
#[derive(Debug, Default)]
struct Kind {
    steps: u64,
    took: Duration,
    longest: Duration,
}

#[derive(Debug)]
enum Next {
    Tell(Input),
    Heartbeat(u64),
    /// A lease goes on; so many of its cells are done.
    Work(LeaseId, u32),
    Die(u64),
}

struct Held {
    worker: u64,
    job: JobId,
    work: Work,
}

struct Full {
    scheduler: Scheduler,
    random: Random,
    now: u64,
    queue: BTreeMap<(u64, u64), Next>,
    order: u64,
    held: BTreeMap<LeaseId, Held>,
    dead: BTreeSet<u64>,
    briefs: BTreeMap<JobId, Box<JobBrief>>,
    journal: Vec<Record>,
    committed: BTreeSet<(JobId, CellIndex)>,
    kinds: BTreeMap<&'static str, Kind>,
}

/// Runs one seed and prints what it cost.
pub(crate) fn run(seed: u64) {
    let begun = Instant::now();
    let mut full = Full::new(seed);
    full.run_until(COMMITTED / 2);
    for _ in 0..WORKERS / 100 {
        let worker = full.random.below(WORKERS);
        full.later(0, Next::Die(worker));
    }
    full.run_until(COMMITTED);
    let cells: u64 = full.held.values().map(Held::cells).sum();
    println!(
        "\nfull size, seed {seed}: {WORKERS} workers, {} jobs open, {} parts committed, {} leases on {cells} cells",
        full.scheduler.jobs_open(),
        full.committed.len(),
        full.held.len(),
    );
    full.print_steps();
    full.restart();
    println!(
        "{:.1} s with the model, peak memory {} MiB",
        begun.elapsed().as_secs_f64(),
        peak_mib()
    );
}

/// The most memory that this process had, in MiB; 0 where the machine does not tell.
pub(crate) fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}

impl Held {
    fn cells(&self) -> u64 {
        if let Work::Segment { segment, .. } = &self.work { segment.cells.into() } else { 0 }
    }
}

impl Full {
    fn new(seed: u64) -> Self {
        let mut this = Self {
            scheduler: Scheduler::new(SchedulerConfig::default()),
            random: Random::new(seed),
            now: 0,
            queue: BTreeMap::new(),
            order: 0,
            held: BTreeMap::new(),
            dead: BTreeSet::new(),
            briefs: BTreeMap::new(),
            journal: Vec::new(),
            committed: BTreeSet::new(),
            kinds: BTreeMap::new(),
        };
        for number in 0..FILMS {
            this.submit("film", number, 1, 100);
        }
        for number in 0..QUEUED {
            this.submit("queued", number, 0, 20_000);
        }
        for number in 0..WORKERS {
            this.later(10_000 + number, Next::Tell(attachment(number, number, Vec::new())));
            this.later(10_000 + number + HEARTBEAT_MS, Next::Heartbeat(number));
        }
        this
    }

    fn submit(&mut self, name: &str, number: u64, priority: i32, at: u64) {
        let job = JobId::parse(&format!("{name}{number}")).expect("a good name");
        let request = Box::new(JobRequest {
            encoder: EncoderChoice::Named(EncoderName::Libx264),
            cell_frames: u32::try_from(CELL_FRAMES).ok(),
            priority,
            output: format!("file:///{job}.mp4"),
            ..samples::request()
        });
        self.later(at, Next::Tell(Input::Submit { job, request }));
    }

    fn run_until(&mut self, committed: u64) {
        while (self.committed.len() as u64) < committed {
            let next = self.queue.first_key_value().map(|((at, _), _)| *at);
            let due = self.scheduler.next_deadline().map(|due| due.0.max(self.now));
            if let Some(due) = due.filter(|due| next.is_none_or(|next| *due < next)) {
                self.now = due;
                self.tell("clock", Input::Clock);
            } else if let Some(((at, _), next)) = self.queue.pop_first() {
                self.now = at;
                self.happen(next);
            }
        }
    }

    fn happen(&mut self, next: Next) {
        match next {
            Next::Tell(input) => {
                let name = if let Input::Attach(_) = input { "attach" } else { "job" };
                self.tell(name, input);
            }
            Next::Heartbeat(number) if self.dead.contains(&number) => {}
            Next::Heartbeat(number) => {
                self.later(HEARTBEAT_MS, Next::Heartbeat(number));
                self.tell("heartbeat", Input::Heartbeat { worker: id(number), session: number });
            }
            Next::Work(lease, cells) => self.work(lease, cells),
            Next::Die(number) => {
                self.dead.insert(number);
                self.held.retain(|_, held| held.worker != number);
            }
        }
    }

    fn work(&mut self, lease: LeaseId, cells: u32) {
        let Some(Held { worker, job, work }) = self.held.get(&lease) else { return };
        let number = *worker;
        let report = |report| Input::Report { worker: id(number), lease, report };
        let Work::Segment { segment, .. } = work else {
            let result = IntakeResult {
                source: SourceRef { url: "file:///in.mp4".to_owned(), bytes: 1, version: None },
                description: samples::object("description"),
                table: samples::object("table"),
                rest: None,
                notes: Vec::new(),
                frames: cells_of(job) * CELL_FRAMES,
            };
            let done = report(Report::IntakeDone(Box::new(result)));
            self.held.remove(&lease);
            self.tell("intake done", done);
            return;
        };
        if cells == segment.cells {
            self.held.remove(&lease);
            self.tell("segment done", report(Report::SegmentDone));
            return;
        }
        let brief = &self.briefs[job];
        let cell = &brief.cells[(segment.first.0 + cells) as usize];
        let summary = Box::new(samples::summary(cell, brief.spec.fingerprint(), "manifest"));
        let frames = u64::from(cells + 1) * CELL_FRAMES;
        self.later(cell_ms(number), Next::Work(lease, cells + 1));
        self.tell("progress", report(Report::Progress { frames }));
        self.tell("cell done", report(Report::CellDone { summary }));
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
                let worker = worker.as_str()[1..].parse().expect("a number");
                if !self.dead.contains(&worker) {
                    self.later(cell_ms(worker), Next::Work(lease, 0));
                    self.held.insert(lease, Held { worker, job: grant.job, work: grant.work });
                }
            }
            Effect::HandIn { .. } => unreachable!("no machine is taken away here"),
            Effect::Revoke { lease, .. } => {
                self.held.remove(&lease);
            }
            Effect::LoadTable { job, .. } => {
                let frames = cells_of(&job) * CELL_FRAMES;
                let table = Box::new(samples::table(frames, CELL_FRAMES));
                let description = Box::new(samples::description());
                self.later(1, Next::Tell(Input::TableLoaded { job, description, table }));
            }
            Effect::WriteBrief { job, brief, .. } => {
                self.briefs.insert(job.clone(), brief);
                let brief = samples::object("brief");
                self.later(1, Next::Tell(Input::BriefWritten { job, brief }));
            }
            Effect::Record(record) => {
                if let Event::CellCommitted { summary, .. } = &record.event {
                    let first = self.committed.insert((record.job.clone(), summary.cell));
                    assert!(first, "cell {} of {} is committed once", summary.cell, record.job);
                }
                self.journal.push(record);
            }
            Effect::JobEnded { job, outcome } => {
                panic!("no job ends here: {job} {outcome:?}");
            }
            Effect::DrainWorker { .. }
            | Effect::LoadFinding { .. }
            | Effect::StartStitch { .. }
            | Effect::StitchPart { .. }
            | Effect::AbortStitch { .. }
            | Effect::CopyThrough { .. }
            | Effect::WriteDraft { .. }
            | Effect::Sweep { .. }
            | Effect::Ignored(_) => {}
        }
    }

    fn print_steps(&self) {
        println!("{:>12} {:>9} {:>12} {:>10}", "input", "steps", "mean", "longest");
        for (name, Kind { steps, took, longest }) in &self.kinds {
            let mean = took.as_nanos() / u128::from(*steps).max(1);
            println!("{name:>12} {steps:>9} {mean:>9} ns {:>7} us", longest.as_micros());
        }
        let steps: u64 = self.kinds.values().map(|kind| kind.steps).sum();
        let busy: Duration = self.kinds.values().map(|kind| kind.took).sum();
        let each_second = u128::from(steps) * 1_000_000_000 / busy.as_nanos().max(1);
        println!("{steps} steps in {:.2} s, {each_second} a second", busy.as_secs_f64());
    }

    /// The coordinator starts again from its journal, and every worker attaches.
    fn restart(&mut self) {
        let begun = Instant::now();
        let records = self.journal.iter().cloned();
        let restored = Scheduler::restore(SchedulerConfig::default(), records, Tick(self.now));
        assert!(self.scheduler.remembers_the_same(&restored), "a restart forgets nothing");
        let restore = begun.elapsed();
        self.scheduler = restored;
        self.kinds.clear();
        self.tell("clock", Input::Clock);
        let grants = self.held.len();
        self.tell("attach", attachment(WORKERS, WORKERS, Vec::new()));
        assert!(self.held.len() > grants, "a new worker gets work at once");
        let first = begun.elapsed();
        let mut holding: BTreeMap<u64, Vec<LeaseId>> = BTreeMap::new();
        for (lease, held) in &self.held {
            holding.entry(held.worker).or_default().push(*lease);
        }
        for number in (0..WORKERS).filter(|number| !self.dead.contains(number)).collect::<Vec<_>>()
        {
            let held = holding.remove(&number).unwrap_or_default();
            self.tell("attach", attachment(number, WORKERS + 1 + number, held));
        }
        println!(
            "restart: {} records applied in {:.2} s, first grant after {:.2} s, all workers back after {:.2} s",
            self.journal.len(),
            restore.as_secs_f64(),
            first.as_secs_f64(),
            begun.elapsed().as_secs_f64(),
        );
        self.print_steps();
    }

    fn later(&mut self, wait: u64, next: Next) {
        self.order += 1;
        self.queue.insert((self.now + wait, self.order), next);
    }
}

/// The handshake of a worker; its tier and what it lacks follow from its number.
fn attachment(number: u64, session: u64, holding: Vec<LeaseId>) -> Input {
    let gib = TIERS_GIB[usize::try_from(number % 6).expect("a small number fits")];
    let card = if gib == 0 {
        Card::None
    } else {
        Card::Gpu { name: "model".to_owned(), vram_mib: gib * 1024, pretended: true }
    };
    let mut encoders = vec![samples::proof(EncoderName::Libx264)];
    // Some have lost what all jobs want.
    if number % 50 == 49 {
        encoders = vec![samples::proof(EncoderName::H264Nvenc)];
    }
    Input::Attach(Box::new(Attachment {
        worker: id(number),
        session,
        instance: number,
        card,
        slots: SLOTS,
        encoders,
        models: WorkerModels::default(),
        holding,
        acknowledges: false,
    }))
}

/// Cells of a job: those of the films fill the fleet, the others wait.
fn cells_of(job: &JobId) -> u64 {
    if job.as_str().starts_with("film") { FILM_CELLS } else { 10 }
}

/// Milliseconds that a worker needs for a cell in one of its slots.
fn cell_ms(number: u64) -> u64 {
    let usual = 4_000 + number % 6 * 2_000;
    if number % 10 == 7 { usual * 3 } else { usual }
}

fn id(number: u64) -> WorkerId {
    WorkerId::parse(&format!("w{number}")).expect("a good name")
}
