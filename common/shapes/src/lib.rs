//! What clients see as JSON, defined once: `--json` of the commands and the HTTP interface speak alike.
//!
//! Owns the names of the fields, and in [`words`] and [`report`] what is said of jobs to people. Refuses decisions. What
//! is read from JSON becomes a message of the wire, and is checked where all of those are.

mod asked;
mod attempt;
mod batch;
mod overlay;
pub mod report;
mod request;
mod state;
pub mod words;
mod worker;

pub use crate::asked::{Asked, region};
pub use crate::attempt::{Attempt, TrailLine};
pub use crate::batch::{BatchFile, BatchLine, BatchRequest, BatchTotals};
pub use crate::overlay::{ShownOverlay, rounded};
pub use crate::request::{
    Base64, Corner, Detector, Hex, JobRequest, Logo, Mask, Model, Plan, PlanOverlay, Rect, Region,
};
pub use crate::state::{End, FailureJson, JobState, Outcome};
pub use crate::worker::{Worker, WorkerCard, WorkerEncoder, WorkerLoad};
