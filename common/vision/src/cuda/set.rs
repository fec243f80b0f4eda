//! Sets of samples of a plane, in a card's memory: drawn, grown, joined.

use std::sync::Arc;

use cleanplate_types::overlay::{Mask, Shape};
use cleanplate_types::picture::{PixelLayout, Rect};

use super::Device;
use super::args::{GrowArgs, JoinArgs, Kernel, Set, ShapeArgs};
use super::error::CudaError;
use super::ffi::Memory;

/// A rectangle of samples of a plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// First column.
    pub left: u32,
    /// First row.
    pub top: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// What is drawn, in luma samples.
#[derive(Debug, Clone, Copy)]
pub enum Outline<'a> {
    /// What a mask of the plan covers.
    Mask(&'a Mask),
    /// A rectangle, or the ellipse in it.
    Shape(Shape, Rect),
}

/// How two sets become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// What is in either.
    Add,
    /// What is not in the other.
    Remove,
    /// What is in both.
    Keep,
}

/// A set of samples of one plane: one byte for each sample of its area.
#[derive(Debug)]
pub struct DeviceSet {
    device: Arc<Device>,
    area: Area,
    cells: Memory<u8>,
}

impl DeviceSet {
    /// The samples of `area` whose cells are not 0, row by row.
    ///
    /// # Errors
    /// [`CudaError::Shape`] where there are other cells than samples, and what the driver says.
    pub fn of(device: &Arc<Device>, area: Area, cells: &[bool]) -> Result<Self, CudaError> {
        if cells.len() != area.width as usize * area.height as usize {
            return Err(CudaError::Shape("a set has a cell for each sample of its area"));
        }
        let cells: Vec<u8> = cells.iter().map(|cell| u8::from(*cell)).collect();
        Ok(Self { device: Arc::clone(device), area, cells: device.queue().upload(&cells)? })
    }

    /// None of the samples of an area.
    ///
    /// # Errors
    /// What the driver says.
    pub fn empty(device: &Arc<Device>, area: Area) -> Result<Self, CudaError> {
        let cells = device.queue().zeros(area.width as usize * area.height as usize)?;
        Ok(Self { device: Arc::clone(device), area, cells })
    }

    /// The samples of a plane of a picture of `size` that share a luma sample with the outline.
    ///
    /// # Errors
    /// [`CudaError::Shape`] where the mask is damaged, and what the driver says.
    pub fn draw(
        device: &Arc<Device>,
        (layout, size): (&PixelLayout, (u32, u32)),
        plane: u8,
        outline: Outline<'_>,
    ) -> Result<Self, CudaError> {
        let (rect, shape, bits) = match outline {
            Outline::Shape(Shape::Rectangle, rect) => (rect, 0, None),
            Outline::Shape(Shape::Ellipse, rect) => (rect, 1, None),
            Outline::Mask(mask) if !mask.is_well_formed() => {
                return Err(CudaError::Shape("the mask has other bits than its bounds ask for"));
            }
            Outline::Mask(mask) if mask.bits.is_empty() => (mask.bounds, 0, None),
            Outline::Mask(mask) => (mask.bounds, 2, Some(&mask.bits)),
        };
        if rect.right() > 1 << 15 || rect.bottom() > 1 << 15 {
            return Err(CudaError::Shape("an outline lies within 32768 samples each way"));
        }
        let (right, down) = shifts(layout, plane);
        let area = plane_area((layout, size), plane, rect);
        let (wide, high) = (area.width, area.height);
        let queue = device.queue();
        let cells = queue.zeros(wide as usize * high as usize)?;
        let bits = bits.map(|bits| queue.upload(bits)).transpose()?;
        let set = Self { device: Arc::clone(device), area, cells };
        let args = ShapeArgs {
            out: set.raw(),
            bits: bits.as_ref().map_or(0, Memory::address),
            x: rect.x,
            y: rect.y,
            width: rect.width,
            height: rect.height,
            picture_width: size.0,
            picture_height: size.1,
            shift_x: right,
            shift_y: down,
            shape,
            keep: 0,
        };
        queue.launch(Kernel::MaskShape, &args, (wide, high))?;
        Ok(set)
    }

    /// Every sample of a plane of `size` at most `by` rows and columns away from one of the set.
    ///
    /// # Errors
    /// What the driver says.
    pub fn grown(&self, by: u32, size: (u32, u32)) -> Result<Self, CudaError> {
        let side = |from: u32, length: u32, size: u32| {
            let to = from.saturating_add(length).saturating_add(by).min(size);
            let from = from.saturating_sub(by).min(to);
            (from, to - from)
        };
        let (left, width) = side(self.area.left, self.area.width, size.0);
        let (top, height) = side(self.area.top, self.area.height, size.1);
        let queue = self.device.queue();
        let cells = queue.zeros(width as usize * height as usize)?;
        let device = Arc::clone(&self.device);
        let grown = Self { device, area: Area { left, top, width, height }, cells };
        let args = GrowArgs { from: self.raw(), out: grown.raw(), by };
        queue.launch(Kernel::MaskGrow, &args, (width, height))?;
        Ok(grown)
    }

    /// Joins another set into this one, within this one's area.
    ///
    /// # Errors
    /// What the driver says.
    pub fn join(&mut self, other: &Self, how: Join) -> Result<(), CudaError> {
        let how = match how {
            Join::Add => 0,
            Join::Remove => 1,
            Join::Keep => 2,
        };
        let args = JoinArgs { into: self.raw(), other: other.raw(), how };
        let places = (self.area.width, self.area.height);
        self.device.queue().launch(Kernel::MaskJoin, &args, places)
    }

    /// The samples that it may hold.
    #[must_use]
    pub const fn area(&self) -> Area {
        self.area
    }

    /// Whether it holds each sample of its area, row by row, once all that was launched is done.
    ///
    /// # Errors
    /// What the driver says.
    pub fn cells(&self) -> Result<Vec<bool>, CudaError> {
        let count = self.area.width as usize * self.area.height as usize;
        let cells = self.device.queue().download(&self.cells)?;
        Ok(cells.into_iter().take(count).map(|cell| cell != 0).collect())
    }

    pub(super) fn raw(&self) -> Set {
        let Area { left, top, width, height } = self.area;
        Set { cells: self.cells.address(), left, top, width, height }
    }
}

/// log2 of how many luma columns and rows share a sample of the plane.
pub(super) fn shifts(layout: &PixelLayout, plane: u8) -> (u32, u32) {
    if plane == 0 {
        return (0, 0);
    }
    (u32::from(layout.chroma_shift_x), u32::from(layout.chroma_shift_y))
}

/// The samples of a plane that share one with a rectangle of luma, cut to the picture.
pub(super) fn plane_area(
    (layout, size): (&PixelLayout, (u32, u32)),
    plane: u8,
    rect: Rect,
) -> Area {
    let (right, down) = shifts(layout, plane);
    let (width, height) = layout.plane_size(plane, size.0, size.1);
    let side = |from: u32, to: u32, shift: u32, size: u32| {
        let to = to.div_ceil(1 << shift).min(size);
        let from = (from >> shift).min(to);
        (from, to - from)
    };
    let (left, width) = side(rect.x, rect.right(), right, width);
    let (top, height) = side(rect.y, rect.bottom(), down, height);
    Area { left, top, width, height }
}
