//! A frame of the card as kernels look at it.
//!
//! Owns the one promise between the two that share a card: libav's frame holds its memory, and no more than
//! kernels are told of. Refuses to let the look outlive the frame.
#![expect(unsafe_code, reason = "what libav holds on the card is told to kernels by its address")]

use std::sync::Arc;

use cleanplate_media::device::DeviceFrame;
use cleanplate_types::picture::PixelLayout;
use cleanplate_vision::cuda::{CudaError, Device, DevicePicture, Packing, StoredPlane};

/// Calls `work` with `frame`, which is one of the context that `device` opened, as a picture.
pub(super) fn over<R>(
    device: &Arc<Device>,
    frame: &mut DeviceFrame,
    (layout, size): (&PixelLayout, (u32, u32)),
    work: impl FnOnce(&DevicePicture) -> R,
) -> Result<R, CudaError> {
    if frame.shape() != (layout, size) {
        return Err(CudaError::Shape("the frame on the card is not of the segment's shape"));
    }
    let stored = frame.places().map(|(address, pitch)| {
        // SAFETY: the frame is borrowed alone until `work` has returned, and has the rows of an even picture of
        // its shape, which is the one that was asked for. Memory that is given back to the pool later is
        // written by libav on the same stream, after what was launched here.
        unsafe { StoredPlane::new(address, pitch) }
    });
    let picture = DevicePicture::borrow(device, layout, size, (Packing::Interleaved, &stored))?;
    Ok(work(&picture))
}
