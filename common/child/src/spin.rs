//! Whether a child turns in circles: it reads, and reads again, and nothing comes of it.
//!
//! Silence is not the only way to hang. A demuxer that a file sends back to where it was asks for bytes for ever, and
//! each question is a sign of life. So what is read is counted from one sign of progress to the next, and held to
//! the size of what may be read: no work reads its files through so often without a word. Owns that sum; refuses
//! clocks, so that a slow store makes nobody look guilty.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::wire::Up;

/// Times that all open files may be read through without progress. Honest work reads them through some three times: a
/// table by packets, again by decoding, and an index; where streams lie far apart each packet costs a piece of 128 KiB.
const TIMES_MAX: u64 = 64;

/// Bytes beside that: small files are read in pieces of 128 KiB, whatever their size.
const SPARE_BYTES: u64 = 1 << 30;

/// What was read without progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turning {
    /// Bytes that were read.
    pub read: u64,
    /// Bytes that there are.
    pub size: u64,
}

impl fmt::Display for Turning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { read, size } = self;
        write!(formatter, "it read {read} bytes of {size} without any progress")
    }
}

/// See the top of the file.
#[derive(Debug, Default)]
pub(crate) struct Spin {
    /// Bytes of all that was opened.
    size: AtomicU64,
    /// Bytes asked for since the last progress.
    read: AtomicU64,
}

impl Spin {
    /// Something of `bytes` was opened.
    pub(crate) fn opened(&self, bytes: u64) {
        self.size.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Takes a message of the child; what it read, where that is too much.
    pub(crate) fn heard(&self, message: &Up) -> Option<Turning> {
        let bytes = match message {
            Up::Read { bytes, .. } => u64::from(*bytes),
            // Opening again and again is no progress either.
            Up::Open { .. } => 1,
            Up::Close { .. } | Up::Abandon { .. } | Up::KeepHead { .. } | Up::Walled { .. } => 0,
            Up::Create { .. }
            | Up::Write { .. }
            | Up::Finish { .. }
            | Up::Ask { .. }
            | Up::Event { .. }
            | Up::Done { .. }
            | Up::Failed { .. } => {
                self.read.store(0, Ordering::Relaxed);
                return None;
            }
        };
        let read = self.read.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        let size = self.size.load(Ordering::Relaxed);
        let most = size.saturating_mul(TIMES_MAX).saturating_add(SPARE_BYTES);
        (read > most).then_some(Turning { read, size })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(bytes: u32) -> Up {
        Up::Read { call: 0, file: 0, offset: 0, bytes }
    }

    #[test]
    fn what_is_read_over_and_over_without_a_word_is_turning_in_circles() {
        let spin = Spin::default();
        spin.opened(1 << 20);
        let most = (TIMES_MAX << 20) + SPARE_BYTES;
        let reads = most >> 17;
        for _ in 0..reads {
            assert_eq!(spin.heard(&reading(1 << 17)), None);
        }
        let turning = spin.heard(&reading(1 << 17)).unwrap();
        assert_eq!(turning, Turning { read: most + (1 << 17), size: 1 << 20 });
    }

    #[test]
    fn a_word_in_between_is_progress() {
        let spin = Spin::default();
        for _ in 0..64 {
            for _ in 0..512 {
                assert_eq!(spin.heard(&reading(1 << 20)), None);
            }
            assert_eq!(spin.heard(&Up::Event { event: Vec::new() }), None);
        }
    }
}
