//! `fuzz [--seeds | TARGET...]`: tries parsers with made-up bytes, on a stable compiler.
//!
//! By the environment: `RUNS` inputs for each target, for at least `SECONDS`, from `SEED` on. What a target panics at is
//! kept in the corpus, and ends the run with status 1.

use std::process::ExitCode;
use std::time::Duration;

use cleanplate_fuzzing::{Corpus, Effort, TARGETS, Target, run, target, write_seeds};

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    if names == ["--seeds"] {
        write_seeds();
        return ExitCode::SUCCESS;
    }
    let targets: Option<Vec<Target>> = match names.as_slice() {
        [] => Some(TARGETS.to_vec()),
        names => names.iter().map(|name| target(name)).collect(),
    };
    let Some(targets) = targets else {
        let known: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        eprintln!("error: a target is one of {}", known.join(", "));
        return ExitCode::from(2);
    };
    let time = Duration::from_secs(number("SECONDS", 0));
    let effort = Effort { seed: number("SEED", 1), runs: number("RUNS", 100_000), time };
    let mut found = false;
    for target in targets {
        let corpus = Corpus::of(target.name);
        match run(target, &corpus, effort) {
            Ok(done) => {
                let seconds = done.time.as_secs_f64();
                println!(
                    "{:8} {:>11} inputs, {seconds:>7.1} s: nothing found",
                    target.name, done.runs
                );
            }
            Err((input, seed)) => {
                found = true;
                let path = Corpus::keep(target.name, &format!("found-{seed}"), &input);
                println!("{:8} PANICS, by seed {seed}: {}", target.name, path.display());
            }
        }
    }
    ExitCode::from(u8::from(found))
}
