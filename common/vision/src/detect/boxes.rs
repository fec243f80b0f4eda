//! What a model proposes, before and after the weaker of two that overlap is dropped.
//!
//! Owns scores, overlap and rounding to samples. Refuses to know where a proposal came from.

use std::cmp::Ordering;

use cleanplate_types::detection::{Detection, DetectionKind};
use cleanplate_types::overlay::Mask;
use cleanplate_types::picture::Rect;

use super::rectangle;
use crate::tensor::Placement;

/// A proposal: places in samples of the tensor, then of the frame.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    /// Left, top, right, bottom.
    pub(super) corners: [f32; 4],
    /// Of 1.
    pub(super) score: f32,
    /// Index of its class.
    pub(super) class: usize,
    /// What of it is covered, where it is not all.
    pub(super) shape: Option<Shape>,
    /// Index of the row or cell of the output that it came from.
    pub(super) source: usize,
}

impl Candidate {
    /// Whether its right or lower edge comes before the left or upper one, by more than rounding does.
    pub(super) fn is_turned(&self) -> bool {
        let [left, top, right, bottom] = self.corners;
        right < left - 1.0 || bottom < top - 1.0
    }
}

/// What a proposal covers.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    /// A rectangle that is turned: its corners, in order around it.
    Turned([(f32, f32); 4]),
    /// A field over the tensor, positive where it is covered.
    Field(Field),
}

/// Values on a grid over the tensor, cut out around a proposal.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    /// Place of the first value's middle, then how far the middles are apart, on both axes.
    pub(super) origin: (f32, f32),
    pub(super) step: (f32, f32),
    /// Values in a row.
    pub(super) columns: usize,
    pub(super) values: Vec<f32>,
}

impl Candidate {
    /// With places in the frame.
    pub(super) fn in_frame(self, placement: &Placement) -> Self {
        let [left, top, right, bottom] = self.corners;
        let (left, top) = placement.to_frame((left, top));
        let (right, bottom) = placement.to_frame((right, bottom));
        let shape = self.shape.map(|shape| match shape {
            Shape::Turned(corners) => {
                Shape::Turned(corners.map(|corner| placement.to_frame(corner)))
            }
            Shape::Field(field) => {
                let origin = placement.to_frame(field.origin);
                let next = (field.origin.0 + field.step.0, field.origin.1 + field.step.1);
                let next = placement.to_frame(next);
                let step = (next.0 - origin.0, next.1 - origin.1);
                Shape::Field(Field { origin, step, ..field })
            }
        });
        Self { corners: [left, top, right, bottom], shape, ..self }
    }

    fn area(&self) -> f32 {
        let [left, top, right, bottom] = self.corners;
        (right - left).max(0.0) * (bottom - top).max(0.0)
    }

    /// Area of what it shares with `other`.
    fn shared(&self, other: &Self) -> f32 {
        let [left, top, right, bottom] = self.corners;
        let [other_left, other_top, other_right, other_bottom] = other.corners;
        let width = right.min(other_right) - left.max(other_left);
        let height = bottom.min(other_bottom) - top.max(other_top);
        width.max(0.0) * height.max(0.0)
    }
}

/// Part of the smaller of two that lies in the larger, from which on the smaller is a piece of it: a tile's
/// border cuts what the whole frame shows in one.
const PIECE: f32 = 0.9;

/// Drops what does not count, and of two of a kind that overlap by more than `overlap_max` the weaker one, or
/// the one that is a piece of the other.
pub(super) fn suppress(
    mut candidates: Vec<Candidate>,
    kinds: &[Option<DetectionKind>],
    overlap_max: f32,
) -> Vec<Candidate> {
    let kind = |one: &Candidate| kinds.get(one.class).copied().flatten();
    candidates.retain(|one| kind(one).is_some() && one.area() > 0.0);
    candidates.sort_by(strongest_first);
    let mut kept: Vec<Candidate> = Vec::new();
    for one in candidates {
        let is_known = kept.iter().any(|other| {
            let shared = one.shared(other);
            let union = one.area() + other.area() - shared;
            let is_piece = one.area() <= other.area() && shared >= PIECE * one.area();
            kind(&one) == kind(other) && (shared > overlap_max * union || is_piece)
        });
        if !is_known {
            kept.push(one);
        }
    }
    kept
}

/// The order in which proposals are believed: total, so that it never depends on the order of arrival.
fn strongest_first(one: &Candidate, other: &Candidate) -> Ordering {
    let by_score = other.score.total_cmp(&one.score);
    let places = one.corners.iter().zip(&other.corners);
    let by_place = places.map(|(one, other)| one.total_cmp(other)).find(|order| order.is_ne());
    by_score.then_with(|| by_place.unwrap_or(Ordering::Equal)).then(one.class.cmp(&other.class))
}

/// The detections, sorted, in whole samples of a frame with these `bounds`.
pub(super) fn quantise(
    candidates: &[Candidate],
    kinds: &[Option<DetectionKind>],
    bounds: Rect,
) -> Vec<Detection> {
    let found = candidates.iter().filter_map(|one| {
        let kind = kinds.get(one.class).copied().flatten()?;
        let bounds = rectangle(one.corners.map(steady), bounds)?;
        let mask = one.shape.as_ref().map(|shape| mask(shape, bounds));
        // A shape without a sample would hide nothing: then all of the rectangle counts.
        let mask = mask.filter(|mask| mask.count() > 0);
        Some(Detection { kind, bounds, score: thousandths(one.score), mask })
    });
    let mut found: Vec<Detection> = found.collect();
    found.sort();
    found
}

/// A place to an eighth of a sample, so that noise of the last bits does not move a border by a sample.
fn steady(at: f32) -> f32 {
    (at * 8.0).round() / 8.0
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0 to 1000")]
fn thousandths(score: f32) -> u16 {
    (score * 1000.0).round().clamp(0.0, 1000.0) as u16
}

#[expect(clippy::cast_precision_loss, reason = "sides are below 2^15")]
fn mask(shape: &Shape, bounds: Rect) -> Mask {
    let mut mask = Mask::empty(bounds);
    for y in 0..bounds.height {
        for x in 0..bounds.width {
            let middle = ((bounds.x + x) as f32 + 0.5, (bounds.y + y) as f32 + 0.5);
            if shape.covers(middle) {
                mask.set(x, y);
            }
        }
    }
    mask
}

impl Shape {
    fn covers(&self, at: (f32, f32)) -> bool {
        match self {
            Self::Turned(corners) => {
                let sides = corners.iter().zip(corners.iter().cycle().skip(1));
                // On the same side of every edge, with half a sample to spare: what is touched is covered.
                let mut turns = sides.map(|(from, to)| {
                    let edge = (to.0 - from.0, to.1 - from.1);
                    let cross = edge.0 * (at.1 - from.1) - edge.1 * (at.0 - from.0);
                    let length = edge.0.hypot(edge.1).max(f32::MIN_POSITIVE);
                    cross / length
                });
                turns.all(|distance| distance >= -0.5)
            }
            Self::Field(field) => field.at(at) > 0.0,
        }
    }
}

impl Field {
    /// The value at a place: between the four around it, and beyond the border that of the border.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "clamped to the grid, whose sides are below 2^15"
    )]
    fn at(&self, place: (f32, f32)) -> f32 {
        let rows = self.values.len() / self.columns.max(1);
        let axis = |at: f32, origin: f32, step: f32, count: usize| {
            let last = count.saturating_sub(1);
            let at = ((at - origin) / step).clamp(0.0, last as f32);
            let low = at.floor() as usize;
            (low, (low + 1).min(last), at - at.floor())
        };
        let (left, right, across) = axis(place.0, self.origin.0, self.step.0, self.columns);
        let (top, bottom, down) = axis(place.1, self.origin.1, self.step.1, rows);
        let value =
            |x: usize, y: usize| self.values.get(y * self.columns + x).copied().unwrap_or(0.0);
        let row = |y: usize| value(left, y) * (1.0 - across) + value(right, y) * across;
        row(top) * (1.0 - down) + row(bottom) * down
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Option<DetectionKind>; 3] =
        [Some(DetectionKind::Face), Some(DetectionKind::Face), Some(DetectionKind::Plate)];
    const FRAME: Rect = Rect { x: 0, y: 0, width: 100, height: 50 };

    fn candidate(corners: [f32; 4], score: f32, class: usize) -> Candidate {
        Candidate { corners, score, class, shape: None, source: 0 }
    }

    #[test]
    fn the_weaker_of_two_of_a_kind_is_dropped_and_other_kinds_stay() {
        let strong = candidate([10.0, 10.0, 20.0, 20.0], 0.9, 0);
        let weak = candidate([11.0, 10.0, 21.0, 20.0], 0.8, 1);
        let plate = candidate([11.0, 10.0, 21.0, 20.0], 0.7, 2);
        let apart = candidate([40.0, 10.0, 50.0, 20.0], 0.1, 0);
        let all = vec![apart.clone(), weak, plate.clone(), strong.clone()];
        assert_eq!(suppress(all.clone(), &KINDS, 0.45), [strong.clone(), plate, apart.clone()]);
        let none = [Some(DetectionKind::Face), Some(DetectionKind::Face), None];
        assert_eq!(suppress(all, &none, 0.45), [strong, apart], "a class that does not count");
    }

    #[test]
    fn a_piece_of_a_larger_one_is_dropped() {
        let whole = candidate([10.0, 10.0, 90.0, 40.0], 0.9, 0);
        let piece = candidate([10.0, 10.0, 30.0, 40.0], 0.8, 0);
        assert_eq!(suppress(vec![piece, whole.clone()], &KINDS, 0.45), [whole]);
    }

    #[test]
    fn the_order_of_arrival_does_not_show() {
        let one = candidate([10.0, 10.0, 20.0, 20.0], 0.9, 0);
        let other = candidate([12.0, 10.0, 22.0, 20.0], 0.9, 0);
        let kept = suppress(vec![one.clone(), other.clone()], &KINDS, 0.45);
        assert_eq!(suppress(vec![other, one], &KINDS, 0.45), kept);
    }

    #[test]
    fn places_are_rounded_outward_and_clipped() {
        let inside = candidate([1.25, 2.5, 3.75, 4.01], 0.9004, 0);
        let beyond = candidate([-5.0, 45.0, 5.0, 60.0], 2.0, 0);
        let outside = candidate([200.0, 0.0, 210.0, 5.0], 0.9, 0);
        let found = quantise(&[beyond, inside, outside], &KINDS, FRAME);
        let bounds: Vec<(Rect, u16)> = found.iter().map(|one| (one.bounds, one.score)).collect();
        let rect = |x, y, width, height| Rect { x, y, width, height };
        assert_eq!(bounds, [(rect(0, 45, 5, 5), 1000), (rect(1, 2, 3, 2), 900)]);
    }

    #[test]
    fn noise_of_the_last_bits_moves_no_border() {
        let near = |x: f32| quantise(&[candidate([x, 2.0, 30.0, 40.0], 0.5, 0)], &KINDS, FRAME);
        assert_eq!(near(9.999_99), near(10.000_01));
    }

    #[test]
    fn a_turned_rectangle_is_a_mask() {
        let corners = [(20.0, 0.0), (40.0, 20.0), (20.0, 40.0), (0.0, 20.0)];
        let turned = Candidate {
            shape: Some(Shape::Turned(corners)),
            ..candidate([0.0, 0.0, 40.0, 40.0], 0.9, 0)
        };
        let found = quantise(&[turned], &KINDS, FRAME);
        let mask = found[0].mask.as_ref().unwrap();
        assert!(mask.covers(20, 20) && !mask.covers(2, 2) && !mask.covers(37, 37));
        assert!((750..900).contains(&mask.count()), "half of 1600 and what is touched");
    }

    #[test]
    fn a_field_covers_where_it_is_positive() {
        // Positive on the left of two columns, so half of the width.
        let field =
            Field { origin: (10.0, 10.0), step: (20.0, 20.0), columns: 2, values: vec![1.0, -1.0] };
        let with = Candidate {
            shape: Some(Shape::Field(field)),
            ..candidate([0.0, 0.0, 40.0, 20.0], 0.9, 0)
        };
        let found = quantise(&[with], &KINDS, FRAME);
        let mask = found[0].mask.as_ref().unwrap();
        assert!(mask.covers(5, 5) && mask.covers(19, 15) && !mask.covers(21, 5));
        assert_eq!(mask.count(), 400);
    }
}
