//! Coarse blocks: each shows the mean of what was there, and nothing brings the rest back.
//!
//! Owns how coarse: by the size of what is hidden, since a large face is known from as many blocks as a small one.

use cleanplate_types::picture::{PlaneMut, Rect};

use crate::bitmap::Span;
use crate::piece::{Piece, plane_span};
use crate::sample::Sample;

/// Blocks across the shorter side of the mask's bounds, and across the longer one, at most: no face is known by
/// so few, and no plate is read.
const ACROSS_SHORT: u32 = 6;
const ACROSS_LONG: u32 = 8;
/// Smallest side of a block in luma samples.
const SIDE_MIN: u32 = 12;

/// The covered samples of one plane, by block.
#[derive(Debug)]
pub(crate) struct Blocks {
    blocks: Vec<Block>,
}

/// A block: its part of the plane, and the places (column, row) of its covered samples.
#[derive(Debug)]
struct Block {
    part: Span,
    covered: Vec<(usize, usize)>,
}

impl Blocks {
    /// The blocks of a plane; `None` where nothing of the mask lies in the picture.
    pub(crate) fn new(covered: &Piece, bounds: Rect, shifts: (u32, u32)) -> Option<Self> {
        let (short, long) = (bounds.width.min(bounds.height), bounds.width.max(bounds.height));
        let side = short.div_ceil(ACROSS_SHORT).max(long.div_ceil(ACROSS_LONG)).max(SIDE_MIN);
        let whole = plane_span(bounds, shifts);
        let (right, bottom) = (whole.right.min(covered.size.0), whole.bottom.min(covered.size.1));
        let columns = edges(whole.left, right, (side >> shifts.0).max(1) as usize);
        let rows = edges(whole.top, bottom, (side >> shifts.1).max(1) as usize);
        let mut blocks = Vec::new();
        for row in rows.windows(2) {
            for column in columns.windows(2) {
                let (left, right) = (column[0], column[1]);
                let part = Span { left, top: row[0], right, bottom: row[1] };
                let rows = part.top..part.bottom;
                let places = rows.flat_map(|y| (left..right).map(move |x| (x, y)));
                let covered: Vec<_> = places.filter(|(x, y)| covered.has(*x, *y)).collect();
                if !covered.is_empty() {
                    blocks.push(Block { part, covered });
                }
            }
        }
        (!blocks.is_empty()).then_some(Self { blocks })
    }

    /// Replaces every block by its mean; returns how many samples changed.
    pub(crate) fn fill<S: Sample>(&self, plane: &mut PlaneMut<'_, S>) -> u64 {
        let mut changed = 0;
        for Block { part, covered } in &self.blocks {
            let row = |y: usize| &plane.samples[y * plane.stride..][part.left..part.right];
            let samples = (part.top..part.bottom).flat_map(row);
            let sum: u64 = samples.map(|sample| u64::from(sample.wide())).sum();
            let count = part.width() as u64 * part.height() as u64;
            let mean = u16::try_from((sum + count / 2) / count.max(1)).unwrap_or(u16::MAX);
            for (x, y) in covered {
                let sample = &mut plane.samples[y * plane.stride + x];
                changed += u64::from(sample.wide() != mean);
                *sample = S::narrow(mean);
            }
        }
        changed
    }
}

/// The edges of as many blocks as fit, none smaller than `side` unless it is the only one: of a narrow rest the mean
/// would be what was there.
fn edges(start: usize, end: usize, side: usize) -> Vec<usize> {
    let length = end.saturating_sub(start);
    let count = (length / side).max(1);
    (0..=count).map(|at| start + length * at / count).collect()
}

#[cfg(test)]
mod tests {
    use cleanplate_types::overlay::Mask;
    use cleanplate_types::picture::PixelLayout;

    use super::*;

    #[test]
    fn no_block_is_narrow_and_few_of_them_lie_across_whatever_the_size() {
        let layout = PixelLayout {
            name: String::from("gray"),
            depth: 8,
            planes: 1,
            chroma_shift_x: 0,
            chroma_shift_y: 0,
            full_range: true,
        };
        for (width, height) in [(40, 50), (301, 77), (1300, 1607), (13, 200), (5, 5)] {
            let bounds = Rect { x: 7, y: 9, width, height };
            let piece = Piece::of(&layout, (1600, 1700), 0, &Mask::full(bounds));
            let blocks = Blocks::new(&piece, bounds, (0, 0)).unwrap().blocks;
            let across = blocks.iter().filter(|block| block.part.top == 9).count();
            let down = blocks.iter().filter(|block| block.part.left == 7).count();
            assert!(
                across.max(down) <= 8 && across.min(down) <= 6,
                "{width}x{height}: {across}x{down}"
            );
            let least = |size: u32| size.min(12) as usize;
            let is_large = |block: &Block| {
                block.part.width() >= least(width) && block.part.height() >= least(height)
            };
            assert!(blocks.iter().all(is_large), "{width}x{height}");
            let covered: usize = blocks.iter().map(|block| block.covered.len()).sum();
            assert_eq!(covered as u64, u64::from(width) * u64::from(height));
        }
    }
}
