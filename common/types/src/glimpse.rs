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
    /// Samples in a row of the picture at most.
    pub width_max: u32,
}

/// The picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Glimpse {
    /// Width of the video, in samples.
    pub width: u32,
    /// Its height.
    pub height: u32,
    /// One of its frames as a PNG file; smaller than the video where that is wider than was asked for.
    pub png: Vec<u8>,
}
