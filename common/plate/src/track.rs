//! Joins what detectors saw in sampled frames into what a plan holds: overlays that stay in place, and tracks
//! of what moves. No gap, no blink.
//!
//! Owns which sights are one thing, hysteresis, and what lies between samples. Knows no model and no picture:
//! places in sampled frames in, masks and steps for ranges of frames out. Pure, in integers, and the same for
//! any order of the samples, so samples of all windows are joined in one place and how they were cut cannot
//! show. Measured on made sequences alone.
//!
//! * **Text and objects that stay** become [`Overlay`]s: one mask for all of their frames, made of all that was
//!   seen, on a grid of four samples, so that a detector's jitter neither moves it nor makes it blink. Words of a
//!   line are one; each line is an overlay of its own, since a rectangle costs a plan nothing, and more is fetched
//!   for lines by themselves than for a caption at once (by 1 to 1.5 dB). Captions that follow one another are overlays of their own where their
//!   boxes differ or where there was a gap; alike boxes without a gap are one overlay.
//! * **Text that moves** is taken for part of the scene and left alone: burned-in writing stays while the camera
//!   moves. Kept are lines that roll: [`ROLL_LINES_MIN`] of them or more, going straight up, down or across at one
//!   even speed; and what slides in or out of a place where it rests for most of its time. A single line that
//!   flies through the picture is left alone, and writing of the scene before a camera that stands is covered:
//!   places alone do not tell it from captions. **Objects that move** are tracks.
//! * **Faces and plates** are tracks of rectangles: an ellipse within the detector's box would leave skin at its
//!   corners. It errs on the side of covering: one sight is enough, between two sights everything is covered
//!   that it may have passed, a gap is covered by what holds both of its ends, and a track reaches back before
//!   its first sight and on after its last, the way that it went, to the picture's edge where that is near.
//!
//! A still thing is there up to the neighbouring sample that did not see it. [`second_looks`] names the frames
//! between the two that are worth a look, which are joined like all others, until its ends are exact.

use cleanplate_types::detection::{DetectionKind, Seen};
use cleanplate_types::overlay::{Fill, Overlay, Track};
use cleanplate_types::picture::Rect;
use serde::{Deserialize, Serialize};

use self::join::{Chain, Weight};
use self::parts::Part;
use self::samples::in_order;

pub use self::looks::second_looks;
pub use self::rolls::ROLL_LINES_MIN;

mod join;
mod looks;
mod parts;
mod places;
mod rolls;
mod samples;
mod steps;
mod still;

#[cfg(test)]
mod tests;

/// How sights are joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Width of the video's frames.
    pub width: u32,
    /// Height of the video's frames.
    pub height: u32,
    /// Score, of 1000, that some sight of a thing has at least.
    pub enter_score: u16,
    /// Score that every sight of a thing has at least.
    pub stay_score: u16,
    /// Score of a sight that is no chance, even where it is the only one.
    pub sure_score: u16,
    /// Sights that text and objects have at least where samples are dense; of what is private one is enough.
    pub sights_min: usize,
    /// Frames that text and objects last at least, from their first sight to their last, where samples are dense:
    /// second looks beside a chance sight make it several.
    pub frames_min: u64,
    /// Samples up to so many frames apart are dense: what is there is seen by several.
    pub dense_frames: u64,
    /// Frames that a thing may go unseen for.
    pub gap_frames_max: u64,
    /// Frames that something still may go unseen for, however many samples did not see it; of a longer gap that
    /// several samples bear out, it is believed that nothing was there.
    pub blink_frames_max: u64,
    /// Frames that a track of what is private reaches beyond its first and last sight at least.
    pub lead_frames: u64,
    /// Frames that anything else reaches beyond the samples that saw it last, where others did not see it, unless it
    /// begins or ends at a [`Cut`].
    pub fade_frames: u64,
    /// How far text and objects are grown on each side, in percent of their shorter side; two samples more.
    pub grow_percent: u32,
    /// How far what is private is grown on each side, in percent of its width and height.
    pub private_grow_percent: u32,
    /// How text and objects are removed.
    pub fill: Fill,
    /// How faces and plates are removed.
    pub private_fill: Fill,
}

impl Settings {
    /// Settings for a picture of that size at `rate` frames a second (rounded): a thing may go unseen for a
    /// second, still things blink for a third of one, and what is private reaches half a second on.
    #[must_use]
    pub fn usual(width: u32, height: u32, rate: u32) -> Self {
        let rate = u64::from(rate.max(1));
        Self {
            width,
            height,
            enter_score: 500,
            stay_score: 200,
            sure_score: 900,
            sights_min: 2,
            frames_min: 1,
            dense_frames: rate.div_ceil(2),
            gap_frames_max: rate,
            blink_frames_max: rate.div_ceil(3),
            lead_frames: rate.div_ceil(2),
            fade_frames: 0,
            grow_percent: 10,
            private_grow_percent: 15,
            fill: Fill::Auto,
            private_fill: Fill::Pixelate,
        }
    }

    const fn fill_of(&self, kind: DetectionKind) -> Fill {
        if kind.is_private() { self.private_fill } else { self.fill }
    }
}

/// A place in which the picture changes at once from one frame to the next, as where a caption is put up or taken
/// away, and not where it fades.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// The first frame after the change.
    pub frame: u64,
    /// The place.
    pub bounds: Rect,
}

/// What a plan holds of what detectors saw.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Followed {
    /// What stays in place, in order of its first frame.
    pub overlays: Vec<Overlay>,
    /// What moves, in order of its first frame.
    pub tracks: Vec<Track>,
    /// Number of things that read as text and were left alone, because they move with the picture.
    pub left_alone: usize,
}

/// Joins what was seen in all samples of a video of `table_frames` frames. What begins or ends at one of the `cuts`
/// does not fade.
///
/// Of two samples of one frame the sights are taken together. Frames beyond the table and places outside the
/// picture are left out.
#[must_use]
pub fn followed(seen: &[Seen], cuts: &[Cut], table_frames: u64, settings: &Settings) -> Followed {
    let samples = in_order(seen, table_frames, settings);
    let frames: Vec<u64> = samples.iter().map(|sample| sample.frame).collect();
    let chains = join::chains(&samples, settings);
    let chains = join::with_remnants(chains, cuts, |chain| weight(chain, &frames, settings));
    let parts: Vec<Part<'_, '_>> =
        chains.iter().flat_map(|chain| parts::parts(chain, &frames, settings)).collect();
    let reach = steps::Reach { frames: &frames, cuts, table_frames, settings };
    let rolls = rolls::rolls(&parts, settings);
    let mut followed = Followed::default();
    for (part, rolls) in parts.iter().zip(rolls) {
        if part.is_still {
            followed.overlays.extend(still::overlay(part, reach));
        } else if part.kind() != DetectionKind::Text || part.rests || rolls {
            let steps = steps::steps(part, reach);
            let kind = part.kind();
            if !steps.is_empty() {
                followed.tracks.push(steps::track(kind, steps, settings));
            }
        } else {
            followed.left_alone += 1;
        }
    }
    followed.overlays.sort_by(|one, other| {
        let when = one.when.cmp(&other.when);
        let named = || one.origin.as_str().cmp(other.origin.as_str());
        when.then_with(|| one.mask.cmp(&other.mask)).then_with(named)
    });
    followed.tracks.sort_by_key(|track| {
        let first = track.steps.first().map(|step| (step.frames, step.bounds));
        (first, track.origin.as_str(), track.steps.len())
    });
    followed
}

/// What a chain counts by itself.
fn weight(chain: &Chain<'_>, frames: &[u64], settings: &Settings) -> Weight {
    let lasts = chain.last().frame - chain.first().frame;
    if !is_sure(chain, frames, settings) {
        Weight::Unsure
    } else if chain.kind == DetectionKind::Text && lasts <= settings.dense_frames {
        Weight::Short
    } else {
        Weight::Sure
    }
}

/// Whether what was seen was there, by its scores and how often it was seen.
fn is_sure(chain: &Chain<'_>, frames: &[u64], settings: &Settings) -> bool {
    let best = chain.sights.iter().map(|sight| sight.found.score).max().unwrap_or(0);
    if best < settings.enter_score {
        return false;
    }
    if chain.kind.is_private() || best >= settings.sure_score {
        return true;
    }
    let first = chain.sights.first().map_or(0, |sight| sight.frame);
    let lasts = chain.last().frame - first + 1;
    let is_borne_out = chain.sights.len() >= settings.sights_min && lasts >= settings.frames_min;
    is_borne_out || is_sparse(chain, frames, settings)
}

/// Whether no sample lies so near to what was seen that it should have seen it too.
fn is_sparse(chain: &Chain<'_>, frames: &[u64], settings: &Settings) -> bool {
    let near = |one: Option<&u64>, other: u64| {
        one.is_some_and(|one| one.abs_diff(other) <= settings.dense_frames)
    };
    let before = |at: usize| at.checked_sub(1).and_then(|at| frames.get(at));
    !chain.sights.iter().any(|sight| {
        near(before(sight.sample), sight.frame) || near(frames.get(sight.sample + 1), sight.frame)
    })
}
