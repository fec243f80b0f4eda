//! Holds down the noise that inversion amplifies: by 1 / (1 - alpha), most where least shines through.
//!
//! Each sample is drawn towards the mean around it, the more the less the picture around it varies
//! beyond that noise. Owns local means and variances; knows alpha, not colour.

use super::invert::{Origin, STRENGTH_ONE};

/// Samples on each side that a mean is taken over.
const REACH: usize = 2;

/// Work space for one plane.
#[derive(Debug)]
pub(super) struct Denoiser {
    width: usize,
    alpha: Vec<f32>,
    sigma: f32,
    /// Rows that hold any of the overlay.
    rows: (usize, usize),
    strength: u8,
    /// Weight of each sample in a mean, their sum around it, and its noise's variance.
    weight: Vec<f32>,
    share: Vec<f32>,
    noise: Vec<f32>,
    /// Sums along columns: values and squares, with room on both sides.
    first: Vec<f32>,
    second: Vec<f32>,
}

impl Denoiser {
    /// For a plane of rows of `width`, with coding noise of deviation `sigma`.
    pub(super) fn new(width: usize, alpha: &[f32], sigma: f32) -> Self {
        let covered = |row: &[f32]| row.iter().any(|alpha| *alpha > 0.0);
        let first = alpha.chunks_exact(width).position(covered).unwrap_or(0);
        let last = alpha.chunks_exact(width).rposition(covered).map_or(0, |row| row + 1);
        Self {
            width,
            alpha: alpha.to_vec(),
            sigma,
            rows: (first, last),
            strength: 0,
            weight: vec![1.0; alpha.len()],
            share: vec![1.0; alpha.len()],
            noise: vec![0.0; alpha.len()],
            first: vec![0.0; width + 2 * REACH],
            second: vec![0.0; width + 2 * REACH],
        }
    }

    /// Smooths what was inverted.
    pub(super) fn smooth(&mut self, restored: &mut [f32], origins: &[Origin], strength: u8) {
        if self.sigma <= 0.0 {
            return;
        }
        self.prepare(origins, strength);
        let height = restored.len() / self.width;
        let source = restored.to_vec();
        for y in self.rows.0..self.rows.1 {
            let around = y.saturating_sub(REACH)..(y + REACH + 1).min(height);
            let (first, second) = (&mut self.first, &mut self.second);
            first.fill(0.0);
            second.fill(0.0);
            for row in around {
                let line = row * self.width..(row + 1) * self.width;
                let sums = first[REACH..].iter_mut().zip(&mut second[REACH..]);
                let samples = source[line.clone()].iter().zip(&self.weight[line]);
                for ((first, second), (value, weight)) in sums.zip(samples) {
                    let weighed = weight * value;
                    *first += weighed;
                    *second += weighed * value;
                }
            }
            let line = y * self.width..(y + 1) * self.width;
            let row = restored[line.clone()].iter_mut().zip(&origins[line.clone()]);
            let known = self.share[line.clone()].iter().zip(&self.noise[line]);
            for (x, ((value, origin), (share, noise))) in row.zip(known).enumerate() {
                let sum: f32 = first[x..=x + 2 * REACH].iter().sum();
                let square: f32 = second[x..=x + 2 * REACH].iter().sum();
                let mean = sum * share;
                let spread = (square * share - mean * mean).max(1e-3);
                if *origin == Origin::Inverted {
                    let keep = ((spread - noise) / spread).max(0.0);
                    *value = mean + keep * (*value - mean);
                }
            }
        }
    }

    fn prepare(&mut self, origins: &[Origin], strength: u8) {
        if self.strength != strength {
            self.strength = strength;
            let part = f32::from(strength) / f32::from(STRENGTH_ONE);
            for (noise, alpha) in self.noise.iter_mut().zip(&self.alpha) {
                let pass = (1.0 - part * alpha).max(0.1);
                // What the encoder adds to any sample stays; only what is amplified beyond is held down.
                *noise = self.sigma * self.sigma * (1.0 / (pass * pass) - 1.0);
            }
        }
        let part = f32::from(strength) / f32::from(STRENGTH_ONE);
        for ((weight, alpha), origin) in self.weight.iter_mut().zip(&self.alpha).zip(origins) {
            let pass = 1.0 - part * alpha;
            *weight = if *origin == Origin::Left { 0.0 } else { pass * pass };
        }
        self.sum_weights();
    }

    fn sum_weights(&mut self) {
        let height = self.weight.len() / self.width;
        for y in self.rows.0..self.rows.1 {
            let around = y.saturating_sub(REACH)..(y + REACH + 1).min(height);
            self.first.fill(0.0);
            for row in around {
                let line = &self.weight[row * self.width..][..self.width];
                for (sum, weight) in self.first[REACH..].iter_mut().zip(line) {
                    *sum += weight;
                }
            }
            for x in 0..self.width {
                let sum: f32 = self.first[x..=x + 2 * REACH].iter().sum();
                self.share[y * self.width + x] = 1.0 / sum.max(1e-6);
            }
        }
    }
}
