//! A logo on its way: its picture at the place and size that it has in one frame, and the matte of that.
//!
//! Owns the scaling. Colours are weighted by their alpha, so that what is transparent has no colour of its
//! own; a smaller logo takes the mean over what each sample covers, a larger one lies between the samples.

use super::RestoreError;
use crate::matte::{Coding, KnownError, Logo, Matte, known};
use crate::mattes::{Moving, PLACE_ONE, Place, SCALE_ONE};

/// Samples of a logo at most, in each direction and at any size.
const SIDE_MAX: u32 = 8192;

/// A logo that moves.
#[derive(Debug)]
pub(super) struct Passing {
    moving: Moving,
    /// Red, green, blue times alpha, and alpha, of each sample of the logo as given.
    weighed: Vec<[f32; 4]>,
}

/// Where a row or column of the scaled logo comes from: the first one of the logo, and weights.
#[derive(Debug)]
struct Taps {
    from: usize,
    weights: Vec<f32>,
}

impl Passing {
    /// The logo, once its colours are known to be expressible in the video.
    pub(super) fn new(moving: Moving, coding: &Coding) -> Result<Self, RestoreError> {
        let size = moving.width as usize * moving.height as usize * 4;
        if moving.rgba.len() != size || size == 0 || moving.width.max(moving.height) > SIDE_MAX {
            let (width, height, found) = (moving.width, moving.height, moving.rgba.len());
            return Err(KnownError::OtherSize { width, height, found }.into());
        }
        known(&Logo { width: 1, height: 1, rgba: &[0; 4] }, (0, 0), coding)?;
        let weighed = moving
            .rgba
            .chunks_exact(4)
            .map(|pixel| {
                let alpha = f32::from(pixel[3]) / 255.0;
                let part = |at: usize| f32::from(pixel[at]) * alpha;
                [part(0), part(1), part(2), f32::from(pixel[3])]
            })
            .collect();
        Ok(Self { moving, weighed })
    }

    /// Its place in a frame; `None` where it does not show.
    pub(super) fn place(&self, index: u64) -> Option<Place> {
        let at = usize::try_from(index).ok()?;
        self.moving.path.get(at).copied().flatten().filter(|place| place.scale > 0)
    }

    /// Its matte in a frame; `None` where it does not show, or lies outside the picture.
    pub(super) fn matte(&self, index: u64, coding: &Coding) -> Result<Option<Matte>, RestoreError> {
        let Some(place) = self.place(index) else {
            return Ok(None);
        };
        let scale = f32::from(place.scale) / f32::from(SCALE_ONE);
        let (left, columns) = taps(place.x, self.moving.width, scale);
        let (top, rows) = taps(place.y, self.moving.height, scale);
        let (Ok(width), Ok(height)) = (u32::try_from(columns.len()), u32::try_from(rows.len()))
        else {
            return Ok(None);
        };
        let rgba = self.scaled(&columns, &rows);
        match known(&Logo { width, height, rgba: &rgba }, (left, top), coding) {
            Ok(matte) => Ok(Some(matte)),
            Err(KnownError::Elsewhere { .. }) => Ok(None),
            Err(
                error @ (KnownError::OtherSize { .. }
                | KnownError::Matrix(_)
                | KnownError::Depth(_)),
            ) => Err(error.into()),
        }
    }

    fn scaled(&self, columns: &[Taps], rows: &[Taps]) -> Vec<u8> {
        let width = self.moving.width as usize;
        let mut rgba = Vec::with_capacity(columns.len() * rows.len() * 4);
        let mut line = vec![[0.0_f32; 4]; width];
        for row in rows {
            line.fill([0.0; 4]);
            for (y, weight) in (row.from..).zip(&row.weights) {
                let pixels = &self.weighed[y * width..][..width];
                for (sum, pixel) in line.iter_mut().zip(pixels) {
                    for (sum, part) in sum.iter_mut().zip(pixel) {
                        *sum += weight * part;
                    }
                }
            }
            for column in columns {
                let mut sum = [0.0_f32; 4];
                for (pixel, weight) in line[column.from..].iter().zip(&column.weights) {
                    for (sum, part) in sum.iter_mut().zip(pixel) {
                        *sum += weight * part;
                    }
                }
                let [red, green, blue, alpha] = sum;
                let colour = |part: f32| if alpha > 0.0 { byte(part * 255.0 / alpha) } else { 0 };
                rgba.extend([colour(red), colour(green), colour(blue), byte(alpha)]);
            }
        }
        rgba
    }
}

/// The first sample of the picture that a side of the logo reaches, and where it and those after it come
/// from: `length` samples, `scale` times as large, from `start` in parts of [`PLACE_ONE`].
fn taps(start: i32, length: u32, scale: f32) -> (i32, Vec<Taps>) {
    let first = start.div_euclid(PLACE_ONE);
    let inside = start.rem_euclid(PLACE_ONE) as f32 / PLACE_ONE as f32;
    // Half of what a sample of the picture covers of the logo, and of what it sees of it.
    let own = 0.5 / scale;
    let half = own.max(0.5);
    let length = length as f32;
    let mut taps = Vec::new();
    for at in 0..SIDE_MAX {
        let middle = (at as f32 + 0.5 - inside) / scale;
        let covers = ((middle + own).min(length) - (middle - own).max(0.0)) / (2.0 * own);
        if covers <= 0.0 {
            break;
        }
        let (from, to) = ((middle - half).max(0.0), (middle + half).min(length));
        let part = |source: f32| (to.min(source + 1.0) - from.max(source)).max(0.0);
        let sources = whole(from)..whole(to.ceil());
        let weights = sources.clone().map(|source| covers * part(source as f32) / (to - from));
        taps.push(Taps { from: sources.start, weights: weights.collect() });
    }
    (first, taps)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast from float to integer saturates, and the value is not negative"
)]
fn whole(value: f32) -> usize {
    value as usize
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast from float to integer saturates"
)]
fn byte(value: f32) -> u8 {
    (value + 0.5) as u8
}

#[cfg(test)]
mod tests {
    use cleanplate_types::picture::PixelLayout;

    use super::*;

    /// Two by two samples: one opaque red, one half green, two clear.
    fn passing(place: Place) -> (Passing, Coding) {
        let rgba = vec![255, 0, 0, 255, 0, 255, 0, 128, 9, 9, 9, 0, 7, 7, 7, 0];
        let moving = Moving { width: 2, height: 2, rgba, path: vec![None, Some(place)] };
        let layout = PixelLayout {
            name: String::from("test"),
            depth: 8,
            planes: 3,
            chroma_shift_x: 0,
            chroma_shift_y: 0,
            full_range: true,
        };
        let coding = Coding { layout, size: (64, 48), matrix: 1, chroma_location: 0 };
        (Passing::new(moving, &coding).unwrap(), coding)
    }

    fn scaled(place: Place) -> (i32, usize, Vec<u8>) {
        let (passing, _) = passing(place);
        let scale = f32::from(place.scale) / f32::from(SCALE_ONE);
        let (left, columns) = taps(place.x, 2, scale);
        let (_, rows) = taps(place.y, 2, scale);
        (left, columns.len(), passing.scaled(&columns, &rows))
    }

    #[test]
    fn a_logo_on_whole_samples_is_as_given() {
        let (left, width, rgba) = scaled(Place { x: 48, y: 32, scale: SCALE_ONE });
        assert_eq!((left, width), (3, 2));
        assert_eq!(rgba[..8], [255, 0, 0, 255, 0, 255, 0, 128]);
        assert_eq!(rgba[8..], [0; 8]);
    }

    #[test]
    fn half_a_sample_off_is_shared_by_two_and_what_is_clear_has_no_colour() {
        let (left, width, rgba) = scaled(Place { x: -8, y: 0, scale: SCALE_ONE });
        assert_eq!((left, width), (-1, 3));
        assert_eq!(rgba[..4], [255, 0, 0, 128]);
        // 255 of red and 128 of green, by half each.
        assert_eq!(rgba[4..8], [170, 85, 0, 192]);
        assert_eq!(rgba[8..12], [0, 255, 0, 64]);
    }

    #[test]
    fn half_the_size_is_the_mean_and_twice_the_size_has_all_four_times() {
        let (_, width, rgba) = scaled(Place { x: 0, y: 0, scale: SCALE_ONE / 2 });
        assert_eq!((width, &rgba[..]), (1, &[170, 85, 0, 96][..]));
        let (_, width, rgba) = scaled(Place { x: 0, y: 0, scale: SCALE_ONE * 2 });
        assert!(width >= 4, "{width} columns");
        let sum: u32 = rgba.chunks_exact(4).map(|pixel| u32::from(pixel[3])).sum();
        assert!(sum.abs_diff(4 * 383) < 16, "alpha adds up to {sum}");
    }

    #[test]
    fn a_logo_out_of_sight_has_no_matte() {
        let (passing, coding) = passing(Place { x: -640, y: 0, scale: SCALE_ONE });
        assert_eq!(passing.matte(1, &coding).unwrap(), None);
        assert!(passing.place(0).is_none() && passing.place(7).is_none());
    }
}
