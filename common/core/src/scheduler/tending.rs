//! What is under way for a job outside the scheduler: asked for, running, waiting. Not durable: after a
//! restart it is asked for again.

use cleanplate_types::ids::LeaseId;
use cleanplate_types::time::Tick;

use crate::planning::encoder::Choice;
use crate::scheduler::meter::Meter;

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
    /// Parts of it that were committed and then discarded, in this life of the coordinator: the
    /// worker has handed them in and does not know.
    pub(crate) discarded: u32,
    /// When it was granted in this life of the coordinator.
    pub(crate) since: Option<Tick>,
    /// What the lease adds to the job's `in_flight`.
    pub(crate) in_flight: u64,
}

impl Watch {
    pub(crate) const fn new(alive: Tick, frames: Option<u64>, since: Option<Tick>) -> Self {
        Self { alive, frames, committed: 0, discarded: 0, since, in_flight: 0 }
    }
}
