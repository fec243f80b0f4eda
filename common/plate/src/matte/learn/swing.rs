//! How far samples swing over the frames, in the overlay and beside it: what hides half of the background
//! halves its swing.
//!
//! Owns the slopes and the alpha that follow from that. The swing of the background differs little from one
//! sample to the next and needs no guess of what lies behind: it tells alpha without the bias that every
//! guess has. It needs a background that moves, and frames that all show the overlay.

use super::super::smooth::{Smoother, fill};
use super::field::PASS_MIN;
use super::stack::{Belief, Stack, depth};

/// A sample of which more than this is hidden is the overlay's.
const COVERED: f32 = 0.04;
/// Samples around the overlay that its edge may have leaked into.
const LEAK: f32 = 1.5;
/// Samples of the overlay at least so deep, in samples, are not of its soft edge.
const CORE: f32 = 1.5;
/// Distances at which a sample of the overlay is compared with one beside it.
const APART: [usize; 2] = [4, 6];
/// Radius over which the swing of single samples is averaged.
const RADIUS: usize = 4;
/// Parts of different alpha that are told apart, and fewest samples of one.
const PARTS_MAX: usize = 3;
const PART_MIN: usize = 40;
/// A sample is of a part where what its surroundings say of its squared pass differs by less than this
/// factor from the part's; by more where the background's own swing differs from place to place.
const ALIKE: f32 = 1.7;
const ALIKE_UNEVEN: f32 = 5.0;
const ALIKE_MAX: f32 = 3.5;
/// A part whose upper quarter of squared passes is this much above its lower one, as a ratio, has no one
/// alpha; more where the background's swing is uneven.
const SPREAD_MAX: f32 = 1.45;
/// Of a sample that lets less than this through, alone or as a part, it is not believed that it lets any,
/// unless it lies so near to a part that does.
const HARD: f32 = 0.28;
const HARD_PART: f32 = 0.14;
const HARD_APART: f32 = 2.5;
/// One of so many settled samples is a good part.
const HIDES_PART: usize = 4;
/// Least mean variance of the background, in squared 8-bit codes, that tells anything.
const VARIANCE_MIN: f32 = 36.0;
/// Variance that coding and rounding have of themselves.
const NOISE: f32 = 0.5;

/// The variances of one plane over the frames.
#[derive(Debug)]
pub(super) struct Swing {
    seen: Vec<f32>,
}

impl Swing {
    pub(super) fn of(stack: &Stack) -> Self {
        let size = stack.inside.len();
        let count = stack.frames.len().max(1) as f32;
        let (mut sum, mut square) = (vec![0.0_f32; size], vec![0.0_f32; size]);
        for frame in &stack.frames {
            for ((sum, square), seen) in sum.iter_mut().zip(&mut square).zip(frame) {
                let seen = seen - 128.0;
                *sum += seen;
                *square += seen * seen;
            }
        }
        let variance = |(sum, square): (&f32, &f32)| {
            let mean = sum / count;
            (square / count - mean * mean - NOISE).max(0.05)
        };
        Self { seen: sum.iter().zip(&square).map(variance).collect() }
    }

    /// The variance of what lies behind, by that of the samples that are `clear`.
    fn behind(&self, stack: &Stack, clear: &[bool]) -> Vec<f32> {
        let weights: Vec<f32> = clear.iter().map(|clear| f32::from(u8::from(*clear))).collect();
        let mut behind: Vec<f32> = self.seen.clone();
        fill(stack.width, stack.height, &mut behind, &weights);
        behind
    }

    /// The slope of each sample the overlay may reach; nothing where the background hardly moves.
    pub(super) fn slopes(&self, stack: &Stack) -> Option<Vec<f32>> {
        let clear: Vec<bool> = stack.inside.iter().map(|inside| !inside).collect();
        let behind = self.behind(stack, &clear);
        let inside = || behind.iter().zip(&stack.inside).filter(|(_, inside)| **inside);
        let mean = inside().map(|(behind, _)| behind).sum::<f32>() / inside().count().max(1) as f32;
        let slope = |(seen, behind): (&f32, &f32)| (seen / behind.max(0.05)).sqrt();
        (mean >= VARIANCE_MIN).then(|| self.seen.iter().zip(&behind).map(slope).collect())
    }

    /// The pass of samples that lie in a part of one alpha, by what is believed of where the overlay is.
    pub(super) fn parts(&self, stack: &Stack, belief: &Belief) -> Vec<Option<f32>> {
        let size = stack.inside.len();
        let covered: Vec<bool> = (0..size)
            .map(|at| stack.inside[at] && (1.0 - belief.pass[at] > COVERED || stack.muted[at]))
            .collect();
        let clear: Vec<bool> = depth(stack.width, &covered).iter().map(|far| *far > LEAK).collect();
        let open: Vec<bool> = covered.iter().map(|covered| !covered).collect();
        let depths = depth(stack.width, &open);
        let behind = self.behind(stack, &clear);
        let mut core: Vec<bool> =
            depths.iter().zip(&stack.muted).map(|(deep, muted)| *deep > CORE && !muted).collect();
        let mut pinned = vec![None; size];
        let unevenness = self.unevenness(stack, &clear);
        let near = (ALIKE + ALIKE_UNEVEN * unevenness).min(ALIKE_MAX);
        let local = self.local(stack, &behind, &core);
        for _ in 0..PARTS_MAX {
            if core.iter().filter(|core| **core).count() < PART_MIN {
                break;
            }
            let Some(square) = self.common(stack, &core, &clear, &behind) else { break };
            let is_of =
                |at: usize| core[at] && local[at] < square * near && local[at] * near > square;
            let part: Vec<usize> = (0..size).filter(|at| is_of(*at)).collect();
            let spread = quarters(part.iter().map(|at| local[*at]).collect());
            if part.len() < PART_MIN || spread > SPREAD_MAX * (1.0 + unevenness) {
                break;
            }
            for at in part {
                core[at] = false;
                pinned[at] = Some(square.sqrt().clamp(PASS_MIN, 1.0));
            }
        }
        harden(stack, belief, &mut pinned);
        pinned
    }

    /// How much the variance of the background differs over such a distance, as a ratio less 1: the median.
    fn unevenness(&self, stack: &Stack, clear: &[bool]) -> f32 {
        let mut ratios = Vec::new();
        for (at, other) in pairs(stack, clear, clear) {
            let (a, b) = (self.seen[at], self.seen[other]);
            ratios.push(a.max(b) / a.min(b) - 1.0);
        }
        median(ratios).unwrap_or(0.0)
    }

    /// The square of the pass around each sample of the core.
    fn local(&self, stack: &Stack, behind: &[f32], core: &[bool]) -> Vec<f32> {
        let mut smoother = Smoother::new(stack.width, stack.height, RADIUS);
        let of_core = |values: &[f32]| -> Vec<f32> {
            values.iter().zip(core).map(|(value, core)| if *core { *value } else { 0.0 }).collect()
        };
        let (mut above, mut below) = (vec![0.0; core.len()], vec![0.0; core.len()]);
        smoother.smooth(&of_core(&self.seen), &mut above);
        smoother.smooth(&of_core(behind), &mut below);
        above.iter().zip(&below).map(|(above, below)| above / below.max(1e-3)).collect()
    }

    /// The square of the pass that most of the core has in common, by the samples beside it, or where there
    /// are few of those by what is filled in from farther off.
    fn common(&self, stack: &Stack, core: &[bool], clear: &[bool], behind: &[f32]) -> Option<f32> {
        let mut ratios = Vec::new();
        let mut variance = 0.0;
        for (at, other) in pairs(stack, core, clear) {
            variance += self.seen[other];
            ratios.push(self.seen[at] / self.seen[other]);
        }
        if ratios.len() < PART_MIN {
            ratios.clear();
            variance = 0.0;
            for at in (0..core.len()).filter(|at| core[*at]) {
                variance += behind[at];
                ratios.push(self.seen[at] / behind[at].max(0.05));
            }
        }
        let mean = variance / ratios.len().max(1) as f32;
        median(ratios).filter(|_| mean >= VARIANCE_MIN)
    }
}

/// Takes for opaque what hides nearly all of the background and is not of a part that hides less: thin
/// strokes, of which coding has left a little more than nothing to see through.
fn harden(stack: &Stack, belief: &Belief, pinned: &mut [Option<f32>]) {
    let soft: Vec<bool> =
        pinned.iter().map(|pass| pass.is_some_and(|pass| pass > HARD_PART)).collect();
    let far = depth(stack.width, &soft);
    for (at, pass) in pinned.iter_mut().enumerate() {
        let is_hard = stack.inside[at] && belief.pass[at] < HARD && far[at] > HARD_APART;
        if is_hard && !stack.muted[at] && pass.is_none_or(|pass| pass < HARD_PART) {
            *pass = Some(PASS_MIN);
        }
    }
}

/// The samples that are not of a part which something shines through, nor beside one, in an overlay that
/// hides all or changes over a good part of what is settled of it: edges of strokes, of which inverting
/// would leave more noise than picture.
pub(super) fn rims(stack: &Stack, pinned: &[Option<f32>], changing: &[bool]) -> Vec<bool> {
    let soft: Vec<bool> =
        pinned.iter().map(|pass| pass.is_some_and(|pass| pass > HARD_PART)).collect();
    let count = |set: &mut dyn Iterator<Item = bool>| set.filter(|set| *set).count();
    let settled = count(&mut pinned.iter().map(Option::is_some));
    let softs = count(&mut soft.iter().copied());
    let changes = count(&mut changing.iter().copied());
    let hides = HIDES_PART * (settled - softs + changes) > settled + changes;
    depth(stack.width, &soft).into_iter().map(|far| hides && far > HARD_APART).collect()
}

/// Pairs of one sample that is set in `one` and another, beside it, that is set in `other`.
fn pairs(stack: &Stack, one: &[bool], other: &[bool]) -> impl Iterator<Item = (usize, usize)> {
    let (width, height) = (stack.width, stack.height);
    let beside = move |at: usize| {
        let (x, y) = (at % width, at / width);
        APART.into_iter().flat_map(move |by| {
            let left = (x >= by).then(|| at - by);
            let right = (x + by < width).then(|| at + by);
            let above = (y >= by).then(|| at - by * width);
            let below = (y + by < height).then(|| at + by * width);
            [left, right, above, below].into_iter().flatten()
        })
    };
    let ones = (0..one.len()).filter(|at| one[*at]);
    ones.flat_map(move |at| beside(at).map(move |beside| (at, beside)))
        .filter(|(_, beside)| other[*beside])
}

fn median(mut values: Vec<f32>) -> Option<f32> {
    values.sort_by(f32::total_cmp);
    values.get(values.len() / 2).copied()
}

/// The upper quarter's bound in parts of the lower one's.
fn quarters(mut values: Vec<f32>) -> f32 {
    values.sort_by(f32::total_cmp);
    let at = |part: usize| values.get(values.len() * part / 4).copied();
    at(1).zip(at(3)).map_or(1.0, |(low, high)| high / low.max(1e-6))
}
