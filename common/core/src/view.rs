//! What people and clients see of the scheduler: borrowed, cheap, no cell is copied.

use std::fmt;

use cleanplate_types::encode::{EncodeSpec, EncoderName, EncoderProof};
use cleanplate_types::failure::Failure;
use cleanplate_types::ids::{JobId, LeaseId, WorkerId};
use cleanplate_types::model::WorkerModels;
use cleanplate_types::object::ObjectRef;
use cleanplate_types::overlay::{Look, OverlayPlan};
use cleanplate_types::part::Restored;
use cleanplate_types::request::JobRequest;
use cleanplate_types::source::SourceDescription;
use cleanplate_types::tier::Card;
use cleanplate_types::time::Tick;

use crate::outcome::JobOutcome;
use crate::record::Piece;

/// Where a job stands.
#[derive(Debug, Clone)]
pub struct JobView<'a> {
    /// Which job.
    pub job: &'a JobId,
    /// What was asked for.
    pub request: &'a JobRequest,
    /// When it was submitted.
    pub submitted: Tick,
    /// When it ended, where it has.
    pub ended: Option<Tick>,
    /// What it is doing.
    pub phase: JobPhase,
    /// Why it is not getting on, where it is not.
    pub waiting: Option<Waiting>,
    /// What the source is, once planning knows.
    pub description: Option<&'a SourceDescription>,
    /// What is removed, once that is settled.
    pub plan: Option<&'a OverlayPlan>,
    /// How it is encoded, once that is fixed.
    pub spec: Option<&'a EncodeSpec>,
    /// Displayed frames; 0 until intake is done.
    pub frames_total: u64,
    /// Frames of accepted parts.
    pub frames_committed: u64,
    /// Frames that workers report under current segment leases beyond those committed.
    pub frames_in_flight: u64,
    /// Cells; 0 until they are cut.
    pub cells_total: u32,
    /// Accepted parts.
    pub cells_committed: u32,
    /// Where the clean samples of the accepted parts come from.
    pub restored: Restored,
    /// Parts handed to the running stitch.
    pub cells_stitched: u32,
    /// The look at the frames that is under way.
    pub look: Option<Look>,
    /// What a person is shown, once it is made.
    pub preview: Option<&'a ObjectRef>,
    /// Windows of the look that is under way; 0 between looks.
    pub windows_total: u32,
    /// Windows of it that are done.
    pub windows_done: u32,
    /// Measured speed of all workers together on this job, in thousandths of a frame a second.
    pub fps_milli: Option<u64>,
    /// Time to the last frame's encode at the measured speed, in milliseconds.
    pub eta_ms: Option<u64>,
    /// The same at the fastest and at the slowest quarter of the last while, in milliseconds; nothing while
    /// too little is measured, or nobody works on it.
    pub eta_range_ms: Option<(u64, u64)>,
    /// The most frames that were committed and in flight together since the coordinator started: what
    /// people are shown as progress, since it never goes down while the job is open.
    pub frames_best: u64,
    /// What was in `frames_best` once and is lost: it is made again.
    pub made_again: Option<MadeAgain<'a>>,
    /// The current leases.
    pub leases: Vec<LeaseView<'a>>,
    /// The last failures, oldest first; at most 32.
    pub failures: Vec<&'a Failure>,
    /// Remarks for the user.
    pub notes: &'a [String],
    /// How it ended.
    pub outcome: Option<&'a JobOutcome>,
}

/// Frames that are made again, with the reason. Its text is a clause.
#[derive(Debug, Clone, Copy)]
pub struct MadeAgain<'a> {
    /// How many.
    pub frames: u64,
    /// How they were lost last.
    pub why: LostBy<'a>,
}

/// How frames that people saw were lost.
#[derive(Debug, Clone, Copy)]
pub enum LostBy<'a> {
    /// A worker gave its work back.
    GivenBack,
    /// The job's last failure.
    Failed(&'a Failure),
}

impl fmt::Display for MadeAgain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.why {
            LostBy::Failed(failure) => {
                write!(formatter, "{} frames are made again: {failure}", self.frames)
            }
            LostBy::GivenBack => {
                write!(formatter, "{} frames are made again: a worker gave them back", self.frames)
            }
        }
    }
}

/// A current lease.
#[derive(Debug, Clone, Copy)]
pub struct LeaseView<'a> {
    /// Its id.
    pub lease: LeaseId,
    /// Who holds it.
    pub worker: &'a WorkerId,
    /// What for.
    pub piece: Piece,
    /// Which attempt.
    pub attempt: u32,
    /// Since when.
    pub since: Tick,
    /// Frames reported under it.
    pub frames: u64,
}

/// What a worker holds.
#[derive(Debug, Clone)]
pub struct HeldView<'a> {
    /// The process that it is of.
    pub instance: u64,
    /// Its leases, each with its job and what was asked for.
    pub leases: Vec<(LeaseId, &'a JobId, &'a JobRequest)>,
}

/// What a job is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JobPhase {
    /// Its source is looked at.
    Intake,
    /// Overlays are looked for.
    Analyse,
    /// A person is to approve what will be removed.
    Review,
    /// The plan is made: cells, encoder, brief.
    Plan,
    /// Its cells are cleaned and encoded, and stitched as they come.
    Encode,
    /// All cells are there; the stitch finishes and publishes.
    Stitch,
    /// The source is copied as it is.
    Copy,
    /// It ended.
    Ended,
}

impl JobPhase {
    /// Its name in logs, on the wire and in `--json`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intake => "intake",
            Self::Analyse => "analyse",
            Self::Review => "review",
            Self::Plan => "plan",
            Self::Encode => "encode",
            Self::Stitch => "stitch",
            Self::Copy => "copy",
            Self::Ended => "ended",
        }
    }
}

/// Why a job is not getting on. Its text fits after "waiting: ".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// No worker is attached.
    NoWorker,
    /// All slots of the workers that could take it are taken.
    NoSlot {
        /// Queued jobs that are served before it: those of higher priority, the older ones of its owner,
        /// and one of each owner whose turn comes first.
        jobs_before: usize,
    },
    /// Its owner holds as many leases as an owner may.
    OwnerCap {
        /// The owner.
        owner: String,
        /// `caps.owner_leases`.
        leases_max: u32,
    },
    /// Every attached worker drains, is set aside or is silent.
    NoWorkerTakesWork,
    /// No attached worker has proved the encoder of the job.
    NoEncoder {
        /// The encoder, and its build where it is fixed already.
        encoder: EncoderProof,
    },
    /// No attached worker can run the models of the job's look.
    NoModels {
        /// Their names.
        models: String,
    },
    /// No attached worker has proved an encoder of this name.
    NoEncoderNamed {
        /// The name.
        encoder: EncoderName,
    },
    /// A worker with this encoder may still attach.
    EncoderGrace {
        /// The hardware encoder.
        encoder: EncoderName,
        /// When software is taken instead.
        until: Tick,
    },
    /// The source or the store was unavailable; the job rests.
    Resting {
        /// Until when.
        until: Tick,
    },
    /// The piece of work failed on the workers that are free; another one must take it.
    AnotherWorker {
        /// When one of those gets its last attempt after all, where no other exists.
        until: Option<Tick>,
    },
    /// Workers attach and die again and again, and no other one takes work.
    CrashLoop {
        /// How many of them.
        workers: usize,
        /// When the first of them is tried again.
        until: Tick,
    },
    /// A person is to approve or reject the plan.
    Approval,
}

/// How a worker comes to run models.
pub(crate) const MODELS_REMEDY: &str = "bring ONNX Runtime and the models there by scripts/setup-models (`make setup-models`), then start it again; `cleanplate doctor` says what is missing";

impl fmt::Display for Waiting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoWorker => formatter.write_str("no worker is attached"),
            Self::NoSlot { jobs_before: 0 } => {
                formatter.write_str("all slots of the workers are taken; this job is next")
            }
            Self::NoSlot { jobs_before: 1 } => formatter.write_str(
                "all slots of the workers are taken; one queued job is served before this one",
            ),
            Self::NoSlot { jobs_before } => write!(
                formatter,
                "all slots of the workers are taken; {jobs_before} queued jobs are served before this one"
            ),
            Self::OwnerCap { owner, leases_max } => write!(
                formatter,
                "owner `{owner}` holds {leases_max} leases, as many as `caps.owner_leases` allows"
            ),
            Self::NoWorkerTakesWork => {
                formatter.write_str("every attached worker is draining, set aside or silent")
            }
            Self::NoEncoder { encoder } => write!(
                formatter,
                "no attached worker has proved {} of build `{}`, which the job's first parts need",
                encoder.name, encoder.build
            ),
            Self::NoModels { models } => {
                write!(formatter, "no attached worker can run {models} ({MODELS_REMEDY})")
            }
            Self::NoEncoderNamed { encoder } => {
                write!(formatter, "no attached worker has proved {encoder}")
            }
            Self::EncoderGrace { encoder, .. } => {
                write!(formatter, "a worker with {encoder} may still attach")
            }
            Self::Resting { .. } => formatter.write_str("the source or the store was unavailable"),
            Self::Approval => formatter.write_str("a person is to approve or reject the plan"),
            Self::AnotherWorker { until: None } => {
                formatter.write_str(
                    "another worker than the free ones must take it: the work failed on them, or it is an audit of \
                     what they made",
                )
            }
            Self::AnotherWorker { until: Some(_) } => formatter.write_str(
                "the work failed on the only worker; another one that attaches soon gets the last attempt",
            ),
            Self::CrashLoop { workers, .. } => write!(
                formatter,
                "{workers} workers are in a crash loop and no other one takes work; read the log of one of them"
            ),
        }
    }
}

/// Why a worker is set aside. Its text fits after "set aside: ".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetAsideFor {
    /// Failures in a row, whoever is to blame.
    Failures {
        /// How many.
        in_a_row: u32,
    },
    /// It lacks something: disk, card, encoder session, memory.
    Lacking {
        /// In its own words.
        message: String,
    },
    /// Its process died again and again.
    CrashLoop {
        /// Times within `crash_span_ms`, at most `crashes_max`.
        crashes: u32,
    },
    /// It does not let go of a revoked lease.
    NotLettingGo {
        /// Which.
        lease: LeaseId,
    },
}

impl fmt::Display for SetAsideFor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failures { in_a_row } => write!(formatter, "{in_a_row} failures in a row"),
            Self::Lacking { message } => write!(formatter, "it lacks something: {message}"),
            Self::CrashLoop { crashes } => {
                write!(formatter, "crash loop: its process died {crashes} times within minutes")
            }
            Self::NotLettingGo { lease } => {
                write!(formatter, "not letting go of lease {lease}, which was revoked")
            }
        }
    }
}

/// Where a worker stands.
#[derive(Debug, Clone)]
pub struct WorkerView<'a> {
    /// Which worker.
    pub worker: &'a WorkerId,
    /// Its current session; `None` while it is gone and may still come back.
    pub session: Option<u64>,
    /// What it computes on.
    pub card: &'a Card,
    /// Leases that it can hold.
    pub slots: u32,
    /// The encoders that it has proved.
    pub encoders: &'a [EncoderProof],
    /// What it can run models with.
    pub models: &'a WorkerModels,
    /// The leases that it holds.
    pub leases: Vec<LeaseId>,
    /// Takes no new leases.
    pub draining: bool,
    /// Set aside until then.
    pub set_aside_until: Option<Tick>,
    /// Why it is set aside.
    pub set_aside_for: Option<&'a SetAsideFor>,
    /// It was told that it will be taken away then (a preemption notice).
    pub leaves_by: Option<Tick>,
    /// Revoked leases that it has not let go of for too long: their slots count as taken.
    pub not_letting_go: Vec<LeaseId>,
    /// Failures in a row.
    pub failures_in_a_row: u32,
    /// When it was last heard.
    pub last_seen: Tick,
    /// It was not heard for too long, though its stream is open.
    pub silent: bool,
    /// Measured speed of one slot, in thousandths of a frame a second.
    pub fps_milli: Option<u64>,
}
