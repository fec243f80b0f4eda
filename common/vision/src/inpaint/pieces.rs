//! A hole to the pieces that a model fills one after the other: what lies together, cut where it is long, each
//! with enough around it.
//!
//! Owns that geometry. Refuses to squash: a crop has the picture's own proportions.

use cleanplate_types::overlay::Mask;

/// Samples between two holes up to which they count as one: letters of a line.
const GAP: usize = 32;

/// A rectangle in samples of the picture, ends not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Area {
    pub(super) top: usize,
    pub(super) left: usize,
    pub(super) bottom: usize,
    pub(super) right: usize,
}

impl Area {
    pub(super) const fn width(self) -> usize {
        self.right - self.left
    }

    pub(super) const fn height(self) -> usize {
        self.bottom - self.top
    }

    pub(super) fn united(self, other: Self) -> Self {
        Self {
            top: self.top.min(other.top),
            left: self.left.min(other.left),
            bottom: self.bottom.max(other.bottom),
            right: self.right.max(other.right),
        }
    }

    fn is_near(self, other: Self) -> bool {
        let apart = |end: usize, start: usize| start > end + GAP;
        !(apart(self.right, other.left)
            || apart(other.right, self.left)
            || apart(self.bottom, other.top)
            || apart(other.bottom, self.top))
    }
}

/// One call of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    /// What of the hole it fills.
    pub(super) fills: Area,
    /// What of the picture it is shown; it may reach beyond the picture, where that is smaller than a crop.
    pub(super) shown: Area,
}

/// The pieces of `hole` in a picture of `size`, for a model that is shown `crop` samples (columns, rows).
pub(super) fn pieces(hole: &Mask, size: (usize, usize), crop: (usize, usize)) -> Vec<Piece> {
    let areas = together(runs(hole, size));
    areas.into_iter().flat_map(|area| cut(area, size, crop)).collect()
}

/// Rows of the hole: each run of covered samples as an area one row high.
fn runs(hole: &Mask, (width, height): (usize, usize)) -> Vec<Area> {
    let bounds = hole.bounds;
    let mut found = Vec::new();
    for y in 0..bounds.height {
        let top = (bounds.y + y) as usize;
        let mut open: Option<usize> = None;
        for x in 0..=bounds.width {
            let column = (bounds.x + x) as usize;
            let is_hole = x < bounds.width && hole.covers(x, y) && column < width && top < height;
            match (open, is_hole) {
                (None, true) => open = Some(column),
                (Some(left), false) => {
                    found.push(Area { top, left, bottom: top + 1, right: column });
                    open = None;
                }
                (None, false) | (Some(_), true) => {}
            }
        }
    }
    found
}

/// Unites areas that are near each other until none are.
fn together(runs: Vec<Area>) -> Vec<Area> {
    let mut areas: Vec<Area> = Vec::new();
    for run in runs {
        let mut grown = run;
        loop {
            let before = areas.len();
            areas.retain(|area| {
                let near = area.is_near(grown);
                if near {
                    grown = grown.united(*area);
                }
                !near
            });
            if areas.len() == before {
                break;
            }
        }
        areas.push(grown);
    }
    areas.sort();
    areas
}

/// Cuts `area` into pieces that a crop shows with at least half of it around them; a hole that is too thick for that
/// is shown smaller.
fn cut(area: Area, size: (usize, usize), crop: (usize, usize)) -> Vec<Piece> {
    let (columns, rows) = crop;
    // Shrunk by whole samples of the picture to a sample of the crop, so that the thinner side is half of it at most.
    let thin =
        (2 * area.width()).div_ceil(columns.max(1)).min((2 * area.height()).div_ceil(rows.max(1)));
    let shrink = thin.max(1);
    let shown = (columns * shrink, rows * shrink);
    let across = split(area.left, area.right, shown.0 / 2);
    let down = split(area.top, area.bottom, shown.1 / 2);
    let all = down.iter().flat_map(|(top, bottom)| {
        across.iter().map(|(left, right)| {
            let fills = Area { top: *top, left: *left, bottom: *bottom, right: *right };
            let (left, right) = around(*left, *right, shown.0, size.0);
            let (top, bottom) = around(*top, *bottom, shown.1, size.1);
            Piece { fills, shown: Area { top, left, bottom, right } }
        })
    });
    all.collect()
}

/// Equal parts of at most `longest`.
fn split(start: usize, end: usize, longest: usize) -> Vec<(usize, usize)> {
    let count = (end - start).div_ceil(longest.max(1)).max(1);
    let at = |index: usize| start + (end - start) * index / count;
    (0..count).map(|index| (at(index), at(index + 1))).collect()
}

/// `length` samples with `start..end` in their middle, within the picture where that is large enough.
fn around(start: usize, end: usize, length: usize, side: usize) -> (usize, usize) {
    let middle = usize::midpoint(start, end);
    let first = middle.saturating_sub(length / 2).min(side.saturating_sub(length));
    (first, first + length)
}

#[cfg(test)]
mod tests {
    use cleanplate_types::picture::Rect;

    use super::*;

    const SIZE: (usize, usize) = (1920, 1080);
    const CROP: (usize, usize) = (512, 512);

    fn hole(rects: &[Rect]) -> Mask {
        let mut mask = Mask::empty(Rect { x: 0, y: 0, width: 1920, height: 1080 });
        for rect in rects {
            for y in rect.y..rect.bottom() {
                (rect.x..rect.right()).for_each(|x| mask.set(x, y));
            }
        }
        mask
    }

    const fn rect(x: u32, y: u32, width: u32, height: u32) -> Rect {
        Rect { x, y, width, height }
    }

    #[test]
    fn holes_that_are_apart_are_shown_apart() {
        let found = pieces(&hole(&[rect(10, 10, 100, 50), rect(1700, 1000, 100, 50)]), SIZE, CROP);
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|piece| (piece.shown.width(), piece.shown.height()) == CROP));
        assert_eq!(found[0].fills, Area { top: 10, left: 10, bottom: 60, right: 110 });
        assert_eq!((found[0].shown.left, found[0].shown.top), (0, 0), "within the picture");
        assert_eq!((found[1].shown.right, found[1].shown.bottom), SIZE);
    }

    #[test]
    fn letters_of_a_line_are_one_hole() {
        let letters: Vec<Rect> = (0..6).map(|index| rect(300 + 40 * index, 800, 20, 40)).collect();
        assert_eq!(pieces(&hole(&letters), SIZE, CROP).len(), 1);
    }

    #[test]
    fn a_long_line_is_filled_piece_by_piece_at_full_size() {
        let found = pieces(&hole(&[rect(300, 900, 1200, 60)]), SIZE, CROP);
        assert_eq!(found.len(), 5);
        for (piece, next) in found.iter().zip(found.iter().skip(1)) {
            assert_eq!(piece.fills.right, next.fills.left);
        }
        for piece in &found {
            assert!(piece.fills.width() <= 256);
            assert_eq!((piece.shown.width(), piece.shown.height()), CROP);
            assert!(piece.shown.left + 128 <= piece.fills.left, "context on the left: {piece:?}");
            assert!(piece.shown.right >= piece.fills.right + 128, "and on the right: {piece:?}");
        }
    }

    #[test]
    fn a_thick_hole_is_shown_smaller_and_in_proportion() {
        let found = pieces(&hole(&[rect(500, 200, 600, 500)]), SIZE, CROP);
        for piece in &found {
            assert_eq!(piece.shown.width(), piece.shown.height());
            assert!(piece.shown.width() >= 1024);
        }
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn every_sample_of_a_hole_is_filled_once() {
        let rects = [rect(0, 0, 700, 30), rect(100, 200, 400, 600), rect(1919, 1079, 1, 1)];
        let mask = hole(&rects);
        let found = pieces(&mask, SIZE, CROP);
        let (mut covered, mut filled) = (0_u32, 0_u32);
        for (x, y) in (0..1080_u32).flat_map(|y| (0..1920_u32).map(move |x| (x, y))) {
            let holds = |piece: &&Piece| {
                let Area { top, left, bottom, right } = piece.fills;
                (left..right).contains(&(x as usize)) && (top..bottom).contains(&(y as usize))
            };
            if mask.covers(x, y) {
                covered += 1;
                filled += u32::try_from(found.iter().filter(holds).count()).unwrap();
            }
        }
        assert_eq!(covered, filled);
    }

    #[test]
    fn no_hole_has_no_pieces() {
        assert!(pieces(&hole(&[]), SIZE, CROP).is_empty());
    }
}
