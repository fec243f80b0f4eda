//! The smoothest surface over a hole: Laplace's equation by multigrid, on a grid of `f32`.
//!
//! Owns the solver. Known cells are fixed; at the sides where the picture ends nothing flows out
//! (the surface meets the edge level). All sums run in one fixed order, so that every CPU gives the
//! same bits. The grid of each level has a border of one cell.

/// Relaxation of the Jacobi sweeps.
const OMEGA: f32 = 0.8;
/// Sweeps while descending from the coarsest grid, and on the coarsest itself.
const SWEEPS: usize = 2;
const SWEEPS_COARSEST: usize = 24;
/// Corrections of the whole pyramid at the end.
const CYCLES: usize = 2;
/// A grid with no side longer than this is not coarsened.
const COARSEST: usize = 4;

/// Which sides of a grid are the picture's edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Edges {
    pub(super) left: bool,
    pub(super) top: bool,
    pub(super) right: bool,
    pub(super) bottom: bool,
}

/// One grid.
#[derive(Debug)]
struct Level {
    width: usize,
    height: usize,
    /// 1 where a cell is to be found, 0 where it is known; with the border.
    open: Vec<f32>,
    /// The surface (on the finest grid), then the correction (on the others); with the border.
    values: Vec<f32>,
    next: Vec<f32>,
    load: Vec<f32>,
}

/// A solver for one hole.
#[derive(Debug)]
pub(super) struct Membrane {
    levels: Vec<Level>,
    edges: Edges,
}

impl Membrane {
    /// A solver for a hole of `width` by `height` cells, `open` where a cell is to be found.
    pub(super) fn new(
        (width, height): (usize, usize),
        open: impl Fn(usize, usize) -> bool,
        edges: Edges,
    ) -> Self {
        let mut finest = Level::new(width, height);
        for y in 0..height {
            for x in 0..width {
                if open(x, y) {
                    let place = finest.place(x, y);
                    finest.open[place] = 1.0;
                }
            }
        }
        let mut levels = vec![finest];
        while let Some(coarser) = levels.last().and_then(Level::coarsened) {
            levels.push(coarser);
        }
        Self { levels, edges }
    }

    /// Cells from one row to the next in [`Self::cells`]; the border adds 2.
    pub(super) fn stride(&self) -> usize {
        self.levels[0].width + 2
    }

    /// The finest grid with its border: write the known cells before [`Self::solve`], read after.
    pub(super) fn cells(&mut self) -> &mut [f32] {
        &mut self.levels[0].values
    }

    /// Finds the open cells. `start` is the value for a hole with nothing known around it.
    pub(super) fn solve(&mut self, start: f32) {
        self.guess(start);
        for _ in 0..CYCLES {
            self.cycle();
        }
    }

    /// A first surface: known cells averaged upwards, the coarsest solved, each finer one smoothed.
    fn guess(&mut self, start: f32) {
        let edges = self.edges;
        for at in 1..self.levels.len() {
            let (finer, coarser) = self.levels.split_at_mut(at);
            finer[at - 1].average_known(&mut coarser[0]);
        }
        for (depth, at) in (0..self.levels.len()).rev().enumerate() {
            if depth == 0 {
                self.levels[at].flood(start, edges);
            } else {
                let (finer, coarser) = self.levels.split_at_mut(at + 1);
                finer[at].interpolate(&coarser[0], false);
            }
            self.levels[at].load.fill(0.0);
            let sweeps = if depth == 0 { SWEEPS_COARSEST } else { SWEEPS };
            self.levels[at].relax(sweeps, edges);
        }
    }

    /// One V-cycle: what is still wrong is solved for on the coarser grids and added.
    fn cycle(&mut self) {
        let edges = self.edges;
        let last = self.levels.len() - 1;
        for at in 0..last {
            self.levels[at].relax(SWEEPS, edges);
            let (finer, coarser) = self.levels.split_at_mut(at + 1);
            finer[at].residual_to(&mut coarser[0]);
        }
        let sweeps = if last == 0 { SWEEPS } else { SWEEPS_COARSEST };
        self.levels[last].relax(sweeps, edges);
        for at in (0..last).rev() {
            let (finer, coarser) = self.levels.split_at_mut(at + 1);
            finer[at].interpolate(&coarser[0], true);
            self.levels[at].relax(SWEEPS, edges);
        }
    }
}

impl Level {
    fn new(width: usize, height: usize) -> Self {
        let cells = vec![0.0; (width + 2) * (height + 2)];
        Self {
            width,
            height,
            open: cells.clone(),
            values: cells.clone(),
            next: cells.clone(),
            load: cells,
        }
    }

    const fn stride(&self) -> usize {
        self.width + 2
    }

    const fn place(&self, x: usize, y: usize) -> usize {
        (y + 1) * self.stride() + x + 1
    }

    /// The grid of half the size: a cell is open where all that it stands for is.
    fn coarsened(&self) -> Option<Self> {
        if self.width.max(self.height) <= COARSEST {
            return None;
        }
        let mut coarser = Self::new(self.width.div_ceil(2), self.height.div_ceil(2));
        for y in 0..coarser.height {
            for x in 0..coarser.width {
                let place = coarser.place(x, y);
                let all = self.under(x, y).all(|fine| self.open[fine] > 0.5);
                coarser.open[place] = f32::from(u8::from(all));
            }
        }
        Some(coarser)
    }

    /// The cells that cell `x`, `y` of the coarser grid stands for.
    fn under(&self, x: usize, y: usize) -> impl Iterator<Item = usize> {
        let columns = 2 * x..(2 * x + 2).min(self.width);
        let rows = 2 * y..(2 * y + 2).min(self.height);
        rows.flat_map(move |y| columns.clone().map(move |x| self.place(x, y)))
    }

    /// Writes the means of known cells into the coarser grid, and the border likewise.
    fn average_known(&self, coarser: &mut Self) {
        for y in 0..coarser.height {
            for x in 0..coarser.width {
                let (sum, count) = self
                    .under(x, y)
                    .filter(|fine| self.open[*fine] < 0.5)
                    .fold((0.0_f32, 0.0_f32), |(sum, count), fine| {
                        (sum + self.values[fine], count + 1.0)
                    });
                let place = coarser.place(x, y);
                coarser.values[place] = if count > 0.0 { sum / count } else { 0.0 };
            }
        }
        let (stride, coarse_stride) = (self.stride(), coarser.stride());
        let fine = |at: usize, size: usize| if at == 0 { 0 } else { (2 * at - 1).min(size) };
        let second = |at: usize, size: usize| if at == 0 { 0 } else { (2 * at).min(size) };
        for x in 0..=coarser.width {
            let (a, b) = (fine(x, self.width), second(x, self.width));
            let bottom = (self.height + 1) * stride;
            coarser.values[x] = 0.5 * (self.values[a] + self.values[b]);
            coarser.values[(coarser.height + 1) * coarse_stride + x] =
                0.5 * (self.values[bottom + a] + self.values[bottom + b]);
        }
        for y in 0..=coarser.height {
            let (a, b) = (fine(y, self.height) * stride, second(y, self.height) * stride);
            let right = self.width + 1;
            coarser.values[y * coarse_stride] = 0.5 * (self.values[a] + self.values[b]);
            coarser.values[y * coarse_stride + coarser.width + 1] =
                0.5 * (self.values[a + right] + self.values[b + right]);
        }
        let corner = coarser.values.len() - 1;
        coarser.values[corner] = self.values[self.values.len() - 1];
    }

    /// Gives every open cell the mean of the known ones, or `start` where there are none.
    fn flood(&mut self, start: f32, edges: Edges) {
        let (mut sum, mut count) = (0.0_f32, 0.0_f32);
        for y in 0..self.height + 2 {
            for x in 0..self.width + 2 {
                let outside = (x == 0 && edges.left)
                    || (y == 0 && edges.top)
                    || (x == self.width + 1 && edges.right)
                    || (y == self.height + 1 && edges.bottom);
                let place = y * self.stride() + x;
                if !outside && self.open[place] < 0.5 {
                    sum += self.values[place];
                    count += 1.0;
                }
            }
        }
        let mean = if count > 0.0 { sum / count } else { start };
        for (value, open) in self.values.iter_mut().zip(&self.open) {
            if *open > 0.5 {
                *value = mean;
            }
        }
    }

    /// Sets (or adds to) the open cells what lies between the cells of the coarser grid.
    fn interpolate(&mut self, coarser: &Self, add: bool) {
        let (stride, coarse_stride) = (self.stride(), coarser.stride());
        let keep = if add { 1.0 } else { 0.0 };
        for y in 0..self.height {
            let near = (y / 2 + 1) * coarse_stride;
            let far = if y % 2 == 0 { near - coarse_stride } else { near + coarse_stride };
            let start = (y + 1) * stride + 1;
            let values = &mut self.values[start..start + self.width];
            let open = &self.open[start..start + self.width];
            let (near, far) = (&coarser.values[near..], &coarser.values[far..]);
            for (x, (value, open)) in values.iter_mut().zip(open).enumerate() {
                let a = x / 2 + 1;
                let b = if x % 2 == 0 { a - 1 } else { a + 1 };
                let between = 0.5625 * near[a] + 0.1875 * (near[b] + far[a]) + 0.0625 * far[b];
                let whole = keep * *value + between;
                *value = if *open > 0.5 { whole } else { *value };
            }
        }
    }

    /// Loads the coarser grid with what is wrong here, and starts its correction at nothing.
    fn residual_to(&mut self, coarser: &mut Self) {
        let stride = self.stride();
        for y in 0..self.height {
            let start = (y + 1) * stride + 1;
            let row = Row::of([&self.values, &self.load, &self.open], start, stride, self.width);
            let next = &mut self.next[start..start + self.width];
            for (x, residual) in next.iter_mut().enumerate() {
                *residual = row.open[x] * row.defect(x);
            }
        }
        coarser.values.fill(0.0);
        for y in 0..coarser.height {
            for x in 0..coarser.width {
                let place = coarser.place(x, y);
                // Four times the mean: the grid is twice as wide, the operator goes by its square.
                let (sum, count) =
                    self.under(x, y).fold((0.0_f32, 0.0_f32), |(sum, count), fine| {
                        (sum + self.next[fine], count + 1.0)
                    });
                coarser.load[place] = coarser.open[place] * sum * 4.0 / count;
            }
        }
    }

    /// Damped Jacobi sweeps; known cells and the border stay.
    fn relax(&mut self, sweeps: usize, edges: Edges) {
        let stride = self.stride();
        for _ in 0..sweeps {
            self.mirror(edges);
            for y in 0..self.height {
                let start = (y + 1) * stride + 1;
                let row =
                    Row::of([&self.values, &self.load, &self.open], start, stride, self.width);
                let next = &mut self.next[start..start + self.width];
                for (x, next) in next.iter_mut().enumerate() {
                    *next = row.middle[x] + OMEGA * row.open[x] * row.defect(x);
                }
            }
            for y in 0..self.height {
                let row = (y + 1) * stride;
                self.next[row] = self.values[row];
                self.next[row + self.width + 1] = self.values[row + self.width + 1];
            }
            let bottom = (self.height + 1) * stride;
            self.next[..stride].copy_from_slice(&self.values[..stride]);
            self.next[bottom..].copy_from_slice(&self.values[bottom..]);
            std::mem::swap(&mut self.values, &mut self.next);
        }
        self.mirror(edges);
    }

    /// At the picture's edge the border repeats the cells beside it.
    fn mirror(&mut self, edges: Edges) {
        let stride = self.stride();
        for y in 0..self.height + 2 {
            let row = y * stride;
            if edges.left {
                self.values[row] = self.values[row + 1];
            }
            if edges.right {
                self.values[row + self.width + 1] = self.values[row + self.width];
            }
        }
        let last = (self.height + 1) * stride;
        if edges.top {
            self.values.copy_within(stride..2 * stride, 0);
        }
        if edges.bottom {
            self.values.copy_within(last - stride..last, last);
        }
    }
}

/// A row of a grid and its neighbours, as slices of one length.
struct Row<'a> {
    above: &'a [f32],
    left: &'a [f32],
    middle: &'a [f32],
    right: &'a [f32],
    below: &'a [f32],
    load: &'a [f32],
    open: &'a [f32],
}

impl<'a> Row<'a> {
    fn of([values, load, open]: [&'a [f32]; 3], start: usize, stride: usize, width: usize) -> Self {
        Self {
            above: &values[start - stride..][..width],
            left: &values[start - 1..][..width],
            middle: &values[start..][..width],
            right: &values[start + 1..][..width],
            below: &values[start + stride..][..width],
            load: &load[start..][..width],
            open: &open[start..][..width],
        }
    }

    /// How far cell `x` is from the mean of its neighbours and its load.
    fn defect(&self, x: usize) -> f32 {
        let around = (self.left[x] + self.right[x]) + (self.above[x] + self.below[x]);
        0.25 * around + self.load[x] - self.middle[x]
    }
}
