//! The child: parses the source and the parts, and writes the movie, all through its parent.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cleanplate_child::{Link, escape};
use cleanplate_media::error::MediaError;
use cleanplate_media::fault::{faults, strike};
use cleanplate_media::stitch::{
    Parts, StitchError, StitchJob, StitchPart, Stitched, copy_through, stitch,
};
use cleanplate_store::{decode_object, kinds};
use cleanplate_types::access::{PartSink, ReadAt};
use cleanplate_types::brief::JobBrief;
use cleanplate_types::failure::Stage;
use cleanplate_types::frames::FrameTable;
use cleanplate_types::ids::CellIndex;
use cleanplate_types::part::PartManifest;
use serde::de::DeserializeOwned;

use crate::finish::speech::{self, Ended, Question, Request};

/// The product's version, for the movie's metadata.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The least time between two signs of life, so that a long copy is not taken for a hung one.
const ALIVE_EVERY: Duration = Duration::from_secs(1);

/// The main function of the child process of a stitch (`engine stitch`); returns its exit status.
///
/// Nobody but a coordinator starts it: it speaks to its parent over its standard input.
#[must_use]
pub fn stitch_main() -> u8 {
    main_joining_by(stitch)
}

/// What joins parts: libav, or a test's stand-in.
pub(crate) type Join = fn(
    StitchJob<'_>,
    &mut dyn Parts,
    Box<dyn PartSink>,
    &mut dyn FnMut(u64),
) -> Result<Stitched, StitchError>;

/// [`stitch_main`] with `join` for the stitch.
pub(crate) fn main_joining_by(join: Join) -> u8 {
    let (link, request) = match Link::from_stdin() {
        Ok(started) => started,
        Err(error) => {
            tracing::error!(%error, "the stitch cannot begin");
            return 2;
        }
    };
    let ended = work(&link, &request, join).unwrap_or_else(|stopped| {
        let StitchError { cell, error } = stopped;
        Ended::Failed { cell, failure: error.failure(Stage::Stitch) }
    });
    match speech::encode(&ended).and_then(|result| link.done(result)) {
        Ok(()) => 0,
        // The parent is gone, and with it the movie.
        Err(_gone) => 1,
    }
}

fn work(link: &Link, request: &[u8], join: Join) -> Result<Ended, StitchError> {
    let request: Request = speech::decode(request).map_err(internal)?;
    let source: Arc<dyn ReadAt> = Arc::new(link.open(speech::SOURCE).map_err(unread)?);
    let escaped = told_escape();
    strike(Stage::Stitch, source.as_ref());
    let sink = Box::new(link.create(speech::MOVIE).map_err(unwritten)?);
    let Stitched { bytes, mut notes, checked } = match request {
        Request::Stitch { output_name, allow_metadata_loss, conceal } => {
            let brief: JobBrief = object(link, speech::BRIEF, kinds::BRIEF).map_err(unread)?;
            let table: FrameTable = object(link, speech::TABLE, kinds::TABLE).map_err(unread)?;
            let rest = match &brief.rest {
                Some(_) => {
                    let kept = link.open(speech::REST).map_err(unread)?;
                    Some(Arc::new(kept) as Arc<dyn ReadAt>)
                }
                None => None,
            };
            let job = StitchJob {
                brief: &brief,
                table: &table,
                source,
                rest,
                output_name: &output_name,
                allow_metadata_loss,
                conceal,
                version: VERSION,
            };
            let mut parts = RemoteParts { link: link.clone() };
            join(job, &mut parts, sink, &mut alive(link))?
        }
        Request::Copy { source_name, output_name, why, conceal } => {
            copy_through(source, &source_name, &output_name, &why, conceal, VERSION, sink)
                .map_err(|error| StitchError { cell: None, error })?
        }
    };
    notes.extend(escaped);
    Ok(Ended::Done { bytes, notes, checked: checked.to_string() })
}

/// Tries the ways out of this process where a test asks for it, and says which are open.
fn told_escape() -> Option<String> {
    let (listener, folder) = faults().escape.as_ref()?;
    let attempts = escape(*listener, folder);
    let told = attempts.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    Some(format!("escape: {told}"))
}

/// Tells the parent now and then that there is progress.
fn alive(link: &Link) -> impl FnMut(u64) {
    let link = link.clone();
    let mut told = Instant::now();
    move |_frames| {
        if told.elapsed() >= ALIVE_EVERY {
            told = Instant::now();
            // Where the parent is gone this process ends by itself.
            link.event(Vec::new()).ok();
        }
    }
}

/// The parts, as the parent hands them out.
struct RemoteParts {
    link: Link,
}

impl Parts for RemoteParts {
    fn next(&mut self) -> Result<Option<StitchPart>, MediaError> {
        let read = MediaError::Read;
        let question = speech::encode(&Question::NextPart).map_err(read)?;
        let answer = self.link.ask(question).map_err(read)?;
        let cell: Option<CellIndex> = speech::decode(&answer).map_err(read)?;
        let Some(cell) = cell else { return Ok(None) };
        let manifest: PartManifest =
            object(&self.link, &speech::manifest(cell), kinds::MANIFEST).map_err(read)?;
        let bytes = Arc::new(self.link.open(&speech::part(cell)).map_err(read)?);
        Ok(Some(StitchPart { manifest, bytes }))
    }
}

/// Reads an object whole and decodes it.
fn object<T: DeserializeOwned>(link: &Link, name: &str, kind: &str) -> io::Result<T> {
    let file = link.open(name)?;
    let mut bytes = vec![0; usize::try_from(file.size()).map_err(io::Error::other)?];
    let mut at = 0;
    while let Some(rest) = bytes.get_mut(at..).filter(|rest| !rest.is_empty()) {
        match file.read_at(at as u64, rest)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => at += read,
        }
    }
    decode_object(kind, &bytes).map_err(io::Error::other)
}

fn unread(error: io::Error) -> StitchError {
    StitchError { cell: None, error: MediaError::Read(error) }
}

fn unwritten(error: io::Error) -> StitchError {
    StitchError { cell: None, error: MediaError::Write(error) }
}

fn internal(error: io::Error) -> StitchError {
    StitchError { cell: None, error: MediaError::Internal(error.to_string()) }
}
