//! Whether a frame shows something else than the one before it: a cut, or a flash.
//!
//! Owns a small picture of the last frame. Errs on the side of a change: it only decides that a frame is seen by a
//! detector that must not miss what shows for a moment.

use cleanplate_types::picture::{PlaneRef, PlanesRef};

/// Columns and rows of the small picture.
const COLUMNS: u32 = 32;
const ROWS: u32 = 18;
/// Mean difference, in 8-bit codes, from which on it is another picture.
const MEAN_MIN: u32 = 8;

/// The last frame, small.
#[derive(Debug, Default)]
pub(super) struct Change {
    last: Vec<u8>,
}

impl Change {
    /// Takes the next frame, of samples of `depth` bits; whether it shows something else than the one before.
    pub(super) fn is_one(&mut self, planes: &PlanesRef<'_>, depth: u8) -> bool {
        let small = match planes {
            PlanesRef::Eight(planes) => small(planes.first(), |sample| sample),
            PlanesRef::Sixteen(planes) => {
                let shift = depth.saturating_sub(8);
                small(planes.first(), |sample| u8::try_from(sample >> shift).unwrap_or(u8::MAX))
            }
        };
        let pairs = small.iter().zip(&self.last);
        let sum: u32 = pairs.map(|(one, other)| u32::from(one.abs_diff(*other))).sum();
        let is_one = self.last.len() == small.len() && sum >= MEAN_MIN * COLUMNS * ROWS;
        self.last = small;
        is_one
    }
}

/// Some luma samples, evenly spread.
fn small<S: Copy>(luma: Option<&PlaneRef<'_, S>>, code: impl Fn(S) -> u8) -> Vec<u8> {
    let Some(luma) = luma else { return Vec::new() };
    // Sides are below 2^15 and the small picture's below 2^6.
    let at = |index: u32, of: u32, side: u32| (side * (2 * index + 1) / (2 * of)) as usize;
    let places = (0..ROWS).flat_map(|row| (0..COLUMNS).map(move |column| (column, row)));
    let samples = places.map(|(column, row)| {
        let place = at(row, ROWS, luma.height) * luma.stride + at(column, COLUMNS, luma.width);
        luma.samples.get(place).map_or(0, |sample| code(*sample))
    });
    samples.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(change: &mut Change, level: u16) -> bool {
        let samples = vec![level; 64 * 36];
        let plane = PlaneRef { samples: &samples, stride: 64, width: 64, height: 36 };
        change.is_one(&PlanesRef::Sixteen(vec![plane]), 10)
    }

    #[test]
    fn a_flash_of_one_frame_is_a_change_twice_and_noise_is_none() {
        let mut change = Change::default();
        let levels = [400, 404, 700, 400, 396];
        let found = levels.map(|level| shown(&mut change, level));
        assert_eq!(found, [false, false, true, true, false]);
    }
}
