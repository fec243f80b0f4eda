//! The edges of a matte: how strongly they show in a frame, and whether they are gone from a restored one.
//!
//! Owns the pairs of samples that lie on either side of an edge. Beside an edge the background hardly
//! differs, so what differs is the overlay. Luma alone decides.

use super::invert::STRENGTH_ONE;

/// Samples between the two of a pair: enough to span a smoothed edge.
const APART: usize = 3;
/// Most pairs that the strength is judged by.
const JUDGES_MAX: usize = 1024;
/// Fewer pairs than this judge nothing.
const PAIRS_MIN: usize = 12;
/// An edge changes grey by at least this many 8-bit codes, black, or white by twice that.
const JUMP_MIN: f32 = 4.0;
/// Side of the squares in which what is left of the overlay is measured.
const SQUARE: usize = 16;
/// Pairs side by side see the same background: this many count as one.
const ALIKE: f32 = 6.0;
/// Noise of a sample in 8-bit codes, at least.
const NOISE: f32 = 1.5;
/// Strengths whose log-likelihoods differ by less than this cannot be told apart.
const DOUBT: f32 = 3.0;
/// Strengths below this are those of a texture more often than of an overlay that fades, and must be so
/// much likelier than absence.
const FAINT: u8 = STRENGTH_ONE / 4;
const DOUBT_FAINT: f32 = 24.0;

/// Samples that hide more than this cannot be restored, and are not looked for in what was.
const ALPHA_MAX: f32 = 0.85;
/// Steps beyond an edge are counted as this high at most: edges of the picture are higher.
const STEP_MAX: f32 = 48.0;
/// What is left of the overlay is seen where it is this share of it, this many times what chance
/// explains, and this many codes high.
const SHARE_MIN: f32 = 0.2;
const DOUBTS: f32 = 4.0;
const CODES_MIN: f32 = 6.0;

/// What is left of an overlay in restored frames, square by square.
#[derive(Debug, Default)]
pub(super) struct Remains {
    squares: Vec<Remain>,
}

/// Sums over the pairs of a square: the overlay's jump times the step that is seen, both squared.
#[derive(Debug, Clone, Copy, Default)]
struct Remain {
    product: f32,
    jumps: f32,
    steps: f32,
    count: f32,
}

/// Two luma samples, one on each side of an edge: the first shows more of the background.
#[derive(Debug, Clone, Copy)]
struct Pair {
    open: usize,
    covered: usize,
    open_alpha: f32,
    open_paint: f32,
    alpha: f32,
    paint: f32,
}

/// The edges of one matte.
#[derive(Debug)]
pub(super) struct Edges {
    /// Square by square.
    pairs: Vec<Pair>,
    judges: Vec<Pair>,
    /// The squares that hold enough pairs: their samples, and their pairs from and to.
    squares: Vec<(Vec<usize>, usize, usize)>,
    /// Pairs that no overlay touches: what the background does over that distance.
    plain: Vec<(usize, usize)>,
}

impl Edges {
    /// The edges of a matte with rows of `width`, in 8-bit codes.
    pub(super) fn new(width: usize, alpha: &[f32], paint: &[f32]) -> Self {
        let height = alpha.len() / width.max(1);
        let mut pairs = Vec::new();
        let mut squares = Vec::new();
        let mut plain = Vec::new();
        for top in (0..height).step_by(SQUARE) {
            for left in (0..width).step_by(SQUARE) {
                let from = pairs.len();
                let mut samples = Vec::new();
                for y in top..(top + SQUARE).min(height) {
                    let row = y * width;
                    samples.extend(row + left..row + (left + SQUARE).min(width));
                }
                for (at, other) in samples.iter().flat_map(|at| apart(*at, width, height)) {
                    if alpha[at] <= 0.0 && alpha[other] <= 0.0 {
                        plain.push((at, other));
                    } else {
                        pairs.extend(pair(alpha, paint, at, other));
                    }
                }
                if pairs.len() - from >= PAIRS_MIN {
                    squares.push((samples, from, pairs.len()));
                }
            }
        }
        let step = pairs.len().div_ceil(JUDGES_MAX).max(1);
        let judges = pairs.iter().copied().step_by(step).collect();
        let step = plain.len().div_ceil(JUDGES_MAX).max(1);
        let plain = plain.into_iter().step_by(step).collect();
        Self { pairs, judges, squares, plain }
    }

    /// How strongly the overlay shows in a frame, in parts of [`STRENGTH_ONE`].
    ///
    /// Full strength where the frame does not speak against it, then absence, else the likeliest.
    pub(super) fn strength(&self, seen: &[f32]) -> u8 {
        self.strength_where(seen, true)
    }

    /// As [`Self::strength`]; not full where `is_full` says that it cannot be.
    pub(super) fn strength_where(&self, seen: &[f32], is_full: bool) -> u8 {
        if self.judges.len() < PAIRS_MIN {
            return if is_full { STRENGTH_ONE } else { 0 };
        }
        let roughness = self.roughness(seen);
        let cost = |strength: u8| self.cost(seen, strength, roughness);
        let coarse = (0..=STRENGTH_ONE).step_by(8).map(|strength| (cost(strength), strength));
        let best = coarse.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((0.0, STRENGTH_ONE));
        let fine = best.1.saturating_sub(7)..=(best.1 + 7).min(STRENGTH_ONE);
        let fine = fine.map(|strength| (cost(strength), strength));
        let best = fine.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or(best);
        let full = cost(STRENGTH_ONE);
        if is_full && full - best.0 < DOUBT {
            STRENGTH_ONE
        } else if cost(0) - best.0 < if best.1 < FAINT { DOUBT_FAINT } else { DOUBT } {
            0
        } else {
            best.1
        }
    }

    /// How much likelier the frame is with the overlay at full strength than without it, in nats; 0 where
    /// there are too few edges to tell.
    pub(super) fn evidence(&self, seen: &[f32]) -> f32 {
        if self.judges.len() < PAIRS_MIN {
            return 0.0;
        }
        let roughness = self.roughness(seen);
        self.cost(seen, 0, roughness) - self.cost(seen, STRENGTH_ONE, roughness)
    }

    /// Names the samples of squares in which the overlay is still to be seen in `restored`.
    pub(super) fn check(&self, restored: &[f32], strength: u8, left: impl FnMut(usize)) {
        let mut remains = Remains::default();
        self.measure(restored, f32::from(strength) / f32::from(STRENGTH_ONE), &mut remains);
        self.visible(&remains, left);
    }

    /// Adds what is left of the overlay in a restored frame, that showed `part` of it, to `remains`.
    pub(super) fn measure(&self, restored: &[f32], part: f32, remains: &mut Remains) {
        remains.squares.resize(self.squares.len(), Remain::default());
        for ((_, from, to), remain) in self.squares.iter().zip(&mut remains.squares) {
            for pair in &self.pairs[*from..*to] {
                if pair.alpha > ALPHA_MAX {
                    continue;
                }
                let (open, covered) = (restored[pair.open], restored[pair.covered]);
                // The mean of the two does not vary with their difference, as each of them does.
                let grey = 0.5 * (open + covered);
                let jump = pair.paint - pair.open_paint - (pair.alpha - pair.open_alpha) * grey;
                let jump = part * jump;
                let step = (covered - open).clamp(-STEP_MAX, STEP_MAX);
                remain.product += jump * step;
                remain.jumps += jump * jump;
                remain.steps += step * step;
                remain.count += 1.0;
            }
        }
    }

    /// Names the samples of squares in which what is left of the overlay can be seen.
    pub(super) fn visible(&self, remains: &Remains, mut left: impl FnMut(usize)) {
        for ((samples, ..), remain) in self.squares.iter().zip(&remains.squares) {
            let Remain { product, jumps, steps, count } = *remain;
            if count < PAIRS_MIN as f32 || jumps < count * JUMP_MIN * JUMP_MIN {
                continue;
            }
            let slope = (product / jumps).abs();
            let doubt = (steps / count * ALIKE / jumps).sqrt();
            let codes = slope * (jumps / count).sqrt();
            if slope > SHARE_MIN && slope > DOUBTS * doubt && codes > CODES_MIN {
                for at in samples {
                    left(*at);
                }
            }
        }
    }

    /// Mean difference of two samples that far apart without overlay.
    fn roughness(&self, seen: &[f32]) -> f32 {
        let sum: f32 = self.plain.iter().map(|(a, b)| (seen[*a] - seen[*b]).abs()).sum();
        if self.plain.is_empty() { 8.0 } else { (sum / self.plain.len() as f32).max(1.0) }
    }

    /// How unlikely the frame is if the overlay shows with that strength.
    fn cost(&self, seen: &[f32], strength: u8, roughness: f32) -> f32 {
        let part = f32::from(strength) / f32::from(STRENGTH_ONE);
        let mut sum = 0.0;
        for pair in &self.judges {
            let open = (seen[pair.open] - part * pair.open_paint) / (1.0 - part * pair.open_alpha);
            let pass = 1.0 - part * pair.alpha;
            let miss = (seen[pair.covered] - pass * open - part * pair.paint).abs();
            let scale = pass * roughness + NOISE;
            sum += miss / scale + logarithm(scale);
        }
        sum / ALIKE
    }
}

/// The sample with those that lie [`APART`] to the right and below.
fn apart(at: usize, width: usize, height: usize) -> impl Iterator<Item = (usize, usize)> {
    let (x, y) = (at % width, at / width);
    let right = (x + APART < width).then_some((at, at + APART));
    let down = (y + APART < height).then_some((at, at + APART * width));
    right.into_iter().chain(down)
}

/// The two samples as a pair, where the overlay makes them differ.
fn pair(alpha: &[f32], paint: &[f32], a: usize, b: usize) -> Option<Pair> {
    let (open, covered) = if alpha[a] <= alpha[b] { (a, b) } else { (b, a) };
    let jump = |grey: f32| {
        (paint[covered] - alpha[covered] * grey - paint[open] + alpha[open] * grey).abs()
    };
    let visible = jump(128.0) >= JUMP_MIN || jump(16.0).max(jump(235.0)) >= 2.0 * JUMP_MIN;
    (visible && alpha[open] <= 0.7).then(|| Pair {
        open,
        covered,
        open_alpha: alpha[open],
        open_paint: paint[open],
        alpha: alpha[covered],
        paint: paint[covered],
    })
}

/// The natural logarithm of a positive number to four digits, the same on every CPU.
pub(super) fn logarithm(value: f32) -> f32 {
    let bits = value.to_bits();
    let exponent = (bits >> 23) as f32 - 127.0;
    let fraction = f32::from_bits((bits & 0x007f_ffff) | 0x3f80_0000);
    // ln x = 2 artanh((x - 1) / (x + 1)), about the root of 2 for a short series.
    let root = std::f32::consts::SQRT_2;
    let ratio = (fraction - root) / (fraction + root);
    let square = ratio * ratio;
    let series = ratio * (2.0 + square * (2.0 / 3.0 + square * (2.0 / 5.0)));
    (exponent + 0.5) * std::f32::consts::LN_2 + series
}
