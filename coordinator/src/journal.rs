//! What the coordinator must not forget: the scheduler's records, and the trails of attempts.
//!
//! Owns the interface that a database has to fulfil, and how a record becomes bytes. Attempts have no
//! table of their own: they follow from the records (see `attempts.rs`), so they cannot disagree with
//! them. Refuses decisions: a record is written as the scheduler made it.

mod error;
mod format;
mod leadership;
mod postgres;
mod rows;
mod sqlite;
mod state;

use cleanplate_core::record::Record;
use cleanplate_types::ids::{JobId, LeaseId};
use cleanplate_types::trail::TrailEntry;

pub use crate::journal::error::JournalError;
pub use crate::journal::format::RECORD_FORMAT;
pub use crate::journal::leadership::{
    Candidate, Epoch, Leader, Leadership, Standing, renew_for_good, stand_by,
};
pub use crate::journal::postgres::{PostgresJournal, PostgresOptions};
pub use crate::journal::sqlite::SqliteJournal;
pub use crate::journal::state::StateUrl;

/// What is written in one transaction: all of it is durable, or none.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Records, in order.
    pub records: Vec<Record>,
    /// Lines of trails, in order.
    pub trails: Vec<TrailLine>,
}

impl Batch {
    /// Whether there is nothing to write.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.records.is_empty() && self.trails.is_empty()
    }
}

/// One line of the trail of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailLine {
    /// The job.
    pub job: JobId,
    /// The attempt's lease.
    pub lease: LeaseId,
    /// What happened.
    pub entry: TrailEntry,
}

/// A durable, ordered log of records with the trails beside it. Only who leads appends (see
/// [`Leadership`]); anybody may read.
#[async_trait::async_trait]
pub trait Journal: Leadership {
    /// Every record, in the order in which they were appended.
    ///
    /// # Errors
    /// [`JournalError`] where the journal cannot be read, or a record makes no sense.
    async fn load(&self) -> Result<Vec<Record>, JournalError>;

    /// Appends a batch in one transaction. When it returns, the batch survives a power failure. A job that
    /// is forgotten takes its earlier records and trails with it, but for the record of its last lease.
    ///
    /// # Errors
    /// [`JournalError`]; nothing of the batch is in the journal then, and it may be tried again. Two differ:
    /// after [`JournalError::Deposed`] it never will be, and after [`JournalError::Unreachable`] nobody
    /// knows whether it is: whoever decided it has to read the journal before deciding anything else.
    async fn append(&self, batch: &Batch) -> Result<(), JournalError>;

    /// The records of one job, in order.
    ///
    /// # Errors
    /// As for `load`.
    async fn records_of(&self, job: &JobId) -> Result<Vec<Record>, JournalError>;

    /// The trails of one job, in the order in which their lines were appended.
    ///
    /// # Errors
    /// As for `load`.
    async fn trails_of(&self, job: &JobId) -> Result<Vec<TrailLine>, JournalError>;

    /// Every line of every trail that tells of a fallback, in order.
    ///
    /// # Errors
    /// As for `load`.
    async fn fallbacks(&self) -> Result<Vec<TrailLine>, JournalError>;

    /// The name of the store that the jobs' objects are in, once it was told.
    ///
    /// # Errors
    /// As for `load`.
    async fn store_named(&self) -> Result<Option<String>, JournalError>;

    /// Tells that name, in place of an earlier one. May be told twice.
    ///
    /// # Errors
    /// As for an append.
    async fn name_store(&self, farm: &str) -> Result<(), JournalError>;

    /// Ends its use: nothing is read or appended afterwards.
    async fn close(&self);
}
