//! Spreads values from where they are sure to where they are not: by halving and doubling the grid.

/// Sweeps that smooth what was spread.
const SWEEPS: usize = 3;

/// A grid of values, each with a weight from 0 (unknown) to 1 (sure).
#[derive(Debug, Clone)]
pub(super) struct Grid {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) values: Vec<f32>,
    pub(super) weights: Vec<f32>,
}

impl Grid {
    /// Mixes into each value, as far as it is not sure, what lies around it.
    pub(super) fn spread(&mut self) {
        self.pull_and_push();
        for _ in 0..SWEEPS {
            self.smooth();
        }
    }

    /// As [`Self::spread`] for what is smooth by nature: on a grid of a quarter of the size, which costs
    /// little; sure values are averaged over its cells.
    pub(super) fn spread_smooth(&mut self) {
        let mut half = self.halved();
        let mut quarter = half.halved();
        quarter.spread();
        half.set_between(&quarter);
        self.set_between(&half);
    }

    /// Sets every value to what lies between the cells of the grid of half the size.
    fn set_between(&mut self, coarser: &Self) {
        let mut line = vec![0.0_f32; coarser.width];
        for (y, row) in self.values.chunks_exact_mut(self.width).enumerate() {
            let (near, far) = beside(y, coarser.height);
            let near = &coarser.values[near * coarser.width..][..coarser.width];
            let far = &coarser.values[far * coarser.width..][..coarser.width];
            for ((line, near), far) in line.iter_mut().zip(near).zip(far) {
                *line = 0.75 * near + 0.25 * far;
            }
            for (x, value) in row.iter_mut().enumerate() {
                let (close, off) = beside(x, coarser.width);
                *value = 0.75 * line[close] + 0.25 * line[off];
            }
        }
    }

    fn pull_and_push(&mut self) {
        if self.width < 2 && self.height < 2 {
            return;
        }
        let mut coarser = self.halved();
        coarser.pull_and_push();
        for y in 0..self.height {
            let row = y * self.width;
            let (near, far) = beside(y, coarser.height);
            for x in 0..self.width {
                let weight = self.weights[row + x];
                if weight >= 1.0 {
                    continue;
                }
                let (close, off) = beside(x, coarser.width);
                let at = |x: usize, y: usize| coarser.values[y * coarser.width + x];
                let line = 0.75 * at(close, near) + 0.25 * at(off, near);
                let other = 0.75 * at(close, far) + 0.25 * at(off, far);
                let around = 0.75 * line + 0.25 * other;
                let value = &mut self.values[row + x];
                *value = weight * *value + (1.0 - weight) * around;
            }
        }
    }

    fn halved(&self) -> Self {
        let (width, height) = (self.width.div_ceil(2), self.height.div_ceil(2));
        let mut values = Vec::with_capacity(width * height);
        let mut weights = Vec::with_capacity(width * height);
        for y in 0..height {
            let below = (2 * y + 1).min(self.height - 1) * self.width;
            let above = 2 * y * self.width;
            let has_below = if 2 * y + 1 < self.height { 1.0 } else { 0.0 };
            for x in 0..width {
                let (left, right) = (2 * x, (2 * x + 1).min(self.width - 1));
                let has_right = if 2 * x + 1 < self.width { 1.0 } else { 0.0 };
                let a = self.weights[above + left];
                let b = self.weights[above + right] * has_right;
                let c = self.weights[below + left] * has_below;
                let d = self.weights[below + right] * has_right * has_below;
                let weight = (a + b) + (c + d);
                let sum = (a * self.values[above + left] + b * self.values[above + right])
                    + (c * self.values[below + left] + d * self.values[below + right]);
                values.push(if weight > 0.0 { sum / weight } else { 0.0 });
                weights.push(weight.min(1.0));
            }
        }
        Self { width, height, values, weights }
    }

    fn smooth(&mut self) {
        let (width, height) = (self.width, self.height);
        let before = self.values.clone();
        for (y, values) in self.values.chunks_exact_mut(width).enumerate() {
            let line = |y: usize| &before[y * width..][..width];
            let (above, here) = (line(y.saturating_sub(1)), line(y));
            let below = line((y + 1).min(height - 1));
            let weights = &self.weights[y * width..][..width];
            for (x, value) in values.iter_mut().enumerate() {
                let weight = weights[x];
                let (left, right) = (x.saturating_sub(1), (x + 1).min(width - 1));
                let around = (here[left] + here[right]) + (above[x] + below[x]);
                let mixed = weight * here[x] + (1.0 - weight) * 0.25 * around;
                *value = if weight >= 1.0 { here[x] } else { mixed };
            }
        }
    }
}

/// The cells of the coarser grid next to cell `at`: the one that holds it, and the nearest other.
fn beside(at: usize, count: usize) -> (usize, usize) {
    let near = at / 2;
    let far = if at.is_multiple_of(2) { near.saturating_sub(1) } else { (near + 1).min(count - 1) };
    (near, far)
}
