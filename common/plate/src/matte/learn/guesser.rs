//! What lies behind each sample of a frame, by what the samples around it restore to.
//!
//! Owns that guess, in which a sample itself has no say, and how far it can be off.

use super::super::smooth::Smoother;
use super::inks::{Inks, NONE};
use super::stack::Stack;

/// Variance that coding has of itself, and that detail has at least, in squared 8-bit codes.
pub(super) const NOISE: f32 = 2.0;
const DETAIL_MIN: f32 = 2.0;
/// A frame speaks against an ink with so many squared deviations at most.
pub(super) const AGAINST_MAX: f32 = 9.0;

/// Guesses what lies behind each sample by what the samples around it restore to.
#[derive(Debug)]
pub(super) struct Guesser {
    smoother: Smoother,
    weights: Vec<f32>,
    share: Vec<f32>,
    restored: Vec<f32>,
    work: Vec<f32>,
    pub(super) guess: Vec<f32>,
    /// Variance of the detail that the guess does not have.
    pub(super) detail: Vec<f32>,
    /// Misses of samples outside, in deviations: their sum over the frames, and the sum of their squares.
    misses: Vec<f32>,
    squares: f32,
}

impl Guesser {
    pub(super) fn new(stack: &Stack, radius: usize, weights: Vec<f32>) -> Self {
        let size = weights.len();
        let mut smoother = Smoother::new(stack.width, stack.height, radius);
        let mut share = vec![0.0; size];
        smoother.smooth(&weights, &mut share);
        let zero = vec![0.0; size];
        Self {
            smoother,
            weights,
            share,
            restored: zero.clone(),
            work: zero.clone(),
            guess: zero.clone(),
            detail: zero.clone(),
            misses: zero,
            squares: 0.0,
        }
    }

    pub(super) fn look(&mut self, stack: &Stack, frame: &[f32], inks: &Inks) {
        let own = self.smoother.own();
        for (at, seen) in frame.iter().enumerate() {
            let ink = inks.inks.get(inks.labels[at]).copied().unwrap_or(NONE);
            self.restored[at] = (seen - ink.paint) / ink.pass;
            self.work[at] = self.weights[at] * self.restored[at];
        }
        self.smoother.smooth(&self.work, &mut self.guess);
        for at in 0..frame.len() {
            let others = (self.share[at] - own * self.weights[at]).max(1e-6);
            self.guess[at] = (self.guess[at] - own * self.work[at]) / others;
            let off = self.restored[at] - self.guess[at];
            self.work[at] = self.weights[at] * off * off;
        }
        self.smoother.smooth(&self.work, &mut self.detail);
        for (at, seen) in frame.iter().enumerate() {
            self.detail[at] = self.detail[at] / self.share[at].max(1e-6) + DETAIL_MIN;
            if !stack.inside[at] {
                let miss = (seen - self.guess[at]) / (self.detail[at] + NOISE).sqrt();
                let miss = miss.clamp(-3.0, 3.0);
                self.misses[at] += miss;
                self.squares += miss * miss;
            }
        }
    }

    /// As how many frames those that were looked at count: frames of one background say the same again.
    pub(super) fn independent(&self, stack: &Stack) -> f32 {
        let count = stack.frames.len().max(1) as f32;
        let sums: f32 = self.misses.iter().map(|miss| miss * miss).sum();
        (self.squares * count / sums.max(1e-6)).clamp(1.0, count)
    }
}
