//! Which looks at the frames a plan still needs, and the windows in which they are taken.
//!
//! Owns the order of the looks and what each is asked for. Refuses to know what a look finds.

use cleanplate_types::frames::FrameRange;
use cleanplate_types::model::Painting;
use cleanplate_types::overlay::{Draft, Fill, Look, Overlay, OverlayOrigin, OverlayPlan};
use cleanplate_types::request::{JobRequest, Review};

use super::windows::{FIRST_WINDOWS, FRAMES_PER_FIRST_WINDOW};
use crate::input::Survey;

/// Frames of a window of the fetching look, at most: their reduced pictures are held in memory, 120 MB.
pub const FETCH_FRAMES_MAX: u64 = 600;

/// The look that comes next after `last`, where nothing is `None`; nothing where the plan is complete.
#[must_use]
pub fn next_look(request: &JobRequest, plan: &OverlayPlan, last: Option<Look>) -> Option<Look> {
    let rest = [Look::Learn, Look::Fetch, Look::Preview];
    let wanted = |look: Look| match look {
        Look::Find => false,
        Look::Learn => plan.mattes.is_none() && plan.overlays.iter().any(is_learned),
        Look::Fetch => plan.backgrounds.is_empty() && plan.overlays.iter().any(is_fetched),
        Look::Preview => request.review != Review::Go,
    };
    rest.into_iter().find(|look| last.is_none_or(|last| *look > last) && wanted(*look))
}

/// Remark on what is painted frame by frame where a model was given to paint with, or that it is not run at all.
#[must_use]
pub fn painted(
    request: &JobRequest,
    plan: &OverlayPlan,
    painting: Option<&Painting>,
) -> Option<String> {
    if let Some(Painting { model, class }) = painting {
        return Some(format!(
            "what no background serves is painted frame by frame by `{model}` (one run of the model or more for each \
             such frame, which is slow; on {class})"
        ));
    }
    let painter = request.painter.as_ref().filter(|_| plan.backgrounds.is_empty())?;
    Some(format!(
        "the model `{painter}` was not run: nothing of what is removed is left to be made up"
    ))
}

/// The windows of a look, in order; none where the look needs no frames and goes straight to the reduction.
#[must_use]
pub fn windows_of(
    look: Look,
    request: &JobRequest,
    survey: &Survey,
    plan: &OverlayPlan,
) -> Vec<FrameRange> {
    match look {
        Look::Find => survey.windows.clone(),
        Look::Learn => {
            let overlays = plan.overlays.iter().enumerate();
            let mut seen = overlays.filter(|(at, overlay)| {
                is_learned(overlay)
                    && match overlay.origin {
                        OverlayOrigin::Logo => {
                            request.logos.get(*at).is_none_or(|logo| logo.at.is_none())
                        }
                        // A logo that moved in the other video is looked for; where none did, the look
                        // asks for no frames.
                        OverlayOrigin::Plan => request.told.is_some(),
                        OverlayOrigin::Region
                        | OverlayOrigin::Mask
                        | OverlayOrigin::Static
                        | OverlayOrigin::Text
                        | OverlayOrigin::Face
                        | OverlayOrigin::Plate
                        | OverlayOrigin::Object => true,
                    }
            });
            if seen.next().is_some() { survey.windows.clone() } else { Vec::new() }
        }
        Look::Fetch => {
            let fetched: Vec<&Overlay> =
                plan.overlays.iter().filter(|overlay| is_fetched(overlay)).collect();
            let shows = |window: &FrameRange| {
                let mut when = fetched.iter().flat_map(|overlay| &overlay.when);
                when.any(|frames| !frames.intersect(*window).is_empty())
            };
            let frames = frames(survey);
            let first = (frames / FRAMES_PER_FIRST_WINDOW).min(FIRST_WINDOWS);
            tiles(frames, frames.div_ceil(FETCH_FRAMES_MAX).max(first)).filter(shows).collect()
        }
        Look::Preview => vec![FrameRange::new(0, frames(survey))],
    }
}

/// What a look after the first is given: what the user told beside the plan is needed by one alone.
#[must_use]
pub fn draft(request: &JobRequest, plan: &OverlayPlan, look: Look) -> Draft {
    let plan = plan.clone();
    if look != Look::Learn {
        return Draft { plan, logos: Vec::new(), told_mattes: Vec::new() };
    }
    let told = request.told.as_ref();
    let told_mattes = told.map(|told| told.mattes.clone()).unwrap_or_default();
    Draft { plan, logos: request.logos.clone(), told_mattes }
}

/// Whether something must be learned (or only put down) of the overlay before it can be removed.
const fn is_learned(overlay: &Overlay) -> bool {
    match overlay.origin {
        OverlayOrigin::Logo | OverlayOrigin::Plan => true,
        OverlayOrigin::Static => !matches!(overlay.fill, Fill::Pixelate),
        OverlayOrigin::Region | OverlayOrigin::Mask => overlay.fill.inverts(),
        OverlayOrigin::Text
        | OverlayOrigin::Face
        | OverlayOrigin::Plate
        | OverlayOrigin::Object => false,
    }
}

fn is_fetched(overlay: &Overlay) -> bool {
    overlay.hides && overlay.fill.fetches() && !overlay.when.is_empty()
}

fn frames(survey: &Survey) -> u64 {
    survey.cells.last().map_or(0, |cell| cell.frames.end)
}

/// `count` ranges of equal lengths that tile `frames` frames.
fn tiles(frames: u64, count: u64) -> impl Iterator<Item = FrameRange> {
    (0..count).map(move |at| FrameRange::new(frames * at / count, frames * (at + 1) / count))
}

#[cfg(test)]
mod tests;
