//! Pictures in red, green and blue as inpainting models take them, from planes and back.
//!
//! Owns that conversion at full size. Refuses to decide which samples of the planes are replaced: whoever
//! writes them back takes those in the hole and no other.

use cleanplate_types::picture::{PixelLayout, Rect};

use crate::picture::Picture;
use crate::tensor::{Placement, colours, luma_weights};

/// A picture: all of red, then green, then blue, row by row, each from 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct RgbPicture {
    width: usize,
    height: usize,
    values: Vec<f32>,
}

impl RgbPicture {
    /// Takes `values`; `None` where they are not three times `width` times `height`, or none.
    #[must_use]
    pub fn new(width: usize, height: usize, values: Vec<f32>) -> Option<Self> {
        let is_whole = values.len() == 3 * width * height && !values.is_empty();
        is_whole.then_some(Self { width, height, values })
    }

    /// The part `from` of a frame, chroma spread over its luma. `None` where `from` is empty or not within the frame.
    #[must_use]
    pub fn of(picture: &Picture<'_>, from: Rect) -> Option<Self> {
        let whole = picture.bounds();
        let is_within = from.right() <= whole.width && from.bottom() <= whole.height;
        if !is_within || from.width == 0 || from.height == 0 {
            return None;
        }
        let (width, height) = (from.width as usize, from.height as usize);
        let size = (width, height);
        let placement = Placement { from, tensor: size, at: (0, 0), size };
        let planes = colours(picture, &placement);
        let values = planes.iter().flatten().map(|level| of_level(*level)).collect();
        Self::new(width, height, values)
    }

    /// Columns.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    #[must_use]
    pub const fn height(&self) -> usize {
        self.height
    }

    /// The values.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Red, green and blue of a sample; black outside.
    #[must_use]
    pub fn at(&self, x: usize, y: usize) -> [f32; 3] {
        [0, 1, 2].map(|channel| self.index(channel, x, y).map_or(0.0, |at| self.values[at]))
    }

    pub(super) fn set(&mut self, x: usize, y: usize, colour: [f32; 3]) {
        for (channel, value) in colour.into_iter().enumerate() {
            if let Some(at) = self.index(channel, x, y) {
                self.values[at] = value;
            }
        }
    }

    fn index(&self, channel: usize, x: usize, y: usize) -> Option<usize> {
        let is_inside = x < self.width && y < self.height;
        is_inside.then(|| (channel * self.height + y) * self.width + x)
    }

    /// The planes of a frame of `layout` and `matrix` (H.273; as [`crate::matrix_of`] tells it) that show this, each sample row by
    /// row: of chroma the mean of what shares a sample.
    #[must_use]
    pub fn planes(&self, layout: &PixelLayout, matrix: u8) -> Vec<Vec<u16>> {
        let (columns, rows) = (extent(self.width), extent(self.height));
        let planes = (0..layout.planes).map(|plane| {
            let (width, height) = layout.plane_size(plane, columns, rows);
            let shifts =
                if plane == 0 { (0, 0) } else { (layout.chroma_shift_x, layout.chroma_shift_y) };
            let places =
                (0..height as usize).flat_map(|y| (0..width as usize).map(move |x| (x, y)));
            places.map(|place| code(self.mean(place, shifts), plane, layout, matrix)).collect()
        });
        planes.collect()
    }

    /// Mean colour of the samples that share a sample of a plane.
    fn mean(&self, (x, y): (usize, usize), (shift_x, shift_y): (u8, u8)) -> [f32; 3] {
        let (mut sum, mut count) = ([0.0; 3], 0.0);
        for row in (y << shift_y)..((y + 1) << shift_y).min(self.height) {
            for column in (x << shift_x)..((x + 1) << shift_x).min(self.width) {
                for (sum, value) in sum.iter_mut().zip(self.at(column, row)) {
                    *sum += value;
                }
                count += 1.0;
            }
        }
        sum.map(|sum| sum / count)
    }
}

#[expect(clippy::cast_precision_loss, reason = "below 2^16")]
fn of_level(level: i32) -> f32 {
    level as f32 / (255.0 * 256.0)
}

fn extent(side: usize) -> u32 {
    u32::try_from(side).unwrap_or(u32::MAX)
}

/// The code of a colour in a plane: H.273, 8.3.
fn code([red, green, blue]: [f32; 3], plane: u8, layout: &PixelLayout, matrix: u8) -> u16 {
    let (kr, kb) = luma_weights(matrix);
    let (kr, kb) = (narrow(kr), narrow(kb));
    let luma = kr * red + (1.0 - kr - kb) * green + kb * blue;
    let level = match (matrix, plane) {
        (0, 0) => green,
        (0, 1) => blue,
        (0, _) => red,
        (_, 0) => luma,
        (_, 1) => (blue - luma) / (2.0 * (1.0 - kb)),
        (_, _) => (red - luma) / (2.0 * (1.0 - kr)),
    };
    let is_chroma = plane > 0 && matrix != 0;
    // The same scale as on the way from planes to colours: a level of 255 is the code 255 of 8 bits, shifted.
    let unit = f32::from(1_u16 << (layout.depth.clamp(8, 16) - 8));
    let most = 256.0 * unit - 1.0;
    let coded = match (layout.full_range, is_chroma) {
        (true, true) => level * 255.0 + 128.0,
        (true, false) => level * 255.0,
        (false, true) => level * 224.0 + 128.0,
        (false, false) => level * 219.0 + 16.0,
    };
    whole(coded * unit, most)
}

#[expect(clippy::cast_possible_truncation, reason = "a weight below 1")]
const fn narrow(weight: f64) -> f32 {
    weight as f32
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rounded and clamped to the codes of the depth"
)]
fn whole(code: f32, most: f32) -> u16 {
    code.round().clamp(0.0, most) as u16
}

#[cfg(test)]
mod tests {
    use cleanplate_types::picture::{PlaneRef, PlanesRef};

    use super::*;

    fn layout(depth: u8, full_range: bool, shifts: (u8, u8)) -> PixelLayout {
        PixelLayout {
            name: "test".to_owned(),
            depth,
            planes: 3,
            chroma_shift_x: shifts.0,
            chroma_shift_y: shifts.1,
            full_range,
        }
    }

    #[test]
    fn planes_come_back_from_colours() {
        for (depth, full_range, matrix) in
            [(10, false, 1), (12, false, 9), (10, true, 6), (12, true, 0)]
        {
            let layout = layout(depth, full_range, (1, 1));
            let unit = 1_u16 << (depth - 8);
            let (y, u, v) = (vec![110 * unit; 20], vec![120 * unit; 6], vec![135 * unit; 6]);
            let plane = |samples, width, height| PlaneRef {
                samples,
                stride: width as usize,
                width,
                height,
            };
            let planes = vec![plane(&y[..], 5, 4), plane(&u[..], 3, 2), plane(&v[..], 3, 2)];
            let picture = Picture::new(PlanesRef::Sixteen(planes), &layout, matrix).unwrap();
            let rgb = RgbPicture::of(&picture, picture.bounds()).unwrap();
            let back = rgb.planes(&layout, matrix);
            assert_eq!((back[0].len(), back[1].len()), (20, 6));
            for (plane, expected) in back.iter().zip([&y, &u, &v]) {
                let far = plane.iter().zip(expected).map(|(a, b)| a.abs_diff(*b)).max();
                assert!(far <= Some(unit / 4 + 1), "{matrix} {depth}: {plane:?}");
            }
        }
    }

    #[test]
    fn a_part_beyond_the_frame_is_none() {
        let layout = PixelLayout { planes: 1, ..layout(8, true, (0, 0)) };
        let planes =
            PlanesRef::Eight(vec![PlaneRef { samples: &[9; 4], stride: 2, width: 2, height: 2 }]);
        let picture = Picture::new(planes, &layout, 1).unwrap();
        assert!(RgbPicture::of(&picture, Rect { x: 1, y: 0, width: 2, height: 1 }).is_none());
        assert!(RgbPicture::of(&picture, Rect { x: 1, y: 0, width: 0, height: 1 }).is_none());
        assert!(RgbPicture::of(&picture, Rect { x: 1, y: 1, width: 1, height: 1 }).is_some());
        assert!(RgbPicture::new(2, 2, vec![0.0; 11]).is_none());
    }
}
