//! One stream of a movie: what was given for it and was not found yet.
//!
//! Owns the rules of what counts as equal in each container: video exact to the tick, other streams within
//! a tick (of the movie's clock where an edit list places them between two of its ticks); content where the
//! container does not rewrap it, and sound of transport streams whatever the groups are that it comes in.

use std::collections::VecDeque;

use super::super::queue::Queue;
use super::{Row, TS_WRAP, Track};
use crate::container::Container;

/// Where a packet that was given waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// Among packets that come back as they are.
    Alone,
    /// Among those that come back in other groups.
    Grouped,
    /// Nowhere: its stream cannot be followed.
    Unfollowed,
}

/// See the top of the file.
#[derive(Debug)]
pub(super) struct Lane {
    container: Container,
    pub(super) track: Track,
    /// Given and not found yet. In containers that are read as they are written this stays as short as
    /// the muxer's own queue; an index is read in the end, at some 5 bytes a packet.
    waiting: Queue,
    /// The same of streams whose packets come back in other groups; those are few.
    groups: VecDeque<Row>,
    /// Whether the content of some packet was not known, given or found, so that groups cannot be followed
    /// from there on.
    is_unknown: bool,
    /// The bytes of the packet that was given last, and where it waits.
    last_given: Option<(u64, Wait)>,
    pub(super) given: u64,
    pub(super) found: u64,
    /// Bytes given less bytes found.
    bytes_left: i128,
    /// Ticks by which a packet may be off.
    allowed: i64,
    pub(super) last_dts: Option<i64>,
}

impl Lane {
    pub(super) fn new(container: Container, track: Track) -> Self {
        Self {
            container,
            track,
            waiting: Queue::default(),
            groups: VecDeque::new(),
            is_unknown: false,
            last_given: None,
            given: 0,
            found: 0,
            bytes_left: 0,
            allowed: 0,
            last_dts: None,
        }
    }

    /// A packet is given.
    pub(super) fn expect(&mut self, row: Row) {
        let early = |stamp: Option<i64>| stamp.map(|stamp| stamp - self.track.delay);
        let row = Row { pts: early(row.pts), dts: early(row.dts), ..row };
        if self.given == 0 {
            self.allowed = allowed(&self.track, row.pts);
        }
        self.given += 1;
        self.bytes_left += i128::from(row.bytes);
        let is_regrouped = is_regrouped(self.container, &self.track);
        self.is_unknown |= is_regrouped && row.content.is_none();
        let wait = if !is_regrouped {
            self.waiting.push(row);
            Wait::Alone
        } else if !self.is_unknown {
            self.groups.push_back(row);
            Wait::Grouped
        } else {
            Wait::Unfollowed
        };
        self.last_given = Some((row.bytes, wait));
    }

    /// The packet that was given last is not in the movie after all; only the last can be had back.
    pub(super) fn take_back(&mut self) {
        let Some((bytes, wait)) = self.last_given.take() else { return };
        self.given -= 1;
        self.bytes_left -= i128::from(bytes);
        match wait {
            Wait::Alone => {
                self.waiting.take_back();
            }
            Wait::Grouped => {
                self.groups.pop_back();
            }
            Wait::Unfollowed => {}
        }
    }

    /// Takes a packet that was found, and says what is wrong with it.
    pub(super) fn find(&mut self, found: Row) -> Option<String> {
        self.found += 1;
        self.bytes_left -= i128::from(found.bytes);
        if is_regrouped(self.container, &self.track) {
            return self.regrouped(found);
        }
        match self.waiting.pop() {
            None => Some("was never given".to_owned()),
            Some(given) => differ(self, given, found),
        }
    }

    /// Number of packets that were given and not found.
    pub(super) fn left(&self) -> usize {
        self.waiting.len() + self.groups.len()
    }

    /// Bytes given less bytes found of a stream whose packets come back in other groups, where there are any.
    pub(super) fn bytes_missing(&self) -> Option<i128> {
        let is_off = self.bytes_left != 0 && is_regrouped(self.container, &self.track);
        is_off.then_some(self.bytes_left)
    }

    /// What is wrong with `found`, which should be one or more of the packets that were given, whole and in
    /// their order, under the time of the first.
    fn regrouped(&mut self, found: Row) -> Option<String> {
        self.is_unknown |= found.content.is_none();
        if self.is_unknown {
            self.groups.clear();
            return None;
        }
        let Some(first) = self.groups.front().copied() else {
            return Some("was never given".to_owned());
        };
        let (mut bytes, mut content) = (0, crc32fast::Hasher::new());
        while let Some(row) =
            self.groups.front().filter(|row| bytes < found.bytes || row.bytes == 0)
        {
            let crc = row.content.unwrap_or(0);
            content.combine(&crc32fast::Hasher::new_with_initial_len(crc, row.bytes));
            bytes += row.bytes;
            self.groups.pop_front();
        }
        let whole = Row { bytes, content: Some(content.finalize()), dts: None, ..first };
        differ(self, whole, found)
    }
}

/// Codecs whose packets Matroska keeps as they are; others it rewraps.
pub(super) fn is_kept_whole(track: &Track) -> bool {
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
fn differ(lane: &Lane, given: Row, found: Row) -> Option<String> {
    let Lane { container, track, allowed, .. } = lane;
    let container = *container;
    let told =
        |stamp: Option<i64>| stamp.map_or_else(|| "none".to_owned(), |stamp| stamp.to_string());
    let apart = |one: i64, other: i64| match container {
        Container::Ts { .. } => {
            let by = (one - other).rem_euclid(TS_WRAP);
            by.min(TS_WRAP - by)
        }
        Container::Mp4 | Container::Mov | Container::Mkv | Container::Webm => (one - other).abs(),
    };
    let is_off = |given: Option<i64>, found: Option<i64>| {
        given.zip(found).is_some_and(|(given, found)| apart(given, found) > *allowed)
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
        Container::Ts { .. } => found.content.is_none(),
    };
    if !is_rewrapped && given.bytes != found.bytes {
        return Some(format!("has {} bytes instead of {}", found.bytes, given.bytes));
    }
    (given.content != found.content).then(|| "has another content".to_owned())
}

/// Ticks by which a packet may be off whose stream starts at `start`: none of the video; of others one, or as
/// many as lie in a tick of the clock of late starts, where it has none for this one.
fn allowed(track: &Track, start: Option<i64>) -> i64 {
    if track.is_video {
        return 0;
    }
    let Some(per_second) = track.starts_on.map(i128::from) else { return 1 };
    let (num, den) = (i128::from(track.clock.0), i128::from(track.clock.1));
    let start = start.map_or(0, i128::from);
    let is_between = start > 0 && den > 0 && (start * num * per_second) % den != 0;
    let coarse = if is_between { den / (num * per_second).max(1) + 1 } else { 1 };
    i64::try_from(coarse).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_start_between_two_ticks_of_the_movies_clock_may_be_off_by_one_of_them() {
        let track = |starts_on| Track {
            place: 0,
            clock: (1, 48_000),
            is_video: false,
            codec: "aac".to_owned(),
            has_configuration: true,
            delay: 0,
            starts_on,
        };
        let of = |starts_on, start| allowed(&track(starts_on), Some(start));
        assert_eq!([of(Some(1000), 480), of(Some(1000), 481), of(Some(48_000), 481)], [1, 49, 1]);
        assert_eq!([of(None, 481), of(Some(1000), -1024)], [1, 1]);
    }
}
