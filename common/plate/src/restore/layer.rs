//! One overlay of the plan, or one step of a track, at work: whether a frame shows it, and what of it is left to be filled.
//!
//! Owns the mask, which bounds what may change, and the decision between the two ways to a hole: the
//! mask as it is, or what a matte leaves of it.

use cleanplate_types::overlay::{Fill, Overlay};
use cleanplate_types::picture::{PlaneMut, Rect};

use super::RestoreError;
use super::layers::Key;
use super::logo::Passing;
use super::solver::Solver;
use super::steps::{Cells, Steps, StepsError};
use crate::bitmap::Span;
use crate::fill::Blocks;
use crate::matte::Coding;
use crate::mattes::Made;
use crate::piece::{Piece, shifts};
use crate::sample::Sample;

/// One overlay.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) fill: Fill,
    may_be_absent: bool,
    /// What may be changed of each plane of the frame at hand.
    mask: Vec<Piece>,
    made: Work,
    shown: Shown,
    blocks: Vec<Option<Blocks>>,
    /// What blocks share out, in luma samples.
    bounds: Rect,
    /// The frame that it was made ready for, where that takes more than a look.
    aimed: Option<u64>,
}

/// What is known of the overlay's make.
#[derive(Debug)]
enum Work {
    Unknown,
    Fixed(Box<Solver>),
    Moving { passing: Box<Passing>, here: Option<Box<Solver>> },
}

/// What the frame at hand shows of the overlay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Nothing,
    /// All of the mask is to be filled.
    Whole,
    /// What the matte leaves is to be filled.
    Left,
}

impl Layer {
    pub(super) fn new(
        coding: &Coding,
        overlay: &Overlay,
        made: Made,
    ) -> Result<Self, RestoreError> {
        let layout = &coding.layout;
        let mask: Vec<Piece> = (0..layout.planes)
            .map(|plane| Piece::of(layout, coding.size, plane, &overlay.mask))
            .collect();
        let mut blocks = Vec::new();
        if overlay.fill == Fill::Pixelate {
            for (plane, covered) in (0..).zip(&mask) {
                blocks.push(Blocks::new(covered, overlay.mask.bounds, shifts(layout, plane)));
            }
        }
        let made = match made {
            // Blocks hide what is there, whatever it is.
            _ if overlay.fill == Fill::Pixelate => Work::Unknown,
            Made::Unknown => Work::Unknown,
            Made::Fixed(matte) => Work::Fixed(Box::new(Solver::new(&matte, &mask, overlay.fill)?)),
            Made::Moving(moving) => {
                let passing = Box::new(Passing::new(*moving, coding)?);
                Work::Moving { passing, here: None }
            }
        };
        Ok(Self {
            fill: overlay.fill,
            may_be_absent: overlay.origin.may_be_absent(),
            mask,
            made,
            shown: Shown::Nothing,
            blocks,
            bounds: overlay.mask.bounds,
            aimed: None,
        })
    }

    /// Whether a frame for which it was told has a place for it.
    pub(super) fn is_there(&self, index: u64) -> bool {
        match &self.made {
            Work::Unknown | Work::Fixed(_) => true,
            Work::Moving { passing, .. } => passing.place(index).is_some(),
        }
    }

    /// Makes ready for the frame at `index`; `false` where nothing of it lies in the picture.
    pub(super) fn aim(&mut self, index: u64, coding: &Coding) -> Result<bool, RestoreError> {
        self.shown = Shown::Nothing;
        let Work::Moving { passing, here } = &mut self.made else {
            return Ok(!self.mask[0].is_empty());
        };
        if self.aimed == Some(index) {
            return Ok(here.is_some());
        }
        (*here, self.aimed) = (None, Some(index));
        let Some(matte) = passing.matte(index, coding)? else {
            return Ok(false);
        };
        self.mask = Solver::reach(&matte, coding);
        *here = Some(Box::new(Solver::new(&matte, &self.mask, self.fill)?));
        Ok(true)
    }

    /// Whether it is elsewhere from frame to frame.
    pub(super) const fn moves(&self) -> bool {
        matches!(self.made, Work::Moving { .. })
    }

    /// What may change of each plane in the frame at hand.
    pub(super) fn mask(&self) -> &[Piece] {
        &self.mask
    }

    /// The luma samples that may change in this frame.
    pub(super) fn span(&self) -> Span {
        self.mask[0].span
    }

    /// Solves for what shines through, and finds what is left to be filled; `false` where the frame does
    /// not show the overlay, of which no sample changes then.
    pub(super) fn take_off<S: Sample>(
        &mut self,
        index: u64,
        planes: &mut [PlaneMut<'_, S>],
    ) -> Result<bool, RestoreError> {
        let is_seen = match &mut self.made {
            Work::Fixed(solver) | Work::Moving { here: Some(solver), .. } => {
                Some(solver.take_off(index, planes)?)
            }
            Work::Unknown | Work::Moving { here: None, .. } => None,
        };
        Ok(self.decide(is_seen))
    }

    /// The same by other hands; `key` is its own.
    pub(super) fn take_off_by<T: Steps>(
        &mut self,
        key: Key,
        steps: &mut T,
    ) -> Result<bool, StepsError<T::Error>> {
        let is_seen = match (&mut self.made, key) {
            (Work::Fixed(solver), Key::Overlay(overlay)) => {
                Some(solver.take_off_by(overlay, steps)?)
            }
            (Work::Unknown | Work::Fixed(_) | Work::Moving { .. }, _) => None,
        };
        Ok(self.decide(is_seen))
    }

    /// What is to be done about an overlay that was seen, or not, where that can be told.
    fn decide(&mut self, is_seen: Option<bool>) -> bool {
        self.shown = match is_seen {
            Some(true) => Shown::Left,
            Some(false) if self.may_be_absent => Shown::Nothing,
            // What was drawn by hand is removed whatever it shows.
            Some(false) | None => Shown::Whole,
        };
        self.shown != Shown::Nothing
    }

    /// What is to be filled of each plane.
    pub(super) fn holes(&self) -> &[Piece] {
        match (&self.made, self.shown) {
            (_, Shown::Nothing) => &[],
            (Work::Fixed(solver) | Work::Moving { here: Some(solver), .. }, Shown::Left) => {
                solver.holes()
            }
            (Work::Unknown | Work::Fixed(_) | Work::Moving { .. }, _) => &self.mask,
        }
    }

    /// The luma samples that were solved for.
    pub(super) fn solved(&self) -> Option<&Piece> {
        match (&self.made, self.shown) {
            (Work::Fixed(solver) | Work::Moving { here: Some(solver), .. }, Shown::Left) => {
                Some(solver.solved())
            }
            (Work::Unknown | Work::Fixed(_) | Work::Moving { .. }, _) => None,
        }
    }

    /// Puts coarse blocks over the overlay.
    pub(super) fn pixelate<S: Sample>(&self, planes: &mut [PlaneMut<'_, S>]) {
        for (blocks, plane) in self.blocks.iter().zip(planes) {
            if let Some(blocks) = blocks {
                blocks.fill(plane);
            }
        }
    }

    /// The same by other hands.
    pub(super) fn pixelate_by<T: Steps>(&self, steps: &mut T) -> Result<(), T::Error> {
        for ((plane, blocks), mask) in (0..).zip(&self.blocks).zip(&self.mask) {
            if blocks.is_some() {
                steps.pixelate(plane, &Cells::of(mask), self.bounds)?;
            }
        }
        Ok(())
    }

    /// The mask in luma.
    pub(super) fn covered(&self) -> &Piece {
        &self.mask[0]
    }
}
