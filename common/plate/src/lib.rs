//! The clean-plate engine: finds overlays that stay while the picture changes, and fills what they cover.
//!
//! Owns the arithmetic on pictures. Planes in, planes out: it refuses files, libav, models, threads
//! and clocks, and gives the same samples on every CPU (integers, and `f32` in one fixed order).
//!
//! * [`find`] gathers evidence from sampled frames and turns it into one `Finding` for the job.
//! * [`study`] looks a second time: what overlays are made of, and where those are that move.
//! * [`fetch`] looks a third time: what an overlay covers, from other frames of its shot.
//! * [`restore`] takes the overlays of an `OverlayPlan` off a frame: all that is known of them put together.
//! * [`blend`] keeps what a model paints of single frames from flickering.
//! * [`matte`] and [`fill`] are its tools: the blend solved for the background, and surfaces made up.
//! * [`track`] joins what detectors saw in sampled frames into the overlays and tracks of a plan.

pub mod blend;
pub mod fetch;
pub mod fill;
pub mod find;
pub mod matte;
pub mod mattes;
pub mod restore;
pub mod study;
pub mod track;

mod bitmap;
mod piece;
mod sample;
