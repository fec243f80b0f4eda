//! What this process moved to and from stores, sources and outputs since it started, for its metrics. Decides nothing.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Side;

static READ: AtomicU64 = AtomicU64::new(0);
static WRITTEN: AtomicU64 = AtomicU64::new(0);
static FAILED: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];

/// What was moved, and how often that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes that were read.
    pub read: u64,
    /// Bytes that were written.
    pub written: u64,
    /// Failures, each told to whoever asked, by the place that they concern. What was tried again and went well is
    /// none.
    pub failed: [(Side, u64); 3],
}

/// What was moved by now.
#[must_use]
pub fn traffic() -> Traffic {
    let failed = |side: Side| (side, FAILED[place(side)].load(Ordering::Relaxed));
    Traffic {
        read: READ.load(Ordering::Relaxed),
        written: WRITTEN.load(Ordering::Relaxed),
        failed: [Side::Source, Side::Store, Side::Output].map(failed),
    }
}

pub(crate) fn read(bytes: usize) {
    READ.fetch_add(bytes as u64, Ordering::Relaxed);
}

pub(crate) fn written(bytes: usize) {
    WRITTEN.fetch_add(bytes as u64, Ordering::Relaxed);
}

pub(crate) fn failed(side: Side) {
    FAILED[place(side)].fetch_add(1, Ordering::Relaxed);
}

const fn place(side: Side) -> usize {
    match side {
        Side::Source => 0,
        Side::Store => 1,
        Side::Output => 2,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{Location, SourceReader, Store};

    #[tokio::test]
    async fn what_is_moved_and_what_fails_is_counted() {
        // Other tests of this process move bytes too: at least so much came.
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().to_str().unwrap()).unwrap();
        let before = traffic();
        let object = store.put("a", Bytes::from(vec![7; 1000])).await.unwrap();
        store.get(&object).await.unwrap();
        let reader = store.reader(&object).await.unwrap();
        reader.read_range(0, 500).await.unwrap();
        let missing = Location::parse(folder.path().join("b").to_str().unwrap()).unwrap();
        assert!(SourceReader::open(&missing, None).await.is_err());
        let after = traffic();
        assert!(after.written - before.written >= 1000);
        assert!(after.read - before.read >= 1500);
        assert!(after.failed[0].1 > before.failed[0].1);
    }
}
