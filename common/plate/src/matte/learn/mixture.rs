//! Samples at the edge of an ink, which have a part of another.

use super::super::edges::logarithm;
use super::guesser::{AGAINST_MAX, NOISE};
use super::inks::Ink;

/// What speaks against a mixture of two inks beforehand, in nats.
const MIXED: f32 = 1.5;

/// Two inks side by side in one sample, and the sums that tell how much of the second.
#[derive(Debug, Clone)]
pub(super) struct Mixture {
    one: Ink,
    other: Ink,
    misses: f32,
    product: f32,
    square: f32,
    spread: f32,
}

impl Mixture {
    /// Every two of the inks, and each alone.
    pub(super) fn all(inks: &[Ink]) -> Vec<Self> {
        let mixture = |one: Ink, other: Ink| Self {
            one,
            other,
            misses: 0.0,
            product: 0.0,
            square: 0.0,
            spread: 0.0,
        };
        let mut all = Vec::new();
        for (at, one) in inks.iter().enumerate() {
            all.extend(inks[at..].iter().map(|other| mixture(*one, *other)));
        }
        all
    }

    pub(super) fn add(&mut self, seen: f32, guess: f32, detail: f32) {
        let pass = 0.5 * (self.one.pass + self.other.pass);
        let variance = pass * pass * detail + NOISE;
        let limit = (AGAINST_MAX * variance).sqrt();
        let at = |ink: Ink| ink.pass * guess + ink.paint;
        let (first, second) = (at(self.one), at(self.other));
        let (low, high) = (first.min(second) - limit, first.max(second) + limit);
        let miss = seen.clamp(low, high) - first;
        let step = second - first;
        self.misses += miss * miss / variance;
        self.product += miss * step / variance;
        self.square += step * step / variance;
        self.spread += logarithm(variance);
    }

    fn part(&self) -> f32 {
        if self.one == self.other {
            0.0
        } else {
            (self.product / self.square.max(1e-6)).clamp(0.0, 1.0)
        }
    }

    pub(super) fn cost(&self, scale: f32) -> f32 {
        let part = self.part();
        let misses = self.misses - 2.0 * part * self.product + part * part * self.square;
        let doubt = if self.one == self.other { 0.0 } else { MIXED };
        0.5 * scale * (misses + self.spread) + doubt
    }

    pub(super) fn line(&self) -> Ink {
        let part = self.part();
        let mix = |a: f32, b: f32| a + part * (b - a);
        Ink {
            pass: mix(self.one.pass, self.other.pass),
            paint: mix(self.one.paint, self.other.paint),
        }
    }
}
