//! Cutting segments: how many of a job's free cells a worker gets when a slot of it is idle.
//!
//! About a minute of work at the worker's measured speed (its tier's row until one is measured): the fixed
//! cost of a segment is small against that, and no more than the cells under way are lost with a worker, since
//! each counts as soon as it is handed in. Towards the end of the job the worker gets its share of what is
//! left, by speed, so that all slots end together; what goes wrong with that, `scheduler::tail` mends.

use cleanplate_types::cell::{Cell, Segment};
use cleanplate_types::frames::FrameRange;
use cleanplate_types::ids::CellIndex;

/// What decides a segment's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizing {
    /// Measured speed of the slot, in thousandths of a frame a second.
    pub measured: Option<u64>,
    /// Speed of the slot, measured or expected, in the same unit.
    pub speed: u64,
    /// Speed of all slots that take work, this one included, in the same unit.
    pub fleet: u64,
    /// The first segment of the worker's tier, in frames.
    pub tier_frames: u32,
    /// The largest segment that the user allows, in frames.
    pub frames_max: Option<u32>,
    /// Frames of the job that nobody holds.
    pub frames_free: u64,
    /// How much work a segment should be, in milliseconds.
    pub segment_ms: u64,
}

/// Frames that a segment should have; at least 1.
#[must_use]
pub fn target_frames(sizing: Sizing) -> u64 {
    let Sizing { measured, speed, fleet, tier_frames, frames_max, frames_free, segment_ms } =
        sizing;
    let usual = measured.map_or_else(
        || u64::from(tier_frames),
        |measured| measured.saturating_mul(segment_ms) / 1_000_000,
    );
    let share = u128::from(frames_free) * u128::from(speed) / u128::from(fleet.max(speed).max(1));
    let share = u64::try_from(share).unwrap_or(u64::MAX);
    let most = frames_max.map_or(u64::MAX, u64::from);
    usual.min(share).min(most).max(1)
}

/// How a cell may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stance {
    /// Together with others.
    Together,
    /// By itself: it failed before, and should not take others with it.
    Alone,
    /// Not by this worker.
    NotHere,
}

/// Cuts a segment of about `target` frames from the lowest free cells: whole cells, in one run, at
/// least one; no more frames than `target` unless the first cell alone has more.
///
/// `runs` are the free cells, lowest first, each as first cell and cell after the last.
pub fn cut(
    runs: impl IntoIterator<Item = (u32, u32)>,
    cells: &[Cell],
    target: u64,
    stance: impl Fn(CellIndex) -> Stance,
) -> Option<Segment> {
    for (start, end) in runs {
        for first in start..end {
            match stance(CellIndex(first)) {
                Stance::NotHere => {}
                Stance::Alone => return run(cells, first, first + 1, u64::MAX, &stance),
                Stance::Together => return run(cells, first, end, target, &stance),
            }
        }
    }
    None
}

fn run(
    cells: &[Cell],
    first: u32,
    end: u32,
    target: u64,
    stance: impl Fn(CellIndex) -> Stance,
) -> Option<Segment> {
    let start = cells.get(first as usize)?.frames.start;
    let mut segment = None;
    for index in first..end {
        let until = cells.get(index as usize)?.frames.end;
        let more = index > first;
        if more && (until - start > target || stance(CellIndex(index)) != Stance::Together) {
            break;
        }
        segment = Some(Segment {
            first: CellIndex(first),
            cells: index - first + 1,
            frames: FrameRange::new(start, until),
        });
    }
    segment
}

#[cfg(test)]
mod tests;
