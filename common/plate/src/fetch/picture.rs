//! Reduced luma pictures, and the places in them that no overlay covers.
//!
//! Owns the reduction: whole blocks are averaged to 8 bits, then halved level by level.

use cleanplate_types::picture::PlaneRef;

use crate::bitmap::Bitmap;
use crate::sample::Sample;

/// Most columns of the largest level.
const COLUMNS_MAX: u32 = 512;
/// A level with a side below this is not halved again.
const SIDE_MIN: usize = 28;
/// Most levels.
const LEVELS_MAX: usize = 4;

/// A picture of 8-bit samples.
#[derive(Debug, Clone)]
pub(super) struct Picture {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) samples: Vec<u8>,
}

/// A picture at several sizes, the largest first. At most `COLUMNS_MAX` columns, so about 200 KB.
#[derive(Debug, Clone)]
pub(super) struct Pyramid {
    pub(super) levels: Vec<Picture>,
}

/// Columns and rows of the source that become one of the largest level.
pub(super) const fn reduction(width: u32) -> u32 {
    let factor = width.div_ceil(COLUMNS_MAX);
    if factor == 0 { 1 } else { factor }
}

impl Pyramid {
    pub(super) fn of<S: Sample>(plane: &PlaneRef<'_, S>, depth: u8) -> Self {
        let mut levels = vec![Picture::reduced(plane, depth)];
        while let Some(last) = levels.last()
            && levels.len() < LEVELS_MAX
            && last.width.min(last.height) >= 2 * SIDE_MIN
        {
            levels.push(last.halved());
        }
        Self { levels }
    }
}

impl Picture {
    fn reduced<S: Sample>(plane: &PlaneRef<'_, S>, depth: u8) -> Self {
        let factor = reduction(plane.width) as usize;
        let (width, height) =
            ((plane.width as usize / factor).max(1), (plane.height as usize / factor).max(1));
        let shift = u32::from(depth.clamp(8, 16) - 8);
        let area = u32::try_from(factor * factor).unwrap_or(1) << shift;
        let mut samples = Vec::with_capacity(width * height);
        let mut sums = vec![0_u32; width];
        for y in 0..height {
            sums.fill(0);
            for row in (y * factor..(y + 1) * factor).filter(|row| *row < plane.height as usize) {
                let line = &plane.samples[row * plane.stride..][..plane.width as usize];
                for (sum, run) in sums.iter_mut().zip(line.chunks(factor)) {
                    *sum += run.iter().map(|sample| u32::from(sample.wide())).sum::<u32>();
                }
            }
            samples
                .extend(sums.iter().map(|sum| {
                    u8::try_from(((sum + area / 2) / area).min(255)).unwrap_or(u8::MAX)
                }));
        }
        Self { width, height, samples }
    }

    fn halved(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let mut samples = Vec::with_capacity(width * height);
        for y in 0..height {
            let above = &self.samples[2 * y * self.width..][..2 * width];
            let below = &self.samples[(2 * y + 1) * self.width..][..2 * width];
            samples.extend(above.chunks_exact(2).zip(below.chunks_exact(2)).map(|(a, b)| {
                let sum = u16::from(a[0]) + u16::from(a[1]) + u16::from(b[0]) + u16::from(b[1]);
                u8::try_from((sum + 2) / 4).unwrap_or(u8::MAX)
            }));
        }
        Self { width, height, samples }
    }
}

/// What overlays cover, at the sizes of a pyramid.
#[derive(Debug)]
pub(super) struct Covered {
    pub(super) levels: Vec<Bitmap>,
}

impl Covered {
    /// What `covered`, in luma samples, covers of pictures of the sizes of `pyramid`, and one place around.
    pub(super) fn of(covered: &Bitmap, pyramid: &Pyramid) -> Self {
        let factor = reduction(u32::try_from(covered.width).unwrap_or(u32::MAX)) as usize;
        let mut levels: Vec<Bitmap> = Vec::new();
        for (level, picture) in pyramid.levels.iter().enumerate() {
            let side = factor << level;
            let mut here = Bitmap::empty(picture.width, picture.height);
            for (place, _) in covered.cells.iter().enumerate().filter(|(_, cell)| **cell) {
                let (x, y) = (place % covered.width / side, place / covered.width / side);
                if x < here.width && y < here.height {
                    here.cells[y * here.width + x] = true;
                }
            }
            levels.push(here.dilated(1));
        }
        Self { levels }
    }
}
