//! Frames to a model in batches: as many as its card takes, fewer when memory runs out.
//!
//! Owns the loop and what was run. The size is [`Batch`]'s decision; opening a session anew is the caller's.

use std::collections::BTreeMap;

use cleanplate_types::failure::Failure;
use cleanplate_vision::{Batch, BatchStep, Measured, RunError};

/// See the top of the file.
#[derive(Debug)]
pub(super) struct Batching {
    batch: Batch,
    /// How often each size was run.
    runs: BTreeMap<usize, u64>,
    /// How often memory ran out.
    ran_out: u64,
}

/// A model that can be run and opened anew.
pub(super) trait Runs<T> {
    /// What comes out for one item.
    type Out;

    /// Runs all of `items` at once.
    fn run(&mut self, items: &[T]) -> Result<Vec<Self::Out>, RunError>;

    /// Opens the session anew, for `size` items at a time.
    fn reopen(&mut self, size: usize) -> Result<(), Failure>;

    /// What a run that failed is.
    fn failed(&self, error: &RunError) -> Failure;
}

impl Batching {
    /// Batches of the sizes that `batch` says.
    pub(super) const fn new(batch: Batch) -> Self {
        Self { batch, runs: BTreeMap::new(), ran_out: 0 }
    }

    /// Goes on with other sizes: the model is on another device.
    pub(super) const fn go_on(&mut self, batch: Batch) {
        self.batch = batch;
    }

    /// Corrects the size by what one item and two took.
    pub(super) fn measured(&mut self, measured: Measured) {
        self.batch.measured(measured);
    }

    /// Items of the next run.
    pub(super) const fn size(&self) -> usize {
        self.batch.size()
    }

    /// Runs `items`, in order.
    ///
    /// # Errors
    /// Where the model cannot be run with as few as it takes, or not be opened anew.
    pub(super) fn run<T, R: Runs<T>>(
        &mut self,
        items: &[T],
        model: &mut R,
    ) -> Result<Vec<R::Out>, Failure> {
        let mut out = Vec::with_capacity(items.len());
        while let Some(rest) = items.get(out.len()..).filter(|rest| !rest.is_empty()) {
            let part = rest.get(..self.batch.size()).unwrap_or(rest);
            match model.run(part) {
                Ok(done) => {
                    *self.runs.entry(part.len()).or_default() += 1;
                    out.extend(done);
                    // A last part says nothing of the size.
                    if part.len() == self.batch.size() {
                        self.batch.succeeded();
                    }
                }
                Err(error @ RunError::OutOfMemory { .. }) => {
                    self.ran_out += 1;
                    match self.batch.ran_out() {
                        BatchStep::Rebuild(size) | BatchStep::Run(size) => model.reopen(size)?,
                        BatchStep::GiveUp => return Err(model.failed(&error)),
                    }
                }
                Err(
                    error @ (RunError::Failed { .. }
                    | RunError::Shape { .. }
                    | RunError::NotCorners
                    | RunError::NotFinite),
                ) => return Err(model.failed(&error)),
            }
        }
        Ok(out)
    }

    /// What was run, in words.
    pub(super) fn in_words(&self) -> String {
        let sizes = self.runs.iter().map(|(size, runs)| format!("{runs} of {size}"));
        let sizes = sizes.collect::<Vec<_>>().join(", ");
        match self.ran_out {
            0 => format!("batches: {sizes}"),
            times => format!("batches: {sizes}; memory ran out {times} times"),
        }
    }
}

#[cfg(test)]
mod tests {
    use cleanplate_types::failure::{FailureKind, Stage};

    use super::*;

    /// Doubles numbers, so many at a time at most.
    struct Doubler {
        fits: usize,
        reopened: Vec<usize>,
    }

    impl Runs<u64> for Doubler {
        type Out = u64;

        fn run(&mut self, items: &[u64]) -> Result<Vec<u64>, RunError> {
            if items.len() > self.fits {
                return Err(RunError::OutOfMemory { why: "BFCArena".to_owned() });
            }
            Ok(items.iter().map(|item| item * 2).collect())
        }

        fn reopen(&mut self, size: usize) -> Result<(), Failure> {
            self.reopened.push(size);
            Ok(())
        }

        fn failed(&self, error: &RunError) -> Failure {
            Failure::new(FailureKind::Internal, Stage::Detect, error.to_string())
        }
    }

    #[test]
    fn every_item_is_run_once_and_in_order_though_memory_runs_out() {
        let items: Vec<u64> = (0..100).collect();
        let mut model = Doubler { fits: 5, reopened: Vec::new() };
        let mut batching = Batching::new(Batch::on_card(32));
        let out = batching.run(&items, &mut model).unwrap();
        assert_eq!(out, items.iter().map(|item| item * 2).collect::<Vec<_>>());
        assert_eq!(model.reopened, [16, 8, 4], "halved until it fits, opened anew each time");
        assert!(batching.in_words().contains("25 of 4"), "{}", batching.in_words());
        assert!(batching.in_words().contains("ran out 3 times"), "{}", batching.in_words());
    }

    #[test]
    fn where_one_is_too_many_it_fails_and_says_why() {
        let mut model = Doubler { fits: 0, reopened: Vec::new() };
        let failure = Batching::new(Batch::on_card(2)).run(&[1], &mut model).unwrap_err();
        assert!(failure.message.contains("too little memory"), "{}", failure.message);
    }
}
