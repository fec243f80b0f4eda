//! Which lines are inks: those that many samples have nearly in common.
//!
//! Owns their choice, at first and as they become known better. Refuses overlays of which a good part hides all.

use super::inks::{Ink, Inks, NONE, UNKNOWN};
use super::stack::{Belief, Stack, depth};

/// Most inks, and fewest samples of one.
const INKS_MAX: usize = 7;
const SAMPLES_MIN: usize = 24;
/// A sample of which more than this is hidden has an ink.
const COVERED: f32 = 0.08;
/// A sample that lets less through hides all; an overlay is of inks where so many times as many let more
/// through. Samples so near to one that hides all keep their own lines.
const HARD: f32 = 0.15;
const SOFT_TIMES: usize = 3;
const HARD_APART: f32 = 2.5;
/// Lines belong to one ink that differ by less than this: in codes at the background's mean, and in pass.
const LEVEL_NEAR: f32 = 6.0;
const PASS_NEAR: f32 = 0.12;
/// Inks that differ by less than this are one.
const LEVEL_SAME: f32 = 3.5;
const PASS_SAME: f32 = 0.06;
/// An ink of few samples among those of all, in percent, has the alpha of most of the others.
const FEW_PERCENT: usize = 15;
/// Fewest samples of an ink that lie among their like.
const CORE_MIN: usize = 10;
/// No colour has a code far above this.
const COLOUR_MAX: f32 = 262.0;

impl Inks {
    /// The lines that most samples have nearly in common.
    pub(super) fn palette(stack: &Stack, belief: &Belief) -> Option<Self> {
        let mean = stack.mean_outside();
        let size = stack.inside.len();
        let covered = |at: usize| stack.inside[at] && 1.0 - belief.pass[at] > COVERED;
        let hides: Vec<bool> =
            (0..size).map(|at| stack.muted[at] || covered(at) && belief.pass[at] < HARD).collect();
        let count = |is: &dyn Fn(usize) -> bool| (0..size).filter(|at| is(*at)).count();
        if count(&|at| hides[at]) * SOFT_TIMES > count(&|at| covered(at) && !hides[at]) {
            return None;
        }
        let far = depth(stack.width, &hides);
        let is_free = |at: &usize| stack.inside[*at] && far[*at] > HARD_APART;
        let free: Vec<usize> = (0..size).filter(is_free).collect();
        let mut labels: Vec<usize> =
            (0..size).map(|at| if hides[at] || covered(at) { UNKNOWN } else { 0 }).collect();
        let mut lines: Vec<(usize, f32, f32)> = free
            .iter()
            .filter(|at| covered(**at))
            .map(|at| (*at, belief.pass[*at] * mean + belief.paint[*at], belief.pass[*at]))
            .collect();
        let mut inks = vec![NONE];
        while inks.len() <= INKS_MAX {
            let Some((level, pass)) = mode(&lines) else { break };
            let is_near = |(_, l, p): &(usize, f32, f32)| {
                (l - level).abs() < LEVEL_NEAR && (p - pass).abs() < PASS_NEAR
            };
            let near: Vec<_> = lines.iter().copied().filter(is_near).collect();
            if near.len() < SAMPLES_MIN {
                break;
            }
            let pass = median(near.iter().map(|it| it.2).collect());
            let level = median(near.iter().map(|it| it.1).collect());
            near.iter().for_each(|it| labels[it.0] = inks.len());
            inks.push(Ink { pass, paint: level - pass * mean });
            lines.retain(|it| !is_near(it));
        }
        if inks.len() < 2 {
            return None;
        }
        let groups = groups(&inks, &labels);
        Some(Self { inks, groups, labels, free })
    }

    /// Drops inks of which there is too little, and those that are another's: whether there were any.
    pub(super) fn prune(&mut self, stack: &Stack) -> bool {
        let (width, mean) = (stack.width, stack.mean_outside());
        let mut core = vec![0_usize; self.inks.len()];
        for at in (0..self.labels.len()).filter(|at| stack.inside[*at]) {
            let label = self.labels[at];
            let around = [at - 1, at + 1, at - width, at + width];
            if label < core.len() && around.iter().all(|other| self.labels[*other] == label) {
                core[label] += 1;
            }
        }
        let mut becomes: Vec<usize> = (0..self.inks.len()).collect();
        for at in 1..self.inks.len() {
            let ink = self.inks[at];
            let is_like = |other: &usize| {
                let other = self.inks[*other];
                let level = (ink.pass - other.pass) * mean + ink.paint - other.paint;
                level.abs() < LEVEL_SAME && (ink.pass - other.pass).abs() < PASS_SAME
            };
            if core[at] < CORE_MIN || ink.paint > COLOUR_MAX * (1.0 - ink.pass) {
                becomes[at] = UNKNOWN;
            } else if let Some(like) = (0..at).filter(|it| becomes[*it] == *it).find(is_like) {
                becomes[at] = like;
            }
        }
        let kept: Vec<usize> = (0..becomes.len()).filter(|at| becomes[*at] == *at).collect();
        if kept.len() == self.inks.len() {
            return false;
        }
        let place = |label: usize| kept.iter().position(|it| *it == label).unwrap_or(UNKNOWN);
        for label in self.labels.iter_mut().filter(|label| **label != UNKNOWN) {
            *label = place(becomes[*label]);
        }
        self.inks = kept.iter().map(|at| self.inks[*at]).collect();
        self.groups = groups(&self.inks, &self.labels);
        true
    }
}

/// The level and pass that most of the lines are near to.
fn mode(lines: &[(usize, f32, f32)]) -> Option<(f32, f32)> {
    const LEVELS: usize = 130;
    const PASSES: usize = 21;
    let mut counts = vec![0_u32; LEVELS * PASSES];
    let bin = |value: f32, step: f32, count: usize| -> usize {
        (0..count).take_while(|at| (*at as f32 + 0.5) * step < value).count().min(count - 1)
    };
    for (_, level, pass) in lines {
        let (level, pass) = (bin(*level, 2.0, LEVELS), bin(*pass, 0.05, PASSES));
        counts[level * PASSES + pass] += 1;
    }
    let around = |at: usize| -> u32 {
        let (level, pass) = (at / PASSES, at % PASSES);
        let levels = level.saturating_sub(2)..(level + 3).min(LEVELS);
        let passes = pass.saturating_sub(2)..(pass + 3).min(PASSES);
        levels.map(|l| passes.clone().map(|p| counts[l * PASSES + p]).sum::<u32>()).sum()
    };
    let best = (0..counts.len()).max_by_key(|at| (around(*at), counts[*at], usize::MAX - at))?;
    (around(best) > 0).then_some(((best / PASSES) as f32 * 2.0, (best % PASSES) as f32 * 0.05))
}

/// Inks whose alphas differ little have one, and so have those of few samples.
fn groups(inks: &[Ink], labels: &[usize]) -> Vec<usize> {
    let mut groups: Vec<usize> = Vec::new();
    for (at, ink) in inks.iter().enumerate() {
        let like = (1..at).find(|other| (inks[*other].pass - ink.pass).abs() < PASS_NEAR);
        let next = groups.iter().max().map_or(0, |group| group + 1);
        groups.push(like.map_or(next, |other| groups[other]));
    }
    let mut counts = vec![0_usize; inks.len()];
    for label in labels.iter().filter(|label| (1..inks.len()).contains(*label)) {
        counts[groups[*label]] += 1;
    }
    let all: usize = counts.iter().sum();
    let most = (1..counts.len()).max_by_key(|group| counts[*group]).unwrap_or(0);
    for group in groups.iter_mut().skip(1) {
        if counts[*group] * 100 < all * FEW_PERCENT {
            *group = most;
        }
    }
    groups
}

fn median(mut values: Vec<f32>) -> f32 {
    values.sort_by(f32::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
