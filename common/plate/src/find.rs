//! Finds overlays that stay in place while the picture behind them changes.
//!
//! Owns which frames are looked at, what is kept of them, and the decision. "It stays" counts only where
//! the background demonstrably changed: most of the picture shows another view than those counted lately,
//! and so does what surrounds the place. A locked-off camera therefore gives no evidence, whatever passes
//! before it, and the finder abstains.
//!
//! 1. [`SamplePlan`] names the frames of a window to decode.
//! 2. [`Window`] takes them in, in rising order, and gives [`Evidence`]: small integers, 1 MiB at most.
//! 3. [`reduce()`] adds the evidence of all windows, in whatever order, and gives one `Finding`.

pub use evidence::{Evidence, Window, WindowError};
pub use reduce::{Params, reduce};
pub use sampling::SamplePlan;

mod candidates;
mod evidence;
mod lanes;
mod novelty;
mod plate;
mod presence;
mod reduce;
mod reduced;
mod runs;
mod sampling;
mod shown;
mod slopes;
mod sums;
mod verify;

#[cfg(test)]
mod tests;
