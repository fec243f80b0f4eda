//! What every kind of work needs of the parent: objects by name, the source, and an ear.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use cleanplate_child::Link;
use cleanplate_store::{decode_object, encode_object};
use cleanplate_types::access::{PartSink, ReadAt};
use cleanplate_types::digest::Sha;
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::trail::{TrailEntry, TrailEvent};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::engine::fetch::Fetched;
use crate::order::{Handed, Order, SOURCE, Told};

/// Progress is told at most this often, in milliseconds: it costs a message to the parent.
const PROGRESS_EVERY_MS: u64 = 100;

/// The child's way to its parent for one piece of work. Clones are the same desk.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    link: Link,
    order: Order,
    began: Instant,
    /// When progress was told last, in milliseconds since `began`, plus one; 0 is never.
    told_ms: AtomicU64,
}

/// Size and hash of an object that was written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    pub(crate) bytes: u64,
    pub(crate) sha: Sha,
}

impl Desk {
    pub(crate) fn new(link: Link, order: Order) -> Self {
        let began = Instant::now();
        Self { shared: Arc::new(Shared { link, order, began, told_ms: AtomicU64::new(0) }) }
    }

    /// What is to be done.
    pub(crate) fn order(&self) -> &Order {
        &self.shared.order
    }

    /// Opens the source.
    ///
    /// # Errors
    /// [`FailureKind::SourceUnavailable`]; the parent knows the reason better and says it.
    pub(crate) fn source(&self) -> Result<Arc<dyn ReadAt>, Failure> {
        let failed = |error: io::Error| {
            let text = format!("the source cannot be opened: {error}");
            Failure::new(FailureKind::SourceUnavailable, Stage::Fetch, text)
        };
        let remote = self.shared.link.open(SOURCE).map_err(failed)?;
        let fetched = Fetched::new(Arc::new(remote), self.order().lease).map_err(failed)?;
        Ok(Arc::new(fetched))
    }

    /// Reads the object `name` whole, as `kind`.
    ///
    /// # Errors
    /// [`FailureKind::StoreUnavailable`] where the bytes did not come, [`FailureKind::Internal`]
    /// where they are not what they should be.
    pub(crate) fn load<T: DeserializeOwned>(&self, name: &str, kind: &str) -> Result<T, Failure> {
        let bytes = self.read(name)?;
        decode_object(kind, &bytes).map_err(|error| {
            let text = format!("{name} cannot be used: {error}");
            Failure::new(FailureKind::Internal, Stage::Fetch, text)
        })
    }

    /// Reads what `name` stands for whole, as it is.
    ///
    /// # Errors
    /// [`FailureKind::StoreUnavailable`] where the bytes did not come.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<u8>, Failure> {
        self.read_all(name).map_err(|error| {
            let text = format!("{name} cannot be read: {error}");
            Failure::new(FailureKind::StoreUnavailable, Stage::Fetch, text)
        })
    }

    fn read_all(&self, name: &str) -> io::Result<Vec<u8>> {
        let file = self.shared.link.open(name)?;
        let size = usize::try_from(file.size()).map_err(io::Error::other)?;
        let mut bytes = vec![0; size];
        let mut at = 0;
        while at < size {
            match file.read_at(at as u64, &mut bytes[at..])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => at += read,
            }
        }
        Ok(bytes)
    }

    /// Writes `value` as the object `name`, of `kind`.
    ///
    /// # Errors
    /// [`FailureKind::StoreUnavailable`] where the bytes were not taken.
    pub(crate) fn save<T: Serialize>(
        &self,
        name: &str,
        kind: &str,
        value: &T,
    ) -> Result<Written, Failure> {
        let bytes = encode_object(kind, value).map_err(|error| {
            let text = format!("{name} cannot be written: {error}");
            Failure::new(FailureKind::Internal, Stage::Upload, text)
        })?;
        let written = Written { bytes: bytes.len() as u64, sha: Sha::of(&bytes) };
        let mut sink = self.create(name)?;
        sink.write_at(0, &bytes).map_err(|error| unwritten(name, &error))?;
        sink.finish().map_err(|error| unwritten(name, &error))?;
        Ok(written)
    }

    /// Begins the object `name`.
    ///
    /// # Errors
    /// [`FailureKind::StoreUnavailable`].
    pub(crate) fn create(&self, name: &str) -> Result<Box<dyn PartSink>, Failure> {
        match self.shared.link.create(name) {
            Ok(sink) => Ok(Box::new(sink)),
            Err(error) => Err(unwritten(name, &error)),
        }
    }

    /// Hands something in, and waits until the parent has taken it.
    ///
    /// # Errors
    /// Where the parent refuses it.
    pub(crate) fn hand(&self, handed: &Handed) -> Result<(), Failure> {
        let failed = |kind, text: String| Failure::new(kind, Stage::Upload, text);
        let bytes = postcard::to_stdvec(handed)
            .map_err(|error| failed(FailureKind::Internal, error.to_string()))?;
        let taken = self.shared.link.ask(bytes);
        taken.map(drop).map_err(|error| {
            failed(FailureKind::PartRefused, format!("the result was not taken: {error}"))
        })
    }

    /// Tells that `frames` went through so far.
    pub(crate) fn progress(&self, frames: u64) {
        let now = self.elapsed_ms() + 1;
        let last = self.shared.told_ms.load(Ordering::Relaxed);
        if last != 0 && now.saturating_sub(last) < PROGRESS_EVERY_MS {
            return;
        }
        self.shared.told_ms.store(now, Ordering::Relaxed);
        self.tell(&Told::Progress { frames });
    }

    /// Adds a line to the attempt's trail.
    pub(crate) fn trail(
        &self,
        stage: Stage,
        event: TrailEvent,
        detail: impl Into<String>,
        count: Option<u64>,
    ) {
        let at_ms = self.order().began_ms + self.elapsed_ms();
        self.tell(&Told::Trail(TrailEntry { at_ms, stage, event, detail: detail.into(), count }));
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.shared.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn tell(&self, told: &Told) {
        // A parent that is gone ends this process; what it cannot hear does not matter.
        if let Ok(bytes) = postcard::to_stdvec(told) {
            self.shared.link.event(bytes).ok();
        }
    }
}

/// What a write that failed is to the lease; the parent knows the reason better and says it.
pub(crate) fn unwritten(name: &str, error: &io::Error) -> Failure {
    let text = format!("{name} cannot be stored: {error}");
    Failure::new(FailureKind::StoreUnavailable, Stage::Upload, text)
}
