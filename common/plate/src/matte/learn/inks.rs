//! The inks of an overlay: most marks are painted with a few colours, each of one alpha throughout.
//!
//! Owns which sample is painted with which ink. A line that is fitted to thousands of samples is far better
//! known than that of one sample, above all where the background hardly moves: there a sample's own line takes
//! the detail behind it for paint. What no ink explains keeps its own line.
//!
//! 1. Inks are the lines that many samples have nearly in common (`palette`).
//! 2. Their lines are solved for by the pairs of samples across their borders (`border`).
//! 3. Each sample is given the ink by which the picture goes on best across it, with its neighbours' say
//!    (`relabel`), and the lines are solved for again.

use super::super::edges::logarithm;
use super::border;
use super::field::Pin;
use super::guesser::{AGAINST_MAX, Guesser, NOISE};
use super::mixture::Mixture;
use super::stack::{Belief, Stack};

/// Inks that differ by less are bands of one that runs, where their border has one sample in so many.
const LEVEL_RUNS: f32 = 11.0;
const LONG: usize = 16;
/// Rounds of giving samples their inks; in the first of them the guess is coarse.
const ROUNDS: usize = 8;
const ROUNDS_COARSE: usize = 3;
const RADIUS_COARSE: usize = 6;
const RADIUS: usize = 3;
/// Sweeps over the labels in a round, and how much a neighbour of the same ink speaks for it, in nats.
const SWEEPS: usize = 4;
const TOGETHER: f32 = 1.2;

/// A line: what is seen is `pass * background + paint`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ink {
    pub(super) pass: f32,
    pub(super) paint: f32,
}

/// No overlay.
pub(super) const NONE: Ink = Ink { pass: 1.0, paint: 0.0 };
/// The label of a sample of which no ink is known.
pub(super) const UNKNOWN: usize = usize::MAX;

/// The inks of the luma plane; the first is none.
#[derive(Debug)]
pub(super) struct Inks {
    pub(super) inks: Vec<Ink>,
    /// Inks of one alpha have one group.
    pub(super) groups: Vec<usize>,
    /// The ink of each sample.
    pub(super) labels: Vec<usize>,
    /// The samples that have one: what hides all, or changes, and what is beside it has none.
    pub(super) free: Vec<usize>,
}

impl Inks {
    /// The inks by which an overlay that is believed to be `belief` is painted; nothing where there are none.
    pub(super) fn of(stack: &Stack, belief: &Belief, tick: &mut dyn FnMut()) -> Option<Self> {
        let mut inks = Self::palette(stack, belief)?;
        border::solve(stack, &mut inks);
        for round in 0..ROUNDS {
            let radius = if round < ROUNDS_COARSE { RADIUS_COARSE } else { RADIUS };
            tick();
            inks.relabel(stack, radius);
            border::solve(stack, &mut inks);
            if round + 1 >= ROUNDS_COARSE && inks.prune(stack) {
                inks.relabel(stack, radius);
                border::solve(stack, &mut inks);
            }
        }
        (inks.inks.len() > 1).then_some(inks)
    }

    /// Whether all of the overlay is painted with one.
    pub(super) fn is_single(&self) -> bool {
        self.inks.len() == 2
    }

    /// Gives each sample the ink by which the picture goes on best across it.
    fn relabel(&mut self, stack: &Stack, radius: usize) {
        let costs = self.costs(stack, radius);
        let width = stack.width;
        for _ in 0..SWEEPS {
            for at in self.free.iter().copied() {
                let around = [at - 1, at + 1, at - width, at + width];
                let cost = |label: usize| {
                    let same = around.iter().filter(|at| self.labels[**at] == label).count();
                    costs[at][label] - TOGETHER * same as f32
                };
                let best = (0..self.inks.len()).min_by(|a, b| cost(*a).total_cmp(&cost(*b)));
                self.labels[at] = best.unwrap_or(0);
            }
        }
    }

    /// How unlikely each sample is with each ink, in nats.
    fn costs(&self, stack: &Stack, radius: usize) -> Vec<Vec<f32>> {
        let size = stack.inside.len();
        let weight =
            |at: usize| self.inks.get(self.labels[at]).map_or(0.0, |ink| ink.pass * ink.pass);
        let mut guesser = Guesser::new(stack, radius, (0..size).map(weight).collect());
        let count = |at: usize| if stack.inside[at] { self.inks.len() } else { 0 };
        let mut costs: Vec<Vec<f32>> = (0..size).map(|at| vec![0.0; count(at)]).collect();
        for frame in &stack.frames {
            guesser.look(stack, frame, self);
            for at in (0..size).filter(|at| stack.inside[*at]) {
                for (ink, cost) in self.inks.iter().zip(&mut costs[at]) {
                    let variance = ink.pass * ink.pass * guesser.detail[at] + NOISE;
                    let off = frame[at] - ink.pass * guesser.guess[at] - ink.paint;
                    let against = (off * off / variance).min(AGAINST_MAX);
                    *cost += 0.5 * (against + logarithm(variance));
                }
            }
        }
        let scale = guesser.independent(stack) / stack.frames.len().max(1) as f32;
        costs.iter_mut().flatten().for_each(|cost| *cost *= scale);
        costs
    }

    /// The line of each sample: an ink's, or at an edge that of the mixture of two.
    pub(super) fn pins(&self, stack: &Stack) -> Vec<Option<Pin>> {
        let size = self.labels.len();
        let ink = |at: usize| self.inks.get(self.labels[at]).copied();
        let mut mixtures: Vec<(usize, Vec<Mixture>)> = Vec::new();
        let mut is_edge = vec![false; size];
        let solid = self.solid(stack.width);
        for at in self.free.iter().copied() {
            is_edge[at] = around(at, stack.width, 1).any(|n| self.labels[n] != self.labels[at]);
            if is_edge[at] {
                let near = around(at, stack.width, 2).filter(|n| *n < size && solid[*n]);
                let mut near: Vec<usize> = near.map(|n| self.labels[n]).collect();
                near.push(self.labels[at]);
                near.sort_unstable();
                near.dedup();
                let near: Vec<Ink> =
                    near.iter().filter_map(|label| self.inks.get(*label)).copied().collect();
                mixtures.push((at, Mixture::all(&near)));
            }
        }
        let weight = |at: usize| match ink(at) {
            Some(ink) if !is_edge[at] => ink.pass * ink.pass,
            Some(ink) => 0.05 * ink.pass * ink.pass,
            None => 0.0,
        };
        let mut guesser = Guesser::new(stack, RADIUS, (0..size).map(weight).collect());
        for frame in &stack.frames {
            guesser.look(stack, frame, self);
            for (at, mixtures) in &mut mixtures {
                let (guess, detail) = (guesser.guess[*at], guesser.detail[*at]);
                mixtures.iter_mut().for_each(|mixture| mixture.add(frame[*at], guess, detail));
            }
        }
        let scale = guesser.independent(stack) / stack.frames.len().max(1) as f32;
        let mut pins: Vec<Option<Pin>> = vec![None; size];
        let shaded = self.shaded(stack.width);
        for at in self.free.iter().copied() {
            let pin = |ink: Ink| Pin {
                pass: ink.pass,
                paint: (!shaded[self.labels[at]]).then_some(ink.paint),
            };
            pins[at] = ink(at).map(pin);
        }
        for (at, mixtures) in &mixtures {
            let cost = |mixture: &&Mixture| mixture.cost(scale);
            let best = mixtures.iter().min_by(|a, b| cost(a).total_cmp(&cost(b)));
            if let Some(best) = best
                && pins[*at].is_some_and(|pin| pin.paint.is_some())
            {
                let Ink { pass, paint } = best.line();
                pins[*at] = Some(Pin { pass, paint: Some(paint) });
            }
        }
        pins
    }

    /// The inks of which another one that differs little has a long border: bands of a colour that runs. Their
    /// alpha is known, what they add is not.
    fn shaded(&self, width: usize) -> Vec<bool> {
        let count = self.inks.len();
        let (mut area, mut touch) = (vec![0_usize; count], vec![0_usize; count * count]);
        for at in self.free.iter().copied() {
            let label = self.labels[at];
            if label < count {
                area[label] += 1;
                let others = [at + 1, at + width].map(|other| self.labels[other]);
                for other in others.into_iter().filter(|other| *other < count && *other != label) {
                    touch[label * count + other] += 1;
                    touch[other * count + label] += 1;
                }
            }
        }
        let is_shaded = |at: usize| {
            (1..count).any(|other| {
                let (one, two) = (self.inks[at], self.inks[other]);
                let level = (one.pass - two.pass) * 128.0 + one.paint - two.paint;
                let is_long = touch[at * count + other] * LONG > area[at].min(area[other]);
                other != at && at > 0 && is_long && level.abs() < LEVEL_RUNS
            })
        };
        (0..count).map(is_shaded).collect()
    }

    /// Samples in a square of four of one ink.
    fn solid(&self, width: usize) -> Vec<bool> {
        let mut solid = vec![false; self.labels.len()];
        for at in 0..self.labels.len().saturating_sub(width + 1) {
            let four = [at, at + 1, at + width, at + width + 1];
            if four.iter().all(|it| self.labels[*it] == self.labels[at]) {
                four.iter().for_each(|it| solid[*it] = true);
            }
        }
        solid
    }
}

/// The samples around one, `reach` to each side.
fn around(at: usize, width: usize, reach: usize) -> impl Iterator<Item = usize> {
    let side = 2 * reach + 1;
    let start = at.saturating_sub(reach * (width + 1));
    (0..side * side).map(move |n| start + n / side * width + n % side)
}
