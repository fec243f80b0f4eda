//! A sampled frame as the finder sees it: luma of 8 bits, reduced by whole steps, and its gradient.

use cleanplate_types::picture::PlaneRef;

use crate::sample::Sample;

/// Widest picture that is looked at without reduction.
const WIDTH_MAX: u32 = 960;
/// Longest gradient that counts in full: a bright edge seen in a few scenes must not outweigh a faint
/// one seen in all.
pub(super) const GRADIENT_MAX: u16 = 16;

/// A reduced frame.
#[derive(Debug, Clone)]
pub(super) struct Luma {
    /// Softened luma.
    pub(super) levels: Vec<u8>,
    /// Gradient, to the right and down, at most [`GRADIENT_MAX`] long.
    pub(super) gradients: Vec<(i8, i8)>,
    /// Its length.
    pub(super) lengths: Vec<u8>,
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

impl Luma {
    pub(super) fn of<S: Sample>(plane: &PlaneRef<'_, S>, depth: u8) -> Self {
        let (columns, rows) = reduced_size(plane.width, plane.height);
        let raw = reduce(plane, depth, columns, rows);
        let mut luma = Self {
            levels: vec![0; raw.len()],
            gradients: vec![(0, 0); raw.len()],
            lengths: vec![0; raw.len()],
        };
        for y in 0..rows {
            let [above, at, below] = [y.saturating_sub(1), y, (y + 1).min(rows - 1)]
                .map(|y| &raw[y * columns..][..columns]);
            for x in 0..columns {
                let (left, right) = (x.saturating_sub(1), (x + 1).min(columns - 1));
                let sum =
                    |x: usize| i32::from(above[x]) + 2 * i32::from(at[x]) + i32::from(below[x]);
                let row = |row: &[u8]| {
                    i32::from(row[left]) + 2 * i32::from(row[x]) + i32::from(row[right])
                };
                let place = y * columns + x;
                let level = (sum(left) + 2 * sum(x) + sum(right) + 8) / 16;
                luma.levels[place] = u8::try_from(level).unwrap_or(u8::MAX);
                let (gradient, length) =
                    clipped((sum(right) - sum(left)) / 4, (row(below) - row(above)) / 4);
                luma.gradients[place] = gradient;
                luma.lengths[place] = length;
            }
        }
        luma
    }
}

/// A gradient cut to the longest that counts, and its length.
fn clipped(x: i32, y: i32) -> ((i8, i8), u8) {
    let length = (x * x + y * y).unsigned_abs().isqrt();
    let most = u32::from(GRADIENT_MAX);
    let part = |value: i32| {
        let value = if length > most {
            i64::from(value) * i64::from(most) / i64::from(length)
        } else {
            i64::from(value)
        };
        i8::try_from(value).unwrap_or(if value < 0 { i8::MIN } else { i8::MAX })
    };
    ((part(x), part(y)), u8::try_from(length.min(most)).unwrap_or(u8::MAX))
}

/// Means of squares of the reduction's side, at 8 bits.
fn reduce<S: Sample>(plane: &PlaneRef<'_, S>, depth: u8, columns: usize, rows: usize) -> Vec<u8> {
    let side = reduction(plane.width) as usize;
    let across = side.min(plane.width as usize).max(1);
    let down = side.min(plane.height as usize).max(1);
    let shift = u32::from(depth.clamp(8, 16) - 8);
    let count = (across * down) as u64;
    let mut levels = Vec::with_capacity(columns * rows);
    for row in 0..rows {
        for column in 0..columns {
            let sum: u64 = (row * down..(row + 1) * down)
                .map(|y| {
                    let start = y * plane.stride + column * across;
                    let run = &plane.samples[start..start + across];
                    run.iter().map(|sample| u64::from(sample.wide())).sum::<u64>()
                })
                .sum();
            let level = ((sum + count / 2) / count) >> shift;
            levels.push(u8::try_from(level).unwrap_or(u8::MAX));
        }
    }
    levels
}
