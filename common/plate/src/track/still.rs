//! One overlay of what stays in place: what was seen of it in all of its sights, for all of their time.

use cleanplate_types::frames::FrameRange;
use cleanplate_types::overlay::{Mask, Overlay};
use cleanplate_types::picture::Rect;

use super::join::Sight;
use super::parts::Part;
use super::places::{covering, hull, is_sparse, margins};
use super::steps::Reach;
use crate::bitmap::{Bitmap, Span};

/// The overlay; `None` where none of its frames is in the table.
pub(super) fn overlay(part: &Part<'_, '_>, reach: Reach<'_>) -> Option<Overlay> {
    let sights = part.sights();
    let (first, last) = (sights.first()?, sights.last()?);
    let before = part.beside().0.map(|sight| sight.frame);
    let after = part.beside().1.map(|sight| sight.frame);
    let start = before.map_or_else(|| reach.back(first, reach.settings.fade_frames), |at| at + 1);
    let end = after.unwrap_or_else(|| reach.on(last, reach.settings.fade_frames));
    let frames = FrameRange::new(start, end.min(reach.table_frames));
    let when = without_gaps(frames, sights, reach);
    (!when.is_empty()).then(|| Overlay {
        origin: part.kind().origin(),
        mask: mask(part, reach),
        when,
        fill: reach.settings.fill_of(part.kind()),
        hides: true,
    })
}

/// The frames without those between a sight with which it goes at once and one with which it comes at once, where it was
/// looked for in between and not seen.
fn without_gaps(frames: FrameRange, sights: &[Sight<'_>], reach: Reach<'_>) -> Vec<FrameRange> {
    let mut when = Vec::new();
    let mut start = frames.start;
    for pair in sights.windows(2) {
        let (last, next) = (&pair[0], &pair[1]);
        let is_missed = next.sample > last.sample + 1;
        if is_missed && reach.is_cut(last.frame + 1, last) && reach.is_cut(next.frame, next) {
            when.push(FrameRange::new(start, last.frame + 1));
            start = next.frame;
        }
    }
    when.push(FrameRange::new(start, frames.end.max(start)));
    when.retain(|frames| !frames.is_empty());
    when
}

/// All that was seen, grown: the rectangle around it, or its own samples where they are much less.
fn mask(part: &Part<'_, '_>, reach: Reach<'_>) -> Mask {
    let settings = reach.settings;
    let sights = part.sights();
    let bounds = sights.iter().map(Sight::bounds).reduce(hull);
    let bounds = bounds.unwrap_or_else(|| sights[0].bounds());
    let covered = covering(part.kind(), bounds, settings);
    if !sights.iter().all(|sight| is_sparse(sight.found)) {
        return Mask::full(covered);
    }
    let mut seen = Bitmap::empty(covered.width as usize, covered.height as usize);
    for mask in sights.iter().filter_map(|sight| sight.found.mask.as_ref()) {
        put(&mut seen, covered, mask);
    }
    let (across, down) = margins(part.kind(), bounds, settings);
    let grown = seen.dilated(across.max(down) as usize);
    let mut mask = Mask::empty(covered);
    for (y, row) in (0..).zip(grown.cells.chunks_exact(grown.width.max(1))) {
        for (x, _) in (0..).zip(row).filter(|(_, is_set)| **is_set) {
            mask.set(x, y);
        }
    }
    mask
}

/// Sets what a mask covers of a rectangle of the picture.
fn put(seen: &mut Bitmap, within: Rect, mask: &Mask) {
    for y in 0..mask.bounds.height {
        for x in (0..mask.bounds.width).filter(|x| mask.covers(*x, y)) {
            let column = (mask.bounds.x + x).checked_sub(within.x);
            let row = (mask.bounds.y + y).checked_sub(within.y);
            if let (Some(column), Some(row)) = (column, row) {
                let (left, top) = (column as usize, row as usize);
                if left < seen.width {
                    seen.add_span(Span { left, top, right: left + 1, bottom: top + 1 });
                }
            }
        }
    }
}
