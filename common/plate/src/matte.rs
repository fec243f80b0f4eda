//! Overlays that something shines through: what they are made of, and how to take them off.
//!
//! The engine learns mattes, or makes them from the owner's logo, in a look of its own
//! (`worker/src/engine/look/learn.rs`) and inverts by them as it restores (`worker/src/engine/restoring.rs`).
//! Measured with the mask given, on one real clip with cuts (640x272) and a pan over a still, encoded at
//! x264 crf 18: on thirteen marks of the clip with cuts, what [`learn()`] finds inverts 1.0 dB worse than the
//! true matte on the mean, and 7.4 dB at worst; alpha is off by at most 0.022. Over a background that hardly
//! moves it falls 0.4 to 13 dB short, or nothing is believed.
//!
//! A compositor paints `J = (1 - a) B + a W` on every sample: background `B`, colour `W`, alpha `a`.
//! Owns that equation: learning `a` and `W` from the clip alone ([`learn()`]), making them from the
//! owner's logo at a given place ([`known()`]), and solving for `B` ([`Inverter`]). Refuses to guess where
//! nothing shines through: such samples are named, and left to who can fetch or fill them. Each frame is
//! judged by itself, so how a job is cut cannot show.
//!
//! A limit that is known: a matte is caught as wrong by the edges that it leaves. One whose colour is
//! about the background's own has none to leave, and passes even where the overlay's colour is another.

use cleanplate_types::picture::{PixelLayout, Rect};
use serde::{Deserialize, Serialize};

pub use crops::{Crop, Crops, CropsError, Gatherer, Site};
pub use invert::{Inversion, InvertError, Inverter, Origin, STRENGTH_ONE};
pub use known::{Coding, KnownError, Logo, known, known_at};
pub use learn::{LearnError, learn, learn_watched};

mod crops;
mod denoise;
mod edges;
mod invert;
mod known;
mod learn;
pub(crate) mod scaled;
mod siting;
mod smooth;

/// Fixed point of [`MattePlane::alpha`]: this much is opaque.
pub const ALPHA_ONE: u16 = 4096;
/// Fixed point of [`MattePlane::paint`]: this much is one code.
pub const PAINT_ONE: u16 = 16;

/// What an overlay is made of, sample by sample, at full strength.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matte {
    /// The layout of the frames that it speaks of; 8 to 12 bits.
    pub layout: PixelLayout,
    /// The luma samples that it speaks of; it starts and ends where a chroma sample does, or at the
    /// picture's edge.
    pub bounds: Rect,
    /// The planes, as many as the layout has.
    pub planes: Vec<MattePlane>,
    /// What each luma sample of the bounds is, row by row.
    pub classes: Vec<Class>,
}

/// One plane of a [`Matte`], row by row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MattePlane {
    /// Samples in a row.
    pub width: u32,
    /// Number of rows.
    pub height: u32,
    /// How much of the background the overlay hides, in parts of [`ALPHA_ONE`].
    pub alpha: Vec<u16>,
    /// What the overlay adds: alpha times its colour, in codes of the plane times [`PAINT_ONE`].
    pub paint: Vec<u16>,
    /// How far inversion can be believed, 0 (not at all) to 255.
    pub trust: Vec<u8>,
    /// Deviation of the coding noise that inversion amplifies, in codes times 64; 0 where unknown.
    pub noise: u16,
}

/// What a sample of an overlay is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Class {
    /// Not of the overlay.
    Outside,
    /// The background shines through.
    SemiTransparent,
    /// Nothing shines through that could be told from noise.
    Opaque,
    /// Its colour changes while the overlay stays: digits that tick, a line that runs.
    Changing,
}

impl Class {
    /// The class of a sample that hides `alpha` parts of [`ALPHA_ONE`].
    fn of(alpha: f64) -> Self {
        let share = alpha / f64::from(ALPHA_ONE);
        match share {
            share if share > f64::from(invert::ALPHA_MAX) => Self::Opaque,
            share if share > f64::from(invert::ALPHA_MIN) => Self::SemiTransparent,
            _ => Self::Outside,
        }
    }
}

/// The nearest number in fixed point.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value is cut to the type first"
)]
fn fixed(value: f64) -> u16 {
    (value + 0.5).clamp(0.0, f64::from(u16::MAX)) as u16
}

impl Matte {
    /// The samples of a plane that it speaks of.
    pub(crate) fn plane_rect(&self, plane: u8) -> Rect {
        crops::plane_rect(&self.layout, plane, self.bounds)
    }

    /// Whether the parts fit each other: what a matte from the wire must show.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if !(8..=12).contains(&self.layout.depth) {
            return Err("its samples have fewer than 8 or more than 12 bits");
        }
        if self.planes.len() != usize::from(self.layout.planes) || self.planes.is_empty() {
            return Err("it has other planes than its layout");
        }
        for (number, plane) in (0..self.layout.planes).zip(&self.planes) {
            let rect = crops::plane_rect(&self.layout, number, self.bounds);
            let size = rect.width as usize * rect.height as usize;
            let sizes = [plane.alpha.len(), plane.paint.len(), plane.trust.len()];
            if (plane.width, plane.height) != (rect.width, rect.height) || sizes != [size; 3] {
                return Err("a plane has another size than its bounds");
            }
        }
        if self.classes.len() != self.planes[0].alpha.len() {
            return Err("it has other classes than samples");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
