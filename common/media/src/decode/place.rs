//! Where a source is, and how much of it a run reads.
//!
//! Owns how it is opened: for the pictures alone, and where it is known between which decoding times they are
//! needed, with an index of those. Refuses nothing: where that is not possible the source is opened whole.

use std::sync::Arc;

use cleanplate_types::access::ReadAt;
use cleanplate_types::frames::{Entry, FrameRange, FrameTable, TableOrigin};

use crate::error::MediaError;
use crate::index::short::Needed;
use crate::index::window::Stretch;
use crate::input::Input;

/// Entries beyond a range up to which packets are read: the pictures that lead the first of them belong to
/// the range, and a decoder that goes on is not told that the source ends.
const ENTRIES_BEYOND: usize = 3;

/// A source and where it is.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) source: Arc<dyn ReadAt>,
    pub(crate) name_hint: String,
    pub(crate) stream: usize,
    /// How much of the stream is read, where that is known.
    pub(crate) near: Option<Near>,
}

/// The decoding times of a stream between which it is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Near {
    /// That of its first packet.
    pub(crate) zero: i64,
    /// That of the first packet that is not needed; nothing where all are.
    pub(crate) until: Option<i64>,
}

impl Near {
    /// What is read of a source whose frames are those of `table` to decode `range`; nothing where the table is
    /// not from the container's index: the first packet may then be a later sample than the first one, at a time
    /// that libav gave it (where an edit list drops samples).
    pub(crate) fn of(table: &FrameTable, range: FrameRange) -> Option<Self> {
        if table.origin != TableOrigin::Index {
            return None;
        }
        let after = table.entries.partition_point(|entry| entry.frame < range.end);
        let beyond = table.entries.get(after + ENTRIES_BEYOND);
        let zero = table.entries.first()?.dts?;
        Some(Self { zero, until: beyond.and_then(|entry| entry.dts) })
    }
}

impl Place {
    /// Opens the source, for reading all of it.
    pub(crate) fn open_whole(&self) -> Result<Input, MediaError> {
        Input::open(Arc::clone(&self.source), &self.name_hint)
    }

    /// Opens the source, for reading the video stream only, from `entry` on as far as is known to be needed.
    pub(super) fn open_from(&self, entry: &Entry) -> Result<Input, MediaError> {
        if let (Some(near), Some(dts)) = (self.near, entry.dts) {
            let since = |time: i64| time.saturating_sub(near.zero);
            let (from, until) = (since(dts), near.until.map(since));
            let stretch = Stretch { stream: self.stream, from, until };
            if let Some(mut input) = Input::open_near(&self.source, &self.name_hint, stretch)? {
                input.keep_only(self.stream);
                return Ok(input);
            }
        }
        self.open()
    }

    /// Opens the source, for reading the video stream only.
    pub(crate) fn open(&self) -> Result<Input, MediaError> {
        let mut input = Input::open_for(&self.source, &self.name_hint, Needed::Only(self.stream))?;
        input.keep_only(self.stream);
        Ok(input)
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::clip::on_disk;
    use crate::decode::start::entry_for;
    use crate::index::IndexUse;
    use crate::scan::{ScanOrder, scan};

    #[test]
    fn a_range_of_a_long_film_is_read_by_an_index_of_that_range() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long.mp4");
        let film = "-nostdin -v error -f lavfi -i testsrc2=s=64x48:r=25:d=800 \
            -f lavfi -i sine=r=8000:d=800 -c:v libx264 -preset ultrafast -bf 2 -g 100 -c:a aac";
        let made = Command::new("ffmpeg").args(film.split_whitespace()).arg(&path).status();
        assert!(made.unwrap().success());
        let source = on_disk(&path);
        let order = ScanOrder { index: IndexUse::Always, ..ScanOrder::default() };
        let scanned = scan(Arc::clone(&source), "long.mp4", &order, &mut |_frames| ()).unwrap();
        let range = FrameRange::new(15_000, 15_200);
        let near = Near::of(&scanned.table, range);
        let of_packets = FrameTable { origin: TableOrigin::Packets, ..scanned.table.clone() };
        assert!(Near::of(&of_packets, range).is_none(), "the first packet may be any sample");
        let place = Place { source, name_hint: "long.mp4".to_owned(), stream: 0, near };
        let entry = entry_for(&scanned.table, range.start, 0).unwrap();
        assert_eq!(place.open().unwrap().index_length(0), 20_000);
        let indexed = place.open_from(entry).unwrap().index_length(0);
        assert!((200..1000).contains(&indexed), "{indexed} samples");
        let unknown = Place { near: None, ..place };
        assert_eq!(unknown.open_from(entry).unwrap().index_length(0), 20_000);
    }
}
