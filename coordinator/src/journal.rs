//! What the coordinator must not forget: the scheduler's records, and the trails of attempts.
//!
//! Owns the interface that a database has to fulfil, and how a record becomes bytes. Attempts have no
//! table of their own: they follow from the records (see `attempts.rs`), so they cannot disagree with
//! them. Refuses decisions: a record is written as the scheduler made it.

mod format;
mod sqlite;

use std::path::PathBuf;

use cleanplate_core::record::Record;
use cleanplate_types::ids::{JobId, LeaseId};
use cleanplate_types::trail::TrailEntry;

pub use crate::journal::format::RECORD_FORMAT;
pub use crate::journal::sqlite::SqliteJournal;

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

/// A durable, ordered log of records with the trails beside it.
#[async_trait::async_trait]
pub trait Journal: std::fmt::Debug + Send + Sync {
    /// Every record, in the order in which they were appended.
    ///
    /// # Errors
    /// [`JournalError`] where the journal cannot be read, or a record makes no sense.
    async fn load(&self) -> Result<Vec<Record>, JournalError>;

    /// Appends a batch in one transaction. When it returns, the batch survives a power failure. A job that
    /// is forgotten takes its earlier records and trails with it, but for the record of its last lease.
    ///
    /// # Errors
    /// [`JournalError`]; nothing of the batch is in the journal then, and it may be tried again.
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

    /// Ends its use: nothing is read or appended afterwards.
    async fn close(&self);
}

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Its folder is missing and cannot be made, or cannot be written.
    #[error(
        "the state folder {} cannot be written: {source}; make it writable or choose another by `--state sqlite:PATH`",
        path.display()
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Another coordinator has it open.
    #[error(
        "the journal {} is in use by another coordinator; stop that one, or give this one a state of its own by `--state sqlite:PATH`",
        path.display()
    )]
    InUse {
        /// The journal.
        path: PathBuf,
    },
    /// A later version of the product wrote it.
    #[error(
        "the journal {} was written by a newer version of cleanplate (its format is {found}, this version knows {known}); use that version, or another state",
        path.display()
    )]
    Newer {
        /// The journal.
        path: PathBuf,
        /// The version of its schema or of its records.
        found: i64,
        /// The latest that is known here.
        known: i64,
    },
    /// An earlier version of the product wrote it, whose records are not read any more.
    #[error(
        "the journal {} was written by an older version of cleanplate (its format is {found}, this version reads {known}); finish its jobs with that version, then give this one a state of its own by `--state sqlite:PATH`",
        path.display()
    )]
    Older {
        /// The journal.
        path: PathBuf,
        /// The version of its records.
        found: i64,
        /// The one that is read here.
        known: i64,
    },
    /// What is in it makes no sense.
    #[error("the journal {} is damaged at record {seq}: {why}; restore it from a copy", path.display())]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// The record.
        seq: i64,
        /// What is wrong with it.
        why: String,
    },
    /// The database refuses.
    #[error("the journal {} cannot be used: {source}", path.display())]
    Database {
        /// The journal.
        path: PathBuf,
        /// What it says.
        #[source]
        source: sqlx::Error,
    },
    /// The database's tables cannot be brought to this version's.
    #[error("the tables of the journal {} cannot be prepared: {source}", path.display())]
    Tables {
        /// The journal.
        path: PathBuf,
        /// What it says.
        #[source]
        source: Box<sqlx::migrate::MigrateError>,
    },
    /// A record cannot be written as bytes.
    #[error("a record of job {job} cannot be encoded: {source}")]
    Unwritable {
        /// The job.
        job: JobId,
        /// What the encoder says.
        #[source]
        source: postcard::Error,
    },
}
