//! Why a journal cannot be used, in words that say what to do. No text here has a password in it: a journal is
//! named as `StateUrl` shows it.

use std::path::PathBuf;

use cleanplate_types::ids::JobId;

use crate::journal::Epoch;

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// What names it names no journal.
    #[error("the state is `{state}`; it must be sqlite:PATH or postgres://USER@HOST/DATABASE")]
    Unknown {
        /// What was given, without a password.
        state: String,
    },
    /// What names it is not right.
    #[error("the state `{state}` is wrong: {why}")]
    Address {
        /// What was given, without a password.
        state: String,
        /// What is wrong with it.
        why: String,
    },
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
    /// Another coordinator has it open, and it takes no second one.
    #[error(
        "the journal {journal} is in use by another coordinator; stop that one, or give this one a state of its own by `--state sqlite:PATH`"
    )]
    InUse {
        /// The journal.
        journal: String,
    },
    /// Another coordinator leads: what this one decides counts no more.
    #[error(
        "another coordinator leads the journal since epoch {epoch}: {by} at {address}; what this one decided counts no more"
    )]
    Deposed {
        /// The epoch of the lead that is current.
        epoch: Epoch,
        /// Who has it; empty where nobody has.
        by: String,
        /// Where that one is found; empty where nobody leads.
        address: String,
    },
    /// Something is to be written, and this coordinator does not lead, or has given the lead up.
    #[error("the journal {journal} is written by who leads, and this coordinator does not")]
    NotLeading {
        /// The journal.
        journal: String,
    },
    /// The database was not to be reached, though it was tried for a while.
    #[error(
        "the journal {journal} was not to be reached for {tried_secs} s: {source}; see to the database, then start the coordinator again"
    )]
    Unreachable {
        /// The journal.
        journal: String,
        /// How long it was tried.
        tried_secs: u64,
        /// What the last try said.
        #[source]
        source: sqlx::Error,
    },
    /// The database is none that a journal can be kept in.
    #[error("the database of the journal {journal} cannot keep one: {why}")]
    Unsuitable {
        /// The journal.
        journal: String,
        /// What it lacks, and what to do.
        why: String,
    },
    /// A later version of the product wrote it.
    #[error(
        "the journal {journal} was written by a newer version of cleanplate (its format is {found}, this version knows {known}); use that version, or another state"
    )]
    Newer {
        /// The journal.
        journal: String,
        /// The version of its schema or of its records.
        found: i64,
        /// The latest that is known here.
        known: i64,
    },
    /// An earlier version of the product wrote it, whose records are not read any more.
    #[error(
        "the journal {journal} was written by an older version of cleanplate (its format is {found}, this version reads {known}); finish its jobs with that version, then give this one a state of its own by `--state`"
    )]
    Older {
        /// The journal.
        journal: String,
        /// The version of its records.
        found: i64,
        /// The one that is read here.
        known: i64,
    },
    /// What is in it makes no sense.
    #[error("the journal {journal} is damaged at record {seq}: {why}; restore it from a copy")]
    Damaged {
        /// The journal.
        journal: String,
        /// The record.
        seq: i64,
        /// What is wrong with it.
        why: String,
    },
    /// The database refuses.
    #[error("the journal {journal} cannot be used: {source}")]
    Database {
        /// The journal.
        journal: String,
        /// What it says.
        #[source]
        source: sqlx::Error,
    },
    /// The database's tables cannot be brought to this version's.
    #[error("the tables of the journal {journal} cannot be prepared: {source}")]
    Tables {
        /// The journal.
        journal: String,
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
