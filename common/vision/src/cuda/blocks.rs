//! Coarse blocks over a set of samples: nothing brings back what was there.

use std::sync::Arc;

use cleanplate_types::picture::{PixelLayout, Rect};

use super::Device;
use super::args::{Kernel, PixelateArgs};
use super::error::CudaError;
use super::ffi::Memory;
use super::picture::DevicePicture;
use super::set::{DeviceSet, shifts};

/// Blocks across the shorter side of the bounds, and the sides of a block in luma samples: the engine's.
const BLOCKS_ACROSS: u32 = 6;
const SIDE_MIN: u32 = 12;
const SIDE_MAX: u32 = 96;

/// The blocks of one plane.
#[derive(Debug)]
pub struct Blocks {
    device: Arc<Device>,
    plane: u8,
    covered: DeviceSet,
    corner: (u32, u32),
    step: (u32, u32),
    columns: u32,
    sums: Memory<u64>,
    counts: Memory<u32>,
}

impl Blocks {
    /// Blocks over `covered`, which are samples of `plane`; they begin at the corner of `bounds`, in luma
    /// samples.
    ///
    /// # Errors
    /// [`CudaError::Shape`] where the set begins before the bounds, and what the driver says.
    pub fn new(
        device: &Arc<Device>,
        (layout, plane): (&PixelLayout, u8),
        covered: DeviceSet,
        bounds: Rect,
    ) -> Result<Self, CudaError> {
        let (right, down) = shifts(layout, plane);
        let side = (bounds.width.min(bounds.height) / BLOCKS_ACROSS).clamp(SIDE_MIN, SIDE_MAX);
        let step = ((side >> right).max(1), (side >> down).max(1));
        let corner = (bounds.x >> right, bounds.y >> down);
        let area = covered.area();
        if area.left < corner.0 || area.top < corner.1 {
            return Err(CudaError::Shape("the covered samples begin where the bounds do"));
        }
        let columns = (area.left + area.width - corner.0).div_ceil(step.0);
        let rows = (area.top + area.height - corner.1).div_ceil(step.1);
        let count = columns as usize * rows as usize;
        let queue = device.queue();
        let (sums, counts) = (queue.zeros(count)?, queue.zeros(count)?);
        let device = Arc::clone(device);
        Ok(Self { device, plane, covered, corner, step, columns, sums, counts })
    }

    /// Puts the blocks over a picture.
    ///
    /// # Errors
    /// [`CudaError::Shape`] where the picture has no such plane, and what the driver says.
    pub fn apply(&mut self, picture: &DevicePicture) -> Result<(), CudaError> {
        let queue = self.device.queue();
        queue.clear(&mut self.sums)?;
        queue.clear(&mut self.counts)?;
        let args = PixelateArgs {
            plane: picture.plane(self.plane)?,
            covered: self.covered.raw(),
            sums: self.sums.address(),
            counts: self.counts.address(),
            left: self.corner.0,
            top: self.corner.1,
            step_x: self.step.0,
            step_y: self.step.1,
            columns: self.columns,
        };
        let area = self.covered.area();
        if area.left + area.width > args.plane.width || area.top + area.height > args.plane.height {
            return Err(CudaError::Shape("the blocks lie outside the picture"));
        }
        queue.launch(Kernel::PixelateSum, &args, (area.width, area.height))?;
        queue.launch(Kernel::PixelateWrite, &args, (area.width, area.height))
    }
}
