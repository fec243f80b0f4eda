//! The parts of a set that are filled as one hole: what hangs together, and what lies near it. The rule
//! is the engine's, since a surface knows of no other hole.

use super::ring::Covered;
use super::set::Area;

/// Parts nearer to each other than this many samples are one hole: the engine's.
const HOLE_GAP: u32 = 8;

/// The rectangles of the holes that a set makes of its plane.
pub(super) fn parts(covered: &Covered<'_>) -> Vec<Area> {
    let mut alone = connected(covered);
    let mut joined: Vec<Area> = Vec::new();
    while let Some(mut area) = alone.pop() {
        while let Some(at) = joined.iter().position(|other| is_near(*other, area)) {
            area = hull(area, joined.swap_remove(at));
        }
        joined.push(area);
    }
    joined
}

/// The rectangles around what hangs together, by sides or corners.
fn connected(covered: &Covered<'_>) -> Vec<Area> {
    let area = covered.area;
    let mut seen = vec![false; covered.cells.len()];
    let place = |x: u32, y: u32| ((y - area.top) * area.width + x - area.left) as usize;
    let mut parts = Vec::new();
    for y in area.top..area.top + area.height {
        for x in area.left..area.left + area.width {
            if !covered.has(x, y) || seen[place(x, y)] {
                continue;
            }
            seen[place(x, y)] = true;
            let mut part = Area { left: x, top: y, width: 1, height: 1 };
            let mut next = vec![(x, y)];
            while let Some((x, y)) = next.pop() {
                part = hull(part, Area { left: x, top: y, width: 1, height: 1 });
                let around =
                    (0..9).map(|at| ((x + at % 3).wrapping_sub(1), (y + at / 3).wrapping_sub(1)));
                for (x, y) in around.filter(|(x, y)| covered.has(*x, *y)) {
                    let is_new = !std::mem::replace(&mut seen[place(x, y)], true);
                    next.extend(is_new.then_some((x, y)));
                }
            }
            parts.push(part);
        }
    }
    parts
}

/// Whether fewer than [`HOLE_GAP`] rows and columns lie between the two.
const fn is_near(one: Area, other: Area) -> bool {
    one.left < other.left + other.width + HOLE_GAP
        && other.left < one.left + one.width + HOLE_GAP
        && one.top < other.top + other.height + HOLE_GAP
        && other.top < one.top + one.height + HOLE_GAP
}

/// The smallest rectangle that holds both.
fn hull(one: Area, other: Area) -> Area {
    let (left, top) = (one.left.min(other.left), one.top.min(other.top));
    let right = (one.left + one.width).max(other.left + other.width);
    let bottom = (one.top + one.height).max(other.top + other.height);
    Area { left, top, width: right - left, height: bottom - top }
}
