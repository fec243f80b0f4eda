//! The summed evidence of a video, and the places in it that look as if they belonged to an overlay.
//!
//! Two signs: a gradient that keeps its direction while the surroundings change (edges of any mark,
//! also of a translucent one), and a level that stays while the surroundings change (opaque marks).

use super::evidence::{BLOCK, Evidence};
use crate::bitmap::Bitmap;

/// Sums over all windows.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) turns: Vec<u32>,
    right: Vec<i64>,
    down: Vec<i64>,
    length: Vec<u64>,
    changed: Vec<u64>,
}

/// How sure a place must be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grade {
    /// Length of the mean gradient at least, in 8-bit codes.
    pub(super) length: i64,
    /// Length of the mean gradient over the mean length, in percent, at least.
    pub(super) steady_percent: i64,
    /// Square of that share, times the turns, in percent, at least: so far goes a random walk of so
    /// many steps once in `e` to this power.
    pub(super) surprise_percent: u64,
}

/// A place that starts an overlay. With gradients of at most 16 codes it must show in most turns.
pub(super) const STRONG: Grade = Grade { length: 9, steady_percent: 72, surprise_percent: 340 };
/// A place that belongs to an overlay beside a strong one.
pub(super) const WEAK: Grade = Grade { length: 4, steady_percent: 50, surprise_percent: 250 };

impl Field {
    pub(super) fn empty(columns: usize, rows: usize) -> Self {
        let places = columns * rows;
        Self {
            columns,
            rows,
            turns: vec![0; columns.div_ceil(BLOCK) * rows.div_ceil(BLOCK)],
            right: vec![0; places],
            down: vec![0; places],
            length: vec![0; places],
            changed: vec![0; places],
        }
    }

    pub(super) fn add(&mut self, window: &Evidence) {
        let places = self.right.iter_mut().zip(&mut self.down);
        for ((right, down), (x, y)) in places.zip(window.right.iter().zip(&window.down)) {
            *right += i64::from(*x);
            *down += i64::from(*y);
        }
        let places = self.length.iter_mut().zip(&mut self.changed);
        for ((length, changed), (l, c)) in places.zip(window.length.iter().zip(&window.changed)) {
            *length += u64::from(*l);
            *changed += u64::from(*c);
        }
        for (sum, turns) in self.turns.iter_mut().zip(&window.turns) {
            *sum += u32::from(*turns);
        }
    }

    /// Number of blocks whose background changed at least `turns_min` times.
    pub(super) fn seen(&self, turns_min: u32) -> usize {
        self.turns.iter().filter(|turns| **turns >= turns_min).count()
    }

    fn block(&self, place: usize) -> usize {
        let (x, y) = (place % self.columns, place / self.columns);
        y / BLOCK * self.columns.div_ceil(BLOCK) + x / BLOCK
    }

    /// Times that the background around `place` changed.
    pub(super) fn turns_at(&self, place: usize) -> u32 {
        self.turns[self.block(place)]
    }

    /// Of those the share, in percent, in which the place itself changed.
    pub(super) fn changed_percent(&self, place: usize) -> u64 {
        self.changed[place] * 100 / u64::from(self.turns_at(place).max(1))
    }

    /// Places whose gradient keeps its direction.
    pub(super) fn steady(&self, grade: Grade, turns_min: u32) -> Bitmap {
        self.bitmap(|place| {
            let turns = i64::from(self.turns_at(place));
            if turns < i64::from(turns_min) {
                return false;
            }
            let (x, y) = (self.right[place], self.down[place]);
            let mean = (x * x + y * y).unsigned_abs().isqrt();
            let length = self.length[place];
            let percent = grade.steady_percent.unsigned_abs();
            mean * mean * turns.unsigned_abs() * 100 >= grade.surprise_percent * length * length
                && mean >= grade.length.unsigned_abs() * turns.unsigned_abs()
                && mean * 100 >= length * percent
        })
    }

    /// Which way the mean gradient at `place` points: right, down, left or up.
    pub(super) fn direction(&self, place: usize) -> usize {
        let (x, y) = (self.right[place], self.down[place]);
        match (x.abs() >= y.abs(), x >= 0, y >= 0) {
            (true, true, _) => 0,
            (false, _, true) => 1,
            (true, false, _) => 2,
            (false, _, false) => 3,
        }
    }

    /// Length of the mean over time of the gradient's length at `place`, in 8-bit codes.
    pub(super) fn mean_length(&self, place: usize) -> u64 {
        self.length[place] / u64::from(self.turns_at(place).max(1))
    }

    /// Places whose level stays.
    pub(super) fn still(&self, percent_max: u64, turns_min: u32) -> Bitmap {
        self.bitmap(|place| {
            self.turns_at(place) >= turns_min && self.changed_percent(place) <= percent_max
        })
    }

    fn bitmap(&self, test: impl Fn(usize) -> bool) -> Bitmap {
        let cells = (0..self.columns * self.rows).map(test).collect();
        Bitmap { width: self.columns, height: self.rows, cells }
    }

    /// Whether `window` had the chance to show the overlay at `places` and did not: its gradients
    /// there have next to nothing of those of the whole.
    pub(super) fn is_absent(&self, places: &Bitmap, window: &Evidence) -> bool {
        let steady = self.steady(WEAK, 1);
        let (mut seen, mut expected, mut turns, mut count) = (0_i64, 0_i64, 0_u64, 0_u64);
        for place in 0..places.cells.len() {
            let here = i64::from(window.turns[self.block(place)]);
            if !places.cells[place] || !steady.cells[place] || here == 0 {
                continue;
            }
            let all = i64::from(self.turns_at(place)).max(1);
            let (x, y) = (self.right[place], self.down[place]);
            let dot = x * i64::from(window.right[place]) + y * i64::from(window.down[place]);
            seen += dot / all;
            expected += (x * x + y * y) / all * here / all;
            turns += here.unsigned_abs();
            count += 1;
        }
        count > 0 && turns >= 3 * count && seen * 100 < expected * 15
    }
}
