//! The plan's code points of colour as libav's names of them.
//!
//! Owns nothing: the lists are made of libav's raw types, and stand with those.

mod ffi;

pub(super) use ffi::describe;
