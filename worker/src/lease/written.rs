//! How much a lease has written, held to the size of what it reads: an encoder that runs away fills the store of all.
//!
//! Counted where the bytes pass, in the parent: a child that a file has taken over does not count for itself.

use std::sync::atomic::{AtomicU64, Ordering};

use cleanplate_types::limits::{OutputLimit, OverLimit};

/// See the top of the file.
#[derive(Debug)]
pub(crate) struct Written {
    limit: OutputLimit,
    source_bytes: AtomicU64,
    written: AtomicU64,
}

impl Written {
    /// Nothing yet, of a source that is not known yet.
    pub(crate) const fn new(limit: OutputLimit) -> Self {
        Self { limit, source_bytes: AtomicU64::new(0), written: AtomicU64::new(0) }
    }

    /// The source has so many bytes.
    pub(super) fn source(&self, bytes: u64) {
        self.source_bytes.fetch_max(bytes, Ordering::Relaxed);
    }

    /// Counts bytes that are to be written.
    ///
    /// # Errors
    /// [`OverLimit::Output`] where they are more than such a source can need.
    pub(super) fn add(&self, bytes: u64) -> Result<(), OverLimit> {
        let before = self.written.fetch_add(bytes, Ordering::Relaxed);
        self.limit.check(self.source_bytes.load(Ordering::Relaxed), before.saturating_add(bytes))
    }
}

#[cfg(test)]
mod tests {
    use cleanplate_types::limits::OUTPUT_SPARE_BYTES;

    use super::*;

    #[test]
    fn what_runs_away_is_stopped_at_its_sources_multiple() {
        let written = Written::new(OutputLimit { times: 3 });
        written.source(100);
        assert_eq!(written.add(OUTPUT_SPARE_BYTES), Ok(()));
        assert_eq!(written.add(300), Ok(()));
        assert!(matches!(written.add(1), Err(OverLimit::Output { source_bytes: 100, .. })));
    }
}
