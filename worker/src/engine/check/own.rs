//! The models that a job brings, opened before it begins: what its leases would come upon is told at once.
//!
//! Owns no words: they are those of the leases. Refuses to judge the machine: a model that has no room here, on the
//! processor, may have it on the card.

use std::fs;

use cleanplate_types::failure::{Failure, Stage};
use cleanplate_vision::{
    Detector, DetectorSettings, Device, Inpainter, Model, ModelError, RunError, Runtime,
    RuntimePlaces,
};

use crate::engine::look::models::{check_classes, refused, unfilled};
use crate::order::{OwnModel, OwnModels, Purpose};

/// Why the job cannot be done with its models; `None` where it can, as far as this machine tells.
pub(super) fn judge(own: &OwnModels) -> Option<Failure> {
    let places = RuntimePlaces { setting: Some(own.runtime.clone()), ..RuntimePlaces::default() };
    // It came through its proof; where it does not load any more, the lease says so.
    let runtime = Runtime::load(&places).ok()?;
    open_all(own, runtime).err()
}

fn open_all(own: &OwnModels, runtime: &Runtime) -> Result<(), Failure> {
    let device = Device::Cpu { threads: own.threads as usize };
    let (mut known, mut counting, mut is_all_known) = (Vec::new(), Vec::new(), true);
    for OwnModel { path, name, purpose } in &own.models {
        // It was there a moment ago.
        let Ok(bytes) = fs::read(path) else { return Ok(()) };
        match purpose {
            Purpose::Fill => {
                let model = Model::open_filler(runtime, &bytes, device);
                if let Some(model) = told(model, Stage::Fill, name)? {
                    Inpainter::new(model).map_err(|error| unfilled(name, &error))?;
                }
            }
            Purpose::Detect { classes } => {
                counting.clone_from(classes);
                let Some(model) = told(Model::open(runtime, &bytes, device), Stage::Detect, name)?
                else {
                    is_all_known = false;
                    continue;
                };
                let settings =
                    DetectorSettings { classes: classes.clone(), ..DetectorSettings::default() };
                let detector = Detector::new(model, &settings);
                let detector = detector.map_err(|error| refused(Stage::Detect, name, &error))?;
                known.push((name.as_str(), detector.model().identity().names.clone()));
            }
        }
    }
    let known: Vec<(&str, &[String])> =
        known.iter().map(|(name, classes)| (*name, classes.as_slice())).collect();
    if is_all_known { check_classes(&counting, &known) } else { Ok(()) }
}

/// The model, or nothing where only this machine is at fault.
fn told(
    opened: Result<Model, ModelError>,
    stage: Stage,
    name: &str,
) -> Result<Option<Model>, Failure> {
    match opened {
        Ok(model) => Ok(Some(model)),
        Err(ModelError::Device { .. } | ModelError::Run(RunError::OutOfMemory { .. })) => Ok(None),
        Err(error) => Err(refused(stage, name, &error)),
    }
}
