//! Coarse blocks over a set of samples: each shows the mean of all that lay in it.
//!
//! How coarse is the engine's rule: by the size of what is hidden, and no block narrower than its least.

use std::sync::Arc;

use cleanplate_types::picture::{PixelLayout, Rect};

use super::Device;
use super::args::{Kernel, PixelateArgs};
use super::error::CudaError;
use super::ffi::Memory;
use super::picture::DevicePicture;
use super::set::{Area, DeviceSet, plane_area, shifts};

/// Blocks across the shorter side of the bounds and the longer one at most, and the smallest side of a
/// block in luma samples: the engine's.
const ACROSS_SHORT: u32 = 6;
const ACROSS_LONG: u32 = 8;
const SIDE_MIN: u32 = 12;

/// The blocks of one plane.
#[derive(Debug)]
pub struct Blocks {
    device: Arc<Device>,
    plane: u8,
    covered: DeviceSet,
    area: Area,
    columns: u32,
    rows: u32,
    sums: Memory<u64>,
}

impl Blocks {
    /// Blocks over `covered`, which are samples of `plane` of pictures of `size`; they share out `bounds`,
    /// in luma samples.
    ///
    /// # Errors
    /// What the driver says.
    pub fn new(
        device: &Arc<Device>,
        (layout, size, plane): (&PixelLayout, (u32, u32), u8),
        covered: DeviceSet,
        bounds: Rect,
    ) -> Result<Self, CudaError> {
        let (right, down) = shifts(layout, plane);
        let (short, long) = (bounds.width.min(bounds.height), bounds.width.max(bounds.height));
        let side = short.div_ceil(ACROSS_SHORT).max(long.div_ceil(ACROSS_LONG)).max(SIDE_MIN);
        let area = plane_area((layout, size), plane, bounds);
        let columns = (area.width / (side >> right).max(1)).max(1);
        let rows = (area.height / (side >> down).max(1)).max(1);
        let sums = device.queue().zeros(columns as usize * rows as usize)?;
        Ok(Self { device: Arc::clone(device), plane, covered, area, columns, rows, sums })
    }

    /// Puts the blocks over a picture.
    ///
    /// # Errors
    /// [`CudaError::Shape`] where the picture has no such plane, and what the driver says.
    pub fn apply(&mut self, picture: &DevicePicture) -> Result<(), CudaError> {
        let queue = self.device.queue();
        queue.clear(&mut self.sums)?;
        let area = self.area;
        let args = PixelateArgs {
            plane: picture.plane(self.plane)?,
            covered: self.covered.raw(),
            sums: self.sums.address(),
            left: area.left,
            top: area.top,
            width: area.width,
            height: area.height,
            columns: self.columns,
            rows: self.rows,
        };
        if area.left + area.width > args.plane.width || area.top + area.height > args.plane.height {
            return Err(CudaError::Shape("the blocks lie outside the picture"));
        }
        queue.launch(Kernel::PixelateSum, &args, (area.width, area.height))?;
        queue.launch(Kernel::PixelateWrite, &args, (area.width, area.height))
    }
}
