//! Models in the looks: what runs them here, and opening them on the card or the processor.
//!
//! Owns the choice of the device, with the fallback to the processor and its reason. Refuses to know what a model is
//! for.

use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::trail::TrailEvent;
use cleanplate_vision::{Device, Model, ModelError, Runtime, RuntimePlaces};

use crate::engine::Desk;

/// The runtime of this process.
///
/// # Errors
/// [`FailureKind::WorkerLacks`].
pub(super) fn runtime(desk: &Desk) -> Result<&'static Runtime, Failure> {
    let lacks = |text: String| Failure::new(FailureKind::WorkerLacks, Stage::Detect, text);
    let path = desk.order().means.runtime.clone();
    let path =
        path.ok_or_else(|| lacks("ONNX Runtime did not come through its proof".to_owned()))?;
    let places = RuntimePlaces { setting: Some(path), ..RuntimePlaces::default() };
    Runtime::load(&places).map_err(|error| lacks(error.to_string()))
}

/// Opens a model on the card where there is one, else on the processor.
///
/// # Errors
/// [`FailureKind::BadRequest`] with the reason, where the model is none of those that can be used.
pub(super) fn open_on(
    desk: &Desk,
    runtime: &Runtime,
    bytes: &[u8],
    name: &str,
) -> Result<Model, Failure> {
    let means = &desk.order().means;
    if let Some(index) = means.card {
        match Model::open(runtime, bytes, Device::Cuda { index }) {
            Ok(opened) => return Ok(opened),
            Err(error) => {
                let text = format!("{name}: the card -> the processor: {error}");
                desk.trail(Stage::Detect, TrailEvent::Fallback, text, None);
            }
        }
    }
    let device = Device::Cpu { threads: means.threads as usize };
    Model::open(runtime, bytes, device).map_err(|error: ModelError| refused(name, &error))
}

/// The failure that a model is which cannot be used.
pub(super) fn refused(name: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(FailureKind::BadRequest, Stage::Detect, format!("the model {name}: {error}"))
}
