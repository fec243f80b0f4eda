//! The durable state: what the records say, and nothing else. Refuses decisions: it only applies
//! records, live and at restore alike, so that a restart cannot think differently.

pub(crate) mod apply;
pub(crate) mod audits;
pub(crate) mod blame;
pub(crate) mod border;
pub(crate) mod frontier;
pub(crate) mod job;
pub(crate) mod pieces;
pub(crate) mod tries;

use std::collections::BTreeMap;

use cleanplate_types::ids::{JobId, LeaseId, WorkerId};
use cleanplate_types::time::Tick;

use crate::ledger::job::Job;
use crate::record::Piece;

/// How often a piece of work may fail before its job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Failures of its own.
    pub(crate) attempts_max: u32,
    /// Losses with its worker.
    pub(crate) lapses_max: u32,
}

/// All jobs and leases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ledger {
    pub(crate) limits: Limits,
    pub(crate) jobs: BTreeMap<JobId, Job>,
    /// The jobs in the order of submission.
    pub(crate) order: BTreeMap<u64, JobId>,
    pub(crate) leases: BTreeMap<LeaseId, Lease>,
    next_lease: u64,
    next_sequence: u64,
}

/// A current lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) job: JobId,
    pub(crate) worker: WorkerId,
    pub(crate) piece: Piece,
    pub(crate) attempt: u32,
    pub(crate) since: Tick,
}

impl Ledger {
    pub(crate) const fn new(limits: Limits) -> Self {
        Self {
            limits,
            jobs: BTreeMap::new(),
            order: BTreeMap::new(),
            leases: BTreeMap::new(),
            next_lease: 1,
            next_sequence: 0,
        }
    }

    /// The id that the next lease (of a worker or of a stitch) gets.
    pub(crate) const fn next_lease(&self) -> LeaseId {
        LeaseId(self.next_lease)
    }

    /// The last lease that was given; 0 where none was.
    pub(crate) const fn last_lease(&self) -> LeaseId {
        LeaseId(self.next_lease - 1)
    }

    pub(crate) fn skip_leases(&mut self, last: LeaseId) {
        self.next_lease = self.next_lease.max(last.0 + 1);
    }

    /// Jobs that have not ended, in the order of submission.
    pub(crate) fn open_jobs(&self) -> impl Iterator<Item = &JobId> {
        self.order
            .values()
            .filter(|job| self.jobs.get(*job).is_some_and(|job| job.outcome.is_none()))
    }
}
