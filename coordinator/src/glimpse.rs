//! A picture of a source that has no job yet, for somebody who draws regions on it: made by a child behind its walls,
//! which reads the source through this process.
//!
//! Owns who may look at what, and how many look at a time. Refuses to keep anything.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use cleanplate_access::Caller;
use cleanplate_child::{
    ChildEnd, ChildProgram, Host, HostFile, HostSink, Limits, WallsPolicy, run_child,
};
use cleanplate_store::{SourceReader, StoreError};
use cleanplate_types::failure::{Failure, FailureKind};
use cleanplate_types::glimpse::{Glimpse, GlimpseAsk, SOURCE};
use cleanplate_types::limits::SourceLimits;
use tokio::sync::Semaphore;
use tonic::Status;

use crate::door::Door;
use crate::jobs::source_of;

/// Children at a time: each decodes, and may use a core.
const AT_ONCE: usize = 2;

/// How long somebody waits, with their turn.
const PATIENCE: Duration = Duration::from_secs(30);

/// Samples in a row and in a column of a picture at most: what a page shows.
const SIDE_MAX: u32 = 1_280;

/// Bytes of a picture at most: more than one of that size has without any compression.
const PICTURE_BYTES_MAX: usize = 8 << 20;

/// See the top of the file.
#[derive(Debug)]
pub(crate) struct Glimpses {
    program: ChildProgram,
    source: SourceLimits,
    limits: Limits,
    turns: Semaphore,
    /// Whoever looks, by the owner: one at a time, so that one owner's slow sources keep nobody else from looking.
    owners: Mutex<BTreeMap<String, Weak<Semaphore>>>,
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
        let (turns, owners) = (Semaphore::new(AT_ONCE), Mutex::default());
        Self { program, source, limits: Limits { silent }, turns, owners, door }
    }

    /// A picture of the source at `place` as a PNG file, for a job that would be `owner`'s.
    ///
    /// # Errors
    /// As the source of a job is refused; `UNAVAILABLE` where it does not answer; `RESOURCE_EXHAUSTED` where there is no
    /// picture in time.
    pub(crate) async fn at(
        &self,
        caller: &Caller,
        (owner, place): (&str, &str),
    ) -> Result<(Glimpse, Vec<u8>), Status> {
        let owner = caller.owner_of_look(owner)?;
        let location = source_of(place, &owner, self.door.places())?;
        let own = self.turn_of(&owner);
        let is_opening = AtomicBool::new(false);
        let made = async {
            let _own = own.acquire().await;
            is_opening.store(true, Ordering::Relaxed);
            // A server that is slow to begin with keeps no child from others.
            let reader = SourceReader::open(&location, None).await.map_err(unopened)?;
            is_opening.store(false, Ordering::Relaxed);
            let _turn = self.turns.acquire().await;
            let ask = GlimpseAsk {
                name_hint: location.name_hint().to_owned(),
                limits: self.source,
                side_max: SIDE_MAX,
            };
            let ask = postcard::to_stdvec(&ask).map_err(|error| internal(&error.to_string()))?;
            let host = Arc::new(Only { source: reader, picture: Mutex::default() });
            let child = run_child(&self.program, ask, Arc::clone(&host) as _, self.limits);
            let made = child.await.map_err(|end| ended(&end))?;
            let glimpse = postcard::from_bytes(&made).map_err(|error| internal(&error.to_string()));
            Ok((glimpse?, host.taken()))
        };
        let late = |_late| {
            let seconds = PATIENCE.as_secs();
            if is_opening.load(Ordering::Relaxed) {
                return Status::unavailable(format!(
                    "{} did not answer within {seconds} s; see that the coordinator reaches it",
                    location.shown()
                ));
            }
            Status::resource_exhausted(format!(
                "there was no picture within {seconds} s: too many are being made, or the source is slow; try again"
            ))
        };
        tokio::time::timeout(PATIENCE, made).await.map_err(late)?
    }

    /// What the owner's own looks wait for.
    fn turn_of(&self, owner: &str) -> Arc<Semaphore> {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        owners.retain(|_, turn| turn.strong_count() > 0);
        let known = owners.get(owner).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            let turn = Arc::new(Semaphore::new(1));
            owners.insert(owner.to_owned(), Arc::downgrade(&turn));
            turn
        })
    }
}

/// A source that cannot be opened, for the client.
fn unopened(error: StoreError) -> Status {
    if matches!(error, StoreError::Forbidden { .. }) {
        return Status::permission_denied(error.to_string());
    }
    if matches!(error, StoreError::Unavailable { .. }) {
        return Status::unavailable(error.to_string());
    }
    if matches!(error, StoreError::BadSettings { .. }) {
        return internal(&error.to_string());
    }
    Status::invalid_argument(error.to_string())
}

fn internal(why: &str) -> Status {
    tracing::error!("a picture of a source: {why}");
    Status::internal(why)
}

fn ended(end: &ChildEnd) -> Status {
    match end {
        ChildEnd::Failed(Failure { kind: FailureKind::Internal, message, .. }) => internal(message),
        ChildEnd::Failed(Failure { message, .. }) => Status::invalid_argument(message),
        ChildEnd::NotStarted(_) => internal(&end.to_string()),
        ChildEnd::Crashed { .. }
        | ChildEnd::Hung { .. }
        | ChildEnd::Spun { .. }
        | ChildEnd::Overate { .. } => {
            tracing::warn!("a picture of a source was not made: {end}");
            Status::invalid_argument(format!("no picture of it can be made: {end}"))
        }
    }
}

/// The source, and nothing else; the pieces of the picture gather here.
struct Only {
    source: SourceReader,
    picture: Mutex<Vec<u8>>,
}

impl Only {
    fn taken(&self) -> Vec<u8> {
        std::mem::take(&mut *self.picture.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait::async_trait]
impl Host for Only {
    async fn open(&self, name: &str) -> io::Result<Arc<dyn HostFile>> {
        if name == SOURCE { Ok(Arc::new(Remote(self.source.clone()))) } else { Err(refused(name)) }
    }

    async fn create(&self, name: &str) -> io::Result<Box<dyn HostSink>> {
        Err(refused(name))
    }

    async fn answer(&self, _question: Vec<u8>) -> io::Result<Vec<u8>> {
        Err(refused("an answer"))
    }

    fn event(&self, piece: Vec<u8>) {
        let mut picture = self.picture.lock().unwrap_or_else(PoisonError::into_inner);
        if picture.len() + piece.len() <= PICTURE_BYTES_MAX {
            picture.extend_from_slice(&piece);
        }
    }
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
