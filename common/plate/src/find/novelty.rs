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
    rises: Vec<[i16; 6]>,
}

/// What differs between two looks at the same cells.
#[derive(Debug, Clone, Copy, Default)]
struct Change {
    cells: u32,
    textured: u32,
    turned: u32,
    came: u32,
    went: u32,
}

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
        let (columns, rows) = (frame.luma.columns.div_ceil(CELL), frame.luma.rows.div_ceil(CELL));
        let mut rises = vec![[0; 6]; columns * rows];
        fill(&mut rises, 0, &means(&frame.luma, CELL, (columns, rows)), (columns, 1));
        if let Some([u, v]) = &frame.chroma {
            // Chroma is smoother than luma, and seldom wrong.
            fill(&mut rises, 2, &means(u, CELL / 2, (columns, rows)), (columns, 2));
            fill(&mut rises, 4, &means(v, CELL / 2, (columns, rows)), (columns, 2));
        }
        Self { columns, rows, rises }
    }

    fn copy_block(&mut self, from: &Self, left: usize, top: usize) {
        let right = (left + CELLS).min(self.columns);
        for y in top..(top + CELLS).min(self.rows) {
            let span = y * self.columns + left..y * self.columns + right;
            self.rises[span.clone()].copy_from_slice(&from.rises[span]);
        }
    }

    fn change(&self, other: &Self, left: usize, top: usize) -> Change {
        let mut change = Change::default();
        let right = (left + CELLS).min(self.columns);
        for y in top..(top + CELLS).min(self.rows) {
            let span = y * self.columns + left..y * self.columns + right;
            for (now, then) in self.rises[span.clone()].iter().zip(&other.rises[span]) {
                change.take(now, then);
            }
        }
        change
    }
}

/// Means of squares of `side`, in quarters of a code.
fn means(grid: &Grid, side: usize, (columns, rows): (usize, usize)) -> Vec<i16> {
    let mut means = vec![0; columns * rows];
    let mut sums = vec![0_i16; columns];
    for row in 0..rows {
        sums.fill(0);
        for y in row * side..(row + 1) * side {
            let line = &grid.levels[y.min(grid.rows - 1) * grid.columns..][..grid.columns];
            for (sum, run) in sums.iter_mut().zip(line.chunks(side)) {
                let more: i16 = run.iter().map(|level| i16::from(*level)).sum();
                let missing = i16::try_from(side - run.len()).unwrap_or(0);
                *sum += more + missing * i16::from(run[run.len() - 1]);
            }
        }
        let scale = i16::try_from(side * side / 4).unwrap_or(1).max(1);
        for (mean, sum) in means[row * columns..].iter_mut().zip(&sums) {
            *mean = sum / scale;
        }
    }
    means
}

fn fill(rises: &mut [[i16; 6]], at: usize, means: &[i16], (columns, weight): (usize, i16)) {
    let rows = means.len() / columns;
    for y in 0..rows {
        let (above, below) = (y.saturating_sub(1), (y + 1).min(rows - 1));
        for x in 0..columns {
            let (left, right) = (x.saturating_sub(1), (x + 1).min(columns - 1));
            let rise = &mut rises[y * columns + x];
            rise[at] = (means[y * columns + right] - means[y * columns + left]) * weight;
            rise[at + 1] = (means[below * columns + x] - means[above * columns + x]) * weight;
        }
    }
}

impl Change {
    fn take(&mut self, now: &[i16; 6], then: &[i16; 6]) {
        let (mut dot, mut new, mut old) = (0_i32, 0_i32, 0_i32);
        for (a, b) in now.iter().zip(then) {
            let (a, b) = (i32::from(*a), i32::from(*b));
            dot += a * b;
            new += a * a;
            old += b * b;
        }
        self.cells += 1;
        if new.max(old) < TEXTURE {
            return;
        }
        self.textured += 1;
        if old < FLAT {
            self.came += 1;
        } else if new < FLAT {
            self.went += 1;
        } else if dot <= 0 || i64::from(dot).pow(2) * 100 < i64::from(new) * i64::from(old) * 55 {
            self.turned += 1;
        }
    }

    fn add(&mut self, other: Self) {
        self.cells += other.cells;
        self.textured += other.textured;
        self.turned += other.turned;
        self.came += other.came;
        self.went += other.went;
    }

    /// What only comes or only goes may be a fade, and says nothing.
    fn novelty(self) -> Novelty {
        let textured = self.textured - self.came.abs_diff(self.went);
        if textured * 100 < self.cells * TEXTURED_PERCENT_MIN {
            return Novelty::Unknown;
        }
        let other = self.turned + 2 * self.came.min(self.went);
        if other * 100 >= textured * OTHER_PERCENT_MIN {
            Novelty::Other
        } else {
            Novelty::Same
        }
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
            let blocks = (0..self.across * self.down).map(|block| {
                let (x, y) = (block % self.across, block / self.across);
                now.change(then, x * CELLS, y * CELLS)
            });
            let changes: Vec<Change> = blocks.collect();
            for (is_novel, other) in novel.iter_mut().zip(self.other(&changes)) {
                *is_novel &= other;
            }
        }
        novel
    }

    fn other(&self, changes: &[Change]) -> Vec<bool> {
        let near: Vec<Novelty> = (0..changes.len())
            .map(|block| {
                let mut sum = Change::default();
                self.around(block, SURROUND).for_each(|at| sum.add(changes[at]));
                sum.novelty()
            })
            .collect();
        let is_all = is_most(near.iter().copied(), ALL_PERCENT_MIN);
        (0..near.len())
            .map(|block| {
                is_all
                    && (near[block] == Novelty::Other
                        || is_most(self.around(block, FAR).map(|at| near[at]), OTHER_PERCENT_MIN))
            })
            .collect()
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
