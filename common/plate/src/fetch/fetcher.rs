//! Fills the holes of one frame from backgrounds, as far as the frame itself bears them out.
//!
//! Owns the judgement. What surrounds the hole is compared with the background: a smooth difference
//! is light and is added to what is fetched; the rest is disagreement, and near it less is fetched, or
//! nothing. Between fetched and unfetched samples the fill that was there is bent to meet both.

use cleanplate_types::picture::{PixelLayout, PlaneMut};

use super::align::{median, whole};
use super::ground::{Ground, Mixture, painted_under, warp};
use super::holes::Holes;
use super::motion::Similarity;
use super::settle::Ring;
use super::soft::Grid;
use crate::bitmap::{Bitmap, Span};
use crate::piece::Piece;
use crate::sample::Sample;

/// Luma samples next to a hole that are not compared: the encoder smeared the overlay over them.
const SMEARED: usize = 1;
/// How much a sample of the ring counts against those around it, for light and for disagreement.
const LIGHT_WEIGHT: f32 = 0.08;
const ERROR_WEIGHT: f32 = 0.04;
/// Light differs by at most this, in 8-bit codes.
const LIGHT_MAX: f32 = 24.0;
/// Squared disagreement, in 8-bit codes, that is always borne, and the share of the ring's variance.
const ERROR_FREE: f32 = 4.0;
const ERROR_SHARE: f32 = 0.3;
/// Disagreement beyond this is not told apart.
const ERROR_MAX: f32 = 40.0;
/// Fetched by less than this share is not fetched.
const SHARE_MIN: f32 = 0.25;
/// A sample was fetched where at least this share of it was.
const MOST: f32 = 0.5;
/// How much an unfetched sample holds to the fill that was there, against those around it.
const STIFF: f32 = 0.02;

/// Fills holes from backgrounds. Knows no other frame.
#[derive(Debug)]
pub(crate) struct Fetcher {
    holes: Holes,
}

/// The hole of one overlay, and what is not to be compared around it, of each plane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut<'a> {
    pub(crate) own: &'a [Piece],
    pub(crate) covers: &'a [Vec<Piece>],
}

/// How much of the samples of a hole was fetched.
#[derive(Debug)]
pub(crate) struct Share {
    span: Span,
    shares: Vec<f32>,
    /// Where a background is laid, be it what frames show or what a model painted of it.
    served: Vec<bool>,
}

impl Share {
    /// Whether the luma sample was fetched for the most part.
    pub(crate) fn is_most(&self, x: usize, y: usize) -> bool {
        self.span.contains(x, y) && self.shares[self.place(x, y)] >= MOST
    }

    /// Whether a background is laid on the luma sample: no other fill is left of it.
    pub(crate) fn serves(&self, x: usize, y: usize) -> bool {
        self.span.contains(x, y) && self.served[self.place(x, y)]
    }

    const fn place(&self, x: usize, y: usize) -> usize {
        (y - self.span.top) * self.span.width() + x - self.span.left
    }
}

/// A rectangle of a plane around a hole, and what is known of it.
struct Patch {
    span: Span,
    /// The frame's samples in 8-bit codes.
    frame: Vec<f32>,
    /// 1 where the sample may be compared.
    ring: Vec<f32>,
    /// Whether the sample is to be filled.
    hole: Vec<bool>,
    /// Whether it is to be filled, or one of those that are compared: every other one.
    wanted: Vec<bool>,
}

impl Patch {
    /// What is to be filled, and two samples around it.
    fn inner(&self) -> Option<Span> {
        let (left, top) = (self.span.left, self.span.top);
        let hole = Bitmap {
            width: self.span.width(),
            height: self.span.height(),
            cells: self.hole.clone(),
        };
        let inner = hole.bounds()?.grown(2, hole.width, hole.height);
        Some(Span {
            left: inner.left + left,
            top: inner.top + top,
            right: inner.right + left,
            bottom: inner.bottom + top,
        })
    }
}

/// What a background offers for a patch.
struct Offer {
    values: Vec<f32>,
    shares: Vec<f32>,
}

impl Fetcher {
    /// A fetcher for frames of that layout and size.
    pub(crate) fn new(layout: &PixelLayout, size: (u32, u32)) -> Self {
        Self { holes: Holes::none(layout, size) }
    }

    /// What is not to be compared of each plane where those are the holes of a frame.
    pub(crate) fn covers(holes: &[Vec<Piece>]) -> Vec<Vec<Piece>> {
        let grown = |plane: &Vec<Piece>| plane.iter().map(|hole| hole.grown(SMEARED)).collect();
        holes.iter().map(grown).collect()
    }

    /// Fetches into the hole of one overlay in the frame at `index`: its holes are filled already (by a membrane). `None` where nothing is there to be fetched.
    pub(crate) fn fill<'a, S: Sample>(
        &self,
        index: u64,
        planes: &mut [PlaneMut<'_, S>],
        grounds: impl Iterator<Item = &'a Ground>,
        cut: Cut<'_>,
    ) -> Option<Share> {
        let mut grounds: Vec<(&Ground, Mixture, Similarity)> = grounds
            .filter_map(|ground| {
                Some((ground, ground.mixture(index), ground.background().motion(index)?))
            })
            .collect();
        if grounds.is_empty() {
            return None;
        }
        let mut shares: Vec<Vec<f32>> = Vec::new();
        let mut painted: Vec<Vec<bool>> = Vec::new();
        let mut luma_span = None;
        for ((number, plane), (own, covers)) in
            planes.iter_mut().enumerate().zip(cut.own.iter().zip(cut.covers))
        {
            let Some(patch) = self.patch(number, plane, own, covers) else {
                continue;
            };
            if number == 0 {
                let ring = Ring::of(patch.span, &patch.frame, |at| patch.ring[at] > 0.0);
                for (ground, mixture, motion) in &mut grounds {
                    *motion = ring.settle(ground, *mixture, *motion);
                }
            }
            let mut offers = Vec::new();
            for (at, (ground, mixture, motion)) in grounds.iter().enumerate() {
                let known = luma_span.map(|span| (span, &shares[at][..]));
                offers.push(self.offer((number, &patch), (ground, *mixture, *motion), known));
            }
            self.mix(&patch, &offers, plane);
            if number == 0 {
                luma_span = Some(patch.span);
                painted = grounds
                    .iter()
                    .map(|(ground, mixture, motion)| {
                        painted_under(ground, patch.span, *mixture, *motion)
                    })
                    .collect();
                shares = offers.into_iter().map(|offer| offer.shares).collect();
            }
        }
        let span = luma_span?;
        // What a model painted is laid like the rest, and was not fetched.
        let of_frames = |(shares, painted): (&Vec<f32>, &Vec<bool>), at: usize| {
            if painted.get(at).copied().unwrap_or(false) { 0.0 } else { shares[at] }
        };
        let most = |at: usize| {
            shares.iter().zip(&painted).map(|pair| of_frames(pair, at)).fold(0.0, f32::max)
        };
        let cells = span.width() * span.height();
        let is_served = |at: usize| shares.iter().any(|shares| shares[at] >= SHARE_MIN);
        let served = (0..cells).map(is_served).collect();
        Some(Share { span, shares: (0..cells).map(most).collect(), served })
    }

    fn patch<S: Sample>(
        &self,
        number: usize,
        plane: &PlaneMut<'_, S>,
        own: &Piece,
        covers: &[Piece],
    ) -> Option<Patch> {
        let (right, _) = self.holes.shifts(number);
        let ring = (self.holes.ring() as usize) >> right;
        let span = own.bounds()?.grown(ring, own.size.0, own.size.1);
        let code = 1.0 / f32::from(1_u16 << (self.holes.layout.depth.clamp(8, 16) - 8));
        let mut hole = Piece::empty(own.size, span);
        let mut cover = hole.clone();
        hole.add(own);
        for piece in covers {
            cover.add(piece);
        }
        let mut frame = Vec::with_capacity(span.width() * span.height());
        for y in span.top..span.bottom {
            let line = &plane.samples[y * plane.stride..][span.left..span.right];
            frame.extend(line.iter().map(|sample| f32::from(sample.wide()) * code));
        }
        let ring = cover.set.cells.iter().map(|cell| if *cell { 0.0 } else { 1.0 }).collect();
        let width = span.width();
        let cells = hole.set.cells.iter().zip(&cover.set.cells).enumerate();
        let is_wanted = |(at, (hole, cover)): (usize, (&bool, &bool))| {
            *hole || (!*cover && (at % width + at / width) % 2 == 0)
        };
        let wanted = cells.map(is_wanted).collect();
        Some(Patch { span, frame, ring, hole: hole.set.cells, wanted })
    }

    /// What a background holds for a patch, made as light as the frame, and how far it is to be
    /// believed: by what surrounds the hole, or as luma is (`known`).
    fn offer(
        &self,
        (number, patch): (usize, &Patch),
        (ground, mixture, motion): (&Ground, Mixture, Similarity),
        known: Option<(Span, &[f32])>,
    ) -> Offer {
        let span = patch.span;
        let shifts = self.holes.shifts(number);
        let (values, doubt) =
            warp(ground, number, (span, &patch.wanted), (mixture, motion), shifts);
        let grid = |values: Vec<f32>, weights: Vec<f32>| Grid {
            width: span.width(),
            height: span.height(),
            values,
            weights,
        };
        let compared: Vec<f32> = patch
            .ring
            .iter()
            .zip(&doubt)
            .map(|(ring, doubt)| if *doubt < ERROR_MAX { *ring } else { 0.0 })
            .collect();
        let differences: Vec<f32> =
            patch.frame.iter().zip(&values).map(|(frame, value)| frame - value).collect();
        let mut listed: Vec<f32> = differences
            .iter()
            .zip(&compared)
            .filter(|(_, ring)| **ring > 0.0)
            .map(|(difference, _)| *difference)
            .collect();
        if listed.len() < 32 {
            return Offer { shares: vec![0.0; values.len()], values };
        }
        let middle = median(&mut listed).clamp(-LIGHT_MAX, LIGHT_MAX);
        for difference in &mut listed {
            *difference = (*difference - middle).abs();
        }
        let scale = (2.0 * median(&mut listed)).clamp(2.0, 12.0);
        let weights = differences.iter().zip(&compared).map(|(difference, ring)| {
            let off = (difference - middle) / scale;
            let near = 1.0 / (1.0 + off * off);
            LIGHT_WEIGHT * ring * near * near
        });
        let mut light = grid(
            differences.iter().map(|value| value.clamp(-LIGHT_MAX, LIGHT_MAX)).collect(),
            weights.collect(),
        );
        light.spread_smooth();
        let values: Vec<f32> = values.iter().zip(&light.values).map(|(a, b)| a + b).collect();
        let shares = match known {
            Some((luma, shares)) => reduced(luma, shares, span, shifts),
            None => believed(patch, &values, &compared, &doubt),
        };
        Offer { values, shares }
    }

    /// Writes the offers into the plane, each by its share, and bends the fill to meet them.
    fn mix<S: Sample>(&self, patch: &Patch, offers: &[Offer], plane: &mut PlaneMut<'_, S>) {
        let span = patch.span;
        let Some(inner) = patch.inner() else { return };
        let cells = inner.width() * inner.height();
        let (mut values, mut weights) = (Vec::with_capacity(cells), Vec::with_capacity(cells));
        let places = (inner.top..inner.bottom).flat_map(|y| {
            let row = (y - span.top) * span.width();
            row + inner.left - span.left..row + inner.right - span.left
        });
        for at in places {
            if !patch.hole[at] {
                values.push(0.0);
                weights.push(1.0);
                continue;
            }
            let (mut sum, mut total, mut most) = (0.0_f32, 0.0_f32, 0.0_f32);
            for offer in offers {
                let share = offer.shares[at];
                sum += share * share * offer.values[at];
                total += share * share;
                most = most.max(share);
            }
            let is_fetched = most >= SHARE_MIN && total > 0.0;
            values.push(if is_fetched { sum / total - patch.frame[at] } else { 0.0 });
            weights.push(if is_fetched { most } else { STIFF });
        }
        let mut bend = Grid { width: inner.width(), height: inner.height(), values, weights };
        bend.spread();
        let depth = self.holes.layout.depth.clamp(8, 16);
        let code = f32::from(1_u16 << (depth - 8));
        let top = f32::from(u16::MAX >> (16 - depth));
        for (y, bent) in (inner.top..inner.bottom).zip(bend.values.chunks_exact(inner.width())) {
            let line = &mut plane.samples[y * plane.stride..][inner.left..inner.right];
            let row = (y - span.top) * span.width() + inner.left - span.left;
            for ((at, sample), bent) in (row..).zip(line).zip(bent) {
                if patch.hole[at] {
                    let value = (patch.frame[at] + bent) * code + 0.5;
                    let value = u16::try_from(whole(value.clamp(0.0, top))).unwrap_or(u16::MAX);
                    *sample = S::narrow(value);
                }
            }
        }
    }
}

/// How far each sample of the hole is to be believed, by how the ring near it agrees.
fn believed(patch: &Patch, values: &[f32], compared: &[f32], doubt: &[f32]) -> Vec<f32> {
    let (width, height) = (patch.span.width(), patch.span.height());
    let weights: Vec<f32> = compared.iter().map(|ring| ERROR_WEIGHT * ring).collect();
    let grid = |values: Vec<f32>| {
        let mut grid = Grid { width, height, values, weights: weights.clone() };
        grid.spread_smooth();
        grid.values
    };
    let squared = |a: f32, b: f32| ((a - b) * (a - b)).min(ERROR_MAX * ERROR_MAX);
    let error = grid(patch.frame.iter().zip(values).map(|(a, b)| squared(*a, *b)).collect());
    let level = grid(patch.frame.clone());
    let variance = grid(patch.frame.iter().zip(&level).map(|(a, b)| squared(*a, *b)).collect());
    let mut shares = Vec::with_capacity(values.len());
    for at in 0..values.len() {
        if !patch.hole[at] || doubt[at] >= ERROR_MAX {
            shares.push(0.0);
            continue;
        }
        let wrong = error[at] + doubt[at] * doubt[at];
        let ratio = wrong / (ERROR_FREE + ERROR_SHARE * variance[at]);
        shares.push(1.0 / (1.0 + ratio * ratio));
    }
    shares
}

/// The shares of luma samples as those of a chroma plane.
fn reduced(luma: Span, shares: &[f32], span: Span, shifts: (u32, u32)) -> Vec<f32> {
    let mut reduced = Vec::with_capacity(span.width() * span.height());
    for y in span.top..span.bottom {
        for x in span.left..span.right {
            let (mut sum, mut count) = (0.0_f32, 0.0_f32);
            for row in y << shifts.1..(y + 1) << shifts.1 {
                let columns = x << shifts.0..(x + 1) << shifts.0;
                for column in columns.filter(|column| luma.contains(*column, row)) {
                    let share = shares[(row - luma.top) * luma.width() + column - luma.left];
                    sum += share;
                    count += f32::from(u8::from(share > 0.0));
                }
            }
            reduced.push(if count > 0.0 { sum / count } else { 0.0 });
        }
    }
    reduced
}
