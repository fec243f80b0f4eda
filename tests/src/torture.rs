//! The torture set: kinds of clips that break tools which cut video, each by a stated recipe and with
//! what must become of it.
//!
//! Owns kinds, recipes, expectations and the comparison with the ffmpeg command line. Refuses a table of
//! its own of what a clip shows: the reference is always ffmpeg and ffprobe.

pub mod bytes;
pub mod compare;
pub mod draw;
pub mod facts;
pub mod kind;
pub mod kinds;
pub mod known;
pub mod lane;
pub mod real;
pub mod series;
mod story;
pub mod table;
pub mod workshop;
