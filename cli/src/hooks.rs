//! Webhooks of a coordinator, by the settings: who is told, and the secrets that messages are signed with.

use std::path::Path;
use std::time::Duration;

use cleanplate_access::Watched;
use cleanplate_coordinator::{HookOptions, Secrets};

use crate::exit::{Refusal, Status};
use crate::settings::Settings;

/// The pause after a first try that failed.
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// The largest file of secrets: of one secret a line, more than anybody rotates.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// Reads the secrets; nothing where nobody is told.
///
/// # Errors
/// A refusal with status 2 where there is somebody to tell and no secret is named, with status 4 where its file cannot
/// be used.
pub(crate) fn open(settings: &Settings) -> Result<Option<HookOptions>, Refusal> {
    let hooks = &settings.webhooks;
    if hooks.endpoints.is_empty() {
        return Ok(None);
    }
    let place = || settings.place_of("webhooks.secret_file");
    let Some(path) = hooks.secret_file.clone() else {
        return Err(Refusal::usage(
            "`webhooks.urls` says who is told, and `webhooks.secret_file` names no file of secrets to sign that with; \
             docs/webhooks.md makes one in a line",
        ));
    };
    let watched = path.clone();
    let secrets =
        Watched::start("the file of webhooks' secrets", vec![watched], move || read(&path));
    let secrets = secrets.map_err(|why| Refusal::new(Status::MachineLacks, place().tell(&why)))?;
    Ok(Some(HookOptions {
        endpoints: hooks.endpoints.clone(),
        secrets,
        give_up: Duration::from_millis(hooks.give_up_ms),
        first_pause: FIRST_PAUSE,
    }))
}

fn read(path: &Path) -> Result<Secrets, String> {
    let shown = path.display();
    let cannot = |error: std::io::Error| format!("{shown} cannot be read: {error}");
    if std::fs::metadata(path).map_err(cannot)?.len() > FILE_BYTES_MAX {
        return Err(format!("{shown} has more than {FILE_BYTES_MAX} bytes"));
    }
    let text = std::fs::read_to_string(path).map_err(cannot)?;
    Secrets::parse(&text).map_err(|error| format!("{shown}: {error}"))
}
