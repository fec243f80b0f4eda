//! Frames by number: ranges of displayed frames, and the table that gives each its timestamp.
//!
//! A frame's index is its place among the *displayed* frames, in display order, from 0. Packets,
//! coded pictures and fields are not frames (see [`FrameTable`]).

mod runs;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::PtsDigest;
use crate::time::{Pts, Timebase};

pub use runs::FRAMES_MAX;

/// Displayed frames from `start` up to but not including `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FrameRange {
    /// Index of the first frame.
    pub start: u64,
    /// Index after the last frame.
    pub end: u64,
}

impl FrameRange {
    /// The range; `end` before `start` is an empty range at `start`.
    #[must_use]
    pub const fn new(start: u64, end: u64) -> Self {
        Self { start, end: if end < start { start } else { end } }
    }

    /// Number of frames.
    #[must_use]
    pub const fn count(self) -> u64 {
        self.end - self.start
    }

    /// Whether there is no frame in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.end == self.start
    }

    /// Whether `index` is one of the frames.
    #[must_use]
    pub const fn contains(self, index: u64) -> bool {
        self.start <= index && index < self.end
    }

    /// The frames that are in both.
    #[must_use]
    pub fn intersect(self, other: Self) -> Self {
        Self::new(self.start.max(other.start), self.end.min(other.end))
    }
}

impl fmt::Display for FrameRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}..{}", self.start, self.end)
    }
}

/// How sure it is that decoding can start at a place and give every later picture right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryKind {
    /// An IDR picture (or a key frame of a codec without open GOPs): a free cut.
    Idr,
    /// A random access point that may be followed by leading pictures that refer to what was
    /// before it (open GOP, CRA), or a recovery point: a cut here needs pre-roll.
    Recovery,
    /// Flagged as a key frame by the container and by nothing else: a cut here needs pre-roll.
    Unknown,
}

/// A place in the source where a decoder can be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Index of the first displayed frame whose timestamp is at or after the entry's own.
    pub frame: u64,
    /// The entry's own timestamp.
    pub pts: Pts,
    /// The decoding timestamp of its packet, where the container has one.
    pub dts: Option<i64>,
    /// Byte position of its packet in the source, where the demuxer knows it.
    pub byte: Option<u64>,
    /// How free a cut here is.
    pub kind: EntryKind,
}

/// How the frame table was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TableOrigin {
    /// From packets: each packet is one displayed frame; the workers prove it when they decode.
    Packets,
    /// From the container's own index, of which each entry is one displayed frame; the workers prove
    /// it when they decode, and find out which entries are free cuts.
    Index,
    /// By decoding the whole source, because of the reason given.
    Decoded {
        /// Why packets could not be trusted, in words.
        reason: String,
    },
}

/// Every displayed frame of the source's video stream, in display order.
///
/// Made at intake, kept as an object in the store. `pts` rises strictly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameTable {
    /// The clock of all timestamps in the table: the source stream's own.
    pub timebase: Timebase,
    /// Timestamp of each displayed frame. Stored as runs of equal distances.
    #[serde(with = "runs")]
    pub pts: Vec<Pts>,
    /// How long the last frame is shown, in ticks; at least 1.
    pub last_duration: i64,
    /// Where decoding can start, in decode order; the first is the first of the source.
    pub entries: Vec<Entry>,
    /// How the table was made.
    pub origin: TableOrigin,
}

/// A table that breaks its own rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTable {
    /// There is nothing to do.
    #[error("the video stream has no frames")]
    Empty,
    /// Two frames at one instant, or time that runs backwards.
    #[error("frame {index} is at tick {this}, not after the frame before it at tick {before}")]
    NotRising {
        /// The later frame.
        index: u64,
        /// The timestamp of the frame before it.
        before: i64,
        /// Its own timestamp.
        this: i64,
    },
}

impl FrameTable {
    /// All frames.
    #[must_use]
    pub fn range(&self) -> FrameRange {
        FrameRange::new(0, self.pts.len() as u64)
    }

    /// The timestamps of `range`, which must lie inside the table.
    #[must_use]
    pub fn pts_of(&self, range: FrameRange) -> &[Pts] {
        let at = |index: u64| usize::try_from(index).unwrap_or(usize::MAX);
        &self.pts[at(range.start)..at(range.end)]
    }

    /// The digest of the timestamps of `range`, which must lie inside the table.
    #[must_use]
    pub fn digest_of(&self, range: FrameRange) -> PtsDigest {
        PtsDigest::of(self.pts_of(range))
    }

    /// Duration of the frame at `index` in ticks: up to the next frame, or `last_duration`.
    #[must_use]
    pub fn duration_of(&self, index: u64) -> i64 {
        let at = usize::try_from(index).unwrap_or(usize::MAX);
        match (self.pts.get(at), self.pts.get(at.saturating_add(1))) {
            (Some(this), Some(next)) => next.0 - this.0,
            _ => self.last_duration,
        }
    }

    /// Checks the rules that everything after intake relies on.
    ///
    /// # Errors
    /// [`BadTable`] names the first frame that breaks one.
    pub fn check(&self) -> Result<(), BadTable> {
        if self.pts.is_empty() {
            return Err(BadTable::Empty);
        }
        for (index, pair) in (1_u64..).zip(self.pts.windows(2)) {
            if pair[1] <= pair[0] {
                return Err(BadTable::NotRising { index, before: pair[0].0, this: pair[1].0 });
            }
        }
        Ok(())
    }
}
