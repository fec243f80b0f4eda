//! Ranged reads of what is far away: in blocks, ahead of the reader where it goes forward, each block once.
//!
//! Owns how far ahead is fetched: never more than an eighth of what was read in a row, so that a reader who stops
//! early has wasted little. Refuses every answer that is not of the pinned version and of the length asked for.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt as _};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::blocks::{BLOCK_BYTES, Shared, with};
use crate::disk::{self, Disk};
use crate::error::{Side, StoreError};
use crate::reading::SourceMeta;
use crate::web::WebFile;

/// Blocks that are fetched at least where a reader goes forward: half a megabyte.
const AHEAD_MIN: u64 = 4;

/// The part of what was read in a row that is fetched ahead.
const AHEAD_SHARE: u64 = 8;

/// Where the bytes are.
pub(super) enum Far {
    /// In a bucket.
    Object { store: Arc<dyn ObjectStore>, path: object_store::path::Path },
    /// On a web server.
    Web(Box<WebFile>),
}

/// What fetches.
struct Origin {
    far: Far,
    meta: SourceMeta,
    what: String,
    side: Side,
    fetched: AtomicU64,
}

/// See the top of the file. Reads of one reader go one after another.
pub(super) struct Ranged {
    origin: Arc<Origin>,
    /// The source and its version, as its blocks are called.
    whose: Arc<str>,
    blocks: Shared,
    /// Of sources alone: what is stored is read once.
    disk: Option<&'static Disk>,
    /// Blocks that are fetched ahead at most.
    ahead_max: u64,
    walk: Mutex<Walk>,
}

/// Where a reader is.
#[derive(Default)]
struct Walk {
    /// The block after the last one that was read.
    next: u64,
    /// Blocks that were read one after the other up to there.
    in_row: u64,
    /// What was fetched last, from which block on.
    run: Option<(u64, Bytes)>,
    coming: Option<Coming>,
}

/// Blocks on their way. Dropped, they are not fetched any further.
struct Coming {
    blocks: Range<u64>,
    task: JoinSet<Result<Bytes, StoreError>>,
}

impl Ranged {
    pub(super) fn new(
        far: Far,
        meta: SourceMeta,
        (what, side): (String, Side),
        (blocks, ahead_bytes): (Shared, u64),
    ) -> Self {
        let whose = match &meta.version {
            Some(version) => format!("{what}\n{version}\n{}", meta.bytes),
            // Without a version nobody knows whether another reader's blocks are of the same.
            None => format!("{what}\n{}", crate::store::unique()),
        };
        let disk = disk::of_process().filter(|_| side == Side::Source && meta.version.is_some());
        let origin = Origin { far, meta, what, side, fetched: AtomicU64::new(0) };
        Self {
            disk,
            origin: Arc::new(origin),
            whose: whose.into(),
            blocks,
            ahead_max: ahead_bytes.div_ceil(BLOCK_BYTES).max(1),
            walk: Mutex::default(),
        }
    }

    /// Bytes that were fetched for this reader.
    pub(super) fn fetched(&self) -> u64 {
        self.origin.fetched.load(Ordering::Relaxed)
    }

    /// Reads `bytes` bytes from `offset` on, all of which are there.
    pub(super) async fn read(&self, offset: u64, bytes: usize) -> Result<Bytes, StoreError> {
        let end = offset + bytes as u64;
        let wanted = offset / BLOCK_BYTES..end.div_ceil(BLOCK_BYTES);
        let mut walk = self.walk.lock().await;
        walk.go(&wanted);
        let mut gathered = BytesMut::new();
        for index in wanted.clone() {
            let block = self.block(&mut walk, index, wanted.end).await?;
            let start = index * BLOCK_BYTES;
            let within = |at: u64| usize::try_from(at.saturating_sub(start)).unwrap_or(usize::MAX);
            let piece = within(offset).min(block.len())..within(end).min(block.len());
            if piece.len() == bytes {
                let whole = block.slice(piece);
                self.look_ahead(&mut walk);
                return Ok(whole);
            }
            gathered.extend_from_slice(&block[piece]);
        }
        self.look_ahead(&mut walk);
        if gathered.len() == bytes {
            return Ok(gathered.freeze());
        }
        Err(self.origin.unavailable(format!("{} bytes came of {bytes}", gathered.len())))
    }

    /// The block at `index`, fetched up to `end` and further where it is missing.
    async fn block(&self, walk: &mut Walk, index: u64, end: u64) -> Result<Bytes, StoreError> {
        if let Some(block) = walk.kept(index) {
            return Ok(block);
        }
        if let Some(block) = with(&self.blocks, |blocks| blocks.find(&self.whose, index)) {
            return Ok(block);
        }
        if let Some(disk) = self.disk
            && let Some(block) = disk.find(&(Arc::clone(&self.whose), index)).await
        {
            return Ok(block);
        }
        let (first, run) = match walk.coming.take_if(|coming| coming.blocks.contains(&index)) {
            Some(mut coming) => match coming.task.join_next().await {
                Some(Ok(run)) => (coming.blocks.start, run?),
                Some(Err(_)) | None => (index, self.fetch(index..index + 1).await?),
            },
            None => {
                let until = end.max(index + walk.ahead(self.ahead_max));
                (index, self.fetch(self.missing(index, until)).await?)
            }
        };
        with(&self.blocks, |blocks| blocks.keep(&self.whose, first, &run));
        if let Some(disk) = self.disk {
            disk.keep(&(Arc::clone(&self.whose), first), run.clone());
        }
        walk.run = Some((first, run));
        let block = walk.kept(index);
        block.ok_or_else(|| self.origin.unavailable(format!("no bytes came for block {index}")))
    }

    /// From `first` on, up to `until`, the end, or the first block that is there.
    fn missing(&self, first: u64, until: u64) -> Range<u64> {
        let until = until.min(self.origin.meta.bytes.div_ceil(BLOCK_BYTES));
        let known = (first + 1..until).find(|index| self.has(*index));
        first..known.unwrap_or(until)
    }

    fn has(&self, index: u64) -> bool {
        with(&self.blocks, |blocks| blocks.has(&self.whose, index))
            || self.disk.is_some_and(|disk| disk.has(&(Arc::clone(&self.whose), index)))
    }

    async fn fetch(&self, blocks: Range<u64>) -> Result<Bytes, StoreError> {
        self.origin.fetch(self.bytes_of(&blocks)).await
    }

    fn bytes_of(&self, blocks: &Range<u64>) -> Range<u64> {
        blocks.start * BLOCK_BYTES..(blocks.end * BLOCK_BYTES).min(self.origin.meta.bytes)
    }

    /// Has the next blocks fetched where the reader goes forward and soon needs them.
    fn look_ahead(&self, walk: &mut Walk) {
        let ahead = walk.ahead(self.ahead_max);
        if ahead < AHEAD_MIN || walk.coming.is_some() {
            return;
        }
        let mut next = walk.next..walk.next + ahead;
        let first = next.find(|index| walk.kept(*index).is_none() && !self.has(*index));
        // Half of it is still there: later.
        let Some(first) = first.filter(|first| first - walk.next <= ahead / 2) else { return };
        let blocks = self.missing(first, first + ahead);
        if blocks.is_empty() || self.bytes_of(&blocks).is_empty() {
            return;
        }
        let (origin, bytes) = (Arc::clone(&self.origin), self.bytes_of(&blocks));
        let mut task = JoinSet::new();
        task.spawn(async move { origin.fetch(bytes).await });
        walk.coming = Some(Coming { blocks, task });
    }
}

impl Walk {
    /// The reader reads `blocks` next.
    fn go(&mut self, blocks: &Range<u64>) {
        let forward = blocks.start == self.next || blocks.start + 1 == self.next;
        if forward {
            self.in_row += blocks.end.saturating_sub(self.next);
        } else {
            self.in_row = 0;
            self.coming = None;
        }
        self.next = blocks.end;
    }

    /// Blocks to fetch beyond what is read.
    fn ahead(&self, most: u64) -> u64 {
        if self.in_row == 0 { 1 } else { (self.in_row / AHEAD_SHARE).max(AHEAD_MIN).min(most) }
    }

    fn kept(&self, index: u64) -> Option<Bytes> {
        let (first, run) = self.run.as_ref()?;
        let start = usize::try_from(index.checked_sub(*first)? * BLOCK_BYTES).ok()?;
        let end = start.saturating_add(usize::try_from(BLOCK_BYTES).ok()?).min(run.len());
        (start < end).then(|| run.slice(start..end))
    }
}

impl Origin {
    async fn fetch(&self, range: Range<u64>) -> Result<Bytes, StoreError> {
        let run = match &self.far {
            Far::Web(file) => file.get(range.clone(), &self.meta).await?,
            Far::Object { store, path } => self.fetch_object(store, path, range.clone()).await?,
        };
        self.fetched.fetch_add(run.len() as u64, Ordering::Relaxed);
        crate::traffic::read(run.len());
        if run.len() as u64 == range.end - range.start {
            Ok(run)
        } else {
            Err(self.unavailable(format!("{} bytes came for {range:?}", run.len())))
        }
    }

    async fn fetch_object(
        &self,
        store: &Arc<dyn ObjectStore>,
        path: &object_store::path::Path,
        range: Range<u64>,
    ) -> Result<Bytes, StoreError> {
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            if_match: self.meta.version.clone(),
            ..GetOptions::default()
        };
        let answer = match store.get_opts(path, options).await {
            Ok(answer) => answer,
            Err(object_store::Error::Precondition { .. }) => {
                return Err(self.moved(store, path).await);
            }
            Err(error) => return Err(self.failed(&error)),
        };
        // Some servers ignore If-Match.
        if answer.meta.size != self.meta.bytes || answer.meta.e_tag != self.meta.version {
            return Err(self.moved(store, path).await);
        }
        answer.bytes().await.map_err(|error| self.failed(&error))
    }

    /// Names the version that took the place of ours.
    async fn moved(
        &self,
        store: &Arc<dyn ObjectStore>,
        path: &object_store::path::Path,
    ) -> StoreError {
        match store.head(path).await {
            Ok(head) => {
                let found = SourceMeta { bytes: head.size, version: head.e_tag };
                StoreError::Changed {
                    what: self.what.clone(),
                    pinned: self.meta.shown(),
                    found: found.shown(),
                }
            }
            Err(error) => self.failed(&error),
        }
    }

    fn failed(&self, error: &object_store::Error) -> StoreError {
        StoreError::of_object(self.side, &self.what, error)
    }

    fn unavailable(&self, detail: String) -> StoreError {
        StoreError::Unavailable { side: self.side, what: self.what.clone(), detail }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_goes_forward_is_fetched_ahead_of_by_an_eighth_of_its_way() {
        let mut walk = Walk::default();
        walk.go(&(700..701));
        assert_eq!((walk.in_row, walk.ahead(64)), (0, 1), "a look");
        for index in 701..1021 {
            walk.go(&(index..index + 1));
        }
        assert_eq!((walk.in_row, walk.ahead(64)), (320, 40));
        walk.go(&(1020..1022));
        assert_eq!(walk.in_row, 321, "a read that straddles a block is no jump");
        assert_eq!(walk.ahead(16), 16);
        walk.go(&(5..6));
        assert_eq!((walk.in_row, walk.ahead(64)), (0, 1), "a jump");
        walk.go(&(6..7));
        assert_eq!(walk.ahead(64), AHEAD_MIN);
    }
}
