//! Planes of a frame to the tensor that a model takes: scaled by area, coloured, placed on an even grey.
//!
//! Owns the arithmetic, which is exact and pure, so that another device can compute the same values bit for bit.
//! Refuses to know models: the caller says where, how large and in which range.
//!
//! # The formula
//! Let `from` be the part of the frame (luma samples `X, Y, W, H`) that is shown in `w` by `h` samples of the tensor.
//!
//! 1. *Average by area.* On one axis, in units of `1/w` of a luma sample, tensor sample `i` covers
//!    `[X*w + i*W, X*w + (i+1)*W)`, and sample `j` of a plane covers `[j*U, (j+1)*U)` with `U = w << shift` (`shift`: how
//!    the plane is subsampled; chroma is taken to lie where its samples are, no siting). The weight of `j` in `i` is the
//!    length that both cover: whole numbers that add up to `W`. With both axes the sum `S` of weight times weight times
//!    sample is exact, and the average in 256ths of a code of 8 bits is
//!    `q = floor((floor(S * 256 / 2^(depth-8)) + N/2) / N)` with `N = W*H`, all in 64 bits.
//! 2. *Colour.* `y = (qY - offset) * scale_y`, `u = qU - 128*256`, `v = qV - 128*256`;
//!    `R = clamp((y + v*rv + 2^15) >> 16)`, `G = clamp((y - u*gu - v*gv + 2^15) >> 16)`, `B = clamp((y + u*bu + 2^15) >> 16)`
//!    with the factors of [`Factors`] in 65536ths, clamped to 0 to 255*256. For the matrix 0 the planes are G, B, R.
//! 3. *Range.* `value = (R / 256) * scale + shift` in 32-bit floats: a product, then a sum, not fused.
//!
//! Outside, every channel is [`MARGIN`].

use cleanplate_types::picture::{PlaneRef, PlanesRef, Rect};

use crate::picture::Picture;

/// Level of the margin around a picture that does not fill its tensor: what YOLO was trained with.
pub(crate) const MARGIN: f32 = 114.0;

/// Where a part of a frame lies in a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placement {
    /// The part, in luma samples; within the frame, and not empty.
    pub(crate) from: Rect,
    /// Columns and rows of the tensor.
    pub(crate) tensor: (usize, usize),
    /// Column and row of the part's first sample.
    pub(crate) at: (usize, usize),
    /// Columns and rows of the part; not empty.
    pub(crate) size: (usize, usize),
}

impl Placement {
    /// A place in the tensor, in luma samples of the frame.
    #[expect(clippy::cast_precision_loss, reason = "sides are below 2^15")]
    pub(crate) fn to_frame(self, (x, y): (f32, f32)) -> (f32, f32) {
        let axis = |at: f32, start: usize, size: usize, first: u32, side: u32| {
            first as f32 + (at - start as f32) * side as f32 / size as f32
        };
        let Rect { x: left, y: top, width, height } = self.from;
        (axis(x, self.at.0, self.size.0, left, width), axis(y, self.at.1, self.size.1, top, height))
    }
}

/// What values a model takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Levels {
    /// Whether blue comes first.
    pub(crate) blue_first: bool,
    /// Factor of a level of 0 to 255.
    pub(crate) scale: f32,
    /// What is added after.
    pub(crate) shift: f32,
}

/// Writes three channels of `placement.tensor` samples, one after the other, into `values`, which has that length.
pub(crate) fn place(
    picture: &Picture<'_>,
    placement: &Placement,
    levels: Levels,
    values: &mut [f32],
) {
    let (columns, rows) = placement.tensor;
    values.fill(MARGIN * levels.scale + levels.shift);
    let rgb = colours(picture, placement);
    let order = if levels.blue_first { [2, 1, 0] } else { [0, 1, 2] };
    let (width, height) = placement.size;
    for (channel, colour) in order.into_iter().enumerate() {
        let Some(colour) = rgb.get(colour) else { continue };
        for (row, line) in colour.chunks_exact(width).take(height).enumerate() {
            let start = (channel * rows + placement.at.1 + row) * columns + placement.at.0;
            let Some(to) = values.get_mut(start..start + width) else { continue };
            for (value, level) in to.iter_mut().zip(line) {
                *value = in_range(*level, levels);
            }
        }
    }
}

/// Step 3. Levels are below 2^16, so the float is exact.
#[expect(clippy::cast_precision_loss, reason = "below 2^16")]
fn in_range(level: i32, levels: Levels) -> f32 {
    let scaled = (level as f32 / 256.0) * levels.scale;
    scaled + levels.shift
}

/// Red, green and blue of the part, in 256ths of a level of 0 to 255.
pub(crate) fn colours(picture: &Picture<'_>, placement: &Placement) -> [Vec<i32>; 3] {
    let layout = picture.layout();
    let averaged: Vec<Vec<i64>> = (0..layout.planes)
        .map(|plane| {
            let shifts = match plane {
                0 => (0, 0),
                _chroma => (layout.chroma_shift_x, layout.chroma_shift_y),
            };
            match picture.planes() {
                PlanesRef::Eight(planes) => average(planes, plane, placement, shifts, 8),
                PlanesRef::Sixteen(planes) => {
                    average(planes, plane, placement, shifts, layout.depth)
                }
            }
        })
        .collect();
    let factors = Factors::of(picture.matrix(), layout.full_range);
    let (luma, chroma) = (averaged.first(), averaged.get(1).zip(averaged.get(2)));
    let mut rgb = [const { Vec::new() }; 3];
    for (index, y) in luma.into_iter().flatten().enumerate() {
        let at = |plane: &Vec<i64>| plane.get(index).copied().unwrap_or(NEUTRAL);
        let (u, v) = chroma.map_or((NEUTRAL, NEUTRAL), |(u, v)| (at(u), at(v)));
        for (plane, level) in rgb.iter_mut().zip(factors.colour(*y, u, v)) {
            plane.push(level);
        }
    }
    rgb
}

/// No colour, in 256ths.
const NEUTRAL: i64 = 128 * 256;

/// Step 2, in 65536ths.
#[derive(Debug, Clone, Copy)]
struct Factors {
    is_rgb: bool,
    offset: i64,
    luma: i64,
    red_v: i64,
    green_u: i64,
    green_v: i64,
    blue_u: i64,
}

impl Factors {
    /// Those of H.273's `matrix`.
    fn of(matrix: u8, full_range: bool) -> Self {
        let (kr, kb) = luma_weights(matrix);
        let kg = 1.0 - kr - kb;
        let (luma, chroma, offset) =
            if full_range { (1.0, 1.0, 0) } else { (255.0 / 219.0, 255.0 / 224.0, 16 * 256) };
        Self {
            is_rgb: matrix == 0,
            offset,
            luma: fixed(luma),
            red_v: fixed(2.0 * (1.0 - kr) * chroma),
            green_u: fixed(2.0 * (1.0 - kb) * kb / kg * chroma),
            green_v: fixed(2.0 * (1.0 - kr) * kr / kg * chroma),
            blue_u: fixed(2.0 * (1.0 - kb) * chroma),
        }
    }

    fn colour(&self, y: i64, u: i64, v: i64) -> [i32; 3] {
        let stretch = |level: i64| (level - self.offset) * self.luma;
        let sums = if self.is_rgb {
            [stretch(v), stretch(y), stretch(u)]
        } else {
            let (y, u, v) = (stretch(y), u - NEUTRAL, v - NEUTRAL);
            [y + v * self.red_v, y - u * self.green_u - v * self.green_v, y + u * self.blue_u]
        };
        sums.map(|sum| {
            let level = ((sum + (1 << 15)) >> 16).clamp(0, 255 * 256);
            i32::try_from(level).unwrap_or_default()
        })
    }
}

/// How much red and blue weigh in luma, Kr and Kb of H.273's table 4, by the code point of the matrix; those of BT.709
/// where it is one that is not known here.
pub(crate) const fn luma_weights(matrix: u8) -> (f64, f64) {
    match matrix {
        4 => (0.30, 0.11),
        5 | 6 => (0.299, 0.114),
        7 => (0.212, 0.087),
        9 | 10 => (0.2627, 0.0593),
        _others => (0.2126, 0.0722),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "factors are below 3")]
fn fixed(factor: f64) -> i64 {
    (factor * 65536.0).round() as i64
}

/// The samples of a plane that one sample of the tensor covers on an axis.
#[derive(Debug, Clone, Copy)]
struct Span {
    first: usize,
    last: usize,
    /// Weight of the first.
    head: u32,
    /// Weight of the last, where it is another.
    tail: u32,
}

/// Step 1 on one axis: the spans, and the weight of a sample that is covered whole.
fn spans(first: u32, side: u32, size: usize, shift: u8, plane: u32) -> (Vec<Span>, u32) {
    let size = u32::try_from(size).unwrap_or(u32::MAX);
    let unit = u64::from(size) << shift;
    let cut = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    let found = (0..u64::from(size)).map(|index| {
        let low = u64::from(first) * u64::from(size) + index * u64::from(side);
        let high = low + u64::from(side);
        let end = u64::from(plane.saturating_sub(1));
        let (from, to) = ((low / unit).min(end), ((high - 1) / unit).min(end));
        let at = |index: u64| usize::try_from(index).unwrap_or(usize::MAX);
        let head = if from == to { u64::from(side) } else { (from + 1) * unit - low };
        let tail = if from == to { 0 } else { high - to * unit };
        Span { first: at(from), last: at(to), head: cut(head), tail: cut(tail) }
    });
    (found.collect(), cut(unit))
}

/// Step 1 for one plane: averages in 256ths of a code of 8 bits.
fn average<S: Copy + Into<u32>>(
    planes: &[PlaneRef<'_, S>],
    plane: u8,
    placement: &Placement,
    (shift_x, shift_y): (u8, u8),
    depth: u8,
) -> Vec<i64> {
    let Some(plane) = planes.get(usize::from(plane)) else { return Vec::new() };
    let Placement { from, size: (width, height), .. } = *placement;
    let (columns, unit_x) = spans(from.x, from.width, width, shift_x, plane.width);
    let (rows, unit_y) = spans(from.y, from.height, height, shift_y, plane.height);
    let total = u64::from(from.width) * u64::from(from.height);
    let mut averages = Vec::with_capacity(width * height);
    let mut sums = vec![0_u64; width];
    // A row on the border of two spans is needed by both.
    let mut line = (usize::MAX, vec![0_u32; width]);
    for span in rows {
        sums.fill(0);
        for row in span.first..=span.last {
            if line.0 != row {
                let start = row * plane.stride;
                let samples = plane.samples.get(start..start + plane.width as usize);
                sum_row(samples.unwrap_or_default(), &columns, unit_x, &mut line.1);
                line.0 = row;
            }
            let weight = u64::from(weight(row, &span, unit_y));
            for (sum, across) in sums.iter_mut().zip(&line.1) {
                *sum += u64::from(*across) * weight;
            }
        }
        let shift = depth.saturating_sub(8);
        averages.extend(sums.iter().map(|sum| {
            let in_parts = (sum << 8) >> shift;
            i64::try_from((in_parts + total / 2) / total).unwrap_or(i64::MAX)
        }));
    }
    averages
}

const fn weight(index: usize, span: &Span, unit: u32) -> u32 {
    if index == span.first {
        span.head
    } else if index == span.last {
        span.tail
    } else {
        unit
    }
}

fn sum_row<S: Copy + Into<u32>>(samples: &[S], columns: &[Span], unit: u32, sums: &mut [u32]) {
    for (sum, span) in sums.iter_mut().zip(columns) {
        let Some(covered) = samples.get(span.first..=span.last) else { continue };
        *sum = match covered {
            [] => 0,
            [only] => (*only).into() * span.head,
            [head, middle @ .., tail] => {
                let middle: u32 = middle.iter().map(|sample| (*sample).into()).sum();
                (*head).into() * span.head + middle * unit + (*tail).into() * span.tail
            }
        };
    }
}

#[cfg(test)]
mod tests;
