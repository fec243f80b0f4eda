//! The reading half against the ffmpeg command line: tables, ranges, samples, and what is refused.

mod clips;
mod ranges;
mod real;
mod reference;
mod refused;
mod tables;
