//! Settling what is removed: what the user gave, and what the search for overlays found.

use cleanplate_types::overlay::{Finding, Mask, OverlayPlan};
use cleanplate_types::request::FillChoice;
use serde::{Deserialize, Serialize};

/// What becomes of a job after the search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// This is removed.
    Plan(SettledPlan),
    /// Nothing was given and nothing is there.
    Nothing,
    /// Nothing was given, and the search could not tell.
    Abstained {
        /// Why, in a clause that fits after "the detector abstained: ".
        why: String,
    },
}

/// The job's plan, settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettledPlan {
    /// What is removed.
    pub plan: OverlayPlan,
    /// A remark for the user.
    pub note: Option<String>,
}

/// A finding that does not fit the source: a bug of the detector's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettleError {
    /// It speaks of pictures of another size.
    #[error(
        "the finding is for pictures of {found_width}x{found_height}, the source's are {width}x{height}"
    )]
    Size {
        /// Width that the finding speaks of.
        found_width: u32,
        /// Height that the finding speaks of.
        found_height: u32,
        /// Width of the picture.
        width: u32,
        /// Height of the picture.
        height: u32,
    },
    /// An overlay's mask is damaged or reaches beyond the picture.
    #[error("the mask of found overlay {overlay} does not fit the picture")]
    Mask {
        /// Its place in the finding, from 0.
        overlay: usize,
    },
    /// An overlay's frames overlap, do not rise, or are none.
    #[error("the frames of found overlay {overlay} do not rise")]
    Frames {
        /// Its place in the finding, from 0.
        overlay: usize,
    },
}

/// Lays what was found over what was `given`: the given overlays come first, so that they are filled
/// first whatever is found. A forced fill holds for both.
///
/// Where the user gave something, an empty search changes nothing, and a search that abstained
/// leaves a note.
///
/// # Errors
/// [`SettleError`] where the finding does not fit the source.
pub fn settle(
    given: OverlayPlan,
    finding: Finding,
    fill: FillChoice,
) -> Result<Settled, SettleError> {
    let OverlayPlan { width, height, overlays: mut all } = given;
    let mut note = None;
    match finding {
        Finding::Overlays(found) => {
            check(&found, width, height)?;
            all.extend(found.overlays.into_iter().map(|mut overlay| {
                if let FillChoice::Forced(fill) = fill {
                    overlay.fill = fill;
                }
                overlay
            }));
        }
        Finding::Nothing => {}
        Finding::Abstained { why } if all.is_empty() => return Ok(Settled::Abstained { why }),
        Finding::Abstained { why } => {
            note = Some(format!("the detector abstained: {why}; only what was given is removed"));
        }
    }
    if all.is_empty() {
        return Ok(Settled::Nothing);
    }
    Ok(Settled::Plan(SettledPlan { plan: OverlayPlan { width, height, overlays: all }, note }))
}

fn check(found: &OverlayPlan, width: u32, height: u32) -> Result<(), SettleError> {
    let (found_width, found_height) = (found.width, found.height);
    if (found_width, found_height) != (width, height) {
        return Err(SettleError::Size { found_width, found_height, width, height });
    }
    let fits = |mask: &Mask| {
        mask.is_well_formed() && mask.bounds.right() <= width && mask.bounds.bottom() <= height
    };
    for (overlay, it) in found.overlays.iter().enumerate() {
        if !fits(&it.mask) {
            return Err(SettleError::Mask { overlay });
        }
        let rises = it.when.windows(2).all(|pair| pair[0].end <= pair[1].start);
        if it.when.is_empty() || it.when.iter().any(|frames| frames.is_empty()) || !rises {
            return Err(SettleError::Frames { overlay });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
