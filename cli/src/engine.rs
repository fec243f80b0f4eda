//! `engine`: the processes in which media code runs, and the comparison that `gpu-check` makes.

use std::process::ExitCode;

use cleanplate_worker::Whose;

use crate::arguments::EngineArguments;
use crate::exit::Status;
use crate::{probe, say, verify};

mod nvdec;

/// Plays the part that the parent names.
pub(crate) fn run(arguments: &EngineArguments) -> ExitCode {
    let EngineArguments { whose, subject } = arguments;
    match (whose.as_str(), subject) {
        ("worker", None) => cleanplate_worker::engine_main(Whose::Worker).into(),
        ("check", None) => cleanplate_worker::engine_main(Whose::Check).into(),
        ("glimpse", None) => cleanplate_worker::engine_main(Whose::Glimpse).into(),
        ("stitch", None) => cleanplate_coordinator::stitch_main().into(),
        ("probe", None) => probe::child_main().into(),
        ("verify", None) => verify::child_main().into(),
        ("nvdec", Some(clip)) => match nvdec::compare(clip) {
            Ok(status) => status.into(),
            Err(refusal) => {
                say::note(&format!("error: {}", say::one_line(&refusal.message)));
                refusal.status.into()
            }
        },
        _ => {
            say::note(
                "error: an engine is one of worker, check, glimpse, stitch, probe, verify and nvdec CLIP",
            );
            Status::Usage.into()
        }
    }
}
