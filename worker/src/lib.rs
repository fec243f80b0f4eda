//! The worker: attaches to a coordinator, and does in child processes what it is granted.
//!
//! Owns the worker's end of the `Fleet` stream, one child process for each lease, and the pipeline
//! in it: decode, detect, fill, encode, upload. Obeys grants and decides nothing about a job; it
//! refuses to open media in its own process (invariant 12) and to keep anything that the store
//! does not have.

mod attend;
mod disk;
mod engine;
mod farm_store;
mod grant;
mod idle;
mod job_models;
mod lease;
mod load;
mod machine;
mod models;
mod notice;
mod options;
mod order;
mod pipeline;
mod program;
mod serve;
mod sessions;
mod tally;
mod told;

pub use disk::check_scratch;
pub use engine::{Whose, engine_main};
pub use job_models::{JobModels, ModelsFor};
pub use machine::{Batches, MachineReport, ProvedRuntime, RefusedEncoder, Seat, check_machine};
pub use notice::{Cloud, Left, NoticeError, NoticeSource, look_for_notice, watch_notices};
pub use options::{
    Addresses, Coordinators, Ended, ModelOptions, Stop, WorkerError, WorkerLimits, WorkerOptions,
};
pub use serve::serve;
pub use tally::{CardTime, Tally, Worked};
pub use told::{ToldError, check_told, unknown_mattes};
