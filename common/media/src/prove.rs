//! Proves an encoder: opens it, encodes a few moving pictures, and looks at what comes out.
//!
//! Owns what an encoder must do before it is offered. Refuses to believe that a codec which is built in
//! also works: NVENC is built into every FFmpeg and opens on few machines.

use cleanplate_types::encode::{EncoderName, EncoderProof};

use crate::error::MediaError;

/// Encodes real test pictures with `name`, on `card` where it needs one.
///
/// # Errors
/// [`MediaError::NoEncoder`], [`MediaError::Encode`], [`MediaError::Unproved`].
pub fn prove(_name: EncoderName, _card: Option<u32>) -> Result<EncoderProof, MediaError> {
    Err(MediaError::Internal("not yet".to_owned()))
}
