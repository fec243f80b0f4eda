//! A picture with writing above and an even bright field below, which only a text detector tells apart.
//!
//! Owns the picture and the verdict. Refuses a map that marks the field, or not the writing: masks of other things have
//! the same shape and range.

use super::{MAP_MULTIPLE, run_on};
use crate::model::ModelError;
use crate::model::ports::PictureForm;
use crate::self_test::{DOTS, is_dot};
use crate::session::{Element, Network};

/// Side of the picture where the model takes any: letters of 28 samples, which every text detector sees.
const SIDE: usize = 10 * MAP_MULTIPLE;
/// Least mean of the map over the line of writing: detectors that mark the core of a line, a third of its area, reach 0.32.
const WRITING_MIN: f32 = 0.15;
/// Greatest mean over what is no writing: text detectors stay below 0.001.
const FIELD_MAX: f32 = 0.05;

/// Runs `network` on the picture.
pub(super) fn check(network: &mut Network, form: &PictureForm) -> Result<(), ModelError> {
    let (width, height) = form.size.unwrap_or((SIDE, SIDE));
    let drawn = Drawn::new(width, height);
    // Bright and dark as models are fed: from -1 to 1, or bytes.
    let (ink, ground) = if form.element == Element::U8 { (243.0, 13.0) } else { (0.9, -0.9) };
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let is_bright = |(x, y): (usize, usize)| y >= drawn.field || drawn.is_ink(x, y);
    let levels: Vec<f32> =
        places.map(|place| if is_bright(place) { ink } else { ground }).collect();
    let outputs = run_on(network, form, (width, height), &levels)?;
    let map = outputs.first().map_or(&[][..], |map| map.values.as_slice());
    let mean = |left: usize, right: usize, top: usize, bottom: usize| {
        let rows = (top..bottom).filter_map(|y| map.get(y * width + left..y * width + right));
        super::mean(rows.flatten().copied())
    };
    let writing = mean(drawn.left, drawn.right(), drawn.top, drawn.bottom());
    // What is near the field's edge is left out.
    let field = mean(0, width, drawn.field + height / 8, height);
    if writing < WRITING_MIN || field > FIELD_MAX {
        return Err(ModelError::NotWriting { writing, field });
    }
    Ok(())
}

/// Where the writing and the field are, in samples.
#[derive(Debug, Clone, Copy)]
struct Drawn {
    /// Side of a dot of a letter.
    dot: usize,
    left: usize,
    top: usize,
    /// First row of the field.
    field: usize,
}

impl Drawn {
    /// Writing over three quarters of the width where the height leaves room for it.
    fn new(width: usize, height: usize) -> Self {
        let dot = (width * 3 / 4 / DOTS.0).min(height / 4 / DOTS.1).max(1);
        let field = height / 2;
        let left = width.saturating_sub(DOTS.0 * dot) / 2;
        Self { dot, left, top: field.saturating_sub(DOTS.1 * dot) / 2, field }
    }

    const fn right(&self) -> usize {
        self.left + DOTS.0 * self.dot
    }

    const fn bottom(&self) -> usize {
        self.top + DOTS.1 * self.dot
    }

    fn is_ink(&self, x: usize, y: usize) -> bool {
        let (Some(x), Some(y)) = (x.checked_sub(self.left), y.checked_sub(self.top)) else {
            return false;
        };
        is_dot(x / self.dot, y / self.dot)
    }
}
