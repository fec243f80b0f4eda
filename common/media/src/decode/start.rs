//! Where a run must begin so that a frame comes out right.
//!
//! Owns the rules of pre-roll. An entry that may be followed by leading pictures, or that only the
//! container vouches for, is never the last one before a wanted frame.

use cleanplate_types::frames::{Entry, EntryKind, FrameTable, TableOrigin};

/// Returns the entry at which to begin for `frame`, going back `more` entries beyond what the rules
/// ask for; nothing where that is the very start of the source.
///
/// From an IDR every later frame is right. At any other entry the pictures that lead it refer to
/// what was before, and a recovery point need not have recovered at once: one more entry is put
/// between the beginning and the frame, and who decodes checks the timestamps.
pub(crate) fn entry_for(table: &FrameTable, frame: u64, more: usize) -> Option<&Entry> {
    let after = table.entries.partition_point(|entry| entry.frame <= frame);
    let nearest = after.checked_sub(1)?;
    let safe = match table.entries[nearest].kind {
        EntryKind::Idr => nearest,
        EntryKind::Recovery | EntryKind::Unknown => nearest.checked_sub(1)?,
    };
    // The first entry is the start of the source: no need to look for it.
    safe.checked_sub(more).filter(|place| *place > 0).map(|place| &table.entries[place])
}

/// Returns the entry right before `frame` where it is not known how free a cut it is: who decodes looks
/// at its packet, and begins there where that is an IDR. Nothing for a table whose packets were looked
/// at already, nor for the very start.
pub(crate) fn unknown_for(table: &FrameTable, frame: u64) -> Option<&Entry> {
    let after = table.entries.partition_point(|entry| entry.frame <= frame);
    let nearest = after.checked_sub(1).filter(|place| *place > 0)?;
    let entry = table.entries.get(nearest)?;
    let is_open = table.origin == TableOrigin::Index && entry.kind == EntryKind::Unknown;
    is_open.then_some(entry)
}

/// The timestamp up to which errors of the decoder belong to a source that was cut in the middle of a
/// group of pictures, as recordings of broadcasts are, and are no damage; nothing for others.
pub(crate) fn head_end(table: &FrameTable, codec: &str) -> Option<i64> {
    let first = table.entries.first()?;
    // HEVC decoders leave out what cannot be decoded after a CRA at the start.
    let is_whole = match first.kind {
        EntryKind::Idr => true,
        EntryKind::Recovery => codec == "hevc",
        EntryKind::Unknown => false,
    };
    if is_whole {
        return None;
    }
    let next = table.entries.get(1).map(|entry| entry.pts.0);
    next.or_else(|| table.pts.first().map(|pts| pts.0))
}

/// Whether decoding for the frame at `due` goes through the head. There one thread decodes: of several, what the
/// last packet of the head brings to light may be heard with the next, and be held against that.
pub(super) fn is_in_head(table: &FrameTable, codec: &str, due: i64) -> bool {
    head_end(table, codec).is_some_and(|end| due < end || table.entries.len() == 1)
}

#[cfg(test)]
mod tests {
    use cleanplate_types::time::{Pts, Timebase};

    use super::*;

    fn table(kinds: &[EntryKind]) -> FrameTable {
        let entries = (0_u64..).zip(kinds).map(|(place, kind)| Entry {
            frame: place * 10,
            pts: Pts(i64::try_from(place).unwrap() * 10),
            dts: None,
            byte: None,
            kind: *kind,
        });
        FrameTable {
            timebase: Timebase::new(1, 25).unwrap(),
            pts: (0..10 * i64::try_from(kinds.len()).unwrap()).map(Pts).collect(),
            last_duration: 1,
            entries: entries.collect(),
            origin: TableOrigin::Packets,
        }
    }

    fn start(kinds: &[EntryKind], frame: u64, more: usize) -> Option<u64> {
        entry_for(&table(kinds), frame, more).map(|entry| entry.frame)
    }

    use EntryKind::{Idr, Recovery, Unknown};

    #[test]
    fn an_idr_is_enough_and_anything_else_needs_one_more() {
        assert_eq!(start(&[Idr, Idr, Idr], 25, 0), Some(20));
        assert_eq!(start(&[Idr, Idr, Idr], 20, 0), Some(20));
        assert_eq!(start(&[Idr, Idr, Idr], 19, 0), Some(10));
        assert_eq!(start(&[Idr, Recovery, Recovery], 25, 0), Some(10));
        assert_eq!(start(&[Idr, Recovery, Unknown, Unknown], 39, 0), Some(20));
    }

    #[test]
    fn going_back_ends_at_the_start_of_the_source() {
        assert_eq!(start(&[Idr, Idr, Idr, Idr], 39, 2), Some(10));
        assert_eq!(start(&[Idr, Idr, Idr, Idr], 39, 3), None);
        assert_eq!(start(&[Idr, Idr], 5, 0), None);
        assert_eq!(start(&[Idr, Recovery], 15, 0), None);
    }

    #[test]
    fn only_an_index_leaves_entries_to_be_looked_at() {
        let mut table = table(&[Idr, Unknown, Idr, Unknown]);
        assert_eq!(unknown_for(&table, 35), None);
        table.origin = TableOrigin::Index;
        let at = |frame| unknown_for(&table, frame).map(|entry| entry.frame);
        assert_eq!([at(5), at(10), at(25), at(35)], [None, Some(10), None, Some(30)]);
    }

    #[test]
    fn only_a_source_without_a_whole_beginning_has_a_head() {
        assert_eq!(head_end(&table(&[Idr, Recovery]), "h264"), None);
        assert_eq!(head_end(&table(&[Recovery, Recovery]), "h264"), Some(10));
        assert_eq!(head_end(&table(&[Recovery, Recovery]), "hevc"), None);
        assert_eq!(head_end(&table(&[Unknown]), "hevc"), Some(0));
        assert!(is_in_head(&table(&[Unknown]), "hevc", 0));
        assert!(is_in_head(&table(&[Recovery, Recovery]), "h264", 9));
        assert!(!is_in_head(&table(&[Recovery, Recovery]), "h264", 10));
        assert!(!is_in_head(&table(&[Idr, Recovery]), "h264", 0));
    }
}
