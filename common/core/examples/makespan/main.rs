//! How near the real scheduler comes to the ideal: one film of two hours on six workers, by seed.
//!
//! `cargo run --release -p cleanplate-core --example makespan [SEEDS]`. Prints, for each scenario, the ideal
//! over the makespan: what the speeds that were really available could have done in no less time; and the same
//! of the cells alone, from the moment on at which they could be leased.
//!
//! The model (figures that others measured on farms, and what this project's worker does):
//! - 216,000 frames at 30 a second; workers of 240, 120, 120, 60, 60 and 30 frames a second. All claim the
//!   card of the first tier, so that only measuring tells them apart. A cell costs 0.8 to 1.2 times its frames.
//! - A worker has two slots, as a worker with a card does: each lease is a process of its own, and those that
//!   compute at one moment share the card evenly. That is what overlaps: while one lease fetches or uploads,
//!   the other has the whole card.
//! - A lease costs 3 s beside its frames: 2 s before the first (process, source, model), 1 s after the last
//!   (upload). Each cell is told 1 s after it was made. Progress is told twice a second.
//! - The job searches for overlays: an intake lease, one look of windows (a quarter of the frames' work: it
//!   decodes them and looks at four a second), a lease that reduces; intake and reduction cost their 3 s. One part is audited, at four
//!   times the speed of making it. The makespan is from the submission to the last record of the job; the
//!   stitch keeps up and costs nothing.
//! - `slow`: one worker, drawn by seed, does a tenth of what its card promises, from the start.
//!   `kills`: each worker is killed without a word once in 0 to 20 minutes, 10 on average; 60 s later another
//!   comes, under another name, whose speed nobody knows.
//! - The ideal is the first moment at which all workers that were up could have done the job's work: cells,
//!   windows and audit, at their real speeds, without a lease's cost and without a barrier between looks.

#![expect(clippy::print_stdout, reason = "the figures are for people and for `make bench`")]

mod farm;
#[expect(dead_code, reason = "the simulation draws in more ways")]
#[path = "../../tests/sim/random.rs"]
mod random;
#[path = "../../src/samples.rs"]
mod samples;

use std::env;

use crate::farm::{Farm, Outcome, Scenario};

/// Seeds where none are asked for.
const SEEDS: u64 = 60;

fn main() {
    let seeds = env::args().nth(1).and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS);
    println!("{seeds} seeds, ideal over makespan in thousandths (goal for the mean)");
    println!(
        "{:>10} {:>5} {:>6} {:>6} {:>6} {:>9} {:>7} {:>7}",
        "scenario", "goal", "mean", "worst", "cells", "span (s)", "leases", "copies"
    );
    for (scenario, name, goal) in [
        (Scenario::Calm, "no fault", 950),
        (Scenario::Slow, "slow", 900),
        (Scenario::Kills, "kills", 880),
    ] {
        let outcomes: Vec<Outcome> =
            (0..seeds).map(|seed| Farm::new(seed, scenario).run()).collect();
        let count = outcomes.len().max(1) as u64;
        let mean = |of: fn(&Outcome) -> u64| outcomes.iter().map(of).sum::<u64>() / count;
        let sum = |of: fn(&Outcome) -> u64| outcomes.iter().map(of).sum::<u64>();
        let ratio = |it: &Outcome| it.ideal_ms * 1000 / it.span_ms.max(1);
        let worst = outcomes.iter().map(ratio).min().unwrap_or(0);
        println!(
            "{name:>10} {goal:>5} {:>6} {worst:>6} {:>6} {:>9} {:>7} {:>7}",
            mean(ratio),
            mean(|it| it.cells_ideal_ms * 1000 / it.cells_span_ms.max(1)),
            mean(|it| it.span_ms) / 1000,
            sum(|it| it.leases),
            sum(|it| it.copies),
        );
    }
}
