//! Registers a picture on another: robust least squares over places that have something to recognise.
//!
//! Owns the choice of places and the descent. A similarity, a gain and an offset are found together;
//! places that do not follow (moving objects) lose their weight. Sums run in one fixed order.

use super::motion::{Similarity, single};
use super::picture::{Covered, Picture, Pyramid};
use crate::bitmap::{Bitmap, Span};

/// Places of a level that are used at most; about so many, as they are the best of square cells.
const PLACES_MAX: usize = 4000;
/// A slope below this, in codes over two samples, is noise.
const SLOPE_MIN: f32 = 7.0;
/// Scale of the robust weights: at least, at most, in 8-bit codes.
const SCALE_MIN: f32 = 2.0;
const SCALE_MAX: f32 = 24.0;
/// A place agrees when it differs by at most this many codes, or this share of its slope.
const AGREES: f32 = 4.0;
const AGREES_SLOPE: f32 = 0.35;
/// Fewer seen places than this do not fix a motion.
const SEEN_MIN: usize = 40;
const ROUNDS: usize = 7;
/// Parameters: right, down, scale, turn, offset, gain.
const PARAMETERS: usize = 6;

/// Places of a picture that can be recognised: where (from the corner), value, slopes.
#[derive(Debug, Clone, Default)]
pub(super) struct Points {
    pub(super) list: Vec<Point>,
    middle: (f32, f32),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) value: f32,
    pub(super) right: f32,
    pub(super) down: f32,
    pub(super) weight: f32,
}

/// Points of each level of a pyramid.
#[derive(Debug, Clone)]
pub(super) struct Template {
    pub(super) levels: Vec<Points>,
}

/// A motion that was found, in the units of the level, and how good it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fit {
    pub(super) motion: Similarity,
    /// Share of the points that lie in the picture and are not covered.
    pub(super) seen: f32,
    /// Share of the seen points that look the same, each counted by its slope.
    pub(super) agreed: f32,
    /// By how much the picture is lighter than the points.
    pub(super) lighter: f32,
}

impl Points {
    pub(super) fn new(list: Vec<Point>) -> Self {
        let count = list.len().max(1) as f32;
        let x = list.iter().map(|point| point.x).sum::<f32>() / count;
        let y = list.iter().map(|point| point.y).sum::<f32>() / count;
        Self { list, middle: (x, y) }
    }

    /// The best place of each cell of `span`.
    pub(super) fn of(
        span: Span,
        is_open: impl Fn(usize, usize) -> bool,
        value: impl Fn(usize, usize) -> f32,
    ) -> Self {
        Self::best_of(span, PLACES_MAX, is_open, value)
    }

    /// The best place of each cell of `span`, which are at most so many.
    pub(super) fn best_of(
        span: Span,
        most: usize,
        is_open: impl Fn(usize, usize) -> bool,
        value: impl Fn(usize, usize) -> f32,
    ) -> Self {
        let area = span.width() * span.height();
        let mut side = 2;
        while area / (side * side) > most {
            side += 1;
        }
        let mut list = Vec::new();
        for top in (span.top.max(1)..span.bottom).step_by(side) {
            for left in (span.left.max(1)..span.right).step_by(side) {
                let rows = top..(top + side).min(span.bottom - 1);
                let columns = left..(left + side).min(span.right - 1);
                let mut best: Option<Point> = None;
                for (x, y) in rows.flat_map(|y| columns.clone().map(move |x| (x, y))) {
                    if !is_open(x, y) {
                        continue;
                    }
                    let right = (value(x + 1, y) - value(x - 1, y)) * 0.5;
                    let down = (value(x, y + 1) - value(x, y - 1)) * 0.5;
                    let slope = right * right + down * down;
                    let least = best.map_or(SLOPE_MIN * SLOPE_MIN / 4.0, |best| {
                        best.right * best.right + best.down * best.down
                    });
                    if slope > least {
                        let (x, y, value) = (x as f32 + 0.5, y as f32 + 0.5, value(x, y));
                        best = Some(Point { x, y, value, right, down, weight: 1.0 });
                    }
                }
                list.extend(best);
            }
        }
        Self::new(list)
    }
}

impl Template {
    /// The places of the whole picture that are not covered.
    pub(super) fn of(pyramid: &Pyramid, covered: &Covered) -> Self {
        let levels = pyramid.levels.iter().zip(&covered.levels);
        let levels = levels
            .map(|(picture, covered)| {
                let whole = Span { left: 0, top: 0, right: picture.width, bottom: picture.height };
                Points::of(
                    whole,
                    |x, y| !covered.cells[y * covered.width + x],
                    |x, y| f32::from(picture.samples[y * picture.width + x]),
                )
            })
            .collect();
        Self { levels }
    }

    /// Finds the template in a picture, from the coarsest level on; the motion is in units of the largest.
    pub(super) fn find(
        &self,
        pyramid: &Pyramid,
        covered: &Covered,
        start: Similarity,
        reach: i32,
    ) -> Option<Fit> {
        let coarsest = self.levels.len().checked_sub(1)?;
        let mut motion = start;
        if reach > 0 {
            let unit = f64::from(1_u32 << coarsest);
            let (picture, blocked) = (&pyramid.levels[coarsest], &covered.levels[coarsest]);
            let look = |x, y| look(picture, blocked, x, y);
            let start = motion.in_units_of(unit);
            let found = search(&self.levels[coarsest], start, reach, look);
            motion = found.in_units_of(1.0 / unit);
        }
        let mut last = None;
        for level in (0..=coarsest).rev() {
            let unit = f64::from(1_u32 << level);
            let (picture, blocked) = (&pyramid.levels[level], &covered.levels[level]);
            let look = |x, y| look(picture, blocked, x, y);
            let Some(fit) = self.levels[level].descend(motion.in_units_of(unit), look) else {
                continue;
            };
            motion = fit.motion.in_units_of(1.0 / unit);
            last = (level == 0).then_some(Fit { motion, ..fit });
        }
        last
    }
}

/// The value between samples, where none of the four around is covered.
pub(super) fn look(picture: &Picture, covered: &Bitmap, x: f32, y: f32) -> Option<f32> {
    let (x, y) = (x - 0.5, y - 0.5);
    let inside =
        x >= 0.0 && y >= 0.0 && x < (picture.width - 1) as f32 && y < (picture.height - 1) as f32;
    if !inside {
        return None;
    }
    let (column, row) = (whole(x), whole(y));
    let place = row * picture.width + column;
    if covered.cells[place]
        || covered.cells[place + 1]
        || covered.cells[place + picture.width]
        || covered.cells[place + picture.width + 1]
    {
        return None;
    }
    let at = |place: usize| f32::from(picture.samples[place]);
    let (across, along) = (x - column as f32, y - row as f32);
    let above = at(place) + (at(place + 1) - at(place)) * across;
    let under = place + picture.width;
    let below = at(under) + (at(under + 1) - at(under)) * across;
    Some(above + (below - above) * along)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast from float to integer saturates, and the value is not negative"
)]
pub(super) fn whole(value: f32) -> usize {
    value as usize
}

/// The shift of up to `reach` samples by which most points look the same.
pub(super) fn search(
    points: &Points,
    start: Similarity,
    reach: i32,
    look: impl Fn(f32, f32) -> Option<f32>,
) -> Similarity {
    let mut best = (f32::INFINITY, start);
    let mut differences = Vec::with_capacity(points.list.len());
    for down in -reach..=reach {
        for right in -reach..=reach {
            let mut moved = start;
            moved.right += f64::from(right);
            moved.down += f64::from(down);
            differences.clear();
            for point in &points.list {
                let (x, y) = moved.apply(f64::from(point.x), f64::from(point.y));
                if let Some(value) = look(single(x), single(y)) {
                    differences.push(value - point.value);
                }
            }
            if differences.len() * 3 < points.list.len() {
                continue;
            }
            let middle = median(&mut differences);
            let sum: f32 =
                differences.iter().map(|difference| (difference - middle).abs().min(30.0)).sum();
            // Nearer is likelier.
            let far = (right * right + down * down) as f32 / (reach * reach) as f32;
            let cost = sum / differences.len() as f32 + far;
            if cost < best.0 {
                best = (cost, moved);
            }
        }
    }
    best.1
}

pub(super) fn median(values: &mut [f32]) -> f32 {
    if values.is_empty() {
        return 0.0;
    }
    let half = values.len() / 2;
    *values.select_nth_unstable_by(half, f32::total_cmp).1
}

impl Points {
    /// Betters `start` until the points look the same; `None` where too few can be seen.
    pub(super) fn descend(
        &self,
        start: Similarity,
        look: impl Fn(f32, f32) -> Option<f32>,
    ) -> Option<Fit> {
        let mut motion = start;
        let (mut offset, mut gain) = (0.0_f32, 0.0_f32);
        let mut seen: Vec<(usize, f32)> = Vec::with_capacity(self.list.len());
        let mut sizes = Vec::with_capacity(self.list.len());
        for round in 0..=ROUNDS {
            seen.clear();
            for (at, point) in self.list.iter().enumerate() {
                let (x, y) = motion.apply(f64::from(point.x), f64::from(point.y));
                if let Some(value) = look(single(x), single(y)) {
                    seen.push((at, value - point.value));
                }
            }
            if seen.len() < SEEN_MIN {
                return None;
            }
            if round == ROUNDS {
                break;
            }
            sizes.clear();
            if round == 0 {
                sizes.extend(seen.iter().map(|(_, difference)| *difference));
                offset = median(&mut sizes);
                sizes.clear();
            }
            sizes.extend(seen.iter().map(|(at, difference)| {
                (difference - offset - gain * (self.list[*at].value - 128.0)).abs()
            }));
            let scale = (2.0 * median(&mut sizes)).clamp(SCALE_MIN, SCALE_MAX);
            let step = self.step(&seen, (offset, gain), scale)?;
            offset = single(step[4]);
            gain = single(step[5]).clamp(-0.4, 0.4);
            let (cx, cy) = (f64::from(self.middle.0), f64::from(self.middle.1));
            let (cos, sin) = (1.0 + step[2], step[3]);
            let moved = Similarity {
                cos,
                sin,
                right: step[0] + cx - (cos * cx - sin * cy),
                down: step[1] + cy - (sin * cx + cos * cy),
            };
            motion = motion.after(moved.inverse());
            if motion.is_wild() {
                return None;
            }
            let is_still = step[0].abs().max(step[1].abs()) < 0.004
                && step[2].abs().max(step[3].abs()) < 0.000_01;
            if is_still && round > 1 {
                break;
            }
        }
        let (mut agreed, mut all) = (0.0_f32, 0.0_f32);
        for (at, difference) in &seen {
            let point = self.list[*at];
            let slope = point.right.abs().max(point.down.abs());
            let rest = (difference - offset - gain * (point.value - 128.0)).abs();
            all += slope;
            agreed += if rest <= AGREES.max(AGREES_SLOPE * slope) { slope } else { 0.0 };
        }
        let agreed = agreed / all.max(1.0);
        let lighter =
            median(&mut seen.iter().map(|(_, difference)| *difference).collect::<Vec<_>>());
        let seen = seen.len() as f32 / self.list.len() as f32;
        Some(Fit { motion, seen, agreed, lighter })
    }

    /// One step of weighted least squares.
    fn step(
        &self,
        seen: &[(usize, f32)],
        (offset, gain): (f32, f32),
        scale: f32,
    ) -> Option<[f64; PARAMETERS]> {
        let mut sums = [[0.0_f64; PARAMETERS + 1]; PARAMETERS];
        let soft = 1.0 / (scale * scale);
        for (at, difference) in seen {
            let point = self.list[*at];
            let lit = point.value - 128.0;
            let rest = difference - offset - gain * lit;
            let near = 1.0 / (1.0 + rest * rest * soft);
            let weight = point.weight * near * near;
            let (x, y) = (point.x - self.middle.0, point.y - self.middle.1);
            let slopes = [
                point.right,
                point.down,
                point.right * x + point.down * y,
                point.down * x - point.right * y,
                1.0,
                lit,
                *difference,
            ];
            for (row, left) in sums.iter_mut().zip(slopes) {
                let left = f64::from(left * weight);
                for (sum, other) in row.iter_mut().zip(slopes) {
                    *sum += left * f64::from(other);
                }
            }
        }
        // A little holds back what nothing in the picture tells.
        let count = seen.len() as f64;
        for (at, hold) in [0.01, 0.01, 30.0, 30.0, 0.01, 30.0].into_iter().enumerate() {
            sums[at][at] += hold * count.sqrt() + 1e-3;
        }
        solve(sums)
    }
}

/// Gauss's elimination; the matrix is symmetric and held up, so that no pivot vanishes.
fn solve(mut rows: [[f64; PARAMETERS + 1]; PARAMETERS]) -> Option<[f64; PARAMETERS]> {
    for at in 0..PARAMETERS {
        let pivot = rows[at];
        if pivot[at].abs() < 1e-9 {
            return None;
        }
        for row in &mut rows[at + 1..] {
            let share = row[at] / pivot[at];
            for (cell, above) in row.iter_mut().zip(pivot).skip(at) {
                *cell -= share * above;
            }
        }
    }
    let mut found = [0.0; PARAMETERS];
    for at in (0..PARAMETERS).rev() {
        let known: f64 =
            rows[at][at + 1..PARAMETERS].iter().zip(&found[at + 1..]).map(|(a, b)| a * b).sum();
        found[at] = (rows[at][PARAMETERS] - known) / rows[at][at];
    }
    Some(found)
}
