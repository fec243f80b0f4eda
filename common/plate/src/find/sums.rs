//! Sums over the looks that counted, place by place: the gradient, its length, and how often it changed.

use super::lanes::{load, store};
use super::slopes::{Slopes, length};

/// Longest gradient that counts in full, on each axis: a bright edge seen in a few looks must not outweigh
/// a faint one seen in all.
pub(super) const GRADIENT_MAX: i8 = 16;
/// Levels that differ by more than this are other levels.
const LEVEL_OTHER: u8 = 12;

/// Places that are summed at once: half a row of a block.
const LANES: usize = 8;

/// The sums of one plane.
#[derive(Debug, Clone)]
pub(super) struct Sums {
    pub(super) columns: usize,
    /// Side of a block in places of this plane.
    pub(super) side: usize,
    pub(super) right: Vec<i16>,
    pub(super) down: Vec<i16>,
    pub(super) length: Vec<u16>,
    pub(super) changed: Vec<u16>,
    /// What each block counted last; before it counts, the first look.
    counted: Slopes,
}

/// A sum that keeps to one side: the faintest and least steady mean gradient that counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grade {
    /// Length of the mean gradient at least, in 8-bit codes.
    pub(super) length: i64,
    /// Length of the mean gradient over the mean length, in percent, at least.
    pub(super) steady_percent: i64,
    /// Square of that share, times the looks, in percent, at least: so far goes a random walk of so
    /// many steps once in `e` to this power.
    pub(super) surprise_percent: i64,
}

impl Grade {
    /// Whether the sums of `turns` looks reach it.
    pub(super) const fn is_reached(self, (x, y): (i64, i64), length: i64, turns: i64) -> bool {
        let mean = (x * x + y * y).unsigned_abs().isqrt().cast_signed();
        mean >= self.length * turns
            && mean * 100 >= length * self.steady_percent
            && mean * mean / 100 * turns >= self.surprise_percent * (length * length / 10_000)
    }
}

/// A gradient as it is counted.
pub(super) fn clipped(x: i8, y: i8) -> (i8, i8) {
    (x.clamp(-GRADIENT_MAX, GRADIENT_MAX), y.clamp(-GRADIENT_MAX, GRADIENT_MAX))
}

impl Sums {
    /// Of a plane of which a block has `side` places a side.
    pub(super) fn new(columns: usize, side: usize, first: Slopes) -> Self {
        let places = first.soft.len();
        Self {
            columns,
            side,
            right: vec![0; places],
            down: vec![0; places],
            length: vec![0; places],
            changed: vec![0; places],
            counted: first,
        }
    }

    /// The places of `block`, row by row.
    pub(super) fn rows(
        &self,
        block: usize,
    ) -> impl Iterator<Item = std::ops::Range<usize>> + use<> {
        spans(self.columns, self.soft_rows(), self.side, block)
    }

    fn soft_rows(&self) -> usize {
        self.length.len() / self.columns
    }

    /// Counts what `block` counted last once more: the first look, once another has come.
    pub(super) fn count_first(&mut self, block: usize) {
        let first = std::mem::take(&mut self.counted);
        self.count(block, &first);
        self.counted = first;
    }

    /// Counts `now` in `block`.
    pub(super) fn turn(&mut self, block: usize, now: &Slopes) {
        self.count(block, now);
        for span in self.rows(block) {
            for at in span.clone().step_by(LANES) {
                self.change(at, LANES.min(span.end - at), now);
            }
        }
    }

    /// Counts what changed since the last look, which is then forgotten.
    fn change(&mut self, at: usize, count: usize, now: &Slopes) {
        let then = &mut self.counted;
        let (right, down): ([i8; LANES], [i8; LANES]) =
            (load(&then.right, at, count), load(&then.down, at, count));
        let soft: [u8; LANES] = load(&then.soft, at, count);
        let (x, y): ([i8; LANES], [i8; LANES]) =
            (load(&now.right, at, count), load(&now.down, at, count));
        let level: [u8; LANES] = load(&now.soft, at, count);
        let mut changed: [u16; LANES] = load(&self.changed, at, count);
        for lane in 0..LANES {
            let turned = x[lane].abs_diff(right[lane]).saturating_add(y[lane].abs_diff(down[lane]));
            let long = length(right[lane].unsigned_abs(), down[lane].unsigned_abs());
            let other = level[lane].abs_diff(soft[lane]) > LEVEL_OTHER;
            changed[lane] += u16::from((turned > 8 + long / 2) | other);
        }
        store(&mut self.changed, at, count, changed);
        store(&mut then.right, at, count, x);
        store(&mut then.down, at, count, y);
        store(&mut then.soft, at, count, level);
    }

    fn count(&mut self, block: usize, now: &Slopes) {
        for span in self.rows(block) {
            for at in span.clone().step_by(LANES) {
                let count = LANES.min(span.end - at);
                let (x, y): ([i8; LANES], [i8; LANES]) =
                    (load(&now.right, at, count), load(&now.down, at, count));
                let mut right: [i16; LANES] = load(&self.right, at, count);
                let mut down: [i16; LANES] = load(&self.down, at, count);
                let mut long: [u16; LANES] = load(&self.length, at, count);
                for lane in 0..LANES {
                    let (x, y) = clipped(x[lane], y[lane]);
                    right[lane] = right[lane].saturating_add(i16::from(x));
                    down[lane] = down[lane].saturating_add(i16::from(y));
                    let one = length(x.unsigned_abs(), y.unsigned_abs());
                    long[lane] = long[lane].saturating_add(u16::from(one));
                }
                store(&mut self.right, at, count, right);
                store(&mut self.down, at, count, down);
                store(&mut self.length, at, count, long);
            }
        }
    }
}

/// The rows of a block of `side` places a side in a plane, each as a range of places.
pub(super) fn spans(
    columns: usize,
    rows: usize,
    side: usize,
    block: usize,
) -> impl Iterator<Item = std::ops::Range<usize>> + use<> {
    let across = columns.div_ceil(side);
    let (left, top) = (block % across * side, block / across * side);
    let right = (left + side).min(columns);
    (top..(top + side).min(rows)).map(move |y| y * columns + left..y * columns + right)
}
