//! `verify`: what survived from one video in another, and what changed. Both are opened in a child.
//!
//! Owns the JSON object that scripts read (see [`show::as_json`]) and the exit status. Refuses to judge:
//! `cleanplate_media::verify` does.

mod axis;
mod canvas;
mod child;
mod picture;
mod show;
mod vmaf;

use std::time::Duration;

use cleanplate_media::verify::report::Report;
use cleanplate_store::Location;
use cleanplate_types::request::{Region, UserMask};
use serde::{Deserialize, Serialize};

use crate::arguments::VerifyArguments;
use crate::exit::{Refusal, Status};
use crate::settings::Settings;
use crate::{inquiry, mask, place, say};

pub(crate) use child::main as child_main;

/// What the child is asked.
#[derive(Debug, Serialize, Deserialize)]
struct Ask {
    source_name: String,
    output_name: String,
    cheap: bool,
    regions: Vec<Region>,
    masks: Vec<UserMask>,
    tolerance: Option<u32>,
    threads: u32,
}

/// The two files, as they are shown.
#[derive(Debug)]
struct Names {
    source: String,
    output: String,
}

/// Does it.
///
/// # Errors
/// A refusal with status 3 where a file cannot be read, 2 where a mask is none or does not fit.
pub(crate) async fn run(
    arguments: VerifyArguments,
    settings: &Settings,
) -> Result<Status, Refusal> {
    let VerifyArguments { source, output, cheap, region, mask, exact, tolerance, picture, json } =
        arguments;
    let places = (place::parse("the source", &source)?, place::parse("the output", &output)?);
    let (source, output) = &places;
    for location in [source, output] {
        place::check_input(location)?;
    }
    let masks = mask.iter().map(|path| mask::read(path)).collect::<Result<Vec<_>, _>>();
    let ask = Ask {
        source_name: source.name_hint().to_owned(),
        output_name: output.name_hint().to_owned(),
        cheap,
        regions: region,
        masks: masks.map_err(|error| Refusal::usage(error.to_string()))?,
        tolerance: if exact { Some(0) } else { tolerance },
        threads: threads(),
    };
    let names = Names { source: source.shown(), output: output.shown() };
    let silent = Duration::from_millis(settings.worker.engine_silent_ms);
    let files = vec![
        (child::SOURCE, inquiry::open(source).await?),
        (child::OUTPUT, inquiry::open(output).await?),
    ];
    let report: Report = inquiry::ask("verify", &ask, files, (silent, &settings.walls)).await?;
    let vmaf = vmaf_of(&report, &places).await;
    if let (Some(path), Some(pictures)) = (&picture, &report.pictures) {
        picture::draw(path, &names, &report.frames, pictures)?;
    }
    if json {
        say::json(&show::as_json(&names, cheap, &report, vmaf.as_ref()))?;
    } else {
        show::for_people(&names, &report, vmaf.as_ref())?;
    }
    Ok(if report.survived() { Status::Done } else { Status::Failed })
}

/// Threads of each of two decoders that work side by side.
fn threads() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u32::try_from(cores.div_ceil(2)).unwrap_or(1)
}

/// VMAF, where pictures were compared and both files are on this machine.
async fn vmaf_of(report: &Report, (source, output): &(Location, Location)) -> Option<vmaf::Vmaf> {
    let pictures = report.pictures.as_ref()?;
    if pictures.not_compared.is_some() {
        return None;
    }
    Some(match (source.path(), output.path()) {
        (Some(source), Some(output)) => vmaf::measure(source, output).await,
        _ => vmaf::Vmaf::NotThere("it needs both files on this machine".to_owned()),
    })
}
