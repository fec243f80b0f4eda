//! A fetched background laid under a part of a frame: its values between samples, two of its pictures
//! mixed, and the doubt about them, as the engine's `warp` gives them.
//!
//! Owns the pictures in the card's memory. How far they are believed, and how they are bent to meet what
//! surrounds the hole, is decided by the engine.

use std::sync::Arc;

use super::Device;
use super::args::{Kernel, Set, WarpArgs};
use super::edges::whole;
use super::error::CudaError;
use super::ffi::Memory;
use super::set::{Area, DeviceSet};

/// A linear map of places, from those of a frame's plane to those of the background's: each measured
/// from the corner of its plane, the middle of the first sample is (0.5, 0.5).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine {
    /// Column of the background: `xx * column + xy * row + x`.
    pub xx: f32,
    /// See [`Self::xx`].
    pub xy: f32,
    /// See [`Self::xx`].
    pub x: f32,
    /// Row of the background: `yx * column + yy * row + y`.
    pub yx: f32,
    /// See [`Self::yx`].
    pub yy: f32,
    /// See [`Self::yx`].
    pub y: f32,
}

impl Affine {
    fn apply(&self, x: f32, y: f32) -> (f32, f32) {
        (self.xx * x + self.xy * y + self.x, self.yx * x + self.yy * y + self.y)
    }
}

/// What a background looks like about one frame, on one plane.
#[derive(Debug, Clone, Copy)]
pub struct BackgroundPicture<'a> {
    /// Samples in 8-bit codes, row by row; unseen ones are spread from those around.
    pub values: &'a [f32],
    /// The doubt about each *luma* sample of the background, in 8-bit codes; infinite where unseen.
    pub doubt: &'a [f32],
}

/// One plane of a background in a card's memory.
#[derive(Debug)]
pub struct PlaneGround {
    device: Arc<Device>,
    pictures: Vec<(Memory<f32>, Memory<f32>)>,
    size: (u32, u32),
    luma_size: (u32, u32),
    shifts: (u32, u32),
    is_luma: bool,
}

/// How a background is laid under a frame.
#[derive(Debug, Clone, Copy)]
pub struct Lay {
    /// From places of the frame's plane to those of the background's.
    pub map: Affine,
    /// The two pictures that hold for the frame, by number.
    pub pictures: (usize, usize),
    /// How much of the second is mixed in, 0 to 1.
    pub share: f32,
}

/// What lies under the samples of a set: row by row in its area.
#[derive(Debug)]
pub struct Laid {
    device: Arc<Device>,
    values: Memory<f32>,
    doubts: Memory<f32>,
    count: usize,
}

impl PlaneGround {
    /// A plane of `size` samples of a background of `luma_size`, luma itself where the two are one plane.
    ///
    /// # Errors
    /// [`CudaError::Shape`] where the pictures are of other sizes, and what the driver says.
    pub fn new(
        device: &Arc<Device>,
        pictures: &[BackgroundPicture<'_>],
        (size, luma_size): ((u32, u32), (u32, u32)),
        (shifts, is_luma): ((u32, u32), bool),
    ) -> Result<Self, CudaError> {
        let count = |(width, height): (u32, u32)| width as usize * height as usize;
        let fits = |picture: &BackgroundPicture<'_>| {
            picture.values.len() == count(size) && picture.doubt.len() == count(luma_size)
        };
        if pictures.is_empty() || !pictures.iter().all(fits) {
            return Err(CudaError::Shape("a background has pictures, of its own size"));
        }
        let queue = device.queue();
        let copy = |picture: &BackgroundPicture<'_>| {
            Ok((queue.upload(picture.values)?, queue.upload(picture.doubt)?))
        };
        let pictures: Result<Vec<_>, CudaError> = pictures.iter().map(copy).collect();
        let device = Arc::clone(device);
        Ok(Self { device, pictures: pictures?, size, luma_size, shifts, is_luma })
    }

    /// Lays it under the samples of `wanted`; the others are 128, in infinite doubt.
    ///
    /// # Errors
    /// [`CudaError::Shape`] where there is no such picture, and what the driver says.
    pub fn lay(&self, wanted: &DeviceSet, lay: Lay) -> Result<Laid, CudaError> {
        let picture = |number: usize| {
            let picture = self.pictures.get(number);
            picture.ok_or(CudaError::Shape("the background has no such picture"))
        };
        let (one, other) = (picture(lay.pictures.0)?, picture(lay.pictures.1)?);
        let wanted: Set = wanted.raw();
        let area =
            Area { left: wanted.left, top: wanted.top, width: wanted.width, height: wanted.height };
        let part = under(lay.map, area, self.size);
        let count = area.width as usize * area.height as usize;
        let queue = self.device.queue();
        let (values, doubts) = (queue.zeros(count)?, queue.zeros(count)?);
        let Affine { xx, xy, x, yx, yy, y } = lay.map;
        let args = WarpArgs {
            values: values.address(),
            doubts: doubts.address(),
            one: one.0.address(),
            other: other.0.address(),
            doubt_one: one.1.address(),
            doubt_other: other.1.address(),
            wanted,
            xx,
            xy,
            x,
            yx,
            yy,
            y,
            share: lay.share,
            wide: self.size.0,
            left: part.left,
            top: part.top,
            width: part.width,
            height: part.height,
            luma_wide: self.luma_size.0,
            shift_x: self.shifts.0,
            shift_y: self.shifts.1,
            luma_count: whole(self.luma_size.0 as usize * self.luma_size.1 as usize),
            is_luma: u32::from(self.is_luma),
            padding: 0,
        };
        queue.launch(Kernel::Warp, &args, (area.width, area.height))?;
        Ok(Laid { device: Arc::clone(&self.device), values, doubts, count })
    }
}

impl Laid {
    /// Values and doubts in 8-bit codes, row by row, once all that was launched is done.
    ///
    /// # Errors
    /// What the driver says.
    pub fn download(&self) -> Result<(Vec<f32>, Vec<f32>), CudaError> {
        let queue = self.device.queue();
        let (mut values, mut doubts) =
            (queue.download(&self.values)?, queue.download(&self.doubts)?);
        values.truncate(self.count);
        doubts.truncate(self.count);
        Ok((values, doubts))
    }
}

/// The part of a plane of that size on which an area falls, and what is read around it: the engine's.
fn under(map: Affine, area: Area, (width, height): (u32, u32)) -> Area {
    let (x, y) = ([area.left, area.left + area.width], [area.top, area.top + area.height]);
    let (mut low, mut high) = ((f32::MAX, f32::MAX), (0.0_f32, 0.0_f32));
    for (x, y) in x.into_iter().flat_map(|x| y.map(|y| (x, y))) {
        let (u, v) = map.apply(x as f32, y as f32);
        low = (low.0.min(u), low.1.min(v));
        high = (high.0.max(u), high.1.max(v));
    }
    let start = |low: f32, end: u32| cut((low - 4.0).max(0.0)).min(end);
    let stop = |high: f32, end: u32| cut(high + 4.0).min(end);
    let (left, top) = (start(low.0, width), start(low.1, height));
    let (right, bottom) = (stop(high.0, width).max(left), stop(high.1, height).max(top));
    Area { left, top, width: right - left, height: bottom - top }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast from float to integer saturates, and the value is not negative"
)]
fn cut(value: f32) -> u32 {
    value as u32
}
