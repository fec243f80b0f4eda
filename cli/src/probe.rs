//! `probe`: what a source is, and how each tier would cut it. The source is opened in a child.

mod child;
mod show;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use cleanplate_child::{ChildEnd, ChildProgram, Host, HostFile, HostSink, Limits, run_child};
use cleanplate_store::SourceReader;
use cleanplate_types::source::SourceDescription;
use serde::{Deserialize, Serialize};

use crate::arguments::ProbeArguments;
use crate::exit::{Refusal, Status};
use crate::settings::Settings;
use crate::{place, program, say};

pub(crate) use child::main as child_main;

/// What the child is asked.
#[derive(Debug, Serialize, Deserialize)]
struct Ask {
    name_hint: String,
    cell_frames: Option<u32>,
    threads: u32,
}

/// What the child answers. Its size does not grow with the video.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Answer {
    description: SourceDescription,
    frames: u64,
    /// Presentation time of the first frame and of the end of the last one, in nanoseconds.
    shown_nanos: (i128, i128),
    /// Why the source was decoded whole; `None` where packets told enough.
    decoded: Option<String>,
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
    let reader = SourceReader::open(&source, None).await;
    let reader =
        reader.map_err(|error| Refusal::new(Status::of(error.kind()), error.to_string()))?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let ask = Ask {
        name_hint: source.name_hint().to_owned(),
        cell_frames,
        threads: u32::try_from(cores).unwrap_or(1),
    };
    let silent = Duration::from_millis(settings.worker.engine_silent_ms);
    let answer = ask_child(&ask, reader, silent).await?;
    if json {
        say::json(&show::as_json(&source.url(), &answer))?;
    } else {
        show::for_people(&source.shown(), &answer)?;
    }
    Ok(Status::Done)
}

async fn ask_child(ask: &Ask, reader: SourceReader, silent: Duration) -> Result<Answer, Refusal> {
    let program = ChildProgram {
        executable: program::own()?,
        arguments: vec!["engine".to_owned(), "probe".to_owned()],
        environment: Vec::new(),
    };
    let broken = |error: postcard::Error| {
        Refusal::failed(format!("the engine process and cleanplate do not understand: {error}"))
    };
    let request = postcard::to_stdvec(ask).map_err(broken)?;
    let answer = run_child(&program, request, Arc::new(OneSource(reader)), Limits { silent }).await;
    match answer {
        Ok(answer) => postcard::from_bytes(&answer).map_err(broken),
        Err(ChildEnd::Failed(failure)) => {
            Err(Refusal::new(Status::of(failure.kind), failure.message))
        }
        Err(end @ (ChildEnd::NotStarted(_) | ChildEnd::Crashed { .. } | ChildEnd::Hung { .. })) => {
            Err(Refusal::failed(end.to_string()))
        }
    }
}

/// The child may read the source, and nothing else.
struct OneSource(SourceReader);

#[async_trait::async_trait]
impl Host for OneSource {
    async fn open(&self, name: &str) -> io::Result<Arc<dyn HostFile>> {
        if name == child::SOURCE {
            return Ok(Arc::new(OneFile(self.0.clone())));
        }
        Err(io::ErrorKind::PermissionDenied.into())
    }

    async fn create(&self, _name: &str) -> io::Result<Box<dyn HostSink>> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    async fn answer(&self, _question: Vec<u8>) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn event(&self, _event: Vec<u8>) {}
}

struct OneFile(SourceReader);

#[async_trait::async_trait]
impl HostFile for OneFile {
    fn size(&self) -> u64 {
        self.0.head().bytes
    }

    async fn read(&self, offset: u64, bytes: usize) -> io::Result<Vec<u8>> {
        let read = self.0.read_range(offset, bytes).await.map_err(io::Error::other)?;
        Ok(read.to_vec())
    }
}
