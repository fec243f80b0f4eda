//! `make torture`: runs drawn by seed over the torture set, with kills.
//!
//! `RUNS` says how many (200 by default), `SEED` the first seed (each run has the next one), `KIND` a
//! kind of clip or several, divided by commas. `KIND=all` with `RUNS=0` performs every kind in every
//! container once, without kills. Prints what went wrong with the command that replays it; exits with 1
//! where anything did.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use cleanplate_tests::torture::compare::Truth;
use cleanplate_tests::torture::draw::{Draw, Through};
use cleanplate_tests::torture::kind::{Expect, Kind};
use cleanplate_tests::torture::lane::Lane;
use cleanplate_tests::torture::{kinds, known, workshop};

/// Runs that go on side by side.
const LANES: u64 = 2;

fn main() -> ExitCode {
    let number = |name: &str, or: u64| {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(or)
    };
    let wanted = std::env::var("KIND").unwrap_or_default();
    let chosen: Vec<&'static Kind> = kinds::all()
        .into_iter()
        .filter(|kind| {
            wanted.is_empty() || wanted == "all" || wanted.split(',').any(|name| name == kind.name)
        })
        .collect();
    assert!(!chosen.is_empty(), "no kind is called `{wanted}`");
    let (runs, seed) = (number("RUNS", 200), number("SEED", 1));
    let draws: Vec<Draw> = if runs == 0 {
        chosen.iter().flat_map(|kind| plainly(kind, number("RUN", 0) > 0)).collect()
    } else {
        (seed..seed + runs).map(|seed| Draw::from_seed(seed, &chosen)).collect()
    };
    let clips: BTreeMap<&str, (std::path::PathBuf, Truth)> = chosen
        .iter()
        .map(|kind| {
            let path = workshop::clip(kind);
            let truth = Truth::new(&path);
            (kind.name, (path, truth))
        })
        .collect();
    let only = if wanted.is_empty() { wanted } else { format!(" KIND={wanted}") };
    let report = perform(&draws, &clips, number("LANES", LANES), only);
    report.print(chosen.len())
}

/// Every container of a kind once; damage both ways.
fn plainly(kind: &'static Kind, by_run: bool) -> Vec<Draw> {
    let through = if by_run { Through::Run } else { Through::Cluster };
    let one = |output, conceal| Draw {
        seed: 0,
        kind,
        output,
        cell_frames: 17,
        segment_frames: 34,
        workers: 2,
        encoder: None,
        conceal,
        through,
        kills: Vec::new(),
    };
    let both = kind.outputs.iter().flat_map(|output| match output.expect {
        Expect::Exact | Expect::Refused { .. } => vec![one(*output, false)],
        Expect::Damaged { .. } => vec![one(*output, false), one(*output, true)],
    });
    both.collect()
}

#[derive(Default)]
struct Report {
    /// What a replay needs beside the seed.
    only: String,
    runs: u64,
    exact: u64,
    refused: u64,
    damaged: u64,
    kills: u64,
    mismatches: Vec<String>,
    shortfalls: BTreeMap<&'static str, u64>,
    took: f64,
}

fn perform(
    draws: &[Draw],
    clips: &BTreeMap<&str, (std::path::PathBuf, Truth)>,
    lanes: u64,
    only: String,
) -> Report {
    let start = Instant::now();
    let next = AtomicU64::new(0);
    let report = Mutex::new(Report { only, ..Report::default() });
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::thread::scope(|scope| {
        for lane in 0..lanes {
            let (next, report) = (&next, &report);
            let folder = folder.path().join(format!("lane-{lane}"));
            let work = move || work(&folder, draws, clips, next, report);
            std::thread::Builder::new()
                .name(format!("lane-{lane}"))
                .spawn_scoped(scope, work)
                .expect("a thread starts");
        }
    });
    let mut report = report.into_inner().expect("no lane ended with the report in hand");
    report.took = start.elapsed().as_secs_f64();
    report
}

fn work(
    folder: &Path,
    draws: &[Draw],
    clips: &BTreeMap<&str, (std::path::PathBuf, Truth)>,
    next: &AtomicU64,
    report: &Mutex<Report>,
) {
    let mut lane = Lane::new(folder.to_owned());
    loop {
        let place = usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap_or(usize::MAX);
        let Some(draw) = draws.get(place) else { return };
        let (source, truth) = &clips[draw.kind.name];
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
        let (name, container) = (draw.kind.name, draw.output.container);
        let (explained, wrong): (Vec<_>, Vec<_>) =
            wrong.into_iter().partition(|one| known::explained(name, container, one).is_some());
        for one in explained {
            let bug = known::explained(name, container, &one).map_or("", |known| known.bug);
            *self.shortfalls.entry(bug).or_default() += 1;
        }
        if wrong.is_empty() {
            match draw.output.expect {
                Expect::Exact => self.exact += 1,
                Expect::Refused { .. } => self.refused += 1,
                Expect::Damaged { .. } => self.damaged += 1,
            }
            return;
        }
        let replay = if draw.seed == 0 {
            format!("make torture RUNS=0 KIND={name}")
        } else {
            format!("make torture RUNS=1 SEED={}{}", draw.seed, self.only)
        };
        let what = format!(
            "{name} -> {container}, seed {}, cells of {}, segments of {}, {} workers, {:?}, conceal {}, encoder {:?}, kills {:?}\n    {}\n    replay: {replay}",
            draw.seed,
            draw.cell_frames,
            draw.segment_frames,
            draw.workers,
            draw.through,
            draw.conceal,
            draw.encoder,
            draw.kills,
            wrong.join("\n    ")
        );
        println!("MISMATCH {what}");
        self.mismatches.push(name.to_owned());
    }

    fn print(&self, kinds: usize) -> ExitCode {
        println!();
        println!(
            "{} runs over {kinds} kinds: {} exact, {} refused as they should be, {} damaged and said so, {} mismatches, {} kills, {:.1} s ({:.2} s a run)",
            self.runs,
            self.exact,
            self.refused,
            self.damaged,
            self.mismatches.len(),
            self.kills,
            self.took,
            self.took / (self.runs.max(1) as f64),
        );
        for (bug, count) in &self.shortfalls {
            println!("known shortfall, {count} times: {bug}");
        }
        if self.mismatches.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
