//! One hole in one plane: what is known around it, the surface over it, the grain on it.

use cleanplate_types::picture::PlaneMut;

use crate::bitmap::{Bitmap, Span};
use crate::sample::Sample;

use super::Site;
use super::grain::{GrainGauge, noise};
use super::membrane::{Edges, Membrane};

/// A hole, prepared: everything that does not depend on the frame.
#[derive(Debug)]
pub(super) struct Hole {
    span: Span,
    membrane: Membrane,
    /// For each row the runs of covered columns, from and to, in plane columns.
    runs: Vec<(usize, usize, usize)>,
    /// Known cells of the grid: place in the grid, column and row in the plane.
    known: Vec<(usize, usize, usize)>,
    /// Known cells that touch the hole, with the known ones of their nine neighbours as bits.
    ring: Vec<(usize, usize, usize, u16)>,
    gauge: GrainGauge,
}

/// Weights of a sample and its neighbours, row by row.
const BINOMIAL: [f32; 9] = [1.0, 2.0, 1.0, 2.0, 4.0, 2.0, 1.0, 2.0, 1.0];

impl Hole {
    /// The part of `hole` that lies in `span`.
    pub(super) fn new(hole: &Bitmap, span: Span) -> Self {
        let edges = Edges {
            left: span.left == 0,
            top: span.top == 0,
            right: span.right == hole.width,
            bottom: span.bottom == hole.height,
        };
        let open = |x: usize, y: usize| hole.has(span.left + x, span.top + y);
        let membrane = Membrane::new((span.width(), span.height()), open, edges);
        let stride = membrane.stride();
        let (mut known, mut ring) = (Vec::new(), Vec::new());
        for row in 0..span.height() + 2 {
            for column in 0..span.width() + 2 {
                let (x, y) =
                    ((span.left + column).wrapping_sub(1), (span.top + row).wrapping_sub(1));
                if x >= hole.width || y >= hole.height || hole.has(x, y) {
                    continue;
                }
                known.push((row * stride + column, x, y));
                let bits = neighbours(x, y).fold(0_u16, |bits, (bit, x, y)| {
                    let is_known = x < hole.width && y < hole.height && !hole.has(x, y);
                    bits | (u16::from(is_known) << bit)
                });
                if neighbours(x, y).any(|(_, x, y)| hole.has(x, y)) {
                    ring.push((row * stride + column, x, y, bits));
                }
            }
        }
        Self {
            span,
            membrane,
            runs: runs(hole, span),
            known,
            ring,
            gauge: GrainGauge::new(hole, span),
        }
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
        let stride = self.membrane.stride();
        let span = self.span;
        let cells = self.membrane.cells();
        let mut changed = 0;
        for &(y, from, to) in &self.runs {
            let row = (y - span.top + 1) * stride + 1;
            let cells = &cells[row + from - span.left..row + to - span.left];
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

    /// Writes what is known into the grid; returns the lowest and highest value on the ring.
    fn load<S: Sample>(&mut self, plane: &PlaneMut<'_, S>, site: Site) -> (f32, f32) {
        let top = u16::MAX >> (16 - site.depth.clamp(8, 16));
        let at =
            |x: usize, y: usize| f32::from(plane.samples[y * plane.stride + x].wide().min(top));
        let cells = self.membrane.cells();
        for &(place, x, y) in &self.known {
            cells[place] = at(x, y);
        }
        let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
        // One noisy sample on the ring would draw a streak into the hole.
        for &(place, x, y, bits) in &self.ring {
            let (mut sum, mut weight) = (0.0_f32, 0.0_f32);
            for (bit, x, y) in neighbours(x, y) {
                if bits >> bit & 1 == 1 {
                    sum += BINOMIAL[bit] * at(x, y);
                    weight += BINOMIAL[bit];
                }
            }
            let mean = sum / weight;
            cells[place] = mean;
            low = low.min(mean);
            high = high.max(mean);
        }
        if self.ring.is_empty() { (0.0, f32::from(top)) } else { (low, high) }
    }
}

/// The nine places around and at `x`, `y`, row by row, with their number; those left of or above the
/// picture have the largest coordinates there are.
fn neighbours(x: usize, y: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..9).map(move |bit| (bit, (x + bit % 3).wrapping_sub(1), (y + bit / 3).wrapping_sub(1)))
}

fn runs(hole: &Bitmap, span: Span) -> Vec<(usize, usize, usize)> {
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
