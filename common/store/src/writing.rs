//! Uploads that appear under their name whole or not at all: parts, and the movie.
//!
//! A [`PartUpload`] is written from front to back and hashed on the way. A [`MovieUpload`] may be
//! patched in its head ([`HEAD_BYTES`], or what it was told to keep), where muxers write what they
//! learn last, and is not hashed. Neither needs rename or append of its store. A process that is
//! killed in the middle of a multipart upload leaves pieces that no listing shows: a successor that
//! has its [`UploadLog`] takes them up, and those of a job that nobody goes on with are removed by a
//! bucket's lifecycle rule.

use std::fmt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use cleanplate_types::access::{HEAD_BYTES, HEAD_BYTES_MAX, Stored};
use cleanplate_types::digest::ShaWriter;
use cleanplate_types::object::ObjectRef;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt as _, PutPayload};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::error::{Side, StoreError};
use crate::location::Location;
use crate::movie_file::MovieFile;
use crate::movie_parts::MovieParts;
use crate::remote::{Patience, checked_path, open_bucket};
use crate::signing::Keys;
use crate::upload_log::UploadLog;

/// Size of a piece of a part's upload in bytes: above S3's least of 5 MiB, and above nearly every
/// part, which so becomes one request.
const PIECE_BYTES: usize = 8 << 20;

/// Pieces of one part under way at once: with the one being filled 24 MiB.
const PIECES_IN_FLIGHT_MAX: usize = 2;

/// An object of the store being written from front to back.
///
/// Dropped without [`PartUpload::finish`], nothing is left under its key, and what was uploaded is
/// given up in the background.
pub struct PartUpload {
    objects: Arc<dyn ObjectStore>,
    path: Path,
    key: String,
    what: String,
    sha: ShaWriter,
    end: u64,
    filling: BytesMut,
    upload: Option<Box<dyn MultipartUpload>>,
    pieces: JoinSet<object_store::Result<()>>,
}

impl PartUpload {
    pub(crate) fn new(
        objects: Arc<dyn ObjectStore>,
        path: Path,
        key: String,
        what: String,
    ) -> Self {
        Self {
            objects,
            path,
            key,
            what,
            sha: ShaWriter::default(),
            end: 0,
            filling: BytesMut::new(),
            upload: None,
            pieces: JoinSet::new(),
        }
    }

    /// Bytes taken so far.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.end
    }

    /// Appends `bytes`; waits while enough pieces are under way.
    ///
    /// # Errors
    /// What kept the store from taking a piece, this one or one before it.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        self.sha.write(&bytes);
        self.end += bytes.len() as u64;
        crate::traffic::written(bytes.len());
        self.filling.extend_from_slice(&bytes);
        while self.filling.len() >= PIECE_BYTES {
            let piece = self.filling.split_to(PIECE_BYTES).freeze();
            self.send(piece).await.map_err(|error| self.failed(&error))?;
        }
        Ok(())
    }

    /// Appends `bytes`, which the writer believes to begin at `offset`.
    ///
    /// # Errors
    /// [`StoreError::Offset`] where that is not the end; else as [`PartUpload::write`].
    pub async fn write_at(&mut self, offset: u64, bytes: Bytes) -> Result<(), StoreError> {
        if offset == self.end {
            return self.write(bytes).await;
        }
        let (what, end) = (self.what.clone(), self.end);
        Err(StoreError::Offset { what, offset, bytes: bytes.len() as u64, end })
    }

    /// Completes the object: only now is it there.
    ///
    /// # Errors
    /// What kept it from being completed; nothing is visible then.
    pub async fn finish(mut self) -> Result<ObjectRef, StoreError> {
        self.complete().await.map_err(|error| self.failed(&error))?;
        self.upload = None;
        let sha = std::mem::take(&mut self.sha).finish();
        Ok(ObjectRef { key: std::mem::take(&mut self.key), bytes: self.end, sha })
    }

    /// Gives up what was uploaded, and waits until it is.
    ///
    /// # Errors
    /// What kept the store from forgetting it; nothing is visible in any case.
    pub async fn abort(mut self) -> Result<(), StoreError> {
        self.pieces.shutdown().await;
        let Some(mut upload) = self.upload.take() else { return Ok(()) };
        upload.abort().await.map_err(|error| self.failed(&error))
    }

    async fn complete(&mut self) -> object_store::Result<()> {
        let rest = std::mem::take(&mut self.filling).freeze();
        if self.upload.is_none() {
            let payload = PutPayload::from_bytes(rest);
            return self.objects.put(&self.path, payload).await.map(|_| ());
        }
        if !rest.is_empty() {
            self.send(rest).await?;
        }
        settle(&mut self.pieces, 0).await?;
        if let Some(upload) = &mut self.upload {
            upload.complete().await?;
        }
        Ok(())
    }

    async fn send(&mut self, piece: Bytes) -> object_store::Result<()> {
        if self.upload.is_none() {
            self.upload = Some(self.objects.put_multipart(&self.path).await?);
        }
        settle(&mut self.pieces, PIECES_IN_FLIGHT_MAX - 1).await?;
        if let Some(upload) = &mut self.upload {
            self.pieces.spawn(upload.put_part(PutPayload::from_bytes(piece)));
        }
        Ok(())
    }

    fn failed(&self, error: &object_store::Error) -> StoreError {
        StoreError::of_object(Side::Store, &self.what, error)
    }
}

impl Drop for PartUpload {
    fn drop(&mut self) {
        let Some(mut upload) = self.upload.take() else { return };
        let what = std::mem::take(&mut self.what);
        let mut pieces = std::mem::take(&mut self.pieces);
        give_up(what, async move {
            pieces.shutdown().await;
            upload.abort().await
        });
    }
}

impl fmt::Debug for PartUpload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PartUpload")
            .field("what", &self.what)
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

/// The movie being written to its final place.
///
/// Nothing is visible under the final name before [`MovieUpload::finish`], which replaces what was
/// there in one step. Dropped without it, nothing is left.
#[derive(Debug)]
pub struct MovieUpload {
    what: String,
    end: u64,
    /// Bytes from the start that may be patched.
    head: u64,
    place: Place,
}

#[derive(Debug)]
enum Place {
    File(MovieFile),
    Parts(Box<MovieParts>),
}

impl MovieUpload {
    /// Begins the movie at `location`. A folder must be there already; a bucket is not talked to
    /// yet ([`MovieUpload::prove`] does).
    ///
    /// # Errors
    /// What will keep the movie from being written there, as far as it shows by now.
    pub async fn start(location: &Location) -> Result<Self, StoreError> {
        let what = location.shown();
        let place = match location {
            Location::File(path) => Place::File(MovieFile::start(path.clone()).await?),
            Location::S3 { .. }
            | Location::Gcs { .. }
            | Location::Azure { .. }
            | Location::Web(_) => {
                let bucket = location.bucket().ok_or_else(|| location.is_no_bucket())?;
                let path = checked_path(bucket.key).map_err(|error| StoreError::BadLocation {
                    text: what.clone(),
                    reason: error.to_string(),
                })?;
                let bucket = open_bucket(bucket, Patience::Work, &Keys::Own)?;
                Place::Parts(Box::new(MovieParts::new(bucket, path, what.clone())))
            }
        };
        Ok(Self { what, end: 0, head: HEAD_BYTES, place })
    }

    #[cfg(test)]
    pub(crate) fn in_bucket(bucket: Arc<dyn crate::remote::Bucket>, key: &str) -> Self {
        let path = Path::from(key);
        let place = Place::Parts(Box::new(MovieParts::new(bucket, path, key.to_owned())));
        Self { what: key.to_owned(), end: 0, head: HEAD_BYTES, place }
    }

    /// Finds out whether a movie can be written at `location`, and leaves nothing: before hours of
    /// work rather than after.
    ///
    /// # Errors
    /// Why it cannot.
    pub async fn prove(location: &Location) -> Result<(), StoreError> {
        let mut movie = Self::start(location).await?;
        if let Place::Parts(parts) = &mut movie.place {
            parts.begin().await?;
        }
        movie.abort().await
    }

    /// Bytes taken so far.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.end
    }

    /// As [`MovieUpload::start`], and keeps a log of what a bucket acknowledges: what another process
    /// that was killed had sent of the same bytes is not sent again. On a disk nothing outlives the
    /// process but a file that it staged, whose name carries the log's job and lease.
    ///
    /// # Errors
    /// As [`MovieUpload::start`], and what kept the log from being read.
    pub async fn start_with(location: &Location, log: UploadLog) -> Result<Self, StoreError> {
        let mut movie = Self::start(location).await?;
        match &mut movie.place {
            Place::File(file) => file.belongs_to(log.stage()).await?,
            Place::Parts(parts) => parts.resume(log).await?,
        }
        Ok(movie)
    }

    /// Bytes that had been sent before by another process, and were not sent again.
    #[must_use]
    pub const fn kept(&self) -> u64 {
        match &self.place {
            Place::File(_) => 0,
            Place::Parts(parts) => parts.kept(),
        }
    }

    #[cfg(test)]
    pub(crate) async fn resume(&mut self, log: UploadLog) -> Result<(), StoreError> {
        match &mut self.place {
            Place::File(_) => Ok(()),
            Place::Parts(parts) => parts.resume(log).await,
        }
    }

    /// Keeps the first `bytes` open for patches until the end, before anything is written; in a
    /// bucket they stay in memory as long.
    ///
    /// # Errors
    /// [`StoreError::Offset`] after the first write; [`StoreError::TooLarge`] beyond
    /// [`HEAD_BYTES_MAX`].
    pub fn keep_head(&mut self, bytes: u64) -> Result<(), StoreError> {
        let what = || self.what.clone();
        if self.end > 0 {
            return Err(StoreError::Offset { what: what(), offset: 0, bytes, end: self.end });
        }
        let too_large = || StoreError::TooLarge { what: what(), limit: HEAD_BYTES_MAX };
        let bytes = bytes.max(HEAD_BYTES);
        let in_memory = usize::try_from(bytes).ok().filter(|_| bytes <= HEAD_BYTES_MAX);
        let in_memory = in_memory.ok_or_else(too_large)?;
        match &mut self.place {
            Place::File(_) => {}
            Place::Parts(parts) => parts.keep_head(in_memory),
        }
        self.head = bytes;
        Ok(())
    }

    /// Writes `bytes` at `offset`: at the end, or inside the head.
    ///
    /// # Errors
    /// [`StoreError::Offset`] where it is neither; [`StoreError::Full`],
    /// [`StoreError::TooLarge`], and what kept the place from taking them.
    pub async fn write_at(&mut self, offset: u64, bytes: Bytes) -> Result<(), StoreError> {
        let count = bytes.len();
        let after = offset.saturating_add(count as u64);
        if offset != self.end && (offset > self.end || after > self.head) {
            let (what, end) = (self.what.clone(), self.end);
            return Err(StoreError::Offset { what, offset, bytes: bytes.len() as u64, end });
        }
        match &mut self.place {
            Place::File(file) => file.write_at(offset, bytes).await?,
            Place::Parts(parts) => parts.write_at(offset, bytes).await?,
        }
        self.end = self.end.max(after);
        crate::traffic::written(count);
        Ok(())
    }

    /// Does all but the last: what [`MovieUpload::finish`] is left with is one request, or one renaming. Nothing is
    /// written afterwards. A bucket that gets the whole movie in one put gets nothing yet.
    ///
    /// # Errors
    /// What kept the place from taking it; the final name is as it was before.
    pub async fn stage(&mut self) -> Result<(), StoreError> {
        match &mut self.place {
            Place::File(file) => file.stage().await,
            Place::Parts(parts) => parts.stage().await,
        }
    }

    /// Gives the movie its final name, by way of [`MovieUpload::stage`] where that is still to be done.
    ///
    /// Of several processes that stage the same job's movie under different leases, each removes what those of
    /// older leases have staged: they find nothing to name then.
    ///
    /// # Errors
    /// What kept it from being completed; the final name is as it was before.
    pub async fn finish(mut self) -> Result<Stored, StoreError> {
        self.stage().await?;
        match self.place {
            Place::File(file) => file.finish().await?,
            Place::Parts(parts) => parts.finish().await?,
        }
        Ok(Stored { bytes: self.end })
    }

    /// Lets go of the movie without a word to the bucket: another process may have taken the upload up. On a disk
    /// nothing is left.
    pub async fn leave(self) {
        match self.place {
            // Closing the file, or deleting it, is its end.
            Place::File(_) => {}
            Place::Parts(parts) => parts.leave().await,
        }
    }

    /// Gives the movie up, and waits until nothing is left of it.
    ///
    /// # Errors
    /// What kept the place from forgetting it; nothing is visible in any case.
    pub async fn abort(self) -> Result<(), StoreError> {
        match self.place {
            // Closing the file, or deleting it, is its end.
            Place::File(_) => Ok(()),
            Place::Parts(parts) => parts.abort().await,
        }
    }
}

/// Waits until at most `left` of `pieces` are under way.
async fn settle(
    pieces: &mut JoinSet<object_store::Result<()>>,
    left: usize,
) -> object_store::Result<()> {
    while pieces.len() > left {
        match pieces.join_next().await {
            Some(piece) => piece??,
            None => break,
        }
    }
    Ok(())
}

/// Runs the end of an upload that was dropped, where a runtime is still there to run it.
pub(crate) fn give_up(
    what: String,
    end: impl Future<Output = object_store::Result<()>> + Send + 'static,
) {
    let Ok(runtime) = Handle::try_current() else {
        tracing::warn!(what, "an upload was given up outside the runtime; its pieces stay");
        return;
    };
    runtime.spawn(async move {
        if let Err(error) = end.await {
            tracing::warn!(what, %error, "the pieces of an upload that was given up stay");
        }
    });
}

#[cfg(test)]
mod tests;
