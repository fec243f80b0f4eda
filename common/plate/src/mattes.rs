//! What the overlays of a plan are made of, all of them in one object, and where those are that move.
//!
//! Owns the form in which the second look hands this on to the third and to every segment. Judges nothing.

use serde::{Deserialize, Serialize};

use crate::matte::Matte;

/// What the overlays of a plan are made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mattes {
    /// One for each overlay of the plan, in its order.
    pub overlays: Vec<Made>,
}

/// What one overlay is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Made {
    /// Nobody knows: its mask alone says what is removed.
    Unknown,
    /// This, at one place.
    Fixed(Box<Matte>),
    /// A logo that is elsewhere, or larger, from frame to frame.
    Moving(Box<Moving>),
}

/// A logo and its way over the picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moving {
    /// Samples of the logo in a row.
    pub width: u32,
    /// Number of its rows.
    pub height: u32,
    /// Four bytes (red, green, blue, alpha, not premultiplied) for each sample, row by row.
    pub rgba: Vec<u8>,
    /// Its place in each frame of the job, from the first; `None` where it does not show.
    pub path: Vec<Option<Place>>,
}

/// Where a logo is in one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Its left edge, in parts of [`PLACE_ONE`] of a luma sample; may lie outside the picture.
    pub x: i32,
    /// Its top edge, likewise.
    pub y: i32,
    /// Its size against the logo as it was given, in parts of [`SCALE_ONE`].
    pub scale: u16,
}

/// Fixed point of a [`Place`]'s edges: this much is one luma sample.
pub const PLACE_ONE: i32 = 16;
/// Fixed point of a [`Place`]'s scale: this much is the size as given.
pub const SCALE_ONE: u16 = 1024;
