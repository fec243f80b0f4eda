//! The grids of a membrane: the links between the cells of a hole, fine and coarse, as the engine ties
//! them. Made once for a hole, on the CPU; only loads and values change from frame to frame.

/// A grid with no side longer than this is not coarsened: the engine's.
const COARSEST: usize = 4;

/// The links of one grid: numbers for each cell, and a border of one cell that is never open.
#[derive(Debug)]
pub(super) struct Links {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Weight of the link from an open cell to the next open one: to the right, and down.
    pub(super) right: Vec<f32>,
    pub(super) down: Vec<f32>,
    /// Weight of the links to known samples.
    wall: Vec<f32>,
    /// Weight of all links of an open cell, and 1 over it; 0 where the cell is not open.
    pub(super) weight: Vec<f32>,
    pub(super) inverse: Vec<f32>,
    /// 1 over the share of the coarser grid's cells around an open one that are open themselves.
    pub(super) share: Vec<f32>,
}

/// The grids of a hole of `width` by `height` cells, the finest first: `open` where a cell is to be
/// found, `known` for how many known samples are beside one. None where nothing is known beside any.
pub(super) fn grids(
    (width, height): (usize, usize),
    open: impl Fn(usize, usize) -> bool,
    known: impl Fn(usize, usize) -> u8,
) -> Vec<Links> {
    let finest = Links::finest((width, height), open, known);
    if finest.wall.iter().all(|wall| *wall <= 0.0) {
        return Vec::new();
    }
    let mut grids = vec![finest];
    let mut distance = 1.0_f32;
    while let Some(coarser) = grids.last_mut().and_then(|finer| finer.coarsened(distance)) {
        distance = coarser_distance(distance);
        grids.push(coarser);
    }
    grids
}

/// Distance to a wall in cells, one grid further, where it is `distance` here.
pub(super) fn coarser_distance(distance: f32) -> f32 {
    0.5 * distance + 0.25
}

/// What the weight of a link to a wall shrinks by, one grid further: it covers a longer way.
pub(super) fn shrink(distance: f32) -> f32 {
    distance / (distance + 0.5)
}

impl Links {
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
            share: cells,
        }
    }

    fn finest(
        (width, height): (usize, usize),
        open: impl Fn(usize, usize) -> bool,
        known: impl Fn(usize, usize) -> u8,
    ) -> Self {
        let mut finest = Self::new(width, height);
        let is_open = |x: usize, y: usize| x < width && y < height && open(x, y);
        let link = |is_open: bool| f32::from(u8::from(is_open));
        for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
            if is_open(x, y) {
                let place = finest.place(x, y);
                finest.right[place] = link(is_open(x + 1, y));
                finest.down[place] = link(is_open(x, y + 1));
                finest.wall[place] = f32::from(known(x, y));
                // Marks the cell as open until the links are summed.
                finest.inverse[place] = 1.0;
            }
        }
        finest.sum();
        finest
    }

    const fn place(&self, x: usize, y: usize) -> usize {
        (y + 1) * (self.width + 2) + x + 1
    }

    fn sum(&mut self) {
        let stride = self.width + 2;
        for (x, y) in (0..self.height).flat_map(|y| (0..self.width).map(move |x| (x, y))) {
            let place = self.place(x, y);
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
        for (x, y) in (0..self.height).flat_map(|y| (0..self.width).map(move |x| (x, y))) {
            let place = self.place(x, y);
            if self.inverse[place] > 0.0 {
                self.share[place] = 1.0 / coarser.open_around(x, y);
            }
        }
        coarser.sum();
        Some(coarser)
    }

    /// How much of what lies around a cell of the finer grid is open here, before links are summed.
    fn open_around(&self, x: usize, y: usize) -> f32 {
        let stride = self.width + 2;
        let near = self.place(x / 2, y / 2);
        let far = if y.is_multiple_of(2) { near - stride } else { near + stride };
        let blend = |near: usize, far: usize| 0.75 * self.inverse[near] + 0.25 * self.inverse[far];
        let own = blend(near, far);
        let beside =
            if x.is_multiple_of(2) { blend(near - 1, far - 1) } else { blend(near + 1, far + 1) };
        0.75 * own + 0.25 * beside
    }
}
