//! A picture of a source that has no job yet, for somebody who draws regions on it: made by a child behind its walls,
//! which reads the source through this process.
//!
//! Owns who may look at what, and how many look at a time. Refuses to keep anything.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cleanplate_access::Caller;
use cleanplate_child::{
    ChildEnd, ChildProgram, Host, HostFile, HostSink, Limits, WallsPolicy, run_child,
};
use cleanplate_store::SourceReader;
use cleanplate_types::failure::{Failure, FailureKind};
use cleanplate_types::glimpse::{Glimpse, GlimpseAsk, SOURCE};
use cleanplate_types::limits::SourceLimits;
use tokio::sync::Semaphore;
use tonic::Status;

use crate::door::Door;
use crate::jobs::{refusal, source_of};

/// Children at a time: each decodes, and may use a core.
const AT_ONCE: usize = 2;

/// How long somebody waits, with their turn.
const PATIENCE: Duration = Duration::from_secs(30);

/// Samples in a row of a picture at most: what a page shows.
const WIDTH_MAX: u32 = 1_280;

/// See the top of the file.
#[derive(Debug)]
pub(crate) struct Glimpses {
    program: ChildProgram,
    source: SourceLimits,
    limits: Limits,
    turns: Semaphore,
    door: Arc<Door>,
}

impl Glimpses {
    /// By children `EXECUTABLE engine glimpse`.
    pub(crate) fn new(
        executable: PathBuf,
        (walls, silent): (&WallsPolicy, Duration),
        (source, door): (SourceLimits, Arc<Door>),
    ) -> Self {
        let arguments = ["engine", "glimpse"].map(str::to_owned).to_vec();
        let walls = walls.processor(Vec::new());
        let program = ChildProgram { executable, arguments, environment: Vec::new(), walls };
        let turns = Semaphore::new(AT_ONCE);
        Self { program, source, limits: Limits { silent }, turns, door }
    }

    /// A picture of the source at `place`, for a job that would be `owner`'s.
    ///
    /// # Errors
    /// As the source of a job is refused; `RESOURCE_EXHAUSTED` where too many look.
    pub(crate) async fn at(
        &self,
        caller: &Caller,
        (owner, place): (&str, &str),
    ) -> Result<Glimpse, Status> {
        let location = source_of(place, &caller.owner_of_new(owner)?, self.door.places())?;
        let made = async {
            let _turn = self.turns.acquire().await;
            let reader = SourceReader::open(&location, None).await.map_err(refusal)?;
            let ask = GlimpseAsk {
                name_hint: location.name_hint().to_owned(),
                limits: self.source,
                width_max: WIDTH_MAX,
            };
            let ask = postcard::to_stdvec(&ask).map_err(|error| internal(&error.to_string()))?;
            let child = run_child(&self.program, ask, Arc::new(Only(reader)), self.limits);
            let made = child.await.map_err(|end| ended(&end))?;
            postcard::from_bytes(&made).map_err(|error| internal(&error.to_string()))
        };
        let late = |_late| {
            Status::resource_exhausted(format!(
                "there was no picture within {} s: too many are being made, or the source is slow; try again",
                PATIENCE.as_secs()
            ))
        };
        tokio::time::timeout(PATIENCE, made).await.map_err(late)?
    }
}

fn internal(why: &str) -> Status {
    tracing::error!("a picture of a source: {why}");
    Status::internal(why)
}

fn ended(end: &ChildEnd) -> Status {
    match end {
        ChildEnd::Failed(Failure { kind: FailureKind::Internal, message, .. }) => internal(message),
        ChildEnd::Failed(Failure { message, .. }) => Status::failed_precondition(message),
        ChildEnd::NotStarted(_)
        | ChildEnd::Crashed { .. }
        | ChildEnd::Hung { .. }
        | ChildEnd::Spun { .. }
        | ChildEnd::Overate { .. } => {
            tracing::warn!("a picture of a source was not made: {end}");
            Status::failed_precondition(format!("no picture of it can be made: {end}"))
        }
    }
}

/// The source, and nothing else.
struct Only(SourceReader);

#[async_trait::async_trait]
impl Host for Only {
    async fn open(&self, name: &str) -> io::Result<Arc<dyn HostFile>> {
        if name == SOURCE { Ok(Arc::new(Remote(self.0.clone()))) } else { Err(refused(name)) }
    }

    async fn create(&self, name: &str) -> io::Result<Box<dyn HostSink>> {
        Err(refused(name))
    }

    async fn answer(&self, _question: Vec<u8>) -> io::Result<Vec<u8>> {
        Err(refused("an answer"))
    }

    fn event(&self, _alive: Vec<u8>) {}
}

fn refused(name: &str) -> io::Error {
    let text = format!("`{name}` is nothing that a picture needs");
    io::Error::new(io::ErrorKind::PermissionDenied, text)
}

struct Remote(SourceReader);

#[async_trait::async_trait]
impl HostFile for Remote {
    fn size(&self) -> u64 {
        self.0.head().bytes
    }

    async fn read(&self, offset: u64, bytes: usize) -> io::Result<Vec<u8>> {
        let read = self.0.read_range(offset, bytes).await;
        read.map(Vec::from).map_err(io::Error::other)
    }
}
