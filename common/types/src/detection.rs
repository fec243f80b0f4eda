//! What a detector saw in sampled frames: places, with what they show.
//!
//! Owns the nouns that pass between models and the engine. Refuses to join or judge them.

use serde::{Deserialize, Serialize};

use crate::overlay::{Mask, OverlayOrigin};
use crate::picture::Rect;

/// What a detection shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DetectionKind {
    /// Writing.
    Text,
    /// A face.
    Face,
    /// A number plate.
    Plate,
    /// Anything else that a model was made for: a logo, a mark.
    Object,
}

impl DetectionKind {
    /// Whether it is a person's business that it is hidden: then a miss is worse than too much.
    #[must_use]
    pub const fn is_private(self) -> bool {
        match self {
            Self::Face | Self::Plate => true,
            Self::Text | Self::Object => false,
        }
    }

    /// How an overlay of this kind became known.
    #[must_use]
    pub const fn origin(self) -> OverlayOrigin {
        match self {
            Self::Text => OverlayOrigin::Text,
            Self::Face => OverlayOrigin::Face,
            Self::Plate => OverlayOrigin::Plate,
            Self::Object => OverlayOrigin::Object,
        }
    }
}

/// One thing that a detector saw in a frame.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Detection {
    /// What it shows.
    pub kind: DetectionKind,
    /// Where it is, in luma samples of the frame as it is coded.
    pub bounds: Rect,
    /// How sure the detector is, of 1000.
    pub score: u16,
    /// The samples of `bounds` that it covers, where the detector tells more than a rectangle.
    pub mask: Option<Mask>,
}

/// What detectors saw in one frame; a frame in which they saw nothing is told too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The frame.
    pub frame: u64,
    /// What was seen, in any order.
    pub detections: Vec<Detection>,
}
