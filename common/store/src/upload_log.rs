//! What a bucket has acknowledged of a movie, kept as small objects beside the job, so that the successor
//! of a coordinator that was killed does not send it again.
//!
//! A movie's bytes depend on its parts, its source and its job alone, so a stitch that begins anew makes
//! the same pieces; one whose number, size and hash are here is in the bucket. Every key carries the
//! lease that wrote it. Refuses to trust a record that does not read well: that piece is sent again.

use std::collections::{BTreeMap, BTreeSet};

use cleanplate_types::digest::Sha;
use cleanplate_types::ids::{JobId, LeaseId};
use futures::{StreamExt as _, stream};
use object_store::MultipartId;
use object_store::multipart::PartId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::keys;
use crate::kinds;
use crate::movie_file::Stage;
use crate::store::{Listed, Store};

/// Records that are read at once when an upload is taken up again: small requests, for a movie of
/// 10,000 pieces some seconds.
const READS_IN_FLIGHT_MAX: usize = 16;

/// An upload that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Begun {
    upload: MultipartId,
    /// The movie's place.
    output: String,
    /// The process that began it or took it up; what is its own, it also ends.
    owner: String,
}

/// A piece that the bucket has acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Piece {
    upload: MultipartId,
    index: u64,
    bytes: u64,
    sha: Sha,
    /// What the bucket calls it.
    content: String,
}

/// The record of one movie's upload. See the top of the file.
#[derive(Debug, Clone)]
pub struct UploadLog {
    store: Store,
    job: JobId,
    lease: LeaseId,
    owner: String,
}

/// What is there of an upload.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) upload: Option<MultipartId>,
    /// Older uploads of the same movie, by others: nobody takes them up.
    pub(crate) older: Vec<MultipartId>,
    pieces: BTreeMap<u64, Piece>,
}

impl Known {
    /// The piece at `index` is another one now, whatever was sent.
    pub(crate) fn forget(&mut self, index: usize) {
        self.pieces.remove(&(index as u64));
    }

    /// The piece at `index`, where the bucket has these very bytes.
    pub(crate) fn piece(&self, index: usize, bytes: u64, sha: Sha) -> Option<PartId> {
        let piece = self.pieces.get(&(index as u64))?;
        (piece.bytes == bytes && piece.sha == sha)
            .then(|| PartId { content_id: piece.content.clone() })
    }
}

impl UploadLog {
    /// The record that the stitch of `job` under `lease` keeps in `store`. `owner` is the coordinator's lead, by a
    /// name that no other has: an upload of the same owner is never taken up, since that owner is giving it up.
    /// Leases of a later lead are greater: an upload under a greater lease is never taken up either, since
    /// whoever has it has taken over from this one.
    #[must_use]
    pub const fn new(store: Store, job: JobId, lease: LeaseId, owner: String) -> Self {
        Self { store, job, lease, owner }
    }

    /// Where on a disk this stitch stages its movie.
    pub(crate) fn stage(&self) -> Stage {
        Stage { job: self.job.clone(), lease: self.lease }
    }

    /// What others left of uploads to `output` under older leases: the latest, and the names of the rest.
    pub(crate) async fn find(&self, output: &str) -> Result<Known, StoreError> {
        let listed = self.store.list(&keys::stitch(&self.job)).await?;
        let mut uploads = BTreeMap::new();
        let (begun, pieces): (Vec<Listed>, Vec<Listed>) =
            listed.into_iter().partition(|listed| listed.key.ends_with(keys::STITCH_UPLOAD));
        for listed in begun {
            let Some(lease) = keys::lease_of(&listed.key) else { continue };
            let Some(found) = self.read::<Begun>(&listed).await else { continue };
            let is_other = found.owner != self.owner && lease < self.lease;
            if found.output == output && is_other {
                uploads.insert(lease, found.upload);
            }
        }
        let Some((_, upload)) = uploads.pop_last() else { return Ok(Known::default()) };
        // One that was taken up has several records.
        let older: BTreeSet<_> = uploads.into_values().filter(|older| *older != upload).collect();
        let read =
            stream::iter(pieces).map(|listed| async move { self.read::<Piece>(&listed).await });
        let read = read.buffer_unordered(READS_IN_FLIGHT_MAX);
        let found: Vec<Option<Piece>> = read.collect().await;
        let found = found.into_iter().flatten().filter(|piece| piece.upload == upload);
        let pieces = found.map(|piece| (piece.index, piece)).collect();
        Ok(Known { upload: Some(upload), older: older.into_iter().collect(), pieces })
    }

    /// Whether the record of a later lease names the upload.
    pub(crate) async fn is_taken_over(&self, upload: &MultipartId) -> Result<bool, StoreError> {
        for listed in self.store.list(&keys::stitch(&self.job)).await? {
            let is_later = keys::lease_of(&listed.key).is_some_and(|lease| lease > self.lease);
            if is_later
                && listed.key.ends_with(keys::STITCH_UPLOAD)
                && self.read::<Begun>(&listed).await.is_none_or(|begun| begun.upload == *upload)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Notes that the upload was begun, or taken up.
    pub(crate) async fn begun(&self, upload: &MultipartId, output: &str) -> Result<(), StoreError> {
        let begun =
            Begun { upload: upload.clone(), output: output.to_owned(), owner: self.owner.clone() };
        let key = keys::stitch_upload(&self.job, self.lease);
        self.store.put_value(&key, kinds::UPLOAD, &begun).await.map(|_stored| ())
    }

    /// Notes that the bucket has a piece.
    pub(crate) async fn acknowledged(
        &self,
        upload: &MultipartId,
        index: usize,
        (bytes, sha): (u64, Sha),
        id: &PartId,
    ) -> Result<(), StoreError> {
        let index = index as u64;
        let (upload, content) = (upload.clone(), id.content_id.clone());
        let piece = Piece { upload, index, bytes, sha, content };
        let key = keys::stitch_piece(&self.job, self.lease, index);
        self.store.put_value(&key, kinds::UPLOAD, &piece).await.map(|_stored| ())
    }

    /// Forgets what this lease and those before it wrote: the upload has ended.
    pub(crate) async fn forget(&self) -> Result<(), StoreError> {
        for listed in self.store.list(&keys::stitch(&self.job)).await? {
            if keys::lease_of(&listed.key).is_some_and(|lease| lease <= self.lease) {
                self.store.delete(&listed.key).await?;
            }
        }
        Ok(())
    }

    async fn read<T: DeserializeOwned>(&self, listed: &Listed) -> Option<T> {
        match self.store.get_listed(listed, kinds::UPLOAD).await {
            Ok(value) => Some(value),
            Err(error) => {
                tracing::warn!(key = listed.key, %error, "a record of an upload is passed over");
                None
            }
        }
    }
}
