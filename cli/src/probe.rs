//! `probe`: what a source is, and how each tier would cut it. The source is opened in a child.

mod child;
mod show;

use std::time::Duration;

use cleanplate_types::frames::TableOrigin;
use cleanplate_types::limits::SourceLimits;
use cleanplate_types::source::SourceDescription;
use serde::{Deserialize, Serialize};

use crate::arguments::ProbeArguments;
use crate::exit::{Refusal, Status};
use crate::settings::Settings;
use crate::{inquiry, place, say};

pub(crate) use child::main as child_main;

/// What the child is asked.
#[derive(Debug, Serialize, Deserialize)]
struct Ask {
    name_hint: String,
    cell_frames: Option<u32>,
    threads: u32,
    limits: SourceLimits,
}

/// What the child answers. Its size does not grow with the video.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Answer {
    description: SourceDescription,
    frames: u64,
    /// Presentation time of the first frame and of the end of the last one, in nanoseconds.
    shown_nanos: (i128, i128),
    /// How the frames were counted.
    origin: TableOrigin,
    entries: Entries,
    cells: Cells,
    tiers: Vec<TierCut>,
    notes: Vec<String>,
}

/// Where decoding can start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Entries {
    idr: u64,
    recovery: u64,
    unknown: u64,
    /// Frames between the two that are farthest apart, or to the end.
    gap_frames_max: u64,
}

/// The job's encode cells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Cells {
    count: u64,
    frames_min: u64,
    frames_max: u64,
    at_idr: u64,
    at_recovery: u64,
    at_unknown: u64,
    elsewhere: u64,
}

/// How one worker of a tier would cut the job, with one slot and before its speed is measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct TierCut {
    tier: String,
    segments: u64,
}

/// Does it.
///
/// # Errors
/// A refusal with status 3 where the input cannot be processed.
pub(crate) async fn run(arguments: ProbeArguments, settings: &Settings) -> Result<Status, Refusal> {
    let ProbeArguments { input, cell_frames, json } = arguments;
    let source = place::parse("the input", &input)?;
    place::check_input(&source)?;
    let reader = inquiry::open(&source).await?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let ask = Ask {
        name_hint: source.name_hint().to_owned(),
        cell_frames,
        threads: u32::try_from(cores).unwrap_or(1),
        limits: settings.limits.worker.source,
    };
    let silent = Duration::from_millis(settings.worker.engine_silent_ms);
    let files = vec![(child::SOURCE, reader)];
    let answer: Answer = inquiry::ask("probe", &ask, files, (silent, &settings.walls)).await?;
    if json {
        say::json(&show::as_json(&source.url(), &answer))?;
    } else {
        show::for_people(&source.shown(), &answer)?;
    }
    Ok(Status::Done)
}
