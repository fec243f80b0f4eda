//! Tensors made on the card where the model runs: frames go up as they are, and no value crosses twice.
//!
//! Owns the proof that this changes nothing: before it is used, a known picture is shown both ways, through the
//! values that the host makes and through those that the card makes. The values must be the same bit for bit, what
//! the model gives within [`TOLERANCE`]. Refuses models of bytes, and models that run elsewhere.

use std::sync::Arc;

use cleanplate_types::picture::{PixelLayout, PlaneRef, PlanesRef};

use super::{Detector, Show};
use crate::cuda::{
    CudaError, Device, DevicePicture, DeviceTensor, Number, Packing, TensorPlace, TensorRange,
};
use crate::model::BatchForm;
use crate::picture::Picture;
use crate::self_test::{HEIGHT, WIDTH, drawn};
use crate::session::{Network, Output, RunError};
use crate::tensor::{Levels, place};

/// Most that a value of an output may be off, in parts of the largest of that output, where 1 counts as largest at
/// least: the same kernels are given the same values, and only how they share the work out may differ.
pub const TOLERANCE: f32 = 1e-3;

/// Why tensors are not made on the card.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CardTensorError {
    /// The model does not run on the stream of a card.
    #[error("the model does not run on the stream of this card")]
    Elsewhere,
    /// It takes bytes, which kernels do not make.
    #[error("the model takes {0} values, which are made by the host alone")]
    Values(&'static str),
    /// The card failed.
    #[error(transparent)]
    Card(#[from] CudaError),
    /// The model could not be run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The card makes other values than the host.
    #[error("of a known picture the card makes other values than the host: {0}")]
    Tensors(String),
    /// The model gives something else.
    #[error("of a known picture the model gives something else by tensors of the card: {0}")]
    Outputs(String),
}

/// What makes tensors on a card.
#[derive(Debug)]
pub(super) struct CardTensors {
    card: Arc<Device>,
    /// Of the last batch; used again where the next one has its shape.
    tensor: Option<DeviceTensor>,
}

impl CardTensors {
    fn new(card: &Arc<Device>) -> Self {
        Self { card: Arc::clone(card), tensor: None }
    }

    /// Makes the tensors of a batch, of `slots` slots; those beyond the batch are 0.
    fn make(
        &mut self,
        (frames, batch): (&[Picture<'_>], &[Show]),
        (slots, number, levels): (usize, Number, Levels),
    ) -> Result<&mut DeviceTensor, CudaError> {
        let (columns, rows) = batch.first().map_or((0, 0), |show| show.placement.tensor);
        let size = (whole(columns), whole(rows));
        let shape = [whole(slots), 3, size.1, size.0];
        let is_same = |tensor: &DeviceTensor| tensor.shape() == shape && tensor.number() == number;
        let kept = self.tensor.take().filter(is_same);
        let mut tensor = match kept {
            Some(mut tensor) => {
                if batch.len() < slots {
                    tensor.clear()?;
                }
                tensor
            }
            None => DeviceTensor::new(&self.card, whole(slots), size, number)?,
        };
        let range =
            TensorRange { blue_first: levels.blue_first, scale: levels.scale, shift: levels.shift };
        // A frame of many parts goes up once: its shows are side by side.
        let mut up: Option<(usize, DevicePicture)> = None;
        for (slot, show) in batch.iter().enumerate() {
            let Some(frame) = frames.get(show.frame) else { continue };
            let there = match up.take() {
                Some((of, there)) if of == show.frame => there,
                Some(_) | None => self.upload(frame)?,
            };
            let (at, size) = (show.placement.at, show.placement.size);
            let place = TensorPlace {
                from: show.placement.from,
                at: (whole(at.0), whole(at.1)),
                size: (whole(size.0), whole(size.1)),
            };
            tensor.place(whole(slot), (&there, frame.matrix()), &place, range)?;
            up = Some((show.frame, there));
        }
        Ok(self.tensor.insert(tensor))
    }

    fn upload(&self, frame: &Picture<'_>) -> Result<DevicePicture, CudaError> {
        let bounds = frame.bounds();
        let size = (bounds.width, bounds.height);
        let mut there = DevicePicture::new(&self.card, frame.layout(), size, Packing::Planar)?;
        there.upload(frame.planes())?;
        Ok(there)
    }

    /// Makes the tensors of a batch and runs the model on them.
    pub(super) fn run(
        &mut self,
        network: &mut Network,
        shown: (&[Picture<'_>], &[Show]),
        made: (usize, Number, Levels),
    ) -> Result<Vec<Output>, RunError> {
        let tensor = self.make(shown, made).map_err(|error| failed(&error))?;
        network.run_on_card(tensor)
    }
}

/// The card's failure as one of a run.
fn failed(error: &CudaError) -> RunError {
    let why = error.to_string();
    if error.is_out_of_memory() { RunError::OutOfMemory { why } } else { RunError::Failed { why } }
}

impl Detector {
    /// Makes tensors on `card` from now on, whose stream the model runs on, after a known picture was shown both
    /// ways.
    ///
    /// # Errors
    /// [`CardTensorError`]: the host goes on making them.
    pub fn with_tensors_of(&mut self, card: &Arc<Device>) -> Result<(), CardTensorError> {
        if !self.model.network.is_on_stream_of(card) {
            return Err(CardTensorError::Elsewhere);
        }
        self.prove_tensors_of(card)
    }

    /// What made tensors on the card failed for, once; the host makes them since.
    pub const fn take_card_left(&mut self) -> Option<String> {
        self.card_left.take()
    }

    /// Shows a known picture both ways.
    fn prove_tensors_of(&mut self, card: &Arc<Device>) -> Result<(), CardTensorError> {
        let number = number_of(self.model.identity.element)
            .ok_or(CardTensorError::Values(self.model.identity.element))?;
        self.on_card = None;
        let samples = Known::new();
        let layout = samples.layout();
        let known = Picture::new(samples.planes(), &layout, 1)
            .map_err(|error| RunError::Failed { why: error.to_string() })?;
        let frames = [known];
        let shows = self.shows(&frames, None, None);
        let Some(batch) = shows.get(..1) else { return Ok(()) };
        let slots = match self.model.identity.batch {
            BatchForm::Fixed(frames) => frames,
            BatchForm::Open => 1,
        };
        let mut tensors = CardTensors::new(card);
        let levels = self.levels();
        let tensor = tensors.make((&frames, batch), (slots, number, levels))?;
        let mut values = vec![0.0; 3 * batch[0].placement.tensor.0 * batch[0].placement.tensor.1];
        place(&frames[0], &batch[0].placement, levels, &mut values);
        compare_values(&tensor.download_bits()?, &values, number)?;
        let by_card = self.model.network.run_on_card(tensor)?;
        let by_host = self.outputs_of(&frames, batch, slots)?;
        compare_outputs(&by_host, &by_card)?;
        self.on_card = Some(tensors);
        Ok(())
    }
}

/// The kind of values that kernels make for a model; nothing where they make none such.
pub(super) fn number_of(element: &str) -> Option<Number> {
    match element {
        "f32" => Some(Number::Single),
        "f16" => Some(Number::Half),
        _bytes => None,
    }
}

/// Compares the first slot of a tensor with the values of the host.
fn compare_values(card: &[u32], host: &[f32], number: Number) -> Result<(), CardTensorError> {
    let bits = |value: &f32| match number {
        Number::Single => value.to_bits(),
        Number::Half => u32::from(half::f16::from_f32(*value).to_bits()),
    };
    let mut pairs = card.iter().zip(host.iter().map(bits)).enumerate();
    match pairs.find(|(_, (card, host))| *card != host) {
        Some((at, (card, host))) => {
            let text = format!("value {at} has the bits {card:#x}, not {host:#x}");
            Err(CardTensorError::Tensors(text))
        }
        None if card.len() < host.len() => {
            Err(CardTensorError::Tensors(format!("{} values, not {}", card.len(), host.len())))
        }
        None => Ok(()),
    }
}

/// Compares what the model gave.
fn compare_outputs(host: &[Output], card: &[Output]) -> Result<(), CardTensorError> {
    if !host.iter().map(|one| &one.dims).eq(card.iter().map(|one| &one.dims)) {
        return Err(CardTensorError::Outputs("outputs of other shapes".to_owned()));
    }
    for (number, (host, card)) in host.iter().zip(card).enumerate() {
        let largest = host.values.iter().map(|value| value.abs()).fold(1.0, f32::max);
        let off = host.values.iter().zip(&card.values).map(|(host, card)| (host - card).abs());
        // What is no number is off by more than anything.
        let worst =
            off.map(|off| if off.is_nan() { f32::INFINITY } else { off }).fold(0.0, f32::max);
        if worst > TOLERANCE * largest {
            let text = format!("output {number} is off by {worst}, of {largest} at most");
            return Err(CardTensorError::Outputs(text));
        }
    }
    Ok(())
}

fn whole(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// A picture that is known: the line of writing of the self-test, in colours that change over the picture.
struct Known {
    luma: Vec<u8>,
    chroma: [Vec<u8>; 2],
}

impl Known {
    fn new() -> Self {
        let places = || (0..HEIGHT / 2).flat_map(|y| (0..WIDTH / 2).map(move |x| (x, y)));
        let level = |sum: u32| u8::try_from(sum % 256).unwrap_or(0);
        Self {
            luma: drawn(),
            chroma: [
                places().map(|(x, y)| level(x + y / 2)).collect(),
                places().map(|(x, y)| level(255 - x / 3 + y)).collect(),
            ],
        }
    }

    fn layout(&self) -> PixelLayout {
        let name = "yuv420p".to_owned();
        let (chroma_shift_x, chroma_shift_y, full_range) = (1, 1, false);
        PixelLayout { name, depth: 8, planes: 3, chroma_shift_x, chroma_shift_y, full_range }
    }

    fn planes(&self) -> PlanesRef<'_> {
        let plane = |samples, width: u32, height| PlaneRef {
            samples,
            stride: width as usize,
            width,
            height,
        };
        let [u, v] = &self.chroma;
        let half = (WIDTH / 2, HEIGHT / 2);
        let planes = vec![
            plane(&self.luma[..], WIDTH, HEIGHT),
            plane(u, half.0, half.1),
            plane(v, half.0, half.1),
        ];
        PlanesRef::Eight(planes)
    }
}

#[cfg(test)]
mod tests;
