//! Pictures as planes of samples: the layout of a pixel format, and borrowed views of its planes.
//!
//! Owns geometry. Refuses allocation, conversion and any knowledge of libav.

use serde::{Deserialize, Serialize};

/// The sample layout of a planar YUV (or grey) pixel format, the same for every frame of a job.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PixelLayout {
    /// libav's name of the format, such as `yuv420p10le`.
    pub name: String,
    /// Bits of a sample, 8 to 16; more than 8 are stored as 16-bit little-endian words.
    pub depth: u8,
    /// Number of planes: 1 (grey) or 3 (Y, U, V).
    pub planes: u8,
    /// log2 of how many luma columns share one chroma column.
    pub chroma_shift_x: u8,
    /// log2 of how many luma rows share one chroma row.
    pub chroma_shift_y: u8,
    /// Whether samples span the whole range (0 to 255 at 8 bit) and not the video range.
    pub full_range: bool,
}

impl PixelLayout {
    /// Width and height of `plane` in samples for a picture of `width` by `height`; chroma rounds up.
    #[must_use]
    pub fn plane_size(&self, plane: u8, width: u32, height: u32) -> (u32, u32) {
        if plane == 0 {
            return (width, height);
        }
        let up = |size: u32, shift: u8| size.div_ceil(1 << shift);
        (up(width, self.chroma_shift_x), up(height, self.chroma_shift_y))
    }
}

/// Samples of one row of a plane, side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Run {
    /// The row.
    pub row: u32,
    /// The first sample.
    pub start: u32,
    /// The sample after the last one.
    pub end: u32,
}

/// A rectangle of luma samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Rect {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Width in samples.
    pub width: u32,
    /// Height in samples.
    pub height: u32,
}

impl Rect {
    /// Column after the last one.
    #[must_use]
    pub const fn right(self) -> u32 {
        self.x.saturating_add(self.width)
    }

    /// Row after the last one.
    #[must_use]
    pub const fn bottom(self) -> u32 {
        self.y.saturating_add(self.height)
    }

    /// The smallest rectangle that holds both.
    #[must_use]
    pub fn hull(self, other: Self) -> Self {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        let width = self.right().max(other.right()) - x;
        Self { x, y, width, height: self.bottom().max(other.bottom()) - y }
    }
}

/// The samples of a plane that may be changed: rows of `width` samples, `stride` samples apart.
#[derive(Debug)]
pub struct PlaneMut<'a, S> {
    /// The samples, from the first of the first row on.
    pub samples: &'a mut [S],
    /// Samples from the start of one row to the start of the next; at least `width`.
    pub stride: usize,
    /// Samples in a row.
    pub width: u32,
    /// Number of rows.
    pub height: u32,
}

/// The samples of a plane, to look at.
#[derive(Debug, Clone, Copy)]
pub struct PlaneRef<'a, S> {
    /// The samples, from the first of the first row on.
    pub samples: &'a [S],
    /// Samples from the start of one row to the start of the next; at least `width`.
    pub stride: usize,
    /// Samples in a row.
    pub width: u32,
    /// Number of rows.
    pub height: u32,
}

/// All planes of a frame, to change in place.
#[derive(Debug)]
pub enum PlanesMut<'a> {
    /// 8-bit samples.
    Eight(Vec<PlaneMut<'a, u8>>),
    /// Samples of 9 to 16 bits.
    Sixteen(Vec<PlaneMut<'a, u16>>),
}

/// All planes of a frame, to look at.
#[derive(Debug, Clone)]
pub enum PlanesRef<'a> {
    /// 8-bit samples.
    Eight(Vec<PlaneRef<'a, u8>>),
    /// Samples of 9 to 16 bits.
    Sixteen(Vec<PlaneRef<'a, u16>>),
}
