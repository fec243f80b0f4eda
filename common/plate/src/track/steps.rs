//! Where something that moves is in the frames at, between, before and after its sights.

use cleanplate_types::detection::DetectionKind;
use cleanplate_types::frames::FrameRange;
use cleanplate_types::overlay::{Shape, Step, Track};
use cleanplate_types::picture::Rect;

use super::join::Sight;
use super::parts::Part;
use super::places::{between, clipped, covering, hull, overlap};
use super::{Cut, Settings};

/// Movement between two sights, in percent of the smaller side, that one step covers.
const STEP_PERCENT: u64 = 25;
/// Steps between two sights, and beyond the first and last, at most.
const STEPS_MAX: u64 = 32;
/// Successive steps are one where no side moves farther than this share of the smaller side, and so many luma
/// samples: a place that creeps costs the plan little.
const ONE_SHARE: u32 = 8;
const ONE: u32 = 4;

/// The samples that say how far something may reach beyond its sights.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reach<'a> {
    /// The frames that were looked at, rising.
    pub(super) frames: &'a [u64],
    pub(super) cuts: &'a [Cut],
    pub(super) table_frames: u64,
    pub(super) settings: &'a Settings,
}

impl Reach<'_> {
    /// Whether what was seen there comes or goes at once with `frame`; what is private is not taken at its word.
    pub(super) fn is_cut(&self, frame: u64, sight: &Sight<'_>) -> bool {
        let is_here = |cut: &Cut| cut.frame == frame && overlap(cut.bounds, sight.bounds()) > 0;
        !sight.found.kind.is_private() && self.cuts.iter().any(is_here)
    }

    /// The first frame of what was seen first there: back to the sample that did not see it, or `least` frames.
    pub(super) fn back(&self, sight: &Sight<'_>, least: u64) -> u64 {
        let least = if self.is_cut(sight.frame, sight) { 0 } else { least };
        let before = sight.sample.checked_sub(1).and_then(|at| self.frames.get(at));
        before.map_or(0, |before| before + 1).min(sight.frame.saturating_sub(least))
    }

    /// The frame after the last one of what was seen last there.
    pub(super) fn on(&self, sight: &Sight<'_>, least: u64) -> u64 {
        let least = if self.is_cut(sight.frame + 1, sight) { 0 } else { least };
        let after = self.frames.get(sight.sample + 1).copied().unwrap_or(self.table_frames);
        after.max(sight.frame.saturating_add(1).saturating_add(least)).min(self.table_frames)
    }
}

/// The track of something of that kind.
pub(super) fn track(kind: DetectionKind, steps: Vec<Step>, settings: &Settings) -> Track {
    let (origin, fill) = (kind.origin(), settings.fill_of(kind));
    // An ellipse within what was seen leaves its corners, and one around it covers more than the rectangle.
    Track { origin, fill, shape: Shape::Rectangle, steps }
}

/// The steps of a part that moves.
pub(super) fn steps(part: &Part<'_, '_>, reach: Reach<'_>) -> Vec<Step> {
    let is_private = part.kind().is_private();
    let least = if is_private { reach.settings.lead_frames } else { reach.settings.fade_frames };
    let sights = part.sights();
    let (Some(first), Some(last)) = (sights.first(), sights.last()) else {
        return Vec::new();
    };
    let mut places: Vec<(FrameRange, Rect)> = Vec::new();
    if part.beside().0.is_none() {
        let frames = FrameRange::new(reach.back(first, least), first.frame);
        let mut lead = beyond(first, sights.get(1), frames.count(), is_private);
        lead.reverse();
        let mut start = frames.start;
        for (count, bounds) in lead {
            places.push((FrameRange::new(start, start + count), bounds));
            start += count;
        }
    }
    for pair in sights.windows(2) {
        // Of what happens where it was looked for in vain, or for long not at all, nothing is known.
        let is_long = pair[1].frame - pair[0].frame > reach.settings.gap_frames_max;
        let has_gap = is_private && (is_long || pair[1].sample - pair[0].sample > 1);
        places.extend(on_the_way(&pair[0], &pair[1], has_gap));
    }
    places.push((FrameRange::new(last.frame, last.frame + 1), last.bounds()));
    if part.beside().1.is_none() {
        let end = reach.on(last, least);
        let before = sights.len().checked_sub(2).and_then(|at| sights.get(at));
        let mut start = last.frame + 1;
        for (count, bounds) in beyond(last, before, end.saturating_sub(start), is_private) {
            places.push((FrameRange::new(start, start + count), bounds));
            start += count;
        }
    }
    joined(part.kind(), &places, reach)
}

/// What holds a thing in the frames from one sight up to the next; across a gap one place holds both.
fn on_the_way(from: &Sight<'_>, to: &Sight<'_>, has_gap: bool) -> Vec<(FrameRange, Rect)> {
    let (start, end) = (from.bounds(), to.bounds());
    let count = to.frame - from.frame;
    let steps = if has_gap { 1 } else { parts_of(start, end).min(count).max(1) };
    let step = |number: u64| {
        let at = |number: u64| from.frame + count * number / steps;
        let way = |number: u64| between(start, end, (number, steps));
        (FrameRange::new(at(number), at(number + 1)), hull(way(number), way(number + 1)))
    };
    (0..steps).map(step).collect()
}

/// Steps from one place to the other, each a part of the smaller side long.
fn parts_of(from: Rect, to: Rect) -> u64 {
    let moved = [
        from.x.abs_diff(to.x),
        from.y.abs_diff(to.y),
        from.right().abs_diff(to.right()),
        from.bottom().abs_diff(to.bottom()),
    ];
    let side = from.width.min(from.height).min(to.width.min(to.height)).max(1);
    let most = moved.into_iter().max().unwrap_or(0);
    (u64::from(most) * 100 / (u64::from(side) * STEP_PERCENT)).clamp(1, STEPS_MAX)
}

/// What holds a thing in the `count` frames beyond its outermost sight, from that on: it may have stayed, or have
/// gone on as it went from the `inner` sight next to it. What is private may have gone half its size farther.
fn beyond(
    outer: &Sight<'_>,
    inner: Option<&Sight<'_>>,
    count: u64,
    is_private: bool,
) -> Vec<(u64, Rect)> {
    let here = outer.bounds();
    let Some(inner) = inner else {
        return vec![(count, here)];
    };
    let past = i64::try_from(outer.frame.abs_diff(inner.frame)).unwrap_or(i64::MAX).max(1);
    let before = inner.bounds();
    let places = u64::from(before != here) * (STEPS_MAX - 1) + 1;
    let places = places.min(count).max(1);
    let place = |number: u64| {
        let frames = i64::try_from((count * (number + 1) / places).min(1 << 20)).unwrap_or(0);
        let travel = |from: u32, to: u32, size: u32| {
            let size = i64::from(size);
            // No faster than its own size from sight to sight, as what is joined.
            let step = (i64::from(to) - i64::from(from)).clamp(-size, size);
            let way = step * frames / past;
            let farther =
                if is_private && way.abs() * 8 > size { way.signum() * size / 2 } else { 0 };
            way + farther
        };
        let right = travel(before.x, here.x, here.width);
        let down = travel(before.y, here.y, here.height);
        hull(here, moved(here, right, down))
    };
    let edge = |number: u64| count * number / places;
    (0..places).map(|at| (edge(at + 1) - edge(at), place(at))).collect()
}

/// A rectangle so far on; what lies left of or above the picture is cut off.
fn moved(bounds: Rect, right: i64, down: i64) -> Rect {
    let side = |from: u32, length: u32, by: i64| {
        let start = (i64::from(from) + by).max(0);
        let end = (i64::from(from) + i64::from(length) + by).max(0);
        let start = u32::try_from(start).unwrap_or(u32::MAX);
        (start, u32::try_from(end).unwrap_or(u32::MAX).saturating_sub(start))
    };
    let (x, width) = side(bounds.x, bounds.width, right);
    let (y, height) = side(bounds.y, bounds.height, down);
    Rect { x, y, width, height }
}

/// The steps of places, those of them joined that hardly differ, grown and on the grid.
fn joined(kind: DetectionKind, places: &[(FrameRange, Rect)], reach: Reach<'_>) -> Vec<Step> {
    let table = FrameRange::new(0, reach.table_frames);
    let mut steps: Vec<(FrameRange, Rect, Rect)> = Vec::new();
    for (frames, bounds) in places {
        let frames = frames.intersect(table);
        let Some(bounds) = clipped(*bounds, reach.settings).filter(|_| !frames.is_empty()) else {
            continue;
        };
        let most = bounds.width.min(bounds.height) / ONE_SHARE + ONE;
        match steps.last_mut() {
            Some((before, first, all)) if is_near(*first, hull(*all, bounds), most) => {
                before.end = frames.end;
                *all = hull(*all, bounds);
            }
            Some(_) | None => steps.push((frames, bounds, bounds)),
        }
    }
    let step =
        |(frames, _, bounds)| Step { frames, bounds: covering(kind, bounds, reach.settings) };
    steps.into_iter().map(step).collect()
}

/// Whether no side of the second lies farther out than so much.
fn is_near(first: Rect, all: Rect, most: u32) -> bool {
    first.x - all.x <= most
        && first.y - all.y <= most
        && all.right() - first.right() <= most
        && all.bottom() - first.bottom() <= most
}
