//! The structural similarity of two planes around each sample of a rectangle.
//!
//! Windows of 7 by 7 samples with equal weights, cut off at the edges of the plane; variances divided by
//! the number of samples; `C1 = (0.01 * 255)^2`, `C2 = (0.03 * 255)^2` (Wang et al. 2004).

use super::picture::{Area, Plane, Size};

/// Samples from the middle of a window to its edge.
const REACH: usize = 3;
const C1: f64 = (0.01 * 255.0) * (0.01 * 255.0);
const C2: f64 = (0.03 * 255.0) * (0.03 * 255.0);

/// The similarity at each sample of `area`, row by row.
///
/// # Panics
/// Where the planes are not of one size.
#[must_use]
pub fn map(one: Plane<'_>, other: Plane<'_>, area: Area) -> Vec<f64> {
    assert_eq!(one.size, other.size, "planes of one size are compared");
    let around = area.grown(REACH, one.size);
    let sums = Sums::new(one, other, around);
    let row = |y: usize| (area.x..area.right()).map(move |x| (x, y));
    (area.y..area.bottom()).flat_map(row).map(|place| similarity(&sums, place, one.size)).collect()
}

fn similarity(sums: &Sums, (x, y): (usize, usize), size: Size) -> f64 {
    let window = Area { x, y, width: 1, height: 1 }.grown(REACH, size);
    let count = (window.width * window.height) as f64;
    let [a, b, aa, bb, ab] = sums.over(window).map(|sum| sum as f64 / count);
    let (var_a, var_b, both) = (aa - a * a, bb - b * b, ab - a * b);
    let (light, texture) = (2.0 * a * b + C1, 2.0 * both + C2);
    light * texture / ((a * a + b * b + C1) * (var_a + var_b + C2))
}

/// Sums of both planes, of their squares and of their product over every rectangle from the upper left
/// corner of `around`.
struct Sums {
    around: Area,
    sums: Vec<[u64; 5]>,
}

impl Sums {
    fn new(one: Plane<'_>, other: Plane<'_>, around: Area) -> Self {
        let stride = around.width + 1;
        let mut sums = vec![[0; 5]; stride * (around.height + 1)];
        for row in 0..around.height {
            let start = (around.y + row) * one.size.width + around.x;
            let levels = one.samples[start..start + around.width].iter();
            let levels = levels.zip(&other.samples[start..start + around.width]);
            let mut line = [0_u64; 5];
            for (column, (a, b)) in levels.enumerate() {
                let (a, b) = (u64::from(*a), u64::from(*b));
                let above = sums[row * stride + column + 1];
                let here = &mut sums[(row + 1) * stride + column + 1];
                for (index, value) in [a, b, a * a, b * b, a * b].into_iter().enumerate() {
                    line[index] += value;
                    here[index] = above[index] + line[index];
                }
            }
        }
        Self { around, sums }
    }

    fn over(&self, window: Area) -> [u64; 5] {
        let stride = self.around.width + 1;
        let (left, top) = (window.x - self.around.x, window.y - self.around.y);
        let at = |column: usize, row: usize| self.sums[row * stride + column];
        let (right, bottom) = (left + window.width, top + window.height);
        let (all, above) = (at(right, bottom), at(right, top));
        let (before, corner) = (at(left, bottom), at(left, top));
        std::array::from_fn(|i| all[i] + corner[i] - above[i] - before[i])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { width: 12, height: 10 };
    const ALL: Area = Area { x: 0, y: 0, width: 12, height: 10 };

    fn textured(shift: usize) -> Vec<u8> {
        (0..SIZE.area()).map(|at| ((at * 53 + at / 12 * 17 + shift) % 256) as u8).collect()
    }

    fn compared(a: &[u8], b: &[u8], area: Area) -> Vec<f64> {
        let plane = |samples| Plane { samples, size: SIZE };
        map(plane(a), plane(b), area)
    }

    #[test]
    fn what_is_equal_is_alike_everywhere() {
        let one = textured(0);
        assert!(compared(&one, &one, ALL).iter().all(|value| (value - 1.0).abs() < 1e-12));
    }

    #[test]
    fn flat_planes_differ_by_their_light_alone() {
        let (a, b) = (vec![100; SIZE.area()], vec![120; SIZE.area()]);
        let want = (2.0 * 100.0 * 120.0 + C1) / (100.0 * 100.0 + 120.0 * 120.0 + C1);
        assert!(compared(&a, &b, ALL).iter().all(|value| (value - want).abs() < 1e-12));
    }

    #[test]
    fn it_is_what_the_definition_gives_sample_by_sample() {
        let (a, b) = (textured(0), textured(31));
        let area = Area { x: 1, y: 4, width: 9, height: 6 };
        let have = compared(&a, &b, area);
        for (place, value) in area.places(SIZE.width).zip(have) {
            let (x, y) = (place % SIZE.width, place / SIZE.width);
            let near = |at: usize, size: usize| at.saturating_sub(3)..(at + 4).min(size);
            let places: Vec<usize> = near(y, SIZE.height)
                .flat_map(|v| near(x, SIZE.width).map(move |u| v * SIZE.width + u))
                .collect();
            let mean = |of: &dyn Fn(usize) -> f64| {
                places.iter().map(|at| of(*at)).sum::<f64>() / places.len() as f64
            };
            let (level_a, level_b) = (|at: usize| f64::from(a[at]), |at: usize| f64::from(b[at]));
            let (mean_a, mean_b) = (mean(&level_a), mean(&level_b));
            let var_a = mean(&|at| (level_a(at) - mean_a).powi(2));
            let var_b = mean(&|at| (level_b(at) - mean_b).powi(2));
            let both = mean(&|at| (level_a(at) - mean_a) * (level_b(at) - mean_b));
            let want = (2.0 * mean_a * mean_b + C1) * (2.0 * both + C2)
                / ((mean_a.powi(2) + mean_b.powi(2) + C1) * (var_a + var_b + C2));
            assert!((value - want).abs() < 1e-9, "{x},{y}: {value} is not {want}");
        }
    }
}
