//! In which samples a block shows what it shows for long: series of small numbers, one a sample.
//!
//! Two series, for what an overlay is cannot be known yet: the places whose edges are in a run (what
//! hides the background), and how much of the block's mean gradient the sample has (what shines through).

use super::novelty::BLOCK;
use super::slopes::Slopes;
use super::sums::{Grade, Sums, clipped};

/// All of the mean gradient is there.
pub(super) const WHOLE: u8 = 8;
/// Nothing can be said.
pub(super) const UNKNOWN: u8 = 15;
/// The highest number of a series.
pub(super) const MOST: u8 = 14;
/// Places in a run that make one level.
pub(super) const PLACES_A_LEVEL: u16 = 2;
/// Samples that are held back until there is a mean gradient to compare them with.
const HELD_BACK: usize = 32;
/// Looks that a mean gradient has at least.
const TURNS_MIN: u16 = 8;
/// Places of a block with a mean gradient at least.
const PLACES_MIN: usize = 6;
const GRADE: Grade = Grade { length: 3, steady_percent: 50, surprise_percent: 400 };

/// How much of their mean gradient blocks have, sample by sample.
#[derive(Debug)]
pub(super) struct Presence {
    waiting: Vec<Slopes>,
    /// Memory that is free again.
    spare: Vec<Slopes>,
    series: Vec<Vec<u8>>,
}

impl Presence {
    pub(super) fn new(blocks: usize) -> Self {
        Self { waiting: Vec::new(), spare: Vec::new(), series: vec![Vec::new(); blocks] }
    }

    /// Slopes to overwrite.
    pub(super) fn spare(&mut self) -> Slopes {
        self.spare.pop().unwrap_or_default()
    }

    /// Takes in a sample, which is already in the sums where it counts.
    pub(super) fn take(&mut self, slopes: Slopes, sums: &Sums, turns: &[u16]) {
        self.waiting.push(slopes);
        if self.waiting.len() == HELD_BACK {
            self.decide(sums, turns);
        }
    }

    /// The series, with what is still held back.
    pub(super) fn finish(mut self, sums: &Sums, turns: &[u16]) -> Vec<Vec<u8>> {
        self.decide(sums, turns);
        self.series
    }

    fn decide(&mut self, sums: &Sums, turns: &[u16]) {
        for (block, series) in self.series.iter_mut().enumerate() {
            let steady = steady_in(sums, block, turns[block]);
            if steady.len() < PLACES_MIN || turns[block] < TURNS_MIN {
                let is_known = turns[block] >= TURNS_MIN;
                let level = if is_known { 0 } else { UNKNOWN };
                series.extend(std::iter::repeat_n(level, self.waiting.len()));
                continue;
            }
            let square = |place: &usize| {
                let (x, y) = (i64::from(sums.right[*place]), i64::from(sums.down[*place]));
                x * x + y * y
            };
            let whole: i64 = steady.iter().map(square).sum();
            series.extend(self.waiting.iter().map(|slopes| {
                let dot = steady.iter().map(|place| {
                    let (x, y) = clipped(slopes.right[*place], slopes.down[*place]);
                    i64::from(x) * i64::from(sums.right[*place])
                        + i64::from(y) * i64::from(sums.down[*place])
                });
                let dot = dot.sum::<i64>() * i64::from(turns[block]);
                let share = (dot * i64::from(WHOLE) + whole / 2).div_euclid(whole.max(1));
                u8::try_from(share.clamp(0, i64::from(MOST))).unwrap_or(0)
            }));
        }
        self.spare.append(&mut self.waiting);
    }
}

fn steady_in(sums: &Sums, block: usize, turns: u16) -> Vec<usize> {
    let mut places = Vec::with_capacity(BLOCK);
    for span in sums.rows(block) {
        places.extend(span.filter(|place| is_steady(sums, *place, turns, GRADE)));
    }
    places
}

/// Whether the gradient of a place keeps its direction.
pub(super) fn is_steady(sums: &Sums, place: usize, turns: u16, grade: Grade) -> bool {
    let sum = (i64::from(sums.right[place]), i64::from(sums.down[place]));
    grade.is_reached(sum, i64::from(sums.length[place]), i64::from(turns))
}

/// Two numbers of a series in one byte.
pub(super) fn packed(series: &[u8]) -> Vec<u8> {
    series.chunks(2).map(|pair| pair[0] | pair.get(1).copied().unwrap_or(0) << 4).collect()
}

/// Number `sample` of a packed series; nothing can be said of one that is not there.
pub(super) fn unpacked(series: &[u8], sample: usize) -> u8 {
    let byte = series.get(sample / 2).copied().unwrap_or(0xff);
    if sample.is_multiple_of(2) { byte & 15 } else { byte >> 4 }
}
