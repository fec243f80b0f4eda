//! Finds the time tables of one track among the boxes of an MP4, over positioned reads.
//!
//! Owns the walk and its bounds: no box is longer than what holds it, and no more memory is asked for than
//! a table has bytes. Refuses files whose media is not all spoken of by one index.

use std::io;
use std::ops::Range;

use cleanplate_types::access::ReadAt;

use super::flat::Flat;
use super::times::Times;
use super::{Stop, doubt};
use crate::error::MediaError;

/// Boxes that stand side by side, at most: an end for files that are made to have none.
const SIBLINGS_MAX: usize = 10_000;

/// Sample entries whose samples may be put together from those of other tracks.
const EXTRACTED: &[&[u8; 4]] = &[b"avc2", b"avc4", b"hvc2", b"hev2"];

/// A box: its name, all of its bytes, and those of its contents.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) name: [u8; 4],
    pub(super) whole: Range<u64>,
    pub(super) body: Range<u64>,
}

impl Found {
    pub(super) fn name(&self) -> String {
        String::from_utf8_lossy(&self.name).into_owned()
    }
}

/// The times of the samples of track `id`.
pub(super) fn times_of(source: &dyn ReadAt, id: u32) -> Result<Times<'_>, Stop> {
    let outer = inside(source, 0..source.size())?;
    let moov = one(&outer, *b"moov")?;
    let within = inside(source, moov.body.clone())?;
    let is_fragmented = within.iter().any(|found| &found.name == b"mvex")
        || outer.iter().any(|found| &found.name == b"moof");
    if is_fragmented {
        return doubt("it is fragmented: its index does not speak of all its media");
    }
    for track in within.iter().filter(|found| &found.name == b"trak") {
        let parts = inside(source, track.body.clone())?;
        if track_id(source, &parts)? == id {
            return times_in(source, &parts);
        }
    }
    doubt(format!("its index has no track {id}"))
}

/// The number of the track that is made of `parts`.
pub(super) fn track_id(source: &dyn ReadAt, parts: &[Found]) -> Result<u32, Stop> {
    let head = &one(parts, *b"tkhd")?.body;
    // The times before it are of 64 bits from version 1 on.
    let [version] = exactly(source, head.start)?;
    let at = head.start + if version == 0 { 12 } else { 20 };
    if at + 4 > head.end {
        return doubt("a tkhd of its index ends early");
    }
    Ok(u32::from_be_bytes(exactly(source, at)?))
}

/// The tables of the track that is made of `parts`.
pub(super) fn tables_of(source: &dyn ReadAt, parts: &[Found]) -> Result<Vec<Found>, Stop> {
    let media = inside(source, one(parts, *b"mdia")?.body.clone())?;
    let information = inside(source, one(&media, *b"minf")?.body.clone())?;
    inside(source, one(&information, *b"stbl")?.body.clone())
}

fn times_in<'a>(source: &'a dyn ReadAt, track: &[Found]) -> Result<Times<'a>, Stop> {
    let tables = tables_of(source, track)?;
    check_description(source, &one(&tables, *b"stsd")?.body)?;
    let steps = Flat::open(source, one(&tables, *b"stts")?, 0)?;
    let offsets = match tables.iter().filter(|found| &found.name == b"ctts").count() {
        0 => None,
        _ => {
            let found = one(&tables, *b"ctts")?;
            let [version] = exactly(source, found.body.start)?;
            Some((Flat::open(source, found, 0)?, version != 0))
        }
    };
    Times::of(source, steps, offsets)
}

/// Insists on one sample description, of samples that are whole in themselves.
fn check_description(source: &dyn ReadAt, body: &Range<u64>) -> Result<(), Stop> {
    if body.end - body.start < 16 {
        return doubt("it has no sample description");
    }
    let [_, _, _, _, count @ ..] = head(source, body.start)?;
    let count = u32::from_be_bytes(count);
    if count != 1 {
        return doubt(format!("it has {count} sample descriptions"));
    }
    let [_, _, _, _, name @ ..] = head(source, body.start + 8)?;
    if EXTRACTED.contains(&&name) {
        let name = String::from_utf8_lossy(&name);
        return doubt(format!("samples of {name} may be put together from other tracks"));
    }
    Ok(())
}

/// The only box of a name.
pub(super) fn one(boxes: &[Found], name: [u8; 4]) -> Result<&Found, Stop> {
    let mut named = boxes.iter().filter(|found| found.name == name);
    match (named.next(), named.next()) {
        (Some(found), None) => Ok(found),
        (found, _) => {
            let many = if found.is_some() { "more than one" } else { "no" };
            doubt(format!("its index has {many} {}", String::from_utf8_lossy(&name)))
        }
    }
}

/// The boxes side by side in `range`.
pub(super) fn inside(source: &dyn ReadAt, range: Range<u64>) -> Result<Vec<Found>, Stop> {
    let mut boxes = Vec::new();
    let mut at = range.start;
    while range.end.saturating_sub(at) >= 8 {
        if boxes.len() == SIBLINGS_MAX {
            return doubt("its index has too many boxes");
        }
        let Some(found) = found_at(source, at, range.end)? else {
            return doubt(format!("the box at byte {at} makes no sense"));
        };
        at = found.whole.end;
        boxes.push(found);
    }
    Ok(boxes)
}

/// The box at byte `at`, which must end by `end`.
pub(super) fn found_at(source: &dyn ReadAt, at: u64, end: u64) -> Result<Option<Found>, Stop> {
    let [a, b, c, d, name @ ..] = head(source, at)?;
    let (header, bytes) = match u32::from_be_bytes([a, b, c, d]) {
        0 => (8, end - at),
        1 => (16, u64::from_be_bytes(head(source, at + 8)?)),
        bytes => (8, u64::from(bytes)),
    };
    let after = at.checked_add(bytes).filter(|after| bytes >= header && *after <= end);
    Ok(after.map(|after| Found { name, whole: at..after, body: at + header..after }))
}

fn head(source: &dyn ReadAt, at: u64) -> Result<[u8; 8], Stop> {
    exactly(source, at)
}

/// The `N` bytes from `at` on; they must all be there.
pub(super) fn exactly<const N: usize>(source: &dyn ReadAt, at: u64) -> Result<[u8; N], Stop> {
    let mut bytes = [0; N];
    let mut filled = 0;
    while filled < N {
        match source.read_at(at + filled as u64, &mut bytes[filled..]) {
            Ok(0) => return doubt("its index ends early"),
            Ok(more) => filled += more,
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(bytes)
}

pub(super) fn failed(error: io::Error) -> Stop {
    Stop::Error(MediaError::Read(error))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::index) struct Bytes(pub(in crate::index) Vec<u8>);

    impl ReadAt for Bytes {
        fn size(&self) -> u64 {
            self.0.len() as u64
        }

        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
            let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
            let count = buffer.len().min(self.0.len() - offset);
            buffer[..count].copy_from_slice(&self.0[offset..offset + count]);
            Ok(count)
        }
    }

    pub(in crate::index) fn boxed(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(body.len() + 8).unwrap();
        [&size.to_be_bytes()[..], name, body].concat()
    }

    fn why(bytes: Vec<u8>) -> String {
        match times_of(&Bytes(bytes), 1) {
            Err(Stop::Doubt(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn hostile_sizes_are_doubts_and_ask_for_no_memory() {
        let endless = [&u32::MAX.to_be_bytes()[..], b"moov", &[0; 16]].concat();
        assert!(why(endless).contains("makes no sense"));
        let large = [&1_u32.to_be_bytes()[..], b"moov", &u64::MAX.to_be_bytes(), &[0; 16]].concat();
        assert!(why(large).contains("makes no sense"));
        let shorter = [&3_u32.to_be_bytes()[..], b"moov", &[0; 16]].concat();
        assert!(why(shorter).contains("makes no sense"));
        assert!(why(boxed(b"ftyp", &[])).contains("no moov"));
        assert!(why(boxed(b"moov", &boxed(b"mvex", &[]))).contains("fragmented"));
        assert!(why(boxed(b"free", &[]).repeat(SIBLINGS_MAX + 1)).contains("too many"));
    }
}
