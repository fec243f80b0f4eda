//! Whether what a block of the picture shows, and what lies around it, is another background than before.
//!
//! Owns what "the background changed" means. It looks at cells of four by four places, at the way their
//! luma and chroma rise: grain and fades change no direction, a camera that moves and a cut do. What a
//! block has counted lately is remembered, so that a return to it is nothing new.

use super::reduced::{Grid, Reduced};

/// Side of a block in reduced samples.
pub(super) const BLOCK: usize = 16;
/// Side of a cell in reduced samples, and cells on a side of a block.
const CELL: usize = 4;
const CELLS: usize = BLOCK / CELL;
/// Blocks to each side whose change counts for a block: most overlays are not larger.
const SURROUND: usize = 2;
/// And where all of the picture changes, so that what stays is larger than that.
const FAR: usize = 5;
/// What a block remembers.
pub(super) const MEMORY: usize = 3;
/// Square of the gradient, in quarters of a code, from which a cell has something to recognise.
const TEXTURE: i32 = 900;
/// And up to which it has nothing.
const FLAT: i32 = 60;
/// Both are raised by so many times what noise alone comes to.
const FLAT_NOISES: i32 = 2;
const TEXTURE_NOISES: i32 = 6;
/// Fixed point of the variance of noise; no noise is counted as more than this.
const NOISE_ONE: i64 = 16;
const NOISE_MAX: i32 = 1 << 20;
/// Square of the cosine from which two gradients point the same way.
const KEPT: f32 = 0.55;
/// Share of the cells, in percent, that have something to recognise where anything can be said.
const TEXTURED_PERCENT_MIN: u32 = 5;
/// Share of those, in percent, that differ in another background.
const OTHER_PERCENT_MIN: u32 = 45;
/// Share of the blocks, in percent, that show another background when all of the picture changes.
const ALL_PERCENT_MIN: u32 = 60;

/// How luma and both chromas rise in each cell, to the right and down, in quarters of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cells {
    columns: usize,
    rows: usize,
    rises: [Vec<i16>; RISES],
    /// The sum of their squares.
    square: Vec<i32>,
    /// What noise alone makes of such a sum, on the mean.
    noise: i32,
}

/// Luma and two chromas, each to the right and down.
const RISES: usize = 6;

/// What differs between two looks at the same cells: how many are of each sort.
#[derive(Debug, Clone, Copy, Default)]
struct Change {
    cells: u32,
    same: u32,
    turned: u32,
    came: u32,
    went: u32,
}

/// Sorts of cells.
const SAME: u8 = 1;
const TURNED: u8 = 2;
const CAME: u8 = 3;
const WENT: u8 = 4;

/// Whether a block shows another background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Novelty {
    /// There is nothing to recognise.
    Unknown,
    /// It shows what it showed.
    Same,
    /// It shows something else.
    Other,
}

/// What the blocks of a window have counted, each on its own.
#[derive(Debug)]
pub(super) struct Memory {
    across: usize,
    down: usize,
    seen: Vec<Cells>,
    next: Vec<usize>,
}

impl Cells {
    pub(super) fn of(frame: &Reduced) -> Self {
        let size = (frame.luma.columns.div_ceil(CELL), frame.luma.rows.div_ceil(CELL));
        let [right, down] = rises::<CELL>(&frame.luma, size, 1);
        let none = || vec![0; size.0 * size.1];
        let rises = match &frame.chroma {
            // Chroma is smoother than luma, and seldom wrong.
            Some([u, v]) => {
                let [u_right, u_down] = rises::<{ CELL / 2 }>(u, size, 2);
                let [v_right, v_down] = rises::<{ CELL / 2 }>(v, size, 2);
                [right, down, u_right, u_down, v_right, v_down]
            }
            None => [right, down, none(), none(), none(), none()],
        };
        let mut square = vec![0_i32; size.0 * size.1];
        for rise in &rises {
            for (square, rise) in square.iter_mut().zip(rise) {
                *square += i32::from(*rise) * i32::from(*rise);
            }
        }
        Self { columns: size.0, rows: size.1, rises, square, noise: noise(frame) }
    }

    fn copy_block(&mut self, from: &Self, left: usize, top: usize) {
        let right = (left + CELLS).min(self.columns);
        for y in top..(top + CELLS).min(self.rows) {
            let span = y * self.columns + left..y * self.columns + right;
            for (rise, from) in self.rises.iter_mut().zip(&from.rises) {
                rise[span.clone()].copy_from_slice(&from[span.clone()]);
            }
            self.square[span.clone()].copy_from_slice(&from.square[span]);
        }
    }

    /// What differs from `then`, block by block.
    fn changes(&self, then: &Self) -> Vec<Change> {
        let across = self.columns.div_ceil(CELLS);
        let mut changes = vec![Change::default(); across * self.rows.div_ceil(CELLS)];
        let mut sorts = vec![0_u8; self.columns];
        for y in 0..self.rows {
            self.sort_row(then, y, &mut sorts);
            let blocks = &mut changes[y / CELLS * across..][..across];
            for (change, sorts) in blocks.iter_mut().zip(sorts.chunks(CELLS)) {
                let count = |sort: u8| sorts.iter().map(|one| u32::from(*one == sort)).sum::<u32>();
                change.cells += u32::try_from(sorts.len()).unwrap_or(0);
                change.same += count(SAME);
                change.turned += count(TURNED);
                change.came += count(CAME);
                change.went += count(WENT);
            }
        }
        changes
    }

    fn sort_row(&self, then: &Self, y: usize, sorts: &mut [u8]) {
        let span = y * self.columns..(y + 1) * self.columns;
        let mut dots = vec![0_i32; self.columns];
        for (now, then) in self.rises.iter().zip(&then.rises) {
            let pairs = now[span.clone()].iter().zip(&then[span.clone()]);
            for (dot, (now, then)) in dots.iter_mut().zip(pairs) {
                *dot += i32::from(*now) * i32::from(*then);
            }
        }
        let squares = self.square[span.clone()].iter().zip(&then.square[span]);
        let noise = self.noise.max(then.noise);
        for ((sort, dot), (new, old)) in sorts.iter_mut().zip(&dots).zip(squares) {
            *sort = sort_of(*dot, *new, *old, noise);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share of squares need not be exact")]
fn sort_of(dot: i32, new: i32, old: i32, noise: i32) -> u8 {
    let turned = dot <= 0 || (dot as f32) * (dot as f32) < KEPT * (new as f32) * (old as f32);
    let kind = if turned { TURNED } else { SAME };
    let (flat, texture) = (FLAT + FLAT_NOISES * noise, TEXTURE + TEXTURE_NOISES * noise);
    let kind = if new < flat { WENT } else { kind };
    let kind = if old < flat { CAME } else { kind };
    if new.max(old) < texture { 0 } else { kind }
}

/// What noise alone makes of the square of a cell's gradient, on the mean: luma and both chromas.
fn noise(frame: &Reduced) -> i32 {
    // The rise is the difference of two means, in quarters of a code.
    let of = |grid: &Grid, side: usize, weight: i64| {
        let samples = i64::try_from(side * side).unwrap_or(1);
        fine_variance(grid) * 2 * 2 * weight * weight * 16 / samples
    };
    let luma = of(&frame.luma, CELL, 1);
    let chroma = frame.chroma.iter().flatten().map(|grid| of(grid, CELL / 2, 2)).sum::<i64>();
    i32::try_from((luma + chroma) / NOISE_ONE).unwrap_or(i32::MAX).min(NOISE_MAX)
}

/// The variance of the noise in a plane, in squares of a code times [`NOISE_ONE`]: that of the finest detail in
/// the quarter of its squares that have least.
fn fine_variance(grid: &Grid) -> i64 {
    let (across, down) = (grid.columns / BLOCK, grid.rows / BLOCK);
    let mut squares: Vec<i64> = Vec::with_capacity(across * down);
    for (left, top) in (0..down).flat_map(|y| (0..across).map(move |x| (x * BLOCK, y * BLOCK))) {
        let mut sum = 0_i32;
        // One place in four is enough: the detail at a place takes in those around it.
        for y in (top + 1..top + BLOCK - 1).step_by(2) {
            let row = |y: usize| &grid.levels[y * grid.columns + left..][..BLOCK];
            let (above, at, below) = (row(y - 1), row(y), row(y + 1));
            for x in (1..BLOCK - 1).step_by(2) {
                let bend = |row: &[u8]| {
                    i32::from(row[x - 1]) - 2 * i32::from(row[x]) + i32::from(row[x + 1])
                };
                let fine = bend(above) - 2 * bend(at) + bend(below);
                sum += fine * fine;
            }
        }
        squares.push(i64::from(sum));
    }
    squares.sort_unstable();
    let least = squares.get(squares.len() / 4).copied().unwrap_or(0);
    // The squares of the weights of one such detail add up to 36; a square has 49 of them.
    least * NOISE_ONE / (36 * 49)
}

/// How means of squares of `SIDE` rise, in quarters of a code, times `weight`.
fn rises<const SIDE: usize>(
    grid: &Grid,
    (columns, rows): (usize, usize),
    weight: i16,
) -> [Vec<i16>; 2] {
    let means = means::<SIDE>(grid, (columns, rows));
    let (mut right, mut down) = (vec![0; columns * rows], vec![0; columns * rows]);
    for y in 0..rows {
        let row = |y: usize| &means[y * columns..][..columns];
        let (above, at, below) = (row(y.saturating_sub(1)), row(y), row((y + 1).min(rows - 1)));
        let out = &mut right[y * columns..][..columns];
        for (out, three) in out[1..].iter_mut().zip(at.windows(3)) {
            *out = (three[2] - three[0]) * weight;
        }
        let last = columns - 1;
        out[0] = (at[1.min(last)] - at[0]) * weight;
        out[last] = (at[last] - at[last.saturating_sub(1)]) * weight;
        let out = &mut down[y * columns..][..columns];
        for (out, (above, below)) in out.iter_mut().zip(above.iter().zip(below)) {
            *out = (below - above) * weight;
        }
    }
    [right, down]
}

fn means<const SIDE: usize>(grid: &Grid, (columns, rows): (usize, usize)) -> Vec<i16> {
    let mut means = vec![0_i16; columns * rows];
    let whole = grid.columns / SIDE;
    let scale = i16::try_from(SIDE * SIDE / 4).unwrap_or(1).max(1);
    for (row, sums) in means.chunks_exact_mut(columns).enumerate() {
        for y in row * SIDE..(row + 1) * SIDE {
            let line = &grid.levels[y.min(grid.rows - 1) * grid.columns..][..grid.columns];
            for (sum, run) in sums.iter_mut().zip(line.chunks_exact(SIDE)) {
                *sum += run.iter().map(|level| i16::from(*level)).sum::<i16>();
            }
            for (column, sum) in sums.iter_mut().enumerate().skip(whole) {
                let at = |x: usize| i16::from(line[(column * SIDE + x).min(grid.columns - 1)]);
                *sum += (0..SIDE).map(at).sum::<i16>();
            }
        }
        sums.iter_mut().for_each(|sum| *sum /= scale);
    }
    means
}

impl Change {
    fn add(&mut self, other: Self) {
        self.cells += other.cells;
        self.same += other.same;
        self.turned += other.turned;
        self.came += other.came;
        self.went += other.went;
    }

    /// What only comes or only goes may be a fade, and says nothing.
    fn novelty(self) -> Novelty {
        let other = self.turned + 2 * self.came.min(self.went);
        let textured = other + self.same;
        if textured * 100 < self.cells * TEXTURED_PERCENT_MIN {
            return Novelty::Unknown;
        }
        if other * 100 >= textured * OTHER_PERCENT_MIN { Novelty::Other } else { Novelty::Same }
    }
}

impl Memory {
    /// Of as many looks as it is to hold; all that is seen first.
    pub(super) fn new(first: &Cells, looks: usize) -> Self {
        let (across, down) = (first.columns.div_ceil(CELLS), first.rows.div_ceil(CELLS));
        Self { across, down, seen: vec![first.clone(); looks], next: vec![0; across * down] }
    }

    /// The blocks whose surroundings differ from all that they remember.
    pub(super) fn novel(&self, now: &Cells) -> Vec<bool> {
        let mut novel = vec![true; self.across * self.down];
        for then in &self.seen {
            let Some(other) = self.other(&now.changes(then)) else {
                novel.fill(false);
                break;
            };
            novel.iter_mut().zip(other).for_each(|(is_novel, other)| *is_novel &= other);
        }
        novel
    }

    /// The blocks that show another background; none where most of the picture is what it was: what
    /// passes before a still object makes no overlay of it.
    fn other(&self, changes: &[Change]) -> Option<Vec<bool>> {
        let near: Vec<Novelty> = (0..changes.len())
            .map(|block| {
                let mut sum = Change::default();
                self.around(block, SURROUND).for_each(|at| sum.add(changes[at]));
                sum.novelty()
            })
            .collect();
        is_most(near.iter().copied(), ALL_PERCENT_MIN).then(|| {
            (0..near.len())
                .map(|block| {
                    near[block] == Novelty::Other
                        || is_most(self.around(block, FAR).map(|at| near[at]), OTHER_PERCENT_MIN)
                })
                .collect()
        })
    }

    fn around(&self, block: usize, reach: usize) -> impl Iterator<Item = usize> + use<> {
        let (x, y, across) = (block % self.across, block / self.across, self.across);
        let columns = x.saturating_sub(reach)..(x + reach + 1).min(across);
        let rows = y.saturating_sub(reach)..(y + reach + 1).min(self.down);
        rows.flat_map(move |y| columns.clone().map(move |x| y * across + x))
    }

    /// Remembers what `block` shows, and forgets what it remembers longest.
    pub(super) fn remember(&mut self, block: usize, now: &Cells) {
        let (left, top) = (block % self.across * CELLS, block / self.across * CELLS);
        let slot = self.next[block];
        self.seen[slot].copy_block(now, left, top);
        self.next[block] = (slot + 1) % self.seen.len();
    }
}

fn is_most(blocks: impl Iterator<Item = Novelty>, percent: u32) -> bool {
    let (other, known) = blocks.fold((0, 0), |(other, known), novelty| match novelty {
        Novelty::Unknown => (other, known),
        Novelty::Same => (other, known + 1),
        Novelty::Other => (other + 1, known + 1),
    });
    known > 0 && other * 100 >= known * percent
}
