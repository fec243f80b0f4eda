//! A frame as models are shown it: borrowed planes, with what is needed to make colours of them.
//!
//! Owns the check that planes and layout belong together. Refuses to copy or convert.

use cleanplate_types::picture::{PixelLayout, PlaneRef, PlanesRef, Rect};

/// A frame as it is coded: no rotation, no cropping.
#[derive(Debug, Clone)]
pub struct Picture<'a> {
    planes: PlanesRef<'a>,
    layout: &'a PixelLayout,
    matrix: u8,
    width: u32,
    height: u32,
}

/// Why a frame cannot be shown to a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// Other planes than the layout says.
    #[error("the frame has {found} planes, its layout {expected}")]
    Planes {
        /// Planes of the frame.
        found: usize,
        /// Planes of the layout.
        expected: u8,
    },
    /// A plane of another size, or with too few samples.
    #[error("plane {plane} of the frame does not hold the samples that its layout asks for")]
    Size {
        /// Index of the plane.
        plane: u8,
    },
    /// Samples of more or fewer bits than are stored so, or more than are converted.
    #[error("samples of {depth} bits in words of another size")]
    Depth {
        /// Bits of a sample.
        depth: u8,
    },
    /// A frame without samples, or larger than is converted exactly.
    #[error("a frame of {width}x{height} samples is not taken: 1 to {SIDE_MAX} on a side are")]
    Extent {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
}

/// Longest side of a frame in samples, so that sums of 16-bit samples over a row fit 32 bits.
pub(crate) const SIDE_MAX: u32 = 32_768;

impl<'a> Picture<'a> {
    /// Takes the `planes` of a frame of `layout`; `matrix` is H.273's code point of its colours.
    ///
    /// # Errors
    /// [`PictureError`] where planes and layout do not belong together.
    pub fn new(
        planes: PlanesRef<'a>,
        layout: &'a PixelLayout,
        matrix: u8,
    ) -> Result<Self, PictureError> {
        let sizes: Vec<(u32, u32, bool)> = match &planes {
            PlanesRef::Eight(planes) => planes.iter().map(measure).collect(),
            PlanesRef::Sixteen(planes) => planes.iter().map(measure).collect(),
        };
        if sizes.len() != usize::from(layout.planes) || !matches!(layout.planes, 1 | 3) {
            return Err(PictureError::Planes { found: sizes.len(), expected: layout.planes });
        }
        let is_wide = matches!(planes, PlanesRef::Sixteen(_));
        if is_wide != (layout.depth > 8) || !(8..=16).contains(&layout.depth) {
            return Err(PictureError::Depth { depth: layout.depth });
        }
        let (width, height) = sizes.first().map_or((0, 0), |(width, height, _)| (*width, *height));
        let is_taken = |side: u32| (1..=SIDE_MAX).contains(&side);
        if !is_taken(width) || !is_taken(height) {
            return Err(PictureError::Extent { width, height });
        }
        for (plane, (columns, rows, is_held)) in (0..).zip(sizes) {
            if (columns, rows) != layout.plane_size(plane, width, height) || !is_held {
                return Err(PictureError::Size { plane });
            }
        }
        Ok(Self { planes, layout, matrix, width, height })
    }

    /// All of it.
    #[must_use]
    pub const fn bounds(&self) -> Rect {
        Rect { x: 0, y: 0, width: self.width, height: self.height }
    }

    pub(crate) const fn planes(&self) -> &PlanesRef<'a> {
        &self.planes
    }

    pub(crate) const fn layout(&self) -> &PixelLayout {
        self.layout
    }

    /// The code point of its colours.
    pub(crate) const fn matrix(&self) -> u8 {
        matrix_of(self.matrix, self.width, self.height)
    }
}

/// The code point of the colours of a video (H.273): `told`, and where that is 2 (unspecified) that of its size, as
/// players take it. Of a part of a picture, the size of the whole decides.
#[must_use]
pub const fn matrix_of(told: u8, width: u32, height: u32) -> u8 {
    match told {
        UNSPECIFIED if width >= 1280 || height > 576 => 1,
        UNSPECIFIED => 6,
        told => told,
    }
}

/// H.273: unspecified.
const UNSPECIFIED: u8 = 2;

/// Columns, rows, and whether the plane's samples reach to the end of its last row.
fn measure<S>(plane: &PlaneRef<'_, S>) -> (u32, u32, bool) {
    let (width, height) = (plane.width as usize, plane.height as usize);
    let needed = height.saturating_sub(1).checked_mul(plane.stride);
    let needed = needed.and_then(|rows| rows.checked_add(width));
    let is_held =
        plane.stride >= width && needed.is_some_and(|needed| plane.samples.len() >= needed);
    (plane.width, plane.height, is_held)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(planes: u8, depth: u8) -> PixelLayout {
        let name = "test".to_owned();
        PixelLayout { name, depth, planes, chroma_shift_x: 1, chroma_shift_y: 1, full_range: false }
    }

    fn plane(samples: &[u8], width: u32, height: u32) -> PlaneRef<'_, u8> {
        PlaneRef { samples, stride: width as usize, width, height }
    }

    #[test]
    fn planes_and_layout_must_belong_together() {
        let (luma, chroma) = ([0; 15], [0; 6]);
        let good = || vec![plane(&luma, 5, 3), plane(&chroma, 3, 2), plane(&chroma, 3, 2)];
        let check = |planes, layout: &PixelLayout| {
            Picture::new(PlanesRef::Eight(planes), layout, 1).map(|picture| picture.bounds())
        };
        let whole = Rect { x: 0, y: 0, width: 5, height: 3 };
        assert_eq!(check(good(), &layout(3, 8)), Ok(whole));
        let one = PictureError::Planes { found: 3, expected: 1 };
        assert_eq!(check(good(), &layout(1, 8)), Err(one));
        assert_eq!(check(good(), &layout(3, 10)), Err(PictureError::Depth { depth: 10 }));
        let short = vec![plane(&luma, 5, 3), plane(&chroma[..5], 3, 2), plane(&chroma, 3, 2)];
        assert_eq!(check(short, &layout(3, 8)), Err(PictureError::Size { plane: 1 }));
        let narrow = vec![plane(&luma, 5, 3), plane(&chroma, 2, 2), plane(&chroma, 3, 2)];
        assert_eq!(check(narrow, &layout(3, 8)), Err(PictureError::Size { plane: 1 }));
        let none = PictureError::Extent { width: 0, height: 0 };
        assert_eq!(check(vec![plane(&[], 0, 0)], &layout(1, 8)), Err(none));
    }
}
