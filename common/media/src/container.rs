//! Which container the movie goes into, and whether it can hold the movie exactly.
//!
//! Owns the list of containers that are written, and what each can hold. Refuses, before any work, what
//! a container would round (timestamps) or lose (streams, chapters, rotation); what may be lost when a
//! person allows it is named in the notes.

mod advice;
mod ffi;
mod holds;
pub(crate) mod language;
mod picture;
mod times;

use cleanplate_types::choice::extension;
use cleanplate_types::encode::VideoCodec;
use cleanplate_types::frames::FrameTable;
use cleanplate_types::source::{SourceDescription, StreamDescription, StreamKind};
use cleanplate_types::time::{Pts, Timebase};

use crate::adts::{SpoiltStream, SpoiltStreams};
use crate::error::MediaError;

pub(crate) use holds::{Fate, fate, holds_video};
pub(crate) use picture::{says_chroma_location, says_stereo};

/// A container that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Container {
    /// MP4, also under the name M4V.
    Mp4,
    /// `QuickTime`.
    Mov,
    /// Matroska.
    Mkv,
    /// `WebM`: Matroska for VP9 and AV1.
    Webm,
    /// MPEG transport stream, with packets of 188 bytes or (Blu-ray) of 192.
    Ts {
        /// Whether each packet has a time code of 4 bytes in front.
        timed: bool,
    },
}

impl Container {
    /// Its name for people.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Mp4 => "mp4",
            Self::Mov => "mov",
            Self::Mkv => "mkv",
            Self::Webm => "webm",
            Self::Ts { timed: false } => "ts",
            Self::Ts { timed: true } => "m2ts",
        }
    }

    /// libav's name of the muxer.
    pub(crate) const fn muxer(self) -> &'static str {
        match self {
            Self::Mp4 => "mp4",
            Self::Mov => "mov",
            Self::Mkv => "matroska",
            Self::Webm => "webm",
            Self::Ts { .. } => "mpegts",
        }
    }

    /// libav's name of the demuxer.
    pub(crate) const fn demuxer(self) -> &'static str {
        match self {
            Self::Mp4 | Self::Mov => "mov",
            Self::Mkv | Self::Webm => "matroska",
            Self::Ts { .. } => "mpegts",
        }
    }

    /// A refusal in the name of this container.
    pub(crate) fn cannot(self, detail: impl Into<String>) -> MediaError {
        MediaError::ContainerCannotHold { container: self.name().to_owned(), detail: detail.into() }
    }

    /// Whether it is of the MP4 family.
    pub(crate) const fn is_boxed(self) -> bool {
        match self {
            Self::Mp4 | Self::Mov => true,
            Self::Mkv | Self::Webm | Self::Ts { .. } => false,
        }
    }

    /// Whether it is of the Matroska family.
    pub(crate) const fn is_matroska(self) -> bool {
        match self {
            Self::Mkv | Self::Webm => true,
            Self::Mp4 | Self::Mov | Self::Ts { .. } => false,
        }
    }
}

/// Checks that the container that `output_name` asks for can hold the movie, each timestamp of `table` included;
/// returns what will be different, in words.
///
/// # Errors
/// [`MediaError::ContainerCannotHold`] for containers that are not written, for timestamps that would be
/// moved, and for streams, chapters and the like that would be lost where that is not allowed. It says which
/// container holds all of it.
pub fn check(
    description: &SourceDescription,
    table: &FrameTable,
    output_name: &str,
    codec: VideoCodec,
    allow_metadata_loss: bool,
) -> Result<Vec<String>, MediaError> {
    let container = chosen(description, output_name)?;
    let wanted = advice::Wanted { description, table, codec };
    if !holds_video(container, codec.as_str()) {
        let advice = wanted.for_codec(container, allow_metadata_loss);
        return Err(
            container.cannot(format!("{}; {advice}", no_place(container, codec.for_people())))
        );
    }
    if let Err(moved) = times::fit(container, table) {
        let advice = wanted.for_times(allow_metadata_loss);
        return Err(container.cannot(format!("{moved}; {advice}")));
    }
    let mut notes: Vec<String> = rounded(container, description).into_iter().collect();
    notes.extend(picture::unsaid(container, &description.video, codec));
    let lost = losses(container, description, codec);
    refuse_or_note(container, lost, allow_metadata_loss, &mut notes)
        .map_err(|words| container.cannot(format!("{words}; {}", wanted.for_losses())))?;
    Ok(notes)
}

/// What the container cannot hold of the source, in words.
fn losses(container: Container, description: &SourceDescription, codec: VideoCodec) -> Vec<String> {
    let others = description.streams.iter().filter(|one| one.index != description.video.stream);
    let of_stream = |stream: &StreamDescription| match fate(
        container,
        stream.kind,
        &stream.codec,
        stream.attached_picture,
    ) {
        Fate::Kept | Fate::Attached | Fate::Told => None,
        Fate::Lost(_) if is_chapter_track(description, stream) => None,
        Fate::Lost(why) => Some(format!("{} ({why})", named(stream))),
    };
    let mut lost: Vec<_> = others.filter_map(of_stream).collect();
    lost.extend(lost_beside(container, description.video.rotation != 0, description.chapters));
    lost.extend(picture::lost(container, &description.video, codec));
    lost
}

/// Checks that damaged packets beside the video have a place in the output: a transport stream takes them as
/// they are, every other container takes their headers away and cannot. Streams that are left out as a whole
/// are not looked at. Returns what is to be told of the packets.
///
/// # Errors
/// [`MediaError::DamagedBeside`] where they would have to be left out and damage is not concealed;
/// [`MediaError::ContainerCannotHold`] for containers that are not written.
pub fn check_spoilt(
    description: &SourceDescription,
    output_name: &str,
    spoilt: &SpoiltStreams,
    conceal: bool,
) -> Result<Vec<String>, MediaError> {
    let container = chosen(description, output_name)?;
    let is_kept = |stream: &&StreamDescription| {
        let still = stream.attached_picture;
        matches!(fate(container, stream.kind, &stream.codec, still), Fate::Kept)
    };
    let kept = description.streams.iter().filter(is_kept);
    let mut spoilt = kept.filter_map(|stream| Some((stream.index, spoilt.of(stream.index)?)));
    match container {
        Container::Ts { .. } => Ok(spoilt.flat_map(carried_as_it_is).collect()),
        // The stitch says what it leaves out.
        Container::Mp4 | Container::Mov | Container::Mkv | Container::Webm if conceal => {
            Ok(Vec::new())
        }
        Container::Mp4 | Container::Mov | Container::Mkv | Container::Webm => {
            let first = spoilt.find_map(|(_, packets)| packets.first.first());
            first.map_or_else(|| Ok(Vec::new()), |first| Err(first.refusal()))
        }
    }
}

/// What is told of the damaged packets of stream `index` where they are carried.
fn carried_as_it_is((index, packets): (u32, &SpoiltStream)) -> Vec<String> {
    let told = packets.first.iter().map(|one| format!("{one}; it is carried as it is"));
    let mut told: Vec<String> = told.collect();
    if packets.more > 0 {
        told.push(format!(
            "and {} more damaged packets of stream {index}; they are carried as they are",
            packets.more
        ));
    }
    told
}

/// The container that the output's name asks for; as the source's where the name has no extension.
///
/// # Errors
/// [`MediaError::ContainerCannotHold`] for containers that are not written.
pub(crate) fn chosen(
    description: &SourceDescription,
    output_name: &str,
) -> Result<Container, MediaError> {
    let brand = description.tags.iter().find(|(name, _)| name == "major_brand");
    by_name(output_name, &description.container, brand.map(|(_, value)| value.as_str()))
}

/// [`chosen`] where there is no description: `source` is libav's name of the source's demuxer, `brand`
/// the brand of an MP4.
pub(crate) fn by_name(
    output_name: &str,
    source: &str,
    brand: Option<&str>,
) -> Result<Container, MediaError> {
    let Some(extension) = extension(output_name) else {
        return as_source(source, brand);
    };
    let refused = |container: &str, detail: &str| {
        Err(MediaError::ContainerCannotHold {
            container: container.to_owned(),
            detail: detail.to_owned(),
        })
    };
    match extension.as_str() {
        "mp4" | "m4v" => Ok(Container::Mp4),
        "mov" | "qt" => Ok(Container::Mov),
        "mkv" => Ok(Container::Mkv),
        "ts" => Ok(Container::Ts { timed: false }),
        "m2ts" | "mts" => Ok(Container::Ts { timed: true }),
        "webm" => Ok(Container::Webm),
        "avi" => refused("avi", "it has no presentation timestamps; name the output .mp4 or .mkv"),
        "mka" => refused("mka", "it is for sound alone; name the output .mkv"),
        other => refused(other, WRITTEN),
    }
}

/// What is said of containers that are not written.
const WRITTEN: &str =
    "it is not written here; name the output .mp4, .m4v, .mov, .mkv, .webm, .ts or .m2ts";

fn as_source(source: &str, brand: Option<&str>) -> Result<Container, MediaError> {
    let names: Vec<&str> = source.split(',').collect();
    if names.contains(&"mp4") {
        let is_quicktime = brand.is_some_and(|brand| brand.trim() == "qt");
        return Ok(if is_quicktime { Container::Mov } else { Container::Mp4 });
    }
    match names.first().copied() {
        Some("matroska") => Ok(Container::Mkv),
        Some("mpegts") => Ok(Container::Ts { timed: false }),
        Some(other) => by_name(&format!("output.{other}"), source, None),
        None => by_name("output.unknown", source, None),
    }
}

/// Checks that every timestamp has a place in the container's own clock.
pub(crate) fn times_fit(container: Container, table: &FrameTable) -> Result<(), MediaError> {
    times::fit(container, table).map_err(|moved| container.cannot(moved))
}

/// Refuses a codec (libav's name) that the container has no place for.
pub(crate) fn refuse_codec(container: Container, codec: &str) -> Result<(), MediaError> {
    if holds_video(container, codec) {
        return Ok(());
    }
    Err(container.cannot(no_place(container, codec)))
}

/// Why a codec (by its name for people) does not go into a container.
fn no_place(container: Container, codec: &str) -> String {
    match container {
        Container::Webm => format!("it takes VP9 and AV1, not {codec}"),
        Container::Mp4 | Container::Mov | Container::Mkv | Container::Ts { .. } => {
            format!("it does not know {codec}")
        }
    }
}

/// What a container cannot say, beside streams.
pub(crate) fn lost_beside(container: Container, is_turned: bool, chapters: u32) -> Vec<String> {
    let mut lost = Vec::new();
    if is_turned && !container.is_boxed() {
        lost.push("the rotation".to_owned());
    }
    if chapters > 0 && matches!(container, Container::Ts { .. }) {
        lost.push(format!("{chapters} chapters"));
    }
    lost
}

/// What is rounded that is not video.
fn rounded(container: Container, description: &SourceDescription) -> Option<String> {
    let millis = Timebase::new(1, 1000)?;
    let finer = |stream: &&StreamDescription| {
        stream.kind == StreamKind::Audio && stream.timebase.rescale_exact(Pts(1), millis).is_none()
    };
    let coarse = container.is_matroska() && description.streams.iter().any(|s| finer(&s));
    coarse.then(|| format!("{} keeps the timestamps of the sound to 1 ms", container.name()))
}

/// A text track that `QuickTime` files have for their chapters: chapters are carried as such.
fn is_chapter_track(description: &SourceDescription, stream: &StreamDescription) -> bool {
    description.chapters > 0 && stream.kind == StreamKind::Data && stream.codec == "bin_data"
}

fn named(stream: &StreamDescription) -> String {
    let kind = match stream.kind {
        StreamKind::Video if stream.attached_picture => "cover picture",
        StreamKind::Video => "video",
        StreamKind::Audio => "audio",
        StreamKind::Subtitle => "subtitles",
        StreamKind::Data => "data",
        StreamKind::Attachment => "attachment",
    };
    format!("stream {}: {kind} in {}", stream.index, stream.codec)
}

/// Notes what would be lost, where that is allowed.
///
/// # Errors
/// The list of it, in words, where it is not.
pub(crate) fn refuse_or_note(
    container: Container,
    lost: Vec<String>,
    allowed: bool,
    notes: &mut Vec<String>,
) -> Result<(), String> {
    let name = container.name();
    if !lost.is_empty() && !allowed {
        return Err(lost.join(", "));
    }
    notes.extend(
        lost.into_iter().map(|one| format!("{name} cannot hold it and it is left out: {one}")),
    );
    Ok(())
}

#[cfg(test)]
mod tests;
