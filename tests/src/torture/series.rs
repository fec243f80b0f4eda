//! Many runs, side by side, and what came of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use super::compare::Truth;
use super::draw::Draw;
use super::kind::Expect;
use super::known::{self, Shortfall};
use super::lane::Lane;
use super::workshop;

/// Runs that go on side by side: the machines that this is made for have two cores.
pub const LANES: u64 = 2;

/// What came of a series.
#[derive(Debug, Default)]
pub struct Report {
    /// What a replay needs beside the seed.
    pub only: String,
    /// Runs in all.
    pub runs: u64,
    /// Exact outputs.
    pub exact: u64,
    /// Refusals that are right.
    pub refused: u64,
    /// Damage that was said.
    pub damaged: u64,
    /// Processes that were killed.
    pub kills: u64,
    /// What is wrong, each with the command that replays it.
    pub mismatches: Vec<String>,
    /// Shortfalls that are known, with the number of differences that they explain.
    pub shortfalls: BTreeMap<&'static Shortfall, u64>,
    /// From start to end.
    pub took: Duration,
}

/// The clips by kind, each made by the lane that first needs it.
type Clips = BTreeMap<&'static str, OnceLock<(PathBuf, Truth)>>;

/// Performs `draws`, as many side by side as there are `lanes`; what is wrong is printed at once.
///
/// # Panics
/// Where a clip cannot be made.
#[must_use]
pub fn perform(draws: &[Draw], lanes: u64, only: String) -> Report {
    let clips: Clips = draws.iter().map(|draw| (draw.kind.name, OnceLock::new())).collect();
    // Alike jobs one after another: each lane then starts few workers.
    let mut draws: Vec<&Draw> = draws.iter().collect();
    draws.sort_by_key(|draw| draw.workers);
    let start = Instant::now();
    let next = AtomicU64::new(0);
    let report = Mutex::new(Report { only, ..Report::default() });
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::thread::scope(|scope| {
        for lane in 0..lanes {
            let (draws, next, report, clips) = (&draws, &next, &report, &clips);
            let folder = folder.path().join(format!("lane-{lane}"));
            let work = move || work(&folder, draws, clips, next, report);
            std::thread::Builder::new()
                .name(format!("lane-{lane}"))
                .spawn_scoped(scope, work)
                .expect("a thread starts");
        }
    });
    let mut report = report.into_inner().expect("no lane ended with the report in hand");
    report.took = start.elapsed();
    report
}

fn work(folder: &Path, draws: &[&Draw], clips: &Clips, next: &AtomicU64, report: &Mutex<Report>) {
    let mut lane = Lane::new(folder.to_owned());
    loop {
        let place = usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap_or(usize::MAX);
        let Some(draw) = draws.get(place) else { return };
        let (source, truth) = clips[draw.kind.name].get_or_init(|| {
            let path = workshop::clip(draw.kind);
            let truth = Truth::new(&path);
            (path, truth)
        });
        let performed = std::panic::AssertUnwindSafe(|| lane.perform(draw, truth, source));
        let (wrong, kills) = match std::panic::catch_unwind(performed) {
            Ok(result) => result,
            Err(_) => {
                let logs = lane.logs();
                lane = Lane::new(folder.join(format!("after-{place}")));
                (vec![format!("the run came to no end\n{logs}")], 0)
            }
        };
        report.lock().expect("the report is whole").take(draw, wrong, kills);
    }
}

impl Report {
    fn take(&mut self, draw: &Draw, wrong: Vec<String>, kills: u32) {
        self.runs += 1;
        self.kills += u64::from(kills);
        let mut unexplained = Vec::new();
        for one in wrong {
            match known::explained(draw.kind.name, draw.output.container, &one) {
                Some(known) => *self.shortfalls.entry(known).or_default() += 1,
                None => unexplained.push(one),
            }
        }
        if unexplained.is_empty() {
            match draw.output.expect {
                Expect::Exact => self.exact += 1,
                Expect::Refused { .. } => self.refused += 1,
                Expect::Damaged { .. } => self.damaged += 1,
            }
            return;
        }
        let replay = if draw.seed == 0 {
            format!("make torture RUNS=0 KIND={}", draw.kind.name)
        } else {
            format!("make torture RUNS=1 SEED={}{}", draw.seed, self.only)
        };
        let what = format!(
            "{} -> {}, seed {}, cells of {}, segments of {}, {} workers, {:?}, conceal {}, encoder {:?}, kills {:?}\n    {}\n    replay: {replay}",
            draw.kind.name,
            draw.output.container,
            draw.seed,
            draw.cell_frames,
            draw.segment_frames,
            draw.workers,
            draw.through,
            draw.conceal,
            draw.encoder,
            draw.kills,
            unexplained.join("\n    ")
        );
        println!("MISMATCH {what}");
        self.mismatches.push(what);
    }

    /// Prints the sums.
    pub fn print(&self) {
        println!(
            "\n{} runs: {} exact, {} refused as they should be, {} damaged and said so, {} mismatches, {} kills, {:.1} s ({:.2} s a run)",
            self.runs,
            self.exact,
            self.refused,
            self.damaged,
            self.mismatches.len(),
            self.kills,
            self.took.as_secs_f64(),
            self.took.as_secs_f64() / (self.runs.max(1) as f64),
        );
        for (known, count) in &self.shortfalls {
            println!("known shortfall, {count} times: {} ({})", known.bug, known.kind);
        }
    }
}
