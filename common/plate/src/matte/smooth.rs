//! Smoothing of one plane by binomial kernels, and filling of a hole from coarse to fine.
//!
//! Owns sums over neighbours, each in one fixed order. Knows nothing of overlays.

/// Binomial weights of 2 * `radius` + 1 neighbours; their deviation is the square root of radius / 2.
fn binomial(radius: usize) -> Vec<f32> {
    let mut row = vec![1.0_f32];
    for _ in 0..2 * radius {
        let mut next = vec![1.0; row.len() + 1];
        for at in 1..row.len() {
            next[at] = row[at - 1] + row[at];
        }
        row = next;
    }
    let sum: f32 = row.iter().sum();
    row.iter().map(|weight| weight / sum).collect()
}

/// A smoother for planes of one size. Holds two planes of work space.
#[derive(Debug)]
pub(super) struct Smoother {
    width: usize,
    height: usize,
    kernel: Vec<f32>,
    rows: Vec<f32>,
    padded: Vec<f32>,
}

impl Smoother {
    pub(super) fn new(width: usize, height: usize, radius: usize) -> Self {
        let kernel = binomial(radius);
        let rows = vec![0.0; width * height];
        Self { width, height, kernel, rows, padded: vec![0.0; width + 2 * radius] }
    }

    /// The weight that a sample has in its own mean.
    pub(super) fn own(&self) -> f32 {
        let middle = self.kernel[self.kernel.len() / 2];
        middle * middle
    }

    /// Smooths `from` into `to`; what lies outside the plane counts as 0.
    pub(super) fn smooth(&mut self, from: &[f32], to: &mut [f32]) {
        let (width, height) = (self.width, self.height);
        let radius = self.kernel.len() / 2;
        let lines = from.chunks_exact(width).zip(self.rows.chunks_exact_mut(width));
        for (line, smoothed) in lines {
            self.padded[radius..radius + width].copy_from_slice(line);
            smoothed.fill(0.0);
            for (at, weight) in self.kernel.iter().enumerate() {
                for (sum, value) in smoothed.iter_mut().zip(&self.padded[at..at + width]) {
                    *sum += weight * value;
                }
            }
        }
        for (y, smoothed) in to.chunks_exact_mut(width).enumerate() {
            smoothed.fill(0.0);
            let rows = y.saturating_sub(radius)..(y + radius + 1).min(height);
            for row in rows {
                let weight = self.kernel[row + radius - y];
                let line = &self.rows[row * width..][..width];
                for (sum, value) in smoothed.iter_mut().zip(line) {
                    *sum += weight * value;
                }
            }
        }
    }
}

/// Fills what has no weight from what has some: halves until all is known, then doubles back.
pub(super) fn fill(width: usize, height: usize, values: &mut [f32], weights: &[f32]) {
    let mut weights = weights.to_vec();
    fill_level(width, height, values, &mut weights);
}

fn fill_level(width: usize, height: usize, values: &mut [f32], weights: &mut [f32]) {
    if weights.iter().all(|weight| *weight > 0.0) || (width == 1 && height == 1) {
        return;
    }
    let (w, h) = (width.div_ceil(2), height.div_ceil(2));
    let mut coarse = vec![0.0; w * h];
    let mut coarse_weights = vec![0.0; w * h];
    for y in 0..height {
        for x in 0..width {
            let weight = weights[y * width + x];
            coarse[y / 2 * w + x / 2] += weight * values[y * width + x];
            coarse_weights[y / 2 * w + x / 2] += weight;
        }
    }
    for (value, weight) in coarse.iter_mut().zip(&mut coarse_weights) {
        if *weight > 0.0 {
            *value /= *weight;
            *weight = weight.min(1.0);
        }
    }
    fill_level(w, h, &mut coarse, &mut coarse_weights);
    for y in 0..height {
        for x in 0..width {
            let at = y * width + x;
            if weights[at] <= 0.0 {
                let beside_x = beside(x, w);
                let beside_y = beside(y, h);
                let near = |x: usize, y: usize| coarse[y * w + x];
                values[at] = (9.0 * near(x / 2, y / 2)
                    + 3.0 * (near(beside_x, y / 2) + near(x / 2, beside_y))
                    + near(beside_x, beside_y))
                    / 16.0;
                weights[at] = 1.0;
            }
        }
    }
}

/// The second nearest of the `count` coarse cells to the fine cell at `at`.
fn beside(at: usize, count: usize) -> usize {
    let own = at / 2;
    if at.is_multiple_of(2) { own.saturating_sub(1) } else { (own + 1).min(count - 1) }
}
