//! PP-OCR's map to lines of text: what is likely, connected, and likely enough in all of its rectangle.
//!
//! Owns the steps of differentiable binarisation after the network. Refuses to read: where text is, not what.

use super::View;
use super::boxes::{Candidate, Shape};
use super::outline::Turned;

/// From which value on a sample belongs to a line: the package's own setting.
const LIKELY: f32 = 0.3;
/// How far a line is grown, since the network marks its core: area times this by circumference, the package's own
/// setting.
const GROWTH: f32 = 1.6;
/// Least short side of a line's core, in samples of the map.
const SHORT_MIN: f32 = 3.0;
/// How much smaller than the upright rectangle a turned one must be to be worth a mask.
const TURNED_GAIN: f32 = 1.15;
/// Most lines that are taken from a map: the package's own setting. The first from the top.
const LINES_MAX: usize = 1000;

/// The lines of a map `[1, rows, columns]` that score at least `threshold`; `None` where the map is another.
pub(super) fn read(map: &View<'_>, threshold: f32) -> Option<Vec<Candidate>> {
    let [1, rows, columns] = *map.dims else { return None };
    let grid = Grid { values: map.values, rows, columns };
    let lines = grid.connected().into_iter().take(LINES_MAX);
    Some(lines.filter_map(|line| candidate(&grid, &line, threshold)).collect())
}

fn candidate(grid: &Grid<'_>, line: &Line, threshold: f32) -> Option<Candidate> {
    let core = Turned::around(&line.corners())?;
    let score = grid.mean_in(&core);
    if core.half.0.min(core.half.1) * 2.0 < SHORT_MIN || score < threshold {
        return None;
    }
    let distance = core.area() * GROWTH / (4.0 * (core.half.0 + core.half.1));
    let grown = core.grown(distance);
    let [left, top, right, bottom] = grown.bounds();
    let upright = (right - left) * (bottom - top);
    if upright > TURNED_GAIN * grown.area() {
        let corners = [left, top, right, bottom];
        let shape = Some(Shape::Turned(grown.corners()));
        return Some(Candidate { corners, score, class: 0, shape, source: 0 });
    }
    // Upright: its own bounds, which noise in the direction does not widen.
    let [left, top, right, bottom] = line.bounds();
    let (wide, tall) = (right - left, bottom - top);
    let distance = wide * tall * GROWTH / (2.0 * (wide + tall));
    let corners = [left - distance, top - distance, right + distance, bottom + distance];
    Some(Candidate { corners, score, class: 0, shape: None, source: 0 })
}

/// The map.
#[derive(Debug, Clone, Copy)]
struct Grid<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
}

/// The rows of a connected part: each with its first column and the one after its last.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    first_row: usize,
    extents: Vec<(usize, usize)>,
}

impl Grid<'_> {
    /// The parts of likely samples that touch at a side or a corner, from the top.
    fn connected(&self) -> Vec<Line> {
        let mut open: Vec<bool> = self.values.iter().map(|value| *value > LIKELY).collect();
        let mut found = Vec::new();
        for start in 0..open.len() {
            if open.get(start).copied().unwrap_or(false) {
                found.push(self.take(start, &mut open));
            }
        }
        found
    }

    /// Takes the part that `start` belongs to out of the `open` samples. No sample of it is above that one.
    fn take(&self, start: usize, open: &mut [bool]) -> Line {
        let first_row = start / self.columns;
        let mut extents: Vec<(usize, usize)> = Vec::new();
        let mut waiting = vec![start];
        clear(open, start);
        while let Some(index) = waiting.pop() {
            let (row, column) = (index / self.columns, index % self.columns);
            let depth = row - first_row;
            if extents.len() <= depth {
                extents.resize(depth + 1, (usize::MAX, 0));
            }
            if let Some((first, end)) = extents.get_mut(depth) {
                (*first, *end) = ((*first).min(column), (*end).max(column + 1));
            }
            let rows = row.saturating_sub(1)..(row + 2).min(self.rows);
            for near in rows {
                for side in column.saturating_sub(1)..(column + 2).min(self.columns) {
                    let near = near * self.columns + side;
                    if clear(open, near) {
                        waiting.push(near);
                    }
                }
            }
        }
        Line { first_row, extents }
    }

    /// Mean of the map over the samples whose middle lies in `area`.
    fn mean_in(&self, area: &Turned) -> f32 {
        let [left, top, right, bottom] = area.bounds();
        let (first, end) = (index(left, self.columns), index(right + 1.0, self.columns));
        let (upper, lower) = (index(top, self.rows), index(bottom + 1.0, self.rows));
        // In 64 bits: a line may cover a hundred thousand samples.
        let (mut sum, mut count) = (0.0_f64, 0.0_f64);
        for row in upper..lower {
            for column in first..end {
                if area.holds((place(column) + 0.5, place(row) + 0.5)) {
                    let value = self.values.get(row * self.columns + column).copied();
                    sum += f64::from(value.unwrap_or(0.0));
                    count += 1.0;
                }
            }
        }
        if count > 0.0 { narrow(sum / count) } else { 0.0 }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a mean of 32-bit floats")]
const fn narrow(mean: f64) -> f32 {
    mean as f32
}

/// Clears a sample; whether it was set.
fn clear(open: &mut [bool], index: usize) -> bool {
    open.get_mut(index).is_some_and(std::mem::take)
}

impl Line {
    /// Corners of the samples at both ends of every row.
    fn corners(&self) -> Vec<(f32, f32)> {
        let rows = self.extents.iter().enumerate().filter(|(_, (first, end))| first < end);
        let corners = rows.flat_map(|(depth, (first, end))| {
            let (top, bottom) = (place(self.first_row + depth), place(self.first_row + depth + 1));
            let (left, right) = (place(*first), place(*end));
            [(left, top), (right, top), (left, bottom), (right, bottom)]
        });
        corners.collect()
    }

    /// Left, top, right, bottom.
    fn bounds(&self) -> [f32; 4] {
        let left = self.extents.iter().map(|extent| extent.0).min().unwrap_or(0);
        let right = self.extents.iter().map(|extent| extent.1).max().unwrap_or(0);
        let bottom = self.first_row + self.extents.len();
        [place(left), place(self.first_row), place(right), place(bottom)]
    }
}

#[expect(clippy::cast_precision_loss, reason = "sides are below 2^15")]
const fn place(index: usize) -> f32 {
    index as f32
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "clamped to the map, whose sides are below 2^15"
)]
fn index(at: f32, count: usize) -> usize {
    at.floor().clamp(0.0, count as f32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: usize = 60;
    const ROWS: usize = 40;

    fn read_map(likely: impl Fn(usize, usize) -> f32) -> Vec<Candidate> {
        let values: Vec<f32> =
            (0..ROWS * COLUMNS).map(|index| likely(index % COLUMNS, index / COLUMNS)).collect();
        read(&View { dims: &[1, ROWS, COLUMNS], values: &values }, 0.6).unwrap()
    }

    fn within(at: usize, low: usize, high: usize) -> bool {
        (low..high).contains(&at)
    }

    #[test]
    fn a_line_is_grown_by_its_area_and_circumference() {
        let lines = read_map(|x, y| if within(x, 10, 50) && within(y, 10, 20) { 0.9 } else { 0.0 });
        assert_eq!(lines.len(), 1);
        // 40 by 10: 400 * 1.6 / 100.
        let pairs = lines[0].corners.into_iter().zip([3.6, 3.6, 56.4, 26.4]);
        let far = |(found, expected): (f32, f32)| (found - expected).abs();
        assert!(pairs.map(far).all(|far| far < 1e-3), "{lines:?}");
        assert!((lines[0].score - 0.9).abs() < 1e-3 && lines[0].shape.is_none());
    }

    #[test]
    fn two_lines_are_two_and_what_touches_is_one() {
        let two = read_map(|x, y| {
            if within(x, 5, 50) && (within(y, 5, 9) || within(y, 20, 24)) { 0.9 } else { 0.0 }
        });
        assert_eq!(two.len(), 2);
        // Blocks that meet in a corner.
        let one = read_map(|x, y| {
            let corner =
                within(x, 5, 25) && within(y, 5, 15) || within(x, 25, 45) && within(y, 15, 25);
            if corner {
                0.95
            } else {
                0.35 * f32::from(u8::from(within(x, 5, 45) && within(y, 5, 25)))
            }
        });
        assert_eq!(one.len(), 1);
    }

    #[test]
    fn what_is_unlikely_or_thin_is_no_line() {
        assert!(
            read_map(|x, y| if within(x, 10, 50) && within(y, 10, 20) { 0.5 } else { 0.0 })
                .is_empty()
        );
        assert!(
            read_map(|x, y| if within(x, 10, 50) && within(y, 10, 12) { 0.9 } else { 0.0 })
                .is_empty()
        );
        assert!(read_map(|_, _| 0.0).is_empty());
    }

    #[test]
    fn a_turned_line_has_a_mask_and_an_upright_one_has_none() {
        // A band along the diagonal.
        let lines = read_map(|x, y| {
            let across = x.abs_diff(y);
            if across < 5 && within(x + y, 20, 70) { 0.9 } else { 0.0 }
        });
        assert_eq!(lines.len(), 1);
        let Some(Shape::Turned(corners)) = &lines[0].shape else { panic!("{lines:?}") };
        let [left, _, right, _] = lines[0].corners;
        assert!(corners.iter().all(|corner| corner.0 >= left - 0.1 && corner.0 <= right + 0.1));
    }

    #[test]
    fn a_map_of_another_shape_is_refused() {
        assert!(read(&View { dims: &[2, 4, 4], values: &[0.0; 32] }, 0.6).is_none());
        assert!(read(&View { dims: &[1, 1, 4, 4], values: &[0.0; 16] }, 0.6).is_none());
    }
}
