//! The card's half of the engine: pictures in its memory, and the kernels that work on them there.
//!
//! Owns the device layer over the CUDA driver (found at run time; without it every call is an error in
//! words), the committed PTX, and one typed function for each thing that kernels do. Refuses decisions:
//! what is removed, and where, is the plan's; how many frames fit is who asks [`Device::memory`].
//!
//! Every kernel gives the bits of the engine on CPUs (`cleanplate_plate`): the same arithmetic in the
//! same order, no contracted multiplications, sums whose order matters in one place, all others of whole
//! numbers. `tests/cuda` holds them to it, with the same sources compiled for the CPU behind a driver
//! made for the test, and `make gpu-check` on a real card.
//!
//! One [`Device`] is one card, its primary context and one stream. All work goes to that stream in order;
//! FFmpeg and ONNX Runtime are given the same ([`Device::handles`]), so that nothing waits for anything.
//! Memory holds what it needs of the context, and is given back in the stream's order: it may be dropped
//! while kernels that use it are under way.

mod args;
mod background;
mod blocks;
mod device;
mod edges;
mod error;
mod ffi;
mod grids;
mod hole;
mod inversion;
mod parts;
mod picture;
mod ring;
mod set;
mod tensor;

pub use background::{Affine, BackgroundPicture, Laid, Lay, PlaneGround};
pub use blocks::Blocks;
pub use device::{Device, DeviceCard, Handles, Memory, is_driver_there};
pub use error::CudaError;
pub use ffi::StoredPlane;
pub use hole::{Hole, HoleSite};
pub use inversion::{Inversion, MatteSource, PlaneSource, SampleOrigin};
pub use picture::{DevicePicture, Packing};
pub use set::{Area, DeviceSet, Join, Outline};
pub use tensor::{DeviceTensor, Number, TensorPlace, TensorRange};
