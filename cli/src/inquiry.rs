//! Asks a child of this program about files, which it may read and nothing else.
//!
//! Owns the whole way, at both ends: the child's rights, question and answer, and what its end means for the exit
//! status. Refuses to parse a byte of media in this process.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use cleanplate_child::{
    ChildEnd, ChildProgram, Host, HostFile, HostSink, Limits, Link, WallsPolicy, WallsReport,
    run_child,
};
use cleanplate_media::fault::VARIABLE as FAULTS;
use cleanplate_store::{Location, SourceReader};
use cleanplate_types::failure::Failure;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::exit::{Refusal, Status};
use crate::{program, say};

/// Opens a file for a child to read.
///
/// # Errors
/// A refusal with the status of what is wrong with it.
pub(crate) async fn open(location: &Location) -> Result<SourceReader, Refusal> {
    SourceReader::open(location, None)
        .await
        .map_err(|error| Refusal::new(Status::of(error.kind()), error.to_string()))
}

/// The child's end: hears the question, gives the answer or the failure; returns the exit status.
pub(crate) fn answer_parent(answer: impl FnOnce(&Link, &[u8]) -> Result<Vec<u8>, Failure>) -> u8 {
    let (link, request) = match Link::from_stdin() {
        Ok(begun) => begun,
        Err(error) => {
            say::note(&format!("error: {error}"));
            return 2;
        }
    };
    let told = match answer(&link, &request) {
        Ok(answer) => link.done(answer),
        Err(failure) => link.failed(failure),
    };
    u8::from(told.is_err())
}

/// Starts `engine WHOSE`, asks it, and waits for its answer; it may read `files` by their names, and may
/// be silent for no longer than `silent`.
///
/// # Errors
/// A refusal with the status of the child's failure; 1 where it crashed or hung.
pub(crate) async fn ask<A: DeserializeOwned>(
    whose: &str,
    question: &impl Serialize,
    files: Vec<(&'static str, SourceReader)>,
    (silent, walls): (Duration, &WallsPolicy),
) -> Result<A, Refusal> {
    let program = ChildProgram {
        executable: program::own()?,
        arguments: vec!["engine".to_owned(), whose.to_owned()],
        environment: faults(),
        walls: walls.processor(Vec::new()),
    };
    let broken = |error: postcard::Error| {
        Refusal::failed(format!("the engine process and cleanplate do not understand: {error}"))
    };
    let request = postcard::to_stdvec(question).map_err(broken)?;
    match run_child(&program, request, Arc::new(Files(files)), Limits { silent }).await {
        Ok(answer) => postcard::from_bytes(&answer).map_err(broken),
        Err(ChildEnd::Failed(failure)) => {
            Err(Refusal::new(Status::of(failure.kind), failure.message))
        }
        Err(
            end @ (ChildEnd::NotStarted(_)
            | ChildEnd::Crashed { .. }
            | ChildEnd::Hung { .. }
            | ChildEnd::Spun { .. }
            | ChildEnd::Overate { .. }),
        ) => Err(Refusal::failed(end.to_string())),
    }
}

/// The fault switches, which children obey in debug builds.
fn faults() -> Vec<(String, String)> {
    let faults = cfg!(debug_assertions).then(|| std::env::var(FAULTS).ok()).flatten();
    faults.map(|faults| (FAULTS.to_owned(), faults)).into_iter().collect()
}

/// The files that the child may read.
struct Files(Vec<(&'static str, SourceReader)>);

#[async_trait::async_trait]
impl Host for Files {
    async fn open(&self, name: &str) -> io::Result<Arc<dyn HostFile>> {
        let found = self.0.iter().find(|(own, _)| *own == name);
        let (_, reader) = found.ok_or(io::ErrorKind::PermissionDenied)?;
        Ok(Arc::new(OneFile(reader.clone())))
    }

    async fn create(&self, _name: &str) -> io::Result<Box<dyn HostSink>> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    async fn answer(&self, _question: Vec<u8>) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn walled(&self, report: &WallsReport) {
        if !report.is_whole() && !report.is_off() {
            tracing::warn!("{report}");
        }
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
