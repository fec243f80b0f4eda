//! Finds overlays that stay in place while the picture behind them changes.
//!
//! Owns which frames are looked at, what is kept of them, and the decision. "It stays" counts only
//! where the background demonstrably changed: each block of the picture counts a sample only when
//! its surroundings differ from the last one that it counted. A locked-off camera therefore gives no
//! evidence, and the finder abstains.
//!
//! 1. [`SamplePlan`] names the frames of a window to decode.
//! 2. [`Window`] takes them in, in rising order, and gives [`Evidence`]: sums of small integers.
//! 3. [`reduce()`] adds the evidence of all windows, in whatever order, and gives one `Finding`.

pub use evidence::{Evidence, Window, WindowError};
pub use reduce::{Params, reduce};
pub use sampling::SamplePlan;

mod candidates;
mod evidence;
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
