//! What of a frame nothing serves: no inversion that is believed, no background. The membrane fills it, and a
//! model may paint it.
//!
//! Owns which samples that are, by the frame and the plan alone, so that a cut cannot show. Refuses what is thin:
//! between two sides that are near each other the membrane is as good as any painting, and doubted samples along
//! the edges of a logo are no reason to run a model on every frame.

use cleanplate_types::overlay::Mask;
use cleanplate_types::picture::PixelLayout;

use super::layer::Layer;
use super::layers::Key;
use crate::bitmap::Bitmap;
use crate::fetch::Share;
use crate::piece::{Piece, rect_of, shifts};

/// Luma samples to the nearest known one, from which on a sample is deep in a hole: a hole of which none is, four
/// samples across, stays the membrane's.
const DEEP: usize = 3;

/// Samples of a frame that a model may paint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unserved {
    /// The luma samples, by their places in the picture.
    pub luma: Mask,
    /// Those of each plane.
    pub(crate) planes: Vec<Piece>,
}

impl Unserved {
    /// What the layers leave to be filled, as far as they may be painted and no background is laid there.
    pub(super) fn of(
        layout: &PixelLayout,
        layers: &[(Key, &Layer)],
        shares: &[(Key, Share)],
    ) -> Option<Self> {
        let holes: Vec<&Layer> =
            layers.iter().map(|(_, layer)| *layer).filter(|layer| layer.fill.fetches()).collect();
        let mut luma = united(holes.iter().filter_map(|layer| layer.holes().first()))?;
        let span = luma.span;
        for (x, y) in
            (span.top..span.bottom).flat_map(|y| (span.left..span.right).map(move |x| (x, y)))
        {
            if shares.iter().any(|(_, share)| share.serves(x, y)) {
                let place = luma.place(x, y);
                luma.set.cells[place] = false;
            }
        }
        luma.set = deep(&luma.set);
        luma.bounds()?;
        let mut planes = vec![luma];
        for number in 1..layout.planes {
            let own = holes.iter().filter_map(|layer| layer.holes().get(usize::from(number)));
            let Some(mut piece) = united(own) else { break };
            let under = under(&planes[0], &piece, shifts(layout, number));
            piece.keep(&under);
            planes.push(piece);
        }
        Some(Self { luma: mask(&planes[0]), planes })
    }
}

/// All that is in any of the pieces of one plane.
fn united<'a>(pieces: impl Iterator<Item = &'a Piece> + Clone) -> Option<Piece> {
    let spans = pieces.clone().filter_map(Piece::bounds);
    let span = spans.reduce(crate::bitmap::Span::hull)?;
    let mut all = Piece::empty(pieces.clone().next()?.size, span);
    pieces.for_each(|piece| all.add(piece));
    Some(all)
}

/// What is deep in a hole, and what is near that.
fn deep(hole: &Bitmap) -> Bitmap {
    // Beyond the set's rectangle everything is known.
    let mut around = Bitmap::empty(hole.width + 2 * DEEP, hole.height + 2 * DEEP);
    for (y, line) in hole.cells.chunks_exact(hole.width.max(1)).enumerate() {
        let start = (y + DEEP) * around.width + DEEP;
        around.cells[start..start + hole.width].copy_from_slice(line);
    }
    let core = around.inverse().dilated(DEEP - 1).inverse();
    let near = core.dilated(2 * DEEP);
    let mut kept = Bitmap::empty(hole.width, hole.height);
    for (at, cell) in kept.cells.iter_mut().enumerate() {
        let place = (at / hole.width + DEEP) * around.width + at % hole.width + DEEP;
        *cell = hole.cells[at] && near.cells[place];
    }
    kept
}

/// The samples of the part of another plane that share a luma sample with the set.
fn under(luma: &Piece, part: &Piece, (right, down): (u32, u32)) -> Piece {
    let mut under = Piece::empty(part.size, part.span);
    let span = luma.span;
    for (x, y) in (span.top..span.bottom).flat_map(|y| (span.left..span.right).map(move |x| (x, y)))
    {
        if luma.has(x, y) {
            under.put(x >> right, y >> down);
        }
    }
    under
}

fn mask(piece: &Piece) -> Mask {
    let bounds = piece.bounds().unwrap_or(piece.span);
    let mut mask = Mask::empty(rect_of(bounds));
    for (row, y) in (0_u32..).zip(bounds.top..bounds.bottom) {
        for (column, x) in (0_u32..).zip(bounds.left..bounds.right) {
            if piece.has(x, y) {
                mask.set(column, row);
            }
        }
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(rows: &[&str]) -> Bitmap {
        let cells = rows.iter().flat_map(|row| row.chars().map(|cell| cell == '#')).collect();
        Bitmap { width: rows[0].len(), height: rows.len(), cells }
    }

    #[test]
    fn thin_holes_stay_with_the_membrane_and_thick_ones_are_painted_whole() {
        let mut thin = Bitmap::empty(40, 4);
        thin.cells.fill(true);
        assert_eq!(deep(&thin).count(), 0, "four samples across");
        let mut thick = Bitmap::empty(7, 7);
        thick.cells.fill(true);
        assert_eq!(deep(&thick).count(), 49);
        let both = drawn(&[
            "#######.............",
            "#######.............",
            "#######.............",
            "#######.............",
            "#######............#",
            "#######............#",
            "#######............#",
        ]);
        assert_eq!(deep(&both).count(), 49, "and a line far from it is not");
    }
}
