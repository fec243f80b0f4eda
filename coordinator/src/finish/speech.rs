//! What the coordinator and its stitch child say to each other; both are the same program.
//!
//! The child knows names only: [`SOURCE`], [`BRIEF`], [`TABLE`], [`REST`], the manifest and the part of the cell
//! that it was told of last, and [`MOVIE`], which it writes.

use cleanplate_types::failure::Failure;
use cleanplate_types::ids::CellIndex;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The source, for reading.
pub(super) const SOURCE: &str = "source";
/// The job's brief object.
pub(super) const BRIEF: &str = "brief";
/// The frame table object.
pub(super) const TABLE: &str = "table";
/// The packets of the source's other streams, where intake kept them.
pub(super) const REST: &str = "rest";
/// The movie, for writing.
pub(super) const MOVIE: &str = "movie";

/// The name of a cell's manifest object.
pub(super) fn manifest(cell: CellIndex) -> String {
    format!("manifest/{cell}")
}

/// The name of a cell's part object.
pub(super) fn part(cell: CellIndex) -> String {
    format!("part/{cell}")
}

/// What the child is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Request {
    /// Join the parts, which are asked for by [`Question::NextPart`].
    Stitch {
        /// The output's file name: its ending names the container.
        output_name: String,
        /// Accept that metadata which cannot be carried is lost.
        allow_metadata_loss: bool,
        /// Leave damaged packets out where the container cannot hold them.
        conceal: bool,
    },
    /// Copy the source's streams.
    Copy {
        /// The source's file name.
        source_name: String,
        /// The output's file name.
        output_name: String,
        /// Why it is a copy.
        why: String,
        /// Leave damaged packets out where the container cannot hold them; those of the video never are.
        conceal: bool,
    },
}

/// What the child asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Question {
    /// The next cell whose part is there, as an `Option<CellIndex>`; none after the last.
    NextPart,
}

/// How the child's work ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Ended {
    /// The movie is written.
    Done {
        /// Its size in bytes.
        bytes: u64,
        /// Remarks for the user.
        notes: Vec<String>,
        /// What was read back of it, in words.
        checked: String,
    },
    /// It cannot be written.
    Failed {
        /// The cell whose part is the reason.
        cell: Option<CellIndex>,
        /// What happened.
        failure: Failure,
    },
}

/// Bytes for the other side.
pub(super) fn encode<T: Serialize>(value: &T) -> std::io::Result<Vec<u8>> {
    postcard::to_stdvec(value).map_err(std::io::Error::other)
}

/// A value from the other side.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> std::io::Result<T> {
    postcard::from_bytes(bytes).map_err(std::io::Error::other)
}
