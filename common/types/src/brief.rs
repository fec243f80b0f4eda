//! What a worker must know of a job before it can do any of it: one object, named by every grant.

use serde::{Deserialize, Serialize};

use crate::cell::Cell;
use crate::encode::EncodeSpec;
use crate::ids::JobId;
use crate::object::ObjectRef;
use crate::overlay::OverlayPlan;
use crate::source::{SourceDescription, SourceRef};

/// The plan of a job, complete. Written once when planning ends; never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobBrief {
    /// The job.
    pub job: JobId,
    /// The source, pinned.
    pub source: SourceRef,
    /// What the source is.
    pub description: SourceDescription,
    /// The frame table.
    pub table: ObjectRef,
    /// The packets of the source's other streams, where intake kept them: then the stitch reads those
    /// and not the source's again.
    pub rest: Option<ObjectRef>,
    /// What to remove.
    pub plan: OverlayPlan,
    /// Whether metadata that cannot be carried may be lost: otherwise a frame that has some is the job's end.
    pub allow_metadata_loss: bool,
    /// How to encode.
    pub spec: EncodeSpec,
    /// The job's cells, in order; they tile the table.
    pub cells: Vec<Cell>,
}
