//! Whether a frame shows something else than the one before it: a cut, or a flash; and by how much two differ in a
//! place.
//!
//! Owns a small picture of the last frame. Where it judges by itself, it errs on the side of a change: it only decides
//! that a frame is seen by a detector that must not miss what shows for a moment.

use cleanplate_media::frame::VideoFrame;
use cleanplate_types::picture::{PlaneRef, PlanesRef, Rect};

use super::watching::Compare;

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

impl Compare for VideoFrame {
    fn difference(&self, other: &Self, within: Rect) -> u32 {
        let (one, other) = (self.planes(), other.planes());
        match (&one, &other) {
            (PlanesRef::Eight(one), PlanesRef::Eight(other)) => {
                difference((one.first(), other.first()), within, u32::from)
            }
            (PlanesRef::Sixteen(one), PlanesRef::Sixteen(other)) => {
                let codes = 1 << self.layout().depth.saturating_sub(8);
                difference((one.first(), other.first()), within, u32::from) / codes
            }
            // No video changes its depth.
            (PlanesRef::Eight(_) | PlanesRef::Sixteen(_), _) => 0,
        }
    }
}

/// The mean difference of samples, in sixteenths of their own codes.
fn difference<S: Copy>(
    (one, other): (Option<&PlaneRef<'_, S>>, Option<&PlaneRef<'_, S>>),
    within: Rect,
    code: impl Fn(S) -> u32,
) -> u32 {
    let Some((one, other)) = one.zip(other) else { return 0 };
    let width = within.right().min(one.width).saturating_sub(within.x) as usize;
    let (mut sum, mut count) = (0_u64, 0_u64);
    for y in within.y..within.bottom().min(one.height) {
        let at = |stride: usize| {
            let start = y as usize * stride + within.x as usize;
            start..start + width
        };
        let rows = one.samples.get(at(one.stride)).zip(other.samples.get(at(other.stride)));
        let Some((one, other)) = rows else { continue };
        let apart = one.iter().zip(other).map(|(a, b)| u64::from(code(*a).abs_diff(code(*b))));
        sum += apart.sum::<u64>();
        count += width as u64;
    }
    u32::try_from((sum * 16).checked_div(count).unwrap_or(0)).unwrap_or(u32::MAX)
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
