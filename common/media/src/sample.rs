//! Shows single frames of a source, decoding as little as possible.

use std::sync::Arc;

use cleanplate_types::access::ReadAt;
use cleanplate_types::frames::FrameTable;
use cleanplate_types::source::SourceDescription;

use crate::decode::Fallback;
use crate::error::MediaError;
use crate::frame::VideoFrame;

/// How to decode the wanted frames.
#[derive(Debug, Clone, Copy, Default)]
pub struct SampleOrder {
    /// Threads of the decoder.
    pub threads: u32,
    /// CUDA ordinal of the card to decode on.
    pub card: Option<u32>,
    /// Take damaged pictures as the decoder shows them.
    pub conceal: bool,
}

/// Shows the `wanted` frames (rising indices) to `look`.
///
/// # Errors
/// To come.
#[expect(clippy::too_many_arguments, reason = "the source's four, and what to do with it")]
pub fn sample(
    source: Arc<dyn ReadAt>,
    name_hint: &str,
    description: &SourceDescription,
    table: Arc<FrameTable>,
    wanted: &[u64],
    order: &SampleOrder,
    look: &mut dyn FnMut(u64, &VideoFrame) -> Result<(), MediaError>,
) -> Result<Vec<Fallback>, MediaError> {
    drop((source, table));
    let _unused = look;
    Err(MediaError::Internal(format!("no frames yet: {name_hint} {description:?} {wanted:?} {order:?}")))
}
