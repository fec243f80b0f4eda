//! What the plan covers in a window: which overlays a frame shows, and the samples of each plane that they hide.
//!
//! Owns the choice of what of a plan a window is concerned with: of ten hours of captions those of its own frames.
//! Tracks cover, and are not fetched for: what they hide must be in no background.

use cleanplate_types::frames::FrameRange;
use cleanplate_types::overlay::{Overlay, OverlayPlan, Track};
use cleanplate_types::picture::{PixelLayout, PlaneRef, PlanesRef, Rect};

use super::FetchError;
use crate::bitmap::Bitmap;
use crate::mattes::{Made, Mattes};

/// What of a plan shows in a window, over frames of one layout.
#[derive(Debug, Clone)]
pub(super) struct Holes {
    pub(super) layout: PixelLayout,
    pub(super) width: u32,
    pub(super) height: u32,
    /// In the plan's order.
    pub(super) overlays: Vec<Hole>,
    tracks: Vec<Track>,
}

/// An overlay of the plan.
#[derive(Debug, Clone)]
pub(super) struct Hole {
    /// Its index in the plan.
    pub(super) number: u32,
    /// It, of its frames those of the window.
    pub(super) overlay: Overlay,
    /// If it moves, what it covers of each frame of the video.
    way: Option<Vec<Option<Rect>>>,
}

/// An overlay that a frame shows, by its place among the holes, and where, if it moves; or a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Active {
    overlay: Option<usize>,
    at: Option<Rect>,
}

impl Holes {
    /// What of `plan` shows in `window`.
    pub(super) fn new(layout: &PixelLayout, plan: &OverlayPlan, window: FrameRange) -> Self {
        let mut holes = Self::none(layout, (plan.width, plan.height));
        for (number, overlay) in (0_u32..).zip(&plan.overlays) {
            let when = overlay.when.iter().map(|range| range.intersect(window));
            let when: Vec<FrameRange> = when.filter(|range| !range.is_empty()).collect();
            if !when.is_empty() {
                let (mask, origin) = (overlay.mask.clone(), overlay.origin);
                let (fill, hides) = (overlay.fill, overlay.hides);
                let overlay = Overlay { origin, mask, when, fill, hides };
                holes.overlays.push(Hole { number, overlay, way: None });
            }
        }
        for track in plan.tracks.iter().filter(|track| track.shows_in(window)) {
            let shows = |frames: FrameRange| !frames.intersect(window).is_empty();
            let steps = track.steps.iter().filter(|step| shows(step.frames)).copied().collect();
            let Track { origin, fill, shape, steps: _ } = *track;
            holes.tracks.push(Track { origin, fill, shape, steps });
        }
        holes
    }

    /// Nothing, over frames of that layout and size.
    pub(super) fn none(layout: &PixelLayout, (width, height): (u32, u32)) -> Self {
        let layout = layout.clone();
        Self { layout, width, height, overlays: Vec::new(), tracks: Vec::new() }
    }

    /// The same, where some overlays move.
    pub(super) fn knowing(mut self, mattes: &Mattes) -> Self {
        let size = (self.width, self.height);
        for Hole { number, way, .. } in &mut self.overlays {
            *way = match mattes.overlays.get(*number as usize) {
                Some(Made::Moving(moving)) => Some(moving.footprints(size)),
                Some(Made::Fixed(_) | Made::Unknown) | None => None,
            };
        }
        self
    }

    /// An overlay by its index in the plan; none where the window does not show it.
    pub(super) fn hole(&self, number: u32) -> Option<&Hole> {
        let at = self.overlays.binary_search_by_key(&number, |hole| hole.number);
        at.ok().and_then(|at| self.overlays.get(at))
    }

    /// Checks that the frame has the layout's planes, of the plan's size.
    pub(super) fn check(&self, index: u64, planes: &PlanesRef<'_>) -> Result<(), FetchError> {
        match planes {
            PlanesRef::Eight(planes) if self.layout.depth == 8 => self.check_planes(index, planes),
            PlanesRef::Sixteen(planes) if self.layout.depth > 8 => self.check_planes(index, planes),
            PlanesRef::Eight(_) | PlanesRef::Sixteen(_) => Err(FetchError::OtherFrame { index }),
        }
    }

    fn check_planes<S>(&self, index: u64, planes: &[PlaneRef<'_, S>]) -> Result<(), FetchError> {
        let fits = planes.len() == usize::from(self.layout.planes)
            && (0_u8..).zip(planes).all(|(number, plane)| {
                let rows = (plane.height as usize).saturating_sub(1);
                let needed = rows.saturating_mul(plane.stride).saturating_add(plane.width as usize);
                (plane.width, plane.height)
                    == self.layout.plane_size(number, self.width, self.height)
                    && plane.stride >= plane.width as usize
                    && plane.samples.len() >= needed
            });
        if fits { Ok(()) } else { Err(FetchError::OtherFrame { index }) }
    }

    /// The overlays that the frame shows, by their places among the holes, and the tracks.
    pub(super) fn active(&self, index: u64) -> Vec<Active> {
        let holes = self.overlays.iter().enumerate().filter(|(_, hole)| hole.shows(index));
        let overlays =
            holes.map(|(at, hole)| Active { overlay: Some(at), at: hole.here(index).flatten() });
        let tracks = self.tracks.iter().filter_map(|track| track.at(index));
        overlays.chain(tracks.map(|at| Active { overlay: None, at: Some(at) })).collect()
    }

    /// The luma samples that some of `active` covers, and `margin` around.
    pub(super) fn covered(&self, active: &[Active], margin: usize) -> Bitmap {
        let mut covered = Bitmap::empty(self.width as usize, self.height as usize);
        for Active { overlay, at } in active {
            let mask = overlay.map(|overlay| &self.overlays[overlay].overlay.mask);
            let Some(bounds) = at.or_else(|| mask.map(|mask| mask.bounds)) else { continue };
            for y in bounds.y..bounds.bottom().min(self.height) {
                let row = y as usize * covered.width;
                for x in bounds.x..bounds.right().min(self.width) {
                    let place = (x - bounds.x, y - bounds.y);
                    let covers =
                        at.is_some() || mask.is_some_and(|mask| mask.covers(place.0, place.1));
                    covered.cells[row + x as usize] |= covers;
                }
            }
        }
        if margin == 0 { covered } else { covered.dilated(margin) }
    }

    pub(super) fn shifts(&self, plane: usize) -> (u32, u32) {
        if plane == 0 {
            (0, 0)
        } else {
            (u32::from(self.layout.chroma_shift_x), u32::from(self.layout.chroma_shift_y))
        }
    }

    /// The samples of a plane that share a luma sample with the set.
    pub(super) fn on_plane(&self, luma: &Bitmap, plane: usize) -> Bitmap {
        if plane == 0 {
            return luma.clone();
        }
        let (right, down) = self.shifts(plane);
        let (width, height) = self.layout.plane_size(1, self.width, self.height);
        let mut covered = Bitmap::empty(width as usize, height as usize);
        for (y, line) in luma.cells.chunks_exact(luma.width.max(1)).enumerate() {
            let row = (y >> down) * covered.width;
            for (x, _) in line.iter().enumerate().filter(|(_, cell)| **cell) {
                covered.cells[row + (x >> right)] = true;
            }
        }
        covered
    }

    /// Luma samples around a hole that tell whether a background fits: more for a larger picture.
    pub(super) fn ring(&self) -> u32 {
        (self.height / 45).clamp(10, 32)
    }
}

impl Hole {
    /// The rectangle around what the overlay may cover of a frame.
    pub(super) fn bounds(&self, index: u64) -> Rect {
        let fixed = self.overlay.mask.bounds;
        self.here(index).map_or(fixed, |here| here.unwrap_or(fixed))
    }

    /// Whether the overlay is elsewhere from frame to frame.
    pub(super) const fn moves(&self) -> bool {
        self.way.is_some()
    }

    /// Whether a frame shows the overlay.
    pub(super) fn shows(&self, index: u64) -> bool {
        self.overlay.when.iter().any(|range| range.contains(index))
            && self.here(index).is_none_or(|here| here.is_some())
    }

    /// What an overlay that moves covers of a frame: nothing where it does not show.
    fn here(&self, index: u64) -> Option<Option<Rect>> {
        let way = self.way.as_ref()?;
        Some(usize::try_from(index).ok().and_then(|at| way.get(at).copied().flatten()))
    }
}
