//! The layers of the frame at hand, of a plan of whatever size.
//!
//! Owns when a layer is made and dropped. What was learned of an overlay is there for the whole segment anyway,
//! and so is its layer; one of which only the mask is known, and each step of a track, is made when its first
//! frame comes and dropped after its last, so that ten hours of captions cost what one caption costs.

use std::collections::BTreeMap;

use cleanplate_types::frames::FrameRange;
use cleanplate_types::overlay::{Mask, Overlay, OverlayPlan, Shape, Track};
use cleanplate_types::picture::Rect;

use super::RestoreError;
use super::layer::Layer;
use super::timeline::{Shown, Timeline};
use crate::matte::Coding;
use crate::mattes::Made;

/// A layer by what it is of: an overlay, or a step of a track; both by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Overlay(usize),
    Step { track: usize, step: usize },
}

/// All layers of a plan.
#[derive(Debug)]
pub(super) struct Layers {
    coding: Coding,
    overlays: Vec<Overlay>,
    tracks: Vec<Track>,
    /// Overlays, and after them the tracks.
    timeline: Timeline,
    /// Where overlays that stay and tracks show, and where of the former those that are fetched for.
    shown: Shown,
    fetched: Shown,
    /// The layers of overlays whose make is known.
    made: BTreeMap<usize, Layer>,
    /// The others, of the last frame.
    at_hand: BTreeMap<Key, Layer>,
}

impl Layers {
    /// The layers of a plan; overlays without a matte are made of nobody knows what.
    pub(super) fn new(
        coding: &Coding,
        plan: &OverlayPlan,
        mattes: Vec<Made>,
    ) -> Result<Self, RestoreError> {
        let mut made = BTreeMap::new();
        for (at, (overlay, of)) in plan.overlays.iter().zip(mattes).enumerate() {
            if of != Made::Unknown {
                made.insert(at, Layer::new(coding, overlay, of)?);
            }
        }
        let overlays = plan.overlays.len();
        let when = plan.overlays.iter().enumerate();
        let when =
            when.flat_map(|(at, overlay)| overlay.when.iter().map(move |range| (at, *range)));
        let whole = |track: &Track| {
            let (first, last) = (track.steps.first(), track.steps.last());
            let (start, end) = (first.map(|it| it.frames.start), last.map(|it| it.frames.end));
            FrameRange::new(start.unwrap_or(0), end.unwrap_or(0))
        };
        let tracks = plan.tracks.iter().zip(overlays..).map(|(track, at)| (at, whole(track)));
        let moves = |at: usize| made.get(&at).is_some_and(Layer::moves);
        let stays = plan.overlays.iter().enumerate().filter(|(at, _)| !moves(*at));
        let fetched = stays.clone().filter(|(_, overlay)| overlay.fill.fetches());
        let of_tracks = plan.tracks.iter().flat_map(|track| &track.steps).map(|step| step.frames);
        let of_overlays = stays.flat_map(|(_, overlay)| overlay.when.iter().copied());
        Ok(Self {
            timeline: Timeline::new(when.chain(tracks)),
            shown: Shown::new(of_overlays.chain(of_tracks)),
            fetched: Shown::new(fetched.flat_map(|(_, overlay)| overlay.when.iter().copied())),
            coding: coding.clone(),
            overlays: plan.overlays.clone(),
            tracks: plan.tracks.clone(),
            made,
            at_hand: BTreeMap::new(),
        })
    }

    /// How many overlays the plan has.
    pub(super) const fn overlays(&self) -> usize {
        self.overlays.len()
    }

    /// Whether a frame may show anything.
    pub(super) fn may_show(&self, index: u64) -> bool {
        self.shown.contains(index) || self.passing(index).next().is_some()
    }

    /// Whether a frame may show anything that is fetched for.
    pub(super) fn fetches(&self, index: u64) -> bool {
        self.fetched.contains(index) || self.passing(index).any(|layer| layer.fill.fetches())
    }

    /// The layers that move and that a frame may show.
    fn passing(&self, index: u64) -> impl Iterator<Item = &Layer> {
        let there = move |(at, layer): &(&usize, &Layer)| {
            let mut when = self.overlays[**at].when.iter();
            layer.moves() && when.any(|range| range.contains(index)) && layer.is_there(index)
        };
        self.made.iter().filter(there).map(|(_, layer)| layer)
    }

    /// Makes ready for the frame at `index`: the layers of which something lies in the picture, overlays first.
    pub(super) fn aim(&mut self, index: u64) -> Result<Vec<Key>, RestoreError> {
        let mut keys = Vec::new();
        for at in self.timeline.at(index) {
            let Some(track) = at.checked_sub(self.overlays.len()) else {
                keys.push(Key::Overlay(at));
                continue;
            };
            let steps = &self.tracks[track].steps;
            let step = steps.partition_point(|step| step.frames.end <= index);
            if steps.get(step).is_some_and(|step| step.frames.contains(index)) {
                keys.push(Key::Step { track, step });
            }
        }
        let mut before = std::mem::take(&mut self.at_hand);
        let mut aimed = Vec::new();
        for key in keys {
            if let Key::Overlay(at) = key
                && let Some(layer) = self.made.get_mut(&at)
            {
                if layer.is_there(index) && layer.aim(index, &self.coding)? {
                    aimed.push(key);
                }
                continue;
            }
            let mut layer = match before.remove(&key) {
                Some(layer) => layer,
                None => self.fresh(key)?,
            };
            if layer.aim(index, &self.coding)? {
                aimed.push(key);
            }
            self.at_hand.insert(key, layer);
        }
        Ok(aimed)
    }

    fn fresh(&self, key: Key) -> Result<Layer, RestoreError> {
        match key {
            Key::Overlay(at) => Layer::new(&self.coding, &self.overlays[at], Made::Unknown),
            Key::Step { track, step } => {
                let Track { origin, fill, shape, steps } = &self.tracks[track];
                let mask = shaped(*shape, steps[step].bounds);
                let (origin, fill) = (*origin, *fill);
                let overlay = Overlay { origin, mask, when: Vec::new(), fill, hides: true };
                Layer::new(&self.coding, &overlay, Made::Unknown)
            }
        }
    }

    /// A layer that the last frame was made ready for.
    pub(super) fn layer(&self, key: Key) -> Option<&Layer> {
        let made = match key {
            Key::Overlay(at) => self.made.get(&at),
            Key::Step { .. } => None,
        };
        made.or_else(|| self.at_hand.get(&key))
    }

    /// The same, to work with.
    pub(super) fn layer_mut(&mut self, key: Key) -> Option<&mut Layer> {
        let made = match key {
            Key::Overlay(at) => self.made.get_mut(&at),
            Key::Step { .. } => None,
        };
        made.or_else(|| self.at_hand.get_mut(&key))
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.made.len() + self.at_hand.len()
    }
}

/// What of a rectangle is covered. Of an ellipse, every sample that any part of it lies in.
fn shaped(shape: Shape, bounds: Rect) -> Mask {
    match shape {
        Shape::Rectangle => Mask::full(bounds),
        Shape::Ellipse => {
            let mut mask = Mask::empty(bounds);
            let (width, height) = (i64::from(bounds.width), i64::from(bounds.height));
            // Twice the distance from the middle of the sample's nearest corner.
            let near = |at: u32, size: i64| ((2 * i64::from(at) + 1 - size).abs() - 1).max(0);
            for y in 0..bounds.height {
                for x in 0..bounds.width {
                    let (right, down) = (near(x, width) * height, near(y, height) * width);
                    let (right, down, most) =
                        (i128::from(right), i128::from(down), i128::from(width * height));
                    if right * right + down * down <= most * most {
                        mask.set(x, y);
                    }
                }
            }
            mask
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ellipse_touches_all_sides_and_leaves_the_corners() {
        let mask = shaped(Shape::Ellipse, Rect { x: 3, y: 5, width: 40, height: 20 });
        assert!(mask.covers(20, 0) && mask.covers(0, 10) && mask.covers(39, 9));
        assert!(!mask.covers(0, 0) && !mask.covers(39, 19) && mask.covers(6, 3));
        let area = mask.count();
        assert!((628..720).contains(&area), "{area} samples, where it is 628 large");
    }
}
