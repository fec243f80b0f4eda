//! Paintings of neighbouring frames laid over each other, so that what a model makes up does not flicker.
//!
//! A model that paints every frame by itself gives each another texture. What is laid is the weighted mean of the
//! paintings of at most [`HALO`] frames before and after, each by how alike the surroundings of the hole are in
//! both frames; from the first frame on that is unlike, or has no painting, nothing further away counts, so that
//! paintings are never mixed across a cut. Integers throughout, and nothing but those frames: a segment that
//! begins anywhere comes to the same, if it sees its halo.
//!
//! Refuses to follow what moves: where the camera turns fast the surroundings are unlike, and each frame keeps
//! its own painting.

use cleanplate_types::picture::{PixelLayout, PlaneMut, PlaneRef, PlanesMut, PlanesRef, Rect};

use crate::bitmap::Span;
use crate::piece::{Piece, plane_span, shifts};
use crate::restore::Unserved;
use crate::sample::Sample;

/// Frames before and after a frame whose paintings may be laid over its own.
pub const HALO: u64 = 2;

/// Luma samples around a hole that tell how alike two frames are there.
const RING: usize = 16;
/// Fewer samples than this that both frames know tell nothing.
const COMPARED_MIN: u32 = 64;
/// Mean difference, in sixteenths of an 8-bit code, from which on frames are unlike: 8 codes. The noise of a
/// camera that stands makes 1 to 3, a cut or a turn 15 and more.
const UNLIKE: u32 = 8 * 16;

/// What was painted of one frame, and what is around it.
#[derive(Debug, Clone)]
pub struct Painting {
    index: u64,
    depth: u8,
    /// The part of luma that is compared.
    span: Span,
    /// Its samples; none where they were painted.
    around: Vec<Option<u16>>,
    /// What was painted of each plane: the set, and its part's samples.
    planes: Vec<(Piece, Vec<u16>)>,
}

impl Painting {
    /// What was painted of the frame at `index`: `painted` has the planes of the part `area` of its luma, which
    /// begins where chroma does. `restored` are the frame's own. `None` where the parts do not fit each other.
    #[must_use]
    pub fn new(
        layout: &PixelLayout,
        (index, unserved): (u64, &Unserved),
        restored: &PlanesRef<'_>,
        (area, painted): (Rect, &[Vec<u16>]),
    ) -> Option<Self> {
        let mut planes = Vec::new();
        for ((number, piece), samples) in (0_u8..).zip(&unserved.planes).zip(painted) {
            let from = plane_span(area, shifts(layout, number));
            let span = piece.bounds().unwrap_or(Span { left: 0, top: 0, right: 0, bottom: 0 });
            let mut own = Piece::empty(piece.size, span);
            own.add(piece);
            let mut values = Vec::with_capacity(span.width() * span.height());
            for y in span.top..span.bottom {
                let start = (y.checked_sub(from.top)? * from.width())
                    .checked_add(span.left.checked_sub(from.left)?)?;
                values.extend_from_slice(samples.get(start..start + span.width())?);
            }
            planes.push((own, values));
        }
        let (hole, _) = planes.first()?;
        let span = hole.span.grown(RING, hole.size.0, hole.size.1);
        let around = match restored {
            PlanesRef::Eight(all) => around(all.first()?, span, hole),
            PlanesRef::Sixteen(all) => around(all.first()?, span, hole),
        };
        let depth = layout.depth.clamp(8, 16);
        Some(Self { index, depth, span, around: around?, planes })
    }

    /// The frame's index.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// Lays the painting on its frame, blended with those of `near` that count. `near` may hold the frame's own
    /// and any others. Returns how many others there were.
    pub fn lay(&self, near: &[&Self], planes: PlanesMut<'_>) -> usize {
        let chosen = self.chosen(near);
        match planes {
            PlanesMut::Eight(mut planes) => self.lay_on(&chosen, &mut planes),
            PlanesMut::Sixteen(mut planes) => self.lay_on(&chosen, &mut planes),
        }
        chosen.len() - 1
    }

    fn lay_on<S: Sample>(&self, chosen: &[(u32, &Self)], planes: &mut [PlaneMut<'_, S>]) {
        for (number, ((piece, _), plane)) in self.planes.iter().zip(planes).enumerate() {
            let span = piece.span;
            for y in span.top..span.bottom {
                for x in (span.left..span.right).filter(|x| piece.has(*x, y)) {
                    let mean = mean(chosen, number, (x, y));
                    if let Some(sample) = plane.samples.get_mut(y * plane.stride + x) {
                        *sample = S::narrow(mean);
                    }
                }
            }
        }
    }

    /// This painting and those that count beside it, each with its weight: at most 2^9, so that the sum over 2
    /// [`HALO`] + 1 samples of 16 bits has room.
    fn chosen<'a>(&'a self, near: &[&'a Self]) -> Vec<(u32, &'a Self)> {
        let halo = u32::try_from(HALO).unwrap_or(0);
        let mut chosen = vec![(UNLIKE * (halo + 1), self)];
        let ways: [fn(u64, u64) -> Option<u64>; 2] = [u64::checked_sub, u64::checked_add];
        for go in ways {
            for away in 1..=halo {
                let index = go(self.index, u64::from(away));
                let other = near.iter().find(|other| Some(other.index) == index);
                let unlike = other.and_then(|other| Some((other, self.difference(other)?)));
                let Some((other, unlike)) = unlike.filter(|(_, unlike)| *unlike < UNLIKE) else {
                    break;
                };
                chosen.push(((UNLIKE - unlike) * (halo + 1 - away), other));
            }
        }
        chosen
    }

    /// Mean difference of what is around both holes, in sixteenths of an 8-bit code; `None` where too little is
    /// known in both frames.
    fn difference(&self, other: &Self) -> Option<u32> {
        let (mut sum, mut count) = (0_u64, 0_u32);
        let (one, two) = (self.span, other.span);
        for y in one.top.max(two.top)..one.bottom.min(two.bottom) {
            for x in one.left.max(two.left)..one.right.min(two.right) {
                if let (Some(one), Some(two)) = (self.known(x, y), other.known(x, y)) {
                    sum += u64::from(one.abs_diff(two));
                    count += 1;
                }
            }
        }
        let scale = u64::from(count) << (self.depth - 8);
        let mean = (16 * sum).checked_div(scale)?;
        (count >= COMPARED_MIN).then(|| u32::try_from(mean).unwrap_or(u32::MAX))
    }

    fn known(&self, x: usize, y: usize) -> Option<u16> {
        let place = (y - self.span.top) * self.span.width() + x - self.span.left;
        self.around.get(place).copied().flatten()
    }

    fn value(&self, plane: usize, x: usize, y: usize) -> Option<u16> {
        let (piece, values) = self.planes.get(plane)?;
        if piece.has(x, y) { values.get(piece.place(x, y)).copied() } else { None }
    }
}

/// The weighted mean of what was painted of a sample.
fn mean(chosen: &[(u32, &Painting)], plane: usize, (x, y): (usize, usize)) -> u16 {
    let (mut sum, mut total) = (0_u32, 0_u32);
    for (weight, painting) in chosen {
        if let Some(value) = painting.value(plane, x, y) {
            sum += weight * u32::from(value);
            total += weight;
        }
    }
    u16::try_from((sum + total / 2) / total.max(1)).unwrap_or(u16::MAX)
}

/// The samples of a part of a plane, but for the hole's.
fn around<S: Sample>(
    plane: &PlaneRef<'_, S>,
    span: Span,
    hole: &Piece,
) -> Option<Vec<Option<u16>>> {
    let mut samples = Vec::with_capacity(span.width() * span.height());
    for y in span.top..span.bottom {
        let row = plane.samples.get(y * plane.stride..)?.get(span.left..span.right)?;
        let known = (span.left..).zip(row);
        samples.extend(known.map(|(x, sample)| (!hole.has(x, y)).then(|| sample.wide())));
    }
    Some(samples)
}

#[cfg(test)]
mod tests;
