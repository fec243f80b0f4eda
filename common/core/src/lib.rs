//! Every decision of cleanplate, pure: how a job is cut, who gets which lease, what is accepted.
//!
//! Owns planning (cells, encoder, plan), the scheduler, its records and its views. Refuses IO, clocks,
//! async and media: time is an argument, data comes by an input, what must happen leaves as an effect.

pub mod config;
pub mod demand;
pub mod effect;
pub mod input;
pub(crate) mod ledger;
pub mod outcome;
pub mod planning;
pub mod record;
#[cfg(test)]
mod samples;
pub mod scheduler;
pub mod seams;
pub mod segments;
pub mod view;
