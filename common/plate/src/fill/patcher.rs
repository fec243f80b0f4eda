//! Fills holes that may be others in every frame.
//!
//! Owns what is kept of them: a hole is prepared once and found again by its samples, since the same
//! one comes back frame after frame. Nothing of a frame is kept.

use cleanplate_types::picture::{PixelLayout, PlaneMut};

use super::hole::Hole;
use super::{Site, holes, nominal};
use crate::piece::Piece;
use crate::sample::Sample;

/// Prepared holes that are kept; the one that was not used for the longest time gives way. Each costs
/// some 60 bytes for each sample of the rectangle around it.
const KEPT_MAX: usize = 24;

/// Fills the holes of frames of one layout with the smoothest surface.
#[derive(Debug)]
pub(crate) struct Patcher {
    layout: PixelLayout,
    /// The one that was used last at the end.
    kept: Vec<Kept>,
}

#[derive(Debug)]
struct Kept {
    plane: u8,
    piece: Piece,
    holes: Vec<Hole>,
}

impl Patcher {
    pub(crate) fn new(layout: &PixelLayout) -> Self {
        Self { layout: layout.clone(), kept: Vec::new() }
    }

    /// Fills the samples of `piece` in a plane of the frame at `index`.
    pub(crate) fn fill<S: Sample>(
        &mut self,
        (index, plane): (u64, u8),
        piece: &Piece,
        view: &mut PlaneMut<'_, S>,
    ) {
        let depth = self.layout.depth;
        let nominal = nominal(depth, plane, self.layout.full_range);
        for hole in self.prepare(plane, piece) {
            hole.fill(Site { index, plane, depth, nominal }, view);
        }
    }

    fn prepare(&mut self, plane: u8, piece: &Piece) -> &mut [Hole] {
        let same = |kept: &Kept| kept.plane == plane && kept.piece == *piece;
        let kept = match self.kept.iter().position(same) {
            Some(at) => self.kept.remove(at),
            None => {
                if self.kept.len() == KEPT_MAX {
                    self.kept.remove(0);
                }
                Kept { plane, piece: piece.clone(), holes: holes(piece) }
            }
        };
        self.kept.push(kept);
        let last = self.kept.len() - 1;
        &mut self.kept[last].holes
    }
}
