//! Models in the looks: what runs them here, and opening them on the card or the processor.
//!
//! Owns the choice of the device, with the fallback to the processor and its reason, and the words for a model that
//! cannot be used. Refuses to know more of what a model is for than whether it detects or fills.

use std::sync::Arc;

use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::trail::TrailEvent;
use cleanplate_vision::{
    Device, FillError, Model, ModelError, RunError, Runtime, RuntimePlaces, cuda,
};

use crate::engine::Desk;

/// The runtime of this process.
///
/// # Errors
/// [`FailureKind::WorkerLacks`].
pub(in crate::engine) fn runtime(desk: &Desk, stage: Stage) -> Result<&'static Runtime, Failure> {
    let lacks = |text: String| Failure::new(FailureKind::WorkerLacks, stage, text);
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

/// How a model is opened, and the stage that it is for.
type Way = (fn(&Runtime, &[u8], Device) -> Result<Model, ModelError>, Stage);

const DETECTS: Way = (Model::open, Stage::Detect);
const FILLS: Way = (Model::open_filler, Stage::Fill);

/// Opens the filler that the parent hands as `file`, on the card where there is one, else on the processor.
///
/// # Errors
/// [`FailureKind::WorkerLacks`] where there is no runtime, [`FailureKind::BadRequest`] with the reason where the
/// model is none of those that can be used.
pub(super) fn open_filler(desk: &Desk, file: &str, name: &str) -> Result<Opened, Failure> {
    open(desk, file, name, FILLS)
}

/// As [`open_filler`], on the processor, whatever there is.
pub(super) fn open_filler_on_processor(
    desk: &Desk,
    file: &str,
    name: &str,
) -> Result<Opened, Failure> {
    on_processor(desk, &desk.read(file)?, name, FILLS)
}

/// As [`open_detector`], on the processor, whatever there is.
pub(super) fn open_on_processor(desk: &Desk, file: &str, name: &str) -> Result<Opened, Failure> {
    on_processor(desk, &desk.read(file)?, name, DETECTS)
}

fn open(desk: &Desk, file: &str, name: &str, way: Way) -> Result<Opened, Failure> {
    let bytes = desk.read(file)?;
    if let Some(index) = desk.order().means.card {
        match on_card(runtime(desk, way.1)?, &bytes, index, way) {
            Ok(opened) => return Ok(opened),
            Err(why) => {
                let text = format!("{name}: the card -> the processor: {why}");
                desk.trail(way.1, TrailEvent::Fallback, text, None);
            }
        }
    }
    on_processor(desk, &bytes, name, way)
}

fn on_processor(desk: &Desk, bytes: &[u8], name: &str, way: Way) -> Result<Opened, Failure> {
    let (open, stage) = way;
    let device = Device::Cpu { threads: desk.order().means.threads as usize };
    let model = open(runtime(desk, stage)?, bytes, device);
    let model = model.map_err(|error| refused(stage, name, &error))?;
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

/// The failure of a model that is to fill and cannot be run, or paints what it must not.
pub(in crate::engine) fn unfilled(name: &str, error: &FillError) -> Failure {
    let failure = refused(Stage::Fill, name, error);
    match error {
        FillError::Run(RunError::OutOfMemory { .. }) => {
            Failure { kind: FailureKind::WorkerLacks, ..failure }
        }
        FillError::Run(
            RunError::Failed { .. }
            | RunError::Shape { .. }
            | RunError::NotCorners
            | RunError::NotFinite,
        )
        | FillError::NotAFiller { .. }
        | FillError::IgnoresMask
        | FillError::Foreign(_) => failure,
    }
}

/// As [`open_filler`], for a detector: on the card it runs on the card's own stream, where the runtime takes that, so that
/// tensors can be made there.
///
/// # Errors
/// As [`open_filler`].
pub(super) fn open_detector(desk: &Desk, file: &str, name: &str) -> Result<Opened, Failure> {
    if let Some(index) = desk.order().means.card {
        match on_stream(runtime(desk, Stage::Detect)?, &desk.read(file)?, index) {
            Ok(opened) => return Ok(opened),
            Err(why) => tell_tensors_left(desk, name, &why),
        }
    }
    open(desk, file, name, DETECTS)
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

fn on_card(
    runtime: &Runtime,
    bytes: &[u8],
    index: u32,
    (open, _stage): Way,
) -> Result<Opened, String> {
    let card = cuda::Device::open(index).map_err(|error| error.to_string())?;
    let model = open(runtime, bytes, Device::Cuda { index });
    Ok(Opened { model: model.map_err(|error| error.to_string())?, card: Some(card) })
}

/// The failure that a model is which cannot be used.
pub(in crate::engine) fn refused(
    stage: Stage,
    name: &str,
    error: &dyn std::fmt::Display,
) -> Failure {
    let option = if stage == Stage::Fill { "--fill" } else { "--detect" };
    let text = format!("the model {name}, given to {option}: {error}");
    Failure::new(FailureKind::BadRequest, stage, text)
}

/// Refuses classes that count and that no model has: nothing would ever be seen of them.
///
/// # Errors
/// [`FailureKind::BadRequest`] with the classes that there are.
pub(in crate::engine) fn check_classes(
    counting: &[String],
    models: &[(&str, &[String])],
) -> Result<(), Failure> {
    let is_known = |class: &String| {
        let mut known = models.iter().flat_map(|(_, classes)| *classes);
        known.any(|known| known.eq_ignore_ascii_case(class))
    };
    let Some(class) = counting.iter().find(|class| !is_known(class)) else { return Ok(()) };
    let known = models.iter().map(|(name, classes)| format!("{name} has {}", classes.join(", ")));
    let known = known.collect::<Vec<_>>().join("; ");
    let text =
        format!("no model given to --detect has the class `{class}` of --detect-class: {known}");
    Err(Failure::new(FailureKind::BadRequest, Stage::Detect, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_machine_is_not_the_models_fault_and_every_other_fault_names_the_model() {
        let small = FillError::Run(RunError::OutOfMemory { why: "no room".to_owned() });
        assert_eq!(unfilled("lama.onnx", &small).kind, FailureKind::WorkerLacks);
        for fault in [FillError::IgnoresMask, FillError::Run(RunError::NotFinite)] {
            let failure = unfilled("lama.onnx", &fault);
            assert_eq!((failure.kind, failure.stage), (FailureKind::BadRequest, Stage::Fill));
            let told = failure.message;
            assert!(told.contains("lama.onnx") && told.contains("--fill"), "{told}");
        }
    }

    #[test]
    fn a_class_that_counts_is_one_of_some_model() {
        let (logos, cars) = (["logo".to_owned()], ["car".to_owned(), "plate".to_owned()]);
        let models = [("a.onnx", &logos[..]), ("b.onnx", &cars[..])];
        let check = |names: &[&str]| {
            check_classes(&names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>(), &models)
        };
        assert!(check(&["LOGO", "plate"]).is_ok() && check(&[]).is_ok());
        let told = check(&["logo", "cat"]).unwrap_err().message;
        assert!(told.contains("`cat`") && told.contains("b.onnx has car, plate"), "{told}");
    }
}
