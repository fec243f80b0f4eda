//! A matte from the owner's own logo: exact, where the logo and its place are known.
//!
//! Owns the way from red, green, blue and alpha to the video's planes: matrix, range, depth, and where
//! chroma samples lie. Colours are taken as they are coded (no light is made linear), since that is
//! what compositors blend.

use cleanplate_types::picture::{PixelLayout, Rect};

use super::crops::{aligned, plane_rect};
use super::siting::Siting;
use super::{ALPHA_ONE, Class, Matte, MattePlane, PAINT_ONE};

/// Samples around a logo that its matte speaks of, to judge it by.
const CONTEXT: u32 = 16;

/// A picture with alpha: four bytes (red, green, blue, alpha, not premultiplied) for each sample.
#[derive(Debug, Clone, Copy)]
pub struct Logo<'a> {
    /// Samples in a row.
    pub width: u32,
    /// Number of rows.
    pub height: u32,
    /// Row by row.
    pub rgba: &'a [u8],
}

/// What of a video decides how a colour is coded in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coding {
    /// The layout of its frames.
    pub layout: PixelLayout,
    /// Width and height of its frames.
    pub size: (u32, u32),
    /// Matrix coefficients, a code point of ITU-T H.273; 2 (unspecified) is taken as players take it:
    /// BT.709 from 720 rows on, else BT.601.
    pub matrix: u8,
    /// Where chroma samples lie: libav's chroma location, 0 (unspecified) taken as left.
    pub chroma_location: u8,
}

/// A logo that no matte can be made of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KnownError {
    /// The bytes are not as many as the size asks for.
    #[error(
        "the logo of {width} by {height} samples has {found} bytes where it needs four a sample"
    )]
    OtherSize {
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
        /// Its bytes.
        found: usize,
    },
    /// No sample of the logo lies in the picture.
    #[error("the logo at {x},{y} lies outside the picture of {width} by {height}")]
    Elsewhere {
        /// Its left edge.
        x: i32,
        /// Its top edge.
        y: i32,
        /// Width of the picture.
        width: u32,
        /// Height of the picture.
        height: u32,
    },
    /// The matrix is none of those that are linear in red, green and blue.
    #[error("matrix coefficients {0} are not supported for a known logo; give a mask instead")]
    Matrix(u8),
    /// The depth is not supported.
    #[error("samples of {0} bits are not supported for a known logo; 8 to 12 are")]
    Depth(u8),
}

impl Coding {
    /// Shares of red and blue in luma.
    fn shares(&self) -> Result<(f64, f64), KnownError> {
        match self.matrix {
            1 => Ok((0.2126, 0.0722)),
            2 if self.size.1 >= 720 => Ok((0.2126, 0.0722)),
            2 | 5 | 6 => Ok((0.299, 0.114)),
            4 => Ok((0.30, 0.11)),
            7 => Ok((0.212, 0.087)),
            9 | 10 => Ok((0.2627, 0.0593)),
            other => Err(KnownError::Matrix(other)),
        }
    }

    /// The codes of a colour whose parts run from 0 to 1.
    fn codes(&self, [red, green, blue]: [f64; 3], (kr, kb): (f64, f64)) -> [f64; 3] {
        let luma = kr * red + (1.0 - kr - kb) * green + kb * blue;
        let chroma = [(blue - luma) / (2.0 * (1.0 - kb)), (red - luma) / (2.0 * (1.0 - kr))];
        let step = f64::from(1_u16 << (self.layout.depth - 8));
        let grey = 128.0 * step;
        if self.layout.full_range {
            let top = 256.0 * step - 1.0;
            return [top * luma, grey + top * chroma[0], grey + top * chroma[1]];
        }
        let wide = 224.0 * step;
        [16.0 * step + 219.0 * step * luma, grey + wide * chroma[0], grey + wide * chroma[1]]
    }
}

/// The matte of `logo` with its left upper corner at `x`, `y` of the picture.
///
/// # Errors
/// [`KnownError`] where logo, place and picture do not fit each other.
pub fn known(logo: &Logo<'_>, (x, y): (i32, i32), coding: &Coding) -> Result<Matte, KnownError> {
    let layout = &coding.layout;
    if !(8..=12).contains(&layout.depth) {
        return Err(KnownError::Depth(layout.depth));
    }
    let found = logo.rgba.len();
    if found != logo.width as usize * logo.height as usize * 4 {
        return Err(KnownError::OtherSize { width: logo.width, height: logo.height, found });
    }
    let shares = coding.shares()?;
    let bounds = bounds(logo, (x, y), coding)?;
    let (width, height) = (bounds.width as usize, bounds.height as usize);
    let mut alpha = vec![0.0_f64; width * height];
    let mut paints = vec![vec![0.0_f64; width * height]; 3];
    for (row, line) in (y..).zip(logo.rgba.chunks_exact(logo.width as usize * 4)) {
        for (column, pixel) in (x..).zip(line.chunks_exact(4)) {
            let Some((column, row)) = inside(bounds, column, row) else { continue };
            let at = row * width + column;
            let part = |number: usize| f64::from(pixel[number]) / 255.0;
            alpha[at] = part(3);
            let codes = coding.codes([part(0), part(1), part(2)], shares);
            for (paint, code) in paints.iter_mut().zip(codes) {
                paint[at] = part(3) * code;
            }
        }
    }
    let siting = Siting::new(layout, coding.chroma_location);
    let planes = (0..layout.planes).zip(&paints).map(|(number, paint)| {
        let rect = plane_rect(layout, number, bounds);
        if number == 0 {
            return plane(rect, &alpha, paint);
        }
        let size = (rect.width as usize, rect.height as usize);
        plane(rect, &siting.bring(&alpha, width, size), &siting.bring(paint, width, size))
    });
    let classes = alpha.iter().map(|alpha| Class::of(alpha * f64::from(ALPHA_ONE))).collect();
    Ok(Matte { layout: layout.clone(), bounds, planes: planes.collect(), classes })
}

/// What the matte speaks of: the logo and some of what is around it, in the picture.
fn bounds(logo: &Logo<'_>, (x, y): (i32, i32), coding: &Coding) -> Result<Rect, KnownError> {
    let (width, height) = coding.size;
    let side = |from: i32, length: u32, size: u32| {
        let from = i64::from(from);
        let to = from + i64::from(length);
        if to <= 0 || from >= i64::from(size) || length == 0 {
            return None;
        }
        let from = u32::try_from((from - i64::from(CONTEXT)).max(0)).ok()?;
        let to = u32::try_from((to + i64::from(CONTEXT)).min(i64::from(size))).ok()?;
        Some((from, to - from))
    };
    let columns = side(x, logo.width, width);
    let rows = side(y, logo.height, height);
    let (columns, rows) = columns.zip(rows).ok_or(KnownError::Elsewhere { x, y, width, height })?;
    let rect = Rect { x: columns.0, y: rows.0, width: columns.1, height: rows.1 };
    Ok(aligned(&coding.layout, coding.size, rect))
}

fn inside(bounds: Rect, x: i32, y: i32) -> Option<(usize, usize)> {
    let x = u32::try_from(x).ok()?.checked_sub(bounds.x).filter(|x| *x < bounds.width)?;
    let y = u32::try_from(y).ok()?.checked_sub(bounds.y).filter(|y| *y < bounds.height)?;
    Some((x as usize, y as usize))
}

fn plane(rect: Rect, alpha: &[f64], paint: &[f64]) -> MattePlane {
    let fixed = |values: &[f64], one: u16| {
        values.iter().map(|value| super::fixed(value * f64::from(one))).collect()
    };
    MattePlane {
        width: rect.width,
        height: rect.height,
        alpha: fixed(alpha, ALPHA_ONE),
        paint: fixed(paint, PAINT_ONE),
        trust: vec![u8::MAX; alpha.len()],
        noise: 0,
    }
}
