//! Which frames are looked at. A pure function of the video's length, the window and the places where
//! decoding can start; the fleet has no say in it.

use cleanplate_types::frames::FrameRange;

/// Samples in the whole video, where it has as many frames.
const TOTAL_MIN: u64 = 48;
/// Frames of video per sample beyond that.
const FRAMES_PER_SAMPLE: u64 = 50;
/// Samples in each window, where it has as many frames.
const WINDOW_MIN: u64 = 8;

/// How densely a video is sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SamplePlan {
    table_frames: u64,
}

impl SamplePlan {
    /// For a video of `table_frames` frames.
    #[must_use]
    pub const fn new(table_frames: u64) -> Self {
        Self { table_frames }
    }

    /// The frames of `window` to look at, rising: one in each of equal slots. `entries` are the frames
    /// where decoding can start, in any order; a slot that has some takes the one nearest its middle,
    /// any other slot its middle.
    #[must_use]
    pub fn samples(&self, window: FrameRange, entries: &[u64]) -> Vec<u64> {
        let frames = window.count();
        let total = TOTAL_MIN.max(self.table_frames / FRAMES_PER_SAMPLE);
        let share = u128::from(total) * u128::from(frames);
        let share = share.div_ceil(u128::from(self.table_frames.max(1)));
        let count = u64::try_from(share).unwrap_or(u64::MAX).max(WINDOW_MIN).min(frames);
        let edge = |slot: u64| {
            let offset = u128::from(frames) * u128::from(slot) / u128::from(count.max(1));
            window.start + u64::try_from(offset).unwrap_or(u64::MAX)
        };
        (0..count)
            .map(|slot| {
                let range = FrameRange::new(edge(slot), edge(slot + 1));
                let middle = range.start + range.count() / 2;
                let within = entries.iter().copied().filter(|entry| range.contains(*entry));
                within.min_by_key(|entry| (entry.abs_diff(middle), *entry)).unwrap_or(middle)
            })
            .collect()
    }
}
