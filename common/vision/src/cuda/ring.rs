//! What is known around a hole, prepared on the CPU: the samples that pull at it, and where grain is
//! measured. Places and their order are the engine's.

use super::args::Ring;
use super::set::Area;

/// How far from the hole grain is measured, and at how many places at most: the engine's.
const REACH: u32 = 10;
const PLACES_MAX: usize = 4096;
/// No member of the ring.
const NOBODY: u32 = u32::MAX;

/// A set of samples of a plane on the CPU: which are covered, of which area, of a plane of which size.
pub(super) struct Covered<'a> {
    pub(super) area: Area,
    pub(super) cells: &'a [bool],
    pub(super) size: (u32, u32),
}

impl Covered<'_> {
    pub(super) fn has(&self, x: u32, y: u32) -> bool {
        let column = x.wrapping_sub(self.area.left);
        let row = y.wrapping_sub(self.area.top);
        column < self.area.width
            && row < self.area.height
            && self.cells[(row * self.area.width + column) as usize]
    }

    pub(super) fn is_known(&self, x: u32, y: u32) -> bool {
        x < self.size.0 && y < self.size.1 && !self.has(x, y)
    }
}

/// The four places that share a side with `x`, `y`, in the order in which a ring comes to them; those
/// outside have the largest coordinates.
pub(super) const fn beside(x: u32, y: u32) -> [(u32, u32); 4] {
    [(x, y.wrapping_sub(1)), (x.wrapping_sub(1), y), (x + 1, y), (x, y + 1)]
}

/// The known samples that touch the hole in `area`, row by row, and for each of its cells those that pull
/// at it.
pub(super) fn ring(covered: &Covered<'_>, area: Area) -> (Vec<Ring>, Vec<u32>) {
    let mut ring: Vec<Ring> = Vec::new();
    let mut pulls = vec![NOBODY; 4 * area.width as usize * area.height as usize];
    let is_own = |x: u32, y: u32| {
        let (column, row) = (x.wrapping_sub(area.left), y.wrapping_sub(area.top));
        column < area.width && row < area.height && covered.has(x, y)
    };
    let right = (area.left + area.width + 1).min(covered.size.0);
    let bottom = (area.top + area.height + 1).min(covered.size.1);
    for y in area.top.saturating_sub(1)..bottom {
        for x in area.left.saturating_sub(1)..right {
            let pulled = beside(x, y).into_iter().filter(|(x, y)| is_own(*x, *y));
            let pulled: Vec<(u32, u32)> = pulled.collect();
            if !covered.is_known(x, y) || pulled.is_empty() {
                continue;
            }
            let member = u32::try_from(ring.len()).unwrap_or(NOBODY);
            for (x, y) in pulled {
                let cell = ((y - area.top) * area.width + x - area.left) as usize;
                let own = &mut pulls[4 * cell..][..4];
                if let Some(free) = own.iter_mut().find(|pull| **pull == NOBODY) {
                    *free = member;
                }
            }
            let around = (0..9).map(|bit| {
                let (x, y) = ((x + bit % 3).wrapping_sub(1), (y + bit / 3).wrapping_sub(1));
                u32::from(covered.is_known(x, y)) << bit
            });
            ring.push(Ring { x, y, known: around.sum() });
        }
    }
    (ring, pulls)
}

/// Column and row of the middle of three known samples in a row, near `area`: where grain is measured.
pub(super) fn places(covered: &Covered<'_>, area: Area) -> Vec<u32> {
    let left = area.left.saturating_sub(REACH).max(1);
    let right = (area.left + area.width + REACH).min(covered.size.0.saturating_sub(1));
    let bottom = (area.top + area.height + REACH).min(covered.size.1);
    let mut places = Vec::new();
    for y in area.top.saturating_sub(REACH)..bottom {
        for x in left..right.max(left) {
            if !covered.has(x - 1, y) && !covered.has(x, y) && !covered.has(x + 1, y) {
                places.push([x, y]);
            }
        }
    }
    let step = places.len().div_ceil(PLACES_MAX).max(1);
    places.into_iter().step_by(step).flatten().collect()
}
