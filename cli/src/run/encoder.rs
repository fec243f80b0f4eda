//! Whether this machine has the encoder that a run was told to take, by what `cleanplate doctor` tries: asked before the
//! film is looked at. Refuses to choose another one.

use std::time::Duration;

use cleanplate_types::request::EncoderChoice;
use cleanplate_worker::check_machine;

use crate::doctor::findings::{Finding, State};
use crate::doctor::seats;
use crate::exit::{Refusal, Status};
use crate::program;
use crate::settings::Settings;

/// Refuses an encoder of a card that this machine has not.
///
/// # Errors
/// A refusal with status 4 and the reason.
pub(super) async fn has_encoder(choice: EncoderChoice, settings: &Settings) -> Result<(), Refusal> {
    let EncoderChoice::Named(name) = choice else { return Ok(()) };
    if !name.is_hardware() {
        return Ok(());
    }
    let silent = Duration::from_millis(settings.worker.engine_silent_ms);
    let with = (&settings.models, settings.walls.clone());
    let machine = check_machine(&program::own()?, None, silent, with).await;
    let machine = machine.map_err(|error| Refusal::failed(error.to_string()))?;
    let Finding { state, detail, .. } = seats::encoder(&machine, name);
    if state == State::Works {
        return Ok(());
    }
    let text = format!(
        "this machine has no {name}: {detail}; leave out --encoder, or name {}",
        name.in_software()
    );
    Err(Refusal::new(Status::MachineLacks, text))
}
