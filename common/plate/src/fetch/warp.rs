//! Values between the samples of a plane.

use super::align::whole;
use super::motion::{Similarity, single};

/// A plane of `f32`, to be read between its samples.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) stride: usize,
    pub(super) samples: &'a [f32],
}

/// Weights of four samples in a row for a place between the middle two (Catmull and Rom's).
fn cubic(t: f32) -> [f32; 4] {
    let (t2, t3) = (t * t, t * t * t);
    [
        0.5 * (2.0 * t2 - t - t3),
        0.5 * (2.0 - 5.0 * t2 + 3.0 * t3),
        0.5 * (t + 4.0 * t2 - 3.0 * t3),
        0.5 * (t3 - t2),
    ]
}

impl Field<'_> {
    /// The value at a place that is measured from the corner; `None` where it has not two samples on
    /// each side.
    #[inline(always)]
    pub(super) fn at(&self, x: f32, y: f32) -> Option<f32> {
        let (x, y) = (x - 0.5, y - 0.5);
        let inside =
            x >= 1.0 && y >= 1.0 && x < (self.width - 2) as f32 && y < (self.height - 2) as f32;
        if !inside {
            return None;
        }
        let (column, row) = (whole(x), whole(y));
        let across = cubic(x - column as f32);
        let along = cubic(y - row as f32);
        let mut sum = 0.0;
        for (line, weight) in along.into_iter().enumerate() {
            let from = &self.samples[(row + line - 1) * self.stride + column - 1..][..4];
            sum += weight
                * ((across[0] * from[0] + across[1] * from[1])
                    + (across[2] * from[2] + across[3] * from[3]));
        }
        Some(sum)
    }
}

/// A motion between planes that are reduced by `2^shift` of luma and whose corners lie at `from` and
/// `to` in luma samples: takes places of the one, from its corner, to places of the other.
pub(super) fn on_planes(
    motion: Similarity,
    shifts: (u32, u32),
    from: (i32, i32),
    to: (i32, i32),
) -> Affine {
    let (sx, sy) = (f64::from(1_u32 << shifts.0), f64::from(1_u32 << shifts.1));
    let (x, y) = motion.apply(f64::from(from.0), f64::from(from.1));
    Affine {
        xx: single(motion.cos),
        xy: single(-motion.sin * sy / sx),
        x: single((x - f64::from(to.0)) / sx),
        yx: single(motion.sin * sx / sy),
        yy: single(motion.cos),
        y: single((y - f64::from(to.1)) / sy),
    }
}

/// A linear map of places.
#[derive(Debug, Clone, Copy)]
pub(super) struct Affine {
    xx: f32,
    xy: f32,
    x: f32,
    yx: f32,
    yy: f32,
    y: f32,
}

impl Affine {
    #[inline]
    pub(super) fn apply(&self, x: f32, y: f32) -> (f32, f32) {
        (self.xx * x + self.xy * y + self.x, self.yx * x + self.yy * y + self.y)
    }
}
