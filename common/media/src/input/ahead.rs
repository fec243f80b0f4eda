//! Reads a source in blocks, for whoever asks for a little here and a little further on.
//!
//! Owns one block. Reads no more than it is asked for where what is wanted lies far apart.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use cleanplate_types::access::ReadAt;

/// Bytes of a block at most: a request to a bucket costs as much time as the bytes of one.
const BLOCK_BYTES: usize = 1 << 20;
/// Bytes that are passed over without calling what is wanted far apart.
const NEAR_BYTES: u64 = 32 << 10;

/// A source that is read in blocks.
pub(crate) struct Ahead {
    source: Arc<dyn ReadAt>,
    block: Mutex<Block>,
}

#[derive(Debug, Default)]
struct Block {
    start: u64,
    bytes: Vec<u8>,
    /// Bytes that were asked for when it was read.
    asked: usize,
}

impl Ahead {
    pub(crate) fn new(source: Arc<dyn ReadAt>) -> Self {
        Self { source, block: Mutex::default() }
    }
}

impl Block {
    /// Bytes to read for `asked` ones at `offset`: twice the last block where they follow close behind it.
    fn next(&self, offset: u64, asked: usize) -> usize {
        let end = self.start + self.bytes.len() as u64;
        let is_near = offset.checked_sub(end).is_some_and(|gap| gap <= NEAR_BYTES);
        if is_near { (2 * self.asked).clamp(asked, BLOCK_BYTES) } else { asked }
    }

    /// What it holds from `offset` on.
    fn from(&self, offset: u64) -> Option<&[u8]> {
        let at = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        self.bytes.get(at..).filter(|rest| !rest.is_empty())
    }
}

impl ReadAt for Ahead {
    fn size(&self) -> u64 {
        self.source.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.len() >= BLOCK_BYTES {
            return self.source.read_at(offset, buffer);
        }
        let mut block = self.block.lock().unwrap_or_else(PoisonError::into_inner);
        if block.from(offset).is_none() {
            let asked = block.next(offset, buffer.len());
            let mut bytes = std::mem::take(&mut block.bytes);
            bytes.resize(asked, 0);
            let read = self.source.read_at(offset, &mut bytes)?;
            bytes.truncate(read);
            *block = Block { start: offset, bytes, asked };
        }
        let Some(rest) = block.from(offset) else { return Ok(0) };
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Debug)]
    struct Counted(Vec<u8>, AtomicUsize);

    impl ReadAt for Counted {
        fn size(&self) -> u64 {
            self.0.len() as u64
        }

        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
            self.1.fetch_add(1, Ordering::Relaxed);
            let rest = usize::try_from(offset).ok().and_then(|at| self.0.get(at..)).unwrap_or(&[]);
            let count = rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        }
    }

    /// Counts the bytes that are read of a large source.
    #[derive(Debug)]
    struct Read(AtomicUsize);

    impl ReadAt for Read {
        fn size(&self) -> u64 {
            1 << 30
        }

        fn read_at(&self, _offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.fetch_add(buffer.len(), Ordering::Relaxed);
            Ok(buffer.len())
        }
    }

    #[test]
    fn a_source_reads_the_same_in_blocks_and_is_asked_seldom() {
        let byte = |at: u32| u8::try_from((at * 7 + at / 251) % 256).unwrap();
        let bytes: Vec<u8> = (0..3_000_000).map(byte).collect();
        let source = Arc::new(Counted(bytes.clone(), AtomicUsize::new(0)));
        let ahead = Ahead::new(Arc::clone(&source) as Arc<dyn ReadAt>);
        let mut at = 0;
        let mut buffer = [0; 5000];
        while at < bytes.len() {
            let count = ahead.read_at(at as u64, &mut buffer).unwrap();
            assert!(count > 0 && buffer[..count] == bytes[at..at + count], "at {at}");
            at += count + 1000;
        }
        let asked = source.1.load(Ordering::Relaxed);
        assert!((3..12).contains(&asked), "{asked}");
        assert_eq!(ahead.read_at(bytes.len() as u64, &mut buffer).unwrap(), 0);
        assert!(ahead.read_at(17, &mut buffer).unwrap() > 0, "it may go back");
        assert_eq!(buffer[0], bytes[17]);
    }

    #[test]
    fn what_lies_far_apart_is_read_and_no_more() {
        let source = Arc::new(Read(AtomicUsize::new(0)));
        let ahead = Ahead::new(Arc::clone(&source) as Arc<dyn ReadAt>);
        for place in 0..20 {
            ahead.read_at(place * 500_000, &mut [0; 1000]).unwrap();
        }
        assert_eq!(source.0.load(Ordering::Relaxed), 20 * 1000);
    }
}
