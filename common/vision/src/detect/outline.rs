//! The smallest rectangle around some points, turned as it needs to be.
//!
//! Owns the hull and the search over its edges. Refuses pictures: points in, corners out.

/// A rectangle that may be turned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Turned {
    /// Its middle.
    pub(super) middle: (f32, f32),
    /// Unit vector along its first side.
    pub(super) along: (f32, f32),
    /// Half of its first side and half of its second.
    pub(super) half: (f32, f32),
}

impl Turned {
    /// The smallest one around `points`; `None` where they span no area.
    pub(super) fn around(points: &[(f32, f32)]) -> Option<Self> {
        let hull = hull(points);
        let edges = hull.iter().zip(hull.iter().cycle().skip(1));
        let all = edges.filter_map(|(from, to)| Self::along(&hull, (to.0 - from.0, to.1 - from.1)));
        all.min_by(|one, other| one.area().total_cmp(&other.area()))
    }

    /// The one whose first side has the direction `edge`.
    fn along(hull: &[(f32, f32)], edge: (f32, f32)) -> Option<Self> {
        let length = edge.0.hypot(edge.1);
        if length < 1e-6 {
            return None;
        }
        let along = (edge.0 / length, edge.1 / length);
        let across = (-along.1, along.0);
        let extent = |axis: (f32, f32)| {
            let places = hull.iter().map(|point| point.0 * axis.0 + point.1 * axis.1);
            places.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), at| {
                (low.min(at), high.max(at))
            })
        };
        let ((first, last), (top, bottom)) = (extent(along), extent(across));
        let (a, b) = (f32::midpoint(first, last), f32::midpoint(top, bottom));
        let middle = (a * along.0 + b * across.0, a * along.1 + b * across.1);
        let half = ((last - first) / 2.0, (bottom - top) / 2.0);
        (half.0 > 0.0 && half.1 > 0.0).then_some(Self { middle, along, half })
    }

    pub(super) const fn area(&self) -> f32 {
        4.0 * self.half.0 * self.half.1
    }

    /// Grown by `distance` on every side.
    pub(super) fn grown(self, distance: f32) -> Self {
        Self { half: (self.half.0 + distance, self.half.1 + distance), ..self }
    }

    /// Whether a place lies in it.
    pub(super) fn holds(&self, (x, y): (f32, f32)) -> bool {
        let (x, y) = (x - self.middle.0, y - self.middle.1);
        let along = x * self.along.0 + y * self.along.1;
        let across = y * self.along.0 - x * self.along.1;
        along.abs() <= self.half.0 && across.abs() <= self.half.1
    }

    /// Its corners, clockwise as a picture is seen (rows grow downward).
    pub(super) fn corners(&self) -> [(f32, f32); 4] {
        let across = (-self.along.1, self.along.0);
        [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)].map(|(first, second)| {
            let (a, b) = (first * self.half.0, second * self.half.1);
            (
                self.middle.0 + a * self.along.0 + b * across.0,
                self.middle.1 + a * self.along.1 + b * across.1,
            )
        })
    }

    /// Left, top, right, bottom of the upright rectangle around it.
    pub(super) fn bounds(&self) -> [f32; 4] {
        let wide = self.half.0 * self.along.0.abs() + self.half.1 * self.along.1.abs();
        let tall = self.half.0 * self.along.1.abs() + self.half.1 * self.along.0.abs();
        let (x, y) = self.middle;
        [x - wide, y - tall, x + wide, y + tall]
    }
}

/// The convex hull, by the monotone chain.
fn hull(points: &[(f32, f32)]) -> Vec<(f32, f32)> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.total_cmp(&other.1)));
    sorted.dedup();
    let chain = |points: &mut dyn Iterator<Item = (f32, f32)>| {
        let mut chain: Vec<(f32, f32)> = Vec::new();
        for point in points {
            while let [.., before, last] = chain.as_slice() {
                let turn = (last.0 - before.0) * (point.1 - before.1)
                    - (last.1 - before.1) * (point.0 - before.0);
                if turn > 0.0 {
                    break;
                }
                chain.pop();
            }
            chain.push(point);
        }
        chain.pop();
        chain
    };
    let mut whole = chain(&mut sorted.iter().copied());
    whole.extend(chain(&mut sorted.iter().rev().copied()));
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upright_rectangle_is_its_own() {
        let points = [(1.0, 2.0), (9.0, 2.0), (9.0, 5.0), (1.0, 5.0), (4.0, 3.0), (1.0, 2.0)];
        let found = Turned::around(&points).unwrap();
        let far = |(found, expected): (f32, f32)| (found - expected).abs();
        let pairs = found.bounds().into_iter().zip([1.0, 2.0, 9.0, 5.0]);
        assert!(pairs.map(far).all(|far| far < 1e-3), "{found:?}");
        assert!((found.area() - 24.0).abs() < 1e-3);
        assert!(found.holds((1.1, 4.9)) && !found.holds((0.9, 3.0)));
    }

    #[test]
    fn a_turned_one_is_found_in_its_direction() {
        let diamond = [(20.0, 0.0), (60.0, 40.0), (40.0, 60.0), (0.0, 20.0)];
        let found = Turned::around(&diamond).unwrap();
        assert!((found.area() - 1600.0).abs() < 0.1, "{found:?}");
        assert!(found.holds((30.0, 30.0)) && !found.holds((5.0, 5.0)));
        let grown = found.grown(1.0);
        assert!(grown.area() > found.area() && grown.holds((20.0, -1.0)));
    }

    #[test]
    fn corners_go_clockwise_whatever_the_direction() {
        let points = [(20.0, 0.0), (60.0, 40.0), (40.0, 60.0), (0.0, 20.0)];
        let corners = Turned::around(&points).unwrap().corners();
        let sides = corners.iter().zip(corners.iter().cycle().skip(1));
        let doubled: f32 = sides.map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum();
        assert!(doubled > 0.0, "positive where rows grow downward and it goes clockwise");
    }

    #[test]
    fn points_on_a_line_have_no_rectangle() {
        assert_eq!(Turned::around(&[(0.0, 0.0), (1.0, 1.0), (2.0, 2.0)]), None);
        assert_eq!(Turned::around(&[]), None);
    }
}
