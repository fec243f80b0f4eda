//! The restorer's order with somebody else's hands: the same steps, done where the samples of a frame lie.
//!
//! Owns which frames can be restored that way: those that fetch nothing and show nothing that moves. Refuses the
//! others, since how far a fetched sample is believed, and what a logo on its way looks like, is found anew from
//! frame to frame by the engine alone. Who does the steps has to give the engine's own samples, bit for bit.

use cleanplate_types::overlay::Fill;
use cleanplate_types::picture::Rect;

use super::layer::Layer;
use super::layers::Key;
use super::origins::{OriginMap, counted};
use super::{RestoreError, Restored, Restorer, joined};
use crate::matte::{Matte, Origin};
use crate::piece::{Piece, rect_of};

/// Does the steps of restoring one frame. What is done to the samples is what the engine would do to them.
pub trait Steps {
    /// Why a step could not be done. The frame is then neither what it was nor what it was to be.
    type Error;

    /// Judges how strongly an overlay shows and, where `site` says so, takes it off.
    ///
    /// # Errors
    /// Where it could not be done.
    fn take_off(&mut self, site: &MatteSite<'_>) -> Result<Taken, Self::Error>;

    /// Fills samples of `plane` of the frame at `index` with the smoothest surface.
    ///
    /// # Errors
    /// As [`Self::take_off`].
    fn fill(&mut self, index: u64, plane: u8, hole: &Cells<'_>) -> Result<(), Self::Error>;

    /// Puts coarse blocks over samples of `plane`; they share out `bounds`, in luma samples.
    ///
    /// # Errors
    /// As [`Self::take_off`].
    fn pixelate(&mut self, plane: u8, covered: &Cells<'_>, bounds: Rect)
    -> Result<(), Self::Error>;
}

/// A set of samples of one plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cells<'a> {
    /// Columns and rows of the plane that the set lies in.
    pub rect: Rect,
    /// Whether each sample of them is in the set, row by row.
    pub cells: &'a [bool],
}

impl<'a> Cells<'a> {
    pub(super) fn of(piece: &'a Piece) -> Self {
        Self { rect: rect_of(piece.span), cells: &piece.set.cells }
    }
}

/// A matte at its place in the plan.
#[derive(Debug, Clone, Copy)]
pub struct MatteSite<'a> {
    /// The overlay, by its number in the plan: the same matte and the same samples whenever it comes again.
    pub overlay: usize,
    /// What it is made of.
    pub matte: &'a Matte,
    /// Whether it is to be taken off; else it is only judged.
    pub inverts: bool,
    pub(super) mask: &'a [Piece],
}

impl MatteSite<'_> {
    /// Whether each sample of each plane of the matte may be changed, row by row.
    #[must_use]
    pub fn within(&self) -> Vec<Vec<bool>> {
        let may = |(plane, mask): (u8, &Piece)| {
            let rect = self.matte.plane_rect(plane);
            let rows = rect.y..rect.bottom();
            let places = rows.flat_map(|y| (rect.x..rect.right()).map(move |x| (x, y)));
            places.map(|(x, y)| mask.has(x as usize, y as usize)).collect()
        };
        (0..).zip(self.mask).map(may).collect()
    }
}

/// What became of an overlay that was judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// How strongly it shows, in parts of [`crate::matte::STRENGTH_ONE`]; 0 where it does not.
    pub strength: u8,
    /// Where each sample of each plane of the matte comes from, row by row; empty where nothing was taken off.
    pub origins: Vec<Vec<Origin>>,
}

/// Why a frame was not restored by steps.
#[derive(Debug, thiserror::Error)]
pub enum StepsError<E> {
    /// The plan does not fit.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// A step could not be done.
    #[error("{0}")]
    Step(E),
    /// The frame is one for the engine alone.
    #[error("the frame fetches from others, or shows what moves")]
    Unfit,
    /// A step's answer is not about the matte that it was asked of.
    #[error("what became of overlay {0} was told for other samples than its matte has")]
    Told(usize),
}

impl Restorer {
    /// The overlays that the frame at `index` may show, then the tracks, by number: tracks are counted on from
    /// the overlays. Nothing where the frame is one for the engine alone.
    ///
    /// # Errors
    /// [`RestoreError`] where a logo cannot be brought into the video.
    pub fn by_steps(&mut self, index: u64) -> Result<Option<Vec<usize>>, RestoreError> {
        let aimed = self.layers.aim(index)?;
        let numbers = aimed.iter().map(|key| match key {
            Key::Overlay(at) => *at,
            Key::Step { track, .. } => self.layers.overlays() + track,
        });
        let numbers = numbers.collect();
        Ok(self.is_fit(index, &aimed).then_some(numbers))
    }

    /// Whether steps can restore the frame, of which these layers are aimed at.
    fn is_fit(&self, index: u64, aimed: &[Key]) -> bool {
        let is_laid = self.laid.contains(index);
        let is_under = |at: usize| {
            let overlay = u32::try_from(at).unwrap_or(u32::MAX);
            self.grounds.iter().any(|ground| ground.background().overlay == overlay)
        };
        aimed.iter().all(|key| {
            let moves = self.layers.layer(*key).is_some_and(Layer::moves);
            let fetches = self.layers.layer(*key).is_some_and(|layer| layer.fill.fetches());
            let fetches = fetches && matches!(key, Key::Overlay(at) if is_laid && is_under(*at));
            !moves && !fetches
        })
    }

    /// Takes the overlays off the frame at `index`, as [`Self::apply`] does, by the hands of `steps`.
    /// [`Restored::samples_changed`] stays 0: nobody here sees the samples.
    ///
    /// # Errors
    /// [`StepsError`]; the frame is spoilt then, but for [`StepsError::Unfit`].
    pub fn apply_by<T: Steps>(
        &mut self,
        index: u64,
        steps: &mut T,
    ) -> Result<Restored, StepsError<T::Error>> {
        self.maps.clear();
        let aimed = self.layers.aim(index)?;
        if !self.is_fit(index, &aimed) {
            return Err(StepsError::Unfit);
        }
        let mut shown = Vec::new();
        for key in aimed {
            let Some(layer) = self.layers.layer_mut(key) else { continue };
            if layer.fill == Fill::Pixelate || layer.take_off_by(key, steps)? {
                shown.push(key);
            }
        }
        let layers: Vec<&Layer> = shown.iter().filter_map(|key| self.layers.layer(*key)).collect();
        for plane in 0..self.coding.layout.planes {
            let own = layers.iter().filter_map(|layer| layer.holes().get(usize::from(plane)));
            for piece in joined(&own.collect::<Vec<&Piece>>()) {
                steps.fill(index, plane, &Cells::of(&piece)).map_err(StepsError::Step)?;
            }
        }
        for layer in &layers {
            layer.pixelate_by(steps).map_err(StepsError::Step)?;
        }
        self.maps.extend(layers.iter().map(|layer| OriginMap::of(layer, None)));
        Ok(counted(!shown.is_empty(), &self.maps))
    }
}
