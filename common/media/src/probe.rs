//! Describes a source: its container and streams, and everything of its video that must come back.
//!
//! Owns what is refused before any work: sound alone, no decoder, samples that are not planar YUV,
//! encryption, a file cut off. Decodes one frame, since a container does not know (or tells wrong) what
//! the decoder will give; refuses to decode more.

mod beside;
mod hdr;

use cleanplate_types::picture::PixelLayout;
use cleanplate_types::source::{
    Colour, FieldOrder, SourceDescription, StreamDescription, StreamKind, VideoDescription,
};
use cleanplate_types::time::Timebase;
use ffmpeg_next as libav;

use crate::decode::first::{First, first_frame};
use crate::error::{MediaError, Words};
use crate::frame;
use crate::input::{Input, StreamFacts};
use crate::scan::watch::PULLDOWN;
use crate::sequence;

/// Packets of the video stream that are tried for a first frame: 20 seconds of 60 frames, longer than
/// the groups of pictures of any broadcast.
const FIRST_FRAME_PACKETS: u32 = 1200;

/// What is told of a source whose pictures are single fields.
const SINGLE_FIELDS: &str = "its pictures are single fields, each a frame of its own; the output does not say which \
                             of them are top and which are bottom fields: frames and times are the same";

/// The container whose index tells where each packet ends before any is read.
const INDEXED_CONTAINER: &str = "mov,mp4,m4a,3gp,3g2,mj2";

/// Describes the source that `input` has just opened. `input` is read from, so that it cannot be used
/// for its frames afterwards.
///
/// # Errors
/// [`MediaError::NoVideo`], [`MediaError::AudioOnly`], [`MediaError::Encrypted`],
/// [`MediaError::UnsupportedCodec`], [`MediaError::UnsupportedPixels`], [`MediaError::NoFrames`],
/// [`MediaError::Truncated`], and [`MediaError::Read`].
pub fn describe(input: &mut Input) -> Result<SourceDescription, MediaError> {
    describe_noting(input, &mut Vec::new())
}

/// As [`describe`]; what an output will not say of the first frame goes into `notes`.
///
/// # Errors
/// As [`describe`].
pub(crate) fn describe_noting(
    input: &mut Input,
    notes: &mut Vec<String>,
) -> Result<SourceDescription, MediaError> {
    let streams = streams(input);
    let Some(chosen) = input.best_video() else {
        let sound = streams.iter().any(|stream| stream.kind == StreamKind::Audio);
        return Err(if sound { MediaError::AudioOnly } else { MediaError::NoVideo });
    };
    refuse_truncated(input)?;
    let Some(facts) = input.facts(chosen) else {
        return Err(MediaError::Internal(format!("stream {chosen} has no parameters")));
    };
    if facts.encrypted {
        return Err(MediaError::Encrypted);
    }
    let (tags, chapters) = (input.tags(None), input.context().nb_chapters());
    let first = first_frame(input, chosen, FIRST_FRAME_PACKETS)?;
    let Some(First { frame: first, has_alpha }) = first else {
        return Err(refused_without_frame(Words::logged("no frame can be decoded")));
    };
    // MPEG-2 says it in headers, which are read of every packet.
    if facts.codec == "h264" && frame::repeats(&first) {
        notes.push(PULLDOWN.to_owned());
    }
    // An interlaced frame of HEVC is one field, by the message ahead of it.
    if facts.codec == "hevc" && first.is_interlaced() {
        notes.push(SINGLE_FIELDS.to_owned());
    }
    Ok(SourceDescription {
        container: input.container(),
        bytes: input.size(),
        duration_micros: input.duration_micros(),
        video: VideoDescription {
            // A packet before the first frame shows it, or the container promises it.
            alpha: has_alpha || promises_alpha(input, chosen, &facts),
            ..video(input, chosen, &facts, &first)?
        },
        streams,
        chapters,
        tags,
    })
}

/// Why a stream shows nothing at all: there is nothing in it, or nothing of it can be decoded.
fn refused_without_frame(words: Words) -> MediaError {
    if words.lines.is_empty() {
        return MediaError::NoFrames;
    }
    MediaError::Damaged { frame: None, pts: None, words }
}

/// An index that points past the end of the file: the rest is missing.
fn refuse_truncated(input: &Input) -> Result<(), MediaError> {
    if input.container() != INDEXED_CONTAINER {
        return Ok(());
    }
    let end = input.index_end();
    if end <= input.size() {
        return Ok(());
    }
    let detail = format!("its index speaks of {end} bytes, the file has {}", input.size());
    Err(MediaError::Truncated { detail })
}

fn streams(input: &Input) -> Vec<StreamDescription> {
    let describe = |stream: libav::Stream<'_>| {
        let facts = input.facts(stream.index())?;
        let tags = input.tags(Some(stream.index()));
        let language =
            tags.into_iter().find(|(name, _)| name == "language").map(|(_, value)| value);
        let start = stream.start_time();
        Some(StreamDescription {
            index: u32::try_from(stream.index()).ok()?,
            kind: facts.kind,
            codec: facts.codec,
            timebase: timebase(&stream)?,
            start: (start != i64::MIN).then_some(start),
            language,
            attached_picture: facts.is_still,
        })
    };
    input.context().streams().filter_map(describe).collect()
}

fn timebase(stream: &libav::Stream<'_>) -> Option<Timebase> {
    let (num, den) = fraction(stream.time_base().numerator(), stream.time_base().denominator());
    Timebase::new(num, den)
}

/// A fraction of libav, `(0, 1)` where it is unknown or makes no sense.
fn fraction(num: i32, den: i32) -> (u32, u32) {
    match (u32::try_from(num), u32::try_from(den)) {
        (Ok(num), Ok(den)) if num > 0 && den > 0 => (num, den),
        _ => (0, 1),
    }
}

fn video(
    input: &Input,
    chosen: usize,
    facts: &StreamFacts,
    first: &libav::frame::Video,
) -> Result<VideoDescription, MediaError> {
    let layout = layout(first)?;
    let stream = input.context().stream(chosen);
    let Some((stream, timebase)) = stream.and_then(|s| timebase(&s).map(|t| (s, t))) else {
        return Err(MediaError::BadTimes { detail: "the stream has no clock".to_owned() });
    };
    let rates = [stream.avg_frame_rate(), stream.rate()];
    let rates = rates.map(|rate| fraction(rate.numerator(), rate.denominator()));
    let [of_container, of_codec] = facts.aspect.map(|(num, den)| fraction(num, den));
    let hdr = hdr::Hdr::of(&stream, first);
    Ok(VideoDescription {
        stream: u32::try_from(chosen).unwrap_or(u32::MAX),
        codec: facts.codec.clone(),
        profile: facts.profile,
        width: first.width(),
        height: first.height(),
        layout,
        timebase,
        sample_aspect: if of_container.0 > 0 { of_container } else { of_codec },
        frame_rate: if rates[0].0 > 0 { rates[0] } else { rates[1] },
        colour: colour(facts, frame::colour_of(first)),
        field_order: field_order(facts, first),
        rotation: hdr.rotation,
        mastering: hdr.mastering,
        light_level: hdr.light_level,
        dynamic_hdr: hdr.dynamic,
        messages: beside::messages(first),
        stereo: beside::stereo(&stream),
        alpha: false,
        sets: sequence::own_sets(&facts.codec, &facts.extradata),
    })
}

/// Whether the container says that the video has alpha beside it.
fn promises_alpha(input: &Input, chosen: usize, facts: &StreamFacts) -> bool {
    let says = |(name, value): &(String, String)| {
        name.eq_ignore_ascii_case("alpha_mode") && value.trim() == "1"
    };
    matches!(facts.codec.as_str(), "vp8" | "vp9") && input.tags(Some(chosen)).iter().any(says)
}

fn layout(first: &libav::frame::Video) -> Result<PixelLayout, MediaError> {
    let format = frame::format_of(first);
    frame::layout_of(format)
        .ok_or_else(|| MediaError::UnsupportedPixels { format: frame::format_name(format) })
}

/// What the container says; where it says nothing, what the decoder says of its `first` frame: some formats
/// (VP8, Motion JPEG) mean one matrix and never write it down.
fn colour(facts: &StreamFacts, first: [i32; 5]) -> Colour {
    // 2 is "unspecified" in H.273, 0 in libav's own two numberings.
    let of = |place: usize, unknown: u8| {
        let told = |value: i32| u8::try_from(value).ok().filter(|value| *value != unknown);
        told(facts.colour[place]).or_else(|| told(first[place])).unwrap_or(unknown)
    };
    Colour {
        primaries: of(0, 2),
        transfer: of(1, 2),
        matrix: of(2, 2),
        range: of(3, 0),
        chroma_location: of(4, 0),
    }
}

/// The decoder sees fields; a container may only claim them.
fn field_order(facts: &StreamFacts, first: &libav::frame::Video) -> FieldOrder {
    if first.is_interlaced() {
        return if first.is_top_first() { FieldOrder::TopFirst } else { FieldOrder::BottomFirst };
    }
    // libav's numbering. 4 and 5 (`tb`, `bt`) are documented as coded and shown in different orders, but all who
    // write them mean two fields in one frame, and by their first letter the one that is shown first: so
    // ffmpeg writes them, and so libav's own decoders of raw samples read them.
    match facts.field_order {
        1 => FieldOrder::Progressive,
        2 | 4 => FieldOrder::TopFirst,
        3 | 5 => FieldOrder::BottomFirst,
        _ => FieldOrder::Unknown,
    }
}
