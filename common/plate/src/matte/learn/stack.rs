//! One plane of all frames that are learned from, and the sums that lines are fitted to.
//!
//! Owns the guess of the background: filled from around at first, then restored and smoothed.

use super::super::crops::{Site, covered};
use super::super::siting::Narrowed;
use super::super::smooth::{Smoother, fill};

/// Radius of the smoothing, in the first rounds and after.
const RADIUS_COARSE: usize = 8;
const RADIUS: usize = 3;
/// Depth into the overlay, in samples, at which evidence counts half.
pub(super) const DEPTH_HALF: f32 = 2.0;
/// A sample that lets this much through shows the background.
pub(super) const CLEAR: f32 = 0.97;
/// Variance of a sample about its line, at least, in squared 8-bit codes: where there is a restored
/// picture to measure it by, and where there is none.
const VARIANCE_MIN: f32 = 3.0;
const VARIANCE_FIRST: f32 = 30.0;

/// One plane of all frames, in 8-bit codes.
#[derive(Debug)]
pub(super) struct Stack {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) frames: Vec<Vec<f32>>,
    /// Samples that the overlay may reach.
    pub(super) inside: Vec<bool>,
    /// Samples that say nothing of the background.
    pub(super) muted: Vec<bool>,
}

/// What is believed of a plane.
#[derive(Debug, Clone)]
pub(super) struct Belief {
    /// Share of the background that is let through.
    pub(super) pass: Vec<f32>,
    /// What is added to it, in 8-bit codes.
    pub(super) paint: Vec<f32>,
}

/// Weighted sums over the frames, for each sample: of weights, guesses `b` and seen `j`.
#[derive(Debug)]
pub(super) struct Sums {
    pub(super) n: Vec<f32>,
    pub(super) b: Vec<f32>,
    pub(super) bb: Vec<f32>,
    pub(super) jb: Vec<f32>,
    pub(super) j: Vec<f32>,
}

impl Stack {
    pub(super) fn new<'a>(site: &Site, plane: u8, planes: impl Iterator<Item = &'a [u16]>) -> Self {
        let rect = site.plane_rect(plane);
        let (width, height) = (rect.width as usize, rect.height as usize);
        let unit = 1.0 / f32::from(1_u16 << (site.layout.depth - 8));
        let frames =
            planes.map(|plane| plane.iter().map(|s| f32::from(*s) * unit).collect()).collect();
        let luma_width = site.bounds.width as usize;
        let luma_height = site.bounds.height as usize;
        let mut mask = vec![false; luma_width * luma_height];
        for (at, inside) in mask.iter_mut().enumerate() {
            let (x, y) = (at % luma_width, at / luma_width);
            // The outermost samples are the known rim of what is solved for.
            let is_rim = x == 0 || y == 0 || x + 1 == luma_width || y + 1 == luma_height;
            *inside = covered(site, x, y) && !is_rim;
        }
        let inside = shared(site, plane, (width, height), &mask, luma_width);
        Self { width, height, frames, muted: vec![false; inside.len()], inside }
    }

    /// Mean of what lies outside, in codes.
    pub(super) fn mean_outside(&self) -> f32 {
        let (mut sum, mut count) = (0.0_f64, 0.0_f64);
        for frame in &self.frames {
            for (seen, _) in frame.iter().zip(&self.inside).filter(|(_, inside)| !**inside) {
                sum += f64::from(*seen);
                count += 1.0;
            }
        }
        if count > 0.0 { Narrowed::narrowed(sum / count) } else { 128.0 }
    }

    /// Nothing of the overlay is known.
    pub(super) fn fresh(&self) -> Belief {
        let size = self.inside.len();
        Belief { pass: vec![1.0; size], paint: vec![0.0; size] }
    }

    pub(super) fn drop_frames(&mut self, dropped: &[usize]) {
        for at in dropped.iter().rev() {
            self.frames.remove(*at);
        }
    }

    /// From now on the samples that share one of `luma` say nothing of the background.
    pub(super) fn mute(&mut self, site: &Site, luma: &[bool], luma_width: usize) {
        let plane = u8::from(luma.len() != self.inside.len() || luma_width != self.width);
        self.muted = shared(site, plane, (self.width, self.height), luma, luma_width);
    }

    /// The sums where the background is filled in from around.
    pub(super) fn first_sums(&self) -> Sums {
        let size = self.inside.len();
        let mut sums = Sums::new(size);
        let outside = |inside: &bool| if *inside { 0.0 } else { 1.0 };
        let weights: Vec<f32> = self.inside.iter().map(outside).collect();
        let mut smoother = Smoother::new(self.width, self.height, RADIUS);
        let mut local = vec![0.0; size];
        let mut square = vec![0.0; size];
        for frame in &self.frames {
            let mut guess = frame.clone();
            fill(self.width, self.height, &mut guess, &weights);
            smoother.smooth(frame, &mut local);
            for ((square, seen), local) in square.iter_mut().zip(frame).zip(&local) {
                *square = (seen - local) * (seen - local);
            }
            smoother.smooth(&square, &mut local);
            for variance in &mut local {
                *variance = 1.0 / (*variance + VARIANCE_FIRST);
            }
            sums.add(frame, &guess, &local);
        }
        sums
    }

    /// The sums where the background is what `belief` restores, smoothed.
    pub(super) fn sums(&self, belief: &Belief, coarse: bool) -> Sums {
        let size = self.inside.len();
        let radius = if coarse { RADIUS_COARSE } else { RADIUS };
        let mut smoother = Smoother::new(self.width, self.height, radius);
        let reliance = self.reliance(belief);
        let mut share = vec![0.0; size];
        let weights: Vec<f32> =
            reliance.iter().zip(&belief.pass).map(|(r, pass)| r * pass).collect();
        smoother.smooth(&weights, &mut share);
        for share in &mut share {
            *share = 1.0 / share.max(1e-6);
        }
        let mut sums = Sums::new(size);
        let (mut work, mut guess) = (vec![0.0; size], vec![0.0; size]);
        let mut local = vec![0.0; size];
        for frame in &self.frames {
            for at in 0..size {
                work[at] = reliance[at] * (frame[at] - belief.paint[at]);
            }
            smoother.smooth(&work, &mut guess);
            for at in 0..size {
                guess[at] *= share[at];
                let miss = frame[at] - belief.paint[at] - belief.pass[at] * guess[at];
                work[at] = miss * miss;
            }
            smoother.smooth(&work, &mut local);
            for variance in &mut local {
                *variance = 1.0 / (*variance + VARIANCE_MIN);
            }
            sums.add(frame, &guess, &local);
        }
        sums.straighten(&self.inside);
        sums
    }

    /// How far a restored sample is relied on, over the share that it lets through.
    fn reliance(&self, belief: &Belief) -> Vec<f32> {
        let clear: Vec<bool> = belief.pass.iter().map(|pass| *pass > CLEAR).collect();
        let depth = depth(self.width, &clear);
        let mut reliance = Vec::with_capacity(depth.len());
        for ((depth, pass), muted) in depth.iter().zip(&belief.pass).zip(&self.muted) {
            let near = 1.0 / (1.0 + depth * depth / (DEPTH_HALF * DEPTH_HALF));
            reliance.push(if *muted { 0.0 } else { near * pass });
        }
        reliance
    }

    /// Takes the pass as given and finds the paint.
    pub(super) fn paint(&self, sums: &Sums, pass: &[f32], belief: &mut Belief) {
        for at in (0..pass.len()).filter(|at| self.inside[*at]) {
            let paint = (sums.j[at] - pass[at] * sums.b[at]) / sums.n[at];
            belief.pass[at] = pass[at];
            belief.paint[at] = paint.clamp(0.0, 255.0 * (1.0 - pass[at]));
        }
    }
}

/// The samples of a plane that are made of any of the luma samples set.
fn shared(
    site: &Site,
    plane: u8,
    (width, height): (usize, usize),
    luma: &[bool],
    luma_width: usize,
) -> Vec<bool> {
    let (sx, sy) = match plane {
        0 => return luma.to_vec(),
        _ => (site.layout.chroma_shift_x, site.layout.chroma_shift_y),
    };
    // A chroma sample is made of the luma samples that share it and, beside, of their neighbours.
    let reach = usize::from(sx > 0);
    let luma_height = luma.len() / luma_width.max(1);
    let mut shared = Vec::with_capacity(width * height);
    for y in 0..height {
        for x in 0..width {
            let left = (x << sx).saturating_sub(reach);
            let right = (((x + 1) << sx) + reach).min(luma_width);
            let mut rows = (y << sy)..((y + 1) << sy).min(luma_height);
            shared.push(rows.any(|y| luma[y * luma_width..][left..right].contains(&true)));
        }
    }
    shared
}

/// Distance of each sample to the nearest set one, in samples, nearly.
pub(super) fn depth(width: usize, set: &[bool]) -> Vec<f32> {
    const SLANT: f32 = 1.4;
    let mut depth: Vec<f32> = set.iter().map(|set| if *set { 0.0 } else { 1e6 }).collect();
    let height = set.len() / width.max(1);
    let mut pass = |places: &mut dyn Iterator<Item = (usize, usize)>, back: bool| {
        for (x, y) in places {
            let at = y * width + x;
            let (has_left, has_right) = (x > 0, x + 1 < width);
            let beside = if back { has_right.then(|| at + 1) } else { has_left.then(|| at - 1) };
            let row =
                if back { (y + 1 < height).then(|| at + width) } else { at.checked_sub(width) };
            let mut least = depth[at];
            if let Some(other) = beside {
                least = least.min(depth[other] + 1.0);
            }
            if let Some(row) = row {
                least = least.min(depth[row] + 1.0);
                if has_left {
                    least = least.min(depth[row - 1] + SLANT);
                }
                if has_right {
                    least = least.min(depth[row + 1] + SLANT);
                }
            }
            depth[at] = least;
        }
    };
    pass(&mut (0..height).flat_map(|y| (0..width).map(move |x| (x, y))), false);
    pass(&mut (0..height).rev().flat_map(|y| (0..width).rev().map(move |x| (x, y))), true);
    depth
}

impl Sums {
    fn new(size: usize) -> Self {
        let zero = vec![0.0; size];
        Self { n: zero.clone(), b: zero.clone(), bb: zero.clone(), jb: zero.clone(), j: zero }
    }

    fn add(&mut self, seen: &[f32], guess: &[f32], weights: &[f32]) {
        // Every slice has one length, which the compiler is told so that it need not check.
        let size = seen.len();
        let (guess, weights) = (&guess[..size], &weights[..size]);
        let (n, b, bb) = (&mut self.n[..size], &mut self.b[..size], &mut self.bb[..size]);
        let (jb, j) = (&mut self.jb[..size], &mut self.j[..size]);
        for at in 0..size {
            let weight = weights[at];
            let weighed = weight * guess[at];
            n[at] += weight;
            b[at] += weighed;
            bb[at] += weighed * guess[at];
            jb[at] += weighed * seen[at];
            j[at] += weight * seen[at];
        }
    }

    fn variance(&self, at: usize) -> f32 {
        (self.bb[at] - self.b[at] * self.b[at] / self.n[at]).max(0.0)
    }

    fn covariance(&self, at: usize) -> f32 {
        self.jb[at] - self.j[at] * self.b[at] / self.n[at]
    }

    /// Gives the lines inside the slopes that are known from elsewhere.
    pub(super) fn turn(&mut self, inside: &[bool], slopes: &[f32]) {
        for at in (0..inside.len()).filter(|at| inside[*at]) {
            let mean = self.b[at] / self.n[at];
            self.jb[at] = slopes[at] * self.variance(at) + mean * self.j[at];
        }
    }

    /// Stretches the guesses so that their slope is 1 where there is no overlay.
    fn straighten(&mut self, inside: &[bool]) {
        let (mut covariance, mut variance) = (0.0, 0.0);
        for at in (0..inside.len()).filter(|at| !inside[*at]) {
            covariance += self.covariance(at);
            variance += self.variance(at);
        }
        let slope = if variance > 0.0 { (covariance / variance).clamp(0.8, 1.25) } else { 1.0 };
        for at in 0..inside.len() {
            let mean = self.b[at] / self.n[at];
            let (variance, covariance) = (self.variance(at), self.covariance(at));
            self.bb[at] = variance * slope * slope + mean * mean * self.n[at];
            self.jb[at] = covariance * slope + mean * self.j[at];
        }
    }
}
