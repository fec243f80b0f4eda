//! Models in the looks: what runs them here, and opening them on the card or the processor.
//!
//! Owns the choice of the device, with the fallback to the processor and its reason. Refuses to know what a model is
//! for.

use std::sync::Arc;

use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::trail::TrailEvent;
use cleanplate_vision::{Device, Model, ModelError, RunError, Runtime, RuntimePlaces, cuda};

use crate::engine::Desk;

/// The runtime of this process.
///
/// # Errors
/// [`FailureKind::WorkerLacks`].
pub(in crate::engine) fn runtime(desk: &Desk) -> Result<&'static Runtime, Failure> {
    let lacks = |text: String| Failure::new(FailureKind::WorkerLacks, Stage::Detect, text);
    let path = desk.order().means.runtime.clone();
    let path =
        path.ok_or_else(|| lacks("ONNX Runtime did not come through its proof".to_owned()))?;
    let places = RuntimePlaces { setting: Some(path), ..RuntimePlaces::default() };
    Runtime::load(&places).map_err(|error| lacks(error.to_string()))
}

/// A model that is open, and the card that it is on.
pub(super) struct Opened {
    pub(super) model: Model,
    pub(super) card: Option<Arc<cuda::Device>>,
}

/// Opens the model that the parent hands as `file`, on the card where there is one, else on the processor.
///
/// # Errors
/// [`FailureKind::WorkerLacks`] where there is no runtime, [`FailureKind::BadRequest`] with the reason where the
/// model is none of those that can be used.
pub(super) fn open(desk: &Desk, file: &str, name: &str) -> Result<Opened, Failure> {
    let runtime = runtime(desk)?;
    let bytes = desk.read(file)?;
    let means = &desk.order().means;
    if let Some(index) = means.card {
        match on_card(runtime, &bytes, index) {
            Ok(opened) => return Ok(opened),
            Err(why) => {
                let text = format!("{name}: the card -> the processor: {why}");
                desk.trail(Stage::Detect, TrailEvent::Fallback, text, None);
            }
        }
    }
    on_processor(desk, runtime, &bytes, name)
}

/// As [`open`], on the processor, whatever there is.
pub(super) fn open_on_processor(desk: &Desk, file: &str, name: &str) -> Result<Opened, Failure> {
    on_processor(desk, runtime(desk)?, &desk.read(file)?, name)
}

fn on_processor(
    desk: &Desk,
    runtime: &Runtime,
    bytes: &[u8],
    name: &str,
) -> Result<Opened, Failure> {
    let device = Device::Cpu { threads: desk.order().means.threads as usize };
    let model = Model::open(runtime, bytes, device);
    let model = model.map_err(|error: ModelError| refused(name, &error))?;
    Ok(Opened { model, card: None })
}

/// The failure of a model that was opened and cannot be run: another machine may have the memory that it takes.
pub(super) fn unrunnable(name: &str, error: &RunError) -> Failure {
    let kind = match error {
        RunError::OutOfMemory { .. } => FailureKind::WorkerLacks,
        RunError::Failed { .. }
        | RunError::Shape { .. }
        | RunError::NotCorners
        | RunError::NotFinite => FailureKind::Internal,
    };
    Failure::new(kind, Stage::Detect, format!("the model {name}: {error}"))
}

/// As [`open`], for a detector: on the card it runs on the card's own stream, where the runtime takes that, so that
/// tensors can be made there.
///
/// # Errors
/// As [`open`].
pub(super) fn open_detector(desk: &Desk, file: &str, name: &str) -> Result<Opened, Failure> {
    let runtime = runtime(desk)?;
    if let Some(index) = desk.order().means.card {
        match on_stream(runtime, &desk.read(file)?, index) {
            Ok(opened) => return Ok(opened),
            Err(why) => tell_tensors_left(desk, name, &why),
        }
    }
    open(desk, file, name)
}

/// Says that a detector is shown tensors of the host, though there is a card.
pub(super) fn tell_tensors_left(desk: &Desk, name: &str, why: &str) {
    let text = format!("{name}: tensors of the card -> of the host: {why}");
    desk.trail(Stage::Detect, TrailEvent::Fallback, text, None);
}

fn on_stream(runtime: &Runtime, bytes: &[u8], index: u32) -> Result<Opened, String> {
    let card = cuda::Device::open(index).map_err(|error| error.to_string())?;
    let model = Model::open_on_stream(runtime, bytes, &card);
    Ok(Opened { model: model.map_err(|error| error.to_string())?, card: Some(card) })
}

fn on_card(runtime: &Runtime, bytes: &[u8], index: u32) -> Result<Opened, String> {
    let card = cuda::Device::open(index).map_err(|error| error.to_string())?;
    let model = Model::open(runtime, bytes, Device::Cuda { index });
    Ok(Opened { model: model.map_err(|error| error.to_string())?, card: Some(card) })
}

/// The failure that a model is which cannot be used.
pub(in crate::engine) fn refused(name: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(FailureKind::BadRequest, Stage::Detect, format!("the model {name}: {error}"))
}
