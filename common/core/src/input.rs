//! What the scheduler is told. Everything that it knows of the world came in as one of these.

use cleanplate_types::cell::Cell;
use cleanplate_types::encode::EncoderProof;
use cleanplate_types::failure::Failure;
use cleanplate_types::frames::FrameTable;
use cleanplate_types::ids::{CellIndex, JobId, LeaseId, WorkerId};
use cleanplate_types::model::WorkerModels;
use cleanplate_types::object::ObjectRef;
use cleanplate_types::overlay::{Finding, Look};
use cleanplate_types::part::PartSummary;
use cleanplate_types::request::JobRequest;
use cleanplate_types::source::{SourceDescription, SourceRef};
use cleanplate_types::tier::Card;
use serde::{Deserialize, Serialize};

use crate::outcome::{JobOutcome, Published};

/// One thing that happened. May come late, twice, or not at all: the scheduler bears all three.
#[derive(Debug, Clone)]
pub enum Input {
    /// A client submitted a job. The caller made the id; an id that is already there is ignored.
    Submit {
        /// The new job's id.
        job: JobId,
        /// What is asked for.
        request: Box<JobRequest>,
    },
    /// A person cancels a job. Ended and unknown jobs are ignored.
    Cancel {
        /// Which job.
        job: JobId,
    },
    /// A person tries a failed, abstained or cancelled job again. A failed job keeps what it has
    /// (frame table, committed cells), a cancelled one starts anew. Others are ignored.
    Retry {
        /// Which job.
        job: JobId,
    },
    /// An ended job goes from the list before its time; its objects are swept. (The scheduler forgets by
    /// itself what was kept for `retention`.)
    Forget {
        /// Which job.
        job: JobId,
    },
    /// A worker opened a stream and showed what it has. Replaces an older session of the same
    /// process. Ignored where another process of this name is attached and was heard lately.
    Attach(Box<Attachment>),
    /// A worker's stream ended. Its leases stay current until it has been silent for too long, so
    /// that it may come back with them. Ignored where `session` is not the current one.
    Detach {
        /// Which worker.
        worker: WorkerId,
        /// The session that ended.
        session: u64,
    },
    /// A sign of life of an idle or busy worker; it should come every third of `worker_silent_ms`.
    /// (A report is a sign of life too.) It does not renew a lease that makes no progress.
    Heartbeat {
        /// Which worker.
        worker: WorkerId,
        /// The session that it came by; another than the current one is ignored.
        session: u64,
    },
    /// A worker takes no new leases from now on and finishes those that it has, or those that fit: the others it
    /// is told to hand in, as after a notice. May come again, with less time left.
    Drain {
        /// Which worker.
        worker: WorkerId,
        /// Milliseconds that it is left; `None` leaves it as long as it takes.
        within_ms: Option<u64>,
    },
    /// A worker learned that its machine will be taken away (a preemption notice, or SIGTERM with a
    /// grace). It gets no more leases, keeps those that it can finish in time, and is told to hand in the
    /// others (`Effect::HandIn`). May come again, with less time left.
    Notice {
        /// Which worker.
        worker: WorkerId,
        /// The session that it came by; another than the current one is ignored.
        session: u64,
        /// Milliseconds that are left.
        remaining_ms: u64,
    },
    /// A worker says that it goes now, by its own will: what it holds is given back without blame, and the
    /// next process of its name is no sign of a crash.
    Leave {
        /// Which worker.
        worker: WorkerId,
        /// The session that it came by; another than the current one is ignored.
        session: u64,
    },
    /// A worker tells something about one of its leases.
    Report {
        /// The worker whose stream it came by.
        worker: WorkerId,
        /// The lease that it is about. A lease that is not current, or is another worker's, makes
        /// the report void (`Effect::Ignored`).
        lease: LeaseId,
        /// What it tells.
        report: Report,
    },
    /// Answer to `Effect::LoadTable`. The table is used once and dropped.
    TableLoaded {
        /// Whose.
        job: JobId,
        /// The description object, decoded.
        description: Box<SourceDescription>,
        /// The table object, decoded.
        table: Box<FrameTable>,
    },
    /// Answer to `Effect::LoadFinding`.
    FindingLoaded {
        /// Whose.
        job: JobId,
        /// The finding object, decoded.
        finding: Box<Finding>,
    },
    /// Answer to `Effect::WriteDraft`.
    DraftWritten {
        /// Whose.
        job: JobId,
        /// For which look: an answer to an older request is ignored.
        look: Look,
        /// Where it is now.
        draft: ObjectRef,
    },
    /// A person lets the plan of a job that waits for review pass. Ignored elsewhere.
    Approve {
        /// Which job.
        job: JobId,
        /// The overlays that are not to be removed, by their place in the plan.
        dropped: Vec<u32>,
    },
    /// A person rejects the plan of a job that waits for review: it ends as cancelled. Ignored elsewhere.
    Reject {
        /// Which job.
        job: JobId,
    },
    /// Answer to `Effect::WriteBrief`.
    BriefWritten {
        /// Whose.
        job: JobId,
        /// Where it is now.
        brief: ObjectRef,
    },
    /// `LoadTable`, `LoadFinding`, `WriteDraft` or `WriteBrief` failed. Tried again after a rest where the
    /// failure's verdict allows it.
    ObjectFailed {
        /// Whose.
        job: JobId,
        /// What happened.
        failure: Failure,
    },
    /// The movie of `StartStitch` or `CopyThrough` is complete and has its final name.
    Published {
        /// Whose.
        job: JobId,
        /// The lease of the stitch; an older one is ignored.
        lease: LeaseId,
        /// What was published.
        published: Published,
    },
    /// `StartStitch` or `CopyThrough` failed; nothing was published.
    StitchFailed {
        /// Whose.
        job: JobId,
        /// The lease of the stitch; an older one is ignored.
        lease: LeaseId,
        /// The cell whose part or manifest object is missing or does not match its hash, where
        /// that is the reason: its part is discarded and made again.
        cell: Option<CellIndex>,
        /// What happened.
        failure: Failure,
    },
    /// A person changes the priority of a job, queued or running; what is leased stays leased. Ended and
    /// unknown jobs are ignored.
    Prioritise {
        /// Which job.
        job: JobId,
        /// Higher goes first.
        priority: i32,
    },
    /// A journal was put back to an older copy of itself, and the store tells how this job ended afterwards: its
    /// movie is there. Ended and unknown jobs are ignored.
    Found {
        /// Which job.
        job: JobId,
        /// How it ended.
        outcome: JobOutcome,
    },
    /// Nothing but the time: to be given when `next_deadline` is reached, and once after `restore`.
    Clock,
}

/// A worker's handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The worker.
    pub worker: WorkerId,
    /// The stream's number, unique among all streams of this coordinator's life.
    pub session: u64,
    /// Which process it is: the same in all of its streams, another in every other process.
    pub instance: u64,
    /// What it computes on.
    pub card: Card,
    /// Leases that it can hold at a time.
    pub slots: u32,
    /// The encoders that it has proved.
    pub encoders: Vec<EncoderProof>,
    /// What it can run models with.
    pub models: WorkerModels,
    /// The leases that it is still working on, from an earlier session. Current leases of this
    /// worker that are not listed lapse at once; listed leases that are not current are revoked.
    pub holding: Vec<LeaseId>,
    /// Whether it answers every `Effect::Revoke` by `Report::Released`. Where it does, a revoked lease's
    /// slot counts as taken until then; where it does not, the slot is free at once.
    pub acknowledges: bool,
}

/// What a worker tells about a lease.
#[derive(Debug, Clone)]
pub enum Report {
    /// It is getting on: renews the lease where the number rose.
    Progress {
        /// Frames that went through (decoded, analysed or encoded) under this lease so far.
        frames: u64,
    },
    /// The source has been looked at. Ends an intake lease.
    IntakeDone(Box<IntakeResult>),
    /// A window has been analysed. Ends an analyse lease.
    WindowDone {
        /// The evidence object.
        evidence: ObjectRef,
    },
    /// All evidence has been reduced. Ends a reduce lease.
    ReduceDone {
        /// The finding object.
        finding: ObjectRef,
        /// What the overlays are made of, where that was learned.
        mattes: Option<ObjectRef>,
    },
    /// A cell of a segment has been encoded and uploaded. The lease goes on.
    CellDone {
        /// What was made.
        summary: Box<PartSummary>,
    },
    /// All cells of the segment have been handed in. Ends a segment lease.
    SegmentDone,
    /// The frames of the audited part are what its manifest says. Ends an audit lease.
    AuditDone {
        /// Frames that were decoded again.
        frames: u64,
    },
    /// The lease failed; what was handed in before stays. Ends any lease.
    Failed {
        /// What happened; worker, lease and attempt are filled in by the scheduler.
        failure: Box<Failure>,
    },
    /// The worker goes, or was told to hand in, and does no more under this lease: what was handed in
    /// before stays, the rest is free at once, nobody is to blame. Ends any lease; the worker gets no more
    /// leases until another process of its name attaches.
    GaveBack,
    /// Answer to `Effect::Revoke`: the worker does nothing under this lease any more and its slot is free.
    /// To be given for leases too that it does not know.
    Released,
}

/// What intake found, as objects in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntakeResult {
    /// The source, pinned.
    pub source: SourceRef,
    /// The `SourceDescription` object.
    pub description: ObjectRef,
    /// The `FrameTable` object.
    pub table: ObjectRef,
    /// Displayed frames.
    pub frames: u64,
    /// The packets of the source's other streams, where intake kept them. This and what follows is last,
    /// since a journal's first format ends before it.
    pub rest: Option<ObjectRef>,
    /// Remarks for the user: ranges of concealed damage, what the output cannot carry, why everything was
    /// decoded.
    pub notes: Vec<String>,
}

/// What planning made of description and table: all that is needed of them from then on.
///
/// Kept in the journal: about 70 bytes a cell, 420 KB for ten hours at 30 frames a second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    /// What the source is.
    pub description: SourceDescription,
    /// The job's cells; they tile the table.
    pub cells: Vec<Cell>,
    /// What the request itself says is to be removed.
    pub given: cleanplate_types::overlay::OverlayPlan,
    /// The windows in which frames are looked at; none where every frame passes as it is.
    pub windows: Vec<cleanplate_types::frames::FrameRange>,
    /// Remarks for the user, such as a cell length that was raised.
    pub notes: Vec<String>,
    /// How the job may be cut.
    pub cutting: crate::planning::cutting::Cutting,
    /// Whether the table was made of packets, of which each is one frame, and the kind of each key frame is known.
    pub from_packets: bool,
}
