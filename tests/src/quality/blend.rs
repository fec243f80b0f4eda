//! An overlay as it lies in the planes: alpha and alpha-weighted colour of each sample, composited in YUV.
//!
//! Luma: `J = (1 - a) B + a W`. A chroma sample has the mean alpha of the four luma samples that share it,
//! and the mean of their weighted colours. BT.709, video range; alpha in 4096ths; rounded once.

use super::canvas::Canvas;
use super::picture::{Area, Frame, Size};

/// Alpha that hides all.
pub const OPAQUE: u32 = 4096;
/// Alpha from which a sample counts as covered: 2 %, which moves it by at most four codes of 255.
const COVERED: u32 = OPAQUE / 50;

/// The samples of one plane below an overlay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaneBlend {
    /// Where they are.
    pub area: Area,
    /// Alpha of each, in 4096ths.
    pub alpha: Vec<u32>,
    /// Alpha times colour of each, in 4096ths of a code.
    pub paint: Vec<u32>,
}

/// An overlay at its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blend {
    /// Y, U and V.
    pub planes: [PlaneBlend; 3],
}

impl Blend {
    /// `canvas` with its upper left corner at `(x, y)`, which must leave all of it in a picture of `size`.
    ///
    /// # Panics
    /// Where it does not.
    #[must_use]
    pub fn new(canvas: &Canvas, (x, y): (usize, usize), size: Size) -> Self {
        let inside = x + canvas.width <= size.width && y + canvas.height <= size.height;
        assert!(inside, "the overlay lies in the picture");
        // Chroma samples are shared by two columns and rows: the area is grown to whole ones.
        let (left, top) = (x / 2 * 2, y / 2 * 2);
        let width = (x + canvas.width).next_multiple_of(2) - left;
        let height = (y + canvas.height).next_multiple_of(2) - top;
        let area = Area { x: left, y: top, width, height };
        let at = |column: usize, row: usize| {
            let inner = (column.wrapping_sub(x - left), row.wrapping_sub(y - top));
            let is_there = inner.0 < canvas.width && inner.1 < canvas.height;
            let rgba =
                if is_there { canvas.rgba[inner.1 * canvas.width + inner.0] } else { [0; 4] };
            let alpha = (u32::from(rgba[3]) * OPAQUE + 127) / 255;
            (alpha, yuv([rgba[0], rgba[1], rgba[2]]).map(|level| alpha * u32::from(level)))
        };
        let luma = full(area, |column, row| (at(column, row).0, at(column, row).1[0]));
        let chroma = |plane: usize| {
            let area = Area { x: left / 2, y: top / 2, width: width / 2, height: height / 2 };
            full(area, |column, row| {
                let four = [(0, 0), (1, 0), (0, 1), (1, 1)];
                let four = four.map(|(dx, dy)| at(column * 2 + dx, row * 2 + dy));
                let alpha: u32 = four.iter().map(|(alpha, _)| alpha).sum();
                let paint: u32 = four.iter().map(|(_, paint)| paint[plane]).sum();
                ((alpha + 2) / 4, (paint + 2) / 4)
            })
        };
        Self { planes: [luma, chroma(1), chroma(2)] }
    }

    /// Draws it.
    pub fn compose(&self, frame: &mut Frame) {
        self.each(frame, |below, alpha, paint| {
            let sum = u32::from(below) * (OPAQUE - alpha) + paint;
            to_code(i64::from((sum + OPAQUE / 2) / OPAQUE))
        });
    }

    /// Takes it away again where alpha is at most 95 %, by the true alpha and colour.
    pub fn invert(&self, frame: &mut Frame) {
        self.each(frame, |shown, alpha, paint| {
            let left = i64::from(OPAQUE - alpha);
            if alpha == 0 || left < i64::from(OPAQUE / 20) {
                return shown;
            }
            let sum = i64::from(shown) * i64::from(OPAQUE) - i64::from(paint);
            to_code((sum + left / 2).div_euclid(left))
        });
    }

    fn each(&self, frame: &mut Frame, change: impl Fn(u8, u32, u32) -> u8) {
        for (index, plane) in self.planes.iter().enumerate() {
            let width = frame.size.plane(index).width;
            let samples = frame.plane_mut(index);
            let values = plane.alpha.iter().zip(&plane.paint);
            for (place, (alpha, paint)) in plane.area.places(width).zip(values) {
                samples[place] = change(samples[place], *alpha, *paint);
            }
        }
    }
}

impl PlaneBlend {
    /// Which samples count as covered.
    #[must_use]
    pub fn covered(&self) -> Vec<bool> {
        self.alpha.iter().map(|alpha| *alpha >= COVERED).collect()
    }
}

impl Area {
    /// The indices of its samples in a plane of `width` columns, row by row.
    pub fn places(self, width: usize) -> impl Iterator<Item = usize> {
        (self.y..self.bottom())
            .flat_map(move |row| (self.x..self.right()).map(move |column| row * width + column))
    }
}

fn full(area: Area, at: impl Fn(usize, usize) -> (u32, u32)) -> PlaneBlend {
    let places = (0..area.height).flat_map(|row| (0..area.width).map(move |column| (column, row)));
    let (alpha, paint) = places.map(|(column, row)| at(column, row)).unzip();
    PlaneBlend { area, alpha, paint }
}

/// BT.709, video range.
#[must_use]
pub fn yuv(rgb: [u8; 3]) -> [u8; 3] {
    let [r, g, b] = rgb.map(|level| f64::from(level) / 255.0);
    let luma = 0.2126 * r + 0.7152 * g + 0.0722 * b;
    let levels = [
        16.0 + 219.0 * luma,
        128.0 + 224.0 * (b - luma) / 1.8556,
        128.0 + 224.0 * (r - luma) / 1.5748,
    ];
    levels.map(|level| level.round().clamp(0.0, 255.0) as u8)
}

fn to_code(value: i64) -> u8 {
    u8::try_from(value.clamp(0, 255)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality::canvas::Ink;

    const SIZE: Size = Size { width: 16, height: 12 };

    #[test]
    fn colours_are_those_of_the_standard() {
        assert_eq!(yuv([0, 0, 0]), [16, 128, 128]);
        assert_eq!(yuv([255, 255, 255]), [235, 128, 128]);
        assert_eq!(yuv([255, 0, 0]), [63, 102, 240]);
        assert_eq!(yuv([0, 0, 255]), [32, 240, 118]);
    }

    #[test]
    fn half_of_white_over_grey_is_between_and_chroma_takes_the_mean_alpha() {
        let mut canvas = Canvas::new(3, 2);
        canvas.rect(Ink { rgb: [255, 0, 0], alpha: 128 }, (0.0, 0.0), (3.0, 2.0));
        let blend = Blend::new(&canvas, (4, 4), SIZE);
        let mut frame = Frame::grey(SIZE, 100);
        blend.compose(&mut frame);
        // 100 * 127/255 + 63 * 128/255
        assert_eq!(frame.plane(0).samples[4 * 16 + 4], 81);
        assert_eq!(frame.plane(0).samples[4 * 16 + 7], 100, "right of it");
        assert_eq!(frame.plane(2).samples[2 * 8 + 2], 184, "all four covered");
        assert_eq!(frame.plane(2).samples[2 * 8 + 3], 156, "two of four covered");
        assert_eq!(frame.plane(2).samples[2 * 8 + 4], 128);
    }

    #[test]
    fn an_odd_place_shares_chroma_with_its_neighbours() {
        let mut canvas = Canvas::new(2, 2);
        canvas.rect(Ink::opaque([255; 3]), (0.0, 0.0), (2.0, 2.0));
        let blend = Blend::new(&canvas, (5, 5), SIZE);
        assert_eq!(blend.planes[0].area, Area { x: 4, y: 4, width: 4, height: 4 });
        assert_eq!(blend.planes[1].alpha, vec![OPAQUE / 4; 4]);
        assert_eq!(blend.planes[0].covered().iter().filter(|covered| **covered).count(), 4);
    }

    #[test]
    fn inversion_undoes_the_composition_but_for_rounding() {
        let mut canvas = Canvas::new(8, 8);
        canvas.rect(Ink { rgb: [250, 180, 20], alpha: 115 }, (0.0, 0.0), (8.0, 8.0));
        let blend = Blend::new(&canvas, (2, 2), SIZE);
        let mut frame = Frame::grey(SIZE, 0);
        for (index, sample) in frame.samples.iter_mut().enumerate() {
            *sample = (index * 37 % 220 + 16) as u8;
        }
        let clean = frame.clone();
        blend.compose(&mut frame);
        assert_ne!(frame, clean);
        blend.invert(&mut frame);
        let worst = frame.samples.iter().zip(&clean.samples).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(worst <= Some(1), "{worst:?}");
    }
}
