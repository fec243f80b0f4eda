//! The clean-plate engine: finds overlays that stay while the picture changes, and fills what they cover.
//!
//! Owns the arithmetic on pictures. Planes in, planes out: it refuses files, libav, models, threads
//! and clocks, and gives the same samples on every CPU (integers, and `f32` in one fixed order).
//!
//! * [`restore`] takes the overlays of an `OverlayPlan` off a frame: all that is known of them put together.
//! * [`fill`] replaces what an `OverlayPlan` covers, frame by frame.
//! * [`find`] gathers evidence from sampled frames and turns it into one `Finding` for the job.
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
pub mod restore;
pub mod track;

mod bitmap;
mod piece;
mod sample;
