//! Blocks of sources on a worker's scratch disk, so that a source is fetched once and read as often as is needed.
//!
//! Owns one file without a name, of which nothing is left when the process ends, and its bound: what was used longest
//! ago is written over. A disk that takes no more is told once, and does without. Refuses to hand out a block that was
//! written over while it was read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use rustix::fs::{Mode, OFlags};

use crate::blocks::{BLOCK_BYTES, Place};
use crate::settings::current;

/// The share of a disk's free space that is taken at most.
const FREE_SHARE: u64 = 4;

static OF_PROCESS: OnceLock<Disk> = OnceLock::new();

/// Keeps blocks in `folder` from now on, as many as the settings allow and a quarter of what is free there; the first
/// time counts.
pub fn keep_blocks_in(folder: &Path) {
    if OF_PROCESS.get().is_some() {
        return;
    }
    match Disk::open(folder, current().disk_cache_bytes) {
        Ok(disk) if disk.lock().slots_max > 0 => drop(OF_PROCESS.set(disk)),
        Ok(_none) => {}
        Err(error) => {
            let folder = folder.display();
            tracing::warn!(%folder, %error, "sources are kept in memory only: the scratch disk takes no file");
        }
    }
}

/// The disk on which this process keeps blocks, where it has one.
pub(crate) fn of_process() -> Option<&'static Disk> {
    OF_PROCESS.get()
}

/// See the top of the file.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    file: Arc<File>,
    slots: Arc<Mutex<Slots>>,
}

/// Where a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kept {
    slot: u64,
    bytes: usize,
    used: u64,
}

#[derive(Debug)]
struct Slots {
    kept: BTreeMap<Place, Kept>,
    /// Places by when they were used last.
    order: BTreeMap<u64, Place>,
    /// Slots that were ever used.
    made: u64,
    slots_max: u64,
    uses: u64,
}

impl Disk {
    fn open(folder: &Path, bytes: u64) -> io::Result<Self> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let file = rustix::fs::open(folder, flags, Mode::from_raw_mode(0o600))?;
        let about = rustix::fs::fstatvfs(&file)?;
        let free = about.f_bavail.saturating_mul(about.f_frsize);
        let slots_max = bytes.min(free / FREE_SHARE) / BLOCK_BYTES;
        let (kept, order) = (BTreeMap::new(), BTreeMap::new());
        let slots = Slots { kept, order, made: 0, slots_max, uses: 0 };
        Ok(Self { file: Arc::new(File::from(file)), slots: Arc::new(Mutex::new(slots)) })
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a block is kept; that is no use of it.
    pub(crate) fn has(&self, place: &Place) -> bool {
        self.lock().kept.contains_key(place)
    }

    /// A block, where it is kept.
    pub(crate) async fn find(&self, place: &Place) -> Option<Bytes> {
        let kept = self.lock().used(place)?;
        let file = Arc::clone(&self.file);
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = vec![0; kept.bytes];
            file.read_exact_at(&mut bytes, kept.slot * BLOCK_BYTES).map(|()| Bytes::from(bytes))
        });
        let bytes = read.await.ok()?.ok()?;
        let is_still_there = self.lock().kept.get(place).is_some_and(|now| now.slot == kept.slot);
        is_still_there.then_some(bytes)
    }

    /// Keeps the blocks of `run`, which begins at the block of `place`; in the background.
    pub(crate) fn keep(&self, (whose, first): &Place, run: Bytes) {
        let (disk, whose, first) = (self.clone(), Arc::clone(whose), *first);
        tokio::task::spawn_blocking(move || {
            if let Err(error) = disk.keep_now(&whose, first, &run) {
                disk.lock().slots_max = 0;
                tracing::warn!(%error, "sources are kept in memory only from now on: the scratch disk takes no more");
            }
        });
    }

    fn keep_now(&self, whose: &Arc<str>, first: u64, run: &Bytes) -> io::Result<()> {
        let block = usize::try_from(BLOCK_BYTES).map_err(io::Error::other)?;
        for (index, piece) in (first..).zip(run.chunks(block)) {
            let place = (Arc::clone(whose), index);
            // Nobody has the slot while it is written.
            let Some(slot) = self.lock().free_slot(&place) else { continue };
            self.file.write_all_at(piece, slot * BLOCK_BYTES)?;
            self.lock().put(place, slot, piece.len());
        }
        Ok(())
    }
}

impl Slots {
    fn used(&mut self, place: &Place) -> Option<Kept> {
        let kept = self.kept.get_mut(place)?;
        self.uses += 1;
        self.order.remove(&kept.used);
        kept.used = self.uses;
        self.order.insert(self.uses, place.clone());
        Some(*kept)
    }

    /// A slot for a block that is not there: a new one, or that of the block that was used longest ago.
    fn free_slot(&mut self, place: &Place) -> Option<u64> {
        if self.slots_max == 0 || self.kept.contains_key(place) {
            return None;
        }
        if self.made < self.slots_max {
            self.made += 1;
            return Some(self.made - 1);
        }
        let (_, oldest) = self.order.pop_first()?;
        self.kept.remove(&oldest).map(|kept| kept.slot)
    }

    fn put(&mut self, place: Place, slot: u64, bytes: usize) {
        self.uses += 1;
        self.order.insert(self.uses, place.clone());
        if let Some(twice) = self.kept.insert(place, Kept { slot, bytes, used: self.uses }) {
            // Two readers brought it at once; the other slot is lost until the process ends.
            self.order.remove(&twice.used);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_block_is_found_until_it_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path(), 2 * BLOCK_BYTES).unwrap();
        let whose: Arc<str> = "a".into();
        let block = usize::try_from(BLOCK_BYTES).unwrap();
        let run = Bytes::from([vec![1; block], vec![2; 5]].concat());
        disk.keep_now(&whose, 7, &run).unwrap();
        let place = |index: u64| (Arc::clone(&whose), index);
        assert_eq!(disk.find(&place(8)).await.unwrap(), [2; 5][..]);
        assert_eq!(disk.find(&place(7)).await.unwrap(), vec![1; block]);
        disk.keep_now(&whose, 9, &Bytes::from_static(b"new")).unwrap();
        assert!(!disk.has(&place(8)), "it was used longest ago");
        assert!(disk.find(&place(7)).await.is_some() && disk.find(&place(9)).await.is_some());
        assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "it has no name");
        disk.lock().slots_max = 0;
        disk.keep_now(&whose, 10, &Bytes::from_static(b"more")).unwrap();
        assert!(!disk.has(&place(10)));
    }
}
