//! The clean-plate engine: finds overlays that stay while the picture changes, and fills what they cover.
//!
//! Owns the arithmetic on pictures. Planes in, planes out: it refuses files, libav, models, threads
//! and clocks, and gives the same samples on every CPU (integers, and `f32` in one fixed order).
//!
//! * [`fill`] replaces what an `OverlayPlan` covers, frame by frame.
//! * [`find`] gathers evidence from sampled frames and turns it into one `Finding` for the job.
//!
//! * [`study`] looks a second time: what overlays are made of, and where those are that move.
//!
//! Not used by the product yet, and said so in each:
//!
//! * [`fetch`] takes what an overlay covers from other frames of its shot.
//! * [`matte`] learns what an overlay is made of where the background shines through, and takes it off.
//! * [`track`] joins what detectors saw in sampled frames into regions that last.

pub mod fetch;
pub mod fill;
pub mod find;
pub mod matte;
pub mod mattes;
pub mod study;
pub mod track;

mod bitmap;
mod sample;
