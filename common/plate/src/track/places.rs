//! Arithmetic on rectangles: what holds two of them, what is left in the picture, what lies on a grid.

use cleanplate_types::detection::{Detection, DetectionKind};
use cleanplate_types::picture::Rect;

use super::Settings;

/// Luma samples of the grid on which the sides of all that is covered lie.
const GRID: u32 = 4;
/// Luma samples by which text and objects are grown beside their share.
const GROWN: u32 = 2;
/// Share of its rectangle, in percent, below which a detection's own mask says more than that.
const SPARSE_PERCENT: u64 = 70;

/// The smallest rectangle that holds both.
pub(super) fn hull(a: Rect, b: Rect) -> Rect {
    let (x, y) = (a.x.min(b.x), a.y.min(b.y));
    let (right, bottom) = (a.right().max(b.right()), a.bottom().max(b.bottom()));
    Rect { x, y, width: right - x, height: bottom - y }
}

/// Samples that both have.
pub(super) fn overlap(a: Rect, b: Rect) -> u64 {
    let across = a.right().min(b.right()).saturating_sub(a.x.max(b.x));
    let down = a.bottom().min(b.bottom()).saturating_sub(a.y.max(b.y));
    u64::from(across) * u64::from(down)
}

/// The part that lies in the picture.
pub(super) fn clipped(bounds: Rect, settings: &Settings) -> Option<Rect> {
    let width = bounds.right().min(settings.width).checked_sub(bounds.x)?;
    let height = bounds.bottom().min(settings.height).checked_sub(bounds.y)?;
    (width > 0 && height > 0).then_some(Rect { width, height, ..bounds })
}

/// How far something of that kind is grown, across and down.
pub(super) fn margins(kind: DetectionKind, bounds: Rect, settings: &Settings) -> (u32, u32) {
    let share = |side: u32, percent: u32| {
        u32::try_from(u64::from(side) * u64::from(percent) / 100).unwrap_or(u32::MAX)
    };
    if kind.is_private() {
        let percent = settings.private_grow_percent;
        return (share(bounds.width, percent), share(bounds.height, percent));
    }
    let short = share(bounds.width.min(bounds.height), settings.grow_percent);
    let by = short.saturating_add(GROWN);
    (by, by)
}

/// The rectangle with its margins, outwards to the grid, in the picture.
pub(super) fn covering(kind: DetectionKind, bounds: Rect, settings: &Settings) -> Rect {
    let (across, down) = margins(kind, bounds, settings);
    let low = |place: u32, by: u32| place.saturating_sub(by) / GRID * GRID;
    let high = |place: u32, by: u32, size: u32| {
        place.saturating_add(by).div_ceil(GRID).saturating_mul(GRID).min(size)
    };
    let (x, y) = (low(bounds.x, across), low(bounds.y, down));
    let right = high(bounds.right(), across, settings.width);
    let bottom = high(bounds.bottom(), down, settings.height);
    Rect { x, y, width: right.saturating_sub(x), height: bottom.saturating_sub(y) }
}

/// Whether a detection covers so little of its rectangle that its own mask is to be kept.
pub(super) fn is_sparse(sight: &Detection) -> bool {
    let area = u64::from(sight.bounds.width) * u64::from(sight.bounds.height);
    sight.mask.as_ref().is_some_and(|mask| mask.count() * 100 < area * SPARSE_PERCENT)
}

/// The place so far on the way.
pub(super) fn between(from: Rect, to: Rect, (step, steps): (u64, u64)) -> Rect {
    let mix = |a: u32, b: u32| {
        let sum = u64::from(a) * (steps - step) + u64::from(b) * step;
        u32::try_from(sum / steps.max(1)).unwrap_or(u32::MAX)
    };
    let (x, y) = (mix(from.x, to.x), mix(from.y, to.y));
    let (right, bottom) = (mix(from.right(), to.right()), mix(from.bottom(), to.bottom()));
    Rect { x, y, width: right.saturating_sub(x), height: bottom.saturating_sub(y) }
}

/// Twice the middle, across and down.
pub(super) fn middle(bounds: Rect) -> (i64, i64) {
    let twice = |start: u32, size: u32| i64::from(start) * 2 + i64::from(size);
    (twice(bounds.x, bounds.width), twice(bounds.y, bounds.height))
}
