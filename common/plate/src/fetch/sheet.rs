//! One plane of a background while it is painted: a few samples for each place, spread over time.
//!
//! Owns the robust mean. A place keeps up to eight samples; when it is full, every other one goes and
//! only every other sample is taken from there on, so that those kept stay spread over the whole shot.

use super::align::whole;
use super::background::PAINTED;

/// Samples that a place keeps.
const KEPT: usize = 8;
/// Steps of what is kept to a code of 8 bits.
pub(super) const STEPS: f32 = 64.0;
/// Samples this near the median are averaged, in 8-bit codes; more where the samples spread.
const NEAR: f32 = 4.0;

/// A plane that is being painted.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) width: usize,
    pub(super) height: usize,
    places: Vec<Place>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    kept: [u16; KEPT],
    count: u8,
    /// Whether the place is to be painted at all.
    is_wanted: bool,
    /// Samples offered, and log2 of how many make one that is kept.
    offered: u16,
    skips: u8,
}

impl Sheet {
    pub(super) fn new(width: usize, height: usize) -> Self {
        Self { width, height, places: vec![Place::default(); width * height] }
    }

    /// Wants the places of a rectangle.
    pub(super) fn want(&mut self, columns: std::ops::Range<usize>, rows: std::ops::Range<usize>) {
        for y in rows.start..rows.end.min(self.height) {
            let row = y * self.width;
            for place in &mut self.places
                [row + columns.start.min(self.width)..row + columns.end.min(self.width)]
            {
                place.is_wanted = true;
            }
        }
    }

    /// Whether the place at `at` would take a sample that is offered.
    #[inline]
    pub(super) fn takes(&mut self, at: usize) -> bool {
        let place = &mut self.places[at];
        if !place.is_wanted || place.offered == u16::MAX {
            return false;
        }
        place.is_due()
    }

    pub(super) fn wants(&self, at: usize) -> bool {
        self.places[at].is_wanted
    }

    /// Counts an offer that was not looked at because it was not due.
    #[inline]
    pub(super) fn pass(&mut self, at: usize) {
        let place = &mut self.places[at];
        place.offered = place.offered.saturating_add(1);
    }

    /// Gives a place a sample, in 8-bit codes.
    #[inline]
    pub(super) fn give(&mut self, at: usize, value: f32) {
        let place = &mut self.places[at];
        place.offered = place.offered.saturating_add(1);
        if usize::from(place.count) == KEPT {
            for to in 0..KEPT / 2 {
                place.kept[to] = place.kept[2 * to];
            }
            place.count /= 2;
            place.skips += 1;
            // The sample that made it overflow is due again only if the longer step says so.
            if !(place.offered - 1).is_multiple_of(1 << place.skips) {
                return;
            }
        }
        place.kept[usize::from(place.count)] = steps(value);
        place.count += 1;
    }

    /// The robust mean of a place in 8-bit codes, and the spread around it.
    pub(super) fn mean(&self, at: usize) -> Option<(f32, f32)> {
        let place = &self.places[at];
        let count = usize::from(place.count);
        if count == 0 {
            return None;
        }
        let mut kept = place.kept;
        let kept = &mut kept[..count];
        kept.sort_unstable();
        let middle = f32::from(kept[count / 2]);
        let middle = if count.is_multiple_of(2) {
            (middle + f32::from(kept[count / 2 - 1])) / 2.0
        } else {
            middle
        };
        let mut distances = [0.0_f32; KEPT];
        for (distance, value) in distances.iter_mut().zip(kept.iter()) {
            *distance = (f32::from(*value) - middle).abs();
        }
        let distances = &mut distances[..count];
        distances.sort_unstable_by(f32::total_cmp);
        let spread = distances[count / 2];
        let near = (2.0 * spread).max(NEAR * STEPS);
        let (mut sum, mut number) = (0.0, 0.0);
        for value in kept.iter().map(|value| f32::from(*value)) {
            if (value - middle).abs() <= near {
                sum += value;
                number += 1.0;
            }
        }
        // The median of an even and split count may have none near it.
        let mean = if number > 0.0 { sum / number } else { middle };
        // One sample alone is no proof of itself.
        let alone = if count < 3 { 3.0 } else { 0.0 };
        Some((mean / STEPS, spread / STEPS + alone))
    }
}

/// A spread as it is stored: in half codes of 8 bits.
pub(super) fn doubt(spread: f32) -> u8 {
    u8::try_from(whole((2.0 * spread).min(f32::from(PAINTED - 1)))).unwrap_or(PAINTED - 1)
}

/// A value in 8-bit codes as a sample of that depth.
pub(super) fn sample(value: f32, depth: u8) -> u16 {
    let depth = depth.clamp(8, 16);
    let top = f32::from(u16::MAX >> (16 - depth));
    let code = f32::from(1_u16 << (depth - 8));
    u16::try_from(whole((value * code + 0.5).clamp(0.0, top))).unwrap_or(u16::MAX)
}

impl Place {
    const fn is_due(&self) -> bool {
        self.offered.is_multiple_of(1 << self.skips)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast from float to integer saturates"
)]
pub(super) fn steps(value: f32) -> u16 {
    (value * STEPS + 0.5) as u16
}
