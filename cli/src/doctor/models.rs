//! What runs models here, as a child process proved it, and the models that are installed.

use cleanplate_vision::known_model;
use cleanplate_worker::ProvedRuntime;

use super::findings::Finding;

/// What helps where models cannot be run, or are not there.
const REMEDY: &str =
    "only --detect text, faces or MODEL.onnx and --fill MODEL.onnx need it: make setup-models";

/// The runtime, and each known model.
pub(super) fn look(models: &Result<ProvedRuntime, String>) -> Vec<Finding> {
    let proved = match models {
        Ok(proved) => proved,
        Err(why) => return vec![Finding::missing("ONNX Runtime", why, REMEDY)],
    };
    let detail = format!("{}, {}; a real inference", proved.version, proved.path.display());
    let runtime = Finding::works("ONNX Runtime", detail);
    let installed = proved.installed.iter().map(|(name, sha)| {
        let about = known_model(name)
            .map_or_else(String::new, |known| format!("{} ({}), ", known.title, known.licence));
        Finding::works(format!("model {name}"), format!("{about}{sha}"))
    });
    let missing = proved.missing.iter();
    let missing = missing.map(|(name, why)| Finding::missing(format!("model {name}"), why, REMEDY));
    [runtime].into_iter().chain(installed).chain(missing).collect()
}
