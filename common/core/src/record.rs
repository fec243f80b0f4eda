//! What the journal keeps. The durable state of the scheduler is what these records say, replayed in
//! order, and nothing else: live and restored, it changes only by applying one of them.

use cleanplate_types::cell::Segment;
use cleanplate_types::encode::EncodeSpec;
use cleanplate_types::failure::Failure;
use cleanplate_types::frames::FrameRange;
use cleanplate_types::ids::{CellIndex, JobId, LeaseId, WorkerId};
use cleanplate_types::object::ObjectRef;
use cleanplate_types::overlay::Look;
use cleanplate_types::part::PartSummary;
use cleanplate_types::request::JobRequest;
use cleanplate_types::time::Tick;
use serde::{Deserialize, Serialize};

use crate::input::{IntakeResult, Survey};
use crate::outcome::{CopyReason, JobOutcome};
use crate::planning::settle::SettledPlan;

/// One durable event of one job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When it was decided.
    pub at: Tick,
    /// Whose.
    pub job: JobId,
    /// What.
    pub event: Event,
}

/// What happened to a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// It was submitted.
    Submitted {
        /// What is asked for.
        request: Box<JobRequest>,
    },
    /// A worker got a piece of it.
    Leased {
        /// The lease.
        lease: LeaseId,
        /// Who.
        worker: WorkerId,
        /// What.
        piece: Piece,
        /// Which attempt at the piece, from 1; a lapse is none.
        attempt: u32,
    },
    /// A lease ended without a result of its own; cells that are not committed are free again.
    LeaseEnded {
        /// The lease.
        lease: LeaseId,
        /// How.
        end: LeaseEnd,
    },
    /// Intake is done; ends its lease.
    IntakeDone {
        /// The lease.
        lease: LeaseId,
        /// What was found.
        intake: Box<IntakeResult>,
    },
    /// Cells were cut, the request was laid over the table.
    Surveyed(Box<Survey>),
    /// A window's evidence is there; ends its lease.
    WindowDone {
        /// The lease.
        lease: LeaseId,
        /// The window's place, from 0.
        index: u32,
        /// The evidence.
        evidence: ObjectRef,
    },
    /// The evidence is reduced; ends its lease.
    Reduced {
        /// The lease.
        lease: LeaseId,
        /// The finding.
        finding: ObjectRef,
        /// What the overlays are made of, where that was learned.
        mattes: Option<ObjectRef>,
    },
    /// What is removed is settled.
    PlanSettled(Box<SettledPlan>),
    /// Nothing is removed: the output is a stream copy.
    CopySettled(CopyReason),
    /// The encoder and all its settings are fixed.
    EncoderChosen(Box<EncodeSpec>),
    /// The brief is in the store: segments may be leased.
    Briefed {
        /// Where.
        brief: ObjectRef,
    },
    /// A part was accepted.
    CellCommitted {
        /// The lease that it was made under.
        lease: LeaseId,
        /// The part.
        summary: Box<PartSummary>,
    },
    /// An accepted part turned out to be unusable; its cell is free again.
    PartDiscarded {
        /// Which cell.
        cell: CellIndex,
        /// Why.
        failure: Box<Failure>,
    },
    /// The frame table was wrong: everything starts again with a table made by decoding. Ends all
    /// leases of the job.
    Retabled {
        /// What showed it.
        failure: Box<Failure>,
    },
    /// No worker has the encoder any more: the cells start anew in software. Ends all leases of
    /// the job.
    EncoderLost {
        /// What happened.
        failure: Box<Failure>,
    },
    /// A stitch (or a copy) was started.
    StitchStarted {
        /// What fences it.
        lease: LeaseId,
    },
    /// A stitch failed and is tried again.
    StitchFailed {
        /// What happened.
        failure: Box<Failure>,
    },
    /// The job ended. Ends all its leases.
    Ended(JobOutcome),
    /// It is tried again.
    Retried,
    /// It is no longer listed.
    Forgotten,
    /// Two neighbours decoded the frame at their border differently: the part after it is void, or
    /// both, or the job ends.
    SeamBroken {
        /// The cell after the border.
        cell: CellIndex,
        /// Who decoded what.
        failure: Box<Failure>,
    },
    /// These cells are audited.
    AuditsDrawn {
        /// Which, in order.
        cells: Vec<CellIndex>,
        /// What it buys, in words.
        note: String,
    },
    /// An audit found a part right; ends its lease.
    AuditDone {
        /// The lease.
        lease: LeaseId,
        /// The cell.
        cell: CellIndex,
    },
    /// The plan as it stands is in the store: a look may begin.
    Drafted {
        /// Where.
        draft: ObjectRef,
    },
    /// A person let the plan pass.
    Approved {
        /// The overlays that are not to be removed, by their place in the plan.
        dropped: Vec<u32>,
    },
    /// A person changed its priority.
    Prioritised {
        /// Higher goes first.
        priority: i32,
    },
}

/// A piece of work, as leased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Piece {
    /// Look at the source.
    Intake,
    /// Look at this window.
    Window(Window),
    /// Reduce the evidence.
    Reduce,
    /// Clean and encode these cells.
    Segment(Segment),
    /// Decode the part of this cell again.
    Audit(CellIndex),
}

/// A window of a look, as leased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Window {
    /// Which look.
    pub look: Look,
    /// Its place among the look's windows, from 0.
    pub index: u32,
    /// The frames to look at.
    pub frames: FrameRange,
}

/// How a lease ended where it brought no result that ended it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LeaseEnd {
    /// All cells of the segment were handed in.
    Done,
    /// It failed or lapsed.
    Failed(Box<Failure>),
    /// Its worker goes and gave back what was not done.
    GaveBack,
    /// All of it was handed in, some by another lease on the same work: the worker was told to stop.
    Outrun,
}
