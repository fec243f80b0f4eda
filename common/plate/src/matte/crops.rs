//! What the second look keeps of a window: the surroundings of one overlay in frames that differ.
//!
//! Owns the choice of frames: those between which the background demonstrably changed, few enough to
//! store. Judges nothing: it does not know what the overlay is made of.

use cleanplate_types::overlay::Mask;
use cleanplate_types::picture::{PixelLayout, PlaneRef, PlanesRef, Rect};
use serde::{Deserialize, Serialize};

use crate::sample::Sample;

/// Most frames that one window keeps.
pub(super) const FRAMES_MAX: usize = 48;
/// Most bytes of samples that one window keeps, two for each sample.
const BYTES_MAX: usize = 8 << 20;
/// Luma samples around an overlay that are looked at with it.
const MARGIN: u32 = 32;

/// Side of the squares whose mean colour tells two backgrounds apart.
const SQUARE: usize = 8;
/// Frames whose squares differ by less than this, in 8-bit codes, show the same background.
const CHANGE_MIN: u64 = 2;
/// Frames of one background that are kept all the same, since their noise differs.
const SAME_MAX: usize = 8;

/// Which samples of a frame an overlay is learned from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// The layout of the frames.
    pub layout: PixelLayout,
    /// The luma samples that are kept; it starts and ends where a chroma sample does, or at the
    /// picture's edge.
    pub bounds: Rect,
    /// What the overlay may cover; beyond it there is background only.
    pub mask: Mask,
    /// Where chroma samples lie (libav's chroma location: 1 left, 2 centre, 3 top left).
    pub chroma_location: u8,
}

/// The samples of one window's frames around one overlay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crops {
    /// Where they were taken.
    pub site: Site,
    /// The frames, rising.
    pub frames: Vec<Crop>,
}

/// The samples of one frame around one overlay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crop {
    /// The frame.
    pub index: u64,
    /// The planes, row by row.
    pub planes: Vec<Vec<u16>>,
}

/// A frame that the site does not speak of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CropsError {
    /// The frame has too few planes, or planes too small for the site.
    #[error("plane {plane} of frame {index} does not hold the samples around the overlay")]
    OtherPicture {
        /// The frame.
        index: u64,
        /// The first plane that does not fit.
        plane: usize,
    },
    /// A frame came after a later one.
    #[error("frame {index} came after frame {last}")]
    OutOfOrder {
        /// The frame.
        index: u64,
        /// The one before it.
        last: u64,
    },
}

impl Site {
    /// The site of an overlay that covers some of `mask`, in frames of `width` by `height` whose chroma
    /// samples lie at libav's `chroma_location`.
    #[must_use]
    pub fn around(
        layout: &PixelLayout,
        (width, height): (u32, u32),
        chroma_location: u8,
        mask: &Mask,
    ) -> Self {
        let bounds = mask.bounds;
        let grown = Rect {
            x: bounds.x.saturating_sub(MARGIN),
            y: bounds.y.saturating_sub(MARGIN),
            width: bounds.width + MARGIN.min(bounds.x) + MARGIN,
            height: bounds.height + MARGIN.min(bounds.y) + MARGIN,
        };
        Self {
            layout: layout.clone(),
            bounds: aligned(layout, (width, height), grown),
            mask: mask.clone(),
            chroma_location,
        }
    }

    /// Whether the parts fit each other: what a site from the wire must show.
    pub(crate) fn is_sound(&self) -> bool {
        let layout = &self.layout;
        let is_sized = self.bounds.width > 2 && self.bounds.height > 2;
        (8..=12).contains(&layout.depth)
            && layout.planes > 0
            && is_sized
            && layout.chroma_shift_x < 4
            && layout.chroma_shift_y < 4
            && self.mask.is_well_formed()
    }

    /// Whether the planes are those of one crop.
    pub(super) fn holds(&self, planes: &[Vec<u16>]) -> bool {
        let sizes = (0..self.layout.planes).map(|plane| self.plane_rect(plane));
        let sizes = sizes.map(|rect| rect.width as usize * rect.height as usize);
        sizes.eq(planes.iter().map(Vec::len))
    }

    /// The rectangle of `plane` that belongs to the bounds.
    pub(super) fn plane_rect(&self, plane: u8) -> Rect {
        plane_rect(&self.layout, plane, self.bounds)
    }
}

/// The smallest rectangle that holds `rect`, cut to the picture, and only whole chroma samples.
pub(super) fn aligned(layout: &PixelLayout, (width, height): (u32, u32), rect: Rect) -> Rect {
    let side = |from: u32, to: u32, shift: u8, size: u32| {
        let step = 1_u32 << shift;
        let from = from.min(size) >> shift << shift;
        let to = to.min(size).div_ceil(step).saturating_mul(step).min(size);
        (from, to.saturating_sub(from))
    };
    let (x, width) = side(rect.x, rect.right(), layout.chroma_shift_x, width);
    let (y, height) = side(rect.y, rect.bottom(), layout.chroma_shift_y, height);
    Rect { x, y, width, height }
}

/// The rectangle of `plane` that an aligned rectangle of luma samples stands for.
pub(super) fn plane_rect(layout: &PixelLayout, plane: u8, rect: Rect) -> Rect {
    if plane == 0 {
        return rect;
    }
    let (width, height) = layout.plane_size(plane, rect.width, rect.height);
    let (x, y) = (rect.x >> layout.chroma_shift_x, rect.y >> layout.chroma_shift_y);
    Rect { x, y, width, height }
}

/// Gathers the crops of one window. Holds what it has kept, at most `BYTES_MAX`.
#[derive(Debug)]
pub struct Gatherer {
    site: Site,
    frames_max: usize,
    kept: Vec<Kept>,
    /// The frame that was looked at last.
    last: Option<u64>,
}

#[derive(Debug)]
struct Kept {
    crop: Crop,
    /// Mean luma of the squares without overlay, in codes.
    squares: Vec<u32>,
}

impl Gatherer {
    /// A gatherer that has seen nothing yet.
    #[must_use]
    pub fn new(site: &Site) -> Self {
        let samples: usize = (0..site.layout.planes)
            .map(|plane| site.plane_rect(plane))
            .map(|rect| rect.width as usize * rect.height as usize)
            .sum();
        let frames_max = (BYTES_MAX / (2 * samples).max(1)).clamp(2, FRAMES_MAX);
        Self { site: site.clone(), frames_max, kept: Vec::new(), last: None }
    }

    /// Looks at a frame; frames come rising.
    ///
    /// # Errors
    /// [`CropsError`] where the frame does not fit; nothing is kept of it then.
    pub fn add(&mut self, index: u64, planes: &PlanesRef<'_>) -> Result<(), CropsError> {
        if let Some(last) = self.last.filter(|last| *last >= index) {
            return Err(CropsError::OutOfOrder { index, last });
        }
        let planes = match planes {
            PlanesRef::Eight(planes) => self.cut(index, planes)?,
            PlanesRef::Sixteen(planes) => self.cut(index, planes)?,
        };
        self.last = Some(index);
        let squares = self.squares(planes.first().map_or(&[], Vec::as_slice));
        self.keep(Kept { crop: Crop { index, planes }, squares });
        Ok(())
    }

    /// What was kept.
    #[must_use]
    pub fn finish(self) -> Crops {
        let frames = self.kept.into_iter().map(|kept| kept.crop).collect();
        Crops { site: self.site, frames }
    }

    fn cut<S: Sample>(
        &self,
        index: u64,
        planes: &[PlaneRef<'_, S>],
    ) -> Result<Vec<Vec<u16>>, CropsError> {
        let mut cut = Vec::new();
        for (number, at) in (0..self.site.layout.planes).zip(0..) {
            let rect = self.site.plane_rect(number);
            let plane = planes
                .get(at)
                .filter(|plane| rect.right() <= plane.width && rect.bottom() <= plane.height)
                .ok_or(CropsError::OtherPicture { index, plane: at })?;
            let mut samples = Vec::with_capacity(rect.width as usize * rect.height as usize);
            for y in rect.y..rect.bottom() {
                let from = y as usize * plane.stride + rect.x as usize;
                let row = plane.samples.get(from..from + rect.width as usize);
                let row = row.ok_or(CropsError::OtherPicture { index, plane: at })?;
                samples.extend(row.iter().map(|sample| sample.wide()));
            }
            cut.push(samples);
        }
        Ok(cut)
    }

    /// Mean luma of the squares that the overlay cannot reach.
    fn squares(&self, luma: &[u16]) -> Vec<u32> {
        let bounds = self.site.bounds;
        let (width, height) = (bounds.width as usize, bounds.height as usize);
        let mut squares = Vec::new();
        for top in (0..height).step_by(SQUARE) {
            for left in (0..width).step_by(SQUARE) {
                let (mut sum, mut count) = (0_u32, 0_u32);
                for y in top..(top + SQUARE).min(height) {
                    let columns = left..(left + SQUARE).min(width);
                    for x in columns.filter(|x| !covered(&self.site, *x, y)) {
                        sum += u32::from(luma[y * width + x]);
                        count += 1;
                    }
                }
                if count as usize >= SQUARE * SQUARE / 2 {
                    squares.push(sum / count);
                }
            }
        }
        squares
    }

    fn keep(&mut self, new: Kept) {
        let change_min = CHANGE_MIN << self.site.layout.depth.saturating_sub(8);
        let same = self.kept.iter().filter(|kept| change(kept, &new) < change_min).count();
        if same >= SAME_MAX.min(self.frames_max / 4).max(1) {
            return;
        }
        self.kept.push(new);
        if self.kept.len() > self.frames_max {
            let nearest = |at: usize| {
                let others = self.kept.iter().enumerate().filter(|(other, _)| *other != at);
                others.map(|(_, other)| change(other, &self.kept[at])).min()
            };
            let least = (0..self.kept.len()).min_by_key(|at| nearest(*at));
            if let Some(at) = least {
                self.kept.remove(at);
            }
        }
    }
}

/// Whether the overlay may cover column `x`, row `y` of the site's bounds.
pub(super) fn covered(site: &Site, x: usize, y: usize) -> bool {
    let inside = |at: usize, from: u32, mask: u32| {
        u32::try_from(at).ok().and_then(|at| (at + from).checked_sub(mask))
    };
    let x = inside(x, site.bounds.x, site.mask.bounds.x);
    let y = inside(y, site.bounds.y, site.mask.bounds.y);
    x.zip(y).is_some_and(|(x, y)| site.mask.covers(x, y))
}

/// Mean difference of two frames' squares, in codes.
fn change(a: &Kept, b: &Kept) -> u64 {
    let sum: u64 = a.squares.iter().zip(&b.squares).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum / (a.squares.len() as u64).max(1)
}
