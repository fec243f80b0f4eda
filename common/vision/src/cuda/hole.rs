//! A hole of one plane, filled on the card with the smoothest surface and grain as around it.
//!
//! Owns the order of the sweeps. The numbers and their order are the engine's (`plate::fill`), so the samples are
//! too.

use std::sync::Arc;

use super::Device;
use super::args::{
    FillArgs, GrainArgs, GrainFound, Grid, GridArgs, Kernel, Plane, PullArgs, Ring, RingArgs,
    StepArgs,
};
use super::error::CudaError;
use super::ffi::Memory;
use super::grids::{Links, coarser_distance, grids, shrink};
use super::parts::parts;
use super::picture::DevicePicture;
use super::ring::{Covered, beside, places, ring};
use super::set::{Area, DeviceSet};

/// Sweeps on each way through a grid, on the coarsest, and on the finest: the engine's.
const SWEEPS: usize = 2;
const SWEEPS_COARSEST: usize = 32;
const SWEEPS_FINEST: usize = 4;
/// The quantile by which grain is measured: the engine's.
const QUANTILE: (usize, usize) = (3, 10);

/// What a fill must know of a frame and plane beside the samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoleSite {
    /// The frame, by its index: grain differs from frame to frame.
    pub index: u64,
    /// The plane.
    pub plane: u8,
    /// Bits of a sample, 8 to 16.
    pub depth: u8,
    /// Whether samples span the whole range.
    pub full_range: bool,
}

/// One grid in the card's memory: the links, then what changes.
#[derive(Debug)]
struct Level {
    links: [Memory<f32>; 5],
    values: Memory<f32>,
    load: Memory<f32>,
    next: Memory<f32>,
    size: (u32, u32),
}

/// A hole, prepared. Holds some 50 bytes of the card's memory for each sample of its rectangle.
#[derive(Debug)]
pub struct Hole {
    device: Arc<Device>,
    set: DeviceSet,
    size: (u32, u32),
    levels: Vec<Level>,
    ring: Memory<Ring>,
    ring_count: u32,
    pulls: Memory<u32>,
    means: Memory<f32>,
    range: Memory<u32>,
    places: Memory<u32>,
    place_count: u32,
    bends: Memory<u32>,
    found: Memory<GrainFound>,
}

impl Hole {
    /// The holes that a set makes of a plane of `size`: its `cells` are set, row by row in `area`. What
    /// hangs together or lies near is one hole.
    ///
    /// # Errors
    /// [`CudaError::Shape`] where the area does not fit plane and cells, and what the driver says.
    pub fn all(
        device: &Arc<Device>,
        size: (u32, u32),
        area: Area,
        cells: &[bool],
    ) -> Result<Vec<Self>, CudaError> {
        let inside = area.left.checked_add(area.width).is_some_and(|right| right <= size.0)
            && area.top.checked_add(area.height).is_some_and(|bottom| bottom <= size.1);
        if !inside || cells.len() != area.width as usize * area.height as usize {
            return Err(CudaError::Shape(
                "a hole lies in its plane and has a cell for each sample",
            ));
        }
        let covered = Covered { area, cells, size };
        parts(&covered).into_iter().map(|area| Self::new(device, &covered, area)).collect()
    }

    /// What of a set lies in `area`.
    fn new(device: &Arc<Device>, covered: &Covered<'_>, area: Area) -> Result<Self, CudaError> {
        let (ring, pulls) = ring(covered, area);
        let places = places(covered, area);
        let queue = device.queue();
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let (left, top) = (area.left, area.top);
        let around = |x: usize, y: usize| (left + count(x), top + count(y));
        let links = grids(
            (area.width as usize, area.height as usize),
            |x, y| covered.has(around(x, y).0, around(x, y).1),
            |x, y| {
                let (x, y) = around(x, y);
                beside(x, y).into_iter().map(|(x, y)| u8::from(covered.is_known(x, y))).sum()
            },
        );
        let rows = top..top + area.height;
        let places_in = rows.flat_map(|y| (left..left + area.width).map(move |x| (x, y)));
        let cells: Vec<bool> = places_in.map(|(x, y)| covered.has(x, y)).collect();
        let levels: Result<Vec<Level>, CudaError> =
            links.iter().map(|links| Level::new(device, links)).collect();
        Ok(Self {
            device: Arc::clone(device),
            set: DeviceSet::of(device, area, &cells)?,
            size: covered.size,
            levels: levels?,
            ring_count: count(ring.len()),
            means: queue.zeros(ring.len())?,
            ring: queue.upload(&ring)?,
            pulls: queue.upload(&pulls)?,
            range: queue.zeros(2)?,
            place_count: count(places.len() / 2),
            bends: queue.zeros(places.len() / 2)?,
            places: queue.upload(&places)?,
            found: queue.zeros(1)?,
        })
    }

    /// Fills the hole in a picture.
    ///
    /// # Errors
    /// [`CudaError::Shape`] where the picture has no such plane of that size, and what the driver says.
    pub fn fill(&mut self, site: HoleSite, picture: &DevicePicture) -> Result<(), CudaError> {
        let plane = picture.plane(site.plane)?;
        if (plane.width, plane.height) != self.size {
            return Err(CudaError::Shape("the hole is one of a plane of another size"));
        }
        let depth = site.depth.clamp(8, 16);
        let top = u32::from(u16::MAX >> (16 - depth));
        self.surround(plane, top)?;
        self.solve()?;
        self.measure(plane)?;
        let nominal = if site.full_range {
            (0, top)
        } else {
            let up = depth - 8;
            (16 << up, if site.plane == 0 { 235 } else { 240 } << up)
        };
        let args = FillArgs {
            plane,
            hole: self.set.raw(),
            values: self.levels.first().map_or(0, |level| level.values.address()),
            range: self.range.address(),
            grain: self.found.address(),
            index: site.index,
            number: u32::from(site.plane),
            depth: u32::from(depth),
            low: nominal.0,
            high: nominal.1,
            top,
            has_ring: u32::from(self.ring_count > 0),
        };
        let area = self.set.area();
        self.device.queue().launch(Kernel::MembraneFill, &args, (area.width, area.height))
    }

    /// Lets what is known pull at the finest grid.
    fn surround(&self, plane: Plane, top: u32) -> Result<(), CudaError> {
        let queue = self.device.queue();
        let (ring, means, range) =
            (self.ring.address(), self.means.address(), self.range.address());
        let args = RingArgs { plane, ring, means, range, count: self.ring_count, top };
        queue.launch(Kernel::MembraneBegin, &args, (1, 1))?;
        queue.launch(Kernel::MembraneRing, &args, (self.ring_count, 1))?;
        let Some(finest) = self.levels.first() else { return Ok(()) };
        let args = PullArgs { grid: finest.raw(), pulls: self.pulls.address(), means };
        queue.launch(Kernel::MembranePull, &args, finest.size)
    }

    /// Finds the surface, from the coarsest grid to the finest.
    fn solve(&mut self) -> Result<(), CudaError> {
        let Some(last) = self.levels.len().checked_sub(1) else { return Ok(()) };
        let mut distance = 1.0_f32;
        for at in 1..=last {
            let load = self.levels[at - 1].load.address();
            self.step(Kernel::MembraneGather, at - 1, (load, shrink(distance), false))?;
            distance = coarser_distance(distance);
        }
        self.clear(last)?;
        self.relax(last, SWEEPS_COARSEST)?;
        for at in (0..last).rev() {
            self.step(Kernel::MembraneBetween, at, (0, 0.0, false))?;
            if at == 0 {
                self.relax(at, SWEEPS_FINEST)?;
            } else {
                self.cycle(at)?;
            }
        }
        Ok(())
    }

    /// One V-cycle from grid `top`: what is still wrong is solved for on the coarser grids and added.
    fn cycle(&mut self, top: usize) -> Result<(), CudaError> {
        let last = self.levels.len() - 1;
        for at in top..last {
            self.relax(at, SWEEPS)?;
            self.on_grid(Kernel::MembraneDefect, at)?;
            let wrong = self.levels[at].next.address();
            self.step(Kernel::MembraneGather, at, (wrong, 1.0, false))?;
            self.clear(at + 1)?;
        }
        self.relax(last, SWEEPS_COARSEST)?;
        for at in (top..last).rev() {
            self.step(Kernel::MembraneBetween, at, (0, 0.0, true))?;
            self.relax(at, SWEEPS)?;
        }
        Ok(())
    }

    /// Something between grid `at` and the next coarser one.
    fn step(
        &self,
        kernel: Kernel,
        at: usize,
        (from, weight, adds): (u64, f32, bool),
    ) -> Result<(), CudaError> {
        let (finer, coarser) = (&self.levels[at], &self.levels[at + 1]);
        let is_down = kernel == Kernel::MembraneGather;
        let places = if is_down { coarser.size } else { finer.size };
        let (finer, coarser) = (finer.raw(), coarser.raw());
        let args = StepArgs { finer, coarser, from, weight, adds: u32::from(adds) };
        self.device.queue().launch(kernel, &args, places)
    }

    fn on_grid(&self, kernel: Kernel, at: usize) -> Result<(), CudaError> {
        let level = &self.levels[at];
        self.device.queue().launch(kernel, &GridArgs { grid: level.raw() }, level.size)
    }

    fn clear(&self, at: usize) -> Result<(), CudaError> {
        self.on_grid(Kernel::MembraneClear, at)
    }

    fn relax(&mut self, at: usize, sweeps: usize) -> Result<(), CudaError> {
        for _ in 0..sweeps {
            self.on_grid(Kernel::MembraneRelax, at)?;
            let level = &mut self.levels[at];
            std::mem::swap(&mut level.values, &mut level.next);
        }
        Ok(())
    }

    /// Measures the grain around the hole.
    fn measure(&self, plane: Plane) -> Result<(), CudaError> {
        let rank = self.place_count as usize * QUANTILE.0 / QUANTILE.1;
        let args = GrainArgs {
            plane,
            places: self.places.address(),
            levels: self.bends.address(),
            found: self.found.address(),
            count: self.place_count,
            rank: u32::try_from(rank).unwrap_or(u32::MAX),
        };
        let queue = self.device.queue();
        queue.launch(Kernel::GrainBegin, &args, (1, 1))?;
        queue.launch(Kernel::GrainMeasure, &args, (self.place_count, 1))?;
        queue.launch(Kernel::GrainRank, &args, (self.place_count, 1))
    }
}

impl Level {
    fn new(device: &Arc<Device>, links: &Links) -> Result<Self, CudaError> {
        let queue = device.queue();
        let Links { right, down, weight, inverse, share, .. } = links;
        let cells = right.len();
        let side = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        Ok(Self {
            links: [
                queue.upload(right)?,
                queue.upload(down)?,
                queue.upload(weight)?,
                queue.upload(inverse)?,
                queue.upload(share)?,
            ],
            values: queue.zeros(cells)?,
            load: queue.zeros(cells)?,
            next: queue.zeros(cells)?,
            size: (side(links.width), side(links.height)),
        })
    }

    fn raw(&self) -> Grid {
        let [right, down, weight, inverse, share] = &self.links;
        Grid {
            right: right.address(),
            down: down.address(),
            weight: weight.address(),
            inverse: inverse.address(),
            share: share.address(),
            values: self.values.address(),
            load: self.load.address(),
            next: self.next.address(),
            width: self.size.0,
            height: self.size.1,
        }
    }
}
