//! The flat tables of an MP4's index (`stts`, `ctts`, `stsc`, `stsz`, `stco`, `co64`), read in pieces.
//!
//! Owns the one rule that these boxes share: a head, a count, then so many records of one width. Holds no
//! more than a piece of one at a time, however long the movie is. Refuses a count that its box cannot hold.
//! (`mp4-atom` decodes a box as a whole, at 16 bytes a record and growing by doubling.)

use std::cell::RefCell;
use std::io;

use cleanplate_types::access::ReadAt;

use super::boxes::{Found, failed};
use super::{Stop, doubt};

/// Bytes of a table that are held at a time.
const PIECE_BYTES: usize = 64 << 10;

/// A table of records of `W` bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flat<const W: usize> {
    /// Where the count stands in the file.
    pub(super) count_at: u64,
    /// Number of records.
    pub(super) count: u32,
    first: u64,
}

/// Where reading ended before its time: an iterator of records has no place for an error.
pub(super) type Ended = RefCell<Option<Stop>>;

impl<const W: usize> Flat<W> {
    /// The table in `found`, whose count stands `before` bytes behind the box's version.
    pub(super) fn open(source: &dyn ReadAt, found: &Found, before: u64) -> Result<Self, Stop> {
        let count_at = found.body.start + 4 + before;
        let first = count_at + 4;
        if first > found.body.end {
            return doubt(format!("its {} ends in its head", found.name()));
        }
        let count = u32::from_be_bytes(super::boxes::exactly(source, count_at)?);
        if u64::from(count) * W as u64 > found.body.end - first {
            return doubt(format!("its {} makes no sense: it is too short", found.name()));
        }
        Ok(Self { count_at, count, first })
    }

    /// Its records in order. Where they cannot be read they end, and `ended` says why.
    pub(super) fn rows<'a>(
        &self,
        source: &'a dyn ReadAt,
        ended: &'a Ended,
    ) -> impl Iterator<Item = [u8; W]> + use<'a, W> {
        Rows { source, ended, at: self.first, left: self.count, piece: Vec::new(), place: 0 }
    }
}

struct Rows<'a, const W: usize> {
    source: &'a dyn ReadAt,
    ended: &'a Ended,
    /// Where the next piece begins.
    at: u64,
    /// Records that have not been handed out.
    left: u32,
    piece: Vec<u8>,
    place: usize,
}

impl<const W: usize> Rows<'_, W> {
    fn next_piece(&mut self) -> io::Result<()> {
        let records = (self.left as usize).min(PIECE_BYTES / W);
        self.piece.resize(records * W, 0);
        let mut filled = 0;
        while filled < self.piece.len() {
            match self.source.read_at(self.at + filled as u64, &mut self.piece[filled..])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                more => filled += more,
            }
        }
        self.at += filled as u64;
        self.place = 0;
        Ok(())
    }
}

impl<const W: usize> Iterator for Rows<'_, W> {
    type Item = [u8; W];

    fn next(&mut self) -> Option<[u8; W]> {
        if self.left == 0 {
            return None;
        }
        if self.place == self.piece.len()
            && let Err(error) = self.next_piece()
        {
            self.left = 0;
            self.ended.borrow_mut().get_or_insert(failed(error));
            return None;
        }
        let row = self.piece.get(self.place..)?.first_chunk::<W>()?;
        self.place += W;
        self.left -= 1;
        Some(*row)
    }
}

/// Two numbers of 32 bits.
pub(super) const fn pair([a, b, c, d, rest @ ..]: [u8; 8]) -> (u32, u32) {
    (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes(rest))
}

#[cfg(test)]
mod tests {
    use super::super::boxes::tests::{Bytes, boxed};
    use super::*;

    fn found(bytes: &Bytes) -> Found {
        super::super::boxes::inside(bytes, 0..bytes.size()).ok().unwrap().remove(0)
    }

    #[test]
    fn a_table_longer_than_a_piece_comes_whole_and_in_order() {
        let count = u32::try_from(PIECE_BYTES / 8 * 3 + 5).unwrap();
        let rows = (0..count).flat_map(|row| [row.to_be_bytes(), (row * 3).to_be_bytes()].concat());
        let body = [vec![0; 4], count.to_be_bytes().to_vec(), rows.collect()].concat();
        let bytes = Bytes(boxed(b"stts", &body));
        let table = Flat::<8>::open(&bytes, &found(&bytes), 0).ok().unwrap();
        let ended = Ended::default();
        let rows: Vec<_> = table.rows(&bytes, &ended).map(pair).collect();
        assert!(ended.borrow().is_none());
        assert_eq!(rows, (0..count).map(|row| (row, row * 3)).collect::<Vec<_>>());
    }

    #[test]
    fn a_table_that_promises_more_than_it_has_is_a_doubt() {
        let promise = [&[0; 4][..], &u32::MAX.to_be_bytes(), &[0; 8]].concat();
        let bytes = Bytes(boxed(b"stts", &promise));
        let Err(Stop::Doubt(why)) = Flat::<8>::open(&bytes, &found(&bytes), 0) else {
            panic!("it is taken")
        };
        assert!(why.contains("stts makes no sense"), "{why}");
    }

    #[test]
    fn rows_that_do_not_arrive_are_told_of() {
        struct Short(Bytes);
        impl ReadAt for Short {
            fn size(&self) -> u64 {
                self.0.size()
            }
            fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
                if offset > 8 {
                    Err(io::ErrorKind::TimedOut.into())
                } else {
                    self.0.read_at(offset, buffer)
                }
            }
        }
        let body = [&[0; 4][..], &2_u32.to_be_bytes(), &[0; 16]].concat();
        let whole = Bytes(boxed(b"stts", &body));
        let table = Flat::<8>::open(&whole, &found(&whole), 0).ok().unwrap();
        let ended = Ended::default();
        assert_eq!(table.rows(&Short(whole), &ended).count(), 0);
        assert!(matches!(*ended.borrow(), Some(Stop::Error(_))));
    }
}
