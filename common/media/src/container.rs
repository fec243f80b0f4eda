//! Which container the movie goes into, and whether it can hold the movie exactly.
//!
//! Owns the list of containers that are written, and what each can hold. Refuses, before any work, what
//! a container would round (timestamps) or lose (streams, chapters, rotation); what may be lost when a
//! person allows it is named in the notes.

mod ffi;
mod holds;

use cleanplate_types::choice::{extension, is_interlaced};
use cleanplate_types::encode::VideoCodec;
use cleanplate_types::frames::FrameTable;
use cleanplate_types::source::{SourceDescription, StreamDescription, StreamKind};
use cleanplate_types::time::{Pts, Timebase};

use crate::error::MediaError;

pub(crate) use holds::{Fate, fate, holds_video};

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

/// Checks that the container that `output_name` asks for can hold the movie; returns what will be
/// different, in words.
///
/// Timestamps are looked at by [`check_times`].
///
/// # Errors
/// [`MediaError::ContainerCannotHold`] for containers that are not written, and for streams, chapters
/// and the like that would be lost where that is not allowed.
pub fn check(
    description: &SourceDescription,
    output_name: &str,
    codec: VideoCodec,
    allow_metadata_loss: bool,
) -> Result<Vec<String>, MediaError> {
    let container = chosen(description, output_name)?;
    refuse_codec(container, codec.as_str(), codec.for_people())?;
    let mut notes: Vec<String> = rounded(container, description).into_iter().collect();
    let lost = losses(container, description, codec);
    refuse_or_note(container, lost, allow_metadata_loss, &mut notes)
        .map_err(|words| container.cannot(format!("{words}; {}", advice(description, codec))))?;
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
    if is_interlaced(description.video.field_order) && !says_fields(container, codec) {
        lost.push(format!("the field order ({} has none of its own)", codec.for_people()));
    }
    lost
}

/// What to do where something would be lost: the container that holds all of it, where there is one.
fn advice(description: &SourceDescription, codec: VideoCodec) -> String {
    const LEAVE_OUT: &str = "leave that out with --allow-metadata-loss";
    let holds_all = |container: &Container| {
        holds_video(*container, codec.as_str()) && losses(*container, description, codec).is_empty()
    };
    // Times that come from a transport stream are on its clock; others may not be.
    let from_ts = description.container == "mpegts";
    let stream = from_ts.then_some(Container::Ts { timed: false });
    let others = [Container::Mkv, Container::Mp4, Container::Mov].into_iter();
    let found = others.chain(stream).find(holds_all);
    found.map_or_else(
        || format!("no container holds all of it: {LEAVE_OUT}"),
        |container| format!("name the output .{}, or {LEAVE_OUT}", container.name()),
    )
}

/// Checks that the container holds each timestamp of `table` exactly.
///
/// # Errors
/// [`MediaError::ContainerCannotHold`], naming the first frame that would be moved, and which container
/// holds it.
pub fn check_times(
    description: &SourceDescription,
    output_name: &str,
    table: &FrameTable,
) -> Result<(), MediaError> {
    times_fit(chosen(description, output_name)?, table)
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

/// Refuses a codec (libav's name) that the container has no place for.
pub(crate) fn refuse_codec(
    container: Container,
    codec: &str,
    for_people: &str,
) -> Result<(), MediaError> {
    if holds_video(container, codec) {
        return Ok(());
    }
    Err(container.cannot(match container {
        Container::Webm => {
            format!("it takes VP9 and AV1, not {for_people}; name the output .mkv or .mp4, or use --encoder libvpx-vp9")
        }
        Container::Mp4 | Container::Mov | Container::Mkv | Container::Ts { .. } => {
            format!("it does not know {for_people}; name the output .mkv")
        }
    }))
}

/// Whether the field order comes back: said by the codec's pictures, or by the container for the whole
/// stream.
const fn says_fields(container: Container, codec: VideoCodec) -> bool {
    match (container, codec) {
        (_, VideoCodec::H264) | (Container::Mp4 | Container::Mov | Container::Mkv, _) => true,
        (Container::Webm | Container::Ts { .. }, _) => false,
    }
}

/// Checks that every timestamp has a place in the container's own clock.
///
/// MP4 and MOV have no place before tick 0: their edit lists begin there, and players (and libav, but for
/// sources without a key frame ahead of the edit) hide what comes before.
pub(crate) fn times_fit(container: Container, table: &FrameTable) -> Result<(), MediaError> {
    match container {
        Container::Mkv | Container::Webm => fit(container, table, (1, 1000), "whole milliseconds"),
        Container::Ts { .. } => {
            fit(container, table, (1, 90_000), "ticks of 90 kHz")?;
            refuse_outside_ts(container, table)
        }
        Container::Mp4 | Container::Mov => match table.pts.first() {
            Some(first) if first.0 < 0 => {
                let holds = times_fit(Container::Mkv, table).is_ok();
                let instead = if holds { "; name the output .mkv" } else { "" };
                Err(container.cannot(format!(
                    "its first frame is shown at tick {} of {} seconds, before zero, where players \
                     hide it{instead}",
                    first.0, table.timebase
                )))
            }
            Some(_) | None if table.timebase.den() > i32::MAX.unsigned_abs() => {
                Err(container.cannot(format!("it has no clock of {} seconds", table.timebase)))
            }
            Some(_) | None => Ok(()),
        },
    }
}

fn fit(
    container: Container,
    table: &FrameTable,
    (num, den): (u32, u32),
    unit: &str,
) -> Result<(), MediaError> {
    let Some(clock) = Timebase::new(num, den) else { return Ok(()) };
    let moved = |pts: &&Pts| table.timebase.rescale_exact(**pts, clock).is_none();
    match (0_u64..).zip(&table.pts).find(|(_, pts)| moved(pts)) {
        None => Ok(()),
        Some((index, pts)) => Err(container.cannot(format!(
            "it has {unit} only, and frame {index} is at tick {} of {} seconds{}",
            pts.0,
            table.timebase,
            instead(table, &[Container::Mp4, Container::Mov])
        ))),
    }
}

/// Advice to take one of `others`, of those that hold every timestamp.
fn instead(table: &FrameTable, others: &[Container]) -> String {
    let holds = |one: &&Container| match one {
        Container::Mp4 | Container::Mov => table.pts.first().is_none_or(|first| first.0 >= 0),
        Container::Mkv | Container::Webm | Container::Ts { .. } => times_fit(**one, table).is_ok(),
    };
    let names: Vec<_> = others.iter().filter(holds).map(|one| format!(".{}", one.name())).collect();
    if names.is_empty() {
        return "; no container that is written here holds these times".to_owned();
    }
    format!("; name the output {}", names.join(" or "))
}

/// Ticks that a transport stream counts before it starts again.
const TS_TICKS: i64 = 1 << 33;

/// Ticks of 90 kHz that a transport stream's clock runs ahead of its pictures: what comes earlier would
/// have to be sent before the stream's own time zero.
pub(crate) const TS_LEAD: i64 = 63_000;

/// Refuses pictures that a transport stream could show only by counting past its end.
fn refuse_outside_ts(container: Container, table: &FrameTable) -> Result<(), MediaError> {
    let Some(clock) = Timebase::new(1, 90_000) else { return Ok(()) };
    let at = |pts: Option<&Pts>| pts.and_then(|pts| table.timebase.rescale_exact(*pts, clock));
    match (at(table.pts.first()), at(table.pts.last())) {
        (Some(first), Some(last)) if first.0 >= TS_LEAD && last.0 < TS_TICKS => Ok(()),
        (first, last) => Err(container.cannot(format!(
            "its pictures must lie between {TS_LEAD} and {TS_TICKS} ticks of 90 kHz, and these go from {} to {}{}",
            first.map_or(0, |pts| pts.0),
            last.map_or(0, |pts| pts.0),
            instead(table, &[Container::Mp4, Container::Mkv])
        ))),
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
mod tests {
    use cleanplate_types::frames::TableOrigin;

    use super::*;

    #[test]
    fn times_that_no_container_holds_are_told_without_advice_that_leads_in_a_circle() {
        let refusal = |container, first: i64| {
            let table = FrameTable {
                timebase: Timebase::new(1, 90_000).unwrap(),
                pts: vec![Pts(first), Pts(first + 3003)],
                last_duration: 3003,
                entries: Vec::new(),
                origin: TableOrigin::Packets,
            };
            times_fit(container, &table).unwrap_err().to_string()
        };
        for container in [Container::Mp4, Container::Mkv, Container::Ts { timed: false }] {
            let words = refusal(container, -153_001);
            assert!(!words.contains("name the output"), "{words}");
        }
        let words = refusal(Container::Mkv, 7200);
        assert!(words.ends_with("name the output .mp4 or .mov"), "{words}");
        let words = refusal(Container::Ts { timed: false }, 7200);
        assert!(words.ends_with("name the output .mp4"), "{words}");
    }
}
