//! From the evidence of all windows to one finding. Pure, and the same for any order of the windows.

use cleanplate_types::overlay::{Fill, Finding, Mask, Overlay, OverlayOrigin, OverlayPlan};
use cleanplate_types::picture::Rect;

use super::candidates::Field;
use super::evidence::Evidence;
use super::reduced::{reduced_size, reduction};
use super::shown::when_shown;
use super::verify::overlays_in;
use crate::bitmap::Bitmap;

/// Share of the frames, in percent, in which an overlay is that always is.
const ALWAYS_PERCENT: u64 = 90;

/// What the decision depends on beside the evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// Times that the background must have changed at a place before the place says anything.
    pub turns_min: u32,
    /// Share of the picture, in percent, that must say something before the finder says "nothing".
    pub seen_percent_min: u32,
    /// Share of the picture, in percent, that must say something before anything found is believed.
    pub found_percent_min: u32,
    /// How far a found mask reaches beyond what is visible, in luma samples: soft edges and the encoder's
    /// ringing.
    pub margin: u32,
    /// How a found overlay is to be filled.
    pub fill: Fill,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            turns_min: 4,
            seen_percent_min: 80,
            found_percent_min: 70,
            margin: 2,
            fill: Fill::Auto,
        }
    }
}

/// Decides from the evidence of all windows of a video of `table_frames` frames.
///
/// Evidence of another picture size than the first in frame order is left out: such a window cannot
/// be compared; neither can one that is not well formed. An overlay is there up to the first sample that
/// does not show it.
#[must_use]
pub fn reduce(evidence: &[Evidence], table_frames: u64, params: &Params) -> Finding {
    let mut windows: Vec<&Evidence> =
        evidence.iter().filter(|window| window.is_well_formed()).collect();
    windows.sort_by_key(|window| (window.frames, window.samples));
    let Some((width, height)) = windows.first().map(|window| (window.width, window.height)) else {
        return Finding::Abstained { why: String::from("no frame was looked at") };
    };
    windows.retain(|window| (window.width, window.height) == (width, height));
    let (columns, rows) = reduced_size(width, height);
    let mut field = Field::empty(columns, rows);
    for window in &windows {
        field.add(window);
    }
    let found = overlays_in(&field, params);
    let seen_percent = field.seen_percent(params.turns_min);
    if found.is_empty() || seen_percent < params.found_percent_min as usize {
        return without_overlays(&field, params);
    }
    let step = reduction(width);
    // An edge is seen one reduced sample to each side of itself.
    let margin = params.margin.saturating_sub(step).div_ceil(step) as usize;
    let overlays: Vec<Overlay> = found
        .iter()
        .map(|places| Overlay {
            origin: OverlayOrigin::Static,
            mask: enlarged(&places.dilated(margin), step, (width, height)),
            when: when_shown(&field, places, &windows, table_frames),
            fill: params.fill,
            hides: true,
        })
        .collect();
    // In a picture of which much stays, what stays for a time is part of it.
    let is_seen = seen_percent >= params.seen_percent_min as usize;
    let is_always = |overlay: &Overlay| {
        let shown: u64 = overlay.when.iter().map(|range| range.count()).sum();
        shown * 100 >= table_frames * ALWAYS_PERCENT
    };
    let overlays: Vec<Overlay> =
        overlays.into_iter().filter(|overlay| is_seen || is_always(overlay)).collect();
    if overlays.is_empty() {
        return without_overlays(&field, params);
    }
    Finding::found(OverlayPlan::new(width, height, overlays))
}

fn without_overlays(field: &Field, params: &Params) -> Finding {
    let percent = field.seen_percent(params.turns_min);
    if percent >= params.seen_percent_min as usize {
        return Finding::Nothing;
    }
    Finding::Abstained {
        why: format!(
            "the background changes in only {percent} % of the picture, so what stays need not be an overlay"
        ),
    }
}

/// The luma samples that reduced places stand for.
fn enlarged(places: &Bitmap, step: u32, (width, height): (u32, u32)) -> Mask {
    let (left, top, right, bottom) =
        places.bounds().map_or((0, 0, 0, 0), |span| (span.left, span.top, span.right, span.bottom));
    let luma = |place: usize, size: usize, end: u32| {
        // The last reduced column or row also stands for what the division left over.
        if place >= size {
            end
        } else {
            u32::try_from(place).unwrap_or(u32::MAX).saturating_mul(step)
        }
    };
    let (x, y) = (luma(left, places.width, width), luma(top, places.height, height));
    let bounds = Rect {
        x,
        y,
        width: luma(right, places.width, width) - x,
        height: luma(bottom, places.height, height) - y,
    };
    let mut mask = Mask::empty(bounds);
    for row in 0..bounds.height {
        for column in 0..bounds.width {
            let place_x = (((x + column) / step) as usize).min(places.width - 1);
            let place_y = (((y + row) / step) as usize).min(places.height - 1);
            if places.has(place_x, place_y) {
                mask.set(column, row);
            }
        }
    }
    mask
}
