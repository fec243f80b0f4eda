//! The plan's code points of colour as libav's names of them.
//!
//! Owns the lists of those that all versions of libav name. Refuses to make up a name for another number.

mod ffi;

pub(super) use ffi::describe;
