//! The edges of a matte: pairs of samples on either side of one, as the engine finds them. They judge how
//! strongly the overlay shows, and whether it is gone.

use super::args::{Pair, Square};

/// The engine's: samples between the two of a pair, side of a square, least pairs of one, most judges,
/// and how much an edge must change grey by, in 8-bit codes.
const APART: usize = 3;
const SQUARE: usize = 16;
const PAIRS_MIN: usize = 12;
const JUDGES_MAX: usize = 1024;
const JUMP_MIN: f32 = 4.0;
/// A sample beside an edge that hides more than this shows too little of the background.
const OPEN_ALPHA_MAX: f32 = 0.7;

/// The edges of one plane of a matte.
#[derive(Debug, Default)]
pub(super) struct Edges {
    /// Square by square.
    pub(super) pairs: Vec<Pair>,
    pub(super) judges: Vec<Pair>,
    /// The squares that hold enough pairs.
    pub(super) squares: Vec<Square>,
    /// Pairs that no overlay touches, as two places each.
    pub(super) plain: Vec<u32>,
}

impl Edges {
    /// The edges of a plane with rows of `width`, in 8-bit codes.
    pub(super) fn new(width: usize, alpha: &[f32], paint: &[f32]) -> Self {
        let height = alpha.len() / width.max(1);
        let mut edges = Self::default();
        let mut plain = Vec::new();
        for top in (0..height).step_by(SQUARE) {
            for left in (0..width).step_by(SQUARE) {
                let (right, bottom) = ((left + SQUARE).min(width), (top + SQUARE).min(height));
                let from = edges.pairs.len();
                let places = (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y)));
                for (at, other) in places.flat_map(|place| apart(place, width, height)) {
                    if alpha[at] <= 0.0 && alpha[other] <= 0.0 {
                        plain.push([whole(at), whole(other)]);
                    } else {
                        edges.pairs.extend(pair(alpha, paint, at, other));
                    }
                }
                let to = edges.pairs.len();
                if to - from >= PAIRS_MIN {
                    edges.squares.push(Square {
                        left: whole(left),
                        top: whole(top),
                        right: whole(right),
                        bottom: whole(bottom),
                        from: whole(from),
                        to: whole(to),
                    });
                }
            }
        }
        let step = edges.pairs.len().div_ceil(JUDGES_MAX).max(1);
        edges.judges = edges.pairs.iter().copied().step_by(step).collect();
        let step = plain.len().div_ceil(JUDGES_MAX).max(1);
        edges.plain = plain.into_iter().step_by(step).flatten().collect();
        edges
    }
}

/// The sample with those that lie [`APART`] to the right and below.
fn apart(
    (x, y): (usize, usize),
    width: usize,
    height: usize,
) -> impl Iterator<Item = (usize, usize)> {
    let at = y * width + x;
    let across = (x + APART < width).then_some((at, at + APART));
    let down = (y + APART < height).then_some((at, at + APART * width));
    across.into_iter().chain(down)
}

/// The two samples as a pair, where the overlay makes them differ.
fn pair(alpha: &[f32], paint: &[f32], a: usize, b: usize) -> Option<Pair> {
    let (open, covered) = if alpha[a] <= alpha[b] { (a, b) } else { (b, a) };
    let jump = |grey: f32| {
        (paint[covered] - alpha[covered] * grey - paint[open] + alpha[open] * grey).abs()
    };
    let visible = jump(128.0) >= JUMP_MIN || jump(16.0).max(jump(235.0)) >= 2.0 * JUMP_MIN;
    (visible && alpha[open] <= OPEN_ALPHA_MAX).then(|| Pair {
        open: whole(open),
        covered: whole(covered),
        open_alpha: alpha[open],
        open_paint: paint[open],
        alpha: alpha[covered],
        paint: paint[covered],
    })
}

/// A place or number of a matte: they have far fewer samples than this holds.
pub(super) fn whole(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}
