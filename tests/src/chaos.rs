//! The farm under faults that are drawn by seed: real processes on loopback, a real clip, and whoever is killed, paused,
//! cut off or out of space at a moment that the draw names.
//!
//! Owns the draws, the moments, the faults and the judgement: the movie of an undisturbed run byte for byte, or a typed
//! failure; nothing else under the final name, nobody and nothing left behind. Refuses faults that it cannot make
//! honestly: a slow disk is not among them (see docs/chaos.md).

pub mod draw;
mod evidence;
mod farm;
mod judge;
mod proxy;
mod run;
pub mod series;
