//! The samples of a frame as they were where it may be changed, to count those that were.

use cleanplate_types::picture::{PixelLayout, PlaneMut};

use crate::bitmap::Span;
use crate::piece::{plane_span, rect_of, shifts};
use crate::sample::Sample;

/// Samples of parts of each plane.
#[derive(Debug)]
pub(super) struct Before<S> {
    /// The plane, the part, its samples row by row.
    parts: Vec<(usize, Span, Vec<S>)>,
}

impl<S: Sample> Before<S> {
    /// The samples of all planes that belong to parts of luma, which do not touch each other.
    pub(super) fn of(layout: &PixelLayout, luma: Vec<Span>, planes: &[PlaneMut<'_, S>]) -> Self {
        let mut parts = Vec::new();
        for span in luma {
            for ((at, number), plane) in (0..).zip(0_u8..).zip(planes) {
                let span = plane_span(rect_of(span), shifts(layout, number));
                let mut samples = Vec::with_capacity(span.width() * span.height());
                for y in span.top..span.bottom {
                    samples.extend_from_slice(row(plane, span, y));
                }
                parts.push((at, span, samples));
            }
        }
        Self { parts }
    }

    /// How many of them are others now.
    pub(super) fn changed(&self, planes: &[PlaneMut<'_, S>]) -> u64 {
        let mut changed = 0;
        for (plane, span, samples) in &self.parts {
            let rows = samples.chunks_exact(span.width().max(1));
            for (y, before) in (span.top..span.bottom).zip(rows) {
                let pairs = before.iter().zip(row(&planes[*plane], *span, y));
                changed += pairs.filter(|(a, b)| a.wide() != b.wide()).count() as u64;
            }
        }
        changed
    }
}

fn row<'a, S>(plane: &'a PlaneMut<'_, S>, span: Span, y: usize) -> &'a [S] {
    &plane.samples[y * plane.stride..][span.left..span.right]
}
