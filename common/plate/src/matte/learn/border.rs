//! The lines of inks, by the samples on either side of their borders.
//!
//! Owns the equations. Of two samples across a border, restored, neither is brighter than the other on the mean,
//! and neither swings more: over all pairs and frames, their difference has no mean, and none in common with their
//! sum. No guess of what lies behind biases that, as it would bias a regression of one on the other.

use super::inks::{Ink, Inks};
use super::stack::Stack;

/// How far apart the samples of a pair are: enough to span a smoothed edge.
const APART: [usize; 2] = [4, 5];
/// Most pairs.
const PAIRS_MAX: usize = 6000;
/// Fewest pairs of an ink that is solved for.
const PAIRS_MIN: usize = 12;
/// Steps of Newton's method.
const STEPS: usize = 8;
/// Variance of a pair's difference at least, in squared 8-bit codes.
const VARIANCE_MIN: f32 = 6.0;
/// Differences of more deviations than this count less.
const FAR: f32 = 1.5;
/// Bounds of a pass.
const PASS: (f32, f32) = (0.03, 0.99);

/// Solves for the lines of all inks that have a border.
pub(super) fn solve(stack: &Stack, inks: &mut Inks) {
    let pairs = pairs(stack, inks);
    let mean = stack.mean_outside();
    let count = inks.inks.len();
    let group_count = inks.groups.iter().max().map_or(0, |group| group + 1);
    let mut has = vec![0_usize; count];
    for (a, b) in &pairs {
        has[inks.labels[*a]] += 1;
        has[inks.labels[*b]] += 1;
    }
    share_pass(inks, mean);
    // One unknown for the level of each ink, then one for the pass of each group.
    let size = count + group_count;
    for _ in 0..STEPS {
        let levels: Vec<f32> =
            inks.inks.iter().map(|ink| ink.paint - mean * (1.0 - ink.pass)).collect();
        let mut equations = Equations::new(size);
        for (p, q) in &pairs {
            let (i, j) = (inks.labels[*p], inks.labels[*q]);
            let restored = |frame: &Vec<f32>| {
                let one = (frame[*p] - mean - levels[i]) / inks.inks[i].pass;
                (one, (frame[*q] - mean - levels[j]) / inks.inks[j].pass)
            };
            let sums = Sums::of(&stack.frames.iter().map(restored).collect::<Vec<_>>());
            let of = |ink: usize| (ink, count + inks.groups[ink], inks.inks[ink].pass);
            equations.add(&sums, of(i), of(j));
        }
        // What is not an ink, or has no border, stays as it is.
        let grouped = |group: usize| {
            (1..count).filter(|at| inks.groups[*at] == group).map(|at| has[at]).sum::<usize>()
        };
        let stays = |at: usize| match at.checked_sub(count) {
            None => at == 0 || has[at] < PAIRS_MIN,
            Some(group) => group == inks.groups[0] || grouped(group) < PAIRS_MIN,
        };
        (0..size).filter(|at| stays(*at)).for_each(|at| equations.keep(at));
        let Some(step) = equations.solved() else { return };
        for at in 1..count {
            let ink = inks.inks[at];
            let turn = narrowed(step[count + inks.groups[at]]).clamp(-0.1, 0.1);
            let pass = (ink.pass + turn).clamp(PASS.0, PASS.1);
            let level = levels[at] + narrowed(step[at]).clamp(-20.0, 20.0);
            inks.inks[at] = Ink { pass, paint: level + mean * (1.0 - pass) };
        }
    }
}

/// Weighed sums over the frames of a pair: of weights, of each of the two, of their squares.
#[derive(Debug, Clone, Copy)]
struct Sums {
    n: f64,
    a: f64,
    b: f64,
    aa: f64,
    bb: f64,
}

impl Sums {
    fn of(both: &[(f32, f32)]) -> Self {
        let square: f32 = both.iter().map(|(a, b)| (a - b) * (a - b)).sum();
        let variance = square / both.len().max(1) as f32 + VARIANCE_MIN;
        let limit = FAR * variance.sqrt();
        let mut sums = [0.0_f32; 5];
        for (one, other) in both {
            let weight = (limit / (one - other).abs().max(limit)) / variance;
            let parts = [1.0, *one, *other, one * one, other * other];
            sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += weight * part);
        }
        let [n, a, b, aa, bb] = sums.map(f64::from);
        Self { n, a, b, aa, bb }
    }
}

/// Linear equations for the steps of all unknowns.
#[derive(Debug)]
struct Equations {
    size: usize,
    matrix: Vec<f64>,
    right: Vec<f64>,
}

impl Equations {
    fn new(size: usize) -> Self {
        Self { size, matrix: vec![0.0; size * size], right: vec![0.0; size] }
    }

    /// Adds what a pair says; each of its samples by the unknowns of its level and its pass, and the pass.
    fn add(&mut self, sums: &Sums, one: (usize, usize, f32), other: (usize, usize, f32)) {
        let Sums { n, a, b, aa, bb } = *sums;
        let (p, q) = (f64::from(one.2), f64::from(other.2));
        // Derivatives of the difference and of that of the squares, by each unknown.
        let by = [
            (one.0, -n / p, -a / p),
            (one.1, -a / p, -aa / p),
            (other.0, n / q, b / q),
            (other.1, b / q, bb / q),
        ];
        for ((level, pass, _), sign) in [(one, 1.0), (other, -1.0)] {
            self.right[level] -= sign * (a - b);
            self.right[pass] -= sign * 0.5 * (aa - bb);
            for (column, difference, squares) in by {
                self.matrix[level * self.size + column] += sign * difference;
                self.matrix[pass * self.size + column] += sign * squares;
            }
        }
    }

    /// An unknown stays as it is.
    fn keep(&mut self, at: usize) {
        for other in 0..self.size {
            self.matrix[at * self.size + other] = 0.0;
            self.matrix[other * self.size + at] = 0.0;
        }
        self.matrix[at * self.size + at] = 1.0;
        self.right[at] = 0.0;
    }

    /// Gauss's elimination with pivots; nothing where the equations do not tell.
    fn solved(self) -> Option<Vec<f64>> {
        let Self { size, mut matrix, mut right } = self;
        for column in 0..size {
            let pivot = (column..size).max_by(|a, b| {
                matrix[a * size + column].abs().total_cmp(&matrix[b * size + column].abs())
            })?;
            if matrix[pivot * size + column].abs() < 1e-9 {
                return None;
            }
            if pivot != column {
                for at in 0..size {
                    matrix.swap(pivot * size + at, column * size + at);
                }
                right.swap(pivot, column);
            }
            for row in column + 1..size {
                let factor = matrix[row * size + column] / matrix[column * size + column];
                for at in column..size {
                    matrix[row * size + at] -= factor * matrix[column * size + at];
                }
                right[row] -= factor * right[column];
            }
        }
        let mut solved = vec![0.0; size];
        for row in (0..size).rev() {
            let known: f64 = (row + 1..size).map(|at| matrix[row * size + at] * solved[at]).sum();
            solved[row] = (right[row] - known) / matrix[row * size + row];
        }
        Some(solved)
    }
}

/// Gives the inks of a group the pass that most of its samples have; what they show in the mean stays.
fn share_pass(inks: &mut Inks, mean: f32) {
    let mut counts = vec![0_usize; inks.inks.len()];
    for label in inks.labels.iter().filter(|label| **label < inks.inks.len()) {
        counts[*label] += 1;
    }
    for at in 1..inks.inks.len() {
        let group = inks.groups[at];
        let others = (1..inks.inks.len()).filter(|other| inks.groups[*other] == group);
        let Some(most) = others.max_by_key(|other| counts[*other]) else { continue };
        let (pass, ink) = (inks.inks[most].pass, &mut inks.inks[at]);
        *ink = Ink { pass, paint: ink.paint + mean * (ink.pass - pass) };
    }
}

/// Pairs of samples of two inks across a border, neither of which is of a soft edge.
fn pairs(stack: &Stack, inks: &Inks) -> Vec<(usize, usize)> {
    let (width, height) = (stack.width, stack.height);
    let labels = &inks.labels;
    let is_core = |at: usize| {
        let (x, y) = (at % width, at / width);
        let label = labels[at];
        x > 0
            && y > 0
            && x + 1 < width
            && y + 1 < height
            && label < inks.inks.len()
            && [at - 1, at + 1, at - width, at + width].iter().all(|other| labels[*other] == label)
    };
    let core: Vec<bool> = (0..labels.len()).map(is_core).collect();
    let mut pairs = Vec::new();
    for at in (0..labels.len()).filter(|at| core[*at]) {
        let (x, y) = (at % width, at / width);
        for by in APART {
            let right = (x + by < width).then(|| at + by);
            let down = (y + by < height).then(|| at + by * width);
            let others = [right, down].into_iter().flatten();
            pairs.extend(
                others
                    .filter(|other| core[*other] && labels[*other] != labels[at])
                    .map(|other| (at, other)),
            );
        }
    }
    let step = pairs.len().div_ceil(PAIRS_MAX).max(1);
    pairs.into_iter().step_by(step).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "nothing but digits are lost")]
fn narrowed(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equations_are_solved_whatever_their_order_and_refused_where_they_do_not_tell() {
        let equations = |matrix: [f64; 9], right: [f64; 3]| Equations {
            size: 3,
            matrix: matrix.to_vec(),
            right: right.to_vec(),
        };
        let told = equations([0.0, 2.0, 1.0, 1.0, 0.0, 0.0, 3.0, 0.0, -1.0], [7.0, 1.0, 0.0]);
        let solved = told.solved().unwrap();
        for (found, truth) in solved.iter().zip([1.0, 2.0, 3.0]) {
            assert!((found - truth).abs() < 1e-9, "{solved:?}");
        }
        let same = equations([1.0, 2.0, 3.0, 2.0, 4.0, 6.0, 0.0, 0.0, 1.0], [1.0, 2.0, 1.0]);
        assert_eq!(same.solved(), None);
    }
}
