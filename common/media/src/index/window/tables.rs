//! The tables of a track, cut to the first chunk and the chunks of a stretch.
//!
//! Owns the cutting: whole chunks, sizes and places as they stand in the file, everything that is counted in
//! runs counted anew.

use std::ops::Range;

use cleanplate_types::access::ReadAt;

use super::super::boxes::{Found, exactly, one, tables_of};
use super::super::flat::{Ended, Flat, pair};
use super::super::{Stop, doubt};
use super::{Piece, Stretch, Tree};

/// Tables that are known here; of others it is not known what they say of which sample.
const KNOWN: [&[u8; 4]; 9] =
    [b"stsd", b"stts", b"ctts", b"stsc", b"stsz", b"stco", b"co64", b"stss", b"sdtp"];

/// What stays of a track: the samples of its first chunk, and those of the chunks in a range.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    /// Samples of the first chunk.
    head: u64,
    samples: Range<u64>,
    /// Numbers of the chunks, from 0.
    chunks: Range<u64>,
}

/// The tables of the track that is made of `parts`, cut to `stretch`; nothing where fewer samples would be
/// left out than are `worth` it.
pub(super) fn cut(
    source: &dyn ReadAt,
    parts: &[Found],
    stretch: Stretch,
    worth: u64,
) -> Result<Option<Vec<Tree>>, Stop> {
    let tables = tables_of(source, parts)?;
    if !tables.iter().all(|found| KNOWN.contains(&&found.name)) {
        return Ok(None);
    }
    let has = |name: &[u8; 4]| tables.iter().any(|found| &found.name == name);
    let sizes = one(&tables, *b"stsz")?;
    let of_all: [u8; 4] = exactly(source, sizes.body.start + 4)?;
    let count = Flat::<4>::open(source, sizes, 4)?.count;
    if of_all != [0; 4] || u64::from(count) <= worth {
        return Ok(None);
    }
    let steps = Flat::<8>::open(source, one(&tables, *b"stts")?, 0)?;
    let wanted = wanted(source, &steps, stretch)?;
    let runs = Runs::open(source, &tables)?;
    let Some(kept) = runs.kept(source, wanted, u64::from(count))? else { return Ok(None) };
    let left = kept.head + (kept.samples.end - kept.samples.start);
    if left + worth > u64::from(count) {
        return Ok(None);
    }
    let places = if has(b"co64") { (*b"co64", 8) } else { (*b"stco", 4) };
    let mut nodes = vec![
        Tree::Leaf(vec![Piece::File(one(&tables, *b"stsd")?.whole.clone())]),
        steps_of(source, &steps, &kept)?,
        runs.node(source, &kept)?,
        cut_flat(sizes, 8, 4, kept.head, &kept.samples)?,
        cut_flat(one(&tables, places.0)?, 4, places.1, 1, &kept.chunks)?,
    ];
    if has(b"ctts") {
        nodes.push(offsets_of(source, one(&tables, *b"ctts")?, &kept)?);
    }
    if has(b"stss") {
        nodes.push(keys_of(source, one(&tables, *b"stss")?, &kept)?);
    }
    Ok(Some(nodes))
}

/// The samples that are decoded in the stretch.
fn wanted(source: &dyn ReadAt, steps: &Flat<8>, stretch: Stretch) -> Result<Range<u64>, Stop> {
    let ended = Ended::default();
    let (mut sample, mut now) = (0_u64, 0_i64);
    let (mut from, mut until) = (None, None);
    for (samples, step) in steps.rows(source, &ended).map(pair) {
        let step = i64::from(step);
        // The samples of this run that are decoded before a time.
        let before = |time: i64| match (time.saturating_sub(now), step) {
            (..=0, _) => 0,
            (_, 0) => u64::from(samples),
            (ticks, step) => {
                let whole = ticks.unsigned_abs().div_ceil(step.unsigned_abs());
                whole.min(u64::from(samples))
            }
        };
        for (time, found) in [(Some(stretch.from), &mut from), (stretch.until, &mut until)] {
            let place = time.map(before).filter(|place| *place < u64::from(samples));
            *found = found.or(place.map(|place| sample + place));
        }
        sample += u64::from(samples);
        now = now.saturating_add(step.saturating_mul(i64::from(samples)));
    }
    ended.take().map_or(Ok(()), Err)?;
    Ok(from.unwrap_or(sample)..until.unwrap_or(sample))
}

/// The chunks of a track: runs of those that hold as many samples.
struct Runs {
    table: Flat<12>,
    chunks: u64,
}

/// Number of chunks, samples of each, and which sample description.
type Run = (u64, u32, u32);

impl Runs {
    fn open(source: &dyn ReadAt, tables: &[Found]) -> Result<Self, Stop> {
        let table = Flat::open(source, one(tables, *b"stsc")?, 0)?;
        let long = tables.iter().find(|found| &found.name == b"co64");
        let chunks = match long {
            Some(found) => Flat::<8>::open(source, found, 0)?.count,
            None => Flat::<4>::open(source, one(tables, *b"stco")?, 0)?.count,
        };
        Ok(Self { table, chunks: u64::from(chunks) })
    }

    /// Calls `take` with the number of the first chunk of each run, and the run.
    fn each(
        &self,
        source: &dyn ReadAt,
        mut take: impl FnMut(u64, Run) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let ended = Ended::default();
        let mut rows = self.table.rows(source, &ended).map(|[a, b, c, d, rest @ ..]| {
            (u64::from(u32::from_be_bytes([a, b, c, d])), pair(rest))
        });
        let mut current = rows.next();
        let mut expected = 1;
        while let Some((first, (samples, description))) = current {
            current = rows.next();
            let next = current.map_or(self.chunks + 1, |(next, _)| next);
            if first != expected || next <= first || samples == 0 {
                return doubt("its stsc makes no sense");
            }
            take(first - 1, (next - first, samples, description))?;
            expected = next;
        }
        ended.take().map_or(Ok(()), Err)
    }

    /// What stays for the samples that are wanted; nothing where that begins with the first chunk.
    fn kept(
        &self,
        source: &dyn ReadAt,
        wanted: Range<u64>,
        count: u64,
    ) -> Result<Option<Kept>, Stop> {
        let (mut head, mut before) = (0, 0_u64);
        let (mut from, mut until) = (None, None);
        self.each(source, |first, (chunks, samples, _)| {
            let each = u64::from(samples);
            if first == 0 {
                head = each;
            }
            let after = before + chunks * each;
            if from.is_none() && wanted.start < after {
                let chunk = (wanted.start - before) / each;
                from = Some((first + chunk, before + chunk * each));
            }
            if until.is_none() && wanted.end <= after {
                let chunk = wanted.end.saturating_sub(before).div_ceil(each);
                until = Some((first + chunk, before + chunk * each));
            }
            before = after;
            Ok(())
        })?;
        if before != count {
            return doubt(format!("its chunks hold {before} of {count} samples"));
        }
        let (Some((first, start)), Some((last, end))) = (from, until) else { return Ok(None) };
        let is_apart = first > 1 && last > first && wanted.start < wanted.end;
        let kept = Kept { head, samples: start..end, chunks: first..last };
        Ok(is_apart.then_some(kept))
    }

    /// The table of the chunks that stay.
    fn node(&self, source: &dyn ReadAt, kept: &Kept) -> Result<Tree, Stop> {
        let mut rows = Rows { bytes: Vec::new(), next: 1, last: None };
        self.each(source, |first, (chunks, samples, description)| {
            let here = first..first + chunks;
            for range in [0..1, kept.chunks.clone()] {
                rows.add(common(&here, &range), (samples, description))?;
            }
            Ok(())
        })?;
        counted(*b"stsc", 0, rows.bytes, 12)
    }
}

/// The table of chunks while it is made.
struct Rows {
    bytes: Vec<u8>,
    /// The number of the next chunk, from 1.
    next: u64,
    /// Samples and description of the last one.
    last: Option<(u32, u32)>,
}

impl Rows {
    fn add(&mut self, chunks: u64, each: (u32, u32)) -> Result<(), Stop> {
        if chunks == 0 {
            return Ok(());
        }
        if self.last.replace(each) != Some(each) {
            let row = [narrow(self.next)?, each.0, each.1];
            self.bytes.extend(row.iter().flat_map(|word| word.to_be_bytes()));
        }
        self.next += chunks;
        Ok(())
    }
}

/// How many of one range are in the other.
fn common(one: &Range<u64>, other: &Range<u64>) -> u64 {
    one.end.min(other.end).saturating_sub(one.start.max(other.start))
}

/// The table of decoding times: those of the first chunk, one long step, those of the stretch.
fn steps_of(source: &dyn ReadAt, steps: &Flat<8>, kept: &Kept) -> Result<Tree, Stop> {
    let ended = Ended::default();
    let mut rows = Vec::new();
    let (mut sample, mut jump) = (0_u64, 0_u64);
    let mut head = Vec::new();
    for (samples, step) in steps.rows(source, &ended).map(pair) {
        let here = sample..sample + u64::from(samples);
        let part = |range: Range<u64>| common(&here, &range);
        push(&mut head, part(0..kept.head - 1), step)?;
        // From the last sample of the first chunk to the first of the stretch.
        jump += part(kept.head - 1..kept.samples.start) * u64::from(step);
        push(&mut rows, part(kept.samples.clone()), step)?;
        sample = here.end;
    }
    ended.take().map_or(Ok(()), Err)?;
    let Ok(jump) = i32::try_from(jump) else {
        return doubt("the stretch is too far from the start for one step");
    };
    push(&mut head, 1, jump.unsigned_abs())?;
    head.extend(rows);
    counted(*b"stts", 0, head, 8)
}

/// The table of offsets between decoding and showing.
fn offsets_of(source: &dyn ReadAt, found: &Found, kept: &Kept) -> Result<Tree, Stop> {
    let [version] = exactly(source, found.body.start)?;
    let table = Flat::<8>::open(source, found, 0)?;
    let ended = Ended::default();
    let (mut sample, mut head, mut rows) = (0_u64, Vec::new(), Vec::new());
    for (samples, offset) in table.rows(source, &ended).map(pair) {
        let here = sample..sample + u64::from(samples);
        let part = |range: Range<u64>| common(&here, &range);
        push(&mut head, part(0..kept.head), offset)?;
        push(&mut rows, part(kept.samples.clone()), offset)?;
        sample = here.end;
    }
    ended.take().map_or(Ok(()), Err)?;
    head.extend(rows);
    counted(*b"ctts", version, head, 8)
}

/// The table of key frames, which are counted from 1.
fn keys_of(source: &dyn ReadAt, found: &Found, kept: &Kept) -> Result<Tree, Stop> {
    let table = Flat::<4>::open(source, found, 0)?;
    let ended = Ended::default();
    let mut rows = Vec::new();
    for key in table.rows(source, &ended).map(u32::from_be_bytes) {
        let Some(sample) = u64::from(key).checked_sub(1) else {
            return doubt("its stss makes no sense");
        };
        if sample < kept.head {
            rows.extend(key.to_be_bytes());
        } else if kept.samples.contains(&sample) {
            let number = kept.head + (sample - kept.samples.start) + 1;
            rows.extend(narrow(number)?.to_be_bytes());
        }
    }
    ended.take().map_or(Ok(()), Err)?;
    counted(*b"stss", 0, rows, 4)
}

/// A table of which the first `head` records stay, and those of `range`, as they stand in the file.
fn cut_flat(
    found: &Found,
    before: u64,
    width: u64,
    head: u64,
    range: &Range<u64>,
) -> Result<Tree, Stop> {
    let first = found.body.start + before + 4;
    let count = narrow(head + (range.end - range.start))?;
    Ok(Tree::Box(
        found.name,
        vec![Tree::Leaf(vec![
            Piece::File(found.body.start..found.body.start + before),
            Piece::Own(count.to_be_bytes().into()),
            Piece::File(first..first + head * width),
            Piece::File(first + range.start * width..first + range.end * width),
        ])],
    ))
}

/// A table of `rows`, each of `width` bytes.
fn counted(name: [u8; 4], version: u8, rows: Vec<u8>, width: usize) -> Result<Tree, Stop> {
    let count = narrow((rows.len() / width) as u64)?;
    let head = [[version, 0, 0, 0], count.to_be_bytes()].concat();
    Ok(Tree::Box(name, vec![Tree::Leaf(vec![Piece::Own(head), Piece::Own(rows)])]))
}

fn push(rows: &mut Vec<u8>, samples: u64, of_each: u32) -> Result<(), Stop> {
    if samples > 0 {
        rows.extend(narrow(samples)?.to_be_bytes());
        rows.extend(of_each.to_be_bytes());
    }
    Ok(())
}

fn narrow(number: u64) -> Result<u32, Stop> {
    u32::try_from(number).or_else(|_large| doubt("a table would be too long"))
}
