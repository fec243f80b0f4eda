//! Measuring speed in integers: frames over the last while, in thousandths of a frame a second.

use std::collections::VecDeque;

use cleanplate_types::time::Tick;

/// Samples kept: with one each half second, the last quarter of a minute or more.
const SAMPLES_MAX: usize = 32;
/// Milliseconds between two samples, at least.
const SAMPLE_MS: u64 = 500;

/// Spans between samples of which a spread can be told: two a quarter.
const SPREAD_SPANS_MIN: usize = 8;

/// Counts frames against time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter {
    total: u64,
    samples: VecDeque<(Tick, u64)>,
}

impl Meter {
    /// Takes note that `frames` more went through by `now`.
    pub(crate) fn add(&mut self, now: Tick, frames: u64) {
        self.total += frames;
        let due = self.samples.back().is_none_or(|(at, _)| now.since(*at) >= SAMPLE_MS);
        if due {
            if self.samples.len() == SAMPLES_MAX {
                self.samples.pop_front();
            }
            self.samples.push_back((now, self.total));
        }
    }

    /// The speed between the oldest and the newest sample.
    pub(crate) fn fps_milli(&self) -> Option<u64> {
        let (first, before) = self.samples.front()?;
        let (last, after) = self.samples.back()?;
        rate(after - before, last.since(*first))
    }

    /// The speeds of the slowest and of the fastest quarter of the samples; nothing where a quarter would
    /// have less than two spans.
    pub(crate) fn spread_milli(&self) -> Option<(u64, u64)> {
        let spans = self.samples.len().checked_sub(1).filter(|spans| *spans >= SPREAD_SPANS_MIN)?;
        let quarter = |number: usize| {
            let (first, before) = self.samples.get(number * spans / 4)?;
            let (last, after) = self.samples.get((number + 1) * spans / 4)?;
            rate(after - before, last.since(*first))
        };
        let speeds = || (0..4).filter_map(quarter);
        Some((speeds().min()?, speeds().max()?))
    }
}

/// `frames` in `millis`, in thousandths of a frame a second; `None` where no time passed.
pub(crate) fn rate(frames: u64, millis: u64) -> Option<u64> {
    frames.saturating_mul(1_000_000).checked_div(millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_frames_a_second_are_twenty_thousand_thousandths() {
        let mut meter = Meter::default();
        for second in 0..100 {
            meter.add(Tick(second * 1000), 20);
        }
        assert_eq!(meter.fps_milli(), Some(20_000));
    }

    #[test]
    fn the_spread_is_that_of_the_slowest_and_the_fastest_quarter() {
        let mut meter = Meter::default();
        for second in 0..9 {
            meter.add(Tick(second * 1000), if second < 3 { 10 } else { 30 });
            assert_eq!(meter.spread_milli().is_some(), second == 8);
        }
        assert_eq!(meter.spread_milli(), Some((10_000, 30_000)));
    }

    #[test]
    fn one_sample_is_no_speed() {
        let mut meter = Meter::default();
        meter.add(Tick(5), 20);
        assert_eq!(meter.fps_milli(), None);
    }
}
