//! A logo between samples, and larger or smaller than it is: which of its samples one of the picture mixes.
//!
//! Owns that a logo's sample `i` lies at `left + (i + 1/2) * scale` of the picture, whose own sample `k` lies
//! at `k + 1/2`. What lies beyond the logo is clear.

use super::known::Logo;
use crate::mattes::{PLACE_ONE, SCALE_ONE};

/// Along one side: the samples of the picture that a logo reaches, and what each mixes.
#[derive(Debug, Clone)]
pub(crate) struct Taps {
    /// The first sample of the picture.
    pub(crate) first: i32,
    /// For it and those that follow: samples of the logo and their weights.
    pub(crate) weights: Vec<Vec<(usize, f64)>>,
}

/// The taps of a side of `length` samples whose edge is at `place`, at that scale.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sides are below 2^21 samples, edges below 2^27, and indices cut to the side"
)]
pub(crate) fn taps(place: i32, scale: u16, length: u32) -> Taps {
    let edge = f64::from(place) / f64::from(PLACE_ONE);
    let scale = f64::from(scale.max(1)) / f64::from(SCALE_ONE);
    // In samples of the logo: a tent that spans the next sample of either, whichever is farther.
    let reach = (1.0 / scale).max(1.0);
    let margin = (reach - 0.5) * scale;
    let first = (edge - margin).floor() as i32;
    let last = (edge + f64::from(length) * scale + margin).ceil() as i32;
    let mut weights: Vec<Vec<(usize, f64)>> = Vec::new();
    for at in first..last {
        let middle = (f64::from(at) + 0.5 - edge) / scale - 0.5;
        let (from, to) = ((middle - reach).ceil() as i64, (middle + reach).floor() as i64);
        let weight = |tap: i64| (1.0 - (tap as f64 - middle).abs() / reach).max(0.0);
        let sum: f64 = (from..=to).map(weight).sum();
        let inside = (from.max(0)..=to.min(i64::from(length) - 1))
            .map(|tap| (tap as usize, weight(tap) / sum.max(1e-9)))
            .filter(|(_, weight)| *weight > 0.0);
        weights.push(inside.collect());
    }
    while weights.last().is_some_and(Vec::is_empty) {
        weights.pop();
    }
    let blank = weights.iter().take_while(|taps| taps.is_empty()).count();
    weights.drain(..blank);
    Taps { first: first.saturating_add(i32::try_from(blank).unwrap_or(i32::MAX)), weights }
}

impl Logo<'_> {
    /// Red, green and blue, each times alpha, and alpha, from 0 to 1, of a mix of its samples.
    pub(crate) fn mixed(&self, across: &[(usize, f64)], down: &[(usize, f64)]) -> [f64; 4] {
        let mut mix = [0.0; 4];
        for (row, row_weight) in down {
            for (column, weight) in across {
                let at = (row * self.width as usize + column) * 4;
                let part = |number: usize| f64::from(self.rgba[at + number]) / 255.0;
                let alpha = row_weight * weight * part(3);
                for (number, mixed) in mix.iter_mut().take(3).enumerate() {
                    *mixed += alpha * part(number);
                }
                mix[3] += alpha;
            }
        }
        mix
    }
}
