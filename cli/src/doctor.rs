//! `doctor`: what works on this machine, what does not, and how to get it.
//!
//! Tries instead of believing: encoders encode, the card decodes a clip, the store is written. What
//! is missing is no fault unless it was asked for.

pub(crate) mod findings;
mod libav;
mod models;
mod notices;
mod reach;
pub(crate) mod seats;
mod walls;

use std::time::Duration;

use cleanplate_types::request::EncoderChoice;

use crate::arguments::DoctorArguments;
use crate::doctor::findings::{Finding, State};
use crate::exit::{Refusal, Status};
use crate::settings::Settings;
use crate::{program, request, say, worker};

/// Characters of what was found that stay on one line, which scripts look for; what is longer is told in lines of
/// [`LINE_CHARS`].
const WHOLE_CHARS: usize = 200;
const LINE_CHARS: usize = 90;

/// Does it. Status 4 where something that was asked for cannot work.
///
/// # Errors
/// A refusal with status 4 names what was asked for and does not work.
pub(crate) async fn run(
    arguments: DoctorArguments,
    settings: &Settings,
) -> Result<Status, Refusal> {
    let DoctorArguments { store, coordinator, encoder, card, json } = arguments;
    let program = program::own()?;
    let card_asked = card.is_some();
    let pretend = worker::pretended(card.as_deref(), settings)?;
    let encoder = encoder.map(|name| request::encoder(&name)).transpose()?;
    let silent = Duration::from_millis(settings.worker.engine_silent_ms);

    let mut findings = libav::look();
    let with = (&settings.models, settings.walls.clone());
    let machine = cleanplate_worker::check_machine(&program, pretend, silent, with).await;
    findings.extend(seats::look(machine.as_ref(), encoder));
    if let Ok(machine) = &machine {
        findings.extend(models::look(&machine.models));
        findings.push(walls::look(machine.walls.as_ref(), &settings.walls));
    }
    findings.extend(seats::libraries(machine.as_ref().is_ok_and(seats::has_card)));
    if machine.as_ref().is_ok_and(seats::has_card) && !card_asked {
        findings.push(seats::try_nvdec(&program).await);
    }
    if let Some(url) = store.as_deref().or_else(|| settings.store_given()) {
        findings.push(reach::store(url).await);
    }
    if let Some(url) = coordinator.as_deref().or_else(|| settings.coordinator_given()) {
        findings.push(reach::coordinator(url, settings).await);
    }
    findings.extend(notices::look(&settings.worker.notice).await);
    tell(&findings, json)?;
    verdict(&findings)
}

fn tell(findings: &[Finding], json: bool) -> Result<(), Refusal> {
    if json {
        return findings.iter().try_for_each(say::json);
    }
    let mut rows = vec![["CHECK", "STATE", "WHAT WAS FOUND"].map(str::to_owned).to_vec()];
    for finding in findings {
        let mut head = [finding.check.clone(), finding.state.for_people().to_owned()];
        let remedy = finding.remedy.iter().map(|remedy| format!("-> {remedy}"));
        let texts = [say::one_line(&finding.detail)].into_iter().chain(remedy);
        let lines = texts.flat_map(|text| {
            let is_long = text.chars().count() > WHOLE_CHARS;
            if is_long { say::wrapped(&text, LINE_CHARS) } else { vec![text] }
        });
        for line in lines {
            rows.push(head.iter_mut().map(std::mem::take).chain([line]).collect());
        }
    }
    say::table(&rows)
}

fn verdict(findings: &[Finding]) -> Result<Status, Refusal> {
    let failed = |finding: &&Finding| finding.asked && finding.state != State::Works;
    let failed: Vec<&str> =
        findings.iter().filter(failed).map(|finding| finding.check.as_str()).collect();
    if failed.is_empty() {
        return Ok(Status::Done);
    }
    let which = failed.join(", ");
    Err(Refusal::new(Status::MachineLacks, format!("asked for and not working here: {which}")))
}

/// Whether the choice asks for `name`.
fn asks_for(choice: Option<EncoderChoice>, name: cleanplate_types::encode::EncoderName) -> bool {
    choice == Some(EncoderChoice::Named(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_a_fault_only_where_it_was_asked_for() {
        let missing = || Finding::missing("NVENC", "no card", "get one");
        assert_eq!(verdict(&[missing()]), Ok(Status::Done));
        let refusal = verdict(&[missing(), missing().asked_for()]).unwrap_err();
        assert_eq!(refusal.status, Status::MachineLacks);
        assert!(refusal.message.contains("NVENC"), "{}", refusal.message);
        assert_eq!(verdict(&[Finding::works("store", "it does").asked_for()]), Ok(Status::Done));
    }
}
