//! The smoothest surface over a hole: Laplace's equation by multigrid, on grids of `f32`.
//!
//! Owns the solver. The hole is a set of open cells tied to their neighbours by links of some weight:
//! to open cells, and to known ones, which pull as `load`. At the picture's edge there is no link, so
//! nothing flows out there. Coarser grids carry the links of what they stand for, so that the walls
//! stay where they are. All sums run in one fixed order: every CPU gives the same bits. Each grid has
//! a border of one cell that is never open.

/// Relaxation of the Jacobi sweeps.
const OMEGA: f32 = 0.8;
/// Sweeps on each way through a grid, on the coarsest, and on the finest, which is passed once.
const SWEEPS: usize = 2;
const SWEEPS_COARSEST: usize = 32;
const SWEEPS_FINEST: usize = 4;
/// A grid with no side longer than this is not coarsened.
const COARSEST: usize = 4;

/// One grid.
#[derive(Debug)]
struct Level {
    width: usize,
    height: usize,
    /// Weight of the link from an open cell to the next open one: to the right, and down.
    right: Vec<f32>,
    down: Vec<f32>,
    /// Weight of the links from an open cell to known ones.
    wall: Vec<f32>,
    /// Weight of all links of an open cell, and 1 over it; 0 where the cell is not open.
    weight: Vec<f32>,
    inverse: Vec<f32>,
    /// 1 over the share of the coarser grid's cells around an open one that are open themselves.
    share: Vec<f32>,
    values: Vec<f32>,
    load: Vec<f32>,
    /// Work space: the next values, or what is wrong; and a row of the coarser grid.
    next: Vec<f32>,
    blend: Vec<f32>,
}

/// A solver for one hole.
#[derive(Debug)]
pub(super) struct Membrane {
    levels: Vec<Level>,
    has_wall: bool,
}

impl Membrane {
    /// A solver for a hole of `width` by `height` cells: `open` where a cell is to be found, `known`
    /// where one beside it pulls. Places that are neither lie outside the picture.
    pub(super) fn new(
        (width, height): (usize, usize),
        open: impl Fn(usize, usize) -> bool,
        known: impl Fn(usize, usize) -> usize,
    ) -> Self {
        let finest = Level::finest(width, height, open, known);
        let has_wall = finest.wall.iter().any(|wall| *wall > 0.0);
        let mut levels = vec![finest];
        let mut distance = 1.0_f32;
        while let Some(coarser) = levels.last_mut().and_then(|finer| finer.coarsened(distance)) {
            // A wall is one cell from the middle of a fine one, and half a cell more for each side.
            distance = coarser_distance(distance);
            levels.push(coarser);
        }
        Self { levels, has_wall }
    }

    /// Place of a cell in [`Self::load`] and [`Self::values`].
    pub(super) fn place(&self, x: usize, y: usize) -> usize {
        self.levels[0].place(x, y)
    }

    /// The sum of the known cells beside each open one: to be written before [`Self::solve`].
    pub(super) fn load(&mut self) -> &mut [f32] {
        &mut self.levels[0].load
    }

    /// The surface, after [`Self::solve`].
    pub(super) fn values(&self) -> &[f32] {
        &self.levels[0].values
    }

    /// Finds the open cells. `start` is the value for a hole with nothing known around it.
    pub(super) fn solve(&mut self, start: f32) {
        if !self.has_wall {
            self.levels[0].values.fill(start);
            return;
        }
        let mut distance = 1.0_f32;
        for at in 1..self.levels.len() {
            let (finer, coarser) = self.levels.split_at_mut(at);
            gather(&finer[at - 1], &finer[at - 1].load, &mut coarser[0], shrink(distance));
            distance = coarser_distance(distance);
        }
        let last = self.levels.len() - 1;
        self.levels[last].values.fill(0.0);
        self.levels[last].relax(SWEEPS_COARSEST);
        for at in (0..last).rev() {
            let (finer, coarser) = self.levels.split_at_mut(at + 1);
            finer[at].set_between(&coarser[0]);
            if at == 0 {
                self.levels[at].relax(SWEEPS_FINEST);
            } else {
                self.cycle(at);
            }
        }
    }

    /// One V-cycle from grid `top`: what is still wrong is solved for on the coarser grids and added.
    fn cycle(&mut self, top: usize) {
        let last = self.levels.len() - 1;
        for at in top..last {
            self.levels[at].relax(SWEEPS);
            self.levels[at].find_defect();
            let (finer, coarser) = self.levels.split_at_mut(at + 1);
            gather(&finer[at], &finer[at].next, &mut coarser[0], 1.0);
            coarser[0].values.fill(0.0);
        }
        self.levels[last].relax(SWEEPS_COARSEST);
        for at in (top..last).rev() {
            let (finer, coarser) = self.levels.split_at_mut(at + 1);
            finer[at].add_between(&coarser[0]);
            self.levels[at].relax(SWEEPS);
        }
    }
}

/// Distance to a wall in cells, one grid further, where it is `distance` here.
fn coarser_distance(distance: f32) -> f32 {
    0.5 * distance + 0.25
}

/// What the weight of a link to a wall shrinks by, one grid further: it covers a longer way.
fn shrink(distance: f32) -> f32 {
    distance / (distance + 0.5)
}

impl Level {
    fn new(width: usize, height: usize) -> Self {
        let cells = vec![0.0; (width + 2) * (height + 2)];
        Self {
            width,
            height,
            right: cells.clone(),
            down: cells.clone(),
            wall: cells.clone(),
            weight: cells.clone(),
            inverse: cells.clone(),
            share: cells.clone(),
            values: cells.clone(),
            load: cells.clone(),
            next: cells,
            blend: vec![0.0; width.div_ceil(2) + 2],
        }
    }

    fn finest(
        width: usize,
        height: usize,
        open: impl Fn(usize, usize) -> bool,
        known: impl Fn(usize, usize) -> usize,
    ) -> Self {
        let mut finest = Self::new(width, height);
        let is_open = |x: usize, y: usize| x < width && y < height && open(x, y);
        for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
            if is_open(x, y) {
                let place = finest.place(x, y);
                finest.right[place] = f32::from(u8::from(is_open(x + 1, y)));
                finest.down[place] = f32::from(u8::from(is_open(x, y + 1)));
                finest.wall[place] = f32::from(u8::try_from(known(x, y)).unwrap_or(4));
                // Marks the cell as open until the links are summed.
                finest.inverse[place] = 1.0;
            }
        }
        finest.sum_links();
        finest
    }

    const fn stride(&self) -> usize {
        self.width + 2
    }

    const fn place(&self, x: usize, y: usize) -> usize {
        (y + 1) * self.stride() + x + 1
    }

    /// The places of row `y`, and those of the rows above and below begin a stride before and after.
    const fn row(&self, y: usize) -> std::ops::Range<usize> {
        let start = self.place(0, y);
        start..start + self.width
    }

    fn sum_links(&mut self) {
        let stride = self.stride();
        for place in (0..self.height).flat_map(|y| self.row(y)).collect::<Vec<_>>() {
            let sides = self.right[place - 1] + self.right[place];
            let sum = sides + self.down[place - stride] + self.down[place] + self.wall[place];
            let is_tied = self.inverse[place] > 0.0 && sum > 0.0;
            self.weight[place] = if is_tied { sum } else { 0.0 };
            self.inverse[place] = if is_tied { 1.0 / sum } else { 0.0 };
        }
    }

    /// The grid of half the size, where walls are `distance` cells away on this one.
    fn coarsened(&mut self, distance: f32) -> Option<Self> {
        if self.width.max(self.height) <= COARSEST {
            return None;
        }
        let mut coarser = Self::new(self.width.div_ceil(2), self.height.div_ceil(2));
        for (x, y) in (0..self.height).flat_map(|y| (0..self.width).map(move |x| (x, y))) {
            let (fine, coarse) = (self.place(x, y), coarser.place(x / 2, y / 2));
            if self.inverse[fine] > 0.0 {
                coarser.inverse[coarse] = 1.0;
                coarser.wall[coarse] += shrink(distance) * self.wall[fine];
                // Of two cells side by side the links cross twice the way.
                coarser.right[coarse] += if x % 2 == 1 { 0.5 * self.right[fine] } else { 0.0 };
                coarser.down[coarse] += if y % 2 == 1 { 0.5 * self.down[fine] } else { 0.0 };
            }
        }
        for y in 0..self.height {
            let row = self.row(y);
            let (blend, share) = (&mut self.blend, &mut self.share[row.clone()]);
            between(&coarser.inverse, coarser.stride(), y, blend, share);
            for (share, inverse) in share.iter_mut().zip(&self.inverse[row]) {
                *share = if *inverse > 0.0 { 1.0 / *share } else { 0.0 };
            }
        }
        coarser.sum_links();
        Some(coarser)
    }

    /// Sets the open cells to what lies between the open cells of the coarser grid.
    fn set_between(&mut self, coarser: &Self) {
        for y in 0..self.height {
            let (start, width) = (self.place(0, y), self.width);
            between(
                &coarser.values,
                coarser.stride(),
                y,
                &mut self.blend,
                &mut self.next[start..][..width],
            );
            let share = &self.share[start..][..width];
            let next = &self.next[start..][..width];
            let values = &mut self.values[start..][..width];
            for x in 0..width {
                values[x] = next[x] * share[x];
            }
        }
    }

    /// Adds to the open cells what lies between the cells of the coarser grid; walls stay.
    fn add_between(&mut self, coarser: &Self) {
        for y in 0..self.height {
            let (start, width) = (self.place(0, y), self.width);
            between(
                &coarser.values,
                coarser.stride(),
                y,
                &mut self.blend,
                &mut self.next[start..][..width],
            );
            let inverse = &self.inverse[start..][..width];
            let next = &self.next[start..][..width];
            let values = &mut self.values[start..][..width];
            for x in 0..width {
                values[x] += if inverse[x] > 0.0 { next[x] } else { 0.0 };
            }
        }
    }

    /// Writes into `next` by how much the links of each open cell pull it off its value.
    fn find_defect(&mut self) {
        let mut defect = std::mem::take(&mut self.next);
        for y in 0..self.height {
            let links = Links::of(self, y);
            let row = &mut defect[self.place(0, y)..][..links.width];
            for (x, defect) in row.iter_mut().enumerate() {
                *defect = links.pull(x) - links.weight[x] * links.values[x];
            }
        }
        self.next = defect;
    }

    /// Damped Jacobi sweeps.
    fn relax(&mut self, sweeps: usize) {
        for _ in 0..sweeps {
            let mut relaxed = std::mem::take(&mut self.next);
            for y in 0..self.height {
                let links = Links::of(self, y);
                let row = &mut relaxed[self.place(0, y)..][..links.width];
                for (x, relaxed) in row.iter_mut().enumerate() {
                    *relaxed = (1.0 - OMEGA) * links.values[x]
                        + OMEGA * (links.inverse[x] * links.pull(x));
                }
            }
            self.next = std::mem::replace(&mut self.values, relaxed);
        }
    }
}

/// Writes into the coarser grid's load the sums of `from` over what each of its cells stands for.
fn gather(finer: &Level, from: &[f32], coarser: &mut Level, weight: f32) {
    let stride = finer.stride();
    for y in 0..coarser.height {
        let row = coarser.row(y);
        let near = &from[finer.place(0, 2 * y)..][..finer.width];
        // The row below the last one is border: nothing is ever pulled there.
        let far = &from[finer.place(0, 2 * y) + stride..][..finer.width];
        let pairs = near.chunks(2).zip(far.chunks(2));
        for (load, (near, far)) in coarser.load[row].iter_mut().zip(pairs) {
            let second = near.get(1).unwrap_or(&0.0) + far.get(1).unwrap_or(&0.0);
            *load = weight * ((near[0] + far[0]) + second);
        }
    }
}

/// Writes into `to` what lies between the cells of a coarser grid at fine row `y`.
fn between(coarser: &[f32], stride: usize, y: usize, blend: &mut [f32], to: &mut [f32]) {
    let near = (y / 2 + 1) * stride;
    let far = if y.is_multiple_of(2) { near - stride } else { near + stride };
    let blend = &mut blend[..stride];
    let (near, far) = (&coarser[near..][..stride], &coarser[far..][..stride]);
    for x in 0..stride {
        blend[x] = 0.75 * near[x] + 0.25 * far[x];
    }
    for (cells, around) in to.chunks_mut(2).zip(blend.windows(3)) {
        cells[0] = 0.75 * around[1] + 0.25 * around[0];
        if let Some(cell) = cells.get_mut(1) {
            *cell = 0.75 * around[1] + 0.25 * around[2];
        }
    }
}

/// A row of a grid with its links, as slices of one length.
struct Links<'a> {
    width: usize,
    values: &'a [f32],
    load: &'a [f32],
    inverse: &'a [f32],
    weight: &'a [f32],
    left: (&'a [f32], &'a [f32]),
    right: (&'a [f32], &'a [f32]),
    above: (&'a [f32], &'a [f32]),
    below: (&'a [f32], &'a [f32]),
}

impl<'a> Links<'a> {
    #[inline(always)]
    fn of(level: &'a Level, y: usize) -> Self {
        let (start, stride, width) = (level.place(0, y), level.stride(), level.width);
        let slice = |of: &'a [f32], from: usize| &of[from..][..width];
        let values = &level.values;
        Self {
            width,
            values: slice(values, start),
            load: slice(&level.load, start),
            inverse: slice(&level.inverse, start),
            weight: slice(&level.weight, start),
            left: (slice(&level.right, start - 1), slice(values, start - 1)),
            right: (slice(&level.right, start), slice(values, start + 1)),
            above: (slice(&level.down, start - stride), slice(values, start - stride)),
            below: (slice(&level.down, start), slice(values, start + stride)),
        }
    }

    /// The sum over the links of cell `x`: weight times the value at the other end.
    #[inline(always)]
    fn pull(&self, x: usize) -> f32 {
        let sides = self.left.0[x] * self.left.1[x] + self.right.0[x] * self.right.1[x];
        let lines = self.above.0[x] * self.above.1[x] + self.below.0[x] * self.below.1[x];
        (sides + lines) + self.load[x]
    }
}
