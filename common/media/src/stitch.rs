//! Joins parts into the movie: video by stream copy, everything else from the source, once.
//!
//! Owns the movie's clock: decoding timestamps come from the frame table by one rule. Refuses to decode,
//! and refuses parts that are not what their manifests say.

use std::sync::Arc;

use cleanplate_types::access::{PartSink, ReadAt};
use cleanplate_types::brief::JobBrief;
use cleanplate_types::frames::FrameTable;
use cleanplate_types::ids::CellIndex;
use cleanplate_types::part::PartManifest;

use crate::error::MediaError;

/// What is to be stitched.
pub struct StitchJob<'a> {
    /// The job's plan.
    pub brief: &'a JobBrief,
    /// The job's frames.
    pub table: &'a FrameTable,
    /// The source's bytes.
    pub source: Arc<dyn ReadAt>,
    /// The output's name: its extension chooses the container.
    pub output_name: &'a str,
    /// Whether what the container cannot hold may be left out.
    pub allow_metadata_loss: bool,
    /// This program's version, for the movie's metadata.
    pub version: &'a str,
}

/// One part, ready to be copied.
pub struct StitchPart {
    /// What it says of itself.
    pub manifest: PartManifest,
    /// Its packets' bytes.
    pub bytes: Arc<dyn ReadAt>,
}

/// The parts in order, as they become ready.
pub trait Parts {
    /// Waits until the next part is there; nothing after the last.
    ///
    /// # Errors
    /// Whatever kept it from coming.
    fn next(&mut self) -> Result<Option<StitchPart>, MediaError>;
}

/// A movie that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stitched {
    /// Its size in bytes.
    pub bytes: u64,
    /// What is different from the source beside the video, in words.
    pub notes: Vec<String>,
}

/// Why there is no movie.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct StitchError {
    /// The cell whose part is at fault, where one is.
    pub cell: Option<CellIndex>,
    /// What went wrong.
    #[source]
    pub error: MediaError,
}

/// Joins the parts into the movie.
///
/// `progress` is called with the number of frames written.
///
/// # Errors
/// [`StitchError`].
pub fn stitch(
    _job: StitchJob<'_>,
    _parts: &mut dyn Parts,
    _sink: Box<dyn PartSink>,
    _progress: &mut dyn FnMut(u64),
) -> Result<Stitched, StitchError> {
    Err(StitchError { cell: None, error: MediaError::Internal("not yet".to_owned()) })
}

/// Copies all streams of the source into the output, with a note of `why` in its metadata.
///
/// # Errors
/// [`MediaError`].
pub fn copy_through(
    _source: Arc<dyn ReadAt>,
    _source_name: &str,
    _output_name: &str,
    _why: &str,
    _version: &str,
    _sink: Box<dyn PartSink>,
) -> Result<Stitched, MediaError> {
    Err(MediaError::Internal("not yet".to_owned()))
}
