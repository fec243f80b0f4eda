//! Detection: what a model sees in frames, in their own samples.
//!
//! Owns the way from planes to tensors and back: which parts of a frame are shown, how large, and what of the
//! answers counts. Refuses to follow things through time, and to decide what is removed.

use cleanplate_types::detection::{Detection, DetectionKind};
use cleanplate_types::picture::Rect;

use crate::model::{BatchForm, Contract, Model, SizeForm, kind_of};
use crate::picture::Picture;
use crate::session::{Feed, Output, RunError};
use crate::tensor::{Levels, Placement, place};

mod boxes;
mod grid;
mod on_card;
mod outline;
mod rows;
mod sight;
mod text;

use boxes::{Candidate, quantise, suppress};
use on_card::{CardTensors, number_of};

pub use on_card::{CardTensorError, TOLERANCE};

/// How a detector is to be used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DetectorSettings {
    /// Least score of 1000 that counts; none for what its kind needs: 250 for YOLO, 600 for text,
    /// 200 for `CenterFace`.
    pub threshold: Option<u16>,
    /// Names of the classes that count; empty for all.
    pub classes: Vec<String>,
    /// Longest side in samples at which a model of open size is shown a frame; none for what it was made for.
    pub side: Option<usize>,
    /// Frames that are shown at once, where the model takes any number; 0 counts as 1.
    pub batch: usize,
}

/// Why a model cannot be used so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DetectorError {
    /// It fills holes.
    #[error("it is {contract}, which fills holes and does not detect; give it to --fill")]
    NotADetector {
        /// What it is.
        contract: String,
    },
    /// It has none of the classes that count.
    #[error("it has no class {named}, so nothing that it sees would count; it has {known}")]
    NoClass {
        /// Those that count.
        named: String,
        /// Its classes.
        known: String,
    },
}

/// A detector, ready.
#[derive(Debug)]
pub struct Detector {
    model: Model,
    /// Of each class: what it shows, or nothing where it does not count.
    kinds: Vec<Option<DetectionKind>>,
    threshold: f32,
    side: Option<usize>,
    batch: usize,
    /// The tensor, kept from call to call.
    values: Vec<f32>,
    /// What makes it on the card instead.
    on_card: Option<CardTensors>,
    /// Why that was given up, where it is not told yet.
    card_left: Option<String>,
}

/// What of a frame is shown at once.
#[derive(Debug, Clone, Copy)]
struct Show {
    frame: usize,
    placement: Placement,
}

impl Detector {
    /// Makes a detector of `model`.
    ///
    /// # Errors
    /// [`DetectorError`]: it fills holes, or none of the classes that are named is its own.
    pub fn new(model: Model, settings: &DetectorSettings) -> Result<Self, DetectorError> {
        let identity = model.identity();
        let Some(usual) = usual_threshold(&identity.contract) else {
            return Err(DetectorError::NotADetector { contract: identity.contract.to_string() });
        };
        let is_same = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
        let counts = |name: &String| {
            settings.classes.is_empty() || settings.classes.iter().any(|one| is_same(one, name))
        };
        if !settings.classes.is_empty() && !identity.names.iter().any(counts) {
            let named = settings.classes.iter().map(|name| format!("`{name}`"));
            let named = named.collect::<Vec<_>>().join(" or ");
            return Err(DetectorError::NoClass { named, known: identity.names.join(", ") });
        }
        let kinds = identity.names.iter().map(|name| counts(name).then(|| kind_of(name)));
        let kinds = kinds.collect();
        let batch = match identity.batch {
            BatchForm::Fixed(frames) => frames,
            BatchForm::Open => settings.batch.max(1),
        };
        let threshold = f32::from(settings.threshold.unwrap_or(usual)) / 1000.0;
        Ok(Self {
            model,
            kinds,
            threshold,
            side: settings.side,
            batch,
            values: Vec::new(),
            on_card: None,
            card_left: None,
        })
    }

    /// The model.
    #[must_use]
    pub const fn model(&self) -> &Model {
        &self.model
    }

    /// Frames that are shown to the model at once.
    #[must_use]
    pub const fn batch(&self) -> usize {
        self.batch
    }

    /// Shows `frames` at once from now on, where the model takes any number; 0 counts as 1.
    pub const fn set_batch(&mut self, frames: usize) {
        if let BatchForm::Open = self.model.identity.batch {
            self.batch = if frames == 0 { 1 } else { frames };
        }
    }

    /// What is seen in `frame`, sorted.
    ///
    /// # Errors
    /// [`RunError`]: the model cannot be run, or gives what it did not give when it was opened.
    pub fn detect(&mut self, frame: &Picture<'_>) -> Result<Vec<Detection>, RunError> {
        let seen = self.detect_all(std::slice::from_ref(frame))?;
        Ok(seen.into_iter().next().unwrap_or_default())
    }

    /// What is seen in each of `frames`, in their order, each sorted. A frame's answer does not depend on the
    /// others but as far as the device's arithmetic does.
    ///
    /// # Errors
    /// [`RunError`]: the model cannot be run, or gives what it did not give when it was opened.
    pub fn detect_all(&mut self, frames: &[Picture<'_>]) -> Result<Vec<Vec<Detection>>, RunError> {
        self.detect_in(frames, None, None)
    }

    /// What is seen in a part of each of `frames`: a band of rows costs a share of the whole. As [`Self::detect_all`] in
    /// all else; `None` is the whole. `side` is the longest side at which a model of open size is shown it, where that is
    /// another than the usual one.
    ///
    /// # Errors
    /// [`RunError`]: the model cannot be run, or gives what it did not give when it was opened.
    pub fn detect_in(
        &mut self,
        frames: &[Picture<'_>],
        part: Option<Rect>,
        side: Option<usize>,
    ) -> Result<Vec<Vec<Detection>>, RunError> {
        let mut shows = self.shows(frames, part, side);
        // Equal sizes side by side, so that they share a batch. The sort keeps the order of frames.
        shows.sort_by_key(|show| show.placement.tensor);
        let mut found: Vec<Vec<Candidate>> = vec![Vec::new(); frames.len()];
        let same = |one: &Show, other: &Show| one.placement.tensor == other.placement.tensor;
        for equal in shows.chunk_by(same) {
            for batch in equal.chunks(self.batch) {
                self.run(frames, batch, &mut found)?;
            }
        }
        let seen = found.into_iter().zip(frames).map(|(candidates, frame)| {
            let kept = suppress(candidates, &self.kinds, overlap_max(self.contract()));
            quantise(&kept, &self.kinds, frame.bounds())
        });
        Ok(seen.collect())
    }

    const fn contract(&self) -> &Contract {
        &self.model.identity.contract
    }

    /// Every part of every frame that is shown.
    fn shows(&self, frames: &[Picture<'_>], part: Option<Rect>, side: Option<usize>) -> Vec<Show> {
        let side = side.or(self.side);
        let size = match (self.model.identity.size, side) {
            (SizeForm::Open { multiple, .. }, Some(side)) => {
                SizeForm::Open { width: side, height: side, multiple }
            }
            (size, _) => size,
        };
        let all = frames.iter().enumerate().flat_map(|(frame, picture)| {
            let parts = sight::parts(part.unwrap_or_else(|| picture.bounds()), size);
            parts.into_iter().map(move |part| (frame, part))
        });
        let enlarges = match self.contract() {
            Contract::TextMap | Contract::CenterFace => sight::Enlarge::Little,
            Contract::Yolo5 { .. }
            | Contract::Yolo8 { .. }
            | Contract::EndToEnd { .. }
            | Contract::RtDetr { .. }
            | Contract::Lama(_)
            | Contract::MiGan(_) => sight::Enlarge::Fully,
        };
        all.map(|(frame, part)| Show { frame, placement: sight::placement(part, size, enlarges) })
            .collect()
    }

    /// Shows one batch and adds what is seen to the candidates of its frames.
    fn run(
        &mut self,
        frames: &[Picture<'_>],
        batch: &[Show],
        found: &mut [Vec<Candidate>],
    ) -> Result<(), RunError> {
        let slots = match self.model.identity.batch {
            BatchForm::Fixed(frames) => frames,
            BatchForm::Open => batch.len(),
        };
        let outputs = self.outputs_of(frames, batch, slots)?;
        let read = self.outputs(outputs, slots)?;
        for (slot, show) in batch.iter().enumerate() {
            let candidates = self.read(&read, slot, show)?;
            if let Some(found) = found.get_mut(show.frame) {
                found.extend(candidates);
            }
        }
        Ok(())
    }

    fn levels(&self) -> Levels {
        levels_of(self.contract(), self.model.identity.element)
    }

    /// What the model gives for one batch, which is not empty, in `slots` slots.
    fn outputs_of(
        &mut self,
        frames: &[Picture<'_>],
        batch: &[Show],
        slots: usize,
    ) -> Result<Vec<Output>, RunError> {
        let levels = self.levels();
        let number = number_of(self.model.identity.element);
        if let (Some(card), Some(number)) = (&mut self.on_card, number) {
            let made = (slots, number, levels);
            match card.run(&mut self.model.network, (frames, batch), made) {
                Ok(outputs) => return Ok(outputs),
                // A smaller batch may do.
                Err(error @ RunError::OutOfMemory { .. }) => return Err(error),
                Err(error) => {
                    self.on_card = None;
                    self.card_left = Some(error.to_string());
                }
            }
        }
        let (columns, rows) = batch.first().map_or((0, 0), |show| show.placement.tensor);
        let length = 3 * columns * rows;
        self.values.clear();
        self.values.resize(slots * length, 0.0);
        for (show, values) in batch.iter().zip(self.values.chunks_exact_mut(length.max(1))) {
            if let Some(frame) = frames.get(show.frame) {
                place(frame, &show.placement, levels, values);
            }
        }
        let feed = Feed { dims: [slots, 3, rows, columns], values: &self.values };
        self.model.network.run(&[feed])
    }

    /// The outputs that the contract reads, in its order, checked to be numbers for every slot.
    fn outputs(&self, outputs: Vec<Output>, slots: usize) -> Result<Vec<Output>, RunError> {
        let mut outputs: Vec<Option<Output>> = outputs.into_iter().map(Some).collect();
        let mut read = Vec::with_capacity(self.model.roles.len());
        for index in &self.model.roles {
            let output = outputs.get_mut(*index).and_then(Option::take);
            let output = output.ok_or(RunError::Shape { output: *index, dims: Vec::new() })?;
            let values: usize = output.dims.iter().product();
            if output.dims.first() != Some(&slots) || values != output.values.len() {
                return Err(RunError::Shape { output: *index, dims: output.dims });
            }
            if !output.values.iter().all(|value| value.is_finite()) {
                return Err(RunError::NotFinite);
            }
            read.push(output);
        }
        Ok(read)
    }

    /// What one slot of the outputs says, with places in the frame.
    fn read(
        &self,
        outputs: &[Output],
        slot: usize,
        show: &Show,
    ) -> Result<Vec<Candidate>, RunError> {
        let views: Option<Vec<View<'_>>> =
            outputs.iter().map(|output| View::of(output, slot)).collect();
        let shape = || RunError::Shape { output: 0, dims: Vec::new() };
        let views = views.ok_or_else(shape)?;
        let candidates = match (self.contract(), views.as_slice()) {
            (Contract::TextMap, [map]) => text::read(map, self.threshold),
            (Contract::CenterFace, [heat, size, offset]) => {
                grid::read([heat, size, offset], show.placement.tensor, self.threshold)
            }
            (contract, [rows, masks @ ..]) => {
                let sight = rows::Sight {
                    tensor: show.placement.tensor,
                    threshold: self.threshold,
                    kinds: &self.kinds,
                    overlap_max: overlap_max(contract),
                };
                rows::read(contract, rows, masks.first(), &sight)
            }
            (_, []) => None,
        };
        let candidates = candidates.ok_or_else(shape)?;
        // Final boxes that are given by centre and size show it at the latest here.
        let is_final = matches!(self.contract(), Contract::EndToEnd { .. });
        if is_final && candidates.iter().any(Candidate::is_turned) {
            return Err(RunError::NotCorners);
        }
        Ok(candidates.into_iter().map(|one| one.in_frame(&show.placement)).collect())
    }
}

/// One slot of an output: its dimensions without the first, and its values.
#[derive(Debug, Clone, Copy)]
struct View<'a> {
    dims: &'a [usize],
    values: &'a [f32],
}

impl<'a> View<'a> {
    fn of(output: &'a Output, slot: usize) -> Option<Self> {
        let (_, dims) = output.dims.split_first()?;
        let length: usize = dims.iter().product();
        let values = output.values.get(slot * length..(slot + 1) * length)?;
        Some(Self { dims, values })
    }
}

/// Least score that counts, of 1000; none for what does not detect.
const fn usual_threshold(contract: &Contract) -> Option<u16> {
    match contract {
        Contract::Yolo5 { .. }
        | Contract::Yolo8 { .. }
        | Contract::EndToEnd { .. }
        | Contract::RtDetr { .. } => Some(250),
        Contract::TextMap => Some(600),
        // As the package that ships it: a face that is missed is worse than one too many.
        Contract::CenterFace => Some(200),
        Contract::Lama(_) | Contract::MiGan(_) => None,
    }
}

/// Most overlap (intersection over union) of two detections of a kind.
const fn overlap_max(contract: &Contract) -> f32 {
    match contract {
        Contract::CenterFace => 0.3,
        Contract::Yolo5 { .. }
        | Contract::Yolo8 { .. }
        | Contract::EndToEnd { .. }
        | Contract::RtDetr { .. }
        | Contract::TextMap
        | Contract::Lama(_)
        | Contract::MiGan(_) => 0.45,
    }
}

/// The range that a model takes. A model of bytes has its own preparation inside.
fn levels_of(contract: &Contract, element: &str) -> Levels {
    let plain = Levels { blue_first: false, scale: 1.0, shift: 0.0 };
    if element == "u8" {
        return plain;
    }
    match contract {
        Contract::CenterFace => plain,
        // As the package that ships it does: (x / 255 - 0.5) / 0.5, blue first.
        Contract::TextMap => Levels { blue_first: true, scale: 2.0 / 255.0, shift: -1.0 },
        Contract::Yolo5 { .. }
        | Contract::Yolo8 { .. }
        | Contract::EndToEnd { .. }
        | Contract::RtDetr { .. }
        | Contract::Lama(_)
        | Contract::MiGan(_) => Levels { scale: 1.0 / 255.0, ..plain },
    }
}

/// Makes a rectangle of samples of places, clipped to `within`; nothing where nothing of it is left.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "clamped to the frame, whose sides are below 2^15"
)]
fn rectangle(corners: [f32; 4], within: Rect) -> Option<Rect> {
    let [left, top, right, bottom] = corners;
    let clamp = |at: f32, side: u32| at.clamp(0.0, side as f32) as u32;
    let (x, y) = (clamp(left.floor(), within.width), clamp(top.floor(), within.height));
    let (right, bottom) = (clamp(right.ceil(), within.width), clamp(bottom.ceil(), within.height));
    let (width, height) = (right.saturating_sub(x), bottom.saturating_sub(y));
    (width > 0 && height > 0).then_some(Rect { x, y, width, height })
}
