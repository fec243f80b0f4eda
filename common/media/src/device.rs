//! Frames in a card's memory: the context they live in, the pool they come from, rectangles of them up and
//! down.
//!
//! Owns what libav needs to work in a CUDA context that somebody else opened, on that context's one stream,
//! and the bound on the frames that are held there. Refuses layouts that cards do not encode from (anything
//! but 4:2:0 of 8 or 10 bits), and to be the only place where a picture is: a frame of the host goes beside
//! each, since its hash is the proof that borders and audits rest on, and every fallback begins with it.
//!
//! The frames that NVDEC gives are never kept: in FFmpeg 5.1 they are the decoder's own surfaces, of which a
//! stream of many references leaves a handful. Each is copied on the card into a pool of ours at once.

mod error;
pub(crate) mod ffi;
mod frame;
mod packing;
mod pool;
#[cfg(test)]
mod tests;
mod tiles;

use std::any::Any;
use std::sync::Arc;

pub use error::CardError;
pub use frame::DeviceFrame;
pub use pool::DevicePool;

use crate::error::Words;
use crate::log;

/// A card's CUDA context and stream, as libav works in them.
///
/// The context is never libav's own, and never asked for by its flag for primary contexts: that one insists
/// on flags which others who opened the context before did not set.
pub struct CardContext {
    device: ffi::Device,
    name: String,
}

impl std::fmt::Debug for CardContext {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("CardContext").field("name", &self.name).finish_non_exhaustive()
    }
}

impl CardContext {
    /// Lets libav work in `context` (a `CUcontext`) on `stream` (a `CUstream`), both as numbers.
    ///
    /// `owner` is whoever opened them and would close them when dropped. It is kept until the last frame,
    /// decoder and encoder of this context are gone. The numbers must be those of `owner`: the driver looks
    /// at no context before it uses it. `name` is the card's, for errors.
    ///
    /// # Errors
    /// [`CardError::Context`] where libav has no CUDA, or the driver's library cannot be loaded.
    pub fn share(
        name: &str,
        (context, stream): (usize, usize),
        owner: Arc<dyn Any + Send + Sync>,
    ) -> Result<Arc<Self>, CardError> {
        log::install();
        drop(log::take());
        let device = ffi::Device::over(context, stream, owner);
        let device = device.map_err(|error| CardError::Context {
            card: name.to_owned(),
            words: Words::of(error),
        })?;
        Ok(Arc::new(Self { device, name: name.to_owned() }))
    }

    /// The card's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) const fn device(&self) -> &ffi::Device {
        &self.device
    }
}
