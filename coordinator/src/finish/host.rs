//! What the stitch child may read and write, and what went wrong on this side of the socket.
//!
//! A child hears of a failed read as an `io::Error`, which has lost whose bytes they were; the first
//! real reason is kept here, and counts for more than what the child makes of it.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use cleanplate_child::{Host, HostFile, HostSink, WallsReport, Whole};
use cleanplate_store::{MovieUpload, SourceReader, Store, StoreError, decode_object, kinds};
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::ids::CellIndex;
use cleanplate_types::limits::OutputLimit;
use cleanplate_types::object::ObjectRef;
use cleanplate_types::part::{PartManifest, PartSummary};
use tokio::sync::mpsc;

use crate::finish::speech::{self, Question};

/// Why a stitch came to nothing.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    /// The cell whose part or manifest is the reason.
    pub(super) cell: Option<CellIndex>,
    /// What happened.
    pub(super) failure: Failure,
}

impl Fault {
    pub(super) fn of(stage: Stage, error: &StoreError) -> Self {
        Self { cell: None, failure: Failure::new(error.kind(), stage, error.to_string()) }
    }

    /// What an error of a cell's objects means: where they are not what was committed the cell is to
    /// blame, where they do not arrive the store is.
    fn of_cell(cell: CellIndex, error: &StoreError) -> Self {
        let blamed = match error {
            StoreError::NotFound { .. }
            | StoreError::NotAFile { .. }
            | StoreError::Changed { .. }
            | StoreError::Corrupt { .. }
            | StoreError::Undecodable { .. } => true,
            StoreError::UnknownScheme { .. }
            | StoreError::BadLocation { .. }
            | StoreError::BadSettings { .. }
            | StoreError::BadKey { .. }
            | StoreError::Denied { .. }
            | StoreError::Full { .. }
            | StoreError::Unavailable { .. }
            | StoreError::Exists { .. }
            | StoreError::Unencodable { .. }
            | StoreError::Offset { .. }
            | StoreError::NoRanges { .. }
            | StoreError::Forbidden { .. }
            | StoreError::Redirected { .. }
            | StoreError::TooLarge { .. } => false,
        };
        if blamed { Self::refused(cell, error.to_string()) } else { Self::of(Stage::Stitch, error) }
    }

    fn refused(cell: CellIndex, message: String) -> Self {
        let failure = Failure::new(FailureKind::PartRefused, Stage::Stitch, message);
        Self { cell: Some(cell), failure }
    }
}

/// The first fault of a stitch.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<Option<Fault>>);

impl Faults {
    pub(super) fn take(&self) -> Option<Fault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Notes a fault, and gives the child the words of it.
    fn note(&self, fault: Fault) -> io::Error {
        let words = fault.failure.message.clone();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(fault);
        io::Error::other(words)
    }
}

/// The movie being written; taken out to be published or given up.
pub(super) type Movie = Arc<tokio::sync::Mutex<Option<MovieUpload>>>;

/// The parts that the stitch waits for.
#[derive(Debug)]
pub(super) struct Queue {
    /// The job's store.
    pub(super) store: Store,
    /// How many there will be.
    pub(super) cells: u32,
    /// Where they come from, in order.
    pub(super) waiting: mpsc::Receiver<(CellIndex, PartSummary)>,
}

/// The part that the child was told of last.
#[derive(Debug, Clone)]
struct Offered {
    cell: CellIndex,
    manifest: Bytes,
    part: ObjectRef,
}

/// See the top of the file.
#[derive(Debug)]
pub(super) struct StitchHost {
    source: SourceReader,
    /// The packets of the source's other streams, where intake kept them.
    rest: Option<SourceReader>,
    /// Brief and table; a copy has neither.
    objects: BTreeMap<&'static str, Bytes>,
    /// A copy has none.
    queue: Option<tokio::sync::Mutex<Queue>>,
    store: Option<Store>,
    offered: Mutex<Option<Offered>>,
    movie: Movie,
    limit: OutputLimit,
    begun: AtomicBool,
    faults: Arc<Faults>,
}

impl StitchHost {
    pub(super) fn new(
        source: SourceReader,
        rest: Option<SourceReader>,
        objects: BTreeMap<&'static str, Bytes>,
        queue: Option<Queue>,
        (movie, limit): (Movie, OutputLimit),
    ) -> Self {
        Self {
            source,
            rest,
            objects,
            store: queue.as_ref().map(|queue| queue.store.clone()),
            queue: queue.map(tokio::sync::Mutex::new),
            offered: Mutex::default(),
            movie,
            limit,
            begun: AtomicBool::new(false),
            faults: Arc::default(),
        }
    }

    pub(super) const fn faults(&self) -> &Arc<Faults> {
        &self.faults
    }

    fn offered(&self) -> Option<Offered> {
        self.offered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn next_part(&self) -> io::Result<Option<CellIndex>> {
        let Some(queue) = &self.queue else { return Err(refused("the next part")) };
        let mut queue = queue.lock().await;
        if queue.cells == 0 {
            return Ok(None);
        }
        let Some((cell, summary)) = queue.waiting.recv().await else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        queue.cells -= 1;
        let offered = offer(&queue.store, cell, &summary).await;
        let offered = offered.map_err(|fault| self.faults.note(fault))?;
        *self.offered.lock().unwrap_or_else(PoisonError::into_inner) = Some(offered);
        Ok(Some(cell))
    }

    async fn open_part(&self, offered: &Offered) -> io::Result<Arc<dyn HostFile>> {
        let Some(store) = &self.store else { return Err(refused("a part")) };
        let cell = Some(offered.cell);
        let faults = Arc::clone(&self.faults);
        match store.reader(&offered.part).await {
            Ok(reader) => Ok(Arc::new(Remote { reader, cell, faults })),
            Err(error) => Err(faults.note(Fault::of_cell(offered.cell, &error))),
        }
    }
}

/// Fetches a manifest and holds it to what was committed.
async fn offer(store: &Store, cell: CellIndex, summary: &PartSummary) -> Result<Offered, Fault> {
    let object = &summary.manifest;
    let manifest = store.get(object).await.map_err(|error| Fault::of_cell(cell, &error))?;
    let decoded: PartManifest = decode_object(kinds::MANIFEST, &manifest)
        .map_err(|error| Fault::refused(cell, format!("{} cannot be read: {error}", object.key)))?;
    if decoded.summary(object.clone()) != *summary {
        let message = format!("{} is not the manifest that was committed", object.key);
        return Err(Fault::refused(cell, message));
    }
    Ok(Offered { cell, manifest, part: decoded.part })
}

#[async_trait::async_trait]
impl Host for StitchHost {
    async fn open(&self, name: &str) -> io::Result<Arc<dyn HostFile>> {
        if name == speech::SOURCE {
            let (reader, faults) = (self.source.clone(), Arc::clone(&self.faults));
            return Ok(Arc::new(Remote { reader, cell: None, faults }));
        }
        if let Some(reader) = self.rest.clone().filter(|_| name == speech::REST) {
            let faults = Arc::clone(&self.faults);
            return Ok(Arc::new(Remote { reader, cell: None, faults }));
        }
        if let Some(object) = self.objects.get(name) {
            return Ok(Arc::new(Whole(object.clone())));
        }
        match self.offered() {
            Some(offered) if name == speech::manifest(offered.cell) => {
                Ok(Arc::new(Whole(offered.manifest)))
            }
            Some(offered) if name == speech::part(offered.cell) => self.open_part(&offered).await,
            Some(_) | None => Err(refused(name)),
        }
    }

    async fn create(&self, name: &str) -> io::Result<Box<dyn HostSink>> {
        if name != speech::MOVIE || self.begun.swap(true, Ordering::AcqRel) {
            return Err(refused(name));
        }
        let (movie, faults) = (Arc::clone(&self.movie), Arc::clone(&self.faults));
        let (limit, source_bytes) = (self.limit, self.source.head().bytes);
        Ok(Box::new(MovieSink { movie, faults, limit, source_bytes }))
    }

    async fn answer(&self, question: Vec<u8>) -> io::Result<Vec<u8>> {
        match speech::decode(&question)? {
            Question::NextPart => speech::encode(&self.next_part().await?),
        }
    }

    fn walled(&self, report: &WallsReport) {
        if report.is_whole() {
            tracing::info!("stitch: {report}");
        } else {
            tracing::warn!("stitch: {report}");
        }
    }

    fn event(&self, _alive: Vec<u8>) {}
}

fn refused(name: &str) -> io::Error {
    let text = format!("`{name}` is nothing that a stitch needs now");
    io::Error::new(io::ErrorKind::PermissionDenied, text)
}

/// The source or a part.
struct Remote {
    reader: SourceReader,
    /// The part's cell; none for the source.
    cell: Option<CellIndex>,
    faults: Arc<Faults>,
}

#[async_trait::async_trait]
impl HostFile for Remote {
    fn size(&self) -> u64 {
        self.reader.head().bytes
    }

    async fn read(&self, offset: u64, bytes: usize) -> io::Result<Vec<u8>> {
        match self.reader.read_range(offset, bytes).await {
            Ok(bytes) => Ok(Vec::from(bytes)),
            Err(error) => Err(self.faults.note(match self.cell {
                Some(cell) => Fault::of_cell(cell, &error),
                None => Fault::of(Stage::Stitch, &error),
            })),
        }
    }
}

/// The movie, as the child writes it. Its end publishes nothing: that is for the parent to do when
/// the child has ended well.
struct MovieSink {
    movie: Movie,
    faults: Arc<Faults>,
    limit: OutputLimit,
    source_bytes: u64,
}

#[async_trait::async_trait]
impl HostSink for MovieSink {
    async fn keep_head(&mut self, bytes: u64) -> io::Result<()> {
        let mut movie = self.movie.lock().await;
        let movie = movie.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        let kept = movie.keep_head(bytes);
        kept.map_err(|error| self.faults.note(Fault::of(Stage::Stitch, &error)))
    }

    async fn write(&mut self, offset: u64, data: Vec<u8>) -> io::Result<()> {
        let end = offset.saturating_add(data.len() as u64);
        let held = self.limit.check(self.source_bytes, end);
        held.map_err(|over| {
            let failure = over.failure(Stage::Stitch);
            self.faults.note(Fault { cell: None, failure })
        })?;
        let mut movie = self.movie.lock().await;
        let movie = movie.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        let written = movie.write_at(offset, data.into()).await;
        written.map_err(|error| self.faults.note(Fault::of(Stage::Stitch, &error)))
    }

    async fn finish(self: Box<Self>) -> io::Result<u64> {
        let movie = self.movie.lock().await;
        Ok(movie.as_ref().ok_or(io::ErrorKind::BrokenPipe)?.bytes())
    }
}
