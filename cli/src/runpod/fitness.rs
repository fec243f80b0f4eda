//! Whether this container is fit for work, found out before it takes any: by what `cleanplate doctor` tries.
//!
//! Owns which of that a container must have. A card that is paid for must load its driver and decode a clip on itself:
//! one that would only fall back to the processor is unfit, so that the platform gives another. NVENC is wanted only
//! where it is asked for, since A100 and H100 have none.

use std::time::Duration;

use cleanplate_types::encode::EncoderName;
use cleanplate_types::request::EncoderChoice;
use cleanplate_worker::{MachineReport, check_machine, check_scratch};

use crate::arguments::RunpodArguments;
use crate::doctor::findings::{Finding, State};
use crate::doctor::seats;
use crate::exit::Refusal;
use crate::settings::Settings;
use crate::{program, request, worker};

/// Why this container is not to get any work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub(super) struct Unfit {
    /// What was checked: a word for programs.
    pub(super) check: &'static str,
    /// What was found, and what helps.
    pub(super) reason: String,
}

impl Unfit {
    pub(super) fn new(check: &'static str, reason: impl Into<String>) -> Self {
        Self { check, reason: reason.into() }
    }
}

/// What a container must have.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    /// A card.
    card: bool,
    /// This encoder.
    encoder: Option<EncoderName>,
}

/// Checks one thing after another.
///
/// # Errors
/// The first that is not as it must be; or, within, a refusal where what was typed makes no sense.
pub(super) async fn check(
    arguments: &RunpodArguments,
    settings: &Settings,
) -> Result<Result<(), Unfit>, Refusal> {
    let program = program::own()?;
    let pretend = worker::pretended(None, settings)?;
    let choice = arguments.encoder.as_deref().map(request::encoder).transpose()?;
    let encoder = match choice {
        Some(EncoderChoice::Named(name)) => Some(name),
        Some(EncoderChoice::Auto) | None => None,
    };
    let wanted = Wanted { card: !(arguments.cpu || settings.runpod.cpu), encoder };
    if let Err(unfit) = scratch(settings) {
        return Ok(Err(unfit));
    }
    let silent = Duration::from_millis(settings.worker.engine_silent_ms);
    let with = (&settings.models, settings.walls.clone());
    let machine = match check_machine(&program, pretend, silent, with).await {
        Ok(machine) => machine,
        Err(error) => return Ok(Err(Unfit::new("engine", error.to_string()))),
    };
    if let Err(unfit) = judge(&machine, wanted) {
        return Ok(Err(unfit));
    }
    if seats::has_card(&machine)
        && let Err(unfit) = works("nvdec", &seats::try_nvdec(&program).await)
    {
        return Ok(Err(unfit));
    }
    Ok(Ok(()))
}

/// The disk for what does not fit in memory.
fn scratch(settings: &Settings) -> Result<(), Unfit> {
    let folder = settings.worker.scratch.clone().unwrap_or_else(std::env::temp_dir);
    let unfit = |said: String| Unfit::new("scratch", format!("{}: {said}", folder.display()));
    let free = check_scratch(&folder).map_err(|error| unfit(error.to_string()))?;
    let least = settings.runpod.scratch_bytes;
    if free < least {
        let (free, least) = (free >> 20, least >> 20);
        return Err(unfit(format!(
            "{free} MiB are free, and runpod.scratch wants {least}: give the endpoint's containers more disk"
        )));
    }
    tracing::info!(free_mib = free >> 20, folder = %folder.display(), "fit: scratch");
    Ok(())
}

/// What was found of the machine against what must be there.
fn judge(machine: &MachineReport, wanted: Wanted) -> Result<(), Unfit> {
    if let Some(why) = machine.no_card.as_ref().filter(|_| wanted.card) {
        return Err(Unfit::new(
            "card",
            format!(
                "{why}; choose GPUs for the endpoint, or allow it to work without (runpod.cpu)"
            ),
        ));
    }
    for seat in &machine.seats {
        tracing::info!(tier = seat.tier.name, card = ?seat.card, "fit: card");
    }
    if seats::has_card(machine) {
        for finding in seats::libraries(true).iter().filter(|it| it.check == CUDA) {
            works("cuda", finding)?;
        }
    }
    let none = machine.seats.iter().find(|seat| seat.encoders.is_empty());
    if let Some(seat) = none {
        let why = seat.refused.first().map_or("none was tried", |refused| refused.why.as_str());
        return Err(Unfit::new("encoder", format!("no encoder works: {why}")));
    }
    if let Some(name) = wanted.encoder {
        works("encoder", &seats::encoder(machine, name))?;
    }
    Ok(())
}

/// The check of `doctor` for the driver's library.
const CUDA: &str = "CUDA driver library";

/// What `doctor` found, where it must work.
fn works(check: &'static str, finding: &Finding) -> Result<(), Unfit> {
    let Finding { state, detail, remedy, .. } = finding;
    if *state == State::Works {
        tracing::info!(found = detail, "fit: {check}");
        return Ok(());
    }
    let remedy = remedy.as_ref().map_or_else(String::new, |remedy| format!("; {remedy}"));
    Err(Unfit::new(check, format!("{detail}{remedy}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::seats::tests::machine;

    #[test]
    fn a_container_without_a_card_is_fit_only_where_that_is_allowed() {
        let wanted = Wanted { card: true, encoder: None };
        let unfit = judge(&machine(), wanted).unwrap_err();
        assert_eq!(unfit.check, "card");
        assert!(unfit.reason.contains("no driver") && unfit.reason.contains("runpod.cpu"));
        assert_eq!(judge(&machine(), Wanted { card: false, ..wanted }), Ok(()));
    }

    #[test]
    fn an_encoder_is_missed_only_where_it_is_asked_for() {
        let of = |encoder| judge(&machine(), Wanted { card: false, encoder });
        assert_eq!(of(Some(EncoderName::Libx264)), Ok(()));
        let unfit = of(Some(EncoderName::H264Nvenc)).unwrap_err();
        assert!(unfit.check == "encoder" && unfit.reason.contains("NVENC"), "{unfit}");
        let mut bare = machine();
        bare.seats[0].encoders.clear();
        let unfit = judge(&bare, Wanted { card: false, encoder: None }).unwrap_err();
        assert_eq!(unfit.check, "encoder");
    }
}
