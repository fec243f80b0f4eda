//! A view of an MP4 or MOV in which tracks that nobody reads have short tables.
//!
//! libav lays out every sample of every track when it opens such a file: 24 bytes each, and twice that while
//! it applies an edit list, so that ten hours of sound take 80 MiB of whoever wants the pictures alone. In
//! the view the counts of such tables are smaller: libav reads as many records and passes over the rest.
//! Owns what counts stand in place of the file's, and how far the samples reach that are left out. Nothing
//! else of the file is different, and no packet that is read. Refuses files in which anything is unusual
//! (fragments, more than one table of a kind, raw sound, whose samples have one size): they are shown as they are.

use std::io;
use std::sync::Arc;

use cleanplate_types::access::ReadAt;

use super::boxes::{Found, exactly, found_at, inside, one, tables_of, track_id};
use super::flat::{Ended, Flat};
use super::{Stop, doubt};
use crate::error::MediaError;

/// Samples that are left of a track at least: what libav reads to find out about its streams is less.
const SAMPLES_LEFT: u64 = 4096;

/// Boxes before the index, at most: an end for files that are made to have none.
const BEFORE_MAX: usize = 64;

/// What is read of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needed {
    /// Packets of all streams.
    All,
    /// What the streams are, and packets of pictures.
    Pictures,
    /// Packets of one stream.
    Only(usize),
    /// Packets of all streams but one.
    AllBut(usize),
}

/// See the top of the file.
pub(crate) struct View {
    source: Arc<dyn ReadAt>,
    /// Counts and where they stand, in order.
    counts: Vec<(u64, [u8; 4])>,
    /// Which streams are short, and the numbers of their tracks.
    pub(crate) short: Vec<(usize, u32)>,
    /// Where the furthest sample of a short track ends, where only pictures are needed.
    pub(crate) reach: u64,
}

/// The view of `source` for what is `needed`; nothing where it has no track that can be short.
///
/// # Errors
/// [`MediaError::Read`].
pub(crate) fn view(source: &Arc<dyn ReadAt>, needed: Needed) -> Result<Option<View>, MediaError> {
    view_of(source, needed, SAMPLES_LEFT)
}

fn view_of(
    source: &Arc<dyn ReadAt>,
    needed: Needed,
    left: u64,
) -> Result<Option<View>, MediaError> {
    if needed == Needed::All {
        return Ok(None);
    }
    let source = Arc::clone(source);
    let mut view = View { source, counts: Vec::new(), short: Vec::new(), reach: 0 };
    match view.shorten(needed, left) {
        Ok(()) if view.short.is_empty() => Ok(None),
        Ok(()) => {
            view.counts.sort_unstable();
            Ok(Some(view))
        }
        Err(Stop::Doubt(why)) => {
            tracing::debug!(why, "the source's tables are taken whole");
            Ok(None)
        }
        Err(Stop::Error(error)) => Err(error),
    }
}

impl View {
    fn shorten(&mut self, needed: Needed, left: u64) -> Result<(), Stop> {
        let source = Arc::clone(&self.source);
        let Some(moov) = index_of(source.as_ref())? else { return Ok(()) };
        let within = inside(source.as_ref(), moov.body)?;
        if within.iter().any(|found| &found.name == b"mvex") {
            return Ok(());
        }
        // libav makes a stream of each track, in their order.
        let tracks = within.iter().filter(|found| &found.name == b"trak");
        for (stream, track) in tracks.enumerate() {
            let parts = inside(source.as_ref(), track.body.clone())?;
            let kind = kind_of(source.as_ref(), &parts)?;
            let is_needed = match needed {
                Needed::All => true,
                Needed::Pictures => &kind != b"soun",
                Needed::Only(only) => stream == only,
                Needed::AllBut(but) => stream != but,
            };
            // Of others it may be that libav reads them by itself: chapters, time codes.
            if is_needed || !matches!(&kind, b"soun" | b"vide") {
                continue;
            }
            let Some(track) = Track::open(source.as_ref(), &parts, left)? else { continue };
            self.counts.extend(track.counts(source.as_ref(), left)?);
            if needed == Needed::Pictures {
                self.reach = self.reach.max(track.reach(source.as_ref())?);
            }
            self.short.push((stream, track_id(source.as_ref(), &parts)?));
        }
        Ok(())
    }
}

impl ReadAt for View {
    fn size(&self) -> u64 {
        self.source.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read_at(offset, buffer)?;
        let end = offset + read as u64;
        let first = self.counts.partition_point(|(at, _)| at + 4 <= offset);
        for (at, count) in self.counts[first..].iter().take_while(|(at, _)| *at < end) {
            lay_over(&mut buffer[..read], offset, *at, count);
        }
        Ok(read)
    }
}

/// Puts `bytes`, which stand at `at`, over what there is of them in `buffer`, which was read at `offset`.
pub(super) fn lay_over(buffer: &mut [u8], offset: u64, at: u64, bytes: &[u8]) {
    for (at, byte) in (at..).zip(bytes) {
        let place = at.checked_sub(offset).and_then(|place| usize::try_from(place).ok());
        if let Some(there) = place.and_then(|place| buffer.get_mut(place)) {
            *there = *byte;
        }
    }
}

/// The box that holds the index.
pub(super) fn index_of(source: &dyn ReadAt) -> Result<Option<Found>, Stop> {
    let mut at = 0;
    for _ in 0..BEFORE_MAX {
        if source.size().saturating_sub(at) < 8 {
            break;
        }
        let Some(found) = found_at(source, at, source.size())? else { break };
        match &found.name {
            b"moov" => return Ok(Some(found)),
            b"moof" => break,
            _ => at = found.whole.end,
        }
    }
    Ok(None)
}

/// What the track that is made of `parts` carries.
fn kind_of(source: &dyn ReadAt, parts: &[Found]) -> Result<[u8; 4], Stop> {
    let media = inside(source, one(parts, *b"mdia")?.body.clone())?;
    exactly(source, one(&media, *b"hdlr")?.body.start + 8)
}

/// The tables of a track that is worth shortening.
struct Track {
    sizes: Flat<4>,
    chunks: Flat<12>,
    /// Places of the chunks, of 32 bits or of 64.
    offsets: Offsets,
    /// Tables that may be cut anywhere.
    others: Vec<(u64, u32)>,
}

enum Offsets {
    Short(Flat<4>),
    Long(Flat<8>),
}

impl Track {
    /// Nothing where it has few samples, or samples of one size.
    fn open(source: &dyn ReadAt, parts: &[Found], left: u64) -> Result<Option<Self>, Stop> {
        let tables = tables_of(source, parts)?;
        let has = |name: &[u8; 4]| tables.iter().any(|found| &found.name == name);
        if has(b"stz2") || has(b"stps") || !has(b"stsz") {
            return Ok(None);
        }
        let sizes = one(&tables, *b"stsz")?;
        let of_all: [u8; 4] = exactly(source, sizes.body.start + 4)?;
        if of_all != [0; 4] {
            return Ok(None);
        }
        let sizes = Flat::open(source, sizes, 4)?;
        if u64::from(sizes.count) <= left {
            return Ok(None);
        }
        let offsets = if has(b"co64") {
            Offsets::Long(Flat::open(source, one(&tables, *b"co64")?, 0)?)
        } else {
            Offsets::Short(Flat::open(source, one(&tables, *b"stco")?, 0)?)
        };
        let mut others = Vec::new();
        for found in tables.iter().filter(|found| &found.name == b"ctts") {
            let table = Flat::<8>::open(source, found, 0)?;
            others.push((table.count_at, table.count));
        }
        let chunks = Flat::open(source, one(&tables, *b"stsc")?, 0)?;
        Ok(Some(Self { sizes, chunks, offsets, others }))
    }

    /// The samples of each chunk, in order: numbers of chunks of which each has so many. A run of none is
    /// a table that makes no sense.
    fn runs<'a>(
        &self,
        source: &'a dyn ReadAt,
        ended: &'a Ended,
    ) -> impl Iterator<Item = (u32, u32)> + use<'a> {
        let last = self.offsets.count();
        let rows = self.chunks.rows(source, ended).map(|[a, b, c, d, e, f, g, h, ..]| {
            (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
        });
        let (mut rows, mut reached) = (rows.peekable(), 1);
        std::iter::from_fn(move || {
            let (first, samples) = rows.next()?;
            let end = rows.peek().map_or_else(|| last.saturating_add(1), |(next, _)| *next);
            // The first run begins at the first chunk.
            let chunks = if first == reached { end.saturating_sub(first) } else { 0 };
            reached = end;
            Some((chunks, samples))
        })
    }

    /// The counts that leave whole chunks of at least `left` samples.
    fn counts(&self, source: &dyn ReadAt, left: u64) -> Result<Vec<(u64, [u8; 4])>, Stop> {
        let (mut rows, mut chunks, mut samples) = (0_u32, 0_u32, 0_u64);
        let ended = Ended::default();
        for (run, each) in self.runs(source, &ended) {
            if run == 0 || each == 0 {
                return doubt("its stsc makes no sense");
            }
            rows += 1;
            let wanted = (left - samples).div_ceil(u64::from(each.max(1)));
            let taken = u32::try_from(wanted).unwrap_or(u32::MAX).min(run);
            chunks += taken;
            samples += u64::from(taken) * u64::from(each);
            if samples >= left {
                break;
            }
        }
        ended.take().map_or(Ok(()), Err)?;
        let samples = u32::try_from(samples).unwrap_or(u32::MAX).min(self.sizes.count);
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        let mut counts = vec![
            (self.sizes.count_at, samples),
            (self.chunks.count_at, rows),
            (self.offsets.count_at(), chunks.min(self.offsets.count())),
        ];
        // A record speaks of one sample at least.
        let samples = samples.max(left);
        counts.extend(self.others.iter().map(|(at, count)| (*at, samples.min(*count))));
        Ok(counts.into_iter().map(|(at, count)| (at, count.to_be_bytes())).collect())
    }

    /// Where the furthest sample ends.
    fn reach(&self, source: &dyn ReadAt) -> Result<u64, Stop> {
        let ended = Ended::default();
        let mut sizes = self.sizes.rows(source, &ended).map(u32::from_be_bytes);
        let places = self.offsets.places(source, &ended);
        let runs = self.runs(source, &ended);
        let chunks = runs.flat_map(|(run, each)| std::iter::repeat_n(each, run as usize));
        let mut reach = 0;
        for (place, samples) in places.zip(chunks) {
            let bytes: u64 = sizes.by_ref().take(samples as usize).map(u64::from).sum();
            reach = reach.max(place.saturating_add(bytes));
        }
        ended.take().map_or(Ok(reach), Err)
    }
}

impl Offsets {
    const fn count(&self) -> u32 {
        match self {
            Self::Short(table) => table.count,
            Self::Long(table) => table.count,
        }
    }

    const fn count_at(&self) -> u64 {
        match self {
            Self::Short(table) => table.count_at,
            Self::Long(table) => table.count_at,
        }
    }

    fn places<'a>(
        &self,
        source: &'a dyn ReadAt,
        ended: &'a Ended,
    ) -> Box<dyn Iterator<Item = u64> + 'a> {
        match self {
            Self::Short(table) => {
                Box::new(table.rows(source, ended).map(|row| u64::from(u32::from_be_bytes(row))))
            }
            Self::Long(table) => Box::new(table.rows(source, ended).map(u64::from_be_bytes)),
        }
    }
}

#[cfg(test)]
mod tests;
