//! How many frames go to a model at once: from the tier's row, corrected by what is measured.
//!
//! Owns the number. Refuses clocks, cards and sessions: what was measured comes in, what to do comes out, and
//! whoever runs the model does it.

/// Bytes that stay free on a card beside the model: a GiB, or a tenth of what is free, whichever is more. The decoder,
/// the encoder and other processes take from it without asking.
pub const RESERVE_MIN: u64 = 1 << 30;
/// Good runs at a size before the next larger one is tried after memory ran out.
pub const RUNS_TO_GROW: u32 = 64;

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchStep {
    /// Run this many frames.
    Run(usize),
    /// Open the session anew, then run this many: the arena of the old one keeps what it took.
    Rebuild(usize),
    /// The fewest frames that the model takes are too many for the memory of the device.
    GiveUp,
}

/// What has been measured of a model on its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// Bytes of the device that are free while the model is loaded and has not run.
    pub free: u64,
    /// Bytes that were taken after a run of one frame.
    pub one: u64,
    /// Bytes that were taken after a run of two.
    pub two: u64,
}

/// The size of batches, from run to run.
///
/// It never exceeds what the tier's row or the measurement allow, is never 0, and after memory ran out at a size
/// stays below that size until [`RUNS_TO_GROW`] good runs passed; each further failure doubles that number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    size: usize,
    /// Fewest that the model takes.
    least: usize,
    /// The tier's row, lowered by what was measured.
    most: usize,
    good: u32,
    patience: u32,
    gave_up: bool,
}

impl Batch {
    /// On a CPU, where a batch gains nothing.
    #[must_use]
    pub const fn on_cpu() -> Self {
        Self::between(1, 1)
    }

    /// On a card whose row of the tier table says `row` frames; 0 counts as 1.
    #[must_use]
    pub const fn on_card(row: u32) -> Self {
        Self::between(1, if row == 0 { 1 } else { row as usize })
    }

    /// For a model that always takes `frames`.
    #[must_use]
    pub const fn fixed(frames: usize) -> Self {
        let frames = if frames == 0 { 1 } else { frames };
        Self::between(frames, frames)
    }

    const fn between(least: usize, most: usize) -> Self {
        Self { size: most, least, most, good: 0, patience: RUNS_TO_GROW, gave_up: false }
    }

    /// Frames of the next run.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }

    /// Lowers the size to what fits beside the reserve, by what one and two frames took. Never raises it above the
    /// tier's row.
    pub fn measured(&mut self, measured: Measured) {
        let Measured { free, one, two } = measured;
        let usable = free.saturating_sub(RESERVE_MIN.max(free / 10));
        let each = two.saturating_sub(one);
        // Where a second frame takes nothing, the measurement says nothing of a third.
        let fitting = match (usable.saturating_sub(one)).checked_div(each) {
            Some(further) if usable >= one => further.saturating_add(1),
            Some(_) => 1,
            None => u64::MAX,
        };
        let fitting = usize::try_from(fitting).unwrap_or(usize::MAX).max(1);
        self.most = self.most.min(fitting).max(self.least);
        self.size = self.size.min(self.most);
    }

    /// A run of `size` frames went well.
    pub const fn succeeded(&mut self) -> BatchStep {
        self.good = self.good.saturating_add(1);
        if self.size < self.most && self.good >= self.patience {
            self.good = 0;
            // Carefully: by an eighth, at least one.
            let larger = self.size + if self.size < 8 { 1 } else { self.size / 8 };
            self.size = if larger < self.most { larger } else { self.most };
        }
        BatchStep::Run(self.size)
    }

    /// Memory ran out in a run.
    pub const fn ran_out(&mut self) -> BatchStep {
        if self.size <= self.least {
            self.gave_up = true;
            return BatchStep::GiveUp;
        }
        self.size /= 2;
        self.good = 0;
        self.patience = self.patience.saturating_mul(2);
        BatchStep::Rebuild(self.size)
    }

    /// Whether the fewest frames were too many.
    #[must_use]
    pub const fn gave_up(&self) -> bool {
        self.gave_up
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GIB: u64 = 1 << 30;
    const MIB: u64 = 1 << 20;

    #[test]
    fn a_cpu_runs_one_frame_whatever_happens() {
        let mut batch = Batch::on_cpu();
        for _ in 0..1000 {
            assert_eq!(batch.succeeded(), BatchStep::Run(1));
        }
    }

    #[test]
    fn a_card_starts_with_its_row() {
        assert_eq!(Batch::on_card(32).size(), 32);
        assert_eq!(Batch::on_card(0).size(), 1);
    }

    #[test]
    fn what_is_measured_lowers_the_row_and_never_raises_it() {
        let measure = |free: u64, one: u64, each: u64| {
            let mut batch = Batch::on_card(32);
            batch.measured(Measured { free, one, two: one + each });
            batch.size()
        };
        // 6 GiB free, 1 in reserve: 500 MiB and 46 times 100.
        assert_eq!(measure(6 * GIB, 500 * MIB, 100 * MIB), 32);
        // 3 GiB: 2 usable, 500 MiB and 15 times 100.
        assert_eq!(measure(3 * GIB, 500 * MIB, 100 * MIB), 16);
        assert_eq!(measure(GIB, 500 * MIB, 100 * MIB), 1);
        assert_eq!(measure(80 * GIB, 500 * MIB, 0), 32, "nothing measured");
    }

    #[test]
    fn running_out_halves_and_asks_for_a_new_session() {
        let mut batch = Batch::on_card(12);
        assert_eq!(batch.ran_out(), BatchStep::Rebuild(6));
        assert_eq!(batch.ran_out(), BatchStep::Rebuild(3));
        assert_eq!(batch.ran_out(), BatchStep::Rebuild(1));
        assert_eq!(batch.ran_out(), BatchStep::GiveUp);
        assert!(batch.gave_up());
    }

    #[test]
    fn it_grows_back_after_many_good_runs_and_later_after_a_second_failure() {
        let runs_until_larger = |batch: &mut Batch| {
            let before = batch.size();
            (1..10_000).find(|_| batch.succeeded() != BatchStep::Run(before)).unwrap()
        };
        let mut batch = Batch::on_card(16);
        batch.ran_out();
        assert_eq!(runs_until_larger(&mut batch), 2 * RUNS_TO_GROW);
        assert_eq!(batch.size(), 9);
        batch.ran_out();
        assert_eq!(batch.size(), 4);
        assert_eq!(runs_until_larger(&mut batch), 4 * RUNS_TO_GROW);
    }

    #[test]
    fn a_model_that_always_takes_four_is_run_with_four_or_not_at_all() {
        let mut batch = Batch::fixed(4);
        batch.measured(Measured { free: 2 * GIB, one: GIB, two: 2 * GIB });
        assert_eq!(batch.size(), 4);
        assert_eq!(batch.ran_out(), BatchStep::GiveUp);
    }

    proptest! {
        /// Against a device on which more than `fits` frames run out of memory.
        #[test]
        fn it_stays_in_its_bounds_and_settles_where_it_fits(row in 1_u32..64, fits in 1_usize..64) {
            let mut batch = Batch::on_card(row);
            let mut failures = 0;
            for _ in 0..20_000 {
                prop_assert!((1..=row as usize).contains(&batch.size()));
                let step = if batch.size() > fits { failures += 1; batch.ran_out() } else { batch.succeeded() };
                match step {
                    BatchStep::Run(size) | BatchStep::Rebuild(size) => prop_assert_eq!(size, batch.size()),
                    BatchStep::GiveUp => prop_assert!(false, "one frame fits"),
                }
            }
            // Halving down to what fits, then one failure for each careful try: patience doubles with each.
            prop_assert!(failures <= 16, "{} failures", failures);
            prop_assert!(2 * batch.size() >= fits.min(row as usize) / 2);
        }

        #[test]
        fn any_measurement_leaves_at_least_one_frame(
            row in 0_u32..64, free in any::<u64>(), one in any::<u64>(), two in any::<u64>(),
        ) {
            let mut batch = Batch::on_card(row);
            batch.measured(Measured { free, one, two });
            prop_assert!((1..=row.max(1) as usize).contains(&batch.size()));
        }
    }
}
