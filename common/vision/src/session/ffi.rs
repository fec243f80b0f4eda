//! What ONNX Runtime is told of a card: the stream that it works on, and a tensor that lies there.
//!
//! Owns the two promises behind it: the stream outlives the session, the tensor outlives the call. Binding an input
//! is refused: in `ort` 2.0.0-rc.15 `IoBinding::bind_input` of such a tensor waits for itself for ever, and a run
//! takes it as it is.
#![expect(unsafe_code, reason = "streams and memory of a card are told by their addresses")]

use std::ffi::c_void;
use std::ptr;

use ort::ep::CUDA;
use ort::memory::{AllocationDevice, AllocatorType, MemoryInfo, MemoryType};
use ort::session::SessionInputValue;
use ort::value::{PrimitiveTensorElementType, Shape, TensorRefMut};

use crate::cuda::{Device, DeviceTensor, Number};

/// Has the provider work on `card`'s stream. Whoever opens a session by it keeps `card` until the session is gone.
pub(super) fn on_stream(provider: CUDA, card: &Device) -> CUDA {
    let stream = ptr::with_exposed_provenance_mut(card.handles().stream);
    // SAFETY: the stream is the card's, and `Network` drops its session before the card that it keeps.
    unsafe { provider.with_compute_stream(stream) }
}

/// `tensor` as an input. `index` is the card's place for CUDA; nothing for memory of the host, as a driver made for
/// tests gives it.
pub(super) fn input(
    tensor: &mut DeviceTensor,
    index: Option<u32>,
) -> ort::Result<SessionInputValue<'_>> {
    match tensor.number() {
        Number::Single => view::<f32>(tensor, index),
        Number::Half => view::<half::f16>(tensor, index),
    }
}

fn view<T: PrimitiveTensorElementType + std::fmt::Debug>(
    tensor: &mut DeviceTensor,
    index: Option<u32>,
) -> ort::Result<SessionInputValue<'_>> {
    let (device, at) = match index {
        Some(index) => (AllocationDevice::CUDA, i32::try_from(index).unwrap_or(i32::MAX)),
        None => (AllocationDevice::CPU, 0),
    };
    let memory = MemoryInfo::new(device, at, AllocatorType::Device, MemoryType::Default)?;
    let address = usize::try_from(tensor.address());
    let address =
        address.map_err(|_large| ort::Error::new("a tensor lies beyond all addresses"))?;
    let data = ptr::with_exposed_provenance_mut::<c_void>(address);
    let shape = tensor.shape().map(i64::from);
    // SAFETY: so many values of that kind lie there as long as the tensor, which is borrowed for as long as the value
    // is; it is in that device's memory, which the caller knows by whom it opened.
    let view = unsafe { TensorRefMut::<T>::from_raw(memory, data, Shape::from(shape)) }?;
    Ok(view.into())
}
