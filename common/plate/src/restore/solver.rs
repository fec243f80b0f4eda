//! A matte at its place: what of an overlay is solved for in a frame, and what is left of each plane.
//!
//! Owns the step from the samples that cannot be solved for to the hole: the encoder smeared them over
//! their neighbours, which are left too, as far as the mask allows. What was found for the last frame is
//! kept only to find the same again sooner.

use cleanplate_types::overlay::Fill;
use cleanplate_types::picture::{PlaneMut, Rect};

use super::RestoreError;
use super::steps::{MatteSite, Steps, StepsError};
use crate::bitmap::Span;
use crate::matte::{ALPHA_ONE, Class, Coding, Inverter, Matte, Origin};
use crate::piece::{Piece, shifts};
use crate::sample::Sample;

/// Luma samples around what cannot be solved for that the encoder smeared it over.
const SMEARED: usize = 2;
/// A sample belongs to the overlay where it hides at least this much.
const HIDES: u16 = ALPHA_ONE / 50;

/// A matte at work.
#[derive(Debug)]
pub(super) struct Solver {
    inverter: Inverter,
    mask: Vec<Piece>,
    inverts: bool,
    /// Where the samples come from for which the holes were found.
    origins: Vec<Vec<Origin>>,
    holes: Vec<Piece>,
    solved: Piece,
}

impl Solver {
    /// A solver that changes nothing outside `mask`: one set for each plane.
    pub(super) fn new(matte: &Matte, mask: &[Piece], fill: Fill) -> Result<Self, RestoreError> {
        let mut inverter = Inverter::new(matte)?;
        inverter.keep_within(mask);
        let mut solver = Self {
            inverter,
            mask: mask.to_vec(),
            inverts: fill.inverts(),
            origins: Vec::new(),
            holes: Vec::new(),
            solved: Piece::empty(mask[0].size, mask[0].span),
        };
        if !solver.inverts {
            solver.holes = solver.holes_of(&footprint(matte, mask, HIDES));
        }
        Ok(solver)
    }

    /// What a matte may change of each plane, where no mask says so.
    pub(super) fn reach(matte: &Matte, coding: &Coding) -> Vec<Piece> {
        let planes = 0..coding.layout.planes;
        let empty = |plane| {
            let (width, height) = coding.layout.plane_size(plane, coding.size.0, coding.size.1);
            let size = (width as usize, height as usize);
            Piece::empty(size, span_of(matte.plane_rect(plane)))
        };
        let sets: Vec<Piece> = planes.clone().map(empty).collect();
        let print = footprint(matte, &sets, 1);
        planes.zip(print).map(|(plane, set)| set.grown(smeared(matte, plane))).collect()
    }

    /// Solves for what shines through; `false` where the frame does not show the overlay.
    pub(super) fn take_off<S: Sample>(
        &mut self,
        index: u64,
        planes: &mut [PlaneMut<'_, S>],
    ) -> Result<bool, RestoreError> {
        if !self.inverts {
            return Ok(self.inverter.strength(index, planes)? > 0);
        }
        if self.inverter.take_off(index, planes)?.strength == 0 {
            return Ok(false);
        }
        let numbers = 0..self.inverter.matte().layout.planes;
        let is_known = self.origins.len() == numbers.len()
            && numbers
                .clone()
                .zip(&self.origins)
                .all(|(plane, known)| self.inverter.origins(plane) == &known[..]);
        if !is_known {
            self.learn(numbers.map(|plane| self.inverter.origins(plane).to_vec()).collect());
        }
        Ok(true)
    }

    /// The same by other hands, of the overlay of that number.
    pub(super) fn take_off_by<T: Steps>(
        &mut self,
        overlay: usize,
        steps: &mut T,
    ) -> Result<bool, StepsError<T::Error>> {
        let (matte, inverts) = (self.inverter.matte(), self.inverts);
        let site = MatteSite { overlay, matte, inverts, mask: &self.mask };
        let taken = steps.take_off(&site).map_err(StepsError::Step)?;
        if taken.strength == 0 || !inverts {
            return Ok(taken.strength > 0);
        }
        let sizes = matte.planes.iter().map(|plane| plane.alpha.len());
        if !taken.origins.iter().map(Vec::len).eq(sizes) {
            return Err(StepsError::Told(overlay));
        }
        if taken.origins != self.origins {
            self.learn(taken.origins);
        }
        Ok(true)
    }

    /// Finds the holes of a frame whose samples come from there.
    fn learn(&mut self, origins: Vec<Vec<Origin>>) {
        self.origins = origins;
        let numbers = 0..self.inverter.matte().layout.planes;
        let left: Vec<Piece> = numbers.map(|plane| self.named(plane, Origin::Left)).collect();
        self.holes = self.holes_of(&left);
        self.solved = self.named(0, Origin::Inverted);
        self.solved.remove(&self.holes[0]);
    }

    /// What is left to be filled of each plane.
    pub(super) fn holes(&self) -> &[Piece] {
        &self.holes
    }

    /// The luma samples that were solved for.
    pub(super) const fn solved(&self) -> &Piece {
        &self.solved
    }

    /// The samples of a plane that come from there, by what was found last.
    fn named(&self, plane: u8, origin: Origin) -> Piece {
        let size = self.mask[usize::from(plane)].size;
        let mut named = Piece::empty(size, span_of(self.inverter.plane_rect(plane)));
        let found = self.origins.get(usize::from(plane)).map_or(&[][..], Vec::as_slice);
        for (cell, found) in named.set.cells.iter_mut().zip(found) {
            *cell = *found == origin;
        }
        named
    }

    /// The samples that are to be filled: those of each plane, what is smeared around them, and what the
    /// matte does not speak of; all within the mask.
    fn holes_of(&self, left: &[Piece]) -> Vec<Piece> {
        let matte = self.inverter.matte();
        let mut holes = Vec::new();
        for ((plane, mask), left) in (0..).zip(&self.mask).zip(left) {
            let mut hole = mask.clone();
            let mut spoken = Piece::empty(mask.size, span_of(matte.plane_rect(plane)));
            spoken.set.cells.fill(true);
            hole.remove(&spoken);
            let mut smeared = left.grown(smeared(matte, plane));
            smeared.keep(mask);
            hole.add(&smeared);
            holes.push(hole);
        }
        holes
    }
}

/// How far the encoder smears a sample of a plane.
fn smeared(matte: &Matte, plane: u8) -> usize {
    let (right, down) = shifts(&matte.layout, plane);
    SMEARED >> right.min(down).min(1)
}

/// The samples of each plane that hide at least `least`, or change.
fn footprint(matte: &Matte, sets: &[Piece], least: u16) -> Vec<Piece> {
    let mut prints = Vec::new();
    for (((plane, part), set), is_luma) in
        (0_u8..).zip(&matte.planes).zip(sets).zip(std::iter::once(true).chain([false; 3]))
    {
        let mut print = Piece::empty(set.size, span_of(matte.plane_rect(plane)));
        for (at, (cell, alpha)) in print.set.cells.iter_mut().zip(&part.alpha).enumerate() {
            *cell = *alpha >= least || is_luma && matte.classes[at] == Class::Changing;
        }
        prints.push(print);
    }
    prints
}

const fn span_of(rect: Rect) -> Span {
    Span {
        left: rect.x as usize,
        top: rect.y as usize,
        right: rect.right() as usize,
        bottom: rect.bottom() as usize,
    }
}
