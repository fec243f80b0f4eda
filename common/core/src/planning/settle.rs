//! Settling what is removed: what the user gave, and what the search for overlays found.

use cleanplate_types::object::ObjectRef;
use cleanplate_types::overlay::{Fill, Finding, Mask, Overlay, OverlayOrigin, OverlayPlan, Track};
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
    /// Remarks for the user.
    pub notes: Vec<String>,
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
    /// It is a finding of another look.
    #[error("the finding is that of another look")]
    OtherLook,
    /// It speaks of more or fewer overlays than the plan.
    #[error("the plan has {planned} overlays, the finding {found}")]
    Count {
        /// Overlays of the plan.
        planned: usize,
        /// Overlays of the finding.
        found: usize,
    },
    /// An overlay's frames overlap, do not rise, or are none.
    #[error("the frames of found overlay {overlay} do not rise")]
    Frames {
        /// Its place in the finding, from 0.
        overlay: usize,
    },
}

/// Lays what was found over what was `given`: the given overlays come first, so that they are filled
/// first whatever is found; those of another video's plan come last. A forced fill holds for all.
///
/// Where the user gave something, an empty search changes nothing, and a search that abstained
/// leaves a note.
///
/// # Errors
/// [`SettleError`] where the finding does not fit the source.
pub fn settle(given: OverlayPlan, finding: Finding, fill: Fill) -> Result<Settled, SettleError> {
    let OverlayPlan { width, height, overlays: mut all, mut tracks, .. } = given;
    let mut notes = Vec::new();
    match finding {
        Finding::Overlays { plan: found, notes: remarks } => {
            check(&found, width, height)?;
            if let Some(overlay) = found.overlays.iter().position(|found| found.when.is_empty()) {
                return Err(SettleError::Frames { overlay });
            }
            // Those of a told plan stay last: their mattes come in that order.
            let told = all.iter().position(|overlay| overlay.origin == OverlayOrigin::Plan);
            let at = told.unwrap_or(all.len());
            let overlays = found.overlays.into_iter();
            let overlays =
                overlays.map(|overlay| Overlay { fill: filled(overlay.origin, fill), ..overlay });
            all.splice(at..at, overlays);
            let found = found.tracks.into_iter();
            tracks.extend(found.map(|track| Track { fill: filled(track.origin, fill), ..track }));
            notes.extend(remarks);
        }
        Finding::Nothing => {}
        Finding::Abstained { why } if all.is_empty() => return Ok(Settled::Abstained { why }),
        Finding::Abstained { why } => {
            notes.push(format!("the detector abstained: {why}; only what was given is removed"));
        }
        Finding::Learned { .. } => return Err(SettleError::OtherLook),
    }
    let plan = OverlayPlan { tracks, ..OverlayPlan::new(width, height, all) };
    if plan.is_empty() {
        return Ok(Settled::Nothing);
    }
    Ok(Settled::Plan(SettledPlan { plan, notes }))
}

/// How something found is removed where `asked` was asked for: what is a person's business is not guessed at
/// but made unreadable.
const fn filled(origin: OverlayOrigin, asked: Fill) -> Fill {
    match (origin, asked) {
        (OverlayOrigin::Face | OverlayOrigin::Plate, Fill::Auto) => Fill::Pixelate,
        (_, asked) => asked,
    }
}

/// Takes over what was learned of the overlays of `plan`: their masks, frames and what they hide. What is
/// removed, and how, stays as it was settled.
///
/// # Errors
/// [`SettleError`] where the finding does not fit the plan.
pub fn learned(
    mut plan: OverlayPlan,
    finding: Finding,
    mattes: Option<ObjectRef>,
) -> Result<Settled, SettleError> {
    let Finding::Learned { plan: found, notes } = finding else {
        return Err(SettleError::OtherLook);
    };
    check(&found, plan.width, plan.height)?;
    let (planned, count) = (plan.overlays.len(), found.overlays.len());
    if planned != count {
        return Err(SettleError::Count { planned, found: count });
    }
    for (overlay, found) in plan.overlays.iter_mut().zip(found.overlays) {
        overlay.mask = found.mask;
        overlay.when = found.when;
        overlay.hides = found.hides;
    }
    plan.mattes = mattes;
    let is_shown = |overlay: &Overlay| !overlay.when.is_empty();
    if !plan.overlays.iter().any(is_shown) && plan.tracks.is_empty() {
        let why = match notes.is_empty() {
            true => "no frame shows what was to be removed".to_owned(),
            false => notes.join("; "),
        };
        return Ok(Settled::Abstained { why });
    }
    Ok(Settled::Plan(SettledPlan { plan, notes }))
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
        if it.when.iter().any(|frames| frames.is_empty()) || !rises {
            return Err(SettleError::Frames { overlay });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
