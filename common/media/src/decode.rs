//! Decodes a range of frames.

mod ffi;

use std::sync::Arc;

use cleanplate_types::access::ReadAt;
use cleanplate_types::frames::{FrameRange, FrameTable};
use cleanplate_types::source::SourceDescription;

use crate::error::MediaError;
use crate::frame::VideoFrame;

/// What to decode, and how.
#[derive(Debug, Clone)]
pub struct DecodeOrder {
    /// Frames to show.
    pub range: FrameRange,
    /// Threads of the decoder.
    pub threads: u32,
    /// CUDA ordinal of the card to decode on.
    pub card: Option<u32>,
    /// Take damaged pictures as the decoder shows them.
    pub conceal: bool,
}

/// A way that was left for another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fallback {
    /// From what to what, such as `nvdec -> software`.
    pub what: String,
    /// Why, in the library's own words.
    pub message: String,
}

/// Decodes one range.
#[derive(Debug)]
pub struct Decoder {
    order: DecodeOrder,
}

impl Decoder {
    /// Opens the source.
    ///
    /// # Errors
    /// To come.
    pub fn open(
        source: Arc<dyn ReadAt>,
        name_hint: &str,
        description: &SourceDescription,
        table: Arc<FrameTable>,
        order: DecodeOrder,
    ) -> Result<Self, MediaError> {
        drop((source, table));
        tracing::trace!(name_hint, ?description, "not yet");
        Ok(Self { order })
    }

    /// The next frame, with its index in the table.
    ///
    /// # Errors
    /// To come.
    #[expect(clippy::should_implement_trait, reason = "it fails, and lends nothing")]
    pub fn next(&mut self) -> Result<Option<(u64, VideoFrame)>, MediaError> {
        Err(MediaError::Internal(format!("no frames yet: {:?}", self.order)))
    }

    /// Fallbacks since the last call.
    pub fn take_fallbacks(&mut self) -> Vec<Fallback> {
        Vec::new()
    }

    /// How it decodes, for the trail.
    #[must_use]
    pub fn way(&self) -> String {
        String::new()
    }

    /// Frames decoded so far, with pre-roll.
    #[must_use]
    pub const fn frames_decoded(&self) -> u64 {
        0
    }
}
