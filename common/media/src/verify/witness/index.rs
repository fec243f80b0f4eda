//! Reads a movie of boxes from its index, once that is complete.
//!
//! Owns the comparison. The media is taken for granted (zeros stand in for it, see [`Skeleton`]): what is
//! checked is that the index speaks of it rightly. Packets must
//! lie inside the media and without overlap ([`Tiles`]).

use std::io;
use std::time::Instant;

use cleanplate_types::access::{HEAD_BYTES, PartSink, Stored};
use ffmpeg_next as libav;
use libav::format::context::StreamIo;

use super::skeleton::{Reading, Skeleton};
use super::tiles::Tiles;
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
        let before_media = self.witness.state().before_media;
        self.skeleton.take(offset, bytes, before_media.unwrap_or(self.head));
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

/// Reads the index and compares.
fn check(skeleton: Skeleton, witness: &Witness) {
    let mut tiles = media_of(&skeleton).map(Tiles::of);
    let began = Instant::now();
    let read = || -> Result<(), libav::Error> {
        let reading = Reading::of(skeleton);
        let io = StreamIo::from_read_seek_with_capacity(reading, BUFFER_BYTES)?;
        let mut movie = ffi::open(io, "mov")?;
        witness.state().ledger.settle(ffi::carrying(&movie));
        ffi::each_packet(&mut movie, |found| {
            if let (Some(tiles), Some(place)) = (&mut tiles, found.place()) {
                tiles.lay(place);
            }
            // The time is taken around all of it.
            found.enter(&mut witness.state().ledger);
        })
    };
    let wrong = match read() {
        Err(error) => Some(Mismatch::new(format!("it cannot be read back: {}", Words::of(error)))),
        Ok(()) => {
            tiles.map_or_else(|| Some(Mismatch::new("it has no media")), |tiles| tiles.wrong())
        }
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
    while at < skeleton.end() {
        let mut head = [0; 16];
        let there = skeleton.copy(at, &mut head);
        let [a, b, c, d, name @ .., _, _, _, _, _, _, _, _] = head;
        let (size, header) = match u32::from_be_bytes([a, b, c, d]) {
            0 => (skeleton.end() - at, 8),
            1 => {
                let [_, _, _, _, _, _, _, _, long @ ..] = head;
                (u64::from_be_bytes(long), 16)
            }
            size => (u64::from(size), 8),
        };
        if (there as u64) < header || size < header {
            return None;
        }
        if &name == b"mdat" {
            return Some((at + header, at + size));
        }
        at += size;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A skeleton of a box that is empty and one of media, whose head is `short` or not.
    fn skeleton(empty: u32, short: bool) -> Skeleton {
        let media = 50_u64;
        let head = if short {
            [&58_u32.to_be_bytes()[..], b"mdat"].concat()
        } else {
            [&1_u32.to_be_bytes()[..], b"mdat", &(16 + media).to_be_bytes()].concat()
        };
        let mut bytes = [&empty.to_be_bytes()[..], b"free"].concat();
        bytes.resize(usize::try_from(empty).unwrap(), 0);
        bytes.extend(head);
        let mut skeleton = Skeleton::default();
        skeleton.take(0, &bytes, u64::MAX);
        skeleton.take(bytes.len() as u64, &[7; 50], 0);
        skeleton
    }

    #[test]
    fn media_is_found_wherever_its_head_lies() {
        // Heads across the ends of the blocks in which the skeleton is kept, too.
        for empty in [8, 100, 65_520, 65_521, 65_528, 65_533, 65_536, 200_000] {
            for (short, header) in [(true, 8), (false, 16)] {
                let from = u64::from(empty) + header;
                assert_eq!(media_of(&skeleton(empty, short)), Some((from, from + 50)), "{empty}");
            }
        }
        assert_eq!(media_of(&Skeleton::default()), None);
    }
}
