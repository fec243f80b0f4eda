//! The rows of the tables and what is said above each, by subject.

pub(super) mod beside;
pub(super) mod codecs;
pub(super) mod samples;
pub(super) mod times;
