//! How a job ends.

use cleanplate_types::failure::{Failure, FailureKind};
use cleanplate_types::object::ObjectRef;
use serde::{Deserialize, Serialize};

/// The end of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobOutcome {
    /// The movie is published.
    Done(Published),
    /// There was nothing to remove (or nothing could be told, and the user allows that): the
    /// output is a stream copy of the source.
    Copied {
        /// Why nothing was removed.
        why: CopyReason,
        /// What was published.
        published: Published,
    },
    /// The detector found no evidence either way; nothing was written.
    Abstained {
        /// Why, in a clause that fits after "the detector abstained: ".
        why: String,
    },
    /// It failed.
    Failed(Box<Failure>),
    /// A person cancelled it.
    Cancelled,
    /// What would come out was shown, and no more was asked for; nothing was there to show where nothing
    /// would be removed.
    Previewed(Option<ObjectRef>),
}

/// Why the output is a stream copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CopyReason {
    /// The evidence says that there is nothing to remove.
    NothingFound,
    /// The detector abstained, and `--allow-unchanged` was given.
    Abstained {
        /// Why it abstained.
        why: String,
    },
}

/// What was published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Size of the output in bytes.
    pub bytes: u64,
    /// Remarks for the user: metadata that was lost, streams that were left out.
    pub notes: Vec<String>,
}

impl JobOutcome {
    /// The name of every outcome.
    pub const NAMES: [&str; 6] =
        ["done", "copied", "previewed", "abstained", "failed", "cancelled"];

    /// The exit status of a command that waited for this job.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::Done(_) | Self::Copied { .. } | Self::Previewed(_) => 0,
            Self::Abstained { .. } => 5,
            Self::Failed(failure) => failure.kind.exit_status(),
            Self::Cancelled => FailureKind::Cancelled.exit_status(),
        }
    }

    /// Its name in logs, on the wire and in `--json`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Done(_) => "done",
            Self::Copied { .. } => "copied",
            Self::Previewed(_) => "previewed",
            Self::Abstained { .. } => "abstained",
            Self::Failed(_) => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}
