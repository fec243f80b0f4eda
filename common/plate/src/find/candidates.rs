//! The summed evidence of a video, and the places in it that look as if they belonged to an overlay.
//!
//! Three signs: a mean gradient that keeps its direction while the surroundings change (edges of any mark,
//! also of a translucent one, in luma or chroma), an edge that stays to a few codes (what hides the
//! background, also for a part of the time), and a level that stays (the inside of opaque marks).

use super::evidence::{Chroma, Evidence, Kept};
use super::novelty::BLOCK;
use super::reduced::half;
use super::sums::{Grade, spans};
use crate::bitmap::Bitmap;

/// Sums over all windows.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) columns: usize,
    pub(super) rows: usize,
    /// Looks that counted, and changes that edges could outlive, block by block.
    pub(super) turns: Vec<u32>,
    pub(super) steps: Vec<u32>,
    luma: Layer,
    changed: Vec<u32>,
    /// Changes that the edge at a place outlived, in long runs, and in all that are not short.
    pub(super) held: Vec<u32>,
    pub(super) lasting: Vec<u32>,
    chroma: [Layer; 2],
}

/// The sums of one plane.
#[derive(Debug)]
struct Layer {
    columns: usize,
    rows: usize,
    side: usize,
    right: Vec<i64>,
    down: Vec<i64>,
    length: Vec<i64>,
}

/// A place that starts an overlay. With gradients of at most 16 codes it must show in most turns.
pub(super) const STRONG: Grade = Grade { length: 8, steady_percent: 70, surprise_percent: 340 };
/// A place that belongs to an overlay beside a strong one.
pub(super) const WEAK: Grade = Grade { length: 3, steady_percent: 50, surprise_percent: 250 };
/// And beside one that hides the background: fainter is what the encoder smears around its edges.
pub(super) const CLEAR: Grade = Grade { length: 6, steady_percent: 55, surprise_percent: 250 };
/// The same in chroma, which has less of its own.
const CHROMA_STRONG: Grade = Grade { length: 5, steady_percent: 75, surprise_percent: 400 };
const CHROMA_WEAK: Grade = Grade { length: 2, steady_percent: 60, surprise_percent: 300 };
/// Changes that an edge outlives: beyond doubt, and beside what is.
const HELD_MIN: u32 = 5;
const LASTING_PERCENT_MIN: u32 = 50;
const LASTING_MIN: u32 = 3;
/// Columns and rows at the picture's edge of which nothing is believed.
const BORDER: usize = 2;

impl Layer {
    fn empty((columns, rows): (usize, usize), side: usize) -> Self {
        let places = columns * rows;
        let (right, down, length) = (vec![0; places], vec![0; places], vec![0; places]);
        Self { columns, rows, side, right, down, length }
    }

    fn add(&mut self, block: usize, sums: (&[i16], &[i16], &[u16])) {
        let places = spans(self.columns, self.rows, self.side, block).flatten();
        for (place, ((right, down), length)) in places.zip(sums.0.iter().zip(sums.1).zip(sums.2)) {
            self.right[place] += i64::from(*right);
            self.down[place] += i64::from(*down);
            self.length[place] += i64::from(*length);
        }
    }

    fn is_steady(&self, place: usize, grade: Grade, turns: i64) -> bool {
        turns > 0
            && grade.is_reached((self.right[place], self.down[place]), self.length[place], turns)
    }
}

impl Field {
    pub(super) fn empty(columns: usize, rows: usize) -> Self {
        let (places, small) = (columns * rows, half((columns, rows)));
        let blocks = columns.div_ceil(BLOCK) * rows.div_ceil(BLOCK);
        Self {
            columns,
            rows,
            turns: vec![0; blocks],
            steps: vec![0; blocks],
            luma: Layer::empty((columns, rows), BLOCK),
            changed: vec![0; places],
            held: vec![0; places],
            lasting: vec![0; places],
            chroma: [Layer::empty(small, BLOCK / 2), Layer::empty(small, BLOCK / 2)],
        }
    }

    /// Adds a window that is well formed.
    pub(super) fn add(&mut self, window: &Evidence) {
        let mut kept = window.kept.iter().peekable();
        for (block, one) in window.blocks.iter().enumerate() {
            self.turns[block] += u32::from(one.turns);
            self.steps[block] += u32::from(one.steps);
            if let Some(kept) = kept.next_if(|kept| kept.block as usize == block) {
                self.add_kept(block, kept);
                continue;
            }
            for place in spans(self.columns, self.rows, BLOCK, block).flatten() {
                self.luma.length[place] += i64::from(one.length);
                self.changed[place] += u32::from(one.changed);
            }
        }
    }

    fn add_kept(&mut self, block: usize, kept: &Kept) {
        self.luma.add(block, (&kept.right, &kept.down, &kept.length));
        for (layer, Chroma { right, down, length }) in self.chroma.iter_mut().zip(&kept.chroma) {
            layer.add(block, (right, down, length));
        }
        let places = spans(self.columns, self.rows, BLOCK, block).flatten();
        let counts = kept.changed.iter().zip(&kept.held).zip(&kept.lasting);
        for (place, ((changed, held), lasting)) in places.zip(counts) {
            self.changed[place] += u32::from(*changed);
            self.held[place] += u32::from(*held);
            self.lasting[place] += u32::from(*lasting);
        }
    }

    /// Share of the blocks, in percent, that say something: their background changed, and most of it
    /// did not stay.
    pub(super) fn seen_percent(&self, turns_min: u32) -> usize {
        let weak = self.steady(WEAK, 1);
        let seen = (0..self.turns.len()).filter(|block| {
            let places = spans(self.columns, self.rows, BLOCK, *block).flatten();
            let (all, steady) = places.fold((0, 0), |(all, steady), place| {
                (all + 1, steady + usize::from(weak.cells[place]))
            });
            self.turns[*block] >= turns_min && steady * 4 <= all
        });
        seen.count() * 100 / self.turns.len().max(1)
    }

    pub(super) fn block(&self, place: usize) -> usize {
        let (x, y) = (place % self.columns, place / self.columns);
        y / BLOCK * self.columns.div_ceil(BLOCK) + x / BLOCK
    }

    /// Times that the background around `place` changed.
    pub(super) fn turns_at(&self, place: usize) -> u32 {
        self.turns[self.block(place)]
    }

    /// Of those the share, in percent, in which the place itself changed.
    pub(super) fn changed_percent(&self, place: usize) -> u64 {
        u64::from(self.changed[place]) * 100 / u64::from(self.turns_at(place).max(1))
    }

    /// Places whose gradient keeps its direction.
    pub(super) fn steady(&self, grade: Grade, turns_min: u32) -> Bitmap {
        self.bitmap(|place| {
            let turns = self.turns_at(place);
            turns >= turns_min && self.luma.is_steady(place, grade, i64::from(turns))
        })
    }

    /// Places that start an overlay.
    pub(super) fn strong(&self, turns_min: u32) -> Bitmap {
        let mut strong = self.steady(STRONG, turns_min);
        strong.add(&self.colourful(CHROMA_STRONG, turns_min));
        strong
    }

    /// Places that belong to an overlay beside such.
    pub(super) fn weak(&self, turns_min: u32) -> Bitmap {
        let mut weak = self.steady(WEAK, turns_min);
        weak.add(&self.colourful(CHROMA_WEAK, turns_min));
        weak
    }

    fn colourful(&self, grade: Grade, turns_min: u32) -> Bitmap {
        self.bitmap(|place| {
            let turns = self.turns_at(place);
            let small = self.small(place);
            turns >= turns_min
                && self.chroma.iter().any(|layer| layer.is_steady(small, grade, i64::from(turns)))
        })
    }

    fn small(&self, place: usize) -> usize {
        let (x, y) = (place % self.columns, place / self.columns);
        y / 2 * self.chroma[0].columns + x / 2
    }

    /// Places with an edge that stayed to a few codes while the surroundings changed several times.
    pub(super) fn held(&self) -> Bitmap {
        self.bitmap(|place| self.held[place] >= HELD_MIN)
    }

    /// Places that only chroma says something of: it is coarser than luma, and reaches further.
    pub(super) fn only_colourful(&self, turns_min: u32) -> Bitmap {
        let mut places = self.colourful(CHROMA_WEAK, turns_min);
        places.remove(&self.steady(WEAK, turns_min));
        places.remove(&self.held());
        places
    }

    /// Whether most of the places of `strong` have such an edge: it hides the background.
    pub(super) fn hides(&self, strong: &Bitmap) -> bool {
        let places = || (0..strong.cells.len()).filter(|place| strong.cells[*place]);
        let held = places().filter(|place| self.held[*place] >= HELD_MIN).count();
        held * 2 >= places().count()
    }

    /// Places with an edge for a while, or for shorter ones most of the time.
    pub(super) fn lasting(&self) -> Bitmap {
        self.bitmap(|place| {
            let steps = self.steps[self.block(place)];
            self.lasting[place] >= LASTING_MIN
                || (steps > 1 && self.lasting[place] * 100 >= steps * LASTING_PERCENT_MIN)
        })
    }

    /// Which way the mean gradient at `place` points, in the plane where it is longest: right, down, left
    /// or up.
    pub(super) fn direction(&self, place: usize) -> usize {
        let small = self.small(place);
        let luma = (self.luma.right[place], self.luma.down[place]);
        let [u, v] = [0, 1]
            .map(|plane: usize| (self.chroma[plane].right[small], self.chroma[plane].down[small]));
        let (x, y) = [luma, u, v].into_iter().max_by_key(|(x, y)| x * x + y * y).unwrap_or(luma);
        match (x.abs() >= y.abs(), x >= 0, y >= 0) {
            (true, true, _) => 0,
            (false, _, true) => 1,
            (true, false, _) => 2,
            (false, _, false) => 3,
        }
    }

    /// Length of the mean over time of the gradient's length at `place`, in 8-bit codes.
    pub(super) fn mean_length(&self, place: usize) -> u64 {
        self.luma.length[place].unsigned_abs() / u64::from(self.turns_at(place).max(1))
    }

    /// Places whose level stays.
    pub(super) fn still(&self, percent_max: u64, turns_min: u32) -> Bitmap {
        self.bitmap(|place| {
            self.turns_at(place) >= turns_min && self.changed_percent(place) <= percent_max
        })
    }

    /// The places that pass the test; none at the picture's edge, where half lines and dark ones stay.
    fn bitmap(&self, test: impl Fn(usize) -> bool) -> Bitmap {
        let is_inside = |place: usize| {
            let (x, y) = (place % self.columns, place / self.columns);
            (BORDER..self.columns.saturating_sub(BORDER)).contains(&x)
                && (BORDER..self.rows.saturating_sub(BORDER)).contains(&y)
        };
        let cells = (0..self.columns * self.rows).map(|place| is_inside(place) && test(place));
        let cells = cells.collect();
        Bitmap { width: self.columns, height: self.rows, cells }
    }
}
