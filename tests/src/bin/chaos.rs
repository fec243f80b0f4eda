//! `make chaos`: a farm of real processes under faults that are drawn by seed.
//!
//! `RUNS` says how many (50 by default), `SEED` the first seed (each run has the next one), `LANES` how many go on side by
//! side. Prints which fault fell how often in which phase; exits with 1 where a run ended in anything but the movie of an
//! undisturbed run or a typed failure, or left something behind.

use std::process::ExitCode;

use cleanplate_tests::chaos::series::{LANES, perform};

fn main() -> ExitCode {
    let number = |name: &str, or: u64| {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(or)
    };
    let (runs, seed) = (number("RUNS", 50), number("SEED", 1));
    println!("{runs} runs, seed {seed}");
    let report = perform(seed..seed + runs, number("LANES", LANES));
    report.print();
    if report.wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
