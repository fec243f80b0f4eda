//! What the scheduler wants done. The caller journals all records of a step in one transaction
//! before it performs any other effect of that step.

use std::fmt;

use cleanplate_types::brief::JobBrief;
use cleanplate_types::cell::Segment;
use cleanplate_types::frames::FrameRange;
use cleanplate_types::ids::{CellIndex, JobId, LeaseId, WorkerId};
use cleanplate_types::model::{Detector, ModelRef};
use cleanplate_types::object::ObjectRef;
use cleanplate_types::overlay::{Draft, Fill, Look};
use cleanplate_types::part::PartSummary;
use cleanplate_types::request::{Detect, EncoderChoice, OnDamage};
use cleanplate_types::source::SourceRef;
use cleanplate_types::time::Tick;

use crate::outcome::{CopyReason, JobOutcome};
use crate::record::Record;

/// One thing to do, in the order given. All but `Record` may be lost in a crash: after `restore`
/// they are asked for again, so performing one twice must be harmless.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Append to the journal.
    Record(Record),
    /// Send a grant to a worker. Where the session is gone, drop it.
    Grant {
        /// To whom.
        worker: WorkerId,
        /// By which stream.
        session: u64,
        /// The right.
        lease: LeaseId,
        /// The work.
        grant: Box<Grant>,
    },
    /// Tell a worker to stop working on a lease. A worker that said that it acknowledges answers
    /// `Report::Released`, for an unknown lease too; others do not answer.
    Revoke {
        /// Whom.
        worker: WorkerId,
        /// By which stream.
        session: u64,
        /// Which lease.
        lease: LeaseId,
    },
    /// Tell a worker, which will be taken away, that it is not expected to finish a lease in time: it
    /// ends the cell in hand only if that fits, hands in what is done, and answers `Report::GaveBack`. (A
    /// piece without cells is given back unless it is about to be done.) May be sent again.
    HandIn {
        /// Whom.
        worker: WorkerId,
        /// By which stream.
        session: u64,
        /// Which lease.
        lease: LeaseId,
        /// Milliseconds that are left.
        remaining_ms: u64,
    },
    /// Tell a worker to finish what it has and go.
    DrainWorker {
        /// Whom.
        worker: WorkerId,
        /// By which stream.
        session: u64,
    },
    /// Read both objects and answer `Input::TableLoaded` or `Input::ObjectFailed`.
    LoadTable {
        /// Whose.
        job: JobId,
        /// The `SourceDescription` object.
        description: ObjectRef,
        /// The `FrameTable` object.
        table: ObjectRef,
    },
    /// Read the object and answer `Input::FindingLoaded` or `Input::ObjectFailed`.
    LoadFinding {
        /// Whose.
        job: JobId,
        /// The `Finding` object.
        finding: ObjectRef,
    },
    /// Write the plan as it stands, for a look, and answer `Input::DraftWritten` or `Input::ObjectFailed`.
    /// The same draft may be asked for twice.
    WriteDraft {
        /// Whose.
        job: JobId,
        /// For which look.
        look: Look,
        /// The last lease that was given: the object's key carries it, for `Sweep`.
        after: LeaseId,
        /// What it is given.
        draft: Box<Draft>,
    },
    /// Write the brief as an object and answer `Input::BriefWritten` or `Input::ObjectFailed`. The
    /// same brief may be asked for twice.
    WriteBrief {
        /// Whose.
        job: JobId,
        /// The last lease that was given: the object's key carries it, for `Sweep`.
        after: LeaseId,
        /// The brief.
        brief: Box<JobBrief>,
    },
    /// Start the stitch of a job; parts follow as `StitchPart`. Answer `Input::Published` when the
    /// movie has its final name, or `Input::StitchFailed`. Replaces an older stitch of the job.
    StartStitch {
        /// Whose.
        job: JobId,
        /// What fences it: publish only where this is the job's latest.
        lease: LeaseId,
        /// What to join.
        order: Box<StitchOrder>,
    },
    /// Hand the running stitch its next part: every cell once, in order, from 0. After the last of
    /// `StitchOrder::cells` the stitch finishes by itself.
    StitchPart {
        /// Whose.
        job: JobId,
        /// The stitch.
        lease: LeaseId,
        /// Which cell.
        cell: CellIndex,
        /// Its accepted part.
        summary: Box<PartSummary>,
    },
    /// Stop the stitch or the copy, publish nothing, answer nothing.
    AbortStitch {
        /// Whose.
        job: JobId,
        /// The stitch.
        lease: LeaseId,
    },
    /// Write a stream copy of the source as the output. Answer as for `StartStitch`.
    CopyThrough {
        /// Whose.
        job: JobId,
        /// What fences it.
        lease: LeaseId,
        /// The source.
        source: SourceRef,
        /// URL of the output.
        output: String,
        /// Why it is a copy.
        why: CopyReason,
        /// Leave damaged packets out where the container cannot hold them; those of the video never are.
        conceal: bool,
    },
    /// The job ended: tell those who watch it.
    JobEnded {
        /// Which.
        job: JobId,
        /// How.
        outcome: JobOutcome,
    },
    /// Delete the objects of the job from the store whose keys carry a lease below `before`, but those of
    /// `keep`. Given when a job is done, copied, cancelled, abstained or forgotten; a failed or previewed job
    /// keeps its objects until it is forgotten. May take long: a job that is tried again meanwhile, and another
    /// under the same name, write under later leases.
    Sweep {
        /// Which.
        job: JobId,
        /// The first lease that is not swept.
        before: LeaseId,
        /// What the overlays are made of: clients may still ask for the plan.
        keep: Option<ObjectRef>,
    },
    /// Nothing to do: an input was void. To be logged at DEBUG.
    Ignored(Ignored),
}

/// A piece of work under a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Whose.
    pub job: JobId,
    /// Which attempt at this piece of work it is, from 1.
    pub attempt: u32,
    /// When the lease is revoked if no progress is reported; progress moves it on.
    pub deadline: Tick,
    /// The span by which progress moves the deadline, in milliseconds.
    pub renew_ms: u64,
    /// What to do.
    pub work: Work,
}

/// A look at a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Analyse {
    /// Which look.
    pub look: Look,
    /// The `Draft` object; nothing for the first look.
    pub draft: Option<ObjectRef>,
    /// The source.
    pub source: SourceRef,
    /// The `SourceDescription` object.
    pub description: ObjectRef,
    /// The `FrameTable` object.
    pub table: ObjectRef,
    /// What to look for.
    pub detect: Vec<Detect>,
    /// The models that look for more, in the first look.
    pub detectors: Vec<Detector>,
    /// The model that paints what no frame shows, in the look that fetches.
    pub painter: Option<ModelRef>,
    /// The window's place among the job's windows, from 0.
    pub index: u32,
    /// The frames to look at.
    pub window: FrameRange,
}

/// What to do under a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Look at the source; store its description and its frame table.
    Intake {
        /// URL of the source.
        url: String,
        /// URL of the output: intake checks that its container can hold the source.
        output: String,
        /// Make the table by decoding everything, for this reason.
        decode_all: Option<String>,
        /// What to do where the source is damaged.
        on_damage: OnDamage,
        /// Whether metadata that the output's container cannot hold may be lost.
        allow_metadata_loss: bool,
        /// The encoder asked for: with `lossless` it decides the codec that the output must hold.
        encoder: EncoderChoice,
        /// Whether the clean frames are to be encoded bit-exactly.
        lossless: bool,
        /// Whether every packet is to be looked at, since some are to be copied: an index does not tell which
        /// of them stand alone.
        read_packets: bool,
        /// Width and height of the pictures that the request's mask or plan was made for: another source is
        /// refused before it is read.
        drawn_for: Option<(u32, u32)>,
    },
    /// Look at a window of frames; store the evidence, the backgrounds or the preview.
    Analyse(Box<Analyse>),
    /// Reduce all evidence to one finding; store it.
    Reduce {
        /// Which look.
        look: Look,
        /// The `Draft` object; nothing for the first look.
        draft: Option<ObjectRef>,
        /// The `SourceDescription` object.
        description: ObjectRef,
        /// The `FrameTable` object.
        table: ObjectRef,
        /// The evidence, in the order of the windows.
        evidence: Vec<ObjectRef>,
        /// How the user wants overlays filled.
        fill: Fill,
    },
    /// Clean and encode a run of cells; store a part and a manifest for each.
    Segment {
        /// The `JobBrief` object.
        brief: ObjectRef,
        /// The cells.
        segment: Segment,
        /// What to do where the source is damaged.
        on_damage: OnDamage,
        /// How early decoding begins.
        pre_roll: PreRoll,
    },
    /// Decode the frames of a part again, in software, and compare them with its manifest.
    Audit {
        /// The `JobBrief` object.
        brief: ObjectRef,
        /// The cell.
        cell: CellIndex,
        /// The `PartManifest` object.
        manifest: ObjectRef,
        /// What to do where the source is damaged.
        on_damage: OnDamage,
    },
}

/// How early the decoding of a segment begins, beyond what a worker's own rules ask for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PreRoll {
    /// As if this frame were the first that is wanted.
    pub from: Option<u64>,
    /// Times that the pre-roll is doubled.
    pub doublings: u32,
}

/// What a stitch joins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StitchOrder {
    /// The `JobBrief` object: source, description, table, spec and cells.
    pub brief: ObjectRef,
    /// The source, for everything but the video.
    pub source: SourceRef,
    /// URL of the output.
    pub output: String,
    /// Number of cells, and so of `StitchPart` effects that follow.
    pub cells: u32,
    /// Accept that metadata which cannot be carried is lost.
    pub allow_metadata_loss: bool,
    /// Leave damaged packets of the source's other streams out where the output cannot hold them.
    pub conceal: bool,
}

/// An input that had no effect, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ignored {
    /// A report under a lease that is not current, or is another worker's.
    StaleLease {
        /// Who reported.
        worker: WorkerId,
        /// The lease.
        lease: LeaseId,
    },
    /// A sign of life or an end of a session that is not the worker's current one.
    StaleSession {
        /// The worker.
        worker: WorkerId,
        /// The session.
        session: u64,
    },
    /// A report that does not belong to the kind of work that the lease is for, or a cell that the
    /// lease does not hold or that is committed already.
    OutOfPlace {
        /// The lease.
        lease: LeaseId,
        /// What came.
        what: &'static str,
    },
    /// No such job, or it is not in a state in which the input means anything.
    NotNow {
        /// The job.
        job: JobId,
        /// What came.
        what: &'static str,
    },
    /// No such worker.
    UnknownWorker {
        /// Who.
        worker: WorkerId,
    },
    /// A job was submitted or tried again whose owner has as many open jobs as one may have.
    OwnerQueueFull {
        /// The job.
        job: JobId,
        /// Whose.
        owner: String,
        /// `caps.owner_queued`.
        most: u32,
    },
    /// A job was submitted or tried again whose output an open job writes.
    OutputTaken {
        /// The job.
        job: JobId,
        /// URL of the output.
        output: String,
        /// The open job.
        writer: JobId,
    },
    /// A worker came under the name of another that is attached and lives.
    NameInUse {
        /// The name.
        worker: WorkerId,
        /// How long ago the other was heard.
        heard_ms: u64,
        /// The silence after which the name is free.
        free_after_ms: u64,
    },
}

impl fmt::Display for Ignored {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StaleLease { worker, lease } => {
                write!(
                    formatter,
                    "worker {worker} reports under lease {lease}, which it does not hold"
                )
            }
            Self::StaleSession { worker, session } => {
                write!(formatter, "session {session} of worker {worker} is not its current one")
            }
            Self::OutOfPlace { lease, what } => {
                write!(formatter, "{what} does not fit the work of lease {lease}")
            }
            Self::NotNow { job, what } => {
                write!(formatter, "{what} means nothing for job {job} as it stands")
            }
            Self::UnknownWorker { worker } => write!(formatter, "no worker {worker} is attached"),
            Self::OwnerQueueFull { owner, most, .. } => {
                let whose = match owner.as_str() {
                    "" => "without an owner".to_owned(),
                    owner => format!("of owner `{owner}`"),
                };
                write!(
                    formatter,
                    "the job is refused: {most} jobs {whose} are open, as many as `caps.owner_queued` allows; \
                     submit it when one of them has ended"
                )
            }
            Self::OutputTaken { output, writer, .. } => write!(
                formatter,
                "the job is refused: job {writer} writes {output} and has not ended; name another output, wait \
                 for its end (`cleanplate watch {writer}`), or end it (`cleanplate cancel {writer}`)"
            ),
            Self::NameInUse { worker, heard_ms, free_after_ms } => write!(
                formatter,
                "another worker named {worker} is attached and was heard {heard_ms} ms ago; give this one \
                 a name of its own by --name, or stop the other; where the other is gone without a word, \
                 its name is free after {} s of silence",
                free_after_ms.div_ceil(1000)
            ),
        }
    }
}
