//! The restorer's steps on a frame of the card, by the card's kernels.
//!
//! Owns what was prepared for them in the card's memory, and which frames the host must restore too. Refuses to be
//! believed unseen: the first frames of a segment, and the first that shows an overlay or a track, are compared.

use std::collections::BTreeSet;
use std::sync::Arc;

use cleanplate_media::device::DeviceFrame;
use cleanplate_plate::matte::{Class, Origin};
use cleanplate_plate::restore::{Cells, MatteSite, Restored, Restorer, Steps, StepsError, Taken};
use cleanplate_types::picture::{PixelLayout, Rect};
use cleanplate_vision::cuda::{
    Area, Blocks, CudaError, Device, DevicePicture, DeviceSet, Hole, HoleSite, Inversion,
    MatteSource, PlaneSource, SampleOrigin,
};

use super::ffi;

/// Frames of a segment that are compared, whatever they show.
const COMPARED_FIRST: u64 = 2;

/// Sets of each kind that are kept prepared; the one that was not used for the longest time gives way. A hole
/// holds some 50 bytes of the card's memory for each sample of its rectangle: 24 captions of 1400 by 100
/// samples with their chroma hold 240 MiB.
const KEPT_MAX: usize = 24;

/// The kernels, ready for frames of one shape.
#[derive(Debug)]
pub(super) struct Kernels {
    device: Arc<Device>,
    layout: PixelLayout,
    size: (u32, u32),
    holes: Kept<(u8, Set), Vec<Hole>>,
    blocks: Kept<(u8, Rect, Set), Blocks>,
    mattes: Kept<usize, Inversion>,
    /// Frames that were restored, and overlays and tracks that those showed.
    frames: u64,
    seen: BTreeSet<usize>,
}

/// A set of samples that somebody else owned.
type Set = (Rect, Vec<bool>);

impl Kernels {
    /// For frames of `size` in `layout` on `device`. Takes no memory of the card yet.
    pub(super) fn new(device: &Arc<Device>, layout: &PixelLayout, size: (u32, u32)) -> Self {
        Self {
            device: Arc::clone(device),
            layout: layout.clone(),
            size,
            holes: Kept::default(),
            blocks: Kept::default(),
            mattes: Kept::default(),
            frames: 0,
            seen: BTreeSet::new(),
        }
    }

    /// Whether the next frame, which may show the overlays and tracks of these numbers, must be compared with
    /// the host's.
    pub(super) fn is_new(&self, numbers: &[usize]) -> bool {
        self.frames < COMPARED_FIRST || numbers.iter().any(|number| !self.seen.contains(number))
    }

    /// Takes the overlays off `frame`. What was launched may still be under way.
    pub(super) fn restore(
        &mut self,
        (restorer, index): (&mut Restorer, u64),
        frame: &mut DeviceFrame,
        numbers: Vec<usize>,
    ) -> Result<Restored, StepsError<CudaError>> {
        let device = Arc::clone(&self.device);
        let (layout, size) = (self.layout.clone(), self.size);
        let restored = ffi::over(&device, frame, (&layout, size), |picture| {
            restorer.apply_by(index, &mut AtFrame { kernels: self, picture })
        });
        let restored = restored.map_err(StepsError::Step)??;
        self.frames += 1;
        self.seen.extend(numbers);
        Ok(restored)
    }

    fn area(of: Rect) -> Area {
        Area { left: of.x, top: of.y, width: of.width, height: of.height }
    }
}

/// The kernels at one frame.
struct AtFrame<'a> {
    kernels: &'a mut Kernels,
    picture: &'a DevicePicture,
}

impl Steps for AtFrame<'_> {
    type Error = CudaError;

    fn take_off(&mut self, site: &MatteSite<'_>) -> Result<Taken, CudaError> {
        let device = &self.kernels.device;
        let inversion = self.kernels.mattes.get(
            |overlay| *overlay == site.overlay,
            || Ok((site.overlay, prepared(device, site)?)),
        )?;
        if !site.inverts {
            inversion.look(self.picture)?;
            return Ok(Taken { strength: strength(inversion)?, origins: Vec::new() });
        }
        inversion.apply(self.picture)?;
        let strength = strength(inversion)?;
        if strength == 0 {
            return Ok(Taken { strength, origins: Vec::new() });
        }
        let mut origins = Vec::new();
        for plane in 0..site.matte.layout.planes {
            origins.push(inversion.origins(plane)?.into_iter().map(like).collect());
        }
        Ok(Taken { strength, origins })
    }

    fn fill(&mut self, index: u64, plane: u8, hole: &Cells<'_>) -> Result<(), CudaError> {
        let Kernels { device, layout, size, holes, .. } = &mut *self.kernels;
        let is_same = |(of, set): &(u8, Set)| *of == plane && is_of(set, hole);
        let holes = holes.get(is_same, || {
            let size = layout.plane_size(plane, size.0, size.1);
            let made = Hole::all(device, size, Kernels::area(hole.rect), hole.cells)?;
            Ok(((plane, (hole.rect, hole.cells.to_vec())), made))
        })?;
        let site = HoleSite { index, plane, depth: layout.depth, full_range: layout.full_range };
        holes.iter_mut().try_for_each(|hole| hole.fill(site, self.picture))
    }

    fn pixelate(&mut self, plane: u8, covered: &Cells<'_>, bounds: Rect) -> Result<(), CudaError> {
        let Kernels { device, layout, size, blocks, .. } = &mut *self.kernels;
        let is_same = |(of, within, set): &(u8, Rect, Set)| {
            (*of, *within) == (plane, bounds) && is_of(set, covered)
        };
        let blocks = blocks.get(is_same, || {
            let set = DeviceSet::of(device, Kernels::area(covered.rect), covered.cells)?;
            let made = Blocks::new(device, (&*layout, *size, plane), set, bounds)?;
            Ok(((plane, bounds, (covered.rect, covered.cells.to_vec())), made))
        })?;
        blocks.apply(self.picture)
    }
}

/// The tables of a matte on the card.
fn prepared(device: &Arc<Device>, site: &MatteSite<'_>) -> Result<Inversion, CudaError> {
    let matte = site.matte;
    let planes = matte.planes.iter().map(|plane| PlaneSource {
        alpha: &plane.alpha,
        paint: &plane.paint,
        trust: &plane.trust,
        noise: plane.noise,
    });
    let planes: Vec<PlaneSource<'_>> = planes.collect();
    let changing: Vec<bool> = matte.classes.iter().map(|class| *class == Class::Changing).collect();
    let within = site.within();
    let source = MatteSource {
        layout: &matte.layout,
        bounds: matte.bounds,
        planes: &planes,
        changing: &changing,
        within: Some(&within),
    };
    Inversion::new(device, &source)
}

fn strength(inversion: &Inversion) -> Result<u8, CudaError> {
    let strength = u8::try_from(inversion.strength()?);
    strength.map_err(|_large| CudaError::Shape("a kernel found a strength beyond all there are"))
}

const fn like(origin: SampleOrigin) -> Origin {
    match origin {
        SampleOrigin::Untouched => Origin::Untouched,
        SampleOrigin::Inverted => Origin::Inverted,
        SampleOrigin::Left => Origin::Left,
    }
}

fn is_of((rect, cells): &Set, other: &Cells<'_>) -> bool {
    (*rect, cells.as_slice()) == (other.rect, other.cells)
}

/// Things by what they were made for, [`KEPT_MAX`] of them; the one that was used last at the end.
#[derive(Debug)]
struct Kept<K, V>(Vec<(K, V)>);

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K, V> Kept<K, V> {
    /// The one whose key `is_same`, made where there is none.
    fn get(
        &mut self,
        is_same: impl Fn(&K) -> bool,
        make: impl FnOnce() -> Result<(K, V), CudaError>,
    ) -> Result<&mut V, CudaError> {
        let one = match self.0.iter().position(|(key, _)| is_same(key)) {
            Some(at) => self.0.remove(at),
            None => {
                if self.0.len() == KEPT_MAX {
                    // Before the new one is made: there may be no room for both.
                    self.0.remove(0);
                }
                make()?
            }
        };
        self.0.push(one);
        let last = self.0.len() - 1;
        Ok(&mut self.0[last].1)
    }
}
