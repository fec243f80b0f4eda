//! Uploads that appear under their name whole or not at all: parts, and the movie.
//!
//! A [`PartUpload`] is written from front to back and hashed on the way. A [`MovieUpload`] is
//! hashed by nobody and may be patched in its first [`HEAD_BYTES`], where muxers write sizes that
//! they learn last. Neither needs rename or append of its store.

use std::fmt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use cleanplate_types::access::{HEAD_BYTES, Stored};
use cleanplate_types::digest::ShaWriter;
use cleanplate_types::object::ObjectRef;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt as _, PutPayload};
use tokio::task::JoinSet;

use crate::error::{Side, StoreError};
use crate::location::Location;
use crate::movie_file::MovieFile;
use crate::movie_parts::MovieParts;
use crate::remote::{Patience, checked_path, open_bucket};

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
    pub(crate) fn new(objects: Arc<dyn ObjectStore>, path: Path, key: String, what: String) -> Self {
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
        self.filling.extend_from_slice(&bytes);
        while self.filling.len() >= PIECE_BYTES {
            let piece = self.filling.split_to(PIECE_BYTES).freeze();
            self.send(piece).await?;
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
        let rest = std::mem::take(&mut self.filling).freeze();
        if self.upload.is_none() {
            let payload = PutPayload::from_bytes(rest);
            self.objects.put(&self.path, payload).await.map_err(|error| self.failed(&error))?;
        } else {
            if !rest.is_empty() {
                self.send(rest).await?;
            }
            while self.pieces.join_next().await.transpose().map_err(lost(&self.what))?.is_some_and(Ok)? {}
        }
        todo!()
    }
}
