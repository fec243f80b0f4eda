//! Values between the samples of a plane.

use super::align::whole;
use super::motion::{Similarity, single};

/// What a value between samples can be made of.
pub(super) trait Level: Copy {
    fn level(self) -> f32;
}

impl Level for f32 {
    #[inline(always)]
    fn level(self) -> f32 {
        self
    }
}

impl Level for u8 {
    #[inline(always)]
    fn level(self) -> f32 {
        f32::from(self)
    }
}

impl Level for u16 {
    #[inline(always)]
    fn level(self) -> f32 {
        f32::from(self)
    }
}

/// A plane, to be read between its samples.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a, S> {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) stride: usize,
    pub(super) samples: &'a [S],
}

/// Places between two samples that are told apart.
const PHASES: usize = 64;
/// Weights of four samples in a row for a place between the middle two (Catmull and Rom's).
static CUBIC: [[f32; 4]; PHASES + 1] = cubic();

const fn cubic() -> [[f32; 4]; PHASES + 1] {
    let mut all = [[0.0; 4]; PHASES + 1];
    let mut at = 0;
    while at <= PHASES {
        let t = at as f32 / PHASES as f32;
        let (t2, t3) = (t * t, t * t * t);
        all[at] = [
            0.5 * (2.0 * t2 - t - t3),
            0.5 * (2.0 - 5.0 * t2 + 3.0 * t3),
            0.5 * (t + 4.0 * t2 - 3.0 * t3),
            0.5 * (t3 - t2),
        ];
        at += 1;
    }
    all
}

impl<S: Level> Field<'_, S> {
    /// The value at a place that is measured from the corner; `None` where it has not two samples on
    /// each side.
    #[inline(always)]
    pub(super) fn at(&self, x: f32, y: f32) -> Option<f32> {
        let (x, y) = (x - 0.5, y - 0.5);
        let (right, below) = (self.width.saturating_sub(2), self.height.saturating_sub(2));
        let inside = x >= 1.0 && y >= 1.0 && x < right as f32 && y < below as f32;
        if !inside {
            return None;
        }
        let (column, row) = (whole(x), whole(y));
        let phase = |part: f32| CUBIC[whole(part * PHASES as f32 + 0.5).min(PHASES)];
        let across = phase(x - column as f32);
        let along = phase(y - row as f32);
        let mut sum = 0.0;
        for (line, weight) in along.into_iter().enumerate() {
            let from = &self.samples[(row + line - 1) * self.stride + column - 1..][..4];
            sum += weight
                * ((across[0] * from[0].level() + across[1] * from[1].level())
                    + (across[2] * from[2].level() + across[3] * from[3].level()));
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
