//! The trail of an attempt: what happened, in order, with times, counts and the libraries' words.

use serde::{Deserialize, Serialize};

use crate::failure::Stage;

/// One line of a trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailEntry {
    /// Milliseconds since the attempt began.
    pub at_ms: u64,
    /// In which stage.
    pub stage: Stage,
    /// What happened.
    pub event: TrailEvent,
    /// Details for people: the library's message, a specification, a reason.
    pub detail: String,
    /// How many (frames, bytes, batches), where the event counts something.
    pub count: Option<u64>,
}

/// What a line of a trail says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TrailEvent {
    /// The stage began; the detail names what was opened and its specification.
    Started,
    /// The stage ended; the count says how much it did, the detail how.
    Finished,
    /// Something was tried and given up for another way: type and message in the detail.
    Fallback,
    /// The stage failed.
    Failed,
}

impl TrailEvent {
    /// Every event.
    pub const ALL: [Self; 4] = [Self::Started, Self::Finished, Self::Fallback, Self::Failed];

    /// Its name in logs, on the wire and in `--json`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Finished => "finished",
            Self::Fallback => "fallback",
            Self::Failed => "failed",
        }
    }

    /// Takes an event's name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == text)
    }
}
