//! A movie without its media: its head, and what comes behind the media.
//!
//! Owns what is kept of the bytes that go by, and the movie as a demuxer reads it: zeros stand in for the
//! media. Keeps no zeros either: the room for the index of a long movie is tens of megabytes of them until
//! the very end.

use std::io::{self, Read, Seek, SeekFrom};

/// Bytes that are kept or not kept together.
const BLOCK_BYTES: usize = 64 << 10;

/// See the top of the file.
#[derive(Debug, Default)]
pub(super) struct Skeleton {
    head: Kept,
    /// Where the part behind the media begins: where the muxer went on after it had gone back.
    tail_from: Option<u64>,
    tail: Kept,
    end: u64,
}

/// Bytes from a place on, without blocks of zeros.
#[derive(Debug, Default)]
struct Kept {
    blocks: Vec<Option<Box<[u8; BLOCK_BYTES]>>>,
    bytes: u64,
}

/// What there is at a place.
enum Piece<'a> {
    Known(&'a [u8]),
    /// So many bytes of media, or zeros.
    Zeros(u64),
}

impl Skeleton {
    /// Takes bytes that are written at `offset`; those of the first `head` are kept.
    pub(super) fn take(&mut self, offset: u64, bytes: &[u8], head: u64) {
        if offset < self.end && self.tail_from.is_none() {
            self.tail_from = Some(self.end);
        }
        let room = usize::try_from(head.saturating_sub(offset)).unwrap_or(usize::MAX);
        self.head.put(offset, &bytes[..bytes.len().min(room)]);
        if let Some(place) = self.tail_from.and_then(|from| offset.checked_sub(from)) {
            self.tail.put(place, bytes);
        }
        self.end = self.end.max(offset + bytes.len() as u64);
    }

    /// The size of the movie.
    pub(super) const fn end(&self) -> u64 {
        self.end
    }

    /// Copies what is there from `offset` on, and returns how much that is: less than asked for at the end.
    pub(super) fn copy(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let mut filled = 0;
        while filled < buffer.len() {
            let left = &mut buffer[filled..];
            let count = match self.at(offset + filled as u64) {
                Piece::Known(rest) => {
                    let count = rest.len().min(left.len());
                    left[..count].copy_from_slice(&rest[..count]);
                    count
                }
                Piece::Zeros(zeros) => {
                    let count = usize::try_from(zeros).unwrap_or(usize::MAX).min(left.len());
                    left[..count].fill(0);
                    count
                }
            };
            if count == 0 {
                break;
            }
            filled += count;
        }
        filled
    }

    /// What is there at `offset`, and whether it is known.
    fn at(&self, offset: u64) -> Piece<'_> {
        if offset < self.head.bytes {
            return self.head.at(offset);
        }
        let from = self.tail_from.unwrap_or(self.end);
        match offset.checked_sub(from) {
            None => Piece::Zeros(from - offset),
            Some(place) => self.tail.at(place),
        }
    }
}

impl Kept {
    /// Puts bytes at `at`, which lies in what is there or at its end.
    fn put(&mut self, at: u64, mut bytes: &[u8]) {
        if at > self.bytes {
            return;
        }
        let mut at = at;
        while !bytes.is_empty() {
            let (block, within) = place(at);
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK_BYTES - within));
            if block >= self.blocks.len() {
                self.blocks.push(None);
            }
            let kept = &mut self.blocks[block];
            if kept.is_some() || now.iter().any(|byte| *byte != 0) {
                let kept = kept.get_or_insert_with(|| Box::new([0; BLOCK_BYTES]));
                kept[within..within + now.len()].copy_from_slice(now);
            }
            at += now.len() as u64;
            bytes = later;
        }
        self.bytes = self.bytes.max(at);
    }

    fn at(&self, offset: u64) -> Piece<'_> {
        let (block, within) = place(offset);
        let left = self.bytes.saturating_sub(offset);
        let left = usize::try_from(left).unwrap_or(usize::MAX).min(BLOCK_BYTES - within);
        match self.blocks.get(block) {
            Some(Some(kept)) => Piece::Known(&kept[within..within + left]),
            Some(None) => Piece::Zeros(left as u64),
            None => Piece::Known(&[]),
        }
    }
}

/// Which block, and where in it.
fn place(at: u64) -> (usize, usize) {
    let at = usize::try_from(at).unwrap_or(usize::MAX);
    (at / BLOCK_BYTES, at % BLOCK_BYTES)
}

/// The skeleton as libav reads it.
#[derive(Debug)]
pub(super) struct Reading {
    skeleton: Skeleton,
    position: u64,
}

impl Reading {
    /// From the start.
    pub(super) const fn of(skeleton: Skeleton) -> Self {
        Self { skeleton, position: 0 }
    }
}

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.skeleton.copy(self.position, buffer);
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for Reading {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.skeleton.end.checked_add_signed(by),
        };
        self.position = place.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(kept: &Kept) -> usize {
        kept.blocks.iter().flatten().count()
    }

    #[test]
    fn the_head_and_what_is_behind_the_media_are_kept() {
        let mut skeleton = Skeleton::default();
        skeleton.take(0, &[1; 30], 40);
        skeleton.take(30, &[2; 70], 40);
        skeleton.take(8, &[3; 4], 40);
        skeleton.take(100, &[4; 10], 40);
        let mut reading = Reading::of(skeleton);
        let mut all = Vec::new();
        reading.read_to_end(&mut all).unwrap();
        let expected = [&[1; 8][..], &[3; 4], &[1; 18], &[2; 10], &[0; 60], &[4; 10]].concat();
        assert_eq!(all, expected);
        assert_eq!(reading.skeleton.head.bytes + reading.skeleton.tail.bytes, 50);
    }

    #[test]
    fn room_that_is_empty_takes_no_memory_until_something_is_put_there() {
        const HEAD: usize = 40 << 20;
        let mut skeleton = Skeleton::default();
        let mut expected = vec![0; HEAD + 1000];
        let mut write = |skeleton: &mut Skeleton, at: usize, bytes: &[u8]| {
            expected[at..][..bytes.len()].copy_from_slice(bytes);
            skeleton.take(at as u64, bytes, HEAD as u64);
        };
        write(&mut skeleton, 0, &[5; 40]);
        for piece in 0..639 {
            write(&mut skeleton, 40 + (piece << 16), &[0; 1 << 16]);
        }
        write(&mut skeleton, 40 + (639 << 16), &[7; (1 << 16) + 960]);
        assert!(kept(&skeleton.head) <= 3);
        // An index that crosses the blocks' ends.
        write(&mut skeleton, 40, &[9; 200_000]);
        assert!(kept(&skeleton.head) <= 6);
        let mut all = Vec::new();
        Reading::of(skeleton).read_to_end(&mut all).unwrap();
        expected[HEAD..].fill(0);
        assert!(all == expected);
    }
}
