//! Lays a background under one frame a little better than the window's looks could say.
//!
//! Owns a small registration by the ring around the hole: a shift alone, of at most three luma samples,
//! from the frame and the background and nothing else. Frames that no look saw have a motion that was
//! guessed from those before and after; this is what makes it theirs.

use super::align::{Point, Points, median, search};
use super::ground::{Ground, Mixture};
use super::motion::{Similarity, single};
use crate::bitmap::Span;

/// Places of the ring that are compared, about.
const PLACES: usize = 400;
/// Fewer seen places than this fix no shift.
const SEEN_MIN: usize = 32;
/// How far the first guess is looked for, in luma samples, and how far the shift may be in the end.
const REACH: i32 = 2;
const SHIFT_MAX: f64 = 3.0;
const ROUNDS: usize = 5;
/// Scale of the robust weights: at least, at most, in 8-bit codes.
const SCALE_MIN: f32 = 2.0;
const SCALE_MAX: f32 = 16.0;
/// Mean difference, in 8-bit codes, that needs no wider search.
const ALIKE: f32 = 2.5;
/// A difference beyond this says no more.
const FAR: f32 = 20.0;
/// The shift is taken where the places differ by less than this share of what they differ without it.
const BETTER: f32 = 0.97;

/// The places of the ring in luma by which a frame is laid.
#[derive(Debug)]
pub(super) struct Ring {
    points: Points,
}

impl Ring {
    /// The ring of a rectangle of the frame, whose samples are given row by row in 8-bit codes, where
    /// they may be compared.
    pub(super) fn of(span: Span, samples: &[f32], is_open: impl Fn(usize) -> bool) -> Self {
        let (width, height) = (span.width(), span.height());
        let own = Span { left: 0, top: 0, right: width, bottom: height };
        let points = Points::best_of(
            own,
            PLACES,
            |x, y| is_open(y * width + x),
            |x, y| samples[y * width + x],
        );
        let (left, top) = (span.left as f32, span.top as f32);
        let moved = |point: Point| Point { x: point.x + left, y: point.y + top, ..point };
        Self { points: Points::new(points.list.into_iter().map(moved).collect()) }
    }

    /// The motion of the frame, bettered from `motion`.
    pub(super) fn settle(
        &self,
        ground: &Ground,
        mixture: Mixture,
        motion: Similarity,
    ) -> Similarity {
        let area = ground.background().area;
        let corner = Similarity::shift(-f64::from(area.left), -f64::from(area.top));
        let rough = corner.after(motion.inverse());
        let look = |x: f32, y: f32| ground.look(mixture, x, y);
        let Some(before) = self.differ(rough, look) else { return motion };
        let mut fine = self.descend(rough, look).unwrap_or((rough, before));
        if fine.1 > ALIKE {
            let start = search(&self.points, rough, REACH, look);
            fine = self.descend(start, look).filter(|other| other.1 < fine.1).unwrap_or(fine);
        }
        let (right, down) = (fine.0.right - rough.right, fine.0.down - rough.down);
        if fine.1 >= BETTER * before || right.abs().max(down.abs()) > SHIFT_MAX {
            return motion;
        }
        corner.inverse().after(fine.0).inverse()
    }

    /// The differences of the places that can be seen, and the mean of how far they are from their median.
    fn differ(&self, motion: Similarity, look: impl Fn(f32, f32) -> Option<f32>) -> Option<f32> {
        let seen = self.seen(motion, look);
        (seen.len() >= SEEN_MIN).then(|| {
            let mut sizes: Vec<f32> = seen.iter().map(|(_, difference)| *difference).collect();
            let middle = median(&mut sizes);
            let far = |difference: &f32| (difference - middle).abs().min(FAR);
            sizes.iter().map(far).sum::<f32>() / seen.len() as f32
        })
    }

    fn seen(
        &self,
        motion: Similarity,
        look: impl Fn(f32, f32) -> Option<f32>,
    ) -> Vec<(&Point, f32)> {
        let places = self.points.list.iter();
        let seen = places.filter_map(|point| {
            let (x, y) = motion.apply(f64::from(point.x), f64::from(point.y));
            look(single(x), single(y)).map(|found| (point, found - point.value))
        });
        seen.collect()
    }

    /// The shift, from a start on, and how far the places differ then.
    fn descend(
        &self,
        start: Similarity,
        look: impl Fn(f32, f32) -> Option<f32> + Copy,
    ) -> Option<(Similarity, f32)> {
        let mut motion = start;
        for _ in 0..ROUNDS {
            let seen = self.seen(motion, look);
            if seen.len() < SEEN_MIN {
                return None;
            }
            let mut sizes: Vec<f32> = seen.iter().map(|(_, difference)| *difference).collect();
            let middle = median(&mut sizes);
            for size in &mut sizes {
                *size = (*size - middle).abs();
            }
            let scale = (2.0 * median(&mut sizes)).clamp(SCALE_MIN, SCALE_MAX);
            let (mut xx, mut xy, mut yy, mut x, mut y) = (1.0_f64, 0.0, 1.0, 0.0, 0.0);
            for (point, difference) in seen {
                let rest = difference - middle;
                let near = 1.0 / (1.0 + rest * rest / (scale * scale));
                let weight = f64::from(near * near);
                let (right, down) = (f64::from(point.right), f64::from(point.down));
                xx += weight * right * right;
                xy += weight * right * down;
                yy += weight * down * down;
                x += weight * right * f64::from(rest);
                y += weight * down * f64::from(rest);
            }
            let whole = xx * yy - xy * xy;
            if whole.abs() < 1e-6 {
                return None;
            }
            // What differs by a slope was taken from so far on: the frame lies so far back.
            let (right, down) = ((x * yy - y * xy) / whole, (y * xx - x * xy) / whole);
            motion = motion.after(Similarity::shift(-right, -down));
            if right.abs().max(down.abs()) < 0.01 {
                break;
            }
        }
        self.differ(motion, look).map(|rest| (motion, rest))
    }
}
