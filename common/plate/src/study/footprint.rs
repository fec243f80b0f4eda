//! The samples that a matte covers, as the mask of a plan.

use cleanplate_types::overlay::Mask;
use cleanplate_types::picture::Rect;

use crate::bitmap::Bitmap;
use crate::matte::{ALPHA_ONE, Class, Matte};

/// A sample of which less than this is hidden changes by less than coding does.
const SHOWS: u16 = ALPHA_ONE / 64;

/// What of a matte's luma can be restored and what cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    /// Samples that it covers.
    pub(super) covered: u64,
    /// Of those, samples that something shines through as far as can be believed.
    pub(super) restored: u64,
    /// Of those, samples whose colour changes.
    pub(super) changing: u64,
}

/// The luma samples of its bounds that the matte covers.
pub(super) fn footprint(matte: &Matte) -> Bitmap {
    let (width, height) = (matte.bounds.width as usize, matte.bounds.height as usize);
    let mut covered = Bitmap::empty(width, height);
    let samples = matte.planes.first().map_or(&[][..], |plane| plane.alpha.as_slice());
    for ((cell, alpha), class) in covered.cells.iter_mut().zip(samples).zip(&matte.classes) {
        *cell = *alpha >= SHOWS || *class == Class::Changing;
    }
    covered
}

/// Counts the samples of a matte.
pub(super) fn tally(matte: &Matte) -> Tally {
    let mut tally = Tally { covered: 0, restored: 0, changing: 0 };
    let trust = matte.planes.first().map_or(&[][..], |plane| plane.trust.as_slice());
    let covered = footprint(matte).cells;
    for ((covered, class), trust) in covered.into_iter().zip(&matte.classes).zip(trust) {
        tally.covered += u64::from(covered);
        tally.changing += u64::from(*class == Class::Changing);
        let shines = *class == Class::SemiTransparent && *trust >= 128;
        tally.restored += u64::from(covered && shines);
    }
    tally
}

/// Samples that the matte covers and that cannot be restored, but for those within `rim` of others.
pub(super) fn wide(matte: &Matte, rim: usize) -> u64 {
    let mut lost = footprint(matte);
    let trust = matte.planes.first().map_or(&[][..], |plane| plane.trust.as_slice());
    for ((cell, class), trust) in lost.cells.iter_mut().zip(&matte.classes).zip(trust) {
        *cell &= *class != Class::SemiTransparent || *trust < 128;
    }
    let rest = lost.inverse().dilated(rim).inverse();
    u64::try_from(rest.count()).unwrap_or(u64::MAX)
}

/// The set, grown by `margin`, as a mask of a picture of that size; `bounds` is where its rectangle lies.
pub(super) fn mask(
    covered: &Bitmap,
    bounds: Rect,
    margin: u32,
    (width, height): (u32, u32),
) -> Option<Mask> {
    let span = covered.bounds()?;
    let side = |from: usize, to: usize, origin: u32, size: u32| {
        let from = u32::try_from(from).ok()?.saturating_add(origin).saturating_sub(margin);
        let to = u32::try_from(to).ok()?.saturating_add(origin).saturating_add(margin).min(size);
        Some((from, to.checked_sub(from)?))
    };
    let (x, columns) = side(span.left, span.right, bounds.x, width)?;
    let (y, rows) = side(span.top, span.bottom, bounds.y, height)?;
    let mut mask = Mask::empty(Rect { x, y, width: columns, height: rows });
    for row in 0..rows {
        for column in 0..columns {
            let near = |at: u32, from: u32, origin: u32| {
                let at = i64::from(at) + i64::from(from) - i64::from(origin);
                (at - i64::from(margin))..=(at + i64::from(margin))
            };
            let mut cells = near(row, y, bounds.y)
                .flat_map(|v| near(column, x, bounds.x).map(move |u| (u, v)))
                .filter_map(|(u, v)| Some((usize::try_from(u).ok()?, usize::try_from(v).ok()?)));
            if cells.any(|(u, v)| covered.has(u, v)) {
                mask.set(column, row);
            }
        }
    }
    Some(mask)
}

/// What is in both masks, in the rectangle of the first; nothing where that is empty.
pub(super) fn common(one: &Mask, other: &Mask) -> Option<Mask> {
    let mut both = Mask::empty(one.bounds);
    let inside = |at: u32, from: u32, to: u32| (at + from).checked_sub(to);
    for y in 0..one.bounds.height {
        for x in 0..one.bounds.width {
            let u = inside(x, one.bounds.x, other.bounds.x);
            let v = inside(y, one.bounds.y, other.bounds.y);
            let is_other = u.zip(v).is_some_and(|(u, v)| other.covers(u, v));
            if one.covers(x, y) && is_other {
                both.set(x, y);
            }
        }
    }
    (both.count() > 0).then_some(both)
}
