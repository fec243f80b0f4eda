//! What the plan covers: which overlays a frame shows, and the samples of each plane that they hide.

use cleanplate_types::overlay::{Overlay, OverlayPlan};
use cleanplate_types::picture::{PixelLayout, PlaneRef, PlanesRef, Rect};

use super::FetchError;
use crate::bitmap::Bitmap;
use crate::mattes::{Made, Mattes};

/// The plan's overlays over frames of one layout.
#[derive(Debug, Clone)]
pub(super) struct Holes {
    pub(super) layout: PixelLayout,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) overlays: Vec<Overlay>,
    /// For each overlay that moves, what it covers of each frame.
    ways: Vec<Option<Vec<Option<Rect>>>>,
}

/// An overlay that a frame shows, and where, if it moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Active {
    overlay: usize,
    at: Option<Rect>,
}

impl Holes {
    pub(super) fn new(layout: &PixelLayout, plan: &OverlayPlan) -> Self {
        Self {
            layout: layout.clone(),
            width: plan.width,
            height: plan.height,
            overlays: plan.overlays.clone(),
            ways: vec![None; plan.overlays.len()],
        }
    }

    /// The same, where some overlays move.
    pub(super) fn knowing(mut self, mattes: &Mattes) -> Self {
        let size = (self.width, self.height);
        for (way, made) in self.ways.iter_mut().zip(&mattes.overlays) {
            *way = match made {
                Made::Moving(moving) => Some(moving.footprints(size)),
                Made::Fixed(_) | Made::Unknown => None,
            };
        }
        self
    }

    /// The rectangle around what the overlay may cover of a frame.
    pub(super) fn bounds(&self, overlay: usize, index: u64) -> Rect {
        let fixed = self.overlays[overlay].mask.bounds;
        self.way(overlay, index).map_or(fixed, |here| here.unwrap_or(fixed))
    }

    /// Whether the overlay is elsewhere from frame to frame.
    pub(super) fn moves(&self, overlay: usize) -> bool {
        self.ways[overlay].is_some()
    }

    /// What an overlay that moves covers of a frame: nothing where it does not show.
    fn way(&self, overlay: usize, index: u64) -> Option<Option<Rect>> {
        let way = self.ways[overlay].as_ref()?;
        Some(usize::try_from(index).ok().and_then(|at| way.get(at).copied().flatten()))
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

    /// The overlays that the frame shows, by index.
    pub(super) fn active(&self, index: u64) -> Vec<Active> {
        let shown = (0..self.overlays.len()).filter(|at| self.shows(*at, index));
        shown.map(|overlay| Active { overlay, at: self.way(overlay, index).flatten() }).collect()
    }

    pub(super) fn shows(&self, overlay: usize, index: u64) -> bool {
        self.overlays[overlay].when.iter().any(|range| range.contains(index))
            && self.way(overlay, index).is_none_or(|here| here.is_some())
    }

    /// The luma samples that some of `active` covers, and `margin` around.
    pub(super) fn covered(&self, active: &[Active], margin: usize) -> Bitmap {
        let mut covered = Bitmap::empty(self.width as usize, self.height as usize);
        for Active { overlay, at } in active {
            let mask = &self.overlays[*overlay].mask;
            let bounds = at.unwrap_or(mask.bounds);
            for y in bounds.y..bounds.bottom().min(self.height) {
                let row = y as usize * covered.width;
                for x in bounds.x..bounds.right().min(self.width) {
                    let covers = at.is_some() || mask.covers(x - bounds.x, y - bounds.y);
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
