//! Runs a target for so many inputs or so long, and tells what it did.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::{Corpus, Mutator, Target};

/// Bytes of an input, at most.
const BYTES_MAX: usize = 4096;

/// Inputs of one mutator: each next one begins from a seed of its own, which a failure names.
const BATCH: u64 = 1000;

/// How long to try; whichever of the two ends later, where both are given.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// The seed of the first batch.
    pub seed: u64,
    /// Inputs.
    pub runs: u64,
    /// Time.
    pub time: Duration,
}

/// What was done.
#[derive(Debug, Clone, Copy)]
pub struct Done {
    /// Inputs that were tried.
    pub runs: u64,
    /// In what time.
    pub time: Duration,
}

/// Tries `target`: the corpus as it is, then what is made of it.
///
/// # Errors
/// The input that it panicked at, and the seed of its batch.
pub fn run(target: Target, corpus: &Corpus, effort: Effort) -> Result<Done, (Vec<u8>, u64)> {
    let began = Instant::now();
    let mut runs = 0;
    for input in &corpus.inputs {
        tried(target, input, effort.seed)?;
        runs += 1;
    }
    let mut seed = effort.seed;
    while runs < effort.runs / target.cost || began.elapsed() < effort.time {
        let mut mutator = Mutator::new(seed, BYTES_MAX);
        for _ in 0..BATCH.div_ceil(target.cost) {
            tried(target, &mutator.input(&corpus.inputs), seed)?;
        }
        runs += BATCH.div_ceil(target.cost);
        seed += 1;
    }
    Ok(Done { runs, time: began.elapsed() })
}

fn tried(target: Target, input: &[u8], seed: u64) -> Result<(), (Vec<u8>, u64)> {
    let tried = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    tried.map_err(|_panic| (input.to_vec(), seed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TARGETS;

    /// A short run, in every `make test`.
    #[test]
    fn no_parser_panics_at_made_up_bytes() {
        for target in TARGETS {
            let corpus = Corpus::of(target.name);
            assert!(!corpus.inputs.is_empty(), "{} has seeds", target.name);
            let effort = Effort { seed: 1, runs: 20_000, time: Duration::ZERO };
            if let Err((input, seed)) = run(target, &corpus, effort) {
                panic!("{} panics by seed {seed} at {input:02x?}", target.name);
            }
        }
    }
}
