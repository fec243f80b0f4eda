//! Many runs, and what came of them: which fault fell in which phase, how the jobs ended, what is wrong.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::draw::{Draw, Fault, Phase};
use super::judge::Ending;
use super::run::{Ran, Stage, perform as perform_one};
use crate::postgres::TestPostgres;
use crate::{binary, clips};

/// Runs that go on side by side: much of each is waiting.
pub const LANES: u64 = 2;

/// What the job of every run is asked: small cells, small segments, and a look for what stays in place.
const OPTIONS: [&str; 14] = [
    "--region",
    "20,20,100,40",
    "--detect",
    "static",
    "--fill",
    "membrane",
    "--encoder",
    "libx264",
    "--preset",
    "medium",
    "--cell-frames",
    "24",
    "--segment-frames",
    "48",
];

/// What came of a series.
#[derive(Debug, Default)]
pub struct Report {
    /// Runs that ended in the movie of an undisturbed run.
    pub exact: u64,
    /// Runs that ended in a failure, by its kind.
    pub failed: BTreeMap<String, u64>,
    /// How many faults of a kind fell in a phase.
    pub landed: BTreeMap<(Fault, Phase), u64>,
    /// Faults whose moment never came.
    pub missed: u64,
    /// What is wrong, each with the command that replays it.
    pub wrong: Vec<String>,
    /// Runs that this machine cannot perform, with the reason.
    pub skipped: Vec<String>,
    /// The longest run.
    pub longest: Duration,
    /// From start to end.
    pub took: Duration,
}

/// Performs the runs of `seeds`, as many side by side as there are `lanes`; what is wrong is printed at once, and its
/// folder is kept.
///
/// # Panics
/// Where the movie of an undisturbed run cannot be made.
#[must_use]
pub fn perform(seeds: std::ops::Range<u64>, lanes: u64) -> Report {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let stage = undisturbed(folder.path());
    let start = Instant::now();
    let next = AtomicU64::new(seeds.start);
    let report = Mutex::new(Report::default());
    std::thread::scope(|scope| {
        for lane in 0..lanes {
            let (stage, next, report, end) = (&stage, &next, &report, seeds.end);
            std::thread::Builder::new()
                .name(format!("lane-{lane}"))
                .spawn_scoped(scope, move || work(stage, next, end, report))
                .expect("a thread starts");
        }
    });
    let mut report = report.into_inner().expect("no lane ended with the report in hand");
    report.took = start.elapsed();
    report
}

fn undisturbed(folder: &Path) -> Stage {
    let clip = clips::kept("320x180", 288, &clips::X264_PLAIN);
    let output = folder.join("undisturbed.mp4");
    let ends = ["run", clip.to_str().expect("a path is text"), "-o"];
    let output_name = [output.to_str().expect("a path is text")];
    binary::run_ok([&ends[..], &output_name, &OPTIONS].concat());
    let movie = std::fs::read(&output).expect("the movie is there");
    Stage { clip, options: OPTIONS.to_vec(), movie }
}

fn work(stage: &Stage, next: &AtomicU64, end: u64, report: &Mutex<Report>) {
    // A server of the lane's own: another lane's runs do not lose theirs with it.
    let mut server: Option<TestPostgres> = None;
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            return;
        }
        let draw = Draw::from_seed(seed);
        if draw.postgres && server.is_none() {
            server = TestPostgres::start().ok();
        }
        let folder = tempfile::Builder::new()
            .prefix(&format!("chaos-{seed}-"))
            .tempdir()
            .expect("a temporary folder");
        let began = Instant::now();
        let run = || perform_one(&draw, stage, folder.path(), server.as_ref());
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
        let took = began.elapsed();
        let mut report = report.lock().expect("the report is whole");
        report.longest = report.longest.max(took);
        let is_right = match ran {
            Ok(Ok(ran)) => report.take(&draw, ran, folder.path()),
            Ok(Err(reason)) => {
                println!("skipped: seed {seed}: {reason}");
                report.skipped.push(reason);
                true
            }
            Err(_panic) => {
                report.wrong(&draw, "the run broke off", folder.path());
                server = None;
                false
            }
        };
        if !is_right {
            // Dropped, it would be gone.
            println!("kept: {}", folder.keep().display());
        }
    }
}

impl Report {
    /// Counts a run; says whether all is right with it.
    fn take(&mut self, draw: &Draw, ran: Ran, folder: &Path) -> bool {
        let Ran { ending, landed, missed, wrong, logs } = ran;
        for one in landed {
            *self.landed.entry(one).or_default() += 1;
        }
        self.missed += missed.len() as u64;
        match ending {
            Ending::Exact => self.exact += 1,
            Ending::Failed { kind, message } => {
                println!("seed {}: failed: {kind}: {message}", draw.seed);
                *self.failed.entry(kind).or_default() += 1;
            }
            Ending::Wrong => {}
        }
        if !wrong.is_empty() {
            self.wrong(draw, &format!("{}\n{logs}", wrong.join("\n    ")), folder);
        }
        wrong.is_empty()
    }

    fn wrong(&mut self, draw: &Draw, what: &str, folder: &Path) {
        let what = format!(
            "seed {}, {} workers, {}, {:?}\n    {what}\n    folder: {}\n    replay: make chaos RUNS=1 SEED={}",
            draw.seed,
            draw.workers,
            if draw.postgres { "PostgreSQL" } else { "SQLite" },
            draw.blows,
            folder.display(),
            draw.seed
        );
        println!("WRONG {what}");
        self.wrong.push(what);
    }

    /// How many faults fell.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.landed.values().sum()
    }

    /// Prints which fault fell how often in which phase, which never did, and the sums.
    pub fn print(&self) {
        let title = |phase: Phase| format!("{:>8}", phase.as_str());
        println!("\n{:<28}{}", "", Phase::ALL.map(title).concat());
        let mut empty = Vec::new();
        for fault in Fault::ALL {
            let cell = |phase: Phase| {
                let count = self.landed.get(&(fault, phase)).copied().unwrap_or(0);
                match (count, fault.can_be_in(phase)) {
                    (0, false) => format!("{:>8}", "-"),
                    (0, true) => {
                        empty.push(format!("{} in {}", fault.as_str(), phase.as_str()));
                        format!("{:>8}", 0)
                    }
                    (count, _) => format!("{count:>8}"),
                }
            };
            println!("{:<28}{}", fault.as_str(), Phase::ALL.map(cell).concat());
        }
        let empty = if empty.is_empty() { "none".to_owned() } else { empty.join(", ") };
        println!("never fell: {empty}");
        let failed: u64 = self.failed.values().sum();
        println!(
            "{} exact movies, {failed} typed failures {:?}, {} wrong, {} skipped; {} faults fell, {} moments never came; {:.1} s in all, longest run {:.1} s",
            self.exact,
            self.failed,
            self.wrong.len(),
            self.skipped.len(),
            self.faults(),
            self.missed,
            self.took.as_secs_f64(),
            self.longest.as_secs_f64(),
        );
    }
}
