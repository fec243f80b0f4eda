//! Which container the movie goes into, and whether it can hold the movie exactly.
//!
//! Owns the list of containers that are written. Refuses, before any work, what a container would round
//! or lose.

use cleanplate_types::frames::FrameTable;
use cleanplate_types::source::SourceDescription;

use crate::error::MediaError;

/// The codec that the movie's video will have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputCodec {
    /// H.264.
    H264,
    /// HEVC.
    Hevc,
}

/// Checks that the container that `output_name` asks for can hold the movie; returns what will be
/// different, in words.
///
/// # Errors
/// [`MediaError::ContainerCannotHold`].
pub fn check(
    _description: &SourceDescription,
    _output_name: &str,
    _codec: OutputCodec,
    _allow_metadata_loss: bool,
) -> Result<Vec<String>, MediaError> {
    Err(MediaError::Internal("not yet".to_owned()))
}

/// Checks that the container holds each timestamp of `table` exactly.
///
/// # Errors
/// [`MediaError::ContainerCannotHold`].
pub fn check_times(
    _description: &SourceDescription,
    _output_name: &str,
    _table: &FrameTable,
) -> Result<(), MediaError> {
    Err(MediaError::Internal("not yet".to_owned()))
}
