//! An attempt of a job and its trail, as JSON.

use cleanplate_proto::{WireError, v1 as pb};
use cleanplate_types::failure::Failure;
use serde::Serialize;

use crate::state::failure_as_json;

/// One lease and how it went. The names of its fields are those of `--json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// Its lease.
    pub lease: u64,
    /// What it was for: intake, find, learn, fetch, preview, reduce, segment, audit, stitch.
    pub work: String,
    /// Who held it; empty where the coordinator does the work itself.
    pub worker: String,
    /// The frames that it concerns, end not included.
    pub frames: Option<(u64, u64)>,
    /// Which attempt at the piece of work, from 1.
    pub attempt: u32,
    /// running, done, failed, lapsed, revoked, `gave_back`.
    pub outcome: String,
    /// For how long its lease was held, in milliseconds; nothing while it runs.
    pub held_ms: Option<u64>,
    /// The row of its worker's card in the tier table; empty where it was never known.
    pub tier: String,
    /// What went wrong, where something did.
    #[serde(serialize_with = "failure_as_json")]
    pub failure: Option<Failure>,
    /// What happened, in order.
    pub trail: Vec<TrailLine>,
}

/// One line of a trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrailLine {
    /// Milliseconds since the attempt began.
    pub at_ms: u64,
    /// In which stage.
    pub stage: String,
    /// What kind of event.
    pub event: String,
    /// In words.
    pub detail: String,
    /// How many, where something is counted.
    pub count: Option<u64>,
}

impl TryFrom<pb::Attempt> for Attempt {
    type Error = WireError;

    fn try_from(attempt: pb::Attempt) -> Result<Self, WireError> {
        let pb::Attempt {
            lease,
            work,
            worker,
            frames,
            attempt,
            outcome,
            failure,
            trail,
            held_ms,
            tier,
        } = attempt;
        let line = |entry: pb::TrailEntry| {
            let pb::TrailEntry { at_ms, stage, event, detail, count } = entry;
            TrailLine { at_ms, stage, event, detail, count }
        };
        Ok(Self {
            lease,
            work,
            worker,
            frames: frames.map(|range| (range.start, range.end)),
            attempt,
            outcome,
            held_ms,
            tier,
            failure: failure.map(TryInto::try_into).transpose()?,
            trail: trail.into_iter().map(line).collect(),
        })
    }
}
