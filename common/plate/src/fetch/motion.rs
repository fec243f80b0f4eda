//! Where a place of a background lies in a frame: a shift, a turn and a scale.
//!
//! Owns the arithmetic and the fixed point in which motions are stored. Places are measured in luma
//! samples from the top left corner of the picture: the middle of the first sample is (0.5, 0.5).

use serde::{Deserialize, Serialize};

/// The nearest number of single precision: enough for places and codes within a picture.
#[expect(clippy::cast_possible_truncation, reason = "precision is what is given up")]
pub(super) const fn single(value: f64) -> f32 {
    value as f32
}

/// A similarity in fixed point, as it is stored: `x' = cos x - sin y + right`, `y' = sin x + cos y + down`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Motion {
    /// Scale times the cosine of the angle, in 1/2^24.
    pub cos: i32,
    /// Scale times the sine of the angle, in 1/2^24.
    pub sin: i32,
    /// Shift to the right, in 1/256 luma samples.
    pub right: i32,
    /// Shift down, in 1/256 luma samples.
    pub down: i32,
}

const TURN_ONE: f64 = 16_777_216.0;
const SHIFT_ONE: f64 = 256.0;
/// By how much a camera zooms or turns at most from frame to frame, and from one look to the next.
const STEP_MAX: f64 = 0.06;
const LOOK_MAX: f64 = 0.15;

/// The same for calculation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Similarity {
    pub(super) cos: f64,
    pub(super) sin: f64,
    pub(super) right: f64,
    pub(super) down: f64,
}

impl From<Motion> for Similarity {
    fn from(motion: Motion) -> Self {
        Self {
            cos: f64::from(motion.cos) / TURN_ONE,
            sin: f64::from(motion.sin) / TURN_ONE,
            right: f64::from(motion.right) / SHIFT_ONE,
            down: f64::from(motion.down) / SHIFT_ONE,
        }
    }
}

impl From<Similarity> for Motion {
    fn from(similarity: Similarity) -> Self {
        Self {
            cos: fixed(similarity.cos, TURN_ONE),
            sin: fixed(similarity.sin, TURN_ONE),
            right: fixed(similarity.right, SHIFT_ONE),
            down: fixed(similarity.down, SHIFT_ONE),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a cast from float to integer saturates")]
fn fixed(value: f64, one: f64) -> i32 {
    (value * one + if value < 0.0 { -0.5 } else { 0.5 }) as i32
}

impl Similarity {
    pub(super) const NONE: Self = Self { cos: 1.0, sin: 0.0, right: 0.0, down: 0.0 };

    pub(super) const fn shift(right: f64, down: f64) -> Self {
        Self { cos: 1.0, sin: 0.0, right, down }
    }

    /// First `other`, then `self`.
    pub(super) fn after(self, other: Self) -> Self {
        let (right, down) = self.apply(other.right, other.down);
        Self {
            cos: self.cos * other.cos - self.sin * other.sin,
            sin: self.sin * other.cos + self.cos * other.sin,
            right,
            down,
        }
    }

    pub(super) fn inverse(self) -> Self {
        let norm = self.cos * self.cos + self.sin * self.sin;
        let (cos, sin) = (self.cos / norm, -self.sin / norm);
        let right = -(cos * self.right - sin * self.down);
        let down = -(sin * self.right + cos * self.down);
        Self { cos, sin, right, down }
    }

    pub(super) fn apply(self, x: f64, y: f64) -> (f64, f64) {
        (self.cos * x - self.sin * y + self.right, self.sin * x + self.cos * y + self.down)
    }

    /// The same motion where places are measured in units that are `factor` times as large.
    pub(super) fn in_units_of(self, factor: f64) -> Self {
        Self { right: self.right / factor, down: self.down / factor, ..self }
    }

    /// Whether scale and turn are such that one may come from the other that many frames on.
    pub(super) fn is_near(self, other: Self, frames: u64) -> bool {
        let step = self.after(other.inverse());
        let most = (STEP_MAX * frames as f64).min(LOOK_MAX);
        (step.cos - 1.0).abs() < most && step.sin.abs() < most
    }

    /// So much of the way to `other`, each place in a straight line.
    pub(super) fn towards(self, other: Self, share: f64) -> Self {
        let part = |from: f64, to: f64| from + (to - from) * share;
        Self {
            cos: part(self.cos, other.cos),
            sin: part(self.sin, other.sin),
            right: part(self.right, other.right),
            down: part(self.down, other.down),
        }
    }

    /// The motion of so many steps, of which this is one, as far as they are small.
    pub(super) fn times(self, steps: f64) -> Self {
        Self::NONE.towards(self, steps)
    }

    /// Whether the scale is so far from 1 that no camera does it between the pictures of a shot.
    pub(super) fn is_wild(self) -> bool {
        let norm = self.cos * self.cos + self.sin * self.sin;
        !(0.3..3.0).contains(&norm)
    }
}
