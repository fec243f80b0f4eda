//! Which frames are looked at. A pure function of the video's length and rate, the window and the places
//! where decoding can start; the fleet has no say in it.

use cleanplate_types::frames::FrameRange;
use cleanplate_types::time::Timebase;

/// Samples in the whole video, where it has as many frames.
const TOTAL_MIN: u64 = 96;
/// Samples a second: what comes and goes is to be known to half a second.
const PER_SECOND: u64 = 4;
/// Frames a sample where the rate is not known: a quarter of a second at 24 frames a second.
const FRAMES_UNKNOWN: u64 = 6;
/// Samples in each window, where it has as many frames.
const WINDOW_MIN: u64 = 8;

/// How densely a video is sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SamplePlan {
    table_frames: u64,
    /// Frames from one sample to the next at most.
    frames_max: u64,
}

impl SamplePlan {
    /// For a video of `table_frames` frames.
    #[must_use]
    pub const fn new(table_frames: u64) -> Self {
        Self { table_frames, frames_max: FRAMES_UNKNOWN }
    }

    /// For a video that has, on average, `frames` frames in `ticks` ticks of `timebase`; what cannot be
    /// changes nothing.
    #[must_use]
    pub fn at_rate(self, frames: u64, ticks: u64, timebase: Timebase) -> Self {
        let second = u128::from(frames) * u128::from(timebase.den());
        let length = u128::from(ticks) * u128::from(timebase.num()) * u128::from(PER_SECOND);
        let Some(per_sample) = second.checked_div(length) else { return self };
        Self { frames_max: u64::try_from(per_sample).unwrap_or(u64::MAX).max(1), ..self }
    }

    /// The frames of `window` to look at, rising: one in each of equal slots. `entries` are the frames
    /// where decoding can start, in any order; a slot that has some takes the one nearest its middle,
    /// any other slot its middle.
    #[must_use]
    pub fn samples(&self, window: FrameRange, entries: &[u64]) -> Vec<u64> {
        let frames = window.count();
        let per_sample = self.frames_max.min(self.table_frames / TOTAL_MIN).max(1);
        let count = frames.div_ceil(per_sample).max(WINDOW_MIN).min(frames);
        let edge = |slot: u64| {
            let offset = u128::from(frames) * u128::from(slot) / u128::from(count.max(1));
            window.start + u64::try_from(offset).unwrap_or(u64::MAX)
        };
        let mut entries: Vec<u64> =
            entries.iter().copied().filter(|entry| window.contains(*entry)).collect();
        entries.sort_unstable();
        (0..count)
            .map(|slot| {
                let range = FrameRange::new(edge(slot), edge(slot + 1));
                let middle = range.start + range.count() / 2;
                let from = entries.partition_point(|entry| *entry < range.start);
                let to = entries.partition_point(|entry| *entry < range.end);
                let within = entries[from..to].iter().copied();
                within.min_by_key(|entry| (entry.abs_diff(middle), *entry)).unwrap_or(middle)
            })
            .collect()
    }
}
