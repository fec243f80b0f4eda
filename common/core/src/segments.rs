//! Cutting segments: how many of a job's free cells a worker gets when a slot of it is idle.
//!
//! About a minute of work at the worker's measured speed (its tier's row until one is measured): the fixed
//! cost of a segment is small against that, and no more than the cells under way are lost with a worker, since
//! each counts as soon as it is handed in. Towards the end of the job the worker gets its share of what is
//! left, by speed, so that all slots end together; where that is less than a cell, a fast one takes the longest and
//! a slow one the shortest, since who takes a long one last is waited for. What goes wrong with that,
//! `scheduler::tail` mends.

use std::cmp::Reverse;

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
    /// Number of these slots.
    pub slots: u64,
    /// The first segment of the worker's tier, in frames.
    pub tier_frames: u32,
    /// The largest segment that the user allows, in frames.
    pub frames_max: Option<u32>,
    /// Frames of the job that nobody holds.
    pub frames_free: u64,
    /// How much work a segment should be, in milliseconds.
    pub segment_ms: u64,
}

/// What a segment should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Its frames; at least 1.
    pub frames: u64,
    /// Which cell it is where it is one.
    pub pick: Pick,
}

/// Which free cell is taken where one is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// The lowest.
    Lowest,
    /// The longest of the lowest [`PICKED_FROM`].
    Longest,
    /// The shortest of them.
    Shortest,
}

/// Free cells among which the longest or shortest is looked for.
pub const PICKED_FROM: usize = 64;

/// What a segment should be.
#[must_use]
pub fn target(sizing: Sizing) -> Target {
    let Sizing { measured, speed, fleet, slots, tier_frames, frames_max, frames_free, segment_ms } =
        sizing;
    let usual = measured.map_or_else(
        || u64::from(tier_frames),
        |measured| measured.saturating_mul(segment_ms) / 1_000_000,
    );
    let share = u128::from(frames_free) * u128::from(speed) / u128::from(fleet.max(speed).max(1));
    let share = u64::try_from(share).unwrap_or(u64::MAX);
    let most = frames_max.map_or(u64::MAX, u64::from);
    let pick = if share >= usual.min(most) {
        Pick::Lowest
    } else if speed.saturating_mul(slots) >= fleet {
        Pick::Longest
    } else {
        Pick::Shortest
    };
    Target { frames: usual.min(share).min(most).max(1), pick }
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

/// Cuts a segment of about the `target`'s frames from the lowest free cells: whole cells, in one run, at
/// least one; no more frames than that unless the first cell alone has more. Where it is one, it is the one to pick.
///
/// `runs` are the free cells, lowest first, each as first cell and cell after the last.
pub fn cut(
    runs: impl IntoIterator<Item = (u32, u32)> + Clone,
    cells: &[Cell],
    target: Target,
    stance: impl Fn(CellIndex) -> Stance,
) -> Option<Segment> {
    for (start, end) in runs.clone() {
        for first in start..end {
            let segment = match stance(CellIndex(first)) {
                Stance::NotHere => continue,
                Stance::Alone => return run(cells, first, first + 1, u64::MAX, &stance),
                Stance::Together => run(cells, first, end, target.frames, &stance)?,
            };
            let is_one = segment.cells == 1;
            let picked = if is_one { pick(runs, cells, target.pick, &stance) } else { None };
            return picked.or(Some(segment));
        }
    }
    None
}

/// The one cell to pick, of those that may be taken together with others; the lowest of equals. `None` where it is
/// the lowest of all.
fn pick(
    runs: impl IntoIterator<Item = (u32, u32)>,
    cells: &[Cell],
    pick: Pick,
    stance: impl Fn(CellIndex) -> Stance,
) -> Option<Segment> {
    let free = runs.into_iter().flat_map(|(start, end)| start..end).take(PICKED_FROM);
    let of = |index: u32| {
        let frames = cells.get(index as usize)?.frames;
        (stance(CellIndex(index)) == Stance::Together).then_some((index, frames))
    };
    let free = free.filter_map(of);
    let (first, frames) = match pick {
        Pick::Lowest => None,
        Pick::Longest => free.min_by_key(|(_, frames)| Reverse(frames.count())),
        Pick::Shortest => free.min_by_key(|(_, frames)| frames.count()),
    }?;
    Some(Segment { first: CellIndex(first), cells: 1, frames })
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
