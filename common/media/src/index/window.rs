//! A view of an MP4 or MOV whose video has the samples of a stretch of time alone, at their own times.
//!
//! Who decodes a segment of a ten-hour film needs no index of ten hours. The view ends with an index of its own
//! (the file's is a `free` box there): of the video's tables the first chunk, so that time begins where it does,
//! then the chunks of the stretch; between them one long step. All else of the index is the file's. Owns which
//! samples those are. Refuses what it does not know all of (other tables of samples, edits in several
//! pieces, steps beyond 31 bits): the file is shown as it is then.

mod tables;

use std::io;
use std::ops::Range;
use std::sync::Arc;

use cleanplate_types::access::ReadAt;

use super::Stop;
use super::boxes::{Found, exactly, inside, one};
use super::short::{index_of, lay_over};
use crate::error::MediaError;

/// Samples that must be left out for it to be worth it: what libav keeps of them is 600 KiB.
const SAMPLES_WORTH: u64 = 16_384;

/// The samples of a stream that are decoded from one time up to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// Which stream.
    pub(crate) stream: usize,
    /// Ticks from the first sample's decoding time to that of the first that is needed.
    pub(crate) from: i64,
    /// Ticks from the first sample's decoding time to that of the first that is not; nothing where all are.
    pub(crate) until: Option<i64>,
}

/// See the top of the file.
pub(crate) struct Window {
    source: Arc<dyn ReadAt>,
    /// Where the name of the file's own index stands.
    renamed: u64,
    /// What comes behind the file, in order: where each piece begins.
    pieces: Vec<(u64, Piece)>,
    size: u64,
}

/// Bytes of the view's index.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Own(Vec<u8>),
    /// Those of the file.
    File(Range<u64>),
}

/// A box of the view's index.
enum Tree {
    Leaf(Vec<Piece>),
    Box([u8; 4], Vec<Self>),
}

/// The view of `source` for a stretch; nothing where it would not save anything, or is not possible.
///
/// # Errors
/// [`MediaError::Read`].
pub(crate) fn view(
    source: &Arc<dyn ReadAt>,
    stretch: Stretch,
) -> Result<Option<Window>, MediaError> {
    view_of(source, stretch, SAMPLES_WORTH)
}

fn view_of(
    source: &Arc<dyn ReadAt>,
    stretch: Stretch,
    worth: u64,
) -> Result<Option<Window>, MediaError> {
    match make(source, stretch, worth) {
        Ok(view) => Ok(view),
        Err(Stop::Doubt(why)) => {
            tracing::debug!(why, "the source's index is taken whole");
            Ok(None)
        }
        Err(Stop::Error(error)) => Err(error),
    }
}

fn make(source: &Arc<dyn ReadAt>, stretch: Stretch, worth: u64) -> Result<Option<Window>, Stop> {
    let file = source.as_ref();
    let Some(moov) = index_of(file)? else { return Ok(None) };
    let within = inside(file, moov.body.clone())?;
    let mut tracks = within.iter().filter(|found| &found.name == b"trak");
    let Some(track) = tracks.nth(stretch.stream) else { return Ok(None) };
    if within.iter().any(|found| &found.name == b"mvex") || ends_nowhere(file, &moov)? {
        return Ok(None);
    }
    let parts = inside(file, track.body.clone())?;
    if !has_simple_edits(file, &parts)? {
        return Ok(None);
    }
    let Some(tables) = tables::cut(file, &parts, stretch, worth)? else { return Ok(None) };
    // Down from the index to the tables all boxes but one are the file's.
    let mut inner = Tree::Box(*b"stbl", tables);
    let media = one(&parts, *b"mdia")?;
    let in_media = inside(file, media.body.clone())?;
    let information = one(&in_media, *b"minf")?;
    let in_information = inside(file, information.body.clone())?;
    inner = around(*b"minf", &in_information, one(&in_information, *b"stbl")?, inner);
    inner = around(*b"mdia", &in_media, information, inner);
    inner = around(*b"trak", &parts, media, inner);
    inner = around(*b"moov", &within, track, inner);
    let mut pieces = Vec::new();
    if inner.write(&mut pieces).is_none() {
        return Ok(None);
    }
    let mut at = file.size();
    let placed = pieces.into_iter().map(|piece| {
        let place = at;
        at += piece.bytes();
        (place, piece)
    });
    let pieces = placed.collect();
    Ok(Some(Window { source: Arc::clone(source), renamed: moov.body.start - 4, pieces, size: at }))
}

/// The box of `siblings` in which `replaced` is `by`.
fn around(name: [u8; 4], siblings: &[Found], replaced: &Found, by: Tree) -> Tree {
    let mut by = Some(by);
    let nodes = siblings.iter().filter_map(|found| {
        if found.whole == replaced.whole {
            return by.take();
        }
        Some(Tree::Leaf(vec![Piece::File(found.whole.clone())]))
    });
    Tree::Box(name, nodes.collect())
}

/// Whether a box before or behind the index reaches as far as the file does by saying nothing: it would hold
/// what comes behind the file, too.
fn ends_nowhere(source: &dyn ReadAt, moov: &Found) -> Result<bool, Stop> {
    let is_long = moov.body.start - moov.whole.start != 8;
    // Only the last one can: it leaves no room for another.
    let outer = inside(source, 0..source.size())?;
    let Some(last) = outer.last() else { return Ok(true) };
    let size: [u8; 4] = exactly(source, last.whole.start)?;
    Ok(is_long || size == [0; 4] || last.whole.end != source.size())
}

/// Whether one stretch of the track is shown, if there are edits at all.
fn has_simple_edits(source: &dyn ReadAt, parts: &[Found]) -> Result<bool, Stop> {
    let Some(edits) = parts.iter().find(|found| &found.name == b"edts") else { return Ok(true) };
    let lists = inside(source, edits.body.clone())?;
    let Some(list) = lists.iter().find(|found| &found.name == b"elst") else { return Ok(true) };
    let [version] = exactly(source, list.body.start)?;
    let (width, place) = if version == 0 { (12, 4) } else { (20, 8) };
    let rows = (list.body.end - list.body.start).saturating_sub(8) / width;
    let count = u64::from(u32::from_be_bytes(exactly(source, list.body.start + 4)?));
    let mut shown = 0;
    for row in 0..count.min(rows) {
        // A time of -1 is a wait before the first picture.
        let time: [u8; 4] = exactly(source, list.body.start + 8 + row * width + place)?;
        shown += u32::from(time != [0xff; 4]);
    }
    Ok(count <= rows && shown <= 1)
}

impl Piece {
    fn bytes(&self) -> u64 {
        match self {
            Self::Own(bytes) => bytes.len() as u64,
            Self::File(range) => range.end - range.start,
        }
    }
}

impl Tree {
    fn bytes(&self) -> u64 {
        match self {
            Self::Leaf(pieces) => pieces.iter().map(Piece::bytes).sum(),
            Self::Box(_, nodes) => 8 + nodes.iter().map(Self::bytes).sum::<u64>(),
        }
    }

    /// Its pieces in order; nothing where it is too long for a box.
    fn write(self, pieces: &mut Vec<Piece>) -> Option<()> {
        let bytes = u32::try_from(self.bytes()).ok()?;
        match self {
            Self::Leaf(own) => pieces.extend(own),
            Self::Box(name, nodes) => {
                pieces.push(Piece::Own([bytes.to_be_bytes(), name].concat()));
                for node in nodes {
                    node.write(pieces)?;
                }
            }
        }
        Some(())
    }
}

impl ReadAt for Window {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let file = self.source.size();
        if offset < file {
            let left = usize::try_from(file - offset).unwrap_or(usize::MAX).min(buffer.len());
            let read = self.source.read_at(offset, &mut buffer[..left])?;
            lay_over(&mut buffer[..read], offset, self.renamed, b"free");
            return Ok(read);
        }
        let after = self.pieces.partition_point(|(at, piece)| at + piece.bytes() <= offset);
        let Some((at, piece)) = self.pieces.get(after) else { return Ok(0) };
        let within = offset - at;
        match piece {
            Piece::Own(bytes) => {
                let rest = &bytes[usize::try_from(within).map_err(io::Error::other)?..];
                let count = rest.len().min(buffer.len());
                buffer[..count].copy_from_slice(&rest[..count]);
                Ok(count)
            }
            Piece::File(range) => {
                let left = range.end - range.start - within;
                let left = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
                self.source.read_at(range.start + within, &mut buffer[..left])
            }
        }
    }
}

#[cfg(test)]
mod tests;
