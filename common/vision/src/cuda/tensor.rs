//! Pictures to tensors on the card: averaged by area, coloured, placed on an even grey, in one step from
//! a decoder's own planes.
//!
//! Owns the memory of a batch. The formula is that of `crate::tensor`; whole numbers to its last step, so
//! the card and the CPU give the same bits. ONNX Runtime is given the
//! memory's address ([`DeviceTensor::address`]) on the same stream.

use std::sync::Arc;

use cleanplate_types::picture::{PixelLayout, Rect};

use super::Device;
use super::args::{Kernel, Plane, TensorArgs};
use super::error::CudaError;
use super::ffi::Memory;
use super::picture::DevicePicture;
use crate::tensor::luma_weights;

/// Channels of a tensor.
const CHANNELS: u32 = 3;
/// Luma samples each way at most, so that sums fit.
const SIDE_MAX: u32 = 1 << 15;

/// What the values of a tensor are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Number {
    /// 32-bit floats.
    Single,
    /// 16-bit floats.
    Half,
}

/// Which part of a picture is shown where in a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TensorPlace {
    /// The part, in luma samples.
    pub from: Rect,
    /// Column and row of its first sample in the tensor.
    pub at: (u32, u32),
    /// Columns and rows of it in the tensor.
    pub size: (u32, u32),
}

/// What values a model takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TensorRange {
    /// Whether blue comes first.
    pub blue_first: bool,
    /// Factor of a level of 0 to 255.
    pub scale: f32,
    /// What is added after.
    pub shift: f32,
}

/// The tensors of a batch in a card's memory: `[batch, 3, rows, columns]`.
#[derive(Debug)]
pub struct DeviceTensor {
    device: Arc<Device>,
    batch: u32,
    size: (u32, u32),
    number: Number,
    values: Memory<u16>,
}

impl DeviceTensor {
    /// Zeros for a batch of tensors of `size` (columns, rows).
    ///
    /// # Errors
    /// [`CudaError::OutOfMemory`] where they do not fit.
    pub fn new(
        device: &Arc<Device>,
        batch: u32,
        size: (u32, u32),
        number: Number,
    ) -> Result<Self, CudaError> {
        let words = if number == Number::Half { 1 } else { 2 };
        let count = batch as usize * CHANNELS as usize * size.0 as usize * size.1 as usize;
        let values = device.queue().zeros(count * words)?;
        Ok(Self { device: Arc::clone(device), batch, size, number, values })
    }

    /// Where the first value lies in the card's memory: valid as long as the tensor is.
    #[must_use]
    pub fn address(&self) -> u64 {
        self.values.address()
    }

    /// The lengths of its axes.
    #[must_use]
    pub const fn shape(&self) -> [u32; 4] {
        [self.batch, CHANNELS, self.size.1, self.size.0]
    }

    /// What its values are.
    #[must_use]
    pub const fn number(&self) -> Number {
        self.number
    }

    /// Sets all values to 0.
    ///
    /// # Errors
    /// What the driver says.
    pub fn clear(&mut self) -> Result<(), CudaError> {
        self.device.queue().clear(&mut self.values)
    }

    /// Writes a part of a picture into the tensor at `index` of the batch. `matrix` is H.273's code point
    /// of the picture's colours, told: not 2.
    ///
    /// # Errors
    /// [`CudaError::Shape`] where part, picture and tensor do not fit, and what the driver says.
    pub fn place(
        &mut self,
        index: u32,
        (picture, matrix): (&DevicePicture, u8),
        place: &TensorPlace,
        range: TensorRange,
    ) -> Result<(), CudaError> {
        let TensorPlace { from, at, size } = *place;
        let (width, height) = picture.size();
        let reaches = |at: u32, size: u32, whole: u32| {
            size > 0 && at.checked_add(size).is_some_and(|end| end <= whole)
        };
        let fits = index < self.batch
            && width.max(height) <= SIDE_MAX
            && reaches(from.x, from.width, width)
            && reaches(from.y, from.height, height)
            && reaches(at.0, size.0, self.size.0)
            && reaches(at.1, size.1, self.size.1);
        if !fits {
            return Err(CudaError::Shape(
                "the part lies in the picture, and its place in the tensor",
            ));
        }
        let layout = picture.layout();
        let mut planes = [picture.plane(0)?; 3];
        for (number, plane) in (0..layout.planes).zip(&mut planes) {
            *plane = picture.plane(number)?;
        }
        let bytes = if self.number == Number::Half { 2 } else { 4 };
        let (columns, rows) = self.size;
        let one = u64::from(CHANNELS * bytes) * u64::from(columns) * u64::from(rows);
        let args = TensorArgs {
            out: self.values.address() + u64::from(index) * one,
            columns,
            rows,
            is_half: u32::from(self.number == Number::Half),
            ..arguments((layout, planes), matrix, place, range)
        };
        self.device.queue().launch(Kernel::TensorPlace, &args, (columns, rows))
    }

    /// Its values, once all that was launched is done: the bits of each, 16 or 32 of them.
    ///
    /// # Errors
    /// What the driver says.
    pub fn download_bits(&self) -> Result<Vec<u32>, CudaError> {
        let words = self.device.queue().download(&self.values)?;
        Ok(match self.number {
            Number::Half => words.into_iter().map(u32::from).collect(),
            Number::Single => {
                let pairs = words.as_chunks::<2>().0.iter();
                pairs.map(|[low, high]| u32::from(*low) | u32::from(*high) << 16).collect()
            }
        })
    }
}

/// The arguments for a single tensor that is as large as the part and lies nowhere yet.
fn arguments(
    (layout, planes): (&PixelLayout, [Plane; 3]),
    matrix: u8,
    place: &TensorPlace,
    range: TensorRange,
) -> TensorArgs {
    let (kr, kb) = luma_weights(matrix);
    let kg = 1.0 - kr - kb;
    let (luma, chroma, offset) =
        if layout.full_range { (1.0, 1.0, 0) } else { (255.0 / 219.0, 255.0 / 224.0, 16 * 256) };
    TensorArgs {
        planes,
        out: 0,
        plane_count: u32::from(layout.planes),
        depth: u32::from(layout.depth),
        shift_x: u32::from(layout.chroma_shift_x),
        shift_y: u32::from(layout.chroma_shift_y),
        x: place.from.x,
        y: place.from.y,
        width: place.from.width,
        height: place.from.height,
        columns: place.size.0,
        rows: place.size.1,
        at_x: place.at.0,
        at_y: place.at.1,
        wide: place.size.0,
        high: place.size.1,
        luma: fixed(luma),
        red_v: fixed(2.0 * (1.0 - kr) * chroma),
        green_u: fixed(2.0 * (1.0 - kb) * kb / kg * chroma),
        green_v: fixed(2.0 * (1.0 - kr) * kr / kg * chroma),
        blue_u: fixed(2.0 * (1.0 - kb) * chroma),
        offset,
        scale: range.scale,
        shift: range.shift,
        is_rgb: u32::from(matrix == 0),
        blue_first: u32::from(range.blue_first),
        is_half: 0,
        padding: 0,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "factors are below 3")]
fn fixed(factor: f64) -> i32 {
    (factor * 65536.0).round() as i32
}

#[cfg(test)]
mod tests;
