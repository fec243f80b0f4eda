//! When a video shows another view of the world: a cut, or a camera that has moved on.
//!
//! Owns the comparison of samples as a whole. It looks at large shapes only: grass that waves, a hand
//! that shakes the camera and a person who walks past leave the view what it is, and so does a fade.

use super::luma::Luma;

/// Cells that a view is wide, about.
const ACROSS: usize = 64;
/// Levels are kept this many times finer than luma.
const SCALE: i32 = 4;
/// Side of a region in cells.
const REGION: usize = 8;
/// A region whose gradients have at least this mean square, in codes, has something to recognise.
const TEXTURE: i64 = 4;
/// A region is kept where the correlation of its gradients is at least this.
const KEPT_CORRELATION_PERCENT: u64 = 50;
/// Another view keeps at most this share, in percent, of the regions: overlays keep theirs.
const KEPT_PERCENT_MAX: usize = 40;

/// A sample, very coarse.
#[derive(Debug, Clone)]
pub(super) struct View {
    columns: usize,
    rows: usize,
    gradients: Vec<(i32, i32)>,
}

impl View {
    pub(super) fn of(luma: &Luma, columns: usize, rows: usize) -> Self {
        let side = columns.div_ceil(ACROSS);
        let (across, down) = ((columns / side).max(1), (rows / side).max(1));
        let levels: Vec<i32> = (0..down)
            .flat_map(|y| (0..across).map(move |x| (x * side, y * side)))
            .map(|(left, top)| {
                let lines = top..(top + side).min(rows);
                let right = (left + side).min(columns);
                let (sum, count) = lines.fold((0, 0), |(sum, count), y| {
                    let run = &luma.levels[y * columns + left..y * columns + right];
                    let more: i32 = run.iter().map(|level| i32::from(*level)).sum();
                    (sum + more, count + 1)
                });
                let cells = count * i32::try_from(right - left).unwrap_or(i32::MAX);
                sum * SCALE / cells.max(1)
            })
            .collect();
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

    /// Whether most of what can be recognised in either is in both. Two views without anything to
    /// recognise are the same.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let (mut regions, mut kept) = (0, 0);
        for top in (0..self.rows).step_by(REGION) {
            for left in (0..self.columns).step_by(REGION) {
                if let Some(is_kept) = self.keeps(other, left, top) {
                    regions += 1;
                    kept += usize::from(is_kept);
                }
            }
        }
        regions == 0 || kept * 100 > regions * KEPT_PERCENT_MAX
    }

    /// Whether the region shows the same in both; `None` where neither has anything to recognise.
    fn keeps(&self, other: &Self, left: usize, top: usize) -> Option<bool> {
        let (mut both, mut first, mut second, mut cells) = (0_i64, 0_i64, 0_i64, 0_i64);
        for y in top..(top + REGION).min(self.rows) {
            for x in left..(left + REGION).min(self.columns) {
                let place = y * self.columns + x;
                let (a, b) = (other.gradients[place], self.gradients[place]);
                both += dot(a, b);
                first += dot(a, a);
                second += dot(b, b);
                cells += 1;
            }
        }
        let least = cells * TEXTURE * i64::from(SCALE * SCALE);
        if first.max(second) < least {
            return None;
        }
        let lengths = first.unsigned_abs().isqrt() * second.unsigned_abs().isqrt();
        Some(both.max(0).unsigned_abs() * 100 >= lengths * KEPT_CORRELATION_PERCENT && both > 0)
    }
}

fn dot(a: (i32, i32), b: (i32, i32)) -> i64 {
    i64::from(a.0) * i64::from(b.0) + i64::from(a.1) * i64::from(b.1)
}
