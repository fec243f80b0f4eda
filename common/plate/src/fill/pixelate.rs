//! Coarse blocks: each shows the mean of what was there, and nothing brings the rest back.

use cleanplate_types::picture::{PlaneMut, Rect};

use crate::piece::Piece;
use crate::sample::Sample;

/// Blocks across the shorter side of the mask's bounds.
const BLOCKS_ACROSS: u32 = 6;
/// Smallest and largest side of a block in luma samples.
const SIDE_MIN: u32 = 12;
const SIDE_MAX: u32 = 96;

/// The covered samples of one plane, by block.
#[derive(Debug)]
pub(crate) struct Blocks {
    /// Places (column, row) of each block's covered samples.
    blocks: Vec<Vec<(u32, u32)>>,
}

impl Blocks {
    /// The blocks of a plane; `None` where nothing of the mask lies in the picture.
    pub(crate) fn new(covered: &Piece, bounds: Rect, shifts: (u32, u32)) -> Option<Self> {
        let side = (bounds.width.min(bounds.height) / BLOCKS_ACROSS).clamp(SIDE_MIN, SIDE_MAX);
        let step = |shift: u32| (side >> shift).max(1) as usize;
        let (step_x, step_y) = (step(shifts.0), step(shifts.1));
        let left = (bounds.x >> shifts.0) as usize;
        let top = (bounds.y >> shifts.1) as usize;
        let mut blocks = Vec::new();
        let (right, bottom) = (covered.span.right, covered.span.bottom);
        for block_y in (top..bottom).step_by(step_y) {
            for block_x in (left..right).step_by(step_x) {
                let rows = block_y..(block_y + step_y).min(bottom);
                let columns = block_x..(block_x + step_x).min(right);
                let places: Vec<(u32, u32)> = rows
                    .flat_map(|y| columns.clone().map(move |x| (x, y)))
                    .filter(|(x, y)| covered.has(*x, *y))
                    .filter_map(|(x, y)| Some((x.try_into().ok()?, y.try_into().ok()?)))
                    .collect();
                if !places.is_empty() {
                    blocks.push(places);
                }
            }
        }
        (!blocks.is_empty()).then_some(Self { blocks })
    }

    /// Replaces every block by its mean; returns how many samples changed.
    pub(crate) fn fill<S: Sample>(&self, plane: &mut PlaneMut<'_, S>) -> u64 {
        let mut changed = 0;
        for block in &self.blocks {
            let place = |(x, y): (u32, u32)| y as usize * plane.stride + x as usize;
            let count = block.len() as u64;
            let sum: u64 = block.iter().map(|at| u64::from(plane.samples[place(*at)].wide())).sum();
            let mean = u16::try_from((sum + count / 2) / count).unwrap_or(u16::MAX);
            for at in block {
                let sample = &mut plane.samples[place(*at)];
                changed += u64::from(sample.wide() != mean);
                *sample = S::narrow(mean);
            }
        }
        changed
    }
}
