//! What went wrong, where, to whom, and whose fault it is.
//!
//! A failure that reaches a person names stage, frames, worker and attempt, and says what to do.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::frames::FrameRange;
use crate::ids::{LeaseId, WorkerId};

/// The step of the flow in which something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Stage {
    /// Finding out what the source is.
    Intake,
    /// Looking for overlays.
    Analyse,
    /// Cutting cells, choosing the encoder.
    Plan,
    /// Reading the source's bytes.
    Fetch,
    /// Decoding.
    Decode,
    /// Making masks.
    Detect,
    /// Filling.
    Fill,
    /// Encoding.
    Encode,
    /// Putting parts into the store.
    Upload,
    /// Checking a part against the plan.
    Commit,
    /// Joining the parts.
    Stitch,
    /// Giving the movie its final name.
    Publish,
}

impl Stage {
    /// Every stage, in the order of the flow.
    pub const ALL: [Self; 12] = [
        Self::Intake,
        Self::Analyse,
        Self::Plan,
        Self::Fetch,
        Self::Decode,
        Self::Detect,
        Self::Fill,
        Self::Encode,
        Self::Upload,
        Self::Commit,
        Self::Stitch,
        Self::Publish,
    ];

    /// Its name in logs, on the wire and in `--json`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intake => "intake",
            Self::Analyse => "analyse",
            Self::Plan => "plan",
            Self::Fetch => "fetch",
            Self::Decode => "decode",
            Self::Detect => "detect",
            Self::Fill => "fill",
            Self::Encode => "encode",
            Self::Upload => "upload",
            Self::Commit => "commit",
            Self::Stitch => "stitch",
            Self::Publish => "publish",
        }
    }

    /// Takes a stage's name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == text)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The kind of a failure: decides who tries again, and the exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FailureKind {
    /// The source cannot be processed, whoever tries (not a video, no frames, damaged, refused).
    BadInput,
    /// What was asked for makes no sense for this source (a region outside the picture, a
    /// container that cannot hold the streams).
    BadRequest,
    /// The source could not be read now (store or network).
    SourceUnavailable,
    /// The source is not the one that intake saw.
    SourceChanged,
    /// The decoder showed other frames than the table says.
    TableMismatch,
    /// The store would not take an object.
    StoreUnavailable,
    /// This worker lacks something (disk full, no encoder session, card lost).
    WorkerLacks,
    /// An encoder that was proved failed to open or to encode.
    EncoderFailed,
    /// The child process that did the work died.
    EngineCrashed,
    /// The child process that did the work made no progress.
    EngineHung,
    /// A part does not fit the plan.
    PartRefused,
    /// The lease was not renewed in time.
    LeaseLapsed,
    /// The output cannot be written.
    OutputUnwritable,
    /// Cancelled by a person.
    Cancelled,
    /// A bug: a state that should not exist.
    Internal,
    /// Two workers decode the frame at the border of their segments differently, however early they
    /// begin.
    SeamMismatch,
    /// Another decoding of a part's frames gives other pictures.
    AuditMismatch,
    /// The movie does not read back as it was written.
    OutputWrong,
    /// An object that the store had taken is gone from it, or is another one.
    ObjectLost,
    /// The source, the job or what is made of it is more than a limit allows (`limits.rs`).
    OverLimit,
}

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Try again, on another worker where there is one; counts against the piece of work.
    Retry,
    /// Try again elsewhere; the piece of work is not to blame.
    RetryElsewhere,
    /// Make the frame table again by decoding.
    Retable,
    /// The job fails.
    FailJob,
}

impl FailureKind {
    /// Every kind.
    pub const ALL: [Self; 20] = [
        Self::BadInput,
        Self::BadRequest,
        Self::SourceUnavailable,
        Self::SourceChanged,
        Self::TableMismatch,
        Self::StoreUnavailable,
        Self::WorkerLacks,
        Self::EncoderFailed,
        Self::EngineCrashed,
        Self::EngineHung,
        Self::PartRefused,
        Self::LeaseLapsed,
        Self::OutputUnwritable,
        Self::Cancelled,
        Self::Internal,
        Self::SeamMismatch,
        Self::AuditMismatch,
        Self::OutputWrong,
        Self::ObjectLost,
        Self::OverLimit,
    ];

    /// Its name in logs, on the wire and in `--json`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadInput => "bad_input",
            Self::BadRequest => "bad_request",
            Self::SourceUnavailable => "source_unavailable",
            Self::SourceChanged => "source_changed",
            Self::TableMismatch => "table_mismatch",
            Self::StoreUnavailable => "store_unavailable",
            Self::WorkerLacks => "worker_lacks",
            Self::EncoderFailed => "encoder_failed",
            Self::EngineCrashed => "engine_crashed",
            Self::EngineHung => "engine_hung",
            Self::PartRefused => "part_refused",
            Self::LeaseLapsed => "lease_lapsed",
            Self::OutputUnwritable => "output_unwritable",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
            Self::SeamMismatch => "seam_mismatch",
            Self::AuditMismatch => "audit_mismatch",
            Self::OutputWrong => "output_wrong",
            Self::ObjectLost => "object_lost",
            Self::OverLimit => "over_limit",
        }
    }

    /// Takes a kind's name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whose fault it is, and so what to do.
    #[must_use]
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::BadInput
            | Self::BadRequest
            | Self::SourceChanged
            | Self::OutputUnwritable
            | Self::Cancelled
            | Self::Internal
            | Self::SeamMismatch
            | Self::OutputWrong
            | Self::OverLimit => Verdict::FailJob,
            Self::TableMismatch => Verdict::Retable,
            Self::SourceUnavailable
            | Self::StoreUnavailable
            | Self::ObjectLost
            | Self::EncoderFailed
            | Self::EngineCrashed
            | Self::EngineHung
            | Self::PartRefused
            | Self::AuditMismatch => Verdict::Retry,
            Self::WorkerLacks | Self::LeaseLapsed => Verdict::RetryElsewhere,
        }
    }

    /// The exit status of a command whose job ended so.
    #[must_use]
    pub const fn exit_status(self) -> u8 {
        match self {
            Self::BadRequest => 2,
            Self::BadInput | Self::OverLimit => 3,
            Self::WorkerLacks | Self::EncoderFailed => 4,
            Self::Cancelled => 6,
            Self::SourceUnavailable
            | Self::SourceChanged
            | Self::TableMismatch
            | Self::StoreUnavailable
            | Self::ObjectLost
            | Self::EngineCrashed
            | Self::EngineHung
            | Self::PartRefused
            | Self::LeaseLapsed
            | Self::OutputUnwritable
            | Self::Internal
            | Self::SeamMismatch
            | Self::AuditMismatch
            | Self::OutputWrong => 1,
        }
    }
}

/// One failure, complete enough to act on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind it is.
    pub kind: FailureKind,
    /// In which stage.
    pub stage: Stage,
    /// What happened, with the library's own words and the remedy where there is one: lowercase,
    /// no full stop.
    pub message: String,
    /// The frames that it concerns, where known.
    pub frames: Option<FrameRange>,
    /// The worker that saw it, where one did.
    pub worker: Option<WorkerId>,
    /// The lease under which it happened, where there was one.
    pub lease: Option<LeaseId>,
    /// Which attempt at the piece of work it was, from 1; 0 where that has no meaning.
    pub attempt: u32,
}

impl Failure {
    /// A failure of `kind` in `stage`; whom and where it concerns is added by those who know.
    #[must_use]
    pub fn new(kind: FailureKind, stage: Stage, message: impl Into<String>) -> Self {
        Self {
            kind,
            stage,
            message: message.into(),
            frames: None,
            worker: None,
            lease: None,
            attempt: 0,
        }
    }

    /// The same failure, concerning `frames`.
    #[must_use]
    pub const fn at(mut self, frames: FrameRange) -> Self {
        self.frames = Some(frames);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.stage, self.message)?;
        let mut notes = Vec::new();
        if let Some(frames) = self.frames {
            notes.push(format!("frames {frames}"));
        }
        if let Some(worker) = &self.worker {
            notes.push(format!("worker {worker}"));
        }
        if self.attempt > 0 {
            notes.push(format!("attempt {}", self.attempt));
        }
        if notes.is_empty() { Ok(()) } else { write!(formatter, " ({})", notes.join(", ")) }
    }
}

impl std::error::Error for Failure {}
