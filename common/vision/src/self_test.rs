//! A real inference on a made picture: writing on an even grey, which a text detector must see.
//!
//! Owns the picture and how much of the writing is covered. Refuses to judge: what is enough, who asks decides.

use cleanplate_types::detection::Detection;
use cleanplate_types::picture::{PixelLayout, PlaneRef, PlanesRef, Rect};

use crate::detect::Detector;
use crate::picture::Picture;
use crate::session::RunError;

/// What a detector sees in the made picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelfTest {
    /// Everything that it sees.
    pub seen: Vec<Detection>,
    /// How much of the writing that covers, of 1000.
    pub covered: u16,
}

/// Shows `detector` a picture of 640 by 360 samples with a line of writing. A text detector that works covers all of
/// it; one for something else sees nothing.
///
/// # Errors
/// [`RunError`]: the model cannot be run.
pub fn self_test(detector: &mut Detector) -> Result<SelfTest, RunError> {
    let samples = drawn();
    let layout = PixelLayout {
        name: "gray".to_owned(),
        depth: 8,
        planes: 1,
        chroma_shift_x: 0,
        chroma_shift_y: 0,
        full_range: false,
    };
    let plane =
        PlaneRef { samples: &samples, stride: WIDTH as usize, width: WIDTH, height: HEIGHT };
    let picture = Picture::new(PlanesRef::Eight(vec![plane]), &layout, 1)
        .map_err(|error| RunError::Failed { why: error.to_string() })?;
    let seen = detector.detect(&picture)?;
    let covered = covered(&seen);
    Ok(SelfTest { seen, covered })
}

pub(crate) const WIDTH: u32 = 640;
pub(crate) const HEIGHT: u32 = 360;
/// Samples to a dot of a letter.
const DOT: u32 = 5;
/// Columns of dots from letter to letter.
const ADVANCE: usize = 6;
/// Where the first letter begins.
const START: (u32, u32) = (140, 240);
const BACKGROUND: u8 = 90;
const INK: u8 = 235;

/// C L E A N P L A T E, each seven rows of five dots, the leftmost in the highest bit.
const LETTERS: [[u8; 7]; 10] = [C, L, E, A, N, P, L, A, T, E];
const A: [u8; 7] = [0b01110, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001];
const C: [u8; 7] = [0b01111, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b01111];
const E: [u8; 7] = [0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b11111];
const L: [u8; 7] = [0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b11111];
const N: [u8; 7] = [0b10001, 0b11001, 0b10101, 0b10101, 0b10011, 0b10001, 0b10001];
const P: [u8; 7] = [0b11110, 0b10001, 0b10001, 0b11110, 0b10000, 0b10000, 0b10000];
const T: [u8; 7] = [0b11111, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100];

/// Where the writing is.
const WRITING: Rect = Rect { x: START.0, y: START.1, width: 59 * DOT, height: 7 * DOT };

pub(crate) fn drawn() -> Vec<u8> {
    let rows = 0..HEIGHT;
    let samples =
        rows.flat_map(|y| (0..WIDTH).map(move |x| if is_ink(x, y) { INK } else { BACKGROUND }));
    samples.collect()
}

fn is_ink(x: u32, y: u32) -> bool {
    let (Some(x), Some(y)) = (x.checked_sub(START.0), y.checked_sub(START.1)) else { return false };
    is_dot((x / DOT) as usize, (y / DOT) as usize)
}

/// Columns and rows of dots that the writing takes.
pub(crate) const DOTS: (usize, usize) = (10 * ADVANCE - 1, 7);

/// Whether the writing has a dot in this column and row of its own.
pub(crate) fn is_dot(column: usize, row: usize) -> bool {
    let letter = LETTERS.get(column / ADVANCE);
    let dots = letter.and_then(|letter| letter.get(row)).copied().unwrap_or(0);
    let at = column % ADVANCE;
    at < 5 && dots & (1 << (4 - at)) != 0
}

fn covered(seen: &[Detection]) -> u16 {
    let Rect { x, y, .. } = WRITING;
    let places =
        (y..WRITING.bottom()).flat_map(|row| (x..WRITING.right()).map(move |column| (column, row)));
    let is_covered = |(column, row): (u32, u32)| {
        seen.iter().any(|one| {
            let inside =
                |at: u32, start: u32, size: u32| at.checked_sub(start).filter(|at| *at < size);
            let column = inside(column, one.bounds.x, one.bounds.width);
            let row = inside(row, one.bounds.y, one.bounds.height);
            let both = column.zip(row);
            both.is_some_and(|(x, y)| one.mask.as_ref().is_none_or(|mask| mask.covers(x, y)))
        })
    };
    let (all, hit) = places
        .fold((0_u64, 0_u64), |(all, hit), place| (all + 1, hit + u64::from(is_covered(place))));
    u16::try_from(hit * 1000 / all.max(1)).unwrap_or(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_writing_is_where_it_is_said_to_be() {
        let samples = drawn();
        let ink = samples.iter().enumerate().filter(|(_, sample)| **sample == INK);
        let places: Vec<(u32, u32)> = ink
            .map(|(index, _)| u32::try_from(index).unwrap())
            .map(|index| (index % WIDTH, index / WIDTH))
            .collect();
        assert!(places.len() > 3000);
        assert_eq!(places.iter().map(|place| place.0).min(), Some(WRITING.x));
        assert_eq!(places.iter().map(|place| place.0).max(), Some(WRITING.right() - 1));
        assert_eq!(places.iter().map(|place| place.1).max(), Some(WRITING.bottom() - 1));
    }

    #[test]
    fn what_is_not_seen_is_not_covered() {
        assert_eq!(covered(&[]), 0);
    }
}
