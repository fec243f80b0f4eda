//! Reads a movie of boxes from its index, once that is complete.
//!
//! Owns a skeleton of the movie: its head and what comes behind the media. The media between is taken for
//! granted (zeros stand in for it): what is checked is that the index speaks of it rightly. Packets must
//! lie inside the media, none over another.

use std::io::{self, Read, Seek, SeekFrom};
use std::time::Instant;

use cleanplate_types::access::{HEAD_BYTES, PartSink, Stored};
use ffmpeg_next as libav;
use libav::format::context::StreamIo;

use super::{Mismatch, Witness, ffi};
use crate::error::Words;

/// Bytes that the demuxer asks for at a time.
const BUFFER_BYTES: usize = 128 << 10;

/// A sink that keeps a skeleton of what is written.
pub(super) struct Watched {
    inner: Box<dyn PartSink>,
    witness: Witness,
    skeleton: Skeleton,
    head: u64,
}

/// See the top of the file.
#[derive(Debug, Default)]
struct Skeleton {
    head: Vec<u8>,
    /// Where the part behind the media begins: where the muxer went on after it had gone back.
    tail_from: Option<u64>,
    tail: Vec<u8>,
    end: u64,
}

impl Watched {
    pub(super) fn new(inner: Box<dyn PartSink>, witness: Witness) -> Self {
        Self { inner, witness, skeleton: Skeleton::default(), head: HEAD_BYTES }
    }
}

impl PartSink for Watched {
    fn keep_head(&mut self, bytes: u64) -> io::Result<()> {
        self.inner.keep_head(bytes)?;
        self.head = bytes.max(HEAD_BYTES);
        Ok(())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.inner.write_at(offset, bytes)?;
        let began = Instant::now();
        self.skeleton.take(offset, bytes, self.head);
        self.witness.spend(began.elapsed());
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<Stored> {
        let Self { inner, witness, skeleton, .. } = *self;
        check(skeleton, &witness);
        match witness.mismatch() {
            Some(mismatch) => Err(io::Error::other(mismatch)),
            None => inner.finish(),
        }
    }
}

impl Skeleton {
    fn take(&mut self, offset: u64, bytes: &[u8], head: u64) {
        if offset < self.end && self.tail_from.is_none() {
            self.tail_from = Some(self.end);
        }
        let room = usize::try_from(head.saturating_sub(offset)).unwrap_or(usize::MAX);
        let kept = &bytes[..bytes.len().min(room)];
        put(&mut self.head, usize::try_from(offset).ok(), kept);
        if let Some(from) = self.tail_from.filter(|from| *from <= offset) {
            put(&mut self.tail, usize::try_from(offset - from).ok(), bytes);
        }
        self.end = self.end.max(offset + bytes.len() as u64);
    }

    /// What is there at `offset`, and whether it is known.
    fn at(&self, offset: u64) -> Piece<'_> {
        let in_head = usize::try_from(offset).ok().and_then(|offset| self.head.get(offset..));
        if let Some(rest) = in_head.filter(|rest| !rest.is_empty()) {
            return Piece::Known(rest);
        }
        let from = self.tail_from.unwrap_or(self.end);
        match offset.checked_sub(from) {
            None => Piece::Media(from - offset),
            Some(place) => {
                let place = usize::try_from(place).unwrap_or(usize::MAX);
                Piece::Known(self.tail.get(place..).unwrap_or_default())
            }
        }
    }
}

enum Piece<'a> {
    Known(&'a [u8]),
    /// So many bytes of media.
    Media(u64),
}

fn put(kept: &mut Vec<u8>, at: Option<usize>, bytes: &[u8]) {
    let Some(at) = at.filter(|at| !bytes.is_empty() && *at <= kept.len()) else { return };
    let over = bytes.len().min(kept.len() - at);
    kept[at..at + over].copy_from_slice(&bytes[..over]);
    kept.extend_from_slice(&bytes[over..]);
}

/// The skeleton as libav reads it.
struct Reading {
    skeleton: Skeleton,
    position: u64,
}

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match self.skeleton.at(self.position) {
            Piece::Known(rest) => {
                let count = rest.len().min(buffer.len());
                buffer[..count].copy_from_slice(&rest[..count]);
                count
            }
            Piece::Media(left) => {
                let count = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
                buffer[..count].fill(0);
                count
            }
        };
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

/// Reads the index and compares.
fn check(skeleton: Skeleton, witness: &Witness) {
    let media = media_of(&skeleton);
    let mut places: Vec<(u64, u64)> = Vec::new();
    let began = Instant::now();
    let read = || -> Result<(), libav::Error> {
        let reading = Reading { skeleton, position: 0 };
        let io = StreamIo::from_read_seek_with_capacity(reading, BUFFER_BYTES)?;
        let mut movie = ffi::open(io, "mov")?;
        witness.state().ledger.settle(ffi::carrying(&movie));
        ffi::each_packet(&mut movie, |found| {
            places.extend(found.place());
            // The time is taken around all of it.
            found.enter(&mut witness.state().ledger);
        })
    };
    let wrong = match read() {
        Err(error) => Some(Mismatch::new(format!("it cannot be read back: {}", Words::of(error)))),
        Ok(()) => tiles(places, media),
    };
    let mut state = witness.state();
    if let Some(wrong) = wrong {
        state.ledger.refuse(wrong);
    }
    state.ledger.end();
    state.spent += began.elapsed();
}

/// Where the media begins and ends: the box that holds it.
fn media_of(skeleton: &Skeleton) -> Option<(u64, u64)> {
    let mut at = 0;
    while at < skeleton.end {
        let Piece::Known(head) = skeleton.at(at) else { return None };
        let (short, name) = (head.get(..4)?, head.get(4..8)?);
        let (size, header) = match u32::from_be_bytes(short.try_into().ok()?) {
            0 => (skeleton.end - at, 8),
            1 => (u64::from_be_bytes(head.get(8..16)?.try_into().ok()?), 16),
            size => (u64::from(size), 8),
        };
        if size < header {
            return None;
        }
        if name == b"mdat" {
            return Some((at + header, at + size));
        }
        at += size;
    }
    None
}

/// What is wrong with where packets lie: inside the media, none over another. Gaps may be: chapters and the
/// empty ends of texts have samples there that no packet shows.
fn tiles(mut places: Vec<(u64, u64)>, media: Option<(u64, u64)>) -> Option<Mismatch> {
    let Some((from, to)) = media else { return Some(Mismatch::new("it has no media")) };
    // Packets outside the media are those of boxes of their own, such as a cover picture.
    places.retain(|(at, _)| (from..to).contains(at));
    places.sort_unstable();
    let mut at = from;
    for (place, bytes) in places {
        if place < at {
            return Some(Mismatch::new(format!("packets overlap at byte {place}")));
        }
        at = place + bytes;
    }
    (at > to).then(|| Mismatch::new(format!("packets reach {} bytes beyond the media", at - to)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skeleton_keeps_the_head_and_what_is_behind_the_media() {
        let mut skeleton = Skeleton::default();
        skeleton.take(0, &[1; 30], 40);
        skeleton.take(30, &[2; 70], 40);
        skeleton.take(8, &[3; 4], 40);
        skeleton.take(100, &[4; 10], 40);
        let mut reading = Reading { skeleton, position: 0 };
        let mut all = Vec::new();
        reading.read_to_end(&mut all).unwrap();
        let expected = [&[1; 8][..], &[3; 4], &[1; 18], &[2; 10], &[0; 60], &[4; 10]].concat();
        assert_eq!(all, expected);
        assert_eq!(reading.skeleton.head.len() + reading.skeleton.tail.len(), 50);
    }

    #[test]
    fn packets_lie_inside_the_media_without_overlap() {
        let media = Some((10, 40));
        assert_eq!(tiles(vec![(30, 10), (10, 20), (90, 5)], media), None);
        assert_eq!(tiles(vec![(10, 20), (32, 8)], media), None);
        let said = |places| tiles(places, media).unwrap().detail;
        assert!(said(vec![(10, 20), (32, 9)]).contains("1 bytes beyond"));
        assert!(said(vec![(10, 20), (29, 11)]).contains("overlap at byte 29"));
        assert!(tiles(Vec::new(), None).is_some());
    }
}
