//! One hole in one plane: what is known around it, the surface over it, the grain on it.

use cleanplate_types::picture::PlaneMut;

use crate::bitmap::Span;
use crate::piece::Piece;
use crate::sample::Sample;

use super::Site;
use super::grain::{GrainGauge, noise};
use super::membrane::Membrane;

/// A hole, prepared: everything that does not depend on the frame.
#[derive(Debug)]
pub(super) struct Hole {
    span: Span,
    membrane: Membrane,
    /// For each row the runs of covered columns, from and to, in plane columns.
    runs: Vec<(usize, usize, usize)>,
    /// Known samples that touch the hole, with the known ones of their nine neighbours as bits, and
    /// the cells of the grid that each pulls at.
    ring: Vec<Ring>,
    gauge: GrainGauge,
}

/// A known sample beside the hole.
#[derive(Debug)]
struct Ring {
    x: usize,
    y: usize,
    known: u16,
    pulls: Vec<usize>,
}

/// Weights of a sample and its neighbours, row by row.
const BINOMIAL: [f32; 9] = [1.0, 2.0, 1.0, 2.0, 4.0, 2.0, 1.0, 2.0, 1.0];

impl Hole {
    /// The part of `hole` that lies in `span`.
    pub(super) fn new(hole: &Piece, span: Span) -> Self {
        let is_known = |x: usize, y: usize| hole.is_known(x, y);
        let membrane = Membrane::new(
            (span.width(), span.height()),
            |x, y| hole.has(span.left + x, span.top + y),
            |x, y| beside(span.left + x, span.top + y).filter(|(x, y)| is_known(*x, *y)).count(),
        );
        let around = span.grown(1, hole.size.0, hole.size.1);
        let rows = around.top..around.bottom;
        let places = rows.flat_map(|y| (around.left..around.right).map(move |x| (x, y)));
        let ring = places
            .filter(|(x, y)| is_known(*x, *y))
            .map(|(x, y)| Ring {
                x,
                y,
                known: neighbours(x, y)
                    .fold(0, |bits, (bit, x, y)| bits | u16::from(is_known(x, y)) << bit),
                pulls: beside(x, y)
                    .filter(|(x, y)| span.contains(*x, *y) && hole.has(*x, *y))
                    .map(|(x, y)| membrane.place(x - span.left, y - span.top))
                    .collect(),
            })
            .filter(|ring| !ring.pulls.is_empty())
            .collect();
        Self { span, membrane, runs: runs(hole, span), ring, gauge: GrainGauge::new(hole, span) }
    }

    /// Fills the hole; returns how many samples changed.
    pub(super) fn fill<S: Sample>(&mut self, site: Site, plane: &mut PlaneMut<'_, S>) -> u64 {
        let (low, high) = self.load(plane, site);
        let top = u16::MAX >> (16 - site.depth.clamp(8, 16));
        let grey = f32::from(top / 2 + 1);
        self.membrane.solve(grey);
        let sigma = self.gauge.sigma(site.depth, plane);
        let least = f32::from(site.nominal.0).min(low).max(0.0);
        let most = f32::from(site.nominal.1).max(high).min(f32::from(top));
        let mut changed = 0;
        for &(y, from, to) in &self.runs {
            let place = self.membrane.place(from - self.span.left, y - self.span.top);
            let cells = &self.membrane.values()[place..place + to - from];
            let samples = &mut plane.samples[y * plane.stride + from..y * plane.stride + to];
            for ((x, cell), sample) in (from..).zip(cells).zip(samples) {
                let mut value = cell.clamp(low, high);
                if sigma > 0.0 {
                    value = (value + sigma * noise(site, x, y)).clamp(least, most);
                }
                let value = rounded(value);
                changed += u64::from(sample.wide() != value);
                *sample = S::narrow(value);
            }
        }
        changed
    }

    /// Lets what is known pull at the hole; returns the lowest and highest value on the ring.
    fn load<S: Sample>(&mut self, plane: &PlaneMut<'_, S>, site: Site) -> (f32, f32) {
        let top = u16::MAX >> (16 - site.depth.clamp(8, 16));
        let at =
            |x: usize, y: usize| f32::from(plane.samples[y * plane.stride + x].wide().min(top));
        let load = self.membrane.load();
        load.fill(0.0);
        let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
        for ring in &self.ring {
            // One noisy sample on the ring would draw a streak into the hole.
            let (mut sum, mut weight) = (0.0_f32, 0.0_f32);
            for (bit, x, y) in neighbours(ring.x, ring.y) {
                if ring.known >> bit & 1 == 1 {
                    sum += BINOMIAL[bit] * at(x, y);
                    weight += BINOMIAL[bit];
                }
            }
            let mean = sum / weight;
            for place in &ring.pulls {
                load[*place] += mean;
            }
            low = low.min(mean);
            high = high.max(mean);
        }
        if self.ring.is_empty() { (0.0, f32::from(top)) } else { (low, high) }
    }
}

/// The four places that share a side with `x`, `y`; those outside have the largest coordinates.
fn beside(x: usize, y: usize) -> impl Iterator<Item = (usize, usize)> {
    [(x.wrapping_sub(1), y), (x + 1, y), (x, y.wrapping_sub(1)), (x, y + 1)].into_iter()
}

/// The nine places around and at `x`, `y`, row by row, with their number; those left of or above the
/// picture have the largest coordinates there are.
fn neighbours(x: usize, y: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..9).map(move |bit| (bit, (x + bit % 3).wrapping_sub(1), (y + bit / 3).wrapping_sub(1)))
}

fn runs(hole: &Piece, span: Span) -> Vec<(usize, usize, usize)> {
    let mut runs = Vec::new();
    for y in span.top..span.bottom {
        let mut x = span.left;
        while x < span.right {
            let from = x;
            while x < span.right && hole.has(x, y) {
                x += 1;
            }
            if x > from {
                runs.push((y, from, x));
            }
            x += 1;
        }
    }
    runs
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value lies between the lowest and highest code of the plane"
)]
fn rounded(value: f32) -> u16 {
    (value + 0.5) as u16
}
