//! When a video shows another view of the world: a cut, or a camera that has moved on by more than the
//! width of what it shows. Fine texture that has shifted a little is still the same view.

use super::luma::Luma;

/// Reduced samples to a side that become one here.
const STEP: usize = 2;
/// Side of a block in those.
const BLOCK: usize = 12;
/// A block with at least this sum of squared gradients has something to recognise.
const TEXTURE: i64 = 12 * 12 * 20;
/// Another view keeps at most this share, in percent, of the blocks: overlays keep theirs.
const KEPT_PERCENT_MAX: usize = 40;

/// A sample, coarse: gradients only, so that a fade is not another view.
#[derive(Debug, Clone)]
pub(super) struct View {
    columns: usize,
    rows: usize,
    gradients: Vec<(i16, i16)>,
}

impl View {
    pub(super) fn of(luma: &Luma, columns: usize, rows: usize) -> Self {
        let (across, down) = ((columns / STEP).max(1), (rows / STEP).max(1));
        let mut levels = Vec::with_capacity(across * down);
        for y in 0..down {
            for x in 0..across {
                let (mut sum, mut count) = (0_i32, 0_i32);
                for row in y * STEP..((y + 1) * STEP).min(rows) {
                    for column in x * STEP..((x + 1) * STEP).min(columns) {
                        sum += i32::from(luma.levels[row * columns + column]);
                        count += 1;
                    }
                }
                levels.push(i16::try_from(sum / count).unwrap_or(i16::MAX));
            }
        }
        let at = |x: usize, y: usize| levels[y.min(down - 1) * across + x.min(across - 1)];
        let gradients = (0..down)
            .flat_map(|y| (0..across).map(move |x| (x, y)))
            .map(|(x, y)| {
                let (left, above) = (x.saturating_sub(1), y.saturating_sub(1));
                (at(x + 1, y) - at(left, y), at(x, y + 1) - at(x, above))
            })
            .collect();
        Self { columns: across, rows: down, gradients }
    }

    /// Whether hardly any block shows what it shows in `anchor`.
    pub(super) fn is_another_scene(&self, anchor: &Self) -> bool {
        let (mut blocks, mut kept) = (0, 0);
        for top in (0..self.rows).step_by(BLOCK) {
            for left in (0..self.columns).step_by(BLOCK) {
                let (both, first, second) = self.likeness(anchor, left, top);
                if first.max(second) >= TEXTURE {
                    let lengths = first.unsigned_abs().isqrt() * second.unsigned_abs().isqrt();
                    blocks += 1;
                    kept += usize::from(both.max(0).unsigned_abs() * 2 >= lengths);
                }
            }
        }
        blocks > 0 && kept * 100 <= blocks * KEPT_PERCENT_MAX
    }

    /// Sums of products of the gradients in a block: of both, of the anchor's, of its own.
    fn likeness(&self, anchor: &Self, left: usize, top: usize) -> (i64, i64, i64) {
        let (mut both, mut first, mut second) = (0, 0, 0);
        for y in top..(top + BLOCK).min(self.rows) {
            for x in left..(left + BLOCK).min(self.columns) {
                let place = y * self.columns + x;
                let (a, b) = (anchor.gradients[place], self.gradients[place]);
                both += dot(a, b);
                first += dot(a, a);
                second += dot(b, b);
            }
        }
        (both, first, second)
    }
}

fn dot(a: (i16, i16), b: (i16, i16)) -> i64 {
    i64::from(a.0) * i64::from(b.0) + i64::from(a.1) * i64::from(b.1)
}
