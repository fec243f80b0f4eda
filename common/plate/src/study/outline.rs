//! How far an overlay reaches that hides what is behind it: the samples that stay what they are in frames whose
//! surroundings are others.
//!
//! Owns that mask. Refuses to take away what may be something written that changes: digits that tick.

use std::collections::BTreeSet;

use cleanplate_types::overlay::Mask;
use cleanplate_types::picture::Rect;

use super::footprint::mask;
use super::steady::sides;
use crate::bitmap::Bitmap;
use crate::matte::{ALPHA_ONE, Class, Crop, Crops, Matte, PAINT_ONE};

/// Mean deviation of the samples around an overlay, in 8-bit codes, from which on what stays is told from it.
const MOVES_MIN: u32 = 12;
/// A sample stays where it deviates by so much at most, or by this share, in percent, of what those around do: most
/// of it is the overlay's.
const STAYS_MAX: u32 = 3;
const STAYS_PERCENT: u32 = 45;
/// Something written has edges as high as the surroundings times this, in percent, and this many codes higher.
const WRITTEN_PERCENT: u32 = 250;
const WRITTEN_MORE: u32 = 8;
/// And with this share it hides all of what is behind it.
const SOLID_PERCENT: u32 = 15;
/// Beyond what was found, so many luma samples are looked at for what hides all.
const BEYOND: usize = 6;
/// How far from what stays its own edges blur, in luma samples.
const BLUR: usize = 2;
/// Fewer samples than this together are left out, or closed.
const PART_MIN: usize = 6;
/// Frames that are asked at most.
const FRAMES_MAX: usize = 64;
/// Share of the mask, in percent, that stays at least.
const PERCENT_MIN: u64 = 25;

/// What stays of an overlay.
#[derive(Debug)]
pub(super) struct Outline {
    /// The luma samples that it covers, and a margin.
    pub(super) mask: Mask,
    /// Those of the site's bounds that hide all of what is behind them.
    pub(super) solid: Bitmap,
}

/// The mask of what stays in `frames` within `found` and next to it, grown by `margin`; nothing where that cannot be told.
pub(super) fn outline(
    crops: &[Crops],
    frames: &BTreeSet<u64>,
    found: &Mask,
    margin: u32,
    size: (u32, u32),
) -> Option<Outline> {
    let site = &crops.first()?.site;
    let kept = crops.iter().filter(|one| one.site == *site).flat_map(|one| &one.frames);
    let kept: Vec<&[u16]> = kept
        .filter(|frame| frames.contains(&frame.index))
        .filter_map(|frame| frame.planes.first().map(Vec::as_slice))
        .collect();
    let count = kept.len().min(FRAMES_MAX);
    let kept: Vec<&[u16]> = (0..count).map(|at| kept[at * kept.len() / count]).collect();
    let shift = u32::from(site.layout.depth.clamp(8, 16)) - 8;
    let (width, height) = (site.bounds.width as usize, site.bounds.height as usize);
    let (_, around) = sides(site);
    let stays = deviations(&kept, width * height, shift);
    let moves = median(around.iter().map(|at| stays[*at]))?;
    if moves < MOVES_MIN {
        return None;
    }
    let edges = edges(&kept, (width, height), shift);
    let rough = mean(around.iter().map(|at| edges[*at]));
    let inside = within(found, site.bounds);
    let mut body = Bitmap::empty(width, height);
    let mut written = Bitmap::empty(width, height);
    for at in (0..width * height).filter(|at| inside.cells[*at]) {
        body.cells[at] = stays[at] <= STAYS_MAX.max(moves * STAYS_PERCENT / 100);
        written.cells[at] = edges[at] >= (rough * WRITTEN_PERCENT / 100).max(rough + WRITTEN_MORE);
    }
    let solid_max = STAYS_MAX.max(moves * SOLID_PERCENT / 100);
    let mut body = large(&body);
    let mut beyond = body.dilated(BEYOND);
    for (at, cell) in beyond.cells.iter_mut().enumerate() {
        *cell &= stays[at] <= solid_max;
    }
    body = body.spread_in(&beyond);
    written.remove(&body.dilated(BLUR));
    body.add(&large(&written));
    let body = large(&body.closed(1).inverse()).inverse();
    let mask = mask(&body, site.bounds, margin, size)?;
    let is_solid = |at: usize| body.cells[at] && stays[at] <= solid_max;
    let cells = (0..width * height).map(is_solid).collect();
    (mask.count() * 100 >= found.count() * PERCENT_MIN)
        .then_some(Outline { mask, solid: Bitmap { width, height, cells } })
}

/// Makes a matte of the same bounds say that what is solid hides all: nothing of it is left in place because it
/// was learned to be fainter.
pub(super) fn settle(matte: &mut Matte, crops: &[Crops], frames: &BTreeSet<u64>, solid: &Bitmap) {
    let (width, height) = (matte.bounds.width as usize, matte.bounds.height as usize);
    if (solid.width, solid.height) != (width, height) {
        return;
    }
    let kept = crops.iter().flat_map(|one| &one.frames);
    let kept: Vec<&Crop> = kept.filter(|frame| frames.contains(&frame.index)).collect();
    let shifts = (matte.layout.chroma_shift_x, matte.layout.chroma_shift_y);
    for (number, plane) in matte.planes.iter_mut().enumerate() {
        let (sx, sy) = if number == 0 { (0, 0) } else { shifts };
        let columns = plane.width as usize;
        for at in 0..plane.alpha.len() {
            let (left, top) = ((at % columns) << sx, (at / columns) << sy);
            let (right, bottom) = ((left + (1 << sx)).min(width), (top + (1 << sy)).min(height));
            let is_solid = (top..bottom).all(|y| (left..right).all(|x| solid.has(x, y)));
            let levels = kept.iter().filter_map(|frame| frame.planes.get(number)?.get(at));
            if let Some(level) = is_solid.then(|| middle(levels.copied().collect())).flatten() {
                plane.alpha[at] = ALPHA_ONE;
                plane.paint[at] = level.saturating_mul(PAINT_ONE);
                plane.trust[at] = 0;
            }
        }
    }
    for (class, solid) in matte.classes.iter_mut().zip(&solid.cells) {
        if *solid && *class != Class::Changing {
            *class = Class::Opaque;
        }
    }
}

fn middle(mut levels: Vec<u16>) -> Option<u16> {
    levels.sort_unstable();
    levels.get(levels.len() / 2).copied()
}

/// The samples of `bounds` that the mask covers.
fn within(found: &Mask, bounds: Rect) -> Bitmap {
    let mut covered = Bitmap::empty(bounds.width as usize, bounds.height as usize);
    for (at, cell) in covered.cells.iter_mut().enumerate() {
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let x = (bounds.x + place(at % covered.width)).checked_sub(found.bounds.x);
        let y = (bounds.y + place(at / covered.width)).checked_sub(found.bounds.y);
        *cell = x.zip(y).is_some_and(|(x, y)| found.covers(x, y));
    }
    covered
}

/// The parts of the set that are not small.
fn large(set: &Bitmap) -> Bitmap {
    let mut kept = Bitmap::empty(set.width, set.height);
    for part in set.parts() {
        let part = set.within(part);
        if part.count() >= PART_MIN {
            kept.add(&part);
        }
    }
    kept
}

/// Mean deviation of each sample from its median over the frames, in 8-bit codes.
fn deviations(frames: &[&[u16]], count: usize, shift: u32) -> Vec<u32> {
    let one = |at: usize| {
        let mut levels: Vec<u16> =
            frames.iter().filter_map(|luma| luma.get(at)).map(|level| level >> shift).collect();
        levels.sort_unstable();
        let middle = levels.get(levels.len() / 2).copied().unwrap_or(0);
        mean(levels.iter().map(|level| u32::from(level.abs_diff(middle))))
    };
    (0..count).map(one).collect()
}

/// Mean height of the edge at each sample, in 8-bit codes.
fn edges(frames: &[&[u16]], (width, height): (usize, usize), shift: u32) -> Vec<u32> {
    let mut sums = vec![0_u32; width * height];
    for luma in frames.iter().filter(|luma| luma.len() >= width * height) {
        for y in 1..height.saturating_sub(1) {
            for at in y * width + 1..(y + 1) * width - 1 {
                let across = luma[at - 1].abs_diff(luma[at + 1]);
                let down = luma[at - width].abs_diff(luma[at + width]);
                sums[at] += u32::from(across.max(down) >> shift);
            }
        }
    }
    let count = u32::try_from(frames.len().max(1)).unwrap_or(u32::MAX);
    sums.iter().map(|sum| sum / count).collect()
}

fn mean(values: impl Iterator<Item = u32>) -> u32 {
    let (sum, count) =
        values.fold((0_u64, 0_u64), |(sum, count), one| (sum + u64::from(one), count + 1));
    u32::try_from(sum / count.max(1)).unwrap_or(u32::MAX)
}

fn median(values: impl Iterator<Item = u32>) -> Option<u32> {
    let mut values: Vec<u32> = values.collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::super::drawn::drawn;
    use super::*;
    use crate::matte::MattePlane;

    const SIDE: u32 = 64;
    const FOUND: Rect = Rect { x: 112, y: 112, width: 40, height: 40 };

    fn random(index: u64, at: u32) -> u16 {
        let mut bits = index.wrapping_mul(0x9e37_79b9) ^ u64::from(at).wrapping_mul(0x85eb_ca6b);
        bits = (bits ^ (bits >> 15)).wrapping_mul(0x2c1b_3c6d);
        u16::try_from((bits >> 9) % 180).unwrap()
    }

    /// Sixty frames of blobs, elsewhere in each, with what `draw` puts on them; the site starts at 100, 100.
    fn crops(draw: impl Fn(u64, u32, u32) -> Option<u16>) -> Vec<Crops> {
        let bounds = Rect { x: 100, y: 100, width: SIDE, height: SIDE };
        drawn(bounds, FOUND, 60, |index, x, y| {
            let by = u32::try_from(index).unwrap();
            let blob = (x - 100 + by * 5) / 16 + (y - 100 + by * 3) / 16 * 4;
            draw(index, x, y).unwrap_or_else(|| random(index, blob))
        })
    }

    fn outlined(draw: impl Fn(u64, u32, u32) -> Option<u16>) -> Option<Mask> {
        let found = Mask::full(FOUND);
        let outline = outline(&crops(draw), &(0..60).collect(), &found, 2, (640, 360));
        outline.map(|outline| outline.mask)
    }

    fn inside(rect: Rect, x: u32, y: u32) -> bool {
        (rect.x..rect.right()).contains(&x) && (rect.y..rect.bottom()).contains(&y)
    }

    #[test]
    fn what_stays_next_to_what_was_found_belongs_to_it() {
        let more = Rect { x: 118, y: 130, width: 37, height: 14 };
        let mask = outlined(|_, x, y| inside(more, x, y).then_some(190)).unwrap();
        assert_eq!(mask.bounds, Rect { x: 116, y: 128, width: 41, height: 18 });
    }

    const PLATE: Rect = Rect { x: 118, y: 120, width: 26, height: 22 };

    #[test]
    fn a_mask_that_was_found_too_large_ends_where_what_stays_does_and_keeps_no_holes_that_move() {
        let hole = Rect { x: 126, y: 126, width: 10, height: 10 };
        let draw = |_: u64, x, y| (inside(PLATE, x, y) && !inside(hole, x, y)).then_some(210);
        let mask = outlined(draw).unwrap();
        assert_eq!(mask.bounds, Rect { x: 116, y: 118, width: 30, height: 26 });
        assert!(!mask.covers(130 - 116, 130 - 118), "the picture shows in the hole");
        assert!(mask.covers(127 - 116, 127 - 118) && mask.covers(0, 0), "the margin is kept");
    }

    #[test]
    fn digits_that_tick_are_not_taken_for_the_picture() {
        let digits = Rect { x: 132, y: 120, width: 12, height: 22 };
        let mask = outlined(|index, x, y| {
            if inside(digits, x, y) {
                // Bars that stand elsewhere in every frame, and reach the end of what is written.
                return Some(if (x + u32::try_from(index).unwrap()) % 4 < 2 { 235 } else { 16 });
            }
            inside(PLATE, x, y).then_some(if x % 4 < 2 { 235 } else { 16 })
        });
        let mask = mask.unwrap();
        for (x, y) in
            (PLATE.y..PLATE.bottom()).flat_map(|y| (PLATE.x..PLATE.right()).map(move |x| (x, y)))
        {
            assert!(mask.covers(x - mask.bounds.x, y - mask.bounds.y), "{x},{y} is left");
        }
    }

    #[test]
    fn where_the_surroundings_stay_too_nothing_is_taken_away() {
        let still = |_: u64, x: u32, y: u32| {
            Some(if inside(PLATE, x, y) { 210 } else { random(1, x / 16 + y / 16 * 4) })
        };
        assert_eq!(outlined(still), None);
    }

    #[test]
    fn what_is_solid_hides_all_whatever_was_learned_of_it() {
        let crops = crops(|_, x, y| inside(PLATE, x, y).then_some(210));
        let frames = (0..60).collect();
        let outline = outline(&crops, &frames, &Mask::full(FOUND), 2, (640, 360)).unwrap();
        let site = &crops[0].site;
        let size = (SIDE * SIDE) as usize;
        let faint = MattePlane {
            width: SIDE,
            height: SIDE,
            alpha: vec![ALPHA_ONE / 20; size],
            paint: vec![0; size],
            trust: vec![255; size],
            noise: 0,
        };
        let mut matte = Matte {
            layout: site.layout.clone(),
            bounds: site.bounds,
            planes: vec![faint],
            classes: vec![Class::SemiTransparent; size],
        };
        settle(&mut matte, &crops, &frames, &outline.solid);
        for at in 0..SIDE * SIDE {
            let (x, y) = (at % SIDE + 100, at / SIDE + 100);
            let at = at as usize;
            let is_opaque = matte.classes[at] == Class::Opaque;
            assert_eq!(is_opaque, inside(PLATE, x, y), "{x},{y}");
            assert_eq!(is_opaque, matte.planes[0].alpha[at] == ALPHA_ONE);
            assert!(!is_opaque || matte.planes[0].paint[at] == 210 * PAINT_ONE);
        }
    }
}
