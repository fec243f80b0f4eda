//! An overlay taken off on the card, as the engine's `Inverter` does it: judged, solved, checked,
//! smoothed, written. Nothing waits for the CPU: how strongly the overlay shows is decided on the card.
//!
//! Owns the tables that depend on the matte alone. Samples that cannot be restored stay as they were,
//! and are named ([`Inversion::left`]).

use std::sync::Arc;

use cleanplate_types::picture::{PixelLayout, Rect};

use super::Device;
use super::args::{
    CheckArgs, FollowArgs, Judge, JudgeArgs, Kernel, LoadArgs, Matte, NamedArgs, Pair, SettleArgs,
    SolveArgs, Square, StoreArgs,
};
use super::edges::{Edges, whole};
use super::error::CudaError;
use super::ffi::Memory;
use super::picture::DevicePicture;
use super::set::{Area, DeviceSet, shifts};

/// The engine's: fixed points of alpha and paint, what is hidden at least and at most for a sample to be
/// inverted, the least trust, no colour's code, and which samples count as opaque and how many.
const ALPHA_ONE: f32 = 4096.0;
const PAINT_ONE: f32 = 16.0;
const NOISE_ONE: f32 = 64.0;
const ALPHA_MIN: f32 = 0.004;
const ALPHA_MAX: f32 = 0.88;
const ALPHA_OPAQUE: f32 = 0.97;
const TRUST_MIN: u8 = 128;
const WHITEST: f32 = 255.0;
const OPAQUE_MAX: usize = 1024;
/// Strengths that are told apart: 0 to 64.
const STRENGTHS: u32 = 65;
/// What becomes of a sample.
const UNTOUCHED: u8 = 0;
const INVERTED: u8 = 1;
const LEFT: u8 = 2;

/// Where a sample of a picture that an overlay was taken off comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleOrigin {
    /// The picture: the overlay does not reach it, or it may not be changed.
    Untouched,
    /// The picture, with the overlay taken off.
    Inverted,
    /// Nothing yet: it must be fetched from another picture, or made up.
    Left,
}

/// What an overlay is made of, as the engine's `Matte` holds it.
#[derive(Debug, Clone, Copy)]
pub struct MatteSource<'a> {
    /// The layout of the frames, 8 to 12 bits.
    pub layout: &'a PixelLayout,
    /// The luma samples that it speaks of; it begins where a chroma sample does.
    pub bounds: Rect,
    /// Each plane.
    pub planes: &'a [PlaneSource<'a>],
    /// Whether each luma sample changes while the overlay stays.
    pub changing: &'a [bool],
    /// Whether each sample of each plane may be changed; where none are given, all may.
    pub within: Option<&'a [Vec<bool>]>,
}

/// One plane of a matte, row by row.
#[derive(Debug, Clone, Copy)]
pub struct PlaneSource<'a> {
    /// How much of the background is hidden, in parts of 4096.
    pub alpha: &'a [u16],
    /// What the overlay adds, in codes of the plane times 16.
    pub paint: &'a [u16],
    /// How far inversion can be believed, 0 to 255.
    pub trust: &'a [u8],
    /// Deviation of the coding noise, in codes times 64; 0 where unknown.
    pub noise: u16,
}

/// One plane in the card's memory.
#[derive(Debug)]
struct PlaneWork {
    area: Area,
    alpha: Memory<f32>,
    paint: Memory<f32>,
    plan: Memory<u8>,
    origins: Memory<u8>,
    seen: Memory<f32>,
    restored: Memory<f32>,
    weight: Memory<f32>,
    judges: (Memory<Pair>, u32),
    plain: (Memory<u32>, u32),
    opaque: (Memory<u32>, Memory<f32>, u32),
    costs: Memory<f32>,
    sigma: f32,
}

/// Takes one overlay off pictures in a card's memory. Holds some 25 bytes of it for each sample.
#[derive(Debug)]
pub struct Inversion {
    device: Arc<Device>,
    layout: PixelLayout,
    planes: Vec<PlaneWork>,
    pairs: Memory<Pair>,
    squares: (Memory<Square>, u32),
    strength: Memory<u32>,
}

impl Inversion {
    /// Makes the tables of a matte.
    ///
    /// # Errors
    /// [`CudaError::Shape`] where its parts do not fit each other, and what the driver says.
    pub fn new(device: &Arc<Device>, matte: &MatteSource<'_>) -> Result<Self, CudaError> {
        let layout = matte.layout;
        if !(8..=12).contains(&layout.depth) || matte.planes.len() != usize::from(layout.planes) {
            return Err(CudaError::Shape("a matte has the planes of its layout, of 8 to 12 bits"));
        }
        let (mut planes, mut luma_edges) = (Vec::new(), Edges::default());
        for number in 0..layout.planes {
            let tables = Tables::new(matte, number)?;
            let edges = Edges::new(tables.area.width as usize, &tables.alpha, &tables.paint);
            planes.push(PlaneWork::new(device, &tables, &edges)?);
            if number == 0 {
                luma_edges = edges;
            }
        }
        let queue = device.queue();
        Ok(Self {
            pairs: queue.upload(&luma_edges.pairs)?,
            squares: (queue.upload(&luma_edges.squares)?, whole(luma_edges.squares.len())),
            strength: queue.zeros(1)?,
            device: Arc::clone(device),
            layout: layout.clone(),
            planes,
        })
    }

    /// Takes the overlay off a picture, as strongly as it shows there.
    ///
    /// # Errors
    /// [`CudaError::Shape`] where the picture is of another layout or too small, and what the driver says.
    pub fn apply(&mut self, picture: &DevicePicture) -> Result<(), CudaError> {
        let unit = f32::from(1_u16 << (self.layout.depth - 8));
        self.load(picture, unit)?;
        self.judge()?;
        let queue = self.device.queue();
        let strength = self.strength.address();
        let Some((luma, chroma)) = self.planes.split_first() else { return Ok(()) };
        for work in &self.planes {
            let args = SolveArgs { matte: work.raw(), strength };
            queue.launch(Kernel::InvertSolve, &args, work.places())?;
        }
        let (squares, square_count) = (self.squares.0.address(), self.squares.1);
        let (matte, pairs) = (luma.raw(), self.pairs.address());
        let args = CheckArgs { matte, squares, pairs, strength, square_count, padding: 0 };
        queue.launch(Kernel::InvertCheck, &args, (square_count, 1))?;
        let (shift_x, shift_y) = shifts(&self.layout, 1);
        for work in chroma {
            let args = FollowArgs { matte: work.raw(), luma: luma.raw(), shift_x, shift_y };
            queue.launch(Kernel::InvertFollow, &args, work.places())?;
        }
        let top = f32::from((1_u16 << self.layout.depth.min(15)) - 1);
        for (number, work) in (0_u8..).zip(&self.planes) {
            let (matte, sigma) = (work.raw(), work.sigma);
            queue.launch(Kernel::InvertWeigh, &SolveArgs { matte, strength }, work.places())?;
            let plane = picture.plane(number)?;
            let args = StoreArgs { matte, plane, strength, sigma, unit, top, padding: 0 };
            queue.launch(Kernel::InvertStore, &args, work.places())?;
        }
        Ok(())
    }

    fn load(&self, picture: &DevicePicture, unit: f32) -> Result<(), CudaError> {
        if picture.layout().depth != self.layout.depth
            || picture.layout().planes != self.layout.planes
        {
            return Err(CudaError::Shape("the picture is of another layout than the matte"));
        }
        for (number, work) in (0_u8..).zip(&self.planes) {
            let plane = picture.plane(number)?;
            let area = work.area;
            if area.left + area.width > plane.width || area.top + area.height > plane.height {
                return Err(CudaError::Shape("the matte lies outside the picture"));
            }
            let args = LoadArgs { plane, matte: work.raw(), scale: 1.0 / unit, padding: 0 };
            self.device.queue().launch(Kernel::InvertLoad, &args, work.places())?;
        }
        Ok(())
    }

    fn judge(&self) -> Result<(), CudaError> {
        let mut planes = [Judge::default(); 3];
        for (judge, work) in planes.iter_mut().zip(&self.planes) {
            *judge = work.judge();
        }
        let queue = self.device.queue();
        let plane_count = whole(self.planes.len());
        let args = JudgeArgs { planes, plane_count, padding: 0 };
        queue.launch(Kernel::InvertJudge, &args, (STRENGTHS, plane_count))?;
        let strength = self.strength.address();
        let args = SettleArgs { planes, plane_count, padding: 0, strength };
        queue.launch(Kernel::InvertSettle, &args, (1, 1))
    }

    /// Judges how strongly the overlay shows in a picture, which stays as it is.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn look(&mut self, picture: &DevicePicture) -> Result<(), CudaError> {
        self.load(picture, f32::from(1_u16 << (self.layout.depth - 8)))?;
        self.judge()
    }

    /// How strongly the overlay showed in the last picture, in parts of 64; 0 where it did not. Waits.
    ///
    /// # Errors
    /// What the driver says.
    pub fn strength(&self) -> Result<u32, CudaError> {
        Ok(self.device.queue().download(&self.strength)?.first().copied().unwrap_or(0))
    }

    /// The samples of a plane that the last picture left: they must be fetched from another picture, or
    /// made up. A set on the card: nothing waits.
    ///
    /// # Errors
    /// [`CudaError::Shape`] where there is no such plane, and what the driver says.
    pub fn left(&self, plane: u8) -> Result<DeviceSet, CudaError> {
        self.named(plane, LEFT)
    }

    /// The samples of a plane that were inverted in the last picture, as [`Self::left`].
    ///
    /// # Errors
    /// As there.
    pub fn inverted(&self, plane: u8) -> Result<DeviceSet, CudaError> {
        self.named(plane, INVERTED)
    }

    /// Where each sample of a plane of the matte came from in the last picture that the overlay was taken off and
    /// showed in, row by row. Waits.
    ///
    /// # Errors
    /// [`CudaError::Shape`] where there is no such plane, and what the driver says.
    pub fn origins(&self, plane: u8) -> Result<Vec<SampleOrigin>, CudaError> {
        let work = self.work(plane)?;
        let count = work.area.width as usize * work.area.height as usize;
        let origins = self.device.queue().download(&work.origins)?;
        let of = |origin: u8| match origin {
            UNTOUCHED => Ok(SampleOrigin::Untouched),
            INVERTED => Ok(SampleOrigin::Inverted),
            LEFT => Ok(SampleOrigin::Left),
            _ => Err(CudaError::Shape("a kernel named an origin that there is not")),
        };
        origins.into_iter().take(count).map(of).collect()
    }

    fn named(&self, plane: u8, origin: u8) -> Result<DeviceSet, CudaError> {
        let work = self.work(plane)?;
        let set = DeviceSet::empty(&self.device, work.area)?;
        let (matte, out) = (work.raw(), set.raw());
        let args = NamedArgs { matte, out, origin: u32::from(origin), padding: 0 };
        self.device.queue().launch(Kernel::InvertNamed, &args, work.places())?;
        Ok(set)
    }

    /// The samples of a plane that the matte speaks of.
    ///
    /// # Errors
    /// [`CudaError::Shape`] where there is no such plane.
    pub fn area(&self, plane: u8) -> Result<Area, CudaError> {
        Ok(self.work(plane)?.area)
    }

    fn work(&self, plane: u8) -> Result<&PlaneWork, CudaError> {
        let work = self.planes.get(usize::from(plane));
        work.ok_or(CudaError::Shape("the matte has no such plane"))
    }
}

/// The tables of one plane, on the CPU.
struct Tables {
    area: Area,
    alpha: Vec<f32>,
    paint: Vec<f32>,
    plan: Vec<u8>,
    opaque: Vec<(u32, f32)>,
    sigma: f32,
}

impl Tables {
    fn new(matte: &MatteSource<'_>, number: u8) -> Result<Self, CudaError> {
        let layout = matte.layout;
        let (sx, sy) = shifts(layout, number);
        let bounds = matte.bounds;
        let (width, height) = layout.plane_size(number, bounds.width, bounds.height);
        let area = Area { left: bounds.x >> sx, top: bounds.y >> sy, width, height };
        let part = &matte.planes[usize::from(number)];
        let size = width as usize * height as usize;
        let within = matte.within.map(|sets| sets.get(usize::from(number)));
        let luma_size = bounds.width as usize * bounds.height as usize;
        let fits = [part.alpha.len(), part.paint.len(), part.trust.len()] == [size; 3]
            && matte.changing.len() == luma_size
            && within.is_none_or(|set| set.is_some_and(|set| set.len() == size));
        if !fits {
            return Err(CudaError::Shape("a matte has one number for each sample of its planes"));
        }
        let unit = f32::from(1_u16 << (layout.depth - 8));
        let alpha: Vec<f32> = part.alpha.iter().map(|a| f32::from(*a) / ALPHA_ONE).collect();
        let paint = part.paint.iter().zip(&alpha);
        let paint: Vec<f32> = paint
            .map(|(paint, alpha)| (f32::from(*paint) / (PAINT_ONE * unit)).min(alpha * WHITEST))
            .collect();
        let least = ALPHA_MIN / unit;
        let may = |at: usize| within.flatten().is_none_or(|set| set[at]);
        let plan = alpha.iter().zip(part.trust).enumerate().map(|(at, (alpha, trust))| {
            let changes = number == 0 && matte.changing[at];
            if !may(at) {
                UNTOUCHED
            } else if *alpha > ALPHA_MAX || changes || (*alpha >= least && *trust < TRUST_MIN) {
                LEFT
            } else if *alpha < least {
                UNTOUCHED
            } else {
                INVERTED
            }
        });
        let plan = plan.collect();
        let (wide, luma_wide) = (width as usize, bounds.width as usize);
        let changes = |at: usize| {
            let luma = ((at / wide) << sy) * luma_wide + ((at % wide) << sx);
            matte.changing.get(luma).copied().unwrap_or(false)
        };
        let opaque: Vec<usize> =
            (0..alpha.len()).filter(|at| alpha[*at] >= ALPHA_OPAQUE && !changes(*at)).collect();
        let step = opaque.len().div_ceil(OPAQUE_MAX).max(1);
        let opaque = opaque.into_iter().step_by(step).map(|at| (whole(at), paint[at])).collect();
        let sigma = f32::from(part.noise) / (NOISE_ONE * unit);
        Ok(Self { area, alpha, paint, plan, opaque, sigma })
    }
}

impl PlaneWork {
    fn new(device: &Arc<Device>, tables: &Tables, edges: &Edges) -> Result<Self, CudaError> {
        let queue = device.queue();
        let size = tables.alpha.len();
        let (places, shown): (Vec<u32>, Vec<f32>) = tables.opaque.iter().copied().unzip();
        Ok(Self {
            area: tables.area,
            alpha: queue.upload(&tables.alpha)?,
            paint: queue.upload(&tables.paint)?,
            plan: queue.upload(&tables.plan)?,
            origins: queue.zeros(size)?,
            seen: queue.zeros(size)?,
            restored: queue.zeros(size)?,
            weight: queue.zeros(size)?,
            judges: (queue.upload(&edges.judges)?, whole(edges.judges.len())),
            plain: (queue.upload(&edges.plain)?, whole(edges.plain.len() / 2)),
            opaque: (queue.upload(&places)?, queue.upload(&shown)?, whole(places.len())),
            costs: queue.zeros(STRENGTHS as usize)?,
            sigma: tables.sigma,
        })
    }

    const fn places(&self) -> (u32, u32) {
        (self.area.width, self.area.height)
    }

    fn raw(&self) -> Matte {
        Matte {
            alpha: self.alpha.address(),
            paint: self.paint.address(),
            plan: self.plan.address(),
            origins: self.origins.address(),
            seen: self.seen.address(),
            restored: self.restored.address(),
            weight: self.weight.address(),
            left: self.area.left,
            top: self.area.top,
            width: self.area.width,
            height: self.area.height,
        }
    }

    fn judge(&self) -> Judge {
        Judge {
            seen: self.seen.address(),
            judges: self.judges.0.address(),
            plain: self.plain.0.address(),
            opaque: self.opaque.0.address(),
            shown: self.opaque.1.address(),
            costs: self.costs.address(),
            judge_count: self.judges.1,
            plain_count: self.plain.1,
            opaque_count: self.opaque.2,
            padding: 0,
        }
    }
}
