//! The gradient of a grid of levels, and the levels softened: what everything else is summed from.

use super::reduced::Grid;

/// Gradient (to the right, down; at most 127 codes each) and softened level of each place.
#[derive(Debug, Clone, Default)]
pub(super) struct Slopes {
    pub(super) right: Vec<i8>,
    pub(super) down: Vec<i8>,
    pub(super) soft: Vec<u8>,
}

impl Slopes {
    pub(super) fn of(grid: &Grid) -> Self {
        let mut slopes = Self::default();
        slopes.set(grid);
        slopes
    }

    /// Becomes that of another grid, in the memory that it has.
    pub(super) fn set(&mut self, grid: &Grid) {
        let (columns, rows) = (grid.columns, grid.rows);
        let slopes = self;
        slopes.right.resize(columns * rows, 0);
        slopes.down.resize(columns * rows, 0);
        slopes.soft.resize(columns * rows, 0);
        // One more column on each side, the same as the outermost.
        let mut sums = vec![0_i16; columns + 2];
        let mut differences = vec![0_i16; columns + 2];
        for y in 0..rows {
            let row = |y: usize| &grid.levels[y * columns..][..columns];
            let (above, at, below) = (row(y.saturating_sub(1)), row(y), row((y + 1).min(rows - 1)));
            let lines = above.iter().zip(at).zip(below);
            let out = sums[1..].iter_mut().zip(&mut differences[1..]);
            for (((above, at), below), (sum, difference)) in lines.zip(out) {
                let [above, at, below] = [above, at, below].map(|level| i16::from(*level));
                *sum = above + 2 * at + below;
                *difference = below - above;
            }
            for line in [&mut sums, &mut differences] {
                line[0] = line[1];
                line[columns + 1] = line[columns];
            }
            let span = y * columns..(y + 1) * columns;
            let right = &mut slopes.right[span.clone()];
            for (out, at) in right.iter_mut().zip(sums.windows(3)) {
                *out = signed((at[2] - at[0] + 2) >> 2);
            }
            let down = &mut slopes.down[span.clone()];
            for (out, at) in down.iter_mut().zip(differences.windows(3)) {
                *out = signed((at[0] + 2 * at[1] + at[2] + 2) >> 2);
            }
            let soft = &mut slopes.soft[span];
            for (out, at) in soft.iter_mut().zip(sums.windows(3)) {
                *out = level((at[0] + 2 * at[1] + at[2] + 8) >> 4);
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it is clamped to the type, and vectorises so")]
const fn signed(value: i16) -> i8 {
    let value = if value > 127 { 127 } else { value };
    (if value < -127 { -127 } else { value }) as i8
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a mean of levels is a level"
)]
const fn level(value: i16) -> u8 {
    value as u8
}

/// About the length of a gradient of such parts, each at most 127: never an eighth too long.
pub(super) const fn length(x: u8, y: u8) -> u8 {
    let (long, short) = if x > y { (x, y) } else { (y, x) };
    long + short / 4 + short / 8
}
