//! Fine noise for a filled patch: as strong as around it, the same for the same frame and place.
//!
//! Owns the measure (how the ring flickers from column to column, unless that is a texture) and the generator (a hash of frame,
//! plane and place). Holds no state between frames: a segment may start anywhere.

use cleanplate_types::picture::PlaneMut;

use crate::bitmap::Span;
use crate::piece::Piece;
use crate::sample::Sample;

use super::Site;

/// How far from the hole grain is measured, in samples.
const REACH: usize = 10;
/// Most places that are measured.
const PLACES_MAX: usize = 4096;
/// Fewer places than this say nothing.
const PLACES_MIN: usize = 64;
/// Share of the measured differences that lie below the one taken: low, so that texture and edges,
/// which are strong but not everywhere, do not pass for grain.
const QUANTILE: (usize, usize) = (3, 10);
/// Deviation of grain over that quantile of `|2b - a - c|`: 1 / (0.385 * sqrt(6)).
const SIGMA_PER_QUANTILE: f32 = 1.06;
/// Sums of `|2b - a - c|` over those of `|b - a|`: 1.7 for grain that knows nothing of its neighbours,
/// about 1 for texture, fur or grass. Below this, as a fraction, it is texture.
const ROUGH: (u64, u64) = (13, 10);
/// Grain weaker or stronger than this, in 8-bit codes, is left out or held back.
const SIGMA_MIN: f32 = 0.75;
const SIGMA_MAX: f32 = 6.0;

/// Where the grain around a hole is measured.
#[derive(Debug)]
pub(super) struct GrainGauge {
    /// Column and row of the middle of three known samples in a row.
    places: Vec<(usize, usize)>,
    levels: Vec<u16>,
}

impl GrainGauge {
    pub(super) fn new(hole: &Piece, span: Span) -> Self {
        let left = span.left.saturating_sub(REACH).max(1);
        let right = (span.right + REACH).min(hole.size.0.saturating_sub(1));
        let rows = span.top.saturating_sub(REACH)..(span.bottom + REACH).min(hole.size.1);
        let mut places = Vec::new();
        for y in rows {
            for x in left..right.max(left) {
                if !hole.has(x - 1, y) && !hole.has(x, y) && !hole.has(x + 1, y) {
                    places.push((x, y));
                }
            }
        }
        let step = places.len().div_ceil(PLACES_MAX).max(1);
        let places: Vec<_> = places.into_iter().step_by(step).collect();
        Self { places, levels: Vec::new() }
    }

    /// Deviation of the grain around the hole, in codes of the plane; 0 where there is none to speak of.
    pub(super) fn sigma<S: Sample>(&mut self, depth: u8, plane: &PlaneMut<'_, S>) -> f32 {
        if self.places.len() < PLACES_MIN {
            return 0.0;
        }
        self.levels.clear();
        let (mut bends, mut slopes) = (0_u64, 0_u64);
        for (x, y) in &self.places {
            let at = y * plane.stride + x;
            let [a, b, c] =
                [at - 1, at, at + 1].map(|place| i32::from(plane.samples[place].wide()));
            let bend = (2 * b - a - c).unsigned_abs();
            self.levels.push(u16::try_from(bend).unwrap_or(u16::MAX));
            bends += u64::from(bend);
            slopes += u64::from(b.abs_diff(a));
        }
        if bends * ROUGH.1 < slopes * ROUGH.0 {
            return 0.0;
        }
        let rank = self.levels.len() * QUANTILE.0 / QUANTILE.1;
        let (_, level, _) = self.levels.select_nth_unstable(rank);
        let code = f32::from(1_u16 << (depth.clamp(8, 16) - 8));
        // A quantile of whole numbers stands for the interval below it.
        let sigma = (f32::from(*level) - 0.5).max(0.0) * SIGMA_PER_QUANTILE;
        if sigma < SIGMA_MIN * code { 0.0 } else { sigma.min(SIGMA_MAX * code) }
    }
}

/// Noise of mean 0 and deviation 1 at a place of a frame, of at most 3.5 either way.
pub(super) fn noise(site: Site, x: usize, y: usize) -> f32 {
    let place = ((y as u64) << 32) | x as u64;
    let mut bits = site.index.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ place.wrapping_mul(0xd6e8_feb8_6659_fd93)
        ^ (u64::from(site.plane) << 56);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    // The sum of four even draws of 16 bits is close to a bell; its deviation is 65536 / sqrt(3).
    let [a, b, c, d] =
        [bits, bits >> 16, bits >> 32, bits >> 48].map(|word| (word & 0xffff) as i32);
    (a + b + c + d - 2 * 65_535) as f32 * (1.732_05 / 65_536.0)
}
