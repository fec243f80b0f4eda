//! A picture of a source to look at before there is a job: what the process that makes it is asked, and what it answers.

use serde::{Deserialize, Serialize};

use crate::limits::SourceLimits;

/// The name of the source between the two processes.
pub const SOURCE: &str = "source";

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GlimpseAsk {
    /// The last part of the source's path or URL.
    pub name_hint: String,
    /// What the source may be.
    pub limits: SourceLimits,
    /// Samples in a row and in a column of the picture at most.
    pub side_max: u32,
}

/// Bytes of the picture that are told at a time, as events, before the answer: more than one message between two
/// processes may hold is there in a picture with grain.
pub const PIECE_BYTES: usize = 512 << 10;

/// What is answered. The picture itself, one of the video's frames as a PNG file, came before in pieces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Glimpse {
    /// Width of the video, in samples.
    pub width: u32,
    /// Its height.
    pub height: u32,
}
