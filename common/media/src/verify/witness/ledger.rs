//! What a movie must hold, and what was found in it.
//!
//! Owns the account of all streams, what of a packet is compared, and the rule that the pictures shown are the
//! frame table. Refuses to forgive: the first thing that is wrong is kept, and no later one clears it.

mod lane;

use super::Checked;
use super::sound;
use crate::container::Container;
use lane::{Lane, is_kept_whole};

/// Ticks after which the clock of a transport stream begins anew.
const TS_WRAP: i64 = 1 << 33;

/// A stream of the movie that carries packets.
#[derive(Debug, Clone)]
pub(crate) struct Track {
    /// Its place in the movie.
    pub(crate) place: usize,
    /// Its clock there, as a fraction of a second.
    pub(crate) clock: (i32, i32),
    /// Whether it is the video.
    pub(crate) is_video: bool,
    /// libav's name of its codec.
    pub(crate) codec: String,
    /// Whether it has a codec configuration of its own: packets of others may be rewrapped.
    pub(crate) has_configuration: bool,
    /// Ticks that its packets are given late, which the container takes back when it is read.
    pub(crate) delay: i64,
    /// Ticks a second of the clock on which the container writes late starts, where that is another one.
    pub(crate) starts_on: Option<u32>,
}

/// A packet that was given to the muxer, or found in the movie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) pts: Option<i64>,
    pub(crate) dts: Option<i64>,
    pub(crate) bytes: u64,
    /// CRC of its content, nothing where it is not compared.
    pub(crate) content: Option<u32>,
}

/// The first thing in which a movie is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub(crate) struct Mismatch {
    /// The stream of the movie, the number of the packet, and what is wrong.
    pub(crate) detail: String,
    /// Index of the frame that is not shown when it should be, where it is one.
    pub(crate) frame: Option<u64>,
}

impl Mismatch {
    pub(super) fn new(detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), frame: None }
    }
}

/// See the top of the file.
#[derive(Debug)]
pub(super) struct Ledger {
    container: Container,
    lanes: Vec<Lane>,
    frames: Vec<i64>,
    /// When the movie shows pictures, in the order found.
    shown: Vec<i64>,
    wrong: Option<Mismatch>,
}

impl Ledger {
    pub(super) const fn new(container: Container) -> Self {
        Self { container, lanes: Vec::new(), frames: Vec::new(), shown: Vec::new(), wrong: None }
    }

    pub(super) fn begin(&mut self, tracks: Vec<Track>) {
        let lane = |track| Lane::new(self.container, track);
        self.lanes = tracks.into_iter().map(lane).collect();
    }

    pub(super) fn frames(&mut self, frames: Vec<i64>) {
        self.frames = frames;
    }

    /// Bytes and content of what is given for stream `place`, as far as they are compared.
    pub(super) fn size_of_given(&self, place: usize, data: &[u8]) -> (u64, Option<u32>) {
        let lane = self.lanes.iter().find(|lane| lane.track.place == place);
        self.size_of(lane, data)
    }

    /// The same of what is found in the `number`th of the streams that carry packets.
    pub(super) fn size_of_found(&self, number: usize, data: &[u8]) -> (u64, Option<u32>) {
        self.size_of(self.lanes.get(number), data)
    }

    fn size_of(&self, lane: Option<&Lane>, data: &[u8]) -> (u64, Option<u32>) {
        let whole = data.len() as u64;
        match (self.container, lane) {
            (Container::Mkv | Container::Webm, Some(lane)) if is_kept_whole(&lane.track) => {
                (whole, Some(crc32fast::hash(data)))
            }
            (Container::Ts { .. }, Some(Lane { track, .. })) => {
                sound::content(&track.codec, track.has_configuration, data)
                    .map_or((whole, None), |content| (content.bytes, Some(content.crc)))
            }
            _ => (whole, None),
        }
    }

    /// A packet is given to the muxer for stream `place`.
    pub(super) fn expect(&mut self, place: usize, row: Row) {
        if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.track.place == place) {
            lane.expect(row);
        }
    }

    /// The packet that came last for stream `place` is not in the movie after all.
    pub(super) fn take_back(&mut self, place: usize) {
        if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.track.place == place) {
            lane.take_back();
        }
    }

    /// Takes a packet that was found in the `number`th of the streams that carry packets, whose clock is
    /// `clock`; `is_hidden` where a player would not show it.
    pub(super) fn find(&mut self, number: usize, clock: (i32, i32), row: Row, is_hidden: bool) {
        let Some(lane) = self.lanes.get_mut(number) else { return };
        // The demuxer of transport streams hands out a picture of more than 200 KiB in pieces, and the first has
        // its times. A picture that had lost them would be missed in the end.
        let is_ts = matches!(self.container, Container::Ts { .. });
        if is_ts && lane.track.is_video && lane.found > 0 && row.pts.or(row.dts).is_none() {
            return;
        }
        let index = lane.found;
        let told = lane.find(row);
        let name = if lane.track.is_video { "the video" } else { "another stream" };
        let place = lane.track.place;
        let mut wrong = |what: String| {
            let detail = format!("packet {index} of {name} (stream {place} of the movie) {what}");
            self.wrong.get_or_insert_with(|| Mismatch::new(detail));
        };
        if clock != lane.track.clock {
            wrong(format!("is on a clock of {}/{}", clock.0, clock.1));
        }
        if lane.track.is_video {
            self.shown.extend(row.pts);
            if is_hidden {
                wrong("is hidden by an edit list".to_owned());
            }
            if row.dts.zip(lane.last_dts).is_some_and(|(dts, last)| dts <= last) {
                wrong("is decoded no later than the one before it".to_owned());
            }
            lane.last_dts = row.dts.or(lane.last_dts);
        }
        told.into_iter().for_each(wrong);
    }

    /// The movie has `count` streams that may carry packets. Muxers of boxes leave out a stream that got none:
    /// the numbers of those behind it are lower then.
    pub(super) fn settle(&mut self, count: usize) {
        if self.container.is_boxed() && count < self.lanes.len() {
            self.lanes.retain(|lane| lane.given > 0);
        }
    }

    /// All has been read.
    pub(super) fn end(&mut self) {
        for lane in &self.lanes {
            let left = lane.left();
            let (name, place) = (&lane.track.codec, lane.track.place);
            if let Some(left) = lane.bytes_missing().filter(|_| self.container.is_boxed()) {
                let detail =
                    format!("{left} bytes of {name} (stream {place} of the movie) are missing");
                self.wrong.get_or_insert_with(|| Mismatch::new(detail));
            }
            if left > 0 || (lane.given > 0 && lane.found == 0) {
                let detail = format!(
                    "{left} of {} packets of {name} (stream {place} of the movie) are not in it",
                    lane.given
                );
                self.wrong.get_or_insert_with(|| Mismatch::new(detail));
            }
        }
        self.check_frames();
    }

    /// What the movie shows must be the frame table.
    fn check_frames(&mut self) {
        if self.frames.is_empty() {
            return;
        }
        self.shown.sort_unstable();
        // A transport stream's clock is told but for its turns.
        let turn = match (self.container, self.shown.first(), self.frames.first()) {
            (Container::Ts { .. }, Some(shown), Some(due)) => (shown - due) / TS_WRAP * TS_WRAP,
            _ => 0,
        };
        let count = self.frames.len().max(self.shown.len());
        let wrong = (0..count).find(|index| {
            self.shown.get(*index).map(|shown| shown - turn) != self.frames.get(*index).copied()
        });
        let Some(index) = wrong else { return };
        let tick = |pts: Option<&i64>| pts.map_or_else(|| "nothing".to_owned(), i64::to_string);
        let (due, shown) = (tick(self.frames.get(index)), tick(self.shown.get(index)));
        let told = self.wrong.take().map_or_else(String::new, |other| format!(" ({other})"));
        self.wrong = Some(Mismatch {
            detail: format!(
                "frame {index} should be shown at tick {due}, the movie shows {shown}{told}"
            ),
            frame: Some(index as u64),
        });
    }

    pub(super) fn refuse(&mut self, mismatch: Mismatch) {
        self.wrong.get_or_insert(mismatch);
    }

    pub(super) const fn mismatch(&self) -> Option<&Mismatch> {
        self.wrong.as_ref()
    }

    pub(super) fn checked(&self) -> Checked {
        let found = |is_video: bool| {
            let lanes = self.lanes.iter().filter(move |lane| lane.track.is_video == is_video);
            lanes.map(|lane| lane.found).sum()
        };
        Checked {
            video_packets: found(true),
            other_packets: found(false),
            other_streams: self.lanes.iter().filter(|lane| !lane.track.is_video).count() as u64,
            spent_micros: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(container: Container) -> Ledger {
        let track = |place, is_video, codec: &str| Track {
            place,
            clock: (1, 90_000),
            is_video,
            codec: codec.to_owned(),
            has_configuration: true,
            delay: 0,
            starts_on: Some(1000),
        };
        let mut ledger = Ledger::new(container);
        ledger.begin(vec![track(0, true, "h264"), track(2, false, "aac")]);
        ledger.frames(vec![0, 3000, 6000]);
        for (pts, dts) in [(0, -3000), (6000, 0), (3000, 3000)] {
            ledger.expect(0, row(pts, dts, 10));
        }
        ledger.expect(2, row(0, 0, 7));
        ledger
    }

    fn row(pts: i64, dts: i64, bytes: u64) -> Row {
        Row { pts: Some(pts), dts: Some(dts), bytes, content: None }
    }

    /// What is wrong where the movie holds `video` and `sound`.
    fn wrong(video: &[Row], sound: &[Row]) -> Option<Mismatch> {
        let mut ledger = ledger(Container::Mp4);
        video.iter().for_each(|row| ledger.find(0, (1, 90_000), *row, false));
        sound.iter().for_each(|row| ledger.find(1, (1, 90_000), *row, false));
        ledger.end();
        ledger.mismatch().cloned()
    }

    const VIDEO: [(i64, i64); 3] = [(0, -3000), (6000, 0), (3000, 3000)];

    #[test]
    fn a_movie_that_holds_what_was_given_is_right_and_any_other_is_not() {
        let good: Vec<Row> = VIDEO.map(|(pts, dts)| row(pts, dts, 10)).into();
        let sound = [row(1, 1, 7)];
        assert_eq!(wrong(&good, &sound), None, "sound may be off by a tick");
        let mut late = good.clone();
        late[1].pts = Some(6001);
        let told = wrong(&late, &sound).unwrap();
        assert_eq!(told.frame, Some(2));
        assert!(told.detail.contains("packet 1 of the video"), "{told}");
        let told = wrong(&good[..2], &sound).unwrap();
        assert_eq!(told.frame, Some(1), "{told}");
        assert!(wrong(&good, &[row(1, 1, 9)]).unwrap().detail.contains("9 bytes"));
        assert!(wrong(&good, &[]).unwrap().detail.contains("1 of 1 packets of aac"));
        assert!(wrong(&good, &[row(2, 2, 7)]).is_some());
        let swapped = [good[1], good[0], good[2]];
        assert!(wrong(&swapped, &sound).is_some());
    }

    #[test]
    fn a_long_picture_of_a_transport_stream_may_come_in_pieces() {
        let piece = Row { pts: None, dts: None, bytes: 4, content: None };
        let found = |container, count: usize| {
            let mut ledger = ledger(container);
            for (pts, dts) in VIDEO.into_iter().take(count) {
                ledger.find(0, (1, 90_000), row(pts, dts, 6), false);
                ledger.find(0, (1, 90_000), piece, false);
            }
            ledger.find(1, (1, 90_000), row(0, 0, 7), false);
            ledger.end();
            ledger.mismatch().cloned()
        };
        assert_eq!(found(Container::Ts { timed: false }, 3), None);
        assert!(found(Container::Ts { timed: false }, 2).is_some(), "a picture is missing");
        assert!(found(Container::Mkv, 3).is_some());
    }

    /// A ledger of one sound.
    fn of_sound(container: Container, codec: &str, has_configuration: bool) -> Ledger {
        let mut ledger = Ledger::new(container);
        ledger.begin(vec![Track {
            place: 1,
            clock: (1, 90_000),
            is_video: false,
            codec: codec.to_owned(),
            has_configuration,
            delay: 0,
            starts_on: None,
        }]);
        ledger
    }

    fn give(ledger: &mut Ledger, pts: i64, data: &[u8]) {
        let (bytes, content) = ledger.size_of_given(1, data);
        ledger.expect(1, Row { pts: Some(pts), dts: None, bytes, content });
    }

    fn find(ledger: &mut Ledger, pts: i64, data: &[u8]) {
        let (bytes, content) = ledger.size_of_found(0, data);
        ledger.find(0, (1, 90_000), Row { pts: Some(pts), dts: None, bytes, content }, false);
    }

    /// What is wrong in the end.
    fn told(mut ledger: Ledger) -> Option<String> {
        ledger.end();
        ledger.mismatch().map(|mismatch| mismatch.detail.clone())
    }

    /// What is wrong where a transport stream holds `groups` of the sound that was given as `packets`.
    fn heard(packets: &[(i64, &[u8])], groups: &[(i64, &[u8])]) -> Option<String> {
        let mut ledger = of_sound(Container::Ts { timed: false }, "mp2", false);
        packets.iter().for_each(|(pts, data)| give(&mut ledger, *pts, data));
        groups.iter().for_each(|(pts, data)| find(&mut ledger, *pts, data));
        told(ledger)
    }

    #[test]
    fn sound_of_a_transport_stream_is_not_followed_any_more_once_some_of_it_is_unknown() {
        // A frame that leaves it to its sound which channels it has.
        let unknown: [u8; 9] = [0xff, 0xf1, 0x50, 0, 1, 0x3f, 0xfc, 1, 2];
        let mut found = of_sound(Container::Ts { timed: false }, "aac", true);
        give(&mut found, 0, b"one");
        find(&mut found, 0, &unknown);
        give(&mut found, 10, b"two");
        find(&mut found, 10, b"other");
        assert_eq!(told(found), None);
        let mut damaged = of_sound(Container::Ts { timed: false }, "aac", false);
        give(&mut damaged, 0, b"no header");
        find(&mut damaged, 0, b"er");
        assert_eq!(told(damaged), None);
    }

    #[test]
    fn a_packet_that_is_taken_back_leaves_the_others_as_they_were() {
        let mut grouped = of_sound(Container::Ts { timed: false }, "mp2", false);
        give(&mut grouped, 0, b"one");
        give(&mut grouped, 10, b"bad");
        grouped.take_back(1);
        grouped.take_back(1);
        find(&mut grouped, 0, b"one");
        assert_eq!(told(grouped), None, "only the last can be had back");
        let mut samples = of_sound(Container::Mov, "pcm_s16le", true);
        give(&mut samples, 0, b"one");
        give(&mut samples, 10, b"bad");
        samples.take_back(1);
        find(&mut samples, 0, b"one");
        assert_eq!(told(samples), None, "no bytes are missing");
        let mut unknown = of_sound(Container::Ts { timed: false }, "aac", false);
        give(&mut unknown, 0, &[0xff, 0xf1, 0x50, 0x80, 1, 0x3f, 0xfc, 1, 2]);
        give(&mut unknown, 10, b"no header");
        unknown.take_back(1);
        assert!(told(unknown).unwrap().contains("1 of 1 packets"));
    }

    #[test]
    fn sound_of_a_transport_stream_is_followed_through_its_groups() {
        let given: [(i64, &[u8]); 4] = [(0, b"one"), (10, b"two"), (20, b"three"), (30, b"four")];
        let good: [(i64, &[u8]); 3] = [(0, b"onetwo"), (20, b"three"), (30, b"four")];
        assert_eq!(heard(&given, &good), None);
        let says = |groups: &[(i64, &[u8])], words: &str| {
            let told = heard(&given, groups).unwrap();
            assert!(told.contains(words), "{told}");
        };
        says(&[(0, b"onetwo"), (22, b"three"), (30, b"four")], "tick 20");
        says(&[(0, b"onetwo"), (20, b"thre!"), (30, b"four")], "another content");
        says(&[(0, b"onetw"), (20, b"three"), (30, b"four")], "5 bytes instead of 6");
        says(&good[..2], "1 of 4 packets");
        says(&[&good[..], &[(40, b"five")]].concat(), "never given");
    }

    #[test]
    fn a_hidden_picture_and_another_clock_are_wrong() {
        let mut one = ledger(Container::Mp4);
        one.find(0, (1, 90_000), row(0, -3000, 10), true);
        assert!(one.mismatch().unwrap().detail.contains("hidden"));
        let mut other = ledger(Container::Mp4);
        other.find(0, (1, 1000), row(0, -3000, 10), false);
        assert!(other.mismatch().unwrap().detail.contains("clock"));
    }

    #[test]
    fn a_stream_that_got_no_packet_may_be_left_out_of_boxes() {
        let track = |place, den| Track {
            place,
            clock: (1, den),
            is_video: place == 0,
            codec: "h264".to_owned(),
            has_configuration: true,
            delay: 0,
            starts_on: Some(1000),
        };
        let found = |count| {
            let mut ledger = Ledger::new(Container::Mov);
            ledger.begin(vec![track(0, 90_000), track(1, 1000), track(2, 48_000)]);
            ledger.expect(0, row(0, 0, 10));
            ledger.expect(2, row(0, 0, 7));
            ledger.settle(count);
            ledger.find(0, (1, 90_000), row(0, 0, 10), false);
            ledger.find(count - 1, (1, 48_000), row(0, 0, 7), false);
            ledger.end();
            ledger.mismatch().cloned()
        };
        assert_eq!(found(3), None);
        assert_eq!(found(2), None);
    }

    #[test]
    fn the_clock_of_a_transport_stream_may_turn() {
        let mut turned = ledger(Container::Ts { timed: false });
        for (pts, dts) in VIDEO {
            turned.find(0, (1, 90_000), row(pts + TS_WRAP, dts + TS_WRAP, 10), false);
        }
        turned.find(1, (1, 90_000), row(0, 0, 7), false);
        turned.end();
        assert_eq!(turned.mismatch(), None);
    }
}
