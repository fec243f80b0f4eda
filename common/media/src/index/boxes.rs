//! Finds the time tables of one track among the boxes of an MP4, over positioned reads.
//!
//! Owns the walk and its bounds: no box is longer than what holds it, and no more memory is asked for than
//! a table has bytes. Refuses files whose media is not all spoken of by one index.

use std::io;
use std::ops::Range;

use cleanplate_types::access::ReadAt;
use mp4_atom::{Atom, Ctts, Decode as _, Stts, Tkhd};

use super::layout::Times;
use super::{Stop, doubt};
use crate::error::MediaError;

/// Boxes that stand side by side, at most: an end for files that are made to have none.
const SIBLINGS_MAX: usize = 10_000;

/// The largest table that is read, in bytes: the offsets of 10 hours at 60 frames a second, one by one, are
/// 17 MB.
const TABLE_BYTES_MAX: u64 = 128 << 20;

/// Sample entries whose samples may be put together from those of other tracks.
const EXTRACTED: &[&[u8; 4]] = &[b"avc2", b"avc4", b"hvc2", b"hev2"];

/// A box: its name, all of its bytes, and those of its contents.
struct Found {
    name: [u8; 4],
    whole: Range<u64>,
    body: Range<u64>,
}

/// The times of the samples of track `id`.
pub(super) fn times_of(source: &dyn ReadAt, id: u32) -> Result<Times, Stop> {
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
        let head: Tkhd = table(source, one(&parts, *b"tkhd")?)?;
        if head.track_id == id {
            return times_in(source, &parts);
        }
    }
    doubt(format!("its index has no track {id}"))
}

fn times_in(source: &dyn ReadAt, track: &[Found]) -> Result<Times, Stop> {
    let media = inside(source, one(track, *b"mdia")?.body.clone())?;
    let information = inside(source, one(&media, *b"minf")?.body.clone())?;
    let tables = inside(source, one(&information, *b"stbl")?.body.clone())?;
    check_description(source, &one(&tables, *b"stsd")?.body)?;
    let steps: Stts = table(source, one(&tables, *b"stts")?)?;
    let offsets = match tables.iter().filter(|found| &found.name == b"ctts").count() {
        0 => Vec::new(),
        _ => table::<Ctts>(source, one(&tables, *b"ctts")?)?.entries,
    };
    let times = Times { steps: steps.entries, offsets };
    times.check().map_err(Stop::Doubt)?;
    Ok(times)
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
fn one(boxes: &[Found], name: [u8; 4]) -> Result<&Found, Stop> {
    let mut named = boxes.iter().filter(|found| found.name == name);
    match (named.next(), named.next()) {
        (Some(found), None) => Ok(found),
        (found, _) => {
            let many = if found.is_some() { "more than one" } else { "no" };
            doubt(format!("its index has {many} {}", String::from_utf8_lossy(&name)))
        }
    }
}

/// Decodes a table.
fn table<T: Atom>(source: &dyn ReadAt, found: &Found) -> Result<T, Stop> {
    let bytes = found.whole.end - found.whole.start;
    if bytes > TABLE_BYTES_MAX {
        return doubt(format!("a table of its index has {bytes} bytes"));
    }
    let bytes = read(source, found.whole.start, usize::try_from(bytes).unwrap_or(0))?;
    T::decode(&mut bytes.as_slice()).or_else(|error| {
        let name = String::from_utf8_lossy(&found.name).into_owned();
        doubt(format!("its {name} makes no sense: {error}"))
    })
}

/// The boxes side by side in `range`.
fn inside(source: &dyn ReadAt, range: Range<u64>) -> Result<Vec<Found>, Stop> {
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
fn found_at(source: &dyn ReadAt, at: u64, end: u64) -> Result<Option<Found>, Stop> {
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
    let bytes = read(source, at, 8)?;
    bytes.try_into().or_else(|_other| doubt("a box ends in its head"))
}

/// Reads `count` bytes from `at` on; they must all be there.
fn read(source: &dyn ReadAt, at: u64, count: usize) -> Result<Vec<u8>, Stop> {
    let mut bytes = vec![0; count];
    let mut filled = 0;
    while filled < count {
        match source.read_at(at + filled as u64, &mut bytes[filled..]) {
            Ok(0) => return doubt("its index ends early"),
            Ok(more) => filled += more,
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(bytes)
}

fn failed(error: io::Error) -> Stop {
    Stop::Error(MediaError::Read(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bytes(Vec<u8>);

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

    fn boxed(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
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

    #[test]
    fn a_table_that_promises_more_entries_than_it_has_is_a_doubt() {
        let promise = [&[0; 4][..], &u32::MAX.to_be_bytes(), &[0; 8]].concat();
        let bytes = Bytes(boxed(b"stts", &promise));
        let found = found_at(&bytes, 0, bytes.size()).ok().flatten().unwrap();
        let Err(Stop::Doubt(why)) = table::<Stts>(&bytes, &found) else { panic!("it is taken") };
        assert!(why.contains("stts makes no sense"), "{why}");
    }
}
