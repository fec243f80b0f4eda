//! What the plan covers: which overlays a frame shows, and the samples of each plane that they hide.

use cleanplate_types::overlay::{Overlay, OverlayPlan};
use cleanplate_types::picture::{PixelLayout, PlaneRef, PlanesRef};

use super::FetchError;
use crate::bitmap::Bitmap;

/// The plan's overlays over frames of one layout.
#[derive(Debug, Clone)]
pub(super) struct Holes {
    pub(super) layout: PixelLayout,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) overlays: Vec<Overlay>,
}

impl Holes {
    pub(super) fn new(layout: &PixelLayout, plan: &OverlayPlan) -> Self {
        Self {
            layout: layout.clone(),
            width: plan.width,
            height: plan.height,
            overlays: plan.overlays.clone(),
        }
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
    pub(super) fn active(&self, index: u64) -> Vec<usize> {
        (0..self.overlays.len()).filter(|at| self.shows(*at, index)).collect()
    }

    pub(super) fn shows(&self, overlay: usize, index: u64) -> bool {
        self.overlays[overlay].when.iter().any(|range| range.contains(index))
    }

    /// The luma samples that some of `active` covers, and `margin` around.
    pub(super) fn covered(&self, active: &[usize], margin: usize) -> Bitmap {
        let mut covered = Bitmap::empty(self.width as usize, self.height as usize);
        for at in active {
            let mask = &self.overlays[*at].mask;
            let bounds = mask.bounds;
            for y in bounds.y..bounds.bottom().min(self.height) {
                let row = y as usize * covered.width;
                for x in bounds.x..bounds.right().min(self.width) {
                    covered.cells[row + x as usize] |= mask.covers(x - bounds.x, y - bounds.y);
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
