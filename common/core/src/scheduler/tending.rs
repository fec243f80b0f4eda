//! What is under way for a job outside the scheduler: asked for, running, waiting. Not durable: after a
//! restart it is asked for again.

use cleanplate_types::ids::LeaseId;
use cleanplate_types::time::Tick;

use crate::planning::encoder::Choice;
use crate::scheduler::meter::{Meter, rate};

/// Progress over less than this, in milliseconds, tells no speed.
const TELLING_MS: u64 = 1_000;

/// The care that an open job is under.
#[derive(Debug, Default)]
pub(crate) struct Tending {
    /// A load or a write was asked for and is not answered.
    pub(crate) asked: bool,
    /// The stitch or the copy that runs.
    pub(crate) stitch: Option<Stitching>,
    /// Nothing is asked for or granted before then.
    pub(crate) rest_until: Option<Tick>,
    /// Failures of the store or the source in a row.
    pub(crate) rests: u32,
    /// Failed loads and writes in a row.
    pub(crate) object_failures: u32,
    /// What the last look at the fleet's encoders came to.
    pub(crate) choice: Option<Choice>,
    /// Since when workers are attached and none has what the job needs.
    pub(crate) missing_since: Option<Tick>,
    /// Frames that went through.
    pub(crate) meter: Meter,
    /// Frames reported under current leases beyond those committed.
    pub(crate) in_flight: u64,
    /// The most frames that were ever committed and in flight together in this life of the coordinator.
    pub(crate) frames_best: u64,
    /// How work was lost last.
    pub(crate) lost: Option<Loss>,
}

/// How work was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// A worker gave it back.
    GivenBack,
    /// The job's last failure tells.
    Failed,
}

/// A stitch or a copy that runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stitching {
    pub(crate) lease: LeaseId,
    /// Cells handed to it.
    pub(crate) cells: u32,
}

/// How a current lease is getting on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watch {
    /// When it was granted or last got on.
    pub(crate) alive: Tick,
    /// Frames reported; `None` where the first report only sets the mark (after a restart).
    pub(crate) frames: Option<u64>,
    /// Frames committed under it in this life of the coordinator.
    pub(crate) committed: u64,
    /// When it was granted in this life of the coordinator.
    pub(crate) since: Option<Tick>,
    /// What the lease adds to the job's `in_flight`.
    pub(crate) in_flight: u64,
    /// When frames were first told of, and how many: from there on its worker computes.
    pub(crate) began: Option<(Tick, u64)>,
}

impl Watch {
    /// A lease that is granted now.
    pub(crate) const fn granted(now: Tick) -> Self {
        Self {
            alive: now,
            frames: Some(0),
            committed: 0,
            since: Some(now),
            in_flight: 0,
            began: None,
        }
    }

    /// A lease that was granted in an earlier life of the coordinator.
    pub(crate) const fn restored(now: Tick) -> Self {
        Self { frames: None, since: None, ..Self::granted(now) }
    }

    /// Speed of the worker under this lease, in thousandths of a frame a second: what came after the first
    /// frames, where that tells enough; else all that was committed, with what the lease cost beside it.
    pub(crate) fn speed(&self, now: Tick) -> Option<u64> {
        let computed = self.began.and_then(|(at, before)| {
            let span_ms = self.alive.since(at);
            let frames = self.frames?.checked_sub(before)?;
            if span_ms < TELLING_MS { None } else { rate(frames, span_ms) }
        });
        let whole = || rate(self.committed, now.since(self.since?));
        computed.or_else(whole).filter(|speed| *speed > 0)
    }
}
