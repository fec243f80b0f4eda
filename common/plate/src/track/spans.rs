//! What to cover in the frames between, before and after the sights of one thing.

use cleanplate_types::frames::FrameRange;
use cleanplate_types::overlay::Mask;
use cleanplate_types::picture::Rect;

use super::Settings;
use super::join::Chain;

/// Movement between two sights, in percent of the region's side, that one mask covers; more is cut
/// into steps.
const STEP_PERCENT: u64 = 25;
/// Steps between two sights at most.
const STEPS_MAX: u64 = 32;

/// The masks of a chain. `frames` are those that were looked at, rising.
pub(super) fn spans(
    chain: &Chain,
    frames: &[u64],
    table_frames: u64,
    settings: &Settings,
) -> Vec<(FrameRange, Mask)> {
    let mut spans: Vec<(FrameRange, Rect)> = Vec::new();
    let first = chain.sights[0];
    let last = chain.sights[chain.sights.len() - 1];
    let start = first.frame.saturating_sub(settings.lead_frames.max(
        // Up to the sample before it, which did not see it, it may have been there.
        unseen(first.frame, frames.iter().rev().copied().find(|frame| *frame < first.frame)),
    ));
    let end = last.frame.saturating_add(1).saturating_add(
        settings
            .lead_frames
            .max(unseen(last.frame, frames.iter().copied().find(|frame| *frame > last.frame))),
    );
    spans.push((FrameRange::new(start, first.frame), first.bounds));
    for pair in chain.sights.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let count = to.frame - from.frame;
        let steps = steps(from.bounds, to.bounds).min(count).max(1);
        for step in 0..steps {
            let at = |step: u64| from.frame + count * step / steps;
            let range = FrameRange::new(at(step), at(step + 1));
            let way = |step: u64| between(from.bounds, to.bounds, (step, steps));
            spans.push((range, hull(way(step), way(step + 1))));
        }
    }
    spans.push((FrameRange::new(last.frame, end), last.bounds));
    let mut masks: Vec<(FrameRange, Mask)> = Vec::new();
    for (range, bounds) in spans {
        let range = range.intersect(FrameRange::new(0, table_frames));
        if range.is_empty() {
            continue;
        }
        let mask = Mask::full(grown(bounds, settings));
        match masks.last_mut().filter(|(_, before)| *before == mask) {
            Some((before, _)) => before.end = range.end,
            None => masks.push((range, mask)),
        }
    }
    masks
}

/// Frames between a sight and the nearest sample without one, at most those of a usual gap: where
/// nothing was looked at, nothing is known.
fn unseen(frame: u64, other: Option<u64>) -> u64 {
    other.map_or(0, |other| frame.abs_diff(other).saturating_sub(1))
}

/// Steps from one place to the other, each a part of the smaller side long.
fn steps(from: Rect, to: Rect) -> u64 {
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

/// The place so far on the way.
fn between(from: Rect, to: Rect, (step, steps): (u64, u64)) -> Rect {
    let mix = |a: u32, b: u32| {
        let sum = u64::from(a) * (steps - step) + u64::from(b) * step;
        u32::try_from(sum / steps.max(1)).unwrap_or(u32::MAX)
    };
    let (x, y) = (mix(from.x, to.x), mix(from.y, to.y));
    let (right, bottom) = (mix(from.right(), to.right()), mix(from.bottom(), to.bottom()));
    Rect { x, y, width: right.saturating_sub(x), height: bottom.saturating_sub(y) }
}

fn hull(a: Rect, b: Rect) -> Rect {
    let (x, y) = (a.x.min(b.x), a.y.min(b.y));
    let (right, bottom) = (a.right().max(b.right()), a.bottom().max(b.bottom()));
    Rect { x, y, width: right - x, height: bottom - y }
}

fn grown(bounds: Rect, settings: &Settings) -> Rect {
    let more = |size: u32| {
        u32::try_from(u64::from(size) * u64::from(settings.grow_percent) / 100).unwrap_or(u32::MAX)
    };
    let (across, down) = (more(bounds.width), more(bounds.height));
    let (x, y) = (bounds.x.saturating_sub(across), bounds.y.saturating_sub(down));
    let right = bounds.right().saturating_add(across).min(settings.width);
    let bottom = bounds.bottom().saturating_add(down).min(settings.height);
    Rect { x, y, width: right.saturating_sub(x), height: bottom.saturating_sub(y) }
}
