//! The writing half as a whole: clips made by the ffmpeg command line are encoded in cells and stitched,
//! and the ffmpeg command line says what came out.
#![expect(clippy::unwrap_used, reason = "everything here is a test, or what a test is made of")]
#![expect(clippy::unwrap_in_result, reason = "a test's own stand-ins may fail as they like")]

mod clips;
mod container;
mod encode;
mod faults;
mod machine;
mod messages;
mod rest;
mod stitch;
mod webm;
