//! What a frame shows without its overlays: the whole of it, as a segment's fill stage calls it.
//!
//! Owns the order. What a track covers is filled like an overlay of which only the mask is known; nothing is
//! fetched for it. Of each overlay that a frame shows, what shines through is solved for; what is left,
//! of all overlays together, gets the smoothest surface from good surroundings; what other frames show of
//! it is laid over that. Coarse blocks come last, so that nothing below them is seen. A frame is
//! restored from the plan, the mattes, the backgrounds and itself: how a job is cut cannot show. Frames may
//! come in any order; rising ones cost least.

use cleanplate_types::frames::FrameRange;
use cleanplate_types::overlay::{Fill, OverlayPlan};
use cleanplate_types::picture::{PixelLayout, PlaneMut, PlanesMut, Run};

use crate::bitmap::{Span, join_near};
use crate::fetch::{Background, Cut, Fetcher, Ground, Share};
use crate::fill::{FillError, Patcher, check};
use crate::matte::{Coding, InvertError, KnownError, Matte};
use crate::mattes::{Made, Mattes};
use crate::piece::Piece;
use crate::sample::Sample;
use before::Before;
use layer::Layer;
use layers::{Key, Layers};
use origins::counted;

pub use origins::{Origin, OriginMap};
pub use steps::{Cells, MatteSite, Steps, StepsError, Taken};
pub use unserved::Unserved;

mod before;
mod covered;
mod layer;
mod layers;
mod logo;
mod origins;
mod solver;
mod steps;
mod timeline;
mod unserved;

/// Holes nearer to each other than this many samples are surrounded by the same.
const GAP: usize = 12;

/// Restores the frames of one segment. Holds no frame; the plan, work space in proportion to what one frame
/// shows of it and to what was learned of overlays, and the backgrounds of one window.
#[derive(Debug)]
pub struct Restorer {
    coding: Coding,
    layers: Layers,
    windows: Vec<FrameRange>,
    laid: FrameRange,
    grounds: Vec<Ground>,
    patcher: Patcher,
    fetcher: Fetcher,
    maps: Vec<OriginMap>,
    /// Whether a model paints what nothing serves, and what that is of the last frame.
    paints: bool,
    unserved: Option<Unserved>,
    /// The runs of the layers that were asked for last, where none of them moves.
    runs: Option<(Vec<Key>, Vec<Vec<Run>>)>,
}

/// What was done to a frame. The counts are of luma samples that overlays cover, by where they come from
/// now; together they are all that was covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Restored {
    /// Whether the frame shows any overlay.
    pub shown: bool,
    /// From the frame, with the overlay taken off.
    pub inverted: u64,
    /// From other frames.
    pub fetched: u64,
    /// Made up from what is around.
    pub synthesised: u64,
    /// Coarse blocks.
    pub pixelated: u64,
    /// Number of samples, of all planes, whose value is another than before.
    pub samples_changed: u64,
}

/// What cannot be restored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// The mattes are those of another plan.
    #[error("the plan has {overlays} overlays, and there are mattes for {mattes}")]
    OtherMattes {
        /// Overlays of the plan.
        overlays: usize,
        /// What they are made of.
        mattes: usize,
    },
    /// A matte is that of another video.
    #[error("the matte of overlay {0} is of another layout or size than the frames")]
    OtherLayout(usize),
    /// A background's parts do not fit each other.
    #[error("the background of overlay {overlay} for the frames {frames} is damaged")]
    Background {
        /// The overlay, by its index in the plan.
        overlay: u32,
        /// The frames that it serves.
        frames: FrameRange,
    },
    /// The frame is not one that the plan speaks of.
    #[error(transparent)]
    Frame(#[from] FillError),
    /// A matte does not fit.
    #[error(transparent)]
    Invert(#[from] InvertError),
    /// A logo cannot be brought into the video.
    #[error(transparent)]
    Logo(#[from] KnownError),
}

impl Restorer {
    /// A restorer for frames of `layout`. Without mattes, nothing is known of what the overlays are made
    /// of.
    ///
    /// # Errors
    /// [`RestoreError`] where plan, mattes and layout do not fit each other.
    pub fn new(
        layout: &PixelLayout,
        plan: &OverlayPlan,
        mattes: Mattes,
        coding: &Coding,
    ) -> Result<Self, RestoreError> {
        let (overlays, found) = (plan.overlays.len(), mattes.overlays.len());
        if found != overlays && found != 0 {
            return Err(RestoreError::OtherMattes { overlays, mattes: found });
        }
        let size = (plan.width, plan.height);
        let coding = Coding { layout: layout.clone(), size, ..coding.clone() };
        let is_other =
            |made: &Made| matches!(made, Made::Fixed(matte) if !is_of(matte, layout, size));
        if let Some(at) = mattes.overlays.iter().position(is_other) {
            return Err(RestoreError::OtherLayout(at));
        }
        Ok(Self {
            patcher: Patcher::new(layout),
            fetcher: Fetcher::new(layout, size),
            layers: Layers::new(&coding, plan, mattes.overlays)?,
            coding,
            windows: plan.backgrounds.iter().map(|window| window.frames).collect(),
            laid: FrameRange::new(0, 0),
            grounds: Vec::new(),
            maps: Vec::new(),
            paints: false,
            unserved: None,
            runs: None,
        })
    }

    /// The same, telling of each frame what a model may paint: [`Restorer::unserved`].
    #[must_use]
    pub const fn painting(mut self) -> Self {
        self.paints = true;
        self
    }

    /// Whether the frame at `index` may show an overlay; one that does not need not be copied.
    #[must_use]
    pub fn touches(&self, index: u64) -> bool {
        self.layers.may_show(index)
    }

    /// The entry of the plan's backgrounds that is to be laid under before the frame at `index` is
    /// restored; `None` where that is done, or the frame fetches nothing.
    #[must_use]
    pub fn needs(&self, index: u64) -> Option<usize> {
        let at = self.windows.partition_point(|window| window.end <= index);
        let window = self.windows.get(at).filter(|window| window.contains(index))?;
        (*window != self.laid && self.layers.fetches(index)).then_some(at)
    }

    /// Lays the backgrounds of a window under its frames, in place of those of another window. Other
    /// frames fetch nothing.
    ///
    /// # Errors
    /// [`RestoreError::Background`] where one is damaged; nothing is laid under then.
    pub fn lay_under(
        &mut self,
        frames: FrameRange,
        backgrounds: Vec<Background>,
    ) -> Result<(), RestoreError> {
        self.laid = FrameRange::new(0, 0);
        self.grounds.clear();
        for background in backgrounds {
            let (overlay, serves) = (background.overlay, background.serves);
            let ground = Ground::new(&self.coding.layout, background);
            self.grounds.push(ground.ok_or(RestoreError::Background { overlay, frames: serves })?);
        }
        self.laid = frames;
        Ok(())
    }

    /// The samples of each plane of the frame at `index` that may be changed; all others never are.
    ///
    /// # Errors
    /// [`RestoreError`] where a logo cannot be brought into the video.
    pub fn covered(&mut self, index: u64) -> Result<&[Vec<Run>], RestoreError> {
        let aimed = self.layers.aim(index)?;
        let known = self.runs.take().filter(|(of, _)| *of == aimed);
        let aimed_at = || aimed.iter().filter_map(|key| self.layers.layer(*key));
        // Those of a layer that moves are no other frame's.
        let runs = match known.filter(|_| !aimed_at().any(Layer::moves)) {
            Some((_, runs)) => runs,
            None => (0..usize::from(self.coding.layout.planes))
                .map(|plane| covered::runs(aimed_at().filter_map(|layer| layer.mask().get(plane))))
                .collect(),
        };
        Ok(&self.runs.insert((aimed, runs)).1)
    }

    /// Takes the overlays off the frame at `index`.
    ///
    /// # Errors
    /// [`RestoreError`] where the frame is not one that the plan speaks of; no sample is changed then.
    pub fn apply(&mut self, index: u64, planes: PlanesMut<'_>) -> Result<Restored, RestoreError> {
        match planes {
            PlanesMut::Eight(mut planes) => self.apply_to(index, &mut planes),
            PlanesMut::Sixteen(mut planes) => self.apply_to(index, &mut planes),
        }
    }

    /// Where the samples of the last frame come from: a map for each overlay that it shows, in the
    /// plan's order, then for each track. Where two overlap, a later map holds for the samples that it names as touched.
    #[must_use]
    pub fn origins(&self) -> &[OriginMap] {
        &self.maps
    }

    /// What of the last frame has no better fill than the membrane, and is worth painting; always nothing where
    /// nobody asked for it. It counts as synthesised, whoever makes it up.
    #[must_use]
    pub const fn unserved(&self) -> Option<&Unserved> {
        self.unserved.as_ref()
    }

    fn apply_to<S: Sample>(
        &mut self,
        index: u64,
        planes: &mut [PlaneMut<'_, S>],
    ) -> Result<Restored, RestoreError> {
        self.maps.clear();
        self.unserved = None;
        check(&self.coding.layout, self.coding.size, index, planes)?;
        let aimed = self.layers.aim(index)?;
        if aimed.is_empty() {
            return Ok(Restored::default());
        }
        let spans = aimed.iter().filter_map(|key| self.layers.layer(*key)).map(Layer::span);
        let before = Before::of(&self.coding.layout, join_near(spans.collect(), GAP), planes);
        let mut shown = Vec::new();
        for key in aimed {
            let Some(layer) = self.layers.layer_mut(key) else { continue };
            if layer.fill == Fill::Pixelate || layer.take_off(index, planes)? {
                shown.push(key);
            }
        }
        let shares = self.fill(index, &shown, planes);
        let layers: Vec<(Key, &Layer)> =
            shown.iter().filter_map(|key| Some((*key, self.layers.layer(*key)?))).collect();
        for (_, layer) in &layers {
            layer.pixelate(planes);
        }
        for (key, layer) in &layers {
            let share = shares.iter().find(|(of, _)| of == key).map(|(_, share)| share);
            self.maps.push(OriginMap::of(layer, share));
        }
        if self.paints {
            self.unserved = Unserved::of(&self.coding.layout, &layers, &shares);
        }
        let is_shown = !shown.is_empty();
        Ok(Restored { samples_changed: before.changed(planes), ..counted(is_shown, &self.maps) })
    }

    /// Fills what is left of the overlays: how much of it was fetched, for each that was fetched for.
    fn fill<S: Sample>(
        &mut self,
        index: u64,
        shown: &[Key],
        planes: &mut [PlaneMut<'_, S>],
    ) -> Vec<(Key, Share)> {
        let layers: Vec<(Key, &Layer)> =
            shown.iter().filter_map(|key| Some((*key, self.layers.layer(*key)?))).collect();
        let mut holes = Vec::new();
        for (number, plane) in (0_u8..).zip(planes.iter_mut()) {
            let own = layers.iter().filter_map(|(_, it)| it.holes().get(usize::from(number)));
            let pieces = joined(&own.collect::<Vec<&Piece>>());
            for piece in &pieces {
                self.patcher.fill((index, number), piece, plane);
            }
            holes.push(pieces);
        }
        let mut shares = Vec::new();
        if !self.laid.contains(index) {
            return shares;
        }
        let covers = Fetcher::covers(&holes);
        for (key, layer) in layers.iter().filter(|(_, layer)| layer.fill.fetches()) {
            let Key::Overlay(at) = key else { continue };
            let overlay = u32::try_from(*at).unwrap_or(u32::MAX);
            let grounds = self.grounds.iter().filter(|under| under.background().overlay == overlay);
            let cut = Cut { own: layer.holes(), covers: &covers };
            let share = self.fetcher.fill(index, planes, grounds, cut);
            shares.extend(share.map(|share| (*key, share)));
        }
        shares
    }
}

/// Whether the matte speaks of such frames; names of layouts may differ.
fn is_of(matte: &Matte, layout: &PixelLayout, (width, height): (u32, u32)) -> bool {
    let parts = |layout: &PixelLayout| {
        let PixelLayout { name: _, depth, planes, chroma_shift_x, chroma_shift_y, full_range } =
            layout;
        (*depth, *planes, *chroma_shift_x, *chroma_shift_y, *full_range)
    };
    parts(&matte.layout) == parts(layout)
        && matte.bounds.right() <= width
        && matte.bounds.bottom() <= height
}

/// The sets, those near each other as one.
fn joined(sets: &[&Piece]) -> Vec<Piece> {
    let spans = sets.iter().filter_map(|set| set.bounds().map(|bounds| (bounds, *set)));
    let (bounds, sets): (Vec<Span>, Vec<&Piece>) = spans.unzip();
    let mut pieces = Vec::new();
    for span in join_near(bounds, GAP) {
        let Some(first) = sets.first() else { break };
        let mut piece = Piece::empty(first.size, span);
        for set in &sets {
            piece.add(set);
        }
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests;
