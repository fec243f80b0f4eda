//! What a plan removes, as a preview asks about it: an overlay stays in place, a track may be elsewhere in each frame.
//!
//! Owns that both are numbered together, overlays first, as people are told of them.

use cleanplate_types::frames::FrameRange;
use cleanplate_types::overlay::{Overlay, OverlayOrigin, OverlayPlan, Step, Track};
use cleanplate_types::picture::Rect;

/// One thing that is removed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Removed<'a> {
    /// It stays in place.
    Stays(&'a Overlay),
    /// It may move.
    Moves(&'a Track),
}

/// All that is removed, in the order of its numbers.
pub(super) fn all(plan: &OverlayPlan) -> impl Iterator<Item = Removed<'_>> {
    let overlays = plan.overlays.iter().map(Removed::Stays);
    overlays.chain(plan.tracks.iter().map(Removed::Moves))
}

impl Removed<'_> {
    /// The frames that may show it, rising, without overlap.
    pub(super) fn when(self) -> Vec<FrameRange> {
        match self {
            Self::Stays(overlay) => overlay.when.clone(),
            Self::Moves(track) => runs(&track.steps),
        }
    }

    /// What holds it in the frame at `index`, where it is there.
    pub(super) fn at(self, index: u64) -> Option<Rect> {
        match self {
            Self::Stays(overlay) => {
                let is_there = overlay.when.iter().any(|range| range.contains(index));
                is_there.then_some(overlay.mask.bounds)
            }
            Self::Moves(track) => track.at(index),
        }
    }

    /// Samples that it covers where it is largest.
    pub(super) fn samples(self) -> u64 {
        match self {
            Self::Stays(overlay) => overlay.mask.count(),
            Self::Moves(track) => track.steps.iter().map(area).max().unwrap_or(0),
        }
    }

    /// The first frame of those in which it is largest.
    pub(super) fn largest_at(self) -> Option<u64> {
        match self {
            Self::Stays(overlay) => overlay.when.first().map(|range| range.start),
            Self::Moves(track) => {
                let larger_and_first = |step: &&Step| (area(step), u64::MAX - step.frames.start);
                track.steps.iter().max_by_key(larger_and_first).map(|step| step.frames.start)
            }
        }
    }

    /// Whether only a frame itself tells that it shows it. What a person drew, and what is private, is removed
    /// whatever the frame shows.
    pub(super) const fn may_be_absent(self) -> bool {
        self.origin().may_be_absent()
    }

    const fn origin(self) -> OverlayOrigin {
        match self {
            Self::Stays(overlay) => overlay.origin,
            Self::Moves(track) => track.origin,
        }
    }
}

fn area(step: &Step) -> u64 {
    u64::from(step.bounds.width) * u64::from(step.bounds.height)
}

/// The frames of all steps; those that follow on one another are one range.
fn runs(steps: &[Step]) -> Vec<FrameRange> {
    let mut runs: Vec<FrameRange> = Vec::new();
    for step in steps {
        match runs.last_mut() {
            Some(last) if last.end == step.frames.start => last.end = step.frames.end,
            Some(_) | None => runs.push(step.frames),
        }
    }
    runs
}
