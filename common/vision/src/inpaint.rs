//! Inpainting: holes of a picture filled by a model.
//!
//! Owns how a hole is shown (in crops with context, never squashed, one call for each hole) and what of the answer is
//! taken (what is in the hole, nothing else). Refuses answers that are no numbers, show what is hidden (the model is
//! never given what the hole hides, but a pattern in its place) or are plainly no picture of what is around.

use cleanplate_types::overlay::Mask;
use cleanplate_types::picture::Rect;

use crate::model::{Contract, FillContract, Model, SizeForm};
use crate::session::{Feed, Output, RunError};

pub(crate) mod foreign;
mod pieces;
mod rgb;

pub use foreign::Foreign;
use pieces::{Area, Piece, pieces};
pub use rgb::RgbPicture;

/// What the part of a picture that is shown begins and ends at multiples of, in luma samples: no layout has chroma
/// samples of more.
const ALIGNMENT: usize = 4;

/// Samples of the crop around a hole that what is painted in it must resemble.
const AROUND: usize = 32;

/// Why a hole is not filled.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FillError {
    /// The model detects.
    #[error("it is {contract}, which detects and fills no holes; give it to --detect")]
    NotAFiller {
        /// What it is.
        contract: String,
    },
    /// It cannot be run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// What comes out of the hole is what was put in.
    #[error("its result ignores the mask: what is put in the hole comes out again")]
    IgnoresMask,
    /// A part of the hole is filled with what is nowhere around it.
    #[error(transparent)]
    Foreign(#[from] Foreign),
}

/// A model that fills holes, ready.
#[derive(Debug)]
pub struct Inpainter {
    model: Model,
    contract: FillContract,
    is_bytes: bool,
}

impl Inpainter {
    /// Makes a filler of `model`.
    ///
    /// # Errors
    /// [`FillError::NotAFiller`] where it detects.
    pub fn new(model: Model) -> Result<Self, FillError> {
        let (contract, is_bytes) = match model.identity().contract {
            Contract::Lama(contract) => (contract, false),
            Contract::MiGan(contract) => (contract, true),
            Contract::Yolo5 { .. }
            | Contract::Yolo8 { .. }
            | Contract::EndToEnd { .. }
            | Contract::RtDetr { .. }
            | Contract::TextMap
            | Contract::CenterFace => {
                return Err(FillError::NotAFiller {
                    contract: model.identity().contract.to_string(),
                });
            }
        };
        Ok(Self { model, contract, is_bytes })
    }

    /// The model.
    #[must_use]
    pub const fn model(&self) -> &Model {
        &self.model
    }

    /// `picture` with every sample of `hole` filled; the others are as they were. The places of `hole` are those of
    /// `picture`, what of it lies beyond does not count.
    ///
    /// # Errors
    /// [`FillError`]: the model cannot be run, gives no numbers, shows what is put in the hole, or paints what is
    /// nowhere around it.
    pub fn fill(&mut self, picture: &RgbPicture, hole: &Mask) -> Result<RgbPicture, FillError> {
        let size = (picture.width(), picture.height());
        let crop = self.crop(size);
        let mut filled = picture.clone();
        let mut open = Hole::new(hole, size);
        for piece in pieces(hole, size, crop) {
            self.fill_piece(&mut filled, &mut open, &piece, crop)?;
        }
        Ok(filled)
    }

    /// The part of a picture of `size` (columns, rows) that the model is shown for `hole`, in whole samples of chroma:
    /// filling that part alone comes to the same as filling the whole picture. `None` where there is no hole.
    #[must_use]
    pub fn context(&self, hole: &Mask, (width, height): (u32, u32)) -> Option<Rect> {
        let size = (width as usize, height as usize);
        let crop = self.crop(size);
        let shown = pieces(hole, size, crop).into_iter().map(|piece| piece.shown);
        let Area { top, left, bottom, right } = shown.reduce(Area::united)?;
        let from = |start: usize| start / ALIGNMENT * ALIGNMENT;
        let to = |end: usize, side: usize| end.next_multiple_of(ALIGNMENT).min(side);
        let (x, y) = (from(left), from(top));
        let whole = |value: usize| u32::try_from(value).ok();
        Some(Rect {
            x: whole(x)?,
            y: whole(y)?,
            width: whole(to(right, size.0) - x)?,
            height: whole(to(bottom, size.1) - y)?,
        })
    }

    /// Columns and rows that the model is shown at once.
    fn crop(&self, (width, height): (usize, usize)) -> (usize, usize) {
        let (columns, rows) = self.model.identity().size.nominal();
        match self.model.identity().size {
            SizeForm::Fixed { .. } => (columns, rows),
            SizeForm::Open { multiple, .. } => {
                let cut = |side: usize, of: usize| side.min(of.next_multiple_of(multiple));
                (cut(columns, width), cut(rows, height))
            }
        }
    }

    fn fill_piece(
        &mut self,
        picture: &mut RgbPicture,
        open: &mut Hole,
        piece: &Piece,
        crop: (usize, usize),
    ) -> Result<(), FillError> {
        let shown = Shown::of(picture, open, piece.shown, crop);
        let output = self.run(&shown)?;
        let scale = if self.contract.gives_bytes { 255.0 } else { 1.0 };
        if !self.contract.joined && shows_pattern(&output, &shown, scale) {
            return Err(FillError::IgnoresMask);
        }
        shown.judge(&output, scale, piece.fills)?;
        let Area { top, left, bottom, right } = piece.fills;
        for y in top..bottom {
            for x in left..right {
                if open.holds(x, y) {
                    let colour =
                        read(&output, &shown, (x, y)).map(|value| (value / scale).clamp(0.0, 1.0));
                    picture.set(x, y, colour);
                    open.close(x, y);
                }
            }
        }
        Ok(())
    }

    fn run(&mut self, shown: &Shown) -> Result<Output, RunError> {
        let (columns, rows) = shown.size;
        let scale = if self.is_bytes { 255.0 } else { 1.0 };
        let is_high = |hole: &bool| *hole == self.contract.high_is_hole;
        let mask: Vec<f32> =
            shown.hole.iter().map(|hole| if is_high(hole) { scale } else { 0.0 }).collect();
        let mut values: Vec<f32> = shown.values.iter().map(|value| value * scale).collect();
        let outputs = if self.contract.joined {
            let hole = shown.hole.iter().cycle();
            for (value, hole) in values.iter_mut().zip(hole) {
                if *hole {
                    *value = 0.0;
                }
            }
            values.extend(mask);
            self.model.network.run(&[Feed { dims: [1, 4, rows, columns], values: &values }])?
        } else {
            let picture = Feed { dims: [1, 3, rows, columns], values: &values };
            let mask = Feed { dims: [1, 1, rows, columns], values: &mask };
            let first = self.model.network.inputs.first();
            let mask_first = first.and_then(|port| port.dims.get(1).copied().flatten()) == Some(1);
            self.model.network.run(&if mask_first { [mask, picture] } else { [picture, mask] })?
        };
        let output =
            outputs.into_iter().next().ok_or(RunError::Shape { output: 0, dims: Vec::new() })?;
        if output.dims != [1, 3, rows, columns] || output.values.len() != 3 * rows * columns {
            return Err(RunError::Shape { output: 0, dims: output.dims });
        }
        if !output.values.iter().all(|value| value.is_finite()) {
            return Err(RunError::NotFinite);
        }
        Ok(output)
    }
}

/// Which samples of a picture are still to be filled.
struct Hole {
    width: usize,
    open: Vec<bool>,
}

impl Hole {
    fn new(hole: &Mask, (width, height): (usize, usize)) -> Self {
        let mut open = vec![false; width * height];
        for y in 0..hole.bounds.height {
            for x in 0..hole.bounds.width {
                let (column, row) = ((hole.bounds.x + x) as usize, (hole.bounds.y + y) as usize);
                if hole.covers(x, y)
                    && column < width
                    && let Some(open) = open.get_mut(row * width + column)
                {
                    *open = true;
                }
            }
        }
        Self { width, open }
    }

    fn holds(&self, x: usize, y: usize) -> bool {
        self.open.get(y * self.width + x).copied().unwrap_or(false)
    }

    fn close(&mut self, x: usize, y: usize) {
        if let Some(open) = self.open.get_mut(y * self.width + x) {
            *open = false;
        }
    }
}

/// What the model is shown: a crop of the picture, scaled down by a whole number, with a pattern in the hole.
struct Shown {
    size: (usize, usize),
    area: Area,
    /// Samples of the picture to one of the crop.
    shrink: usize,
    values: Vec<f32>,
    hole: Vec<bool>,
}

impl Shown {
    fn of(picture: &RgbPicture, open: &Hole, area: Area, size: (usize, usize)) -> Self {
        let shrink = (area.width() / size.0).max(1);
        let (columns, rows) = size;
        let mut values = vec![0.0; 3 * columns * rows];
        let mut hole = vec![false; columns * rows];
        for (index, hole) in hole.iter_mut().enumerate() {
            let (x, y) = (index % columns, index / columns);
            let (colour, is_hole) =
                cell(picture, open, (area.left + x * shrink, area.top + y * shrink), shrink);
            *hole = is_hole;
            let colour = if is_hole { [pattern(x, y); 3] } else { colour };
            for (channel, value) in colour.into_iter().enumerate() {
                if let Some(to) = values.get_mut(channel * columns * rows + index) {
                    *to = value;
                }
            }
        }
        Self { size, area, shrink, values, hole }
    }
}

impl Shown {
    /// Judges what a model painted in the part of the hole that is taken, by what is around that.
    fn judge(&self, output: &Output, scale: f32, fills: Area) -> Result<(), Foreign> {
        let (columns, rows) = self.size;
        let cell = |at: usize, start: usize| at.saturating_sub(start) / self.shrink;
        let (left, top) = (cell(fills.left, self.area.left), cell(fills.top, self.area.top));
        let right = cell(fills.right - 1, self.area.left).min(columns - 1);
        let bottom = cell(fills.bottom - 1, self.area.top).min(rows - 1);
        let cells = |grown: usize| {
            let down = top.saturating_sub(grown)..(bottom + grown + 1).min(rows);
            let across = left.saturating_sub(grown)..(right + grown + 1).min(columns);
            down.flat_map(move |y| across.clone().map(move |x| y * columns + x))
        };
        let is_hole = |index: &usize| self.hole.get(*index).copied().unwrap_or(false);
        let colour = |values: &[f32], index: usize| {
            [0, 1, 2]
                .map(|channel| values.get(channel * columns * rows + index).copied().unwrap_or(0.0))
        };
        let around = cells(AROUND).filter(|index| !is_hole(index));
        let around: Vec<[f32; 3]> = around.map(|index| colour(&self.values, index)).collect();
        let painted = cells(0).filter(is_hole);
        let painted = painted.map(|index| colour(&output.values, index).map(|value| value / scale));
        foreign::judge(painted, &around)
    }
}

/// Mean colour of a square of the picture, and whether any of it is open. Beyond the picture its border goes on.
fn cell(
    picture: &RgbPicture,
    open: &Hole,
    (left, top): (usize, usize),
    side: usize,
) -> ([f32; 3], bool) {
    let (mut sum, mut count, mut is_open) = ([0.0; 3], 0.0, false);
    for y in top..top + side {
        for x in left..left + side {
            let (x, y) = (x.min(picture.width() - 1), y.min(picture.height() - 1));
            is_open |= open.holds(x, y);
            for (sum, value) in sum.iter_mut().zip(picture.at(x, y)) {
                *sum += value;
            }
            count += 1.0;
        }
    }
    (sum.map(|sum| sum / count), is_open)
}

/// What stands in the hole: squares of four samples, dark and bright.
const fn pattern(x: usize, y: usize) -> f32 {
    if (x / 4 + y / 4).is_multiple_of(2) { 0.1 } else { 0.9 }
}

/// Whether the result repeats the pattern: what is bright in it is brighter than what is dark, by half of the difference.
fn shows_pattern(output: &Output, shown: &Shown, scale: f32) -> bool {
    let (columns, rows) = shown.size;
    let (mut bright, mut dark) = ((0.0, 0.0), (0.0, 0.0));
    for (index, _) in shown.hole.iter().enumerate().filter(|(_, hole)| **hole) {
        let value = output.values.get(columns * rows + index).copied().unwrap_or(0.0) / scale;
        let side =
            if pattern(index % columns, index / columns) > 0.5 { &mut bright } else { &mut dark };
        *side = (side.0 + value, side.1 + 1.0);
    }
    bright.1 > 0.0 && dark.1 > 0.0 && bright.0 / bright.1 - dark.0 / dark.1 > 0.4
}

/// The result at a sample of the picture: between the four around it where the crop is smaller.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "within the crop, whose sides are small"
)]
fn read(output: &Output, shown: &Shown, (x, y): (usize, usize)) -> [f32; 3] {
    let (columns, rows) = shown.size;
    let axis = |at: usize, start: usize, count: usize| {
        let last = count - 1;
        let at = ((at - start) as f32 + 0.5) / shown.shrink as f32 - 0.5;
        let at = at.clamp(0.0, last as f32);
        (at.floor() as usize, (at.floor() as usize + 1).min(last), at - at.floor())
    };
    let (left, right, across) = axis(x, shown.area.left, columns);
    let (top, bottom, down) = axis(y, shown.area.top, rows);
    [0, 1, 2].map(|channel| {
        let value = |x: usize, y: usize| {
            output.values.get((channel * rows + y) * columns + x).copied().unwrap_or(0.0)
        };
        let row = |y: usize| value(left, y) * (1.0 - across) + value(right, y) * across;
        row(top) * (1.0 - down) + row(bottom) * down
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 16;

    fn shown() -> Shown {
        let hole: Vec<bool> = (0..SIDE * SIDE).map(|index| index % SIDE >= 4).collect();
        let area = Area { top: 0, left: 0, bottom: SIDE, right: SIDE };
        let values = (0..3 * SIDE * SIDE).map(|index| {
            let place = index % (SIDE * SIDE);
            if hole[place] { pattern(place % SIDE, place / SIDE) } else { 0.5 }
        });
        Shown { size: (SIDE, SIDE), area, shrink: 1, values: values.collect(), hole }
    }

    fn output(value: impl Fn(f32) -> f32) -> Output {
        let values = shown().values.into_iter().map(value).collect();
        Output { dims: vec![1, 3, SIDE, SIDE], values }
    }

    #[test]
    fn a_result_that_repeats_what_was_put_in_is_known() {
        assert!(shows_pattern(&output(|value| value), &shown(), 1.0));
        assert!(shows_pattern(&output(|value| value * 255.0), &shown(), 255.0));
        assert!(shows_pattern(&output(|value| 0.2 + value * 0.6), &shown(), 1.0), "most of it");
    }

    #[test]
    fn a_result_that_does_not_is_taken() {
        assert!(!shows_pattern(&output(|_| 0.7), &shown(), 1.0));
        assert!(
            !shows_pattern(&output(|value| 0.5 + (value - 0.5) * 0.1), &shown(), 1.0),
            "a trace"
        );
        let nothing = Shown { hole: vec![false; SIDE * SIDE], ..shown() };
        assert!(!shows_pattern(&output(|value| value), &nothing, 1.0));
    }
}
