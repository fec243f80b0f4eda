//! Samples of a rectangle between planes and the card's packing: luma, then chroma in pairs; more than 8 bits
//! in the high bits of 16.
//!
//! Owns that arithmetic, exact both ways. Refuses nothing: what fits where was checked before.

use cleanplate_types::picture::{PlaneMut, PlaneRef, PlanesMut, PlanesRef, Rect};

use super::ffi::Staging;

/// Bytes of a sample of `depth` bits.
pub(super) const fn sample_bytes(depth: u8) -> usize {
    if depth > 8 { 2 } else { 1 }
}

/// Writes what is staged of `rect` (even, perhaps reaching beyond the picture's last odd row or column) into
/// the picture's planes.
pub(super) fn spread(staged: &Staging, rect: Rect, depth: u8, planes: PlanesMut<'_>) {
    match planes {
        PlanesMut::Eight(planes) => {
            spread_planes(staged, rect, planes, |sample: [u8; 1]| sample[0]);
        }
        PlanesMut::Sixteen(planes) => {
            let down = 16 - u32::from(depth);
            spread_planes(staged, rect, planes, |sample| u16::from_le_bytes(sample) >> down);
        }
    }
}

fn spread_planes<S, const BYTES: usize>(
    staged: &Staging,
    rect: Rect,
    planes: Vec<PlaneMut<'_, S>>,
    sample_of: impl Fn([u8; BYTES]) -> S,
) {
    for (at, mut plane) in planes.into_iter().enumerate() {
        let place = Place::of(at, rect, (plane.width, plane.height));
        let (first, step) = samples_of(at);
        let packed = staged.bytes(usize::from(at > 0)).chunks_exact(staged.row_bytes());
        for (to, from) in place.rows_mut(&mut plane).zip(packed) {
            let (from, _) = from.as_chunks::<BYTES>();
            let from = from.iter().skip(first).step_by(step);
            to.iter_mut().zip(from).for_each(|(to, from)| *to = sample_of(*from));
        }
    }
}

/// Stages `rect` of a picture. A column or row beyond the picture's last odd one is 0.
pub(super) fn gather(planes: &PlanesRef<'_>, rect: Rect, depth: u8, staged: &mut Staging) {
    for plane in [0, 1] {
        staged.bytes_mut(plane).fill(0);
    }
    match planes {
        PlanesRef::Eight(planes) => gather_planes(planes, rect, staged, |sample: u8| [sample]),
        PlanesRef::Sixteen(planes) => {
            let up = 16 - u32::from(depth);
            gather_planes(planes, rect, staged, |sample: u16| (sample << up).to_le_bytes());
        }
    }
}

fn gather_planes<S: Copy, const BYTES: usize>(
    planes: &[PlaneRef<'_, S>],
    rect: Rect,
    staged: &mut Staging,
    bytes_of: impl Fn(S) -> [u8; BYTES],
) {
    let row_bytes = staged.row_bytes();
    for (at, plane) in planes.iter().enumerate() {
        let place = Place::of(at, rect, (plane.width, plane.height));
        let (first, step) = samples_of(at);
        let packed = staged.bytes_mut(usize::from(at > 0)).chunks_exact_mut(row_bytes);
        for (from, to) in place.rows(plane).zip(packed) {
            let (to, _) = to.as_chunks_mut::<BYTES>();
            let to = to.iter_mut().skip(first).step_by(step);
            to.zip(from).for_each(|(to, from)| *to = bytes_of(*from));
        }
    }
}

/// Which samples of a packed row are those of plane `at`: the first, and the distance to the next.
const fn samples_of(at: usize) -> (usize, usize) {
    if at == 0 { (0, 1) } else { (at - 1, 2) }
}

/// Where a rectangle is in a plane.
#[derive(Debug, Clone, Copy)]
struct Place {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
}

impl Place {
    /// In plane `at`, of that width and height, of a picture whose chroma is halved both ways.
    fn of(at: usize, rect: Rect, (width, height): (u32, u32)) -> Self {
        let shift = u32::from(at > 0);
        let (x, y) = ((rect.x >> shift).min(width), (rect.y >> shift).min(height));
        let (right, bottom) =
            ((rect.right() >> shift).min(width), (rect.bottom() >> shift).min(height));
        let length = |from: u32, to: u32| to.saturating_sub(from) as usize;
        Self { x: x as usize, y: y as usize, width: length(x, right), height: length(y, bottom) }
    }

    fn rows<'p, S>(self, plane: &'p PlaneRef<'_, S>) -> impl Iterator<Item = &'p [S]> {
        let rows = plane.samples.chunks(plane.stride.max(1)).skip(self.y).take(self.height);
        rows.map(move |row| &row[self.x..self.x + self.width])
    }

    fn rows_mut<'p, S>(self, plane: &'p mut PlaneMut<'_, S>) -> impl Iterator<Item = &'p mut [S]> {
        let rows = plane.samples.chunks_mut(plane.stride.max(1)).skip(self.y).take(self.height);
        rows.map(move |row| &mut row[self.x..self.x + self.width])
    }
}
