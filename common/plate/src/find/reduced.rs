//! A sampled frame as the finder sees it: 8 bits, luma reduced by whole steps, chroma on half its grid.

use cleanplate_types::picture::{PixelLayout, PlaneRef};

use crate::sample::Sample;

/// Widest picture that is looked at without reduction.
const WIDTH_MAX: u32 = 960;

/// Levels of one plane on a grid.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) levels: Vec<u8>,
}

/// A reduced frame: luma, and chroma where the video has any.
#[derive(Debug, Clone)]
pub(super) struct Reduced {
    pub(super) luma: Grid,
    pub(super) chroma: Option<[Grid; 2]>,
}

/// Columns and rows of luma that become one, for a picture that is `width` wide.
pub(super) const fn reduction(width: u32) -> u32 {
    let steps = width.div_ceil(WIDTH_MAX);
    if steps == 0 { 1 } else { steps }
}

/// Columns and rows after reduction.
pub(super) fn reduced_size(width: u32, height: u32) -> (usize, usize) {
    let step = reduction(width);
    ((width / step).max(1) as usize, (height / step).max(1) as usize)
}

/// The grid that chroma is brought to.
pub(super) const fn half((columns, rows): (usize, usize)) -> (usize, usize) {
    (columns.div_ceil(2), rows.div_ceil(2))
}

impl Reduced {
    /// The frame, or `None` where its planes are not those of a `width` by `height` picture.
    pub(super) fn of<S: Sample>(
        planes: &[PlaneRef<'_, S>],
        layout: &PixelLayout,
        (width, height): (u32, u32),
    ) -> Option<Self> {
        let size = reduced_size(width, height);
        let fits = |plane: u8| {
            let one = planes.get(usize::from(plane))?;
            let is_whole = (one.width, one.height) == layout.plane_size(plane, width, height)
                && one.width > 0
                && one.height > 0
                && one.stride >= one.width as usize
                && one.samples.len() >= (one.height as usize - 1) * one.stride + one.width as usize;
            is_whole.then_some(one)
        };
        let luma = Grid::of(fits(0)?, layout.depth, size);
        let chroma = if layout.planes >= 3 {
            let [u, v] = [fits(1)?, fits(2)?];
            Some([u, v].map(|plane| Grid::of(plane, layout.depth, half(size))))
        } else {
            None
        };
        Some(Self { luma, chroma })
    }
}

impl Grid {
    fn of<S: Sample>(plane: &PlaneRef<'_, S>, depth: u8, (columns, rows): (usize, usize)) -> Self {
        let (width, height) = (plane.width as usize, plane.height as usize);
        // Rounded: of an odd size, chroma that is not halved has one sample less than twice its grid.
        let nearest = |size: usize, places: usize| ((size + places / 2) / places).max(1);
        let (across, down) = (nearest(width, columns), nearest(height, rows));
        let shift = u32::from(depth.clamp(8, 16) - 8);
        let mut levels = Vec::with_capacity(columns * rows);
        let mut sums = vec![0_u32; columns];
        for row in 0..rows {
            sums.fill(0);
            for y in row * down..(row + 1) * down {
                let y = if height < rows { y * height / rows } else { y.min(height - 1) };
                let line = &plane.samples[y * plane.stride..][..width];
                add_line(&mut sums, line, across);
            }
            let count = u32::try_from(across * down).unwrap_or(u32::MAX);
            if count.is_power_of_two() {
                let bits = count.trailing_zeros();
                levels.extend(sums.iter().map(|sum| byte(((sum + count / 2) >> bits) >> shift)));
            } else {
                levels.extend(sums.iter().map(|sum| byte(((sum + count / 2) / count) >> shift)));
            }
        }
        Self { columns, rows, levels }
    }
}

/// Adds to each sum its run of `across` samples; where there are fewer samples than sums, the nearest.
fn add_line<S: Sample>(sums: &mut [u32], line: &[S], across: usize) {
    let columns = sums.len();
    if line.len() < columns {
        for (x, sum) in sums.iter_mut().enumerate() {
            *sum += u32::from(line[x * line.len() / columns].wide());
        }
    } else if across == 1 {
        sums.iter_mut().zip(line).for_each(|(sum, level)| *sum += u32::from(level.wide()));
    } else if across == 2 {
        for (sum, pair) in sums.iter_mut().zip(line.chunks_exact(2)) {
            *sum += u32::from(pair[0].wide()) + u32::from(pair[1].wide());
        }
    } else {
        for (sum, run) in sums.iter_mut().zip(line.chunks_exact(across)) {
            *sum += run.iter().map(|level| u32::from(level.wide())).sum::<u32>();
        }
    }
    // A run that the line ends within is the line's last sample throughout.
    if line.len() >= columns
        && let (Some(sum), Some(last)) = (sums.get_mut(line.len() / across), line.last())
    {
        *sum += u32::from(last.wide()) * u32::try_from(across).unwrap_or(u32::MAX);
    }
}

fn byte(value: u32) -> u8 {
    u8::try_from(value.min(255)).unwrap_or(u8::MAX)
}
