//! The index of an MP4 or MOV (its `moov` box): how much room is kept for it in front of the media.
//!
//! Owns the sum that the room is. Refuses to be exact: libav says only at the end how long the index is,
//! so that every term is a bound, what is left over becomes a `free` box, and an index that is longer
//! after all stands at the end ([`super::sink`]), where players find it too, only later.

mod ffi;

use cleanplate_types::access::HEAD_BYTES_MAX;
use cleanplate_types::frames::FrameTable;
use cleanplate_types::source::StreamKind;

use super::clock::Clock;
use super::movie::Plan;

/// The movie's own boxes: `ftyp`, `mvhd`, the metadata's frame, and the tracks that muxers add (chapters,
/// a time code).
const MOVIE_BYTES: u64 = 8 << 10;

/// The boxes of a track beside its tables, extradata and tags.
const TRACK_BYTES: u64 = 2 << 10;

/// The box around one tag, or around one chapter in both places where chapters are kept.
const ENTRY_BYTES: u64 = 128;

/// A chunk of a track: its place (`co64`) and a run of chunks that hold as many samples (`stsc`).
const CHUNK_BYTES: u64 = 8 + 12;

/// Packets of a track that libav joins to one chunk, in bytes.
const CHUNK_JOINED_BYTES: u64 = 1 << 20;

/// The longest index that room is kept for: the head without what stands before the index.
const ROOM_MAX: u64 = HEAD_BYTES_MAX - (1 << 20);

/// Room that is kept in the head beside the index: `ftyp`, and the header of `mdat`.
pub(super) const BESIDE_BYTES: u64 = 4 << 10;

/// How often the source's other streams take their turn in a container of boxes, in turns a second.
///
/// Each turn begins a chunk of every stream; half a second is what players read ahead in any case.
pub(super) const TURNS_A_SECOND: i64 = 2;

/// What is known of the video before it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frames {
    count: u64,
    /// Runs of equal distances between decoding timestamps, and one for the last frame.
    runs: u64,
    reorders: bool,
    /// From the first frame to the end of the last.
    micros: u64,
    /// Bytes of the whole, by the first part.
    bytes: u64,
}

/// Packets of one stream of the source, as far as they are known before they are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Weight {
    /// As the container counts them.
    counted: Option<u64>,
    is_sound: bool,
    /// Packets in so many seconds, where a codec has a fixed rate.
    rate: Option<(u64, u64)>,
    micros: Option<u64>,
    /// Extradata, and the picture of a cover.
    bytes: u64,
}

impl Frames {
    pub(super) fn of(table: &FrameTable, reorder: u8, (bytes, packets): (u64, u64)) -> Self {
        let clock = Clock::new(table, reorder);
        let count = table.pts.len() as u64;
        let steps = (1..count).map(|number| clock.dts(number) - clock.dts(number - 1));
        let mut last = None;
        let runs = steps.filter(|step| last.replace(*step) != Some(*step)).count() as u64 + 1;
        let span = match (table.pts.first(), table.pts.last()) {
            (Some(first), Some(last)) => last.0.saturating_sub(first.0) + table.last_duration,
            (_, _) => 0,
        };
        let ticks = u128::from(span.unsigned_abs()) * 1_000_000;
        let micros = ticks * u128::from(table.timebase.num()) / u128::from(table.timebase.den());
        Self {
            count,
            runs,
            reorders: reorder > 0,
            micros: u64::try_from(micros).unwrap_or(u64::MAX),
            bytes: (bytes / packets.max(1)).saturating_mul(count),
        }
    }

    /// The sample tables of the video: times, sizes, key frames, and chunks.
    ///
    /// The first part says about how large a frame is; four times as many chunks as that gives are kept
    /// room for.
    fn tables(self, turns: u64) -> u64 {
        let ordered = if self.reorders { 8 } else { 0 };
        let joined = self.bytes / CHUNK_JOINED_BYTES * 4 + 1024;
        let chunks = turns.saturating_add(joined).min(self.count);
        sum([product(self.runs, 8), product(self.count, 4 + 4 + ordered), chunks * CHUNK_BYTES])
    }
}

impl Weight {
    /// How many packets there may be.
    fn packets(&self, micros: u64) -> u64 {
        let by_rate = self.rate.map(|(packets, seconds)| {
            let micros = u128::from(self.micros.unwrap_or(micros).max(micros));
            let packets = micros * u128::from(packets) / (u128::from(seconds.max(1)) * 1_000_000);
            u64::try_from(packets + packets / 8 + 64).unwrap_or(u64::MAX)
        });
        match (self.counted, by_rate) {
            // Containers count raw sound by its samples.
            (Some(counted), Some(by_rate)) if self.is_sound => counted.min(by_rate),
            (Some(counted), Some(_)) => counted,
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => 0,
        }
    }
}

/// The room that the index of a movie is kept; nothing where it would be more than a head can hold.
pub(super) fn room(plan: &Plan<'_>) -> Option<u64> {
    let input = plan.input.context();
    let mut room = MOVIE_BYTES;
    let said = |tags: Vec<(String, String)>| {
        let bytes = tags.iter().map(|(name, value)| 2 * (name.len() + value.len()) as u64);
        bytes.map(|bytes| bytes + ENTRY_BYTES).fold(0, u64::saturating_add)
    };
    room = sum([room, said(plan.input.tags(None)), plan.record.len() as u64, ffi::chapters(input)]);
    let frames = plan.frames;
    let span = frames.map_or(0, |frames| frames.micros);
    let own = plan.input.duration_micros().and_then(|micros| u64::try_from(micros).ok());
    let micros = span.max(own.unwrap_or(0));
    let turns = micros / 1_000_000 * TURNS_A_SECOND.unsigned_abs() + 2;
    for index in 0..input.streams().len() {
        let Some(weight) = ffi::weight(input, index) else { continue };
        let kind = plan.input.facts(index).map(|facts| facts.kind);
        room = sum([room, TRACK_BYTES, weight.bytes, said(plan.input.tags(Some(index)))]);
        if let Some(frames) = frames.filter(|_| index == plan.video) {
            room = sum([room, frames.tables(turns)]);
            continue;
        }
        let packets = weight.packets(micros);
        // Times and sizes; of pictures their order and key frames too.
        let each = if kind == Some(StreamKind::Video) { 8 + 4 + 8 + 4 } else { 8 + 4 };
        // A copy takes the streams in the source's own turns.
        let chunks = if frames.is_some() { packets.min(4 * turns + 1024) } else { packets };
        room = sum([room, product(packets, each), product(chunks, CHUNK_BYTES)]);
    }
    Some(room).filter(|room| *room <= ROOM_MAX)
}

fn sum<const N: usize>(terms: [u64; N]) -> u64 {
    terms.into_iter().fold(0, u64::saturating_add)
}

const fn product(count: u64, each: u64) -> u64 {
    count.saturating_mul(each)
}

#[cfg(test)]
mod tests {
    use cleanplate_types::frames::TableOrigin;
    use cleanplate_types::time::{Pts, Timebase};

    use super::*;

    fn table(pts: Vec<i64>) -> FrameTable {
        FrameTable {
            timebase: Timebase::new(1, 30).unwrap(),
            pts: pts.into_iter().map(Pts).collect(),
            last_duration: 1,
            entries: Vec::new(),
            origin: TableOrigin::Packets,
        }
    }

    #[test]
    fn ten_hours_at_thirty_frames_a_second_take_some_twenty_mebibytes_of_index() {
        let frames = Frames::of(&table((0..1_080_000).collect()), 2, (4000 * 240, 240));
        assert_eq!((frames.runs, frames.micros), (2, 36_000_000_000));
        let room = frames.tables(72_002);
        assert!((18 << 20..24 << 20).contains(&room), "{room}");
    }

    #[test]
    fn a_rate_that_changes_at_every_frame_is_kept_room_for() {
        let uneven = Frames::of(&table((0..1000).map(|n| n * n).collect()), 0, (1000, 10));
        let even = Frames::of(&table((0..1000).collect()), 0, (1000, 10));
        assert_eq!((uneven.runs, even.runs), (1000, 2));
        assert_eq!(uneven.tables(2) - even.tables(2), 998 * 8);
    }

    #[test]
    fn raw_sound_is_not_counted_by_its_samples() {
        let weight = Weight {
            counted: Some(48_000 * 36_000),
            is_sound: true,
            rate: Some((48_000, 1024)),
            micros: Some(36_000_000_000),
            bytes: 0,
        };
        assert!(weight.packets(0) < 2_000_000);
    }
}
