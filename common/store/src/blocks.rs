//! The blocks of sources that are kept in memory, so that what is read twice is fetched once.
//!
//! Owns the bound: what was used longest ago goes first, whoever's it is. Every block belongs to one version of one
//! source. Refuses to know where blocks come from.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;

use crate::settings::current;

/// Size of a block in bytes: what libav asks for at a time, so that a look at a far place costs little more.
pub(crate) const BLOCK_BYTES: u64 = 128 << 10;

/// A block: whose it is, and its index.
pub(crate) type Place = (Arc<str>, u64);

/// See the top of the file.
#[derive(Debug)]
pub(crate) struct Blocks {
    kept: BTreeMap<Place, (u64, Bytes)>,
    /// Places by when they were used last.
    order: BTreeMap<u64, Place>,
    bytes: u64,
    bytes_max: u64,
    uses: u64,
}

/// Blocks that several readers share.
pub(crate) type Shared = Arc<Mutex<Blocks>>;

/// The blocks that all readers of sources in this process share.
pub(crate) fn of_process() -> Shared {
    static KEPT: OnceLock<Shared> = OnceLock::new();
    Arc::clone(KEPT.get_or_init(|| Blocks::shared(current().cache_bytes)))
}

impl Blocks {
    pub(crate) fn shared(bytes_max: u64) -> Shared {
        let (kept, order) = (BTreeMap::new(), BTreeMap::new());
        Arc::new(Mutex::new(Self { kept, order, bytes: 0, bytes_max, uses: 0 }))
    }

    /// The block at `index` of `whose`, where it is kept.
    pub(crate) fn find(&mut self, whose: &Arc<str>, index: u64) -> Option<Bytes> {
        let place = (Arc::clone(whose), index);
        let (used, bytes) = self.kept.get_mut(&place)?;
        self.uses += 1;
        self.order.remove(used);
        *used = self.uses;
        let bytes = bytes.clone();
        self.order.insert(self.uses, place);
        Some(bytes)
    }

    /// Whether the block at `index` is kept; that is no use of it.
    pub(crate) fn has(&self, whose: &Arc<str>, index: u64) -> bool {
        self.kept.contains_key(&(Arc::clone(whose), index))
    }

    /// Keeps the blocks of `run`, which begins at the block `index`.
    pub(crate) fn keep(&mut self, whose: &Arc<str>, index: u64, run: &Bytes) {
        let count = run.len().div_ceil(BLOCK);
        for (block, piece) in (index..).zip(run.chunks(BLOCK)) {
            // A slice would keep the whole run alive for as long as one of its blocks is.
            let bytes = if count == 1 { run.clone() } else { Bytes::copy_from_slice(piece) };
            let place = (Arc::clone(whose), block);
            self.uses += 1;
            self.bytes += bytes.len() as u64;
            if let Some((used, old)) = self.kept.insert(place.clone(), (self.uses, bytes)) {
                self.order.remove(&used);
                self.bytes -= old.len() as u64;
            }
            self.order.insert(self.uses, place);
        }
        while self.bytes > self.bytes_max {
            let Some((_, oldest)) = self.order.pop_first() else { break };
            if let Some((_, gone)) = self.kept.remove(&oldest) {
                self.bytes -= gone.len() as u64;
            }
        }
    }
}

/// Works on shared blocks for a moment.
pub(crate) fn with<T>(blocks: &Shared, work: impl FnOnce(&mut Blocks) -> T) -> T {
    work(&mut blocks.lock().unwrap_or_else(PoisonError::into_inner))
}

#[expect(clippy::cast_possible_truncation, reason = "128 KiB fit every usize")]
const BLOCK: usize = BLOCK_BYTES as usize;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_longest_ago_goes_first_whoever_has_it() {
        let (one, two): (Arc<str>, Arc<str>) = ("one".into(), "two".into());
        let blocks = Blocks::shared(3);
        with(&blocks, |blocks| {
            blocks.keep(&one, 0, &Bytes::from_static(b"a"));
            blocks.keep(&two, 0, &Bytes::from_static(b"b"));
            blocks.keep(&one, 9, &Bytes::from_static(b"c"));
            assert_eq!(blocks.find(&one, 0).unwrap(), b"a"[..], "it is used");
            blocks.keep(&two, 9, &Bytes::from_static(b"d"));
            assert!(!blocks.has(&two, 0), "it was the oldest");
            assert!(blocks.has(&one, 0) && blocks.has(&one, 9) && blocks.has(&two, 9));
            blocks.keep(&one, 0, &Bytes::from_static(b"aaa"));
            assert_eq!((blocks.bytes, blocks.kept.len(), blocks.order.len()), (3, 1, 1));
        });
    }

    #[test]
    fn a_run_is_kept_as_its_blocks() {
        let whose: Arc<str> = "x".into();
        let run = Bytes::from(vec![7_u8; 2 * BLOCK + 5]);
        let sizes = with(&Blocks::shared(1 << 20), |blocks| {
            blocks.keep(&whose, 3, &run);
            (3..7).map(|at| blocks.find(&whose, at).map(|it| it.len())).collect::<Vec<_>>()
        });
        assert_eq!(sizes, [Some(BLOCK), Some(BLOCK), Some(5), None]);
    }
}
