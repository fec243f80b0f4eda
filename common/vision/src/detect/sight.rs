//! What of a frame a model is shown, and how large: letterboxes, and tiles where the frame is far larger than
//! the model's input.
//!
//! Owns that geometry, in whole numbers. Refuses to squash: columns and rows are scaled alike.

use cleanplate_types::picture::Rect;

use crate::model::SizeForm;
use crate::tensor::Placement;

/// How often a frame's side may be the model's before it is cut into tiles, in quarters: 1080p is shown to a
/// model of 640 whole, 4K is not.
const SHRINK_MAX_QUARTERS: u32 = 14;
/// How much tiles overlap, as a part of the longest side of a tile.
const OVERLAP: u32 = 8;

/// Longest side up to which a frame is enlarged for a model of open size: letters of 360 rows and fewer are too small
/// for it, larger ones only cost more.
const SMALL: usize = 640;

/// By which share of a side a frame is shown smaller where that spares a step of an open input: 640 by 360 is shown as
/// 626 by 352, which costs a seventh less than 640 by 384.
const SPARED: usize = 32;

/// How far a frame that is smaller than the model's input is enlarged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Enlarge {
    /// To fill the input.
    Fully,
    /// To twice its size, and to no more than [`SMALL`]: an open input is rather made smaller.
    Little,
}

/// The parts of `frame`, which may be a part of one itself, that are shown: all of it, and tiles that cover it where it
/// is large.
pub(super) fn parts(frame: Rect, size: SizeForm) -> Vec<Rect> {
    let (width, height) = size.nominal();
    let side = u32::try_from(width.max(height)).unwrap_or(u32::MAX);
    let longest = side.saturating_mul(SHRINK_MAX_QUARTERS) / 4;
    let (across, down) = (cuts(frame.width, longest), cuts(frame.height, longest));
    let tiles = down.iter().flat_map(|(y, height)| {
        across.iter().map(|(x, width)| Rect {
            x: frame.x + *x,
            y: frame.y + *y,
            width: *width,
            height: *height,
        })
    });
    let tiles: Vec<Rect> = tiles.collect();
    // Things larger than a tile are seen in the whole.
    if tiles.len() > 1 { [frame].into_iter().chain(tiles).collect() } else { vec![frame] }
}

/// Cuts a side into equal, overlapping parts of at most `longest`: start and length of each.
fn cuts(side: u32, longest: u32) -> Vec<(u32, u32)> {
    if side <= longest {
        return vec![(0, side)];
    }
    let overlap = longest / OVERLAP;
    let step_max = (longest - overlap).max(1);
    let count = (side - overlap).div_ceil(step_max);
    let length = (side + overlap * (count - 1)).div_ceil(count).min(side);
    let last = count.saturating_sub(1).max(1);
    let start = |index: u32| {
        let at = u64::from(side - length) * u64::from(index) / u64::from(last);
        u32::try_from(at).unwrap_or(u32::MAX)
    };
    (0..count).map(|index| (start(index), length)).collect()
}

/// Where `part` lies in a tensor of `size`.
pub(super) fn placement(part: Rect, size: SizeForm, enlarge: Enlarge) -> Placement {
    let (width, height) = size.nominal();
    let (columns, rows) = (part.width as usize, part.height as usize);
    let limit = |side: usize, of: usize| match (size, enlarge) {
        (SizeForm::Open { .. }, Enlarge::Little) => side.min(of.max(SMALL.min(2 * of))),
        (SizeForm::Open { .. }, Enlarge::Fully) | (SizeForm::Fixed { .. }, _) => side,
    };
    let longest = columns.max(rows);
    let (width, height) = (limit(width, longest).max(1), limit(height, longest).max(1));
    let fitted = if width * rows <= height * columns {
        (width, scaled(rows, width, columns))
    } else {
        (scaled(columns, height, rows), height)
    };
    let fitted = match (size, enlarge) {
        (SizeForm::Open { multiple, .. }, Enlarge::Little) => spared(fitted, multiple),
        (SizeForm::Open { .. }, Enlarge::Fully) | (SizeForm::Fixed { .. }, _) => fitted,
    };
    let tensor = match size {
        SizeForm::Fixed { .. } => (width, height),
        SizeForm::Open { multiple, .. } => {
            (fitted.0.next_multiple_of(multiple), fitted.1.next_multiple_of(multiple))
        }
    };
    let at = ((tensor.0 - fitted.0) / 2, (tensor.1 - fitted.1) / 2);
    Placement { from: part, tensor, at, size: fitted }
}

/// A little smaller, where a side is little longer than a `multiple`.
fn spared((width, height): (usize, usize), multiple: usize) -> (usize, usize) {
    let spares = |side: usize| {
        let less = side / multiple * multiple;
        (side > less && less > 0 && (side - less) * SPARED <= side).then_some(less)
    };
    match (spares(width), spares(height)) {
        (_, Some(less)) => (scaled(width, less, height), less),
        (Some(less), None) => (less, scaled(height, less, width)),
        (None, None) => (width, height),
    }
}

/// `side * numerator / denominator`, rounded, at least 1.
const fn scaled(side: usize, numerator: usize, denominator: usize) -> usize {
    let scaled = (side * numerator + denominator / 2) / denominator;
    if scaled == 0 { 1 } else { scaled }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIXED: SizeForm = SizeForm::Fixed { width: 640, height: 640 };
    const OPEN: SizeForm = SizeForm::Open { width: 960, height: 960, multiple: 32 };

    fn frame(width: u32, height: u32) -> Rect {
        Rect { x: 0, y: 0, width, height }
    }

    #[test]
    fn a_frame_lies_in_the_middle_of_a_fixed_input() {
        let placed = placement(frame(1920, 1080), FIXED, Enlarge::Fully);
        assert_eq!((placed.tensor, placed.size, placed.at), ((640, 640), (640, 360), (0, 140)));
        let placed = placement(frame(1080, 1920), FIXED, Enlarge::Fully);
        assert_eq!((placed.size, placed.at), ((360, 640), (140, 0)));
        let placed = placement(frame(100, 100), FIXED, Enlarge::Fully);
        assert_eq!((placed.size, placed.at), ((640, 640), (0, 0)));
    }

    #[test]
    fn an_open_input_is_as_large_as_needed() {
        let placed = placement(frame(1920, 1080), OPEN, Enlarge::Little);
        assert_eq!((placed.tensor, placed.size, placed.at), ((960, 544), (960, 540), (0, 2)));
        let usual = SizeForm::Open { width: 640, height: 640, multiple: 32 };
        let placed = placement(frame(1920, 1080), usual, Enlarge::Little);
        assert_eq!((placed.tensor, placed.size, placed.at), ((640, 352), (626, 352), (7, 0)));
        let placed = placement(frame(1080, 1920), usual, Enlarge::Little);
        assert_eq!((placed.tensor, placed.size), ((352, 640), (352, 626)));
        let placed = placement(frame(1920, 1080), usual, Enlarge::Fully);
        assert_eq!((placed.tensor, placed.size), ((640, 384), (640, 360)));
        let placed = placement(frame(320, 240), OPEN, Enlarge::Little);
        assert_eq!((placed.tensor, placed.size), ((640, 480), (640, 480)));
        let placed = placement(frame(720, 576), OPEN, Enlarge::Little);
        assert_eq!((placed.tensor, placed.size), ((704, 576), (704, 563)));
        let placed = placement(frame(1, 3000), OPEN, Enlarge::Little);
        assert_eq!((placed.tensor, placed.size), ((32, 960), (1, 960)));
    }

    #[test]
    fn a_large_frame_is_shown_whole_and_in_tiles_that_cover_it() {
        for (width, height) in [(3840, 2160), (7680, 4320), (2300, 100), (2241, 2241)] {
            let parts = parts(frame(width, height), FIXED);
            assert_eq!(parts[0], frame(width, height));
            assert!(parts.len() > 2, "{width}x{height}");
            let tiles = &parts[1..];
            assert!(tiles.iter().all(|tile| tile.right() <= width && tile.bottom() <= height));
            assert!(tiles.iter().all(|tile| tile.width <= 2240 && tile.height <= 2240));
            for (x, y) in
                (0..width).step_by(37).flat_map(|x| (0..height).step_by(41).map(move |y| (x, y)))
            {
                let holds = |tile: &Rect| {
                    tile.x <= x && x < tile.right() && tile.y <= y && y < tile.bottom()
                };
                assert!(tiles.iter().any(holds), "{width}x{height}: {x}, {y}");
            }
        }
    }

    #[test]
    fn neighbouring_tiles_share_an_eighth() {
        let cuts = cuts(3840, 2240);
        assert_eq!(cuts.len(), 2);
        let shared = cuts[0].0 + cuts[0].1 - cuts[1].0;
        assert!(shared >= 280, "{cuts:?}");
    }

    #[test]
    fn a_frame_that_is_not_large_is_shown_once() {
        assert_eq!(parts(frame(1920, 1080), FIXED), [frame(1920, 1080)]);
        assert_eq!(parts(frame(2240, 2240), FIXED), [frame(2240, 2240)]);
    }
}
