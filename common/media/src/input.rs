//! Opens a source for demuxing, over positioned reads and nothing else.
//!
//! Owns the list of containers that are read, and the difference between "the bytes end" and "the
//! bytes did not arrive". Refuses to open a second file, whatever the first one asks for: playlists
//! and external references have no way out of here.

mod ahead;
mod cut;
mod ffi;

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use cleanplate_types::access::ReadAt;
use cleanplate_types::source::StreamKind;
use ffmpeg_next as libav;

use crate::error::{MediaError, Words};
use crate::index::Indexed;
use crate::index::short::{self, Needed};
use crate::index::window::{self, Stretch};
use crate::log;

pub(crate) use ahead::Ahead;
pub(crate) use ffi::{SeekTo, StreamFacts, is_hidden, kind_of, refuse_to_open};

/// Bytes that libav asks for at a time: large enough that a read over a socket is worth its trip,
/// small enough that a seek wastes little. One such buffer per open source.
const BUFFER_BYTES: usize = 128 << 10;

/// Demuxers that are used, by libav's names. Each reads one file by itself.
pub const DEMUXERS: &[&str] = &[
    "mov",
    "matroska",
    "mpegts",
    "avi",
    "flv",
    "mpeg",
    "mxf",
    "ogg",
    "asf",
    "ivf",
    "h264",
    "hevc",
    "m4v",
    "mpegvideo",
    "obu",
    "nut",
    "yuv4mpegpipe",
    "dv",
    "gxf",
];

/// Demuxers of sound alone: what they read is refused with that reason.
const SOUND_DEMUXERS: &[&str] =
    &["mp3", "wav", "flac", "aac", "ac3", "eac3", "aiff", "amr", "ape", "caf", "dts", "w64", "wv"];

/// What demuxers log where the file ends before the container does.
const SIGNS_OF_TRUNCATION: &[&str] = &["File ended prematurely", "partial file"];

/// Boxes with which MP4 and MOV files begin.
const FIRST_BOXES: &[&[u8; 4]] =
    &[b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"pnot"];

/// A source as libav's custom IO sees it: a position over [`ReadAt`].
struct Positioned {
    source: Arc<dyn ReadAt>,
    position: u64,
    failed: FailedRead,
}

/// The first read that failed, kept because libav turns it into a number or an end of file.
type FailedRead = Arc<Mutex<Option<io::Error>>>;

impl Read for Positioned {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = match self.source.read_at(self.position, buffer) {
            Ok(0) if self.position < self.source.size() => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("no bytes at {} of {}", self.position, self.source.size()),
            )),
            other => other,
        };
        match result {
            Ok(count) => {
                self.position += count as u64;
                Ok(count)
            }
            Err(error) => {
                let told = io::Error::other(error.to_string());
                self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                Err(told)
            }
        }
    }
}

impl Seek for Positioned {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.source.size().checked_add_signed(by),
        };
        self.position = place.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// An open source.
pub struct Input {
    context: libav::format::context::Input,
    failed: FailedRead,
    size: u64,
    /// For what the container says at its end.
    source: Arc<dyn ReadAt>,
    /// Where the furthest sample ends that libav's index does not have.
    reach: u64,
}

impl std::fmt::Debug for Input {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Input").field("size", &self.size).finish_non_exhaustive()
    }
}

impl Input {
    /// Opens `source`; `name_hint` is its file name, which helps libav to tell raw streams apart.
    ///
    /// Stream parameters are found by reading (and where needed decoding) the beginning.
    ///
    /// # Errors
    /// [`MediaError::NotMedia`], [`MediaError::ContainerRefused`], [`MediaError::AudioOnly`] for
    /// sound files, [`MediaError::Truncated`] where an MP4 has no index, and [`MediaError::Read`].
    pub fn open(source: Arc<dyn ReadAt>, name_hint: &str) -> Result<Self, MediaError> {
        Self::open_for(&source, name_hint, Needed::All)
    }

    /// As [`open`](Self::open), for packets of what is `needed` alone: of other tracks of an MP4 only a
    /// beginning is kept in memory.
    pub(crate) fn open_for(
        source: &Arc<dyn ReadAt>,
        name_hint: &str,
        needed: Needed,
    ) -> Result<Self, MediaError> {
        if begins_with_iso_box(source.as_ref()).map_err(MediaError::Read)?
            && let Some(view) = short::view(source, needed)?
            && let Some(input) = Self::open_view(view, name_hint)?
        {
            return Ok(input);
        }
        Self::open_whole(Arc::clone(source), name_hint)
    }

    /// As [`open`](Self::open), for the packets of a stretch of one stream of an MP4, with an index of those
    /// alone; nothing where that saves nothing or is not possible.
    pub(crate) fn open_near(
        source: &Arc<dyn ReadAt>,
        name_hint: &str,
        stretch: Stretch,
    ) -> Result<Option<Self>, MediaError> {
        if !begins_with_iso_box(source.as_ref()).map_err(MediaError::Read)? {
            return Ok(None);
        }
        let Some(view) = window::view(source, stretch)? else { return Ok(None) };
        let view: Arc<dyn ReadAt> = Arc::new(view);
        match Self::open_for(&view, name_hint, Needed::Only(stretch.stream)) {
            Ok(input) => Ok(Some(input)),
            Err(MediaError::Read(error)) => Err(MediaError::Read(error)),
            Err(error) => {
                tracing::debug!(%error, "the source is opened whole");
                Ok(None)
            }
        }
    }

    /// Opens a view; nothing where libav has other streams than the view thought.
    fn open_view(view: short::View, name_hint: &str) -> Result<Option<Self>, MediaError> {
        let (reach, short) = (view.reach, view.short.clone());
        let Ok(mut input) = Self::open_whole(Arc::new(view), name_hint) else { return Ok(None) };
        input.reach = reach;
        let is_there = |(stream, track): &(usize, u32)| input.track_id(*stream) == Some(*track);
        Ok(short.iter().all(is_there).then_some(input))
    }

    fn open_whole(source: Arc<dyn ReadAt>, name_hint: &str) -> Result<Self, MediaError> {
        log::install();
        drop(log::take());
        let size = source.size();
        let is_iso = begins_with_iso_box(source.as_ref()).map_err(MediaError::Read)?;
        let failed = FailedRead::default();
        let positioned =
            Positioned { source: Arc::clone(&source), position: 0, failed: Arc::clone(&failed) };
        let io = libav::format::context::StreamIo::from_read_seek_with_capacity(
            positioned,
            BUFFER_BYTES,
        )
        .map_err(|_full| MediaError::OutOfMemory { doing: "opening the source" })?;
        match ffi::open(io, &name_only(name_hint), DEMUXERS) {
            Ok(context) => Ok(Self { context, failed, size, source, reach: 0 }),
            Err(refusal) => {
                Err(taken(&failed).map_or_else(|| refused(refusal, is_iso), MediaError::Read))
            }
        }
    }

    /// The demuxer's name, such as `mov,mp4,m4a,3gp,3g2,mj2`.
    #[must_use]
    pub fn container(&self) -> String {
        self.context.format().name().to_owned()
    }

    /// Size of the source in bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Where the furthest sample ends that the container's index speaks of, in bytes; 0 where it has none.
    pub(crate) fn index_end(&self) -> u64 {
        let ends =
            (0..self.context.streams().len()).map(|index| ffi::index_end(&self.context, index));
        ends.max().unwrap_or(0).max(self.reach)
    }

    /// The safe part of libav's own view.
    pub(crate) const fn context(&self) -> &libav::format::context::Input {
        &self.context
    }

    /// What the safe view does not show of stream `index`.
    pub(crate) fn facts(&self, index: usize) -> Option<StreamFacts> {
        ffi::facts(&self.context, index)
    }

    /// The tags of the container, or of stream `index`.
    pub(crate) fn tags(&self, index: Option<usize>) -> Vec<(String, String)> {
        ffi::tags(&self.context, index)
    }

    /// The container's duration in microseconds, as it claims.
    pub(crate) fn duration_micros(&self) -> Option<i64> {
        let duration = self.context.duration();
        (duration > 0).then_some(duration)
    }

    /// As [`duration_micros`](Self::duration_micros), where the container says it and libav has not made it from
    /// packets or the bit rate.
    pub(crate) fn duration_told(&self) -> Option<i64> {
        self.duration_micros().filter(|_| ffi::tells_duration(&self.context))
    }

    /// The stream that libav thinks best among the video streams that are no cover pictures.
    pub(crate) fn best_video(&self) -> Option<usize> {
        let is_video = |index: usize| {
            self.facts(index)
                .is_some_and(|facts| facts.kind == StreamKind::Video && !facts.is_still)
        };
        let best = self.context.streams().best(libav::media::Type::Video).map(|s| s.index());
        best.filter(|index| is_video(*index))
            .or_else(|| (0..self.context.streams().len()).find(|index| is_video(*index)))
    }

    /// The number that the container gives stream `index`, such as an MP4's track.
    pub(crate) fn track_id(&self, index: usize) -> Option<u32> {
        u32::try_from(self.context.stream(index)?.id()).ok()
    }

    /// Samples of stream `index` in the container's index.
    pub(crate) fn index_length(&self, index: usize) -> usize {
        ffi::index_length(&self.context, index)
    }

    /// A sample of stream `index` in the container's index.
    pub(crate) fn index_sample(&self, index: usize, place: usize) -> Option<Indexed> {
        ffi::index_sample(&self.context, index, place)
    }

    /// Reads only stream `kept` from here on.
    pub(crate) fn keep_only(&mut self, kept: usize) {
        self.keep(&|index| index == kept);
    }

    /// Reads only the streams that are `wanted` from here on.
    pub(crate) fn keep(&mut self, wanted: &dyn Fn(usize) -> bool) {
        ffi::keep(&mut self.context, wanted);
    }

    /// Reads the next packet of any kept stream into `packet`; `false` at the end.
    ///
    /// # Errors
    /// [`MediaError::Read`] where the bytes did not arrive, [`MediaError::Truncated`] where the
    /// file ends before the container does, [`MediaError::Damaged`] where the demuxer cannot go on.
    pub(crate) fn read(&mut self, packet: &mut libav::Packet) -> Result<bool, MediaError> {
        let result = ffi::read(&mut self.context, packet);
        if let Some(error) = taken(&self.failed) {
            return Err(MediaError::Read(error));
        }
        match result {
            Ok(()) if self.is_cut_off(packet) => {
                Err(MediaError::Truncated { detail: "its last picture is incomplete".to_owned() })
            }
            Ok(()) => Ok(true),
            Err(error) => {
                let words = Words::of(error);
                if let Some(sign) = SIGNS_OF_TRUNCATION.iter().find(|sign| words.mention(sign)) {
                    let detail = format!("libav says \"{sign}\" at its end");
                    return Err(MediaError::Truncated { detail });
                }
                if error == libav::Error::Eof {
                    // Some demuxers end in silence wherever the bytes do.
                    let missing = cut::missing(self.source.as_ref(), &self.container());
                    return match missing.map_err(MediaError::Read)? {
                        Some(detail) => Err(MediaError::Truncated { detail }),
                        None => Ok(false),
                    };
                }
                Err(MediaError::Damaged { frame: None, pts: None, words })
            }
        }
    }

    /// Whether the file ended inside this packet: libav hands out what there was, flagged.
    fn is_cut_off(&self, packet: &libav::Packet) -> bool {
        let end = u64::try_from(packet.position())
            .map(|place| place.saturating_add(packet.size() as u64));
        packet.is_corrupt() && end.is_ok_and(|end| end >= self.size)
    }

    /// Goes to a place in the source; which packet comes next is for the caller to look at.
    ///
    /// # Errors
    /// [`MediaError::Read`] where the bytes did not arrive; [`MediaError::Decode`] where libav
    /// finds no such place.
    pub(crate) fn seek(&mut self, stream: usize, to: SeekTo) -> Result<(), MediaError> {
        let result = ffi::seek(&mut self.context, stream, to);
        if let Some(error) = taken(&self.failed) {
            return Err(MediaError::Read(error));
        }
        result.map_err(|error| MediaError::Decode { doing: "seeking", words: Words::of(error) })
    }
}

fn taken(failed: &FailedRead) -> Option<io::Error> {
    failed.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// The last part of a path or URL: libav looks at nothing but its extension.
fn name_only(hint: &str) -> String {
    let name = hint.rsplit('/').next().unwrap_or(hint);
    let name = name.split(['?', '#']).next().unwrap_or(name);
    name.replace([':', '\0'], "_")
}

/// Whether the first bytes are a box of an MP4 or MOV, whatever the file is called.
fn begins_with_iso_box(source: &dyn ReadAt) -> io::Result<bool> {
    let mut head = [0; 8];
    let mut filled = 0;
    while filled < head.len() {
        match source.read_at(filled as u64, &mut head[filled..])? {
            0 => return Ok(false),
            count => filled += count,
        }
    }
    Ok(FIRST_BOXES.iter().any(|name| head.ends_with(*name)))
}

fn refused(refusal: ffi::Refusal, is_iso: bool) -> MediaError {
    match refusal {
        ffi::Refusal::Demuxer(format) => {
            let mut names = format.split(',');
            if names.any(|name| SOUND_DEMUXERS.contains(&name)) {
                MediaError::AudioOnly
            } else {
                MediaError::ContainerRefused { format }
            }
        }
        ffi::Refusal::Memory => MediaError::OutOfMemory { doing: "opening the source" },
        ffi::Refusal::Failed(error) => {
            let words = Words::of(error);
            if is_iso && words.mention("moov atom not found") {
                MediaError::Truncated {
                    detail: "its index (the moov box, written last) is missing".to_owned(),
                }
            } else {
                MediaError::NotMedia(words)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Flaky(u64);

    impl ReadAt for Flaky {
        fn size(&self) -> u64 {
            self.0
        }

        fn read_at(&self, _offset: u64, _buffer: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::new(io::ErrorKind::ConnectionReset, "the store hung up"))
        }
    }

    struct Bytes(Vec<u8>);

    impl ReadAt for Bytes {
        fn size(&self) -> u64 {
            self.0.len() as u64
        }

        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
            let offset = usize::try_from(offset).unwrap_or(usize::MAX);
            let rest = &self.0[offset.min(self.0.len())..];
            let count = rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        }
    }

    #[test]
    fn a_failed_read_is_told_as_that_and_not_as_a_bad_file() {
        let error = Input::open(Arc::new(Flaky(1 << 20)), "a.mp4").unwrap_err();
        let MediaError::Read(error) = error else { panic!("{error}") };
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[test]
    fn text_is_not_media() {
        let bytes = Bytes(b"I am a letter, not a film. ".repeat(200));
        let error = Input::open(Arc::new(bytes), "letter.mp4").unwrap_err();
        assert!(matches!(error, MediaError::NotMedia(_)), "{error}");
    }

    #[test]
    fn a_playlist_cannot_open_other_files() {
        let list = b"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n\
            file:///etc/passwd\n#EXT-X-ENDLIST\n";
        let error = Input::open(Arc::new(Bytes(list.to_vec())), "list.m3u8").unwrap_err();
        assert!(
            matches!(&error, MediaError::ContainerRefused { format } if format.contains("hls")),
            "{error}"
        );
    }

    #[test]
    fn hints_lose_everything_that_libav_could_take_for_a_protocol() {
        assert_eq!(name_only("https://a.example/film.ts?key=1"), "film.ts");
        assert_eq!(name_only("concat:a.ts|b.ts"), "concat_a.ts|b.ts");
    }
}
