//! A logo at one scale and phase as pairs of samples on either side of its edges, and how well a picture
//! bears them out.
//!
//! Owns the evidence for "it shows here": beside an edge the background hardly differs, so that the one
//! sample tells the other, if the logo is there, by its alpha and colour; if it is not, they are alike.

use crate::matte::scaled::taps;
use crate::matte::{Coding, KnownError, Logo};
use crate::mattes::{PLACE_ONE, Place};

/// Distances of the two samples of a pair: to span a smoothed edge, and to tell where it is.
const APART: [i32; 2] = [3, 1];
/// An edge changes grey by at least this many 8-bit codes, black, or white by twice that.
const JUMP_MIN: f32 = 4.0;
/// A sample that hides more than this tells nothing of its neighbour.
const OPEN_MAX: f32 = 0.7;
/// Noise of a sample in 8-bit codes.
const NOISE: f32 = 1.5;
/// What one pair can say at most, for or against, in nats.
const SAY_MAX: f32 = 3.0;
/// Pairs side by side see the same background: this many count as one.
const ALIKE: f32 = 6.0;

/// Luma of a picture, in 8-bit codes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Luma {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) samples: Vec<f32>,
}

/// A logo in luma: alpha, and alpha times the 8-bit code, of each sample.
#[derive(Debug, Clone)]
pub(super) struct Ink {
    pub(super) width: u32,
    pub(super) height: u32,
    alpha: Vec<f32>,
    paint: Vec<f32>,
}

/// `covered = share * open + step` where the logo shows, `covered = open` where it does not; both within
/// a deviation.
#[derive(Debug, Clone, Copy)]
struct Pair {
    open: (i32, i32),
    covered: (i32, i32),
    share: f32,
    step: f32,
    /// Share of the background's roughness that is left in what the pair misses.
    pass: f32,
}

/// Pairs of a logo, from the sample that holds its left upper corner.
#[derive(Debug, Clone)]
pub(super) struct Template {
    pairs: Vec<Pair>,
    /// The samples that its pairs lie in: from the first column and row, to those after the last.
    pub(super) from: (i32, i32),
    pub(super) to: (i32, i32),
}

/// What pairs are compared by, in one picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Roughness(f32);

impl Luma {
    /// Mean of squares of `factor` samples a side.
    pub(super) fn reduced(&self, factor: usize) -> Self {
        let (width, height) = (self.width / factor, self.height / factor);
        let mut samples = Vec::with_capacity(width * height);
        let share = 1.0 / (factor * factor) as f32;
        for y in 0..height {
            let mut sums = vec![0.0_f32; width];
            for row in y * factor..(y + 1) * factor {
                let line = &self.samples[row * self.width..][..width * factor];
                for (sum, some) in sums.iter_mut().zip(line.chunks_exact(factor)) {
                    *sum += some.iter().sum::<f32>();
                }
            }
            samples.extend(sums.iter().map(|sum| sum * share));
        }
        Self { width, height, samples }
    }

    /// Mean difference of samples that lie as far apart as those of a pair.
    pub(super) fn roughness(&self) -> Roughness {
        let apart = APART[0].unsigned_abs() as usize;
        let (mut sum, mut count) = (0.0_f64, 0.0_f64);
        for row in self.samples.chunks_exact(self.width.max(1)).step_by(3) {
            for (a, b) in row.iter().zip(row.iter().skip(apart)) {
                sum += f64::from((a - b).abs());
            }
            count += self.width.saturating_sub(apart) as f64;
        }
        #[expect(clippy::cast_possible_truncation, reason = "nothing but digits are lost")]
        let mean = (sum / count.max(1.0)) as f32;
        Roughness(mean.clamp(1.0, 24.0))
    }

    fn at(&self, x: i32, y: i32) -> Option<f32> {
        let (x, y) = (usize::try_from(x).ok()?, usize::try_from(y).ok()?);
        if x < self.width && y < self.height {
            Some(self.samples[y * self.width + x])
        } else {
            None
        }
    }
}

impl Ink {
    #[expect(clippy::cast_possible_truncation, reason = "nothing but digits are lost")]
    pub(super) fn new(logo: &Logo<'_>, coding: &Coding) -> Result<Self, KnownError> {
        let shares = coding.shares()?;
        let unit = f64::from(1_u16 << (coding.layout.depth.clamp(8, 12) - 8));
        let (mut alpha, mut paint) = (Vec::new(), Vec::new());
        for pixel in logo.rgba.chunks_exact(4) {
            let part = |number: usize| f64::from(pixel[number]) / 255.0;
            let share = part(3);
            let colour = [part(0) * share, part(1) * share, part(2) * share];
            alpha.push(share as f32);
            paint.push((coding.codes(colour, share, shares)[0] / unit) as f32);
        }
        Ok(Self { width: logo.width, height: logo.height, alpha, paint })
    }

    /// The pairs of the logo at a place whose whole samples do not matter, at most `count` of them.
    pub(super) fn template(&self, place: Place, count: usize) -> Template {
        let phase = |at: i32| at.rem_euclid(PLACE_ONE);
        let columns = taps(phase(place.x), place.scale, self.width);
        let rows = taps(phase(place.y), place.scale, self.height);
        let size = (columns.weights.len(), rows.weights.len());
        let mut shown = vec![(0.0_f32, 0.0_f32); size.0 * size.1];
        let mut lines = vec![(0.0_f32, 0.0_f32); size.0 * self.height as usize];
        for (row, line) in lines.chunks_exact_mut(size.0.max(1)).enumerate() {
            for (sample, across) in line.iter_mut().zip(&columns.weights) {
                for (column, weight) in across {
                    let at = row * self.width as usize + column;
                    #[expect(clippy::cast_possible_truncation, reason = "only digits are lost")]
                    let weight = *weight as f32;
                    sample.0 += weight * self.alpha[at];
                    sample.1 += weight * self.paint[at];
                }
            }
        }
        for (line, down) in shown.chunks_exact_mut(size.0.max(1)).zip(&rows.weights) {
            for (row, weight) in down {
                #[expect(clippy::cast_possible_truncation, reason = "only digits are lost")]
                let weight = *weight as f32;
                for (sample, from) in line.iter_mut().zip(&lines[row * size.0..]) {
                    sample.0 += weight * from.0;
                    sample.1 += weight * from.1;
                }
            }
        }
        Template::of(&shown, size, (columns.first, rows.first), count)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "logos have fewer than 2^21 samples, and what lies outside is cut first"
)]
impl Template {
    fn of(
        shown: &[(f32, f32)],
        (width, height): (usize, usize),
        first: (i32, i32),
        count: usize,
    ) -> Self {
        let get = |x: i32, y: i32| {
            let is_inside = x >= 0 && y >= 0 && (x as usize) < width && (y as usize) < height;
            if is_inside { shown[y as usize * width + x as usize] } else { (0.0, 0.0) }
        };
        let mut pairs = Vec::new();
        for apart in APART {
            for y in -apart..height as i32 {
                for x in -apart..width as i32 {
                    for (u, v) in [(x + apart, y), (x, y + apart)] {
                        let pair = pair(((x, y), get(x, y)), ((u, v), get(u, v)));
                        pairs.extend(pair.map(|pair| pair.moved(first)));
                    }
                }
            }
        }
        let step = pairs.len().div_ceil(count).max(1);
        let pairs: Vec<Pair> = pairs.into_iter().step_by(step).collect();
        let far = APART[0];
        let from = (first.0 - far, first.1 - far);
        let to = (first.0 + width as i32 + far, first.1 + height as i32 + far);
        Self { pairs, from, to }
    }

    /// How much likelier the picture is, in nats, if the logo lies with its corner in sample `x`, `y`
    /// than if it does not; pairs outside the picture say nothing.
    pub(super) fn gain(&self, luma: &Luma, roughness: Roughness, (x, y): (i32, i32)) -> f32 {
        let mut sum = 0.0;
        for pair in &self.pairs {
            let open = luma.at(x + pair.open.0, y + pair.open.1);
            let covered = luma.at(x + pair.covered.0, y + pair.covered.1);
            if let Some((open, covered)) = open.zip(covered) {
                sum += pair.ready(roughness).says(open, covered);
            }
        }
        sum / ALIKE
    }

    /// The gains at all places where every pair lies in the picture: their first column and row, the
    /// number of columns, and the gains row by row.
    pub(super) fn gains(
        &self,
        luma: &Luma,
        roughness: Roughness,
    ) -> Option<((i32, i32), usize, Vec<f32>)> {
        let left = -self.from.0;
        let top = -self.from.1;
        let columns = luma.width as i32 - self.to.0 - left + 1;
        let rows = luma.height as i32 - self.to.1 - top + 1;
        if columns <= 0 || rows <= 0 {
            return None;
        }
        let (columns, rows) = (columns as usize, rows as usize);
        let mut gains = vec![0.0_f32; columns * rows];
        for pair in &self.pairs {
            let ready = pair.ready(roughness);
            let start = |(x, y): (i32, i32)| (top + y) as usize * luma.width + (left + x) as usize;
            let (open, covered) = (start(pair.open), start(pair.covered));
            for (row, gains) in gains.chunks_exact_mut(columns).enumerate() {
                let open = &luma.samples[open + row * luma.width..][..columns];
                let covered = &luma.samples[covered + row * luma.width..][..columns];
                for ((gain, open), covered) in gains.iter_mut().zip(open).zip(covered) {
                    *gain += ready.says(*open, *covered);
                }
            }
        }
        for gain in &mut gains {
            *gain /= ALIKE;
        }
        Some(((left, top), columns, gains))
    }
}

/// A pair with what it is compared by.
#[derive(Debug, Clone, Copy)]
struct Ready {
    share: f32,
    step: f32,
    shows: f32,
    absent: f32,
    ahead: f32,
}

impl Pair {
    const fn moved(mut self, (x, y): (i32, i32)) -> Self {
        self.open = (self.open.0 + x, self.open.1 + y);
        self.covered = (self.covered.0 + x, self.covered.1 + y);
        self
    }

    fn ready(&self, Roughness(roughness): Roughness) -> Ready {
        let shows = self.pass * roughness + NOISE;
        let absent = roughness + NOISE;
        Ready {
            share: self.share,
            step: self.step,
            shows: 1.0 / shows,
            absent: 1.0 / absent,
            ahead: logarithm(absent / shows),
        }
    }
}

impl Ready {
    fn says(&self, open: f32, covered: f32) -> f32 {
        let absent = (covered - open).abs() * self.absent;
        let shows = (covered - self.share * open - self.step).abs() * self.shows;
        (absent - shows + self.ahead).clamp(-SAY_MAX, SAY_MAX)
    }
}

/// The pair of two samples with their places, alphas and paints, where the logo makes them differ.
fn pair(a: ((i32, i32), (f32, f32)), b: ((i32, i32), (f32, f32))) -> Option<Pair> {
    let (open, covered) = if a.1.0 <= b.1.0 { (a, b) } else { (b, a) };
    let ((open, (open_alpha, open_paint)), (covered, (alpha, paint))) = (open, covered);
    let jump = |grey: f32| (paint - alpha * grey - open_paint + open_alpha * grey).abs();
    let is_visible = jump(128.0) >= JUMP_MIN || jump(16.0).max(jump(235.0)) >= 2.0 * JUMP_MIN;
    if !is_visible || open_alpha > OPEN_MAX {
        return None;
    }
    let pass = 1.0 - alpha;
    let share = pass / (1.0 - open_alpha);
    Some(Pair { open, covered, share, step: paint - share * open_paint, pass })
}

/// The natural logarithm of a number from 1 on, nearly, by sums alone: the same on every CPU.
fn logarithm(value: f32) -> f32 {
    let (mut value, mut halvings) = (value.max(1.0), 0.0_f32);
    while value > 1.5 {
        value *= 0.5;
        halvings += 1.0;
    }
    let ratio = (value - 1.0) / (value + 1.0);
    let square = ratio * ratio;
    halvings * std::f32::consts::LN_2
        + ratio * (2.0 + square * (2.0 / 3.0 + square * (2.0 / 5.0 + square * (2.0 / 7.0))))
}
