//! Everything that touches libav: reading sources, decoding, encoding, stitching, proving.
//!
//! Owns the fence around libav: `unsafe` only in the files named `ffi.rs`, and what leaves this
//! crate is planes, packets, tables and typed errors. Refuses to open anything by itself: bytes
//! come from a [`ReadAt`](cleanplate_types::access::ReadAt) and go to a
//! [`PartSink`](cleanplate_types::access::PartSink), so that it runs in a child process without
//! network or keys.

pub mod adts;
pub mod capability;
#[cfg(test)]
mod clip;
pub mod container;
pub mod decode;
pub mod device;
pub mod encode;
pub mod error;
pub mod fault;
pub mod frame;
pub mod glimpse;
pub mod index;
pub mod input;
pub mod log;
pub mod own;
pub mod parsers;
pub mod probe;
pub mod prove;
pub mod rest;
pub mod sample;
pub mod scan;
pub mod sequence;
pub mod stitch;
pub mod verify;
mod when;
