//! Replaces what an `OverlayPlan` covers, in the decoder's own planes.
//!
//! Owns which overlays a frame shows and which samples of which plane they cover. A sample that no
//! mask covers is never written; a chroma sample is covered where any luma sample that shares it is.
//! Each frame is filled from itself and its index alone, so how a job is cut cannot show.

use cleanplate_types::overlay::{Fill, Overlay, OverlayPlan};
use cleanplate_types::picture::{PixelLayout, PlaneMut, PlanesMut};

use crate::bitmap::{Span, join_near};
use crate::piece::{Piece, shifts};
use crate::sample::Sample;
use hole::Hole;

mod grain;
mod hole;
mod membrane;
mod patcher;
mod pixelate;

pub(crate) use patcher::Patcher;
pub(crate) use pixelate::Blocks;

/// Number of prepared sets of overlays that are kept; the oldest gives way.
const PREPARED_MAX: usize = 8;

/// Holes nearer to each other than this many samples are filled as one.
const HOLE_GAP: usize = 8;

/// Fills frames as a plan says. Holds work space in proportion to the masks; knows no frame but the
/// one that it is given.
#[derive(Debug)]
pub struct Filler {
    layout: PixelLayout,
    plan: OverlayPlan,
    prepared: Vec<Prepared>,
}

/// What was done to a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FillReport {
    /// Number of overlays that the frame shows by the plan.
    pub overlays_applied: u32,
    /// Number of samples, of all planes, whose value is another than before.
    pub samples_changed: u64,
}

/// A frame that the plan does not speak of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FillError {
    /// The frame has more or fewer planes than the layout.
    #[error("frame {index} has {found} planes where the plan's layout has {expected}")]
    OtherPlanes {
        /// The frame.
        index: u64,
        /// Planes of the frame.
        found: usize,
        /// Planes of the layout.
        expected: usize,
    },
    /// A plane has another size than the plan's.
    #[error(
        "plane {plane} of frame {index} is {} by {} samples where the plan speaks of {} by {}",
        found.0, found.1, expected.0, expected.1
    )]
    OtherSize {
        /// The frame.
        index: u64,
        /// The plane.
        plane: usize,
        /// Width and height of the plane.
        found: (u32, u32),
        /// Width and height by the plan.
        expected: (u32, u32),
    },
    /// A plane has fewer samples than its size and stride ask for.
    #[error("plane {plane} of frame {index} holds fewer samples than its size asks for")]
    ShortPlane {
        /// The frame.
        index: u64,
        /// The plane.
        plane: usize,
    },
}

/// The masks of one set of overlays, per plane.
#[derive(Debug)]
struct Prepared {
    active: Vec<usize>,
    planes: Vec<PlaneWork>,
}

#[derive(Debug)]
struct PlaneWork {
    blocks: Vec<Blocks>,
    holes: Vec<Hole>,
}

/// What a fill must know of a frame and plane beside the samples.
#[derive(Debug, Clone, Copy)]
struct Site {
    index: u64,
    plane: u8,
    depth: u8,
    /// Lowest and highest value that the format means to be used.
    nominal: (u16, u16),
}

impl Filler {
    /// A filler for frames of `layout` and of the plan's size. Masks are clipped to the picture.
    #[must_use]
    pub fn new(layout: &PixelLayout, plan: &OverlayPlan) -> Self {
        Self { layout: layout.clone(), plan: plan.clone(), prepared: Vec::new() }
    }

    /// Frames on each side of a frame that filling it looks at.
    #[must_use]
    pub const fn halo(&self) -> u64 {
        0
    }

    /// Whether the frame shows any overlay; a frame that shows none need not be copied or filled.
    #[must_use]
    pub fn touches(&self, index: u64) -> bool {
        self.plan.overlays.iter().any(|overlay| shows(overlay, index))
    }

    /// Fills what the frame at `index` shows of the plan.
    ///
    /// # Errors
    /// [`FillError`] where the frame is not one that the plan speaks of; no sample is changed then.
    pub fn apply(&mut self, index: u64, planes: PlanesMut<'_>) -> Result<FillReport, FillError> {
        match planes {
            PlanesMut::Eight(planes) => self.apply_to(index, planes),
            PlanesMut::Sixteen(planes) => self.apply_to(index, planes),
        }
    }

    fn apply_to<S: Sample>(
        &mut self,
        index: u64,
        planes: Vec<PlaneMut<'_, S>>,
    ) -> Result<FillReport, FillError> {
        check(&self.layout, (self.plan.width, self.plan.height), index, &planes)?;
        let overlays = self.plan.overlays.iter().enumerate();
        let active: Vec<usize> =
            overlays.filter(|(_, overlay)| shows(overlay, index)).map(|(at, _)| at).collect();
        if active.is_empty() {
            return Ok(FillReport::default());
        }
        let depth = self.layout.depth;
        let full_range = self.layout.full_range;
        let overlays_applied = u32::try_from(active.len()).unwrap_or(u32::MAX);
        let prepared = self.prepare(active);
        let mut samples_changed = 0;
        for ((number, work), mut plane) in (0_u8..).zip(&mut prepared.planes).zip(planes) {
            let site =
                Site { index, plane: number, depth, nominal: nominal(depth, number, full_range) };
            for blocks in &work.blocks {
                samples_changed += blocks.fill(&mut plane);
            }
            for hole in &mut work.holes {
                samples_changed += hole.fill(site, &mut plane);
            }
        }
        Ok(FillReport { overlays_applied, samples_changed })
    }

    fn prepare(&mut self, active: Vec<usize>) -> &mut Prepared {
        let at = match self.prepared.iter().position(|prepared| prepared.active == active) {
            Some(at) => at,
            None => {
                if self.prepared.len() == PREPARED_MAX {
                    self.prepared.remove(0);
                }
                let planes =
                    (0..self.layout.planes).map(|plane| self.plane_work(plane, &active)).collect();
                self.prepared.push(Prepared { active, planes });
                self.prepared.len() - 1
            }
        };
        &mut self.prepared[at]
    }

    fn plane_work(&self, plane: u8, active: &[usize]) -> PlaneWork {
        let size = (self.plan.width, self.plan.height);
        let covered = |overlay: &Overlay| Piece::of(&self.layout, size, plane, &overlay.mask);
        let (width, height) = self.layout.plane_size(plane, size.0, size.1);
        let (width, height) = (width as usize, height as usize);
        let whole = Span { left: 0, top: 0, right: width, bottom: height };
        let mut hole = Piece::empty((width, height), whole);
        for overlay in self.active(active, |fill| fill != Fill::Pixelate) {
            hole.add(&covered(overlay));
        }
        // Where overlays meet, each sample is one's alone: a hole's, then the first overlay's.
        let mut taken = hole.clone();
        let mut blocks = Vec::new();
        for overlay in self.active(active, |fill| fill == Fill::Pixelate) {
            let mut covered = covered(overlay);
            covered.remove(&taken);
            taken.add(&covered);
            blocks.extend(Blocks::new(&covered, overlay.mask.bounds, shifts(&self.layout, plane)));
        }
        PlaneWork { blocks, holes: holes(&hole) }
    }

    /// The overlays of `active` whose fill is such.
    fn active(&self, active: &[usize], is: fn(Fill) -> bool) -> impl Iterator<Item = &Overlay> {
        active.iter().map(|at| &self.plan.overlays[*at]).filter(move |overlay| is(overlay.fill))
    }
}

/// Refuses a frame whose planes are not those of the layout and size.
pub(crate) fn check<S>(
    layout: &PixelLayout,
    (width, height): (u32, u32),
    index: u64,
    planes: &[PlaneMut<'_, S>],
) -> Result<(), FillError> {
    let expected = usize::from(layout.planes);
    if planes.len() != expected {
        return Err(FillError::OtherPlanes { index, found: planes.len(), expected });
    }
    for ((plane, number), view) in (0..).zip(0_u8..).zip(planes) {
        let found = (view.width, view.height);
        let expected = layout.plane_size(number, width, height);
        if found != expected {
            return Err(FillError::OtherSize { index, plane, found, expected });
        }
        let rows = (view.height as usize).saturating_sub(1);
        let needed = rows.saturating_mul(view.stride).saturating_add(view.width as usize);
        if view.stride < view.width as usize || view.samples.len() < needed {
            return Err(FillError::ShortPlane { index, plane });
        }
    }
    Ok(())
}

/// The holes of a plane, each solved by itself.
fn holes(hole: &Piece) -> Vec<Hole> {
    let spans = join_near(hole.parts(), HOLE_GAP);
    spans.into_iter().map(|span| Hole::new(hole, span)).collect()
}

pub(crate) fn shows(overlay: &Overlay, index: u64) -> bool {
    overlay.when.iter().any(|range| range.contains(index))
}

/// The lowest and highest value that the format means to be used for a plane.
fn nominal(depth: u8, plane: u8, full_range: bool) -> (u16, u16) {
    let top = u16::MAX >> (16 - depth.clamp(8, 16));
    if full_range {
        return (0, top);
    }
    let up = depth.clamp(8, 16) - 8;
    (16 << up, if plane == 0 { 235 } else { 240 } << up)
}

#[cfg(test)]
mod tests;
