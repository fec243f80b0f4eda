//! What a surface looks like from time to time: water, leaves, what turns where it stands.
//!
//! Owns the moments of a background and what is known about each: the last samples before it and the first
//! after it, place by place. The frames that a background serves are divided evenly, so neither how a job is
//! cut nor what is seen moves a moment. Where the samples about a moment say what the whole shot says, the
//! whole shot is taken, which has less noise.

use cleanplate_types::frames::FrameRange;
use cleanplate_types::picture::PixelLayout;
use serde::{Deserialize, Serialize};

use super::background::UNSEEN;
use super::sheet::{STEPS, doubt, sample, steps};

/// Frames from one moment to the next at least.
const STEP: u64 = 12;
/// Luma samples of all moments of a background together.
const SAMPLES_MAX: u64 = 1_000_000;
/// Samples that are averaged before a moment, and after it.
const MEMORY: f32 = 3.0;
/// Frames within which samples count nearly the same.
const AGE: f32 = 4.0;
/// Difference from the whole shot that is noise, and one that is none, in 8-bit codes.
const ALIKE: f32 = 1.0;
const OTHER: f32 = 3.0;
/// Doubt about what was seen before and after, as a share of how the two differ; and about what was seen on
/// one side alone, as a share of how far it may have drifted since.
const DIFFER: f32 = 0.35;
const ALONE: f32 = 0.6;
/// How much a drift as large as the spread counts against the samples about a moment.
const TRUST: f32 = 0.04;
/// Spread, in 8-bit codes, that every place has.
const SPREAD_MIN: f32 = 0.5;
/// Steps from sample to sample that the drift remembers.
const DRIFT_MEMORY: f32 = 8.0;

/// What a background looks like about one frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// The frame.
    pub frame: u64,
    /// As [`super::Background::planes`].
    pub planes: Vec<Vec<u16>>,
    /// As [`super::Background::doubt`].
    pub doubt: Vec<u8>,
}

impl Moment {
    /// Whether its planes are as large as those of its background.
    pub(super) fn is_well_formed(
        &self,
        layout: &PixelLayout,
        planes: &[Vec<u16>],
        doubt: &[u8],
    ) -> bool {
        let top = u16::MAX >> (16 - layout.depth.clamp(8, 16));
        self.planes.len() == planes.len()
            && self.planes.iter().zip(planes).all(|(own, other)| own.len() == other.len())
            && self.planes.iter().flatten().all(|sample| *sample <= top)
            && self.doubt.len() == doubt.len()
    }
}

/// Samples that follow one another at a place: their mean, the frame of the one nearest to a moment, and by
/// how much they change in a frame.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    value: u16,
    drift: u16,
    frame: u16,
    count: u8,
}

/// What is known of a place about a moment.
#[derive(Debug, Clone, Copy)]
struct Runs {
    before: Run,
    after: Run,
    /// By how much it changes in one frame, in 8-bit codes.
    drift: f32,
}

/// The moments of a background that is being painted.
#[derive(Debug)]
pub(super) struct Moments {
    start: u64,
    frames: Vec<u64>,
    /// The last samples so far, of each plane.
    last: Vec<Vec<Run>>,
    /// For each moment that has passed, the last samples before it and the first ones after it.
    before: Vec<Vec<Vec<Run>>>,
    after: Vec<Vec<Vec<Run>>>,
}

impl Moments {
    /// The moments of a background that serves those frames and has planes of those sizes; `start` is the
    /// first frame that is looked at. `least` of them are worth their room: one of frames that the whole shot shows
    /// as well says nothing, but one of a short time, which all that is seen lies before and after, does.
    pub(super) fn new(serves: FrameRange, start: u64, sizes: &[usize], least: u64) -> Self {
        let luma = sizes.first().copied().unwrap_or(0) as u64;
        let most = SAMPLES_MAX / luma.max(1);
        let count = if least < 2 { (serves.count() / STEP).max(1) } else { serves.count() / STEP };
        let count = count.min(most);
        let count = if count < least { 0 } else { count };
        let middle = |at: u64| serves.start + serves.count() * (2 * at + 1) / (2 * count);
        let last = if count == 0 {
            Vec::new()
        } else {
            sizes.iter().map(|size| vec![Run::default(); *size]).collect()
        };
        Self {
            start,
            frames: (0..count).map(middle).collect(),
            last,
            before: Vec::new(),
            after: Vec::new(),
        }
    }

    pub(super) fn is_none(&self) -> bool {
        self.frames.is_empty()
    }

    /// Passes the moments up to a frame.
    pub(super) fn turn(&mut self, index: u64) {
        while self.frames.get(self.before.len()).is_some_and(|frame| *frame <= index) {
            self.before.push(self.last.clone());
            let fresh = self.last.iter().map(|plane| vec![Run::default(); plane.len()]);
            self.after.push(fresh.collect());
        }
    }

    /// Gives a place a sample of a frame, in 8-bit codes.
    #[inline]
    pub(super) fn give(&mut self, (plane, at): (usize, usize), value: f32, index: u64) {
        let frame = u16::try_from(index - self.start).unwrap_or(u16::MAX);
        let last = &mut self.last[plane][at];
        if last.count > 0 {
            let by =
                (value - last.level()).abs() / f32::from(frame.abs_diff(last.frame).max(1)).sqrt();
            let count = f32::from(last.count).min(DRIFT_MEMORY);
            let drift = f32::from(last.drift) / STEPS;
            last.drift = steps(drift + (by - drift) / count);
        }
        last.take(value);
        last.frame = frame;
        if let Some(after) = self.after.last_mut() {
            let after = &mut after[plane][at];
            if f32::from(after.count) < MEMORY {
                if after.count == 0 {
                    after.frame = frame;
                }
                after.take(value);
            }
        }
    }

    /// The moments, where the whole shot looks so: the mean of each place of each plane in 8-bit codes, with
    /// how far the samples spread.
    pub(super) fn finish(mut self, depth: u8, shot: &[Vec<Option<(f32, f32)>>]) -> Vec<Moment> {
        self.turn(u64::MAX);
        for at in (1..self.after.len()).rev() {
            let (earlier, later) = self.after.split_at_mut(at);
            let (earlier, later) = (&mut earlier[at - 1], &later[0]);
            for (to, from) in earlier.iter_mut().flatten().zip(later.iter().flatten()) {
                if to.count == 0 {
                    *to = *from;
                }
            }
        }
        let mut moments = Vec::new();
        for ((frame, before), after) in self.frames.iter().zip(&self.before).zip(&self.after) {
            let now = u16::try_from(frame - self.start).unwrap_or(u16::MAX);
            let mut planes = Vec::new();
            let mut doubts = Vec::new();
            for (number, shot) in shot.iter().enumerate() {
                let runs = before[number].iter().zip(&after[number]).zip(&self.last[number]);
                let mut samples = Vec::with_capacity(shot.len());
                for (whole, ((before, after), last)) in shot.iter().zip(runs) {
                    let (before, after) = (*before, *after);
                    let drift = f32::from(last.drift.max(before.drift)) / STEPS;
                    let found = whole.map(|whole| about(now, whole, Runs { before, after, drift }));
                    samples.push(found.map_or(0, |(value, _)| sample(value, depth)));
                    if number == 0 {
                        doubts.push(found.map_or(UNSEEN, |(_, spread)| doubt(spread)));
                    }
                }
                planes.push(samples);
            }
            moments.push(Moment { frame: *frame, planes, doubt: doubts });
        }
        moments
    }
}

impl Run {
    fn take(&mut self, value: f32) {
        let count = (f32::from(self.count) + 1.0).min(MEMORY);
        let before = f32::from(self.value) / STEPS;
        self.value = steps(before + (value - before) / count);
        self.count = self.count.saturating_add(1);
    }

    fn level(self) -> f32 {
        f32::from(self.value) / STEPS
    }
}

/// The value of a place about a frame, and the doubt about it, by the samples before and after it: the less
/// the place changes from sample to sample against how far all of them spread, and the nearer the samples
/// are, the more they count against the whole shot. What passes by once changes as much as it spreads.
fn about(now: u16, (mean, spread): (f32, f32), runs: Runs) -> (f32, f32) {
    let Runs { before, after, drift } = runs;
    let age =
        |run: Run| if run.count == 0 { f32::INFINITY } else { f32::from(run.frame.abs_diff(now)) };
    let weight = |run: Run| 1.0 / ((age(run) + AGE) * (age(run) + AGE));
    let (one, other) = (weight(before), weight(after));
    let all = one + other;
    if all <= 0.0 {
        return (mean, spread);
    }
    let near = (one * before.level() + other * after.level()) / all;
    let error = drift * (1.0 + age(before).min(age(after))).sqrt();
    let ratio = error / spread.max(SPREAD_MIN);
    let trust = 1.0 / (1.0 + TRUST * ratio * ratio);
    let doubt = if one > 0.0 && other > 0.0 {
        DIFFER * (before.level() - after.level()).abs()
    } else {
        ALONE * error
    };
    let off = near - mean;
    let share = ((off.abs() - ALIKE) / (OTHER - ALIKE)).clamp(0.0, 1.0);
    (mean + share * trust * off, trust * doubt.min(spread) + (1.0 - trust) * spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The moments of one place of a plane that shows what `level` says in the frames where it is open.
    fn moments(open: impl Fn(u64) -> bool, level: impl Fn(u64) -> f32) -> Vec<f32> {
        let mut moments = Moments::new(FrameRange::new(0, 120), 0, &[1], 2);
        let mut all: Vec<f32> = Vec::new();
        for index in (0..120).filter(|index| open(*index)) {
            moments.turn(index);
            moments.give((0, 0), level(index), index);
            all.push(level(index));
        }
        all.sort_by(f32::total_cmp);
        let middle = all[all.len() / 2];
        let mut off: Vec<f32> = all.iter().map(|level| (level - middle).abs()).collect();
        off.sort_by(f32::total_cmp);
        let shot = vec![vec![Some((middle, off[off.len() / 2]))]];
        let moments = moments.finish(8, &shot);
        moments.iter().map(|moment| f32::from(moment.planes[0][0])).collect()
    }

    #[test]
    fn what_changes_slowly_is_as_it_was_about_the_moment() {
        // It is covered 40 frames of 50, as captions cover.
        let level = |index: u64| 60.0 + index as f32;
        let found = moments(|index| index % 50 >= 40, level);
        assert_eq!(found.len(), 10, "one each twelve frames");
        // The third moment is frame 30; before it nothing was seen, after it frames 40 to 49 were.
        assert!(found[4] > 95.0 && found[4] < 115.0, "frame 54, seen until 49: {found:?}");
        assert!(found[0] < found[9] - 20.0, "{found:?}");
    }

    #[test]
    fn what_passes_by_is_not_taken_for_the_place() {
        // Something passes, and then the place is covered: behind the cover it has gone on.
        let is_open = |index: u64| !(46..80).contains(&index);
        let level = |index: u64| {
            if (40..46).contains(&index) { 200.0 } else { 90.0 + (index % 3) as f32 }
        };
        let found = moments(is_open, level);
        assert!(found[4..7].iter().all(|level| (*level - 91.0).abs() < 12.0), "{found:?}");
    }

    #[test]
    fn a_background_of_few_frames_or_of_great_size_has_no_moments() {
        assert!(Moments::new(FrameRange::new(0, 23), 0, &[100], 2).is_none());
        assert!(Moments::new(FrameRange::new(0, 600), 0, &[1_500_000], 2).is_none());
        let short = Moments::new(FrameRange::new(40, 52), 0, &[100], 1);
        assert_eq!(short.frames, [46], "but for what is there for a short time");
        let many = Moments::new(FrameRange::new(0, 600), 0, &[100_000], 2);
        assert_eq!(many.frames.len(), 10, "a million luma samples in all");
        assert_eq!((many.frames[0], many.frames[9]), (30, 570));
    }
}
