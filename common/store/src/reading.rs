//! Ranged reads of a source or of a stored object, pinned to one version of it.
//!
//! Never writes to a source. A source that is replaced or changed while a job runs is noticed at
//! the next read, and the job fails by name instead of joining two films.

mod ranged;

use std::fmt;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt as _};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use cleanplate_types::access::ReadAt;
use object_store::{ObjectStore, ObjectStoreExt as _};

use crate::blocks::{Blocks, Shared, of_process};
use crate::error::{Side, StoreError};
use crate::location::Location;
use crate::reading::ranged::{Far, Ranged};
use crate::remote::{Patience, checked_path, open_bucket};
use crate::settings::current;
use crate::signing::Keys;
use crate::web::WebFile;

/// The largest single read in bytes; a longer one is cut to it.
pub const READ_BYTES_MAX: usize = 16 << 20;

/// Blocks of a stored object that its reader keeps, in bytes: objects are read from front to back, once.
const OBJECT_CACHE_BYTES: u64 = 2 << 20;

/// Size and version of what is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceMeta {
    /// Its size in bytes.
    pub bytes: u64,
    /// The store's name for its content: an `ETag`, or modification time and size of a file.
    /// `None` where the server gives none; then only the size is held to.
    pub version: Option<String>,
}

impl SourceMeta {
    /// For people: the version, or the size where there is none.
    pub(crate) fn shown(&self) -> String {
        self.version.clone().unwrap_or_else(|| format!("{} bytes", self.bytes))
    }
}

/// Something open for ranged reads. Cheap to clone. All readers of a source share the blocks that are kept.
///
/// Requests of one reader go one after another, so that two reads of one block fetch it once, and that going
/// forward shows: open one reader for each segment.
#[derive(Clone)]
pub struct SourceReader(Arc<Inner>);

struct Inner {
    meta: SourceMeta,
    what: String,
    side: Side,
    bytes: Origin,
}

enum Origin {
    /// Positioned reads; the system's page cache is the cache.
    File(Arc<File>),
    Far(Ranged),
}

impl SourceReader {
    /// Opens the source at `location`. With `pinned`, only that version of it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::NotAFile`], [`StoreError::Denied`],
    /// [`StoreError::Unavailable`], and [`StoreError::Changed`] where it is another version.
    pub async fn open(location: &Location, pinned: Option<&str>) -> Result<Self, StoreError> {
        Self::open_by(location, pinned, &Keys::Own).await
    }

    /// The same by other keys than this process's own.
    ///
    /// # Errors
    /// As for [`SourceReader::open`].
    pub async fn open_by(
        location: &Location,
        pinned: Option<&str>,
        keys: &Keys,
    ) -> Result<Self, StoreError> {
        let what = location.shown();
        let ahead = current().read_ahead_bytes;
        let reader = match location {
            Location::File(path) => Self::of_file(path.clone(), what).await?,
            Location::Web(url) => {
                let file = WebFile::new(url.clone(), what.clone())?;
                let meta = file.head().await?;
                let whose = (what, Side::Source);
                Self::far(Far::Web(Box::new(file)), meta, whose, (of_process(), ahead))
            }
            Location::S3 { .. } | Location::Gcs { .. } | Location::Azure { .. } => {
                let bucket = location.bucket().ok_or_else(|| location.is_no_bucket())?;
                let path = checked_path(bucket.key).map_err(|error| StoreError::BadLocation {
                    text: what.clone(),
                    reason: error.to_string(),
                })?;
                let store = open_bucket(bucket, Patience::Work, keys)?;
                Self::of_object((store, path), (what, Side::Source), (of_process(), ahead)).await?
            }
        };
        reader.pinned_to(pinned)
    }

    /// A stored object.
    pub(crate) async fn of_stored(
        objects: Arc<dyn ObjectStore>,
        path: object_store::path::Path,
        what: String,
    ) -> Result<Self, StoreError> {
        let kept = (Blocks::shared(OBJECT_CACHE_BYTES), current().read_ahead_bytes);
        Self::of_object((objects, path), (what, Side::Store), kept).await
    }

    async fn of_file(path: std::path::PathBuf, what: String) -> Result<Self, StoreError> {
        let (file, meta) = blocking(move || open_file(&path, Side::Source)).await?;
        let bytes = Origin::File(Arc::new(file));
        Ok(Self(Arc::new(Inner { meta, what, side: Side::Source, bytes })))
    }

    async fn of_object(
        (store, path): (Arc<dyn ObjectStore>, object_store::path::Path),
        (what, side): (String, Side),
        kept: (Shared, u64),
    ) -> Result<Self, StoreError> {
        let head =
            store.head(&path).await.map_err(|error| StoreError::of_object(side, &what, &error))?;
        let meta = SourceMeta { bytes: head.size, version: head.e_tag };
        Ok(Self::far(Far::Object { store, path }, meta, (what, side), kept))
    }

    fn far(far: Far, meta: SourceMeta, whose: (String, Side), kept: (Shared, u64)) -> Self {
        let (what, side) = whose.clone();
        let bytes = Origin::Far(Ranged::new(far, meta.clone(), whose, kept));
        Self(Arc::new(Inner { meta, what, side, bytes }))
    }

    fn pinned_to(self, pinned: Option<&str>) -> Result<Self, StoreError> {
        let Some(pinned) = pinned else { return Ok(self) };
        let found = self.head().version.as_deref().unwrap_or("without a version");
        if found == pinned { Ok(self) } else { Err(self.changed_from(pinned, found)) }
    }

    /// Size and version, as they were when it was opened; every read holds to them.
    #[must_use]
    pub fn head(&self) -> &SourceMeta {
        &self.0.meta
    }

    /// Bytes that were fetched from far away for this reader; none of a file of this machine.
    #[must_use]
    pub fn fetched(&self) -> u64 {
        match &self.0.bytes {
            Origin::File(_) => 0,
            Origin::Far(far) => far.fetched(),
        }
    }

    /// Reads `bytes` bytes (at most [`READ_BYTES_MAX`]) from `offset` on; fewer only at the end,
    /// none at or past it.
    ///
    /// # Errors
    /// [`StoreError::Changed`] where it is another version by now, and what kept the bytes from
    /// arriving after all retries.
    pub async fn read_range(&self, offset: u64, bytes: usize) -> Result<Bytes, StoreError> {
        let left = self.0.meta.bytes.saturating_sub(offset);
        let bytes = bytes.min(READ_BYTES_MAX).min(usize::try_from(left).unwrap_or(usize::MAX));
        if bytes == 0 {
            return Ok(Bytes::new());
        }
        match &self.0.bytes {
            Origin::File(file) => self.read_file(Arc::clone(file), offset, bytes).await,
            Origin::Far(far) => far.read(offset, bytes).await,
        }
    }

    async fn read_file(
        &self,
        file: Arc<File>,
        offset: u64,
        bytes: usize,
    ) -> Result<Bytes, StoreError> {
        let what = self.0.what.clone();
        let side = self.0.side;
        let (read, meta) = blocking(move || {
            let failed = |error| StoreError::of_io(side, &what, &error);
            let mut buffer = vec![0; bytes];
            let read = read_full(&file, offset, &mut buffer).map_err(failed)?;
            buffer.truncate(read);
            Ok((Bytes::from(buffer), meta_of(&file.metadata().map_err(failed)?)))
        })
        .await?;
        // After the read, so that bytes written between the two are noticed too.
        if meta == self.0.meta {
            crate::traffic::read(read.len());
            return Ok(read);
        }
        let name = |meta: &SourceMeta| meta.version.clone().unwrap_or_default();
        Err(self.changed_from(&name(&self.0.meta), &name(&meta)))
    }

    fn changed_from(&self, pinned: &str, found: &str) -> StoreError {
        StoreError::Changed {
            what: self.0.what.clone(),
            pinned: pinned.to_owned(),
            found: found.to_owned(),
        }
    }
}

impl fmt::Debug for SourceReader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { meta, what, .. } = &*self.0;
        formatter
            .debug_struct("SourceReader")
            .field("what", what)
            .field("meta", meta)
            .finish_non_exhaustive()
    }
}

/// A file of this machine for code that reads without async: `probe`, and tests.
#[derive(Debug)]
pub struct LocalFile {
    file: File,
    meta: SourceMeta,
}

impl LocalFile {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// As [`SourceReader::open`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let (file, meta) = open_file(path, Side::Source)?;
        Ok(Self { file, meta })
    }

    /// Size and version.
    #[must_use]
    pub const fn head(&self) -> &SourceMeta {
        &self.meta
    }
}

impl ReadAt for LocalFile {
    fn size(&self) -> u64 {
        self.meta.bytes
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }
}

fn open_file(path: &Path, side: Side) -> Result<(File, SourceMeta), StoreError> {
    let what = path.display().to_string();
    let failed = |error| StoreError::of_io(side, &what, &error);
    // Before opening: opening a pipe waits for its writer.
    let kind = std::fs::metadata(path).map_err(failed)?.file_type();
    let found = if kind.is_file() {
        None
    } else if kind.is_dir() {
        Some("a folder")
    } else if kind.is_fifo() {
        Some("a pipe")
    } else {
        Some("a device or a socket")
    };
    if let Some(found) = found {
        return Err(StoreError::NotAFile { side, what, found });
    }
    let file = File::open(path).map_err(failed)?;
    let meta = meta_of(&file.metadata().map_err(failed)?);
    Ok((file, meta))
}

/// Modification time in nanoseconds and size: the same on every machine that mounts the folder,
/// which an inode number is not.
fn meta_of(metadata: &Metadata) -> SourceMeta {
    let version =
        format!("mtime {}.{:09} size {}", metadata.mtime(), metadata.mtime_nsec(), metadata.size());
    SourceMeta { bytes: metadata.size(), version: Some(version) }
}

fn read_full(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Runs what waits for a disk away from the async threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is going down, and nobody reads the answer.
            Err(error) => Err(StoreError::Unavailable {
                side: Side::Store,
                what: "this process".to_owned(),
                detail: error.to_string(),
            }),
        },
    }
}

#[cfg(test)]
mod tests;
