//! The source as the media code reads it: in blocks that are kept, the next one fetched ahead.
//!
//! libav reads 128 KiB at a time and jumps about; each read would be a trip through the parent to
//! the disk or the bucket. A block is 1 MiB, the most that one message carries.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use cleanplate_types::access::ReadAt;
use cleanplate_types::ids::LeaseId;

/// Size of a block in bytes.
const BLOCK_BYTES: u64 = 1 << 20;

/// Blocks kept: 8 MiB a lease, room for the runs of sound and picture of a badly interleaved file
/// and for the blocks that are read ahead.
const BLOCKS_MAX: usize = 8;

/// Blocks that may wait to be fetched ahead: only the latest guess is worth anything.
const AHEAD_MAX: usize = 1;

/// A source read through blocks.
pub(crate) struct Fetched {
    shared: Arc<Shared>,
    ahead: SyncSender<u64>,
}

struct Shared {
    source: Arc<dyn ReadAt>,
    state: Mutex<State>,
    /// Told when a block has come, or will not.
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    kept: BTreeMap<u64, (u64, Arc<Vec<u8>>)>,
    in_flight: BTreeSet<u64>,
    uses: u64,
    last: Option<u64>,
}

impl Fetched {
    /// Reads `source` through blocks, with a thread of its own that fetches ahead.
    ///
    /// # Errors
    /// Where no thread can be had.
    pub(crate) fn new(source: Arc<dyn ReadAt>, lease: LeaseId) -> io::Result<Self> {
        let shared = Arc::new(Shared { source, state: Mutex::default(), arrived: Condvar::new() });
        let (ahead, wanted) = sync_channel(AHEAD_MAX);
        let fetcher = Arc::clone(&shared);
        std::thread::Builder::new()
            .name(format!("fetch-{lease}"))
            .spawn(move || fetcher.fetch_ahead(&wanted))?;
        Ok(Self { shared, ahead })
    }
}

impl ReadAt for Fetched {
    fn size(&self) -> u64 {
        self.shared.source.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if offset >= self.size() || buffer.is_empty() {
            return Ok(0);
        }
        let index = offset / BLOCK_BYTES;
        if let Some(next) = self.shared.guess(index) {
            // A full queue holds a guess already.
            self.ahead.try_send(next).ok();
        }
        let block = self.shared.block(index)?;
        let within = usize::try_from(offset % BLOCK_BYTES).map_err(io::Error::other)?;
        let piece = block.get(within..).unwrap_or_default();
        let count = piece.len().min(buffer.len());
        buffer[..count].copy_from_slice(&piece[..count]);
        Ok(count)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The block to fetch ahead, where a reader that is at `index` moves forward.
    fn guess(&self, index: u64) -> Option<u64> {
        let mut state = self.lock();
        let forward = state.last.is_none_or(|last| last == index || last + 1 == index);
        state.last = Some(index);
        let next = index + 1;
        let known = state.kept.contains_key(&next) || state.in_flight.contains(&next);
        let inside = next * BLOCK_BYTES < self.source.size();
        (forward && inside && !known).then_some(next)
    }

    /// The block at `index`: kept, under way, or fetched here.
    fn block(&self, index: u64) -> io::Result<Arc<Vec<u8>>> {
        let mut state = self.lock();
        loop {
            state.uses += 1;
            let uses = state.uses;
            if let Some((used, block)) = state.kept.get_mut(&index) {
                *used = uses;
                return Ok(Arc::clone(block));
            }
            if state.in_flight.insert(index) {
                break;
            }
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        let read = self.read_block(index);
        let mut state = self.lock();
        state.in_flight.remove(&index);
        if let Ok(block) = &read {
            state.keep(index, block);
        }
        drop(state);
        self.arrived.notify_all();
        read
    }

    fn read_block(&self, index: u64) -> io::Result<Arc<Vec<u8>>> {
        let start = index * BLOCK_BYTES;
        let bytes = BLOCK_BYTES.min(self.source.size().saturating_sub(start));
        let mut block = vec![0; usize::try_from(bytes).map_err(io::Error::other)?];
        let mut at = 0;
        while at < block.len() {
            match self.source.read_at(start + at as u64, &mut block[at..])? {
                0 => break,
                read => at += read,
            }
        }
        block.truncate(at);
        Ok(Arc::new(block))
    }

    fn fetch_ahead(&self, wanted: &Receiver<u64>) {
        while let Ok(index) = wanted.recv() {
            let known = {
                let state = self.lock();
                state.kept.contains_key(&index) || state.in_flight.contains(&index)
            };
            // A block that does not come is asked for again by the reader, who hears why not.
            if !known {
                self.block(index).ok();
            }
        }
    }
}

impl State {
    fn keep(&mut self, index: u64, block: &Arc<Vec<u8>>) {
        self.uses += 1;
        self.kept.insert(index, (self.uses, Arc::clone(block)));
        while self.kept.len() > BLOCKS_MAX {
            let oldest = self.kept.iter().min_by_key(|(_, (used, _))| *used).map(|(at, _)| *at);
            let Some(oldest) = oldest else { break };
            self.kept.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct Counted {
        bytes: Vec<u8>,
        reads: AtomicUsize,
        fails: bool,
    }

    impl ReadAt for Counted {
        fn size(&self) -> u64 {
            self.bytes.len() as u64
        }

        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
            self.reads.fetch_add(1, Ordering::Relaxed);
            if self.fails {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            let rest = &self.bytes[usize::try_from(offset).map_err(io::Error::other)?..];
            let count = rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        }
    }

    fn counted(size: usize, fails: bool) -> Arc<Counted> {
        let bytes = (0..size).map(|at| u8::try_from(at * 31 % 251).unwrap()).collect();
        Arc::new(Counted { bytes, reads: AtomicUsize::new(0), fails })
    }

    #[test]
    fn small_reads_of_a_block_are_one_read_of_the_source() {
        let source = counted(3 * (1 << 20) + 77, false);
        let as_source: Arc<dyn ReadAt> = Arc::<Counted>::clone(&source);
        let fetched = Fetched::new(as_source, LeaseId(1)).unwrap();
        let mut all = Vec::new();
        let mut buffer = vec![0; 100_000];
        while let Ok(count @ 1..) = fetched.read_at(all.len() as u64, &mut buffer) {
            all.extend_from_slice(&buffer[..count]);
        }
        assert_eq!(all, source.bytes);
        assert_eq!(source.reads.load(Ordering::Relaxed), 4, "one for each block");
    }

    #[test]
    fn a_read_that_fails_is_told_and_can_be_tried_again() {
        let source = counted(1 << 20, true);
        let as_source: Arc<dyn ReadAt> = Arc::<Counted>::clone(&source);
        let fetched = Fetched::new(as_source, LeaseId(1)).unwrap();
        for _ in 0..2 {
            let error = fetched.read_at(5, &mut [0; 10]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        }
    }

    #[test]
    fn a_reader_that_jumps_about_holds_no_more_than_its_blocks() {
        let source = counted(40 << 20, false);
        let fetched = Fetched::new(source, LeaseId(1)).unwrap();
        for at in (0..40_u64).rev() {
            let mut one = [0];
            assert_eq!(fetched.read_at(at << 20, &mut one).unwrap(), 1);
        }
        assert!(fetched.shared.lock().kept.len() <= BLOCKS_MAX);
    }
}
