//! Encode cells and segments: how a job's frames are divided, once, and handed out, many ways.

use serde::{Deserialize, Serialize};

use crate::digest::PtsDigest;
use crate::frames::{EntryKind, FrameRange};
use crate::ids::CellIndex;
use crate::time::Pts;

/// A fixed range of frames over which the encoder is not reset.
///
/// Fixed at planning from the frame table alone, so that the movie's bytes do not depend on who
/// computed what (invariant 3). Every cell starts with an IDR in the output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// Its place in the job.
    pub index: CellIndex,
    /// Its displayed frames; never empty.
    pub frames: FrameRange,
    /// Timestamp of its first frame.
    pub first_pts: Pts,
    /// Timestamp of its last frame.
    pub last_pts: Pts,
    /// The digest of all its timestamps: what a part must show to be accepted.
    pub digest: PtsDigest,
    /// The kind of source entry at its first frame; `None` where decoding must start before it.
    pub entry: Option<EntryKind>,
}

/// A run of whole cells under one lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Segment {
    /// The first cell.
    pub first: CellIndex,
    /// Number of cells; at least 1.
    pub cells: u32,
    /// The frames of all of them.
    pub frames: FrameRange,
}

impl Segment {
    /// The cells, in order.
    pub fn indices(self) -> impl Iterator<Item = CellIndex> {
        (self.first.0..self.first.0 + self.cells).map(CellIndex)
    }

    /// Whether `cell` is one of them.
    #[must_use]
    pub const fn holds(self, cell: CellIndex) -> bool {
        self.first.0 <= cell.0 && cell.0 < self.first.0 + self.cells
    }
}
