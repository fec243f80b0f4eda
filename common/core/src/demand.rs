//! How much work remains, for metrics and for whoever scales a fleet. Nouns and their arithmetic; what they are
//! counted from is the scheduler's.

use std::collections::BTreeMap;

use cleanplate_types::tier::{TIERS, Tier};

use crate::view::JobPhase;

/// What a job is taken for whose source nobody has looked at yet, in milliseconds of a worker's time.
pub const NEW_JOB_MS: u64 = 60_000;

/// The work of a worker, in milliseconds, where an [`Ask`] does not say.
pub const TARGET_MS: u64 = 300_000;

/// Which work is asked for, and how it is to be spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// The row of the tier table whose workers are scaled; nothing for all workers.
    pub tier: Option<Tier>,
    /// How much work is one worker's, in milliseconds. At least 1.
    pub target_ms: u64,
    /// What a job is taken for whose source nobody has looked at yet, in milliseconds.
    pub new_job_ms: u64,
    /// Workers that one job may ask for.
    pub job_workers_max: Option<u64>,
    /// The part of the work that these workers are to do, in percent: where several tiers share it.
    pub share_percent: u64,
}

impl Default for Ask {
    fn default() -> Self {
        Self {
            tier: None,
            target_ms: TARGET_MS,
            new_job_ms: NEW_JOB_MS,
            job_workers_max: None,
            share_percent: 100,
        }
    }
}

impl Ask {
    /// The row of the tier table of this name (`24`, `24gb`, `cpu`).
    #[must_use]
    pub fn tier_of(name: &str) -> Option<Tier> {
        let name = name.trim().to_ascii_lowercase();
        let row = name.strip_suffix("gb").unwrap_or(&name);
        TIERS.into_iter().find(|tier| tier.name == row)
    }
}

/// What there is to do for the workers of an [`Ask`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Demand {
    /// Work that remains, queued and in flight, in milliseconds of one such worker.
    pub work_ms: u64,
    /// The same as far as it can be spread, no less than what keeps every busy worker: divided by the target
    /// it is the number of workers.
    pub value_ms: u64,
    /// Those workers that hold a lease and were not told to go.
    pub busy: u64,
}

impl Demand {
    /// Whether there is anything to do, or being done.
    #[must_use]
    pub const fn is_active(self) -> bool {
        self.value_ms > 0
    }

    /// How many workers that asks for.
    #[must_use]
    pub const fn workers(self, ask: &Ask) -> u64 {
        self.value_ms.div_ceil(if ask.target_ms == 0 { 1 } else { ask.target_ms })
    }
}

/// All work that is not done yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    /// Jobs that have not ended, by what they are at; a phase without one is not in it.
    pub jobs: BTreeMap<JobPhase, u64>,
    /// Of those in intake, jobs that nobody has begun.
    pub jobs_queued: u64,
    /// Frames of segments that are not committed; of jobs whose source is known.
    pub frames: u64,
    /// Those of them that were reported under a lease.
    pub frames_in_flight: u64,
    /// The work in milliseconds of one worker of each row of the tier table, were it to do all.
    pub work_ms: [u64; TIERS.len()],
    /// How long all attached workers together have for it at the speed that is measured, in milliseconds; nothing
    /// where none takes work.
    pub eta_ms: Option<u64>,
    /// Frames of 1080p a second of the workers of each row that take work, in thousandths: measured, or the row's.
    pub fps_milli: [u64; TIERS.len()],
}
