//! What a lease's child may read and write, and what each name stands for in the store.
//!
//! Owns the lease's view of store and source. Refuses every name that the work does not need, and
//! keeps the first error of the store in its own type: over the socket only its words would be left.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use cleanplate_child::{Host, HostFile, HostSink, WallsReport, Whole};
use cleanplate_media::fault::faults;
use cleanplate_store::{Location, PartUpload, SourceMeta, SourceReader, Store, StoreError};
use cleanplate_types::failure::FailureKind;
use cleanplate_types::limits::OverLimit;
use cleanplate_types::object::ObjectRef;
use cleanplate_types::source::SourceRef;
use cleanplate_types::trail::{TrailEntry, TrailEvent};
use tokio::sync::mpsc;

use crate::lease::written::Written;
use crate::lease::{LeaseReport, Watch};
use crate::models::ModelFile;
use crate::order::{Handed, Told};

/// What a name stands for.
#[derive(Debug, Clone)]
pub(crate) enum Readable {
    /// An object of the store, read whole and checked.
    Object(ObjectRef),
    /// Bytes that the parent has already.
    Bytes(Bytes),
    /// The source as it is now: intake pins it.
    Source(Location),
    /// The source that intake saw.
    Pinned(SourceRef),
    /// A model file of this machine.
    Model(ModelFile),
}

/// The host of one lease.
#[derive(Debug)]
pub(crate) struct LeaseHost {
    pub(crate) store: Store,
    pub(crate) watch: Arc<Watch>,
    pub(crate) reports: mpsc::Sender<LeaseReport>,
    /// What may be read.
    pub(crate) reads: BTreeMap<String, Readable>,
    /// What may be written, and under which key.
    pub(crate) writes: BTreeMap<String, String>,
    pub(crate) kept: Arc<Kept>,
    /// How much was written, held to the source.
    pub(crate) written: Arc<Written>,
}

/// What a host learns while it serves.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    inner: Mutex<Learned>,
}

#[derive(Debug, Default)]
struct Learned {
    written: BTreeMap<String, ObjectRef>,
    head: Option<SourceMeta>,
    trouble: Option<(FailureKind, String)>,
}

impl Kept {
    fn lock(&self) -> MutexGuard<'_, Learned> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The object that was written as `name`.
    pub(crate) fn written(&self, name: &str) -> Option<ObjectRef> {
        self.lock().written.get(name).cloned()
    }

    /// Size and version of the source, once it was opened.
    pub(crate) fn head(&self) -> Option<SourceMeta> {
        self.lock().head.clone()
    }

    /// The first thing that store or source refused, with its kind.
    pub(crate) fn trouble(&self) -> Option<(FailureKind, String)> {
        self.lock().trouble.clone()
    }

    /// Keeps a limit that was passed, where it is the first trouble.
    fn note_over(&self, over: &OverLimit) -> io::Error {
        let trouble = || (FailureKind::OverLimit, over.to_string());
        self.lock().trouble.get_or_insert_with(trouble);
        io::Error::other(over.to_string())
    }

    /// Keeps `error` where it is the first, and hands it on as the child may hear it.
    fn note(&self, error: StoreError) -> io::Error {
        self.lock().trouble.get_or_insert_with(|| (error.kind(), error.to_string()));
        error.into()
    }
}

#[async_trait::async_trait]
impl Host for LeaseHost {
    async fn open(&self, name: &str) -> io::Result<Arc<dyn HostFile>> {
        let readable = self.reads.get(name).ok_or_else(|| refused(name))?;
        let noted = |error| self.kept.note(error);
        match readable {
            Readable::Bytes(bytes) => Ok(Arc::new(Whole(bytes.clone()))),
            Readable::Object(object) => {
                let bytes = self.store.get(object).await.map_err(noted)?;
                Ok(Arc::new(Whole(bytes)))
            }
            Readable::Source(location) => {
                let reader = self.store.source(location, None).await.map_err(noted)?;
                self.kept.lock().head = Some(reader.head().clone());
                self.written.source(reader.head().bytes);
                Ok(Arc::new(Ranged { reader, kept: Arc::clone(&self.kept) }))
            }
            Readable::Model(file) => Ok(Arc::new(Local(file.clone()))),
            Readable::Pinned(source) => {
                let reader = open_pinned(&self.store, source).await.map_err(noted)?;
                self.written.source(reader.head().bytes);
                Ok(Arc::new(Ranged { reader, kept: Arc::clone(&self.kept) }))
            }
        }
    }

    async fn create(&self, name: &str) -> io::Result<Box<dyn HostSink>> {
        let key = self.writes.get(name).ok_or_else(|| refused(name))?;
        let upload = self.store.sink(key).map_err(|error| self.kept.note(error))?;
        let (kept, written) = (Arc::clone(&self.kept), Arc::clone(&self.written));
        Ok(Box::new(Stored { upload, name: name.to_owned(), kept, written }))
    }

    async fn answer(&self, question: Vec<u8>) -> io::Result<Vec<u8>> {
        let Handed::Cell { summary, part } =
            postcard::from_bytes(&question).map_err(|error| io::Error::other(error.to_string()))?;
        let manifest = self.kept.written(&crate::order::manifest(summary.cell));
        if manifest.as_ref() != Some(&summary.manifest) {
            return Err(io::Error::other("the manifest is not the one that was stored"));
        }
        let stored = self.kept.written(&crate::order::part(summary.cell));
        if stored.as_ref() != Some(&part) && !faults().blind {
            return Err(io::Error::other(difference(stored.as_ref(), &part)));
        }
        let lease = self.watch.lease;
        let report = LeaseReport::Cell { lease, part: summary };
        self.reports.send(report).await.map_err(|_gone| io::ErrorKind::BrokenPipe)?;
        self.watch.cell_done();
        Ok(Vec::new())
    }

    fn walled(&self, report: &WallsReport) {
        let (at_ms, stage) = (self.watch.elapsed_ms(), self.watch.stage());
        let (event, detail) = (TrailEvent::Started, report.to_string());
        self.watch.trail(TrailEntry { at_ms, stage, event, detail, count: None });
    }

    fn event(&self, event: Vec<u8>) {
        match postcard::from_bytes(&event) {
            Ok(Told::Progress { frames }) => self.watch.progress(frames),
            Ok(Told::Trail(entry)) => self.watch.trail(entry),
            Err(error) => tracing::warn!(%error, "the engine told what makes no sense"),
        }
    }
}

/// In what the stored part is not the one that its manifest tells of.
fn difference(stored: Option<&ObjectRef>, told: &ObjectRef) -> String {
    match stored {
        None => "the part was not stored".to_owned(),
        Some(stored) if stored.bytes != told.bytes => {
            format!("the stored part has {} bytes, its manifest says {}", stored.bytes, told.bytes)
        }
        Some(_) => "the stored part has another hash than its manifest says".to_owned(),
    }
}

fn refused(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, format!("`{name}` is not part of this work"))
}

/// Opens the source that intake saw, and no other.
async fn open_pinned(store: &Store, source: &SourceRef) -> Result<SourceReader, StoreError> {
    let location = Location::parse(&source.url)?;
    let reader = store.source(&location, source.version.as_deref()).await?;
    let found = reader.head().bytes;
    if found == source.bytes {
        return Ok(reader);
    }
    // A server that gives no version is held to the size.
    Err(StoreError::Changed {
        what: location.shown(),
        pinned: format!("{} bytes", source.bytes),
        found: format!("{found} bytes"),
    })
}

/// The source.
struct Ranged {
    reader: SourceReader,
    kept: Arc<Kept>,
}

#[async_trait::async_trait]
impl HostFile for Ranged {
    fn size(&self) -> u64 {
        self.reader.head().bytes
    }

    async fn read(&self, offset: u64, bytes: usize) -> io::Result<Vec<u8>> {
        let read = self.reader.read_range(offset, bytes).await;
        // Takes over the buffer where nobody else has it.
        read.map(Vec::from).map_err(|error| self.kept.note(error))
    }
}

/// A file of this machine.
struct Local(ModelFile);

#[async_trait::async_trait]
impl HostFile for Local {
    fn size(&self) -> u64 {
        self.0.bytes
    }

    async fn read(&self, offset: u64, bytes: usize) -> io::Result<Vec<u8>> {
        let file = Arc::clone(&self.0.file);
        let left = self.0.bytes.saturating_sub(offset);
        let bytes = bytes.min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = tokio::task::spawn_blocking(move || {
            let mut read = vec![0; bytes];
            file.read_exact_at(&mut read, offset).map(|()| read)
        });
        read.await.map_err(io::Error::other)?
    }
}

/// An object on its way into the store.
struct Stored {
    upload: PartUpload,
    name: String,
    kept: Arc<Kept>,
    written: Arc<Written>,
}

#[async_trait::async_trait]
impl HostSink for Stored {
    async fn write(&mut self, offset: u64, data: Vec<u8>) -> io::Result<()> {
        self.written.add(data.len() as u64).map_err(|over| self.kept.note_over(&over))?;
        let written = self.upload.write_at(offset, Bytes::from(data)).await;
        written.map_err(|error| self.kept.note(error))
    }

    async fn finish(self: Box<Self>) -> io::Result<u64> {
        let Self { upload, name, kept, written: _ } = *self;
        let object = upload.finish().await.map_err(|error| kept.note(error))?;
        let bytes = object.bytes;
        kept.lock().written.insert(name, object);
        Ok(bytes)
    }
}

/// A host that offers nothing: a look at the machine needs no bytes.
#[derive(Debug, Default)]
pub(crate) struct NoHost {
    walls: OnceLock<WallsReport>,
}

impl NoHost {
    /// The walls around the child, once it has told.
    pub(crate) fn walls(&self) -> Option<WallsReport> {
        self.walls.get().cloned()
    }
}

#[async_trait::async_trait]
impl Host for NoHost {
    async fn open(&self, name: &str) -> io::Result<Arc<dyn HostFile>> {
        Err(refused(name))
    }

    async fn create(&self, name: &str) -> io::Result<Box<dyn HostSink>> {
        Err(refused(name))
    }

    async fn answer(&self, _question: Vec<u8>) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn walled(&self, report: &WallsReport) {
        self.walls.get_or_init(|| report.clone());
    }

    fn event(&self, _event: Vec<u8>) {}
}
