//! The reading half against the ffmpeg command line: tables, ranges, samples, and what is refused.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what these helpers cannot do fails the test that asked for it"
)]

mod clips;
mod indexed;
mod ranges;
mod real;
mod reference;
mod refused;
mod tables;
