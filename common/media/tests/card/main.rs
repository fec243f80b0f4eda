//! Frames on a card without one: libav's own CUDA code over a driver made for the test, whose memory is the
//! host's and whose copies happen late.
//!
//! What this shows: packing and regions are exact, copies are waited for, nothing crosses that need not,
//! context and memory are given back in order, what is refused is refused in words. It shows nothing of NVDEC
//! or NVENC, which have libraries of their own that no test here has.
#![expect(clippy::unwrap_used, reason = "everything here is a test, or what a test is made of")]

mod driver;
mod falling;
mod frames;
mod owning;
mod picture;

use std::any::Any;
use std::sync::Arc;

use cleanplate_media::device::{CardContext, CardError};

/// The card of the driver, with nobody in particular as its owner.
fn card() -> Arc<CardContext> {
    shared(Arc::new(())).expect("the driver of the test is found")
}

/// The card of the driver, as `owner`'s.
fn shared(owner: Arc<dyn Any + Send + Sync>) -> Result<Arc<CardContext>, CardError> {
    CardContext::share("the test's card", driver::HANDLES, owner)
}
