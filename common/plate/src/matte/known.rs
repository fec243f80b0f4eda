//! A matte from the owner's own logo: exact, where the logo and its place are known.
//!
//! Owns the way from red, green, blue and alpha to the video's planes: matrix, range, depth, and where
//! chroma samples lie. Colours are taken as they are coded (no light is made linear), since that is
//! what compositors blend.

use cleanplate_types::picture::{PixelLayout, Rect};

use super::crops::{aligned, plane_rect};
use super::scaled::{Taps, taps};
use super::siting::Siting;
use super::{ALPHA_ONE, Class, Matte, MattePlane, PAINT_ONE};
use crate::mattes::{PLACE_ONE, Place, SCALE_ONE};

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
    pub(crate) fn shares(&self) -> Result<(f64, f64), KnownError> {
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

    /// The codes of a colour whose parts run from 0 to 1, of which there is `alpha`: alpha times the
    /// code, where the parts are alpha times the colour.
    pub(crate) fn codes(
        &self,
        [red, green, blue]: [f64; 3],
        alpha: f64,
        (kr, kb): (f64, f64),
    ) -> [f64; 3] {
        let luma = kr * red + (1.0 - kr - kb) * green + kb * blue;
        let chroma = [(blue - luma) / (2.0 * (1.0 - kb)), (red - luma) / (2.0 * (1.0 - kr))];
        let step = f64::from(1_u16 << (self.layout.depth - 8));
        let grey = alpha * 128.0 * step;
        if self.layout.full_range {
            let top = 256.0 * step - 1.0;
            return [top * luma, grey + top * chroma[0], grey + top * chroma[1]];
        }
        let wide = 224.0 * step;
        let black = alpha * 16.0 * step;
        [black + 219.0 * step * luma, grey + wide * chroma[0], grey + wide * chroma[1]]
    }
}

impl Logo<'_> {
    /// Whether its bytes are as many as its size asks for, and the video one that it can be put into.
    pub(crate) fn check(&self, coding: &Coding) -> Result<(), KnownError> {
        if !(8..=12).contains(&coding.layout.depth) {
            return Err(KnownError::Depth(coding.layout.depth));
        }
        let found = self.rgba.len();
        if found != self.width as usize * self.height as usize * 4 {
            return Err(KnownError::OtherSize { width: self.width, height: self.height, found });
        }
        coding.shares().map(|_| ())
    }
}

/// The matte of `logo` with its left upper corner at `x`, `y` of the picture.
///
/// # Errors
/// [`KnownError`] where logo, place and picture do not fit each other.
pub fn known(logo: &Logo<'_>, (x, y): (i32, i32), coding: &Coding) -> Result<Matte, KnownError> {
    let whole = |at: i32| at.saturating_mul(PLACE_ONE);
    known_at(logo, Place { x: whole(x), y: whole(y), scale: SCALE_ONE }, coding)
}

/// The matte of `logo` at a place between samples, and larger or smaller than it is.
///
/// # Errors
/// [`KnownError`] where logo, place and picture do not fit each other.
pub fn known_at(logo: &Logo<'_>, place: Place, coding: &Coding) -> Result<Matte, KnownError> {
    let layout = &coding.layout;
    logo.check(coding)?;
    let shares = coding.shares()?;
    let columns = taps(place.x, place.scale, logo.width);
    let rows = taps(place.y, place.scale, logo.height);
    let bounds = bounds(place, &columns, &rows, coding)?;
    let (width, height) = (bounds.width as usize, bounds.height as usize);
    let mut alpha = vec![0.0_f64; width * height];
    let mut paints = vec![vec![0.0_f64; width * height]; 3];
    for (row, down) in (rows.first..).zip(&rows.weights) {
        for (column, across) in (columns.first..).zip(&columns.weights) {
            let Some((column, row)) = inside(bounds, column, row) else { continue };
            let at = row * width + column;
            let [red, green, blue, share] = logo.mixed(across, down);
            alpha[at] = share;
            let codes = coding.codes([red, green, blue], share, shares);
            for (paint, code) in paints.iter_mut().zip(codes) {
                paint[at] = code;
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
fn bounds(place: Place, columns: &Taps, rows: &Taps, coding: &Coding) -> Result<Rect, KnownError> {
    let (width, height) = coding.size;
    let side = |taps: &Taps, size: u32| {
        let from = i64::from(taps.first);
        let to = from + i64::try_from(taps.weights.len()).ok()?;
        if to <= 0 || from >= i64::from(size) || from == to {
            return None;
        }
        let from = u32::try_from((from - i64::from(CONTEXT)).max(0)).ok()?;
        let to = u32::try_from((to + i64::from(CONTEXT)).min(i64::from(size))).ok()?;
        Some((from, to - from))
    };
    let (x, y) = (place.x.div_euclid(PLACE_ONE), place.y.div_euclid(PLACE_ONE));
    let sides = side(columns, width).zip(side(rows, height));
    let (columns, rows) = sides.ok_or(KnownError::Elsewhere { x, y, width, height })?;
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
