//! What the overlays of a plan are made of, all of them in one object, and where those are that move.
//!
//! Owns the form in which the second look hands this on to the third and to every segment. Judges nothing.

use cleanplate_types::overlay::{Overlay, OverlayPlan};
use cleanplate_types::picture::Rect;
use serde::{Deserialize, Serialize};

use crate::matte::Matte;

/// What the overlays of a plan are made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mattes {
    /// One for each overlay of the plan, in its order.
    pub overlays: Vec<Made>,
}

/// Why mattes are not those of a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MattesError {
    /// They are those of another plan.
    #[error("there are {mattes} mattes for {overlays} overlays")]
    Count {
        /// Overlays of the plan.
        overlays: usize,
        /// Mattes.
        mattes: usize,
    },
    /// One is damaged.
    #[error("the matte of overlay {overlay} is damaged: {why}")]
    Damaged {
        /// The overlay, by its index in the plan.
        overlay: usize,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl Mattes {
    /// Those of overlays of which nothing is known but their masks.
    #[must_use]
    pub fn unknown(overlays: usize) -> Self {
        Self { overlays: vec![Made::Unknown; overlays] }
    }

    /// Whether they are those of `plan`: what mattes from a file must show.
    ///
    /// # Errors
    /// [`MattesError`] names the overlay.
    pub fn check(&self, plan: &OverlayPlan) -> Result<(), MattesError> {
        let (overlays, mattes) = (plan.overlays.len(), self.overlays.len());
        if overlays != mattes {
            return Err(MattesError::Count { overlays, mattes });
        }
        for (overlay, (made, told)) in self.overlays.iter().zip(&plan.overlays).enumerate() {
            let checked = match made {
                Made::Unknown => Ok(()),
                Made::Fixed(matte) => fixed(matte, plan, told),
                Made::Moving(moving) => moving.check(),
            };
            checked.map_err(|why| MattesError::Damaged { overlay, why })?;
        }
        Ok(())
    }
}

/// Whether a matte is one of a plan's overlay.
fn fixed(matte: &Matte, plan: &OverlayPlan, told: &Overlay) -> Result<(), &'static str> {
    matte.check()?;
    let (bounds, mask) = (matte.bounds, told.mask.bounds);
    if bounds.right() > plan.width || bounds.bottom() > plan.height {
        return Err("it reaches beyond the plan's picture");
    }
    let apart = bounds.right() <= mask.x
        || mask.right() <= bounds.x
        || bounds.bottom() <= mask.y
        || mask.bottom() <= bounds.y;
    // A dropped overlay has no mask any more.
    if told.mask.count() > 0 && apart {
        return Err("it lies beside the overlay's mask");
    }
    Ok(())
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
    fn check(&self) -> Result<(), &'static str> {
        let bytes = u64::from(self.width).checked_mul(u64::from(self.height));
        let bytes = bytes.and_then(|samples| samples.checked_mul(4));
        if self.rgba.is_empty() || bytes != Some(self.rgba.len() as u64) {
            return Err("its logo has other samples than its size");
        }
        Ok(())
    }

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
    use cleanplate_types::overlay::{Fill, Mask, OverlayOrigin};

    use super::*;

    #[test]
    fn mattes_are_those_of_one_plan_or_are_refused_by_their_overlay() {
        let overlay = Overlay {
            origin: OverlayOrigin::Plan,
            mask: Mask::full(Rect { x: 2, y: 2, width: 4, height: 4 }),
            when: Vec::new(),
            fill: Fill::Auto,
            hides: true,
        };
        let plan = OverlayPlan::new(20, 10, vec![overlay.clone(), overlay]);
        assert_eq!(Mattes::unknown(2).check(&plan), Ok(()));
        let said = |mattes: &Mattes| mattes.check(&plan).unwrap_err().to_string();
        assert_eq!(said(&Mattes::unknown(1)), "there are 1 mattes for 2 overlays");
        assert_eq!(said(&Mattes::default()), "there are 0 mattes for 2 overlays");
        let moving = |bytes: usize| {
            let (rgba, path) = (vec![9; bytes], Vec::new());
            let moving = Moving { width: 3, height: 2, rgba, path };
            Mattes { overlays: vec![Made::Unknown, Made::Moving(Box::new(moving))] }
        };
        assert_eq!(moving(24).check(&plan), Ok(()));
        assert!(said(&moving(23)).starts_with("the matte of overlay 1 is damaged"));
    }

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
