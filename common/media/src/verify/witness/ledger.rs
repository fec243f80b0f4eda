//! What a movie must hold, and what was found in it.
//!
//! Owns the rules of what counts as equal in each container: video exact to the tick, other streams within
//! a tick (of a millisecond where an edit list places them); content where the container does not rewrap it.

use super::Checked;
use super::queue::Queue;
use crate::container::Container;

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
}

/// A packet that was given to the muxer, or found in the movie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) pts: Option<i64>,
    pub(crate) dts: Option<i64>,
    pub(crate) bytes: u64,
    /// CRC of its content, 0 where it is not compared.
    pub(crate) content: u32,
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

#[derive(Debug)]
struct Lane {
    track: Track,
    /// Given and not found yet. In containers that are read as they are written this stays as short as
    /// the muxer's own queue; an index is read in the end, at some 5 bytes a packet.
    waiting: Queue,
    given: u64,
    found: u64,
    /// Bytes given less bytes found.
    bytes_left: i128,
    last_dts: Option<i64>,
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
        let lane = |track| Lane {
            track,
            waiting: Queue::default(),
            given: 0,
            found: 0,
            bytes_left: 0,
            last_dts: None,
        };
        self.lanes = tracks.into_iter().map(lane).collect();
    }

    pub(super) fn frames(&mut self, frames: Vec<i64>) {
        self.frames = frames;
    }

    /// Whether packets come out of the container as they went in, byte for byte.
    pub(super) fn wants_content(&self, place: usize) -> bool {
        let lane = self.lanes.iter().find(|lane| lane.track.place == place);
        self.container.is_matroska() && lane.is_some_and(|lane| is_kept_whole(&lane.track))
    }

    pub(super) fn expect(&mut self, place: usize, row: Row) {
        if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.track.place == place) {
            let early = |stamp: Option<i64>| stamp.map(|stamp| stamp - lane.track.delay);
            let row = Row { pts: early(row.pts), dts: early(row.dts), ..row };
            lane.given += 1;
            lane.bytes_left += i128::from(row.bytes);
            lane.waiting.push(row);
        }
    }

    /// Whether the content of stream `number` is compared: its CRC is needed then.
    pub(super) fn compares_content(&self, number: usize) -> bool {
        self.lanes.get(number).is_some_and(|lane| self.wants_content(lane.track.place))
    }

    /// Takes a packet that was found in the `number`th of the streams that carry packets, whose clock is
    /// `clock`; `is_hidden` where a player would not show it.
    pub(super) fn find(&mut self, number: usize, clock: (i32, i32), row: Row, is_hidden: bool) {
        let container = self.container;
        let Some(lane) = self.lanes.get_mut(number) else { return };
        let index = lane.found;
        lane.found += 1;
        lane.bytes_left -= i128::from(row.bytes);
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
        if is_regrouped(container, &lane.track) {
            lane.waiting.clear();
            return;
        }
        match lane.waiting.pop() {
            None => wrong("was never given".to_owned()),
            Some(given) => {
                if let Some(what) = differ(container, &lane.track, given, row) {
                    wrong(what);
                }
            }
        }
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
        let container = self.container;
        for lane in &self.lanes {
            let left = lane.waiting.len();
            let (name, place) = (&lane.track.codec, lane.track.place);
            if lane.bytes_left != 0 && container.is_boxed() && is_regrouped(container, &lane.track)
            {
                let left = lane.bytes_left;
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

/// Codecs whose packets Matroska keeps as they are; others it rewraps.
fn is_kept_whole(track: &Track) -> bool {
    const WHOLE: &[&str] =
        &["ac3", "eac3", "mp3", "mp2", "opus", "vorbis", "flac", "dts", "truehd", "subrip"];
    match track.codec.as_str() {
        "aac" => track.has_configuration,
        codec => WHOLE.contains(&codec) || codec.starts_with("pcm_"),
    }
}

/// Whether the container groups packets anew, so that one that is found need not be one that was given:
/// transport streams put several sounds into one, boxes know samples of PCM and no packets.
fn is_regrouped(container: Container, track: &Track) -> bool {
    match container {
        Container::Ts { .. } => !track.is_video,
        Container::Mp4 | Container::Mov => track.codec.starts_with("pcm_"),
        Container::Mkv | Container::Webm => false,
    }
}

/// In what a packet is not the one that was given.
fn differ(container: Container, track: &Track, given: Row, found: Row) -> Option<String> {
    let told =
        |stamp: Option<i64>| stamp.map_or_else(|| "none".to_owned(), |stamp| stamp.to_string());
    let apart = |one: i64, other: i64| match container {
        Container::Ts { .. } => {
            let by = (one - other).rem_euclid(TS_WRAP);
            by.min(TS_WRAP - by)
        }
        Container::Mp4 | Container::Mov | Container::Mkv | Container::Webm => (one - other).abs(),
    };
    let allowed = if track.is_video { 0 } else { allowed(track.clock) };
    let is_off = |given: Option<i64>, found: Option<i64>| {
        given.zip(found).is_some_and(|(given, found)| apart(given, found) > allowed)
    };
    // Before zero Matroska's demuxer gives no times.
    let may_have_none = container.is_matroska() && given.pts.is_some_and(|pts| pts < 0);
    let has_no_time = given.pts.is_some() && found.pts.is_none() && !may_have_none;
    if has_no_time || is_off(given.pts, found.pts) {
        let (due, shown) = (told(given.pts), told(found.pts));
        return Some(format!("should be shown at tick {due}, the movie says {shown}"));
    }
    if !container.is_matroska() && is_off(given.dts, found.dts) {
        let (due, shown) = (told(given.dts), told(found.dts));
        return Some(format!("should be decoded at tick {due}, the movie says {shown}"));
    }
    let is_rewrapped = match container {
        // Video is given with start codes and kept with lengths; that it fills the media is looked at.
        Container::Mp4 | Container::Mov => track.is_video || !is_kept_whole(track),
        Container::Mkv | Container::Webm => !is_kept_whole(track),
        Container::Ts { .. } => true,
    };
    if !is_rewrapped && given.bytes != found.bytes {
        return Some(format!("has {} bytes instead of {}", found.bytes, given.bytes));
    }
    (given.content != found.content).then(|| "has another content".to_owned())
}

/// Ticks by which a packet beside the video may be off: one, or a millisecond, which is what an edit
/// list is counted in.
fn allowed((num, den): (i32, i32)) -> i64 {
    let millisecond = i64::from(den) / (i64::from(num).max(1) * 1000);
    millisecond.saturating_add(1)
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
        Row { pts: Some(pts), dts: Some(dts), bytes, content: 0 }
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
        let sound = [row(40, 40, 7)];
        assert_eq!(wrong(&good, &sound), None, "sound may be off by less than a millisecond");
        let mut late = good.clone();
        late[1].pts = Some(6001);
        let told = wrong(&late, &sound).unwrap();
        assert_eq!(told.frame, Some(2));
        assert!(told.detail.contains("packet 1 of the video"), "{told}");
        let told = wrong(&good[..2], &sound).unwrap();
        assert_eq!(told.frame, Some(1), "{told}");
        assert!(wrong(&good, &[row(40, 40, 9)]).unwrap().detail.contains("9 bytes"));
        assert!(wrong(&good, &[]).unwrap().detail.contains("1 of 1 packets of aac"));
        assert!(wrong(&good, &[row(200, 200, 7)]).is_some());
        let swapped = [good[1], good[0], good[2]];
        assert!(wrong(&swapped, &sound).is_some());
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
