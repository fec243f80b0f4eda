//! Edges that stay as they are, to a few codes, while what surrounds them becomes another background.
//!
//! Owns the runs: how long each place kept one edge, counted in changes of its surroundings, and in which
//! samples. Nothing that moves keeps an edge like this; what is written onto a picture does.

use super::lanes::{load, store};
use super::novelty::BLOCK;
use super::slopes::Slopes;

/// Changes that an edge outlives, where it is not chance.
pub(super) const RUN_MIN: u8 = 4;
/// Changes that say something beside such an edge.
const RUN_WEAK: u8 = 2;
/// Longest part of a run: a longer one is two.
const RUN_MAX: u8 = 250;
/// An edge, in codes.
const EDGE: u8 = 12;
/// Codes by which the edge may differ, and one more for each so many codes that it has.
const TOLERANCE: u8 = 5;
const TOLERANCE_SHARE: u8 = 8;

/// Places that are compared at once.
const LANES: usize = 16;

/// The runs of all places of a window.
#[derive(Debug)]
pub(super) struct Runs {
    columns: usize,
    right: Vec<i8>,
    down: Vec<i8>,
    soft: Vec<u8>,
    run: Vec<u8>,
    since: Vec<u16>,
    /// Of the row that is being compared: the runs that end, and whether another begins.
    ended: Vec<u8>,
    is_new: Vec<bool>,
    /// For each place the changes of all runs of [`RUN_MIN`] or more.
    pub(super) held: Vec<u16>,
    /// And of those that are at least [`RUN_WEAK`].
    pub(super) kept: Vec<u16>,
    /// For each block the places that begin (and, negative, end) such a run, sample by sample.
    begun: Vec<Vec<i16>>,
}

impl Runs {
    pub(super) fn new(columns: usize, rows: usize) -> Self {
        let places = columns * rows;
        Self {
            columns,
            right: vec![0; places],
            down: vec![0; places],
            soft: vec![0; places],
            run: vec![0; places],
            since: vec![0; places],
            ended: vec![0; columns],
            is_new: vec![false; columns],
            held: vec![0; places],
            kept: vec![0; places],
            begun: vec![Vec::new(); columns.div_ceil(BLOCK) * rows.div_ceil(BLOCK)],
        }
    }

    /// Takes in sample number `sample`; `novel` are the blocks whose surroundings changed.
    pub(super) fn take(&mut self, sample: u16, slopes: &Slopes, novel: &[bool]) {
        let columns = self.columns;
        let across = columns.div_ceil(BLOCK);
        let mut steps = vec![0_u8; columns];
        for y in 0..self.held.len() / columns {
            let blocks = &novel[y / BLOCK * across..][..across];
            for (run, is_novel) in steps.chunks_mut(BLOCK).zip(blocks) {
                run.fill(u8::from(*is_novel));
            }
            self.row(y, slopes, &steps);
            for at in 0..across {
                let span = at * BLOCK..((at + 1) * BLOCK).min(columns);
                if self.ended[span.clone()].iter().any(|run| *run >= RUN_WEAK) {
                    for x in span {
                        self.close(y * columns + x, self.ended[x], sample, y / BLOCK * across + at);
                    }
                }
            }
            let span = y * columns..(y + 1) * columns;
            for (since, is_new) in self.since[span].iter_mut().zip(&self.is_new) {
                *since = if *is_new { sample } else { *since };
            }
        }
    }

    /// Compares one row with what its runs began with; what differs ends its run and begins another.
    fn row(&mut self, y: usize, slopes: &Slopes, steps: &[u8]) {
        let start = y * self.columns;
        for left in (0..self.columns).step_by(LANES) {
            let at = start + left;
            let count = LANES.min(self.columns - left);
            let now: ([i8; LANES], [i8; LANES], [u8; LANES]) = (
                load(&slopes.right, at, count),
                load(&slopes.down, at, count),
                load(&slopes.soft, at, count),
            );
            let mut right: [i8; LANES] = load(&self.right, at, count);
            let mut down: [i8; LANES] = load(&self.down, at, count);
            let mut soft: [u8; LANES] = load(&self.soft, at, count);
            let mut run: [u8; LANES] = load(&self.run, at, count);
            let steps: [u8; LANES] = load(steps, left, count);
            let mut ended = [0; LANES];
            let mut is_new = [false; LANES];
            for lane in 0..LANES {
                let most = right[lane].unsigned_abs().max(down[lane].unsigned_abs());
                let tolerance = TOLERANCE + most / TOLERANCE_SHARE;
                let off = now.0[lane].abs_diff(right[lane]).max(now.1[lane].abs_diff(down[lane]));
                let off = off.max(now.2[lane].abs_diff(soft[lane]));
                let is_kept = (most >= EDGE) & (off <= tolerance) & (run[lane] < RUN_MAX);
                is_new[lane] = !is_kept;
                ended[lane] = if is_kept { 0 } else { run[lane] };
                run[lane] = if is_kept { run[lane] + steps[lane] } else { 0 };
                right[lane] = if is_kept { right[lane] } else { now.0[lane] };
                down[lane] = if is_kept { down[lane] } else { now.1[lane] };
                soft[lane] = if is_kept { soft[lane] } else { now.2[lane] };
            }
            store(&mut self.right, at, count, right);
            store(&mut self.down, at, count, down);
            store(&mut self.soft, at, count, soft);
            store(&mut self.run, at, count, run);
            store(&mut self.ended, left, count, ended);
            store(&mut self.is_new, left, count, is_new);
        }
    }

    fn close(&mut self, place: usize, run: u8, sample: u16, block: usize) {
        if run < RUN_WEAK {
            return;
        }
        self.kept[place] = self.kept[place].saturating_add(u16::from(run));
        if run >= RUN_MIN {
            self.held[place] = self.held[place].saturating_add(u16::from(run));
            let begun = &mut self.begun[block];
            let needed = usize::from(sample) + 1;
            if begun.len() < needed {
                begun.resize(needed, 0);
            }
            begun[usize::from(self.since[place])] += 1;
            begun[usize::from(sample)] -= 1;
        }
    }

    /// Ends all runs before sample number `samples`.
    pub(super) fn finish(&mut self, samples: u16) {
        let across = self.columns.div_ceil(BLOCK);
        for place in 0..self.run.len() {
            let block = place / self.columns / BLOCK * across + place % self.columns / BLOCK;
            self.close(place, self.run[place], samples, block);
            self.run[place] = 0;
        }
    }

    /// How many places of `block` are in a run, sample by sample.
    pub(super) fn shown(&self, block: usize, samples: usize) -> Vec<u16> {
        let mut count = 0_i16;
        let begun = self.begun[block].iter().copied().chain(std::iter::repeat(0));
        begun
            .take(samples)
            .map(|change| {
                count += change;
                u16::try_from(count).unwrap_or(0)
            })
            .collect()
    }
}
