//! The coordinator: takes jobs, hands out leases, keeps the journal, stitches and publishes.
//!
//! Owns the one loop that feeds the scheduler and performs what it decides, the services that workers
//! and clients speak to, and the stitch, which runs in a child process. Refuses decisions, which are
//! core's, and media: no byte of a video is parsed in this process (invariants 5, 10 and 12).

mod asking;
mod attempts;
mod attend;
mod book;
mod clock;
mod closing;
mod commits;
mod coordinator;
mod dispatch;
mod door;
mod failpoint;
mod finish;
mod glimpse;
mod granted;
mod hooks;
mod http;
mod jobs;
mod journal;
mod limits;
mod marks;
mod measured;
mod meters;
mod milestones;
mod objects;
mod pods;
mod scaler;
mod serve;
mod service;
mod shown;
mod standby;
mod tally;
#[cfg(test)]
mod tests;
mod traces;

pub use crate::coordinator::{Coordinator, CoordinatorError, CoordinatorOptions};
pub use crate::door::Door;
pub use crate::finish::stitch_main;
pub use crate::hooks::{BadEndpoint, BadSecrets, Endpoint, HookOptions, Secrets};
pub use crate::journal::{
    Batch, Candidate, Epoch, Journal, JournalError, Leader, Leadership, PostgresJournal,
    PostgresOptions, RECORD_FORMAT, SqliteJournal, Standing, StateUrl, TrailLine, renew_for_good,
    stand_by,
};
pub use crate::limits::DoorLimits;
pub use crate::pods::{PodCosts, PodCostsError};
pub use crate::serve::listen;
pub use crate::service::serve_in_turn;
