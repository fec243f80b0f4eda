//! What `probe` found, for people and as JSON.

use cleanplate_types::frames::TableOrigin;
use cleanplate_types::source::{
    SourceDescription, StreamDescription, StreamKind, VideoDescription,
};
use cleanplate_types::tier::{FIRST_ROW_WITHOUT_NVENC, TIERS, Tier};
use serde_json::{Value, json};

use super::{Answer, Cells, Entries};
use crate::exit::Refusal;
use crate::follow::size;
use crate::progress::clock;
use crate::say;

/// Prints the tables.
///
/// # Errors
/// Where standard output cannot be written.
pub(super) fn for_people(name: &str, answer: &Answer) -> Result<(), Refusal> {
    let Answer { description, frames, shown_nanos, origin, entries, cells, tiers, notes } = answer;
    let (from, to) = *shown_nanos;
    let SourceDescription { container, bytes, chapters, .. } = description;
    say::line(&format!("{name}: {container}, {}", size(*bytes)))?;
    say::line("")?;
    let mut rows =
        vec![["STREAM", "KIND", "CODEC", "LANGUAGE", "WHAT"].map(str::to_owned).to_vec()];
    rows.extend(description.streams.iter().map(|stream| stream_row(stream, &description.video)));
    say::table(&rows)?;
    say::line("")?;

    let Entries { idr, recovery, unknown, gap_frames_max } = entries;
    let Cells { count, frames_min, frames_max, at_idr, at_recovery, at_unknown, elsewhere } = cells;
    let start =
        if from == 0 { String::new() } else { format!(", first shown at {}", seconds(from)) };
    let mut rows = vec![
        ("frames", format!("{frames} in {}{start}", seconds(to - from))),
        (
            "keyframes",
            format!(
                "{idr} IDR, {recovery} open (recovery points), {unknown} of unknown kind; at most \
                 {gap_frames_max} frames apart"
            ),
        ),
        ("counted", counted(origin)),
        (
            "cells",
            format!(
                "{count} of {frames_min} to {frames_max} frames; {at_idr} begin at an IDR, \
                 {at_recovery} at a recovery point, {at_unknown} at a keyframe of unknown kind, \
                 {elsewhere} elsewhere"
            ),
        ),
    ];
    if *chapters > 0 {
        rows.push(("chapters", chapters.to_string()));
    }
    rows.extend(notes.iter().map(|note| ("note", note.clone())));
    let rows: Vec<_> = rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    say::table(&rows)?;
    say::line("")?;

    let head = [
        "TIER",
        "VRAM",
        "DETECT BATCH",
        "FILL BATCH",
        "SEGMENT FRAMES",
        "SEGMENTS",
        "FPS AT 1080P",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(TIERS.iter().zip(tiers).map(|(tier, cut)| tier_row(tier, cut.segments)));
    say::table(&rows)
}

fn stream_row(stream: &StreamDescription, video: &VideoDescription) -> Vec<String> {
    let what = if stream.index == video.stream {
        video_in_words(video)
    } else if stream.attached_picture {
        "a still picture".to_owned()
    } else {
        String::new()
    };
    vec![
        stream.index.to_string(),
        kind(stream.kind).to_owned(),
        stream.codec.clone(),
        stream.language.clone().unwrap_or_default(),
        what,
    ]
}

fn video_in_words(video: &VideoDescription) -> String {
    let mut words = vec![format!("{}x{}", video.width, video.height), video.layout.name.clone()];
    let (num, den) = video.frame_rate;
    if num > 0 && den > 0 {
        let thousandths = u64::from(num) * 1000 / u64::from(den);
        words.push(format!("{}.{:03} fps", thousandths / 1000, thousandths % 1000));
    }
    words.push(format!("timebase {}", video.timebase));
    if video.rotation != 0 {
        words.push(format!("shown rotated by {} degrees", video.rotation));
    }
    words.extend(video.dynamic_hdr.iter().cloned());
    words.extend(video.messages.iter().cloned());
    words.extend(video.stereo.map(|_packing| "two views in each picture".to_owned()));
    words.extend(video.alpha.then(|| "alpha".to_owned()));
    words.join(", ")
}

const fn kind(kind: StreamKind) -> &'static str {
    match kind {
        StreamKind::Video => "video",
        StreamKind::Audio => "audio",
        StreamKind::Subtitle => "subtitle",
        StreamKind::Data => "data",
        StreamKind::Attachment => "attachment",
    }
}

fn tier_row(tier: &Tier, segments: u64) -> Vec<String> {
    let mut fps = format!("{} to {}", tier.fps_min, tier.fps_max);
    if *tier == TIERS[0] {
        let (least, most) = FIRST_ROW_WITHOUT_NVENC;
        fps = format!("{fps} ({least} to {most} without NVENC)");
    }
    vec![
        tier.name.to_owned(),
        vram(tier).to_owned(),
        tier.detect_batch.to_string(),
        tier.fill_batch.to_string(),
        tier.segment_frames.to_string(),
        segments.to_string(),
        fps,
    ]
}

/// The memory of a row's cards in words.
pub(crate) fn vram(tier: &Tier) -> &'static str {
    match tier.name {
        "24" => "24 GiB and more",
        "16" => "16 to < 24 GiB",
        "10" => "10 to < 16 GiB",
        "8" => "8 to < 10 GiB",
        "0" => "less than 8 GiB",
        _ => "no card",
    }
}

/// A time for people, to the hundredth where it is short.
fn seconds(nanos: i128) -> String {
    let millis = u64::try_from(nanos.unsigned_abs() / 1_000_000).unwrap_or(u64::MAX);
    let sign = if nanos < 0 { "-" } else { "" };
    if millis < 60_000 {
        format!("{sign}{}.{:02} s", millis / 1000, millis % 1000 / 10)
    } else {
        format!("{sign}{}", clock(millis))
    }
}

/// The same as one object; names stay.
pub(super) fn as_json(url: &str, answer: &Answer) -> Value {
    let Answer { description, frames, shown_nanos, origin, entries, cells, tiers, notes } = answer;
    let video = &description.video;
    let streams: Vec<Value> = description
        .streams
        .iter()
        .map(|stream| {
            json!({
                "index": stream.index,
                "kind": kind(stream.kind),
                "codec": stream.codec,
                "timebase": [stream.timebase.num(), stream.timebase.den()],
                "start": stream.start,
                "language": stream.language,
                "attached_picture": stream.attached_picture,
            })
        })
        .collect();
    let tiers: Vec<Value> = TIERS
        .iter()
        .zip(tiers)
        .map(|(tier, cut)| {
            json!({
                "tier": tier.name,
                "detect_batch": tier.detect_batch,
                "fill_batch": tier.fill_batch,
                "segment_frames": tier.segment_frames,
                "fps_at_1080p": [tier.fps_min, tier.fps_max],
                "segments": cut.segments,
            })
        })
        .collect();
    json!({
        "input": url,
        "container": description.container,
        "bytes": description.bytes,
        "streams": streams,
        "chapters": description.chapters,
        "video": {
            "stream": video.stream,
            "codec": video.codec,
            "width": video.width,
            "height": video.height,
            "pixel_format": video.layout.name,
            "depth": video.layout.depth,
            "frame_rate": [video.frame_rate.0, video.frame_rate.1],
            "timebase": [video.timebase.num(), video.timebase.den()],
            "sample_aspect": [video.sample_aspect.0, video.sample_aspect.1],
            "rotation": video.rotation,
            "dynamic_hdr": video.dynamic_hdr,
            "messages": video.messages,
            "two_views": video.stereo.is_some(),
            "alpha": video.alpha,
        },
        "frames": frames,
        "shown_ms": [millis(shown_nanos.0), millis(shown_nanos.1)],
        "counted": counted(origin),
        "decoded_because": decoded_because(origin),
        "keyframes": entries,
        "cells": cells,
        "tiers": tiers,
        "notes": notes,
    })
}

fn counted(origin: &TableOrigin) -> String {
    match origin {
        TableOrigin::Packets => "from packets".to_owned(),
        TableOrigin::Index => "from the container's index".to_owned(),
        TableOrigin::Decoded { reason } => format!("by decoding all of it: {reason}"),
    }
}

fn decoded_because(origin: &TableOrigin) -> Option<&str> {
    match origin {
        TableOrigin::Packets | TableOrigin::Index => None,
        TableOrigin::Decoded { reason } => Some(reason),
    }
}

fn millis(nanos: i128) -> i64 {
    i64::try_from(nanos / 1_000_000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_people_write_them() {
        assert_eq!(seconds(2_040_000_000), "2.04 s");
        assert_eq!(seconds(61_000_000_000), "1:01");
        assert_eq!(seconds(-500_000_000), "-0.50 s");
    }

    #[test]
    fn every_tier_has_words_for_its_memory() {
        let words: std::collections::BTreeSet<_> = TIERS.iter().map(vram).collect();
        assert_eq!(words.len(), TIERS.len());
    }
}
