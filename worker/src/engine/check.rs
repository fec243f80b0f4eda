//! A look at the machine: which encoders make a real test picture here, what runs models, and whether those of a job
//! can be used.

mod own;

use cleanplate_media::capability;
use cleanplate_media::prove::{open_at_once, prove};
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_vision::{
    Contract, Detector, DetectorSettings, Device, KNOWN_MODELS, Model, ModelsFolder, Runtime,
    RuntimePlaces, processor_class, self_test,
};

use crate::machine::ProvedRuntime;
use crate::options::ModelOptions;
use crate::order::{CheckOrder, Checked};

/// How much of a made line of writing a model for writing must see, of 1000.
const COVERED_MIN: u16 = 900;

/// Proves the encoders and the runtime of the request.
///
/// # Errors
/// Where the request makes no sense; an encoder that does not work is part of the answer.
pub(super) fn run(request: &[u8]) -> Result<Vec<u8>, Failure> {
    let senseless = |error: postcard::Error| {
        let text = format!("parent and engine do not understand each other: {error}");
        Failure::new(FailureKind::Internal, Stage::Encode, text)
    };
    let order: CheckOrder = postcard::from_bytes(request).map_err(senseless)?;
    let CheckOrder { encoders, card, models, sessions, own } = order;
    let proved = encoders.into_iter().map(|name| {
        let card = if name.is_hardware() { card } else { None };
        (name, prove(name, card).map_err(|error| error.to_string()))
    });
    let encoders = proved.collect();
    let models = models.map(|models| prove_models(&models));
    let sessions = sessions.map(|(name, wanted)| {
        let found = open_at_once(name, card, wanted);
        (found.open, found.refused)
    });
    let own = own.and_then(|own| own::judge(&own));
    let library = capability::version();
    let checked = Checked { library, encoders, models, sessions, own, walls: None };
    postcard::to_stdvec(&checked).map_err(senseless)
}

/// Shows a model a made picture; one for writing must see the writing.
fn prove_model(runtime: &Runtime, bytes: &[u8]) -> Result<(), String> {
    let model = Model::open(runtime, bytes, Device::Cpu { threads: 1 });
    let model = model.map_err(|error| error.to_string())?;
    let reads = model.identity().contract == Contract::TextMap;
    let detector = Detector::new(model, &DetectorSettings::default());
    let mut detector = detector.map_err(|error| error.to_string())?;
    let seen = self_test(&mut detector).map_err(|error| error.to_string())?;
    if reads && seen.covered < COVERED_MIN {
        return Err(format!("it saw {} of 1000 of a line of writing", seen.covered));
    }
    Ok(())
}

/// Loads ONNX Runtime and proves the models that are installed.
fn prove_models(options: &ModelOptions) -> Result<ProvedRuntime, String> {
    let places = RuntimePlaces::of_this_machine(options.runtime.as_deref(), &options.folder);
    let runtime = Runtime::load(&places).map_err(|error| error.to_string())?;
    let folder = ModelsFolder::new(&options.folder);
    let (mut installed, mut missing) = (Vec::new(), Vec::new());
    for known in &KNOWN_MODELS {
        let name = known.name.to_owned();
        match folder.open(known.name) {
            Ok(bytes) => match prove_model(runtime, &bytes) {
                Ok(()) => installed.push((name, known.sha)),
                Err(why) => {
                    let file = folder.file(known.sha);
                    missing.push((name, format!("{} does no work here: {why}", file.display())));
                }
            },
            Err(error) => missing.push((name, error.to_string())),
        }
    }
    let (version, path) = (runtime.version().to_owned(), runtime.path().to_owned());
    let classes = vec![processor_class(&version)];
    Ok(ProvedRuntime { version, path, installed, missing, classes })
}
