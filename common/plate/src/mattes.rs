//! What the overlays of a plan are made of, all of them in one object, and where those are that move.
//!
//! Owns the form in which the second look hands this on to the third and to every segment. Judges nothing.

use cleanplate_types::picture::Rect;
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

/// Luma samples around a logo over which the encoder smears it.
const SMEARED: i64 = 2;

impl Moving {
    /// The rectangle of a picture of `size` that the logo may reach in each frame; `None` where none of it
    /// lies in the picture.
    #[must_use]
    pub fn footprints(&self, size: (u32, u32)) -> Vec<Option<Rect>> {
        self.path.iter().map(|place| place.and_then(|place| self.footprint(place, size))).collect()
    }

    fn footprint(&self, place: Place, (width, height): (u32, u32)) -> Option<Rect> {
        let side = |from: i32, length: u32, size: u32| {
            let one = i64::from(PLACE_ONE);
            let long = i64::from(length) * i64::from(place.scale) * one;
            let end = i64::from(from) + long.div_euclid(i64::from(SCALE_ONE)) + one;
            let start = (i64::from(from).div_euclid(one) - SMEARED).clamp(0, i64::from(size));
            let end = (end.div_euclid(one) + 1 + SMEARED).clamp(start, i64::from(size));
            let (start, length) = (u32::try_from(start).ok()?, u32::try_from(end - start).ok()?);
            (length > 0).then_some((start, length))
        };
        let (x, across) = side(place.x, self.width, width)?;
        let (y, down) = side(place.y, self.height, height)?;
        Some(Rect { x, y, width: across, height: down })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_footprint_holds_the_logo_and_its_edge_and_ends_at_the_picture() {
        let place = |x: i32, y: i32, scale: u16| Some(Place { x: x * 16 + 3, y: y * 16, scale });
        let path = vec![place(10, 20, 1024), None, place(-30, 0, 1024), place(90, 20, 2048)];
        let moving = Moving { width: 20, height: 10, rgba: Vec::new(), path };
        let found = moving.footprints((100, 60));
        let first = found[0].unwrap();
        assert!(first.x == 8 && first.y == 18 && first.right() >= 33 && first.bottom() >= 32);
        assert_eq!((found[1], found[2]), (None, None), "absent, and outside");
        let last = found[3].unwrap();
        assert_eq!((last.x, last.right()), (88, 100));
        assert!(last.bottom() >= 42);
    }
}
