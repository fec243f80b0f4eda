//! What is in a file: its displayed frames, its streams packet by packet, and all that is said of them.
//!
//! Owns the reading. Keeps 24 bytes a packet of the streams beside the video and eight a frame, so
//! that two files are compared by name of packet. Refuses to decode where packets tell the frames.

use cleanplate_types::digest::{Sha, ShaWriter};
use cleanplate_types::frames::FrameTable;
use cleanplate_types::source::{SourceDescription, StreamKind};
use cleanplate_types::time::Timebase;
use ffmpeg_next as libav;
use libav::codec::discard::Discard;
use libav::format::stream::Disposition;

use super::Media;
use super::beside::{Beside, Reader};
use crate::container::{self, Container};
use crate::decode::first::carries_alpha;
use crate::error::MediaError;
use crate::index::IndexUse;
use crate::input::Input;
use crate::scan::{ScanOrder, scan};

/// Names of what a stream is for.
const DISPOSITIONS: [(Disposition, &str); 13] = [
    (Disposition::DEFAULT, "default"),
    (Disposition::DUB, "dub"),
    (Disposition::ORIGINAL, "original"),
    (Disposition::COMMENT, "comment"),
    (Disposition::LYRICS, "lyrics"),
    (Disposition::KARAOKE, "karaoke"),
    (Disposition::FORCED, "forced"),
    (Disposition::HEARING_IMPAIRED, "hearing_impaired"),
    (Disposition::VISUAL_IMPAIRED, "visual_impaired"),
    (Disposition::CLEAN_EFFECTS, "clean_effects"),
    (Disposition::CAPTIONS, "captions"),
    (Disposition::DESCRIPTIONS, "descriptions"),
    (Disposition::METADATA, "metadata"),
];

/// Everything that is compared of one file without looking at pictures.
#[derive(Debug)]
pub(super) struct Inventory {
    pub(super) description: SourceDescription,
    pub(super) table: FrameTable,
    pub(super) notes: Vec<String>,
    pub(super) chapters: Vec<Chapter>,
    /// All streams but those that only carry chapters or a start time code.
    pub(super) streams: Vec<Stream>,
    /// The start time code, wherever it is written.
    pub(super) timecode: Option<String>,
    /// Captions and views, from the packets of the video.
    pub(super) beside: Beside,
    /// How the container tells that fields are stored and which one is shown first, in libav's numbering.
    pub(super) fields_told: i32,
    /// Packets of the video with alpha beside their picture.
    pub(super) alpha: u64,
}

impl Inventory {
    /// The container that it is in; nothing for those that are never written here.
    pub(super) fn held(&self) -> Option<Container> {
        container::chosen(&self.description, "").ok()
    }
}

/// A chapter.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chapter {
    pub(super) start: i64,
    pub(super) clock: Option<Timebase>,
    pub(super) title: String,
}

/// A packet: when it is due and how long it lasts in ticks of its stream, and the first half of half its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Print {
    pub(super) at: i64,
    /// How long it is shown, of texts and pictures over the video; 0 where that is not told.
    pub(super) lasts: i64,
    pub(super) content: u64,
}

/// A stream.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) index: usize,
    pub(super) kind: StreamKind,
    pub(super) codec: String,
    pub(super) is_still: bool,
    /// Whether it is the video that is compared by its frames.
    pub(super) is_the_video: bool,
    pub(super) clock: Timebase,
    pub(super) tags: Vec<(String, String)>,
    pub(super) dispositions: Vec<&'static str>,
    /// What an attachment holds.
    pub(super) attached: Option<Sha>,
    /// Its packets; none are kept of the video.
    pub(super) prints: Vec<Print>,
    pub(super) packets: u64,
    /// Of all packets' contents.
    pub(super) content: Sha,
    /// Its packets as one, of samples that muxers group as they like.
    pub(super) run: Option<Run>,
}

/// The samples of a stream of PCM, however they are cut into packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) bytes: u64,
    pub(super) content: Sha,
    /// When the last one ends, in ticks of the stream.
    pub(super) ends: i64,
}

impl Stream {
    /// `stream 1 (audio aac eng)`, or `video`.
    pub(super) fn name(&self) -> String {
        if self.is_the_video {
            return "video".to_owned();
        }
        let mut text = format!("stream {} ({} {}", self.index, kind_name(self.kind), self.codec);
        if let Some(language) = self.language() {
            text.push(' ');
            text.push_str(language);
        }
        text.push(')');
        text
    }

    /// Its language, where it is a known one.
    pub(super) fn language(&self) -> Option<&str> {
        let tag = self.tags.iter().find(|(name, _)| name.eq_ignore_ascii_case("language"));
        tag.map(|(_, value)| value.as_str()).filter(|value| *value != "und")
    }
}

pub(super) const fn kind_name(kind: StreamKind) -> &'static str {
    match kind {
        StreamKind::Video => "video",
        StreamKind::Audio => "audio",
        StreamKind::Subtitle => "subtitle",
        StreamKind::Data => "data",
        StreamKind::Attachment => "attachment",
    }
}

/// Reads a file whole.
pub(super) fn read(
    media: &Media,
    threads: u32,
    progress: &dyn Fn(u64),
) -> Result<Inventory, MediaError> {
    let order =
        ScanOrder { conceal: true, threads, index: IndexUse::Never, ..ScanOrder::default() };
    let scanned = scan(media.bytes.clone(), &media.name, &order, &mut |frames| progress(frames))?;
    let mut input = Input::open(media.bytes.clone(), &media.name)?;
    let video = usize::try_from(scanned.description.video.stream).unwrap_or(usize::MAX);
    let mut reading = Reading::of(&input, video);
    let mut packet = libav::Packet::empty();
    let mut count = 0;
    loop {
        match input.read(&mut packet) {
            Ok(true) => {}
            // Where a file is cut off the notes say so: it is compared as far as it goes.
            Ok(false) | Err(MediaError::Truncated { .. }) => break,
            Err(error) => return Err(error),
        }
        reading.take(&packet);
        count += 1;
        progress(count);
    }
    let fields_told = input.facts(video).map_or(0, |facts| facts.field_order);
    let Reading { lanes, beside, alpha } = reading;
    let timecode = timecode(&input, lanes.len());
    let streams = lanes.into_iter().flatten().map(Lane::finish).collect();
    Ok(Inventory {
        chapters: chapters(&input),
        description: scanned.description,
        table: scanned.table,
        notes: scanned.notes,
        streams,
        timecode,
        beside: beside.found,
        fields_told,
        alpha,
    })
}

/// A stream while it is read.
struct Lane {
    stream: Stream,
    hash: ShaWriter,
    /// Of the bytes of PCM, and how many there are.
    samples: Option<(ShaWriter, u64)>,
    ends: i64,
    is_framed_aac: bool,
}

impl Lane {
    fn of(input: &Input, index: usize, video: usize) -> Option<Self> {
        let stream = input.context().stream(index)?;
        let facts = input.facts(index)?;
        // Chapters that the demuxer has read, and start time codes, are compared as what they are.
        if stream.discard() == Discard::All || facts.codec == "tmcd" {
            return None;
        }
        let base = stream.time_base();
        let part = |number: i32| u32::try_from(number).ok();
        let clock = part(base.numerator()).zip(part(base.denominator()));
        let disposition = stream.disposition();
        let has = |(flag, name): &(Disposition, &'static str)| {
            disposition.contains(*flag).then_some(*name)
        };
        let is_attachment = facts.kind == StreamKind::Attachment;
        Some(Self {
            is_framed_aac: facts.codec == "aac" && facts.extradata.is_empty(),
            samples: facts.codec.starts_with("pcm_").then(|| (ShaWriter::default(), 0)),
            ends: i64::MIN,
            stream: Stream {
                index,
                kind: facts.kind,
                is_still: facts.is_still,
                is_the_video: index == video,
                clock: clock.and_then(|(num, den)| Timebase::new(num, den))?,
                tags: input.tags(Some(index)),
                dispositions: DISPOSITIONS.iter().filter_map(has).collect(),
                attached: is_attachment.then(|| Sha::of(&facts.extradata)),
                codec: facts.codec,
                prints: Vec::new(),
                packets: 0,
                content: Sha([0; 32]),
                run: None,
            },
            hash: ShaWriter::default(),
        })
    }

    fn take(&mut self, packet: &libav::Packet) {
        let data = packet.data().unwrap_or_default();
        let data = if self.is_framed_aac { without_frame(data) } else { data };
        let sha = Sha::of(data);
        self.hash.write(&sha.0);
        if let Some((hash, bytes)) = &mut self.samples {
            hash.write(data);
            *bytes += data.len() as u64;
        }
        self.stream.packets += 1;
        if !self.stream.is_the_video {
            let at = packet.pts().or_else(|| packet.dts()).unwrap_or(i64::MIN);
            let content = sha.0.first_chunk().copied().map_or(0, u64::from_le_bytes);
            let is_shown = self.stream.kind == StreamKind::Subtitle;
            let lasts = if is_shown { packet.duration() } else { 0 };
            self.stream.prints.push(Print { at, lasts, content });
            self.ends = at.saturating_add(packet.duration());
        }
    }

    fn finish(self) -> Stream {
        let ends = self.ends;
        let run = self.samples.map(|(hash, bytes)| Run { bytes, content: hash.finish(), ends });
        Stream { content: self.hash.finish(), run, ..self.stream }
    }
}

struct Reading {
    /// By index in the file.
    lanes: Vec<Option<Lane>>,
    beside: Reader,
    alpha: u64,
}

impl Reading {
    fn of(input: &Input, video: usize) -> Self {
        let count = input.context().streams().len();
        let lanes = (0..count).map(|index| Lane::of(input, index, video)).collect();
        let facts = input.facts(video);
        let mut beside = facts.map_or_else(
            || Reader::of("", &[]),
            |facts| Reader::of(&facts.codec, &facts.extradata),
        );
        if let Some(stream) = input.context().stream(video) {
            beside.found.hear(&stream);
        }
        Self { lanes, beside, alpha: 0 }
    }

    fn take(&mut self, packet: &libav::Packet) {
        let Some(Some(lane)) = self.lanes.get_mut(packet.stream()) else { return };
        lane.take(packet);
        if lane.stream.is_the_video {
            self.beside.take(packet.data().unwrap_or_default(), packet.pts());
            self.alpha += u64::from(carries_alpha(packet));
        }
    }
}

/// AAC as transport streams frame it: the header of 7 or 9 bytes is not sound.
fn without_frame(data: &[u8]) -> &[u8] {
    match data {
        [0xff, second, ..] if second & 0xf6 == 0xf0 => {
            let header = if second & 1 == 1 { 7 } else { 9 };
            data.get(header..).unwrap_or(data)
        }
        _ => data,
    }
}

fn chapters(input: &Input) -> Vec<Chapter> {
    let chapter = |chapter: libav::format::chapter::Chapter<'_>| {
        let base = chapter.time_base();
        let part = |number: i32| u32::try_from(number).ok();
        let clock = part(base.numerator()).zip(part(base.denominator()));
        Chapter {
            start: chapter.start(),
            clock: clock.and_then(|(num, den)| Timebase::new(num, den)),
            title: chapter.metadata().get("title").unwrap_or_default().to_owned(),
        }
    };
    input.context().chapters().map(chapter).collect()
}

fn timecode(input: &Input, streams: usize) -> Option<String> {
    let places = std::iter::once(None).chain((0..streams).map(Some));
    let mut tags = places.flat_map(|place| input.tags(place));
    tags.find(|(name, _)| name.eq_ignore_ascii_case("timecode")).map(|(_, value)| value)
}
