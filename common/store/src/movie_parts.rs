//! The movie in a bucket: a multipart upload whose first pieces are sent last.
//!
//! S3 takes pieces in any order, so the head waits in memory where it can be patched, and the rest
//! streams. A movie that fits in the head and one piece is a single put. With an [`UploadLog`], pieces
//! that a predecessor has sent are not sent again. Refuses a head that grows after the first byte.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use cleanplate_types::access::HEAD_BYTES;
use cleanplate_types::digest::Sha;
use object_store::multipart::PartId;
use object_store::path::Path;
use object_store::{MultipartId, ObjectStoreExt as _, PutPayload};
use tokio::task::JoinSet;

use crate::error::{Side, StoreError};
use crate::remote::Bucket;
use crate::upload_log::{Known, UploadLog};
use crate::writing::give_up;

/// Pieces under way at once: with the head and the piece being filled 32 MiB, and at most 200 MiB
/// for a movie of more than 140 GB.
const PIECES_IN_FLIGHT_MAX: usize = 2;

/// S3's limit on pieces.
const PIECES_MAX: usize = 10_000;

/// A piece of the head as a length of memory; the head is a whole number of them.
#[expect(clippy::cast_possible_truncation, reason = "8 MiB fit every usize")]
const HEAD_PIECE: usize = HEAD_BYTES as usize;

/// Size of the piece at `index` in bytes. It grows, since there may be 10,000 pieces only: 8 MiB
/// up to 16 GB, 32 MiB up to 150 GB, then 64 MiB.
const fn piece_bytes(index: usize) -> usize {
    match index {
        0..2000 => 8 << 20,
        2000..6000 => 32 << 20,
        _ => 64 << 20,
    }
}

/// The largest movie in bytes, whatever its head: that many of the first pieces are 8 MiB.
const MOVIE_BYTES_MAX: u64 = HEAD_BYTES + 1999 * (8 << 20) + 4000 * (32 << 20) + 4000 * (64 << 20);

/// A movie on its way to an object.
pub(crate) struct MovieParts {
    bucket: Arc<dyn Bucket>,
    path: Path,
    what: String,
    head: Vec<u8>,
    /// Bytes of the head when it is full.
    head_bytes: usize,
    filling: BytesMut,
    upload: Option<MultipartId>,
    /// The index of the next piece; the head has the first ones.
    next: usize,
    pieces: JoinSet<Result<(usize, PartId), StoreError>>,
    done: BTreeMap<usize, PartId>,
    log: Option<UploadLog>,
    /// What a predecessor has sent.
    known: Known,
    /// Bytes that were not sent again.
    kept: u64,
    /// Every piece is there.
    staged: bool,
}

impl MovieParts {
    pub(crate) fn new(bucket: Arc<dyn Bucket>, path: Path, what: String) -> Self {
        Self {
            bucket,
            path,
            what,
            head: Vec::new(),
            head_bytes: HEAD_PIECE,
            filling: BytesMut::new(),
            upload: None,
            next: 1,
            pieces: JoinSet::new(),
            done: BTreeMap::new(),
            log: None,
            known: Known::default(),
            kept: 0,
            staged: false,
        }
    }

    /// Keeps a log, and takes up what it finds there.
    pub(crate) async fn resume(&mut self, log: UploadLog) -> Result<(), StoreError> {
        let mut known = log.find(&self.what).await?;
        self.abort_all(std::mem::take(&mut known.older)).await;
        if let Some(upload) = known.upload.take() {
            // A bucket that has forgotten the upload says so here, not after hours: a byte in the place
            // of the head's first piece, which is sent last and over it. Whoever had sent that piece and wakes
            // up now completes nothing: the piece that it names is not there any more.
            let probe = PutPayload::from_static(b"?");
            match self.bucket.put_part(&self.path, &upload, 0, probe).await {
                Ok(_replaced) => {
                    known.forget(0);
                    log.begun(&upload, &self.what).await?;
                    self.upload = Some(upload);
                }
                Err(error) => {
                    let what = &self.what;
                    tracing::warn!(what, %error, "an upload cannot be taken up again");
                    known = Known::default();
                }
            }
        }
        (self.log, self.known) = (Some(log), known);
        Ok(())
    }

    async fn abort_all(&self, older: Vec<String>) {
        for upload in older {
            if let Err(error) = self.bucket.abort_multipart(&self.path, &upload).await {
                let what = &self.what;
                tracing::debug!(what, %error, "an older upload is gone, or its pieces stay");
            }
        }
    }

    /// Bytes that a predecessor had sent and that were not sent again.
    pub(crate) const fn kept(&self) -> u64 {
        self.kept
    }

    /// Makes the head at least `bytes` long; nothing is written yet.
    pub(crate) fn keep_head(&mut self, bytes: usize) {
        let pieces = bytes.div_ceil(HEAD_PIECE).max(1);
        self.head_bytes = pieces * HEAD_PIECE;
        self.next = pieces;
    }

    /// Begins the multipart upload: the first request that needs the right to write.
    pub(crate) async fn begin(&mut self) -> Result<(), StoreError> {
        if self.upload.is_none() {
            let upload = self.bucket.create_multipart(&self.path).await;
            let upload = upload.map_err(|error| self.failed(&error))?;
            if let Some(log) = &self.log {
                log.begun(&upload, &self.what).await?;
            }
            self.upload = Some(upload);
        }
        Ok(())
    }

    /// Takes bytes whose place the caller has checked.
    pub(crate) async fn write_at(&mut self, offset: u64, bytes: Bytes) -> Result<(), StoreError> {
        let mut rest = bytes;
        if let Some(at) = usize::try_from(offset).ok().filter(|at| *at < self.head_bytes) {
            let into = rest.split_to(rest.len().min(self.head_bytes - at));
            let after = at + into.len();
            if after > self.head.len() {
                self.head.resize(after, 0);
            }
            self.head[at..after].copy_from_slice(&into);
        }
        self.filling.extend_from_slice(&rest);
        while self.filling.len() >= piece_bytes(self.next) {
            let piece = self.filling.split_to(piece_bytes(self.next)).freeze();
            self.begin().await?;
            self.send(piece).await?;
        }
        Ok(())
    }

    async fn send(&mut self, piece: Bytes) -> Result<(), StoreError> {
        if self.next >= PIECES_MAX {
            return Err(StoreError::TooLarge { what: self.what.clone(), limit: MOVIE_BYTES_MAX });
        }
        self.settle(PIECES_IN_FLIGHT_MAX - 1).await?;
        let index = self.next;
        self.next += 1;
        self.spawn(index, piece);
        Ok(())
    }

    fn spawn(&mut self, index: usize, piece: Bytes) {
        let Some(upload) = self.upload.clone() else { return };
        let bytes = piece.len() as u64;
        let log = self.log.clone().map(|log| (log, Sha::of(&piece)));
        if let Some((_, sha)) = &log
            && let Some(id) = self.known.piece(index, bytes, *sha)
        {
            self.kept += bytes;
            self.done.insert(index, id);
            return;
        }
        let (bucket, path, what) = (Arc::clone(&self.bucket), self.path.clone(), self.what.clone());
        self.pieces.spawn(async move {
            let payload = PutPayload::from_bytes(piece);
            let id = bucket.put_part(&path, &upload, index, payload).await;
            let id = id.map_err(|error| of_upload(&what, &error))?;
            if let Some((log, sha)) = log {
                log.acknowledged(&upload, index, (bytes, sha), &id).await?;
            }
            Ok((index, id))
        });
    }

    async fn settle(&mut self, left: usize) -> Result<(), StoreError> {
        while self.pieces.len() > left {
            let Some(piece) = self.pieces.join_next().await else { break };
            let piece = piece.map_err(|error| self.failed(&error.into()))?;
            let (index, id) = piece?;
            self.done.insert(index, id);
        }
        Ok(())
    }

    /// Sends everything, where there is an upload: completing it is left. Does nothing the second time.
    pub(crate) async fn stage(&mut self) -> Result<(), StoreError> {
        if self.upload.is_none() || self.staged {
            return Ok(());
        }
        let mut head = Bytes::from(std::mem::take(&mut self.head));
        let rest = std::mem::take(&mut self.filling).freeze();
        if !rest.is_empty() {
            self.send(rest).await?;
        }
        for index in 0..self.head_bytes / HEAD_PIECE {
            self.settle(PIECES_IN_FLIGHT_MAX - 1).await?;
            self.spawn(index, head.split_to(HEAD_PIECE));
        }
        self.settle(0).await?;
        self.staged = true;
        Ok(())
    }

    /// Completes what was staged.
    pub(crate) async fn finish(mut self) -> Result<(), StoreError> {
        let Some(upload) = self.upload.clone() else {
            let head = Bytes::from(std::mem::take(&mut self.head));
            let rest = std::mem::take(&mut self.filling).freeze();
            let payload: PutPayload = [head, rest].into_iter().collect();
            let put = self.bucket.put(&self.path, payload).await;
            return put.map(|_| ()).map_err(|error| self.failed(&error));
        };
        let ids: Vec<PartId> = std::mem::take(&mut self.done).into_values().collect();
        assert_eq!(ids.len(), self.next, "every piece of the movie is there");
        let completed = self.bucket.complete_multipart(&self.path, &upload, ids).await;
        if let Err(error) = completed {
            if self.is_anothers(&upload).await {
                // Whoever has taken it over completes it.
                self.upload = None;
            }
            return Err(of_upload(&self.what, &error));
        }
        self.upload = None;
        self.forget().await
    }

    /// Whether a stitch under a later lease has taken the upload over, or may have.
    async fn is_anothers(&self, upload: &MultipartId) -> bool {
        match &self.log {
            Some(log) => log.is_taken_over(upload).await.unwrap_or(true),
            None => false,
        }
    }

    async fn forget(&self) -> Result<(), StoreError> {
        match &self.log {
            Some(log) => log.forget().await,
            None => Ok(()),
        }
    }

    /// Lets go of the upload: pieces, record and all stay as they are, for whoever has taken it up.
    pub(crate) async fn leave(mut self) {
        self.pieces.shutdown().await;
        self.upload = None;
    }

    pub(crate) async fn abort(mut self) -> Result<(), StoreError> {
        self.pieces.shutdown().await;
        let Some(upload) = self.upload.take() else { return Ok(()) };
        // Its record first: what nobody finds, nobody takes up.
        self.forget().await?;
        let aborted = self.bucket.abort_multipart(&self.path, &upload).await;
        aborted.map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &object_store::Error) -> StoreError {
        StoreError::of_object(Side::Output, &self.what, error)
    }
}

/// What a request failed with that names an upload. One that is gone is begun anew: the bucket's rules may have
/// removed it, or somebody.
fn of_upload(what: &str, error: &object_store::Error) -> StoreError {
    let error = StoreError::of_object(Side::Output, what, error);
    if !matches!(error, StoreError::NotFound { .. }) {
        return error;
    }
    let detail = "the bucket does not know the upload any more".to_owned();
    StoreError::Unavailable { side: Side::Output, what: what.to_owned(), detail }
}

impl Drop for MovieParts {
    fn drop(&mut self) {
        let Some(upload) = self.upload.take() else { return };
        let mut pieces = std::mem::take(&mut self.pieces);
        let (bucket, path) = (Arc::clone(&self.bucket), self.path.clone());
        let (what, log) = (std::mem::take(&mut self.what), self.log.take());
        give_up(what.clone(), async move {
            pieces.shutdown().await;
            if let Some(log) = log
                && let Err(error) = log.forget().await
            {
                tracing::warn!(what, %error, "the record of an upload that was given up stays");
            }
            bucket.abort_multipart(&path, &upload).await
        });
    }
}

impl fmt::Debug for MovieParts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("MovieParts")
            .field("what", &self.what)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_movie_is_the_sum_of_all_pieces() {
        let pieces: u64 = (1..PIECES_MAX).map(|index| piece_bytes(index) as u64).sum();
        assert_eq!(HEAD_BYTES + pieces, MOVIE_BYTES_MAX);
    }
}
