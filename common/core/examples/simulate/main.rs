//! The simulation at length: `make simulate SEEDS=2000 FROM=0`, then three seeds at full size.
//!
//! Each seed is a world of up to 50 workers and 8 jobs of up to 500 cells, with everything that `tests/sim`
//! knows to go wrong and all of its checkers. Prints how many steps were taken, how often each kind of fault
//! and of record came, and a hash of all that the scheduler was told and wanted. Every tenth seed is run
//! twice: its traces must be the same, byte for byte. A failure prints `SEED=…`, which replays it.
//! What full size is, `full.rs` says.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the figures are for people")]
#![expect(clippy::panic, reason = "a check that fails ends the run, as in a test")]

#[path = "../../tests/sim/chaos.rs"]
mod chaos;
#[path = "../../tests/sim/checkers.rs"]
mod checkers;
#[path = "../../tests/sim/clock.rs"]
mod clock;
mod full;
#[path = "../../tests/sim/net.rs"]
mod net;
#[path = "../../tests/sim/outside.rs"]
mod outside;
#[path = "../../tests/sim/random.rs"]
mod random;
#[path = "../../src/samples.rs"]
mod samples;
#[path = "../../tests/sim/trace.rs"]
mod trace;
#[path = "../../tests/sim/truth.rs"]
mod truth;
#[path = "../../tests/sim/workers.rs"]
mod workers;
#[expect(dead_code, reason = "the size of the test's worlds is the test's")]
#[path = "../../tests/sim/world.rs"]
mod world;

use std::env;
use std::time::Instant;

use crate::checkers::Counts;
use crate::world::{Size, World};

/// Seeds where none are asked for.
const SEEDS: u64 = 2000;
/// Of so many seeds one is run twice.
const TWICE: u64 = 10;
const LARGE: Size = Size { workers_max: 50, jobs_max: 8, frames_max: 60_000 };

/// Says how to replay a seed whose checks fail.
struct Replay(u64);

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("replay: make simulate FROM={} SEEDS=1 FULL=0", self.0);
        }
    }
}

fn main() {
    let (from, seeds) = (setting("FROM", 0), setting("SEEDS", SEEDS));
    let begun = Instant::now();
    let mut counts = Counts::new();
    let (mut steps, mut hash, mut twice) = (0, 0_u64, 0);
    for seed in from..from + seeds {
        let world = run(seed);
        if (seed - from).is_multiple_of(TWICE) {
            assert_eq!(run(seed).trace, world.trace, "seed {seed} gives one trace");
            twice += 1;
        }
        steps += world.steps;
        hash = hash.rotate_left(5) ^ world.trace.hash;
        for (what, count) in world.checkers.counts {
            *counts.entry(what).or_default() += count;
        }
    }
    println!("{seeds} seeds from {from}, {twice} of them twice, {steps} steps, trace {hash:016x}");
    for (what, count) in &counts {
        println!("{count:>10} {what}");
    }
    println!("{:.1} s, peak memory {} MiB", begun.elapsed().as_secs_f64(), full::peak_mib());
    for seed in 0..setting("FULL", 3) {
        full::run(seed);
    }
}

fn run(seed: u64) -> World {
    let _replay = Replay(seed);
    let mut world = World::new(seed, LARGE);
    world.trace.on = true;
    world.run();
    world
}

fn setting(name: &str, usual: u64) -> u64 {
    let Ok(text) = env::var(name) else { return usual };
    text.parse().expect("SEEDS, FROM and FULL are numbers")
}
