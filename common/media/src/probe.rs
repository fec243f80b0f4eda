//! What a source is, learned from its head.

use cleanplate_types::source::SourceDescription;

use crate::error::MediaError;
use crate::input::Input;

/// Describes the source that `input` has open; its position afterwards is not defined.
///
/// # Errors
/// To come.
pub fn describe(input: &mut Input) -> Result<SourceDescription, MediaError> {
    Err(MediaError::Internal(format!("no description yet of {} bytes", input.size())))
}
