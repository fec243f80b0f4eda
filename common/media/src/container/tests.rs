//! What each container is refused, and what is advised instead.

use cleanplate_types::frames::TableOrigin;
use cleanplate_types::picture::PixelLayout;
use cleanplate_types::source::{Colour, FieldOrder, VideoDescription};

use super::*;
use crate::adts::Spoilt;

fn stream(index: u32, kind: StreamKind, codec: &str) -> StreamDescription {
    StreamDescription {
        index,
        kind,
        codec: codec.to_owned(),
        timebase: Timebase::new(1, 90_000).unwrap(),
        start: None,
        language: None,
        attached_picture: false,
    }
}

/// A source of 160x96 with another stream in `beside`.
fn source(beside: Option<&str>) -> SourceDescription {
    let mut streams = vec![stream(0, StreamKind::Video, "h264")];
    streams.extend(beside.map(|codec| stream(1, StreamKind::Audio, codec)));
    let layout = PixelLayout {
        name: "yuv420p".to_owned(),
        depth: 8,
        planes: 3,
        chroma_shift_x: 1,
        chroma_shift_y: 1,
        full_range: false,
    };
    let colour = Colour { primaries: 2, transfer: 2, matrix: 2, range: 0, chroma_location: 0 };
    SourceDescription {
        container: "mpegts".to_owned(),
        bytes: 1,
        duration_micros: None,
        video: VideoDescription {
            stream: 0,
            codec: "h264".to_owned(),
            profile: 100,
            width: 160,
            height: 96,
            layout,
            timebase: Timebase::new(1, 90_000).unwrap(),
            sample_aspect: (0, 1),
            frame_rate: (30, 1),
            colour,
            field_order: FieldOrder::Progressive,
            rotation: 0,
            mastering: None,
            light_level: None,
            dynamic_hdr: Vec::new(),
            messages: Vec::new(),
            stereo: None,
            alpha: false,
            sets: None,
        },
        streams,
        chapters: 0,
        tags: Vec::new(),
    }
}

fn table(first: i64, step: i64) -> FrameTable {
    FrameTable {
        timebase: Timebase::new(1, 90_000).unwrap(),
        pts: vec![Pts(first), Pts(first + step)],
        last_duration: step,
        entries: Vec::new(),
        origin: TableOrigin::Packets,
    }
}

fn refusal(source: &SourceDescription, table: &FrameTable, name: &str) -> String {
    let checked = check(source, table, name, VideoCodec::H264, false);
    checked.err().map(|error| error.to_string()).unwrap_or_default()
}

/// The extensions that a refusal advises.
fn advised(words: &str) -> Vec<String> {
    let Some((_, advice)) = words.split_once("name the output ") else { return Vec::new() };
    let names = advice.split([',', ';']).next().unwrap_or_default().split(' ');
    names.filter_map(|word| word.strip_prefix('.')).map(str::to_owned).collect()
}

#[test]
fn whoever_follows_an_advice_is_not_refused_again() {
    let mut count = 0;
    let sounds = ["aac", "pcm_s16le", "s302m", "opus", "truehd", "pcm_bluray", "flac", "dts"];
    let beside = std::iter::once(None).chain(sounds.map(Some));
    for source in beside.map(source) {
        for (first, step) in [(0, 3600), (0, 3003), (7200, 3000), (-153_001, 3003), (-900, 3600)] {
            let table = table(first, step);
            for name in ["a.mp4", "a.mov", "a.mkv", "a.ts", "a.m2ts"] {
                let words = refusal(&source, &table, name);
                for extension in advised(&words) {
                    let again = format!("a.{extension}");
                    let allow = words.contains("with --allow-metadata-loss: it");
                    let followed = check(&source, &table, &again, VideoCodec::H264, allow);
                    assert!(followed.is_ok(), "{name}: {words}: {followed:?}");
                    count += 1;
                }
            }
        }
    }
    assert!(count > 0, "something is refused and something advised");
}

#[test]
fn times_and_streams_are_weighed_together() {
    // 30 a second does not go into whole milliseconds, and PCM not into mp4.
    let (pcm, thirtieths) = (source(Some("pcm_s16le")), table(0, 3000));
    assert_eq!(advised(&refusal(&pcm, &thirtieths, "a.mp4")), ["mov"]);
    assert_eq!(advised(&refusal(&pcm, &thirtieths, "a.mkv")), ["mov"]);
    let early = table(-153_001, 3003);
    assert_eq!(advised(&refusal(&source(None), &early, "a.mp4")), ["ts"]);
    let words = refusal(&pcm, &early, "a.mp4");
    assert!(
        words.ends_with(
            "name the output .ts, with --allow-metadata-loss: it cannot hold all the rest"
        ),
        "{words}"
    );
    let far = table(-9_000_001, 3003);
    for name in ["a.mp4", "a.mkv", "a.ts"] {
        let words = refusal(&source(None), &far, name);
        assert!(
            words.ends_with("; no container that is written here holds these times"),
            "{words}"
        );
    }
}

#[test]
fn damaged_sound_is_refused_only_where_it_would_be_kept_and_no_packet_is_untold() {
    let (source, mut spoilt) = (source(Some("aac")), SpoiltStreams::default());
    for tick in 0..25 {
        let timebase = Timebase::new(1, 90_000).unwrap();
        spoilt.add(Spoilt { stream: 1, pts: Some(Pts(tick)), timebase, why: "is empty" });
    }
    let told = |name, conceal| check_spoilt(&source, name, &spoilt, conceal);
    assert!(told("a.mp4", false).unwrap_err().to_string().starts_with("stream 1 is damaged at"));
    assert!(told("a.mp4", true).unwrap().is_empty());
    assert!(told("a.webm", false).unwrap().is_empty(), "it takes no AAC");
    let carried = told("a.ts", false).unwrap();
    assert_eq!(carried.len(), 21, "{carried:?}");
    assert!(carried[20].starts_with("and 5 more damaged packets of stream 1"), "{carried:?}");
}

#[test]
fn what_of_the_pictures_has_no_place_is_refused_by_name() {
    let refused = |change: fn(&mut VideoDescription), name: &str, codec| {
        let mut source = source(None);
        change(&mut source.video);
        let checked = check(&source, &table(0, 3600), name, codec, false);
        checked.err().map(|error| error.to_string()).unwrap_or_default()
    };
    use VideoCodec::{H264, Vp9};
    let matrix = refused(|video| video.colour.matrix = 8, "a.webm", Vp9);
    assert!(matrix.contains("the colour matrix ycgco (VP9 has no name for it); name the output .mkv or .mp4 or .mov with --encoder auto"), "{matrix}");
    assert!(refused(|video| video.colour.matrix = 4, "a.mkv", Vp9).contains("fcc"));
    for known in [1, 2, 5, 6, 7, 9] {
        let mut source = source(None);
        source.video.colour.matrix = known;
        assert!(check(&source, &table(0, 3600), "a.webm", Vp9, false).is_ok(), "{known}");
    }
    assert_eq!(refused(|video| video.colour.matrix = 8, "a.mp4", H264), "");
    // 160 * 40 / 33 is no whole number; 160 * 4 / 5 is one.
    let shape = refused(|video| video.sample_aspect = (40, 33), "a.webm", Vp9);
    assert!(shape.contains("the shape of the samples, 40:33"), "{shape}");
    assert_eq!(refused(|video| video.sample_aspect = (4, 5), "a.webm", Vp9), "");
    assert_eq!(refused(|video| video.sample_aspect = (40, 33), "a.mkv", H264), "");
    let captions =
        |video: &mut VideoDescription| video.messages = vec!["closed captions".to_owned()];
    assert!(refused(captions, "a.webm", Vp9).contains("closed captions (VP9 has no place"));
    assert_eq!(refused(captions, "a.mkv", H264), "");
    let checkers = |video: &mut VideoDescription| video.stereo = Some((4, false));
    for (name, codec) in [("a.webm", Vp9), ("a.mp4", H264), ("a.mov", H264), ("a.ts", H264)] {
        assert!(refused(checkers, name, codec).contains("two views"), "{name}");
    }
    assert_eq!(refused(checkers, "a.mkv", H264), "");
    assert_eq!(refused(|video| video.stereo = Some((1, true)), "a.webm", Vp9), "");
    assert!(refused(|video| video.stereo = Some((1, true)), "a.mp4", H264).contains("two views"));
}

#[test]
fn where_the_chroma_samples_lie_is_told_where_it_has_no_place() {
    use VideoCodec::{H264, Hevc, Vp9};
    let told = |location: u8, shift_y: u8, name: &str, codec| {
        let mut source = source(None);
        source.video.colour.chroma_location = location;
        source.video.layout.chroma_shift_y = shift_y;
        check(&source, &table(0, 3600), name, codec, false).unwrap().join("; ")
    };
    assert_eq!(
        told(5, 1, "a.webm", Vp9),
        "that the chroma samples lie at `bottomleft` has no place in VP9 in webm"
    );
    assert!(told(2, 0, "a.mov", H264).contains("`center` has no place in H.264 in mov"));
    assert!(told(1, 0, "a.mkv", Hevc).contains("`left` has no place in HEVC in mkv"));
    for (location, shift_y, name, codec) in
        [(3, 1, "a.webm", Vp9), (5, 1, "a.mkv", H264), (1, 0, "a.mov", H264), (0, 1, "a.mp4", Vp9)]
    {
        assert_eq!(told(location, shift_y, name, codec), "", "{name}");
    }
}

#[test]
fn what_is_said_to_be_written_is_written() {
    for ending in cleanplate_types::choice::WRITTEN {
        assert!(by_name(&format!("a.{ending}"), "mp4", None).is_ok(), "{ending}");
    }
    for ending in ["avi", "flv", "mka", "xyz"] {
        assert!(by_name(&format!("a.{ending}"), "mp4", None).is_err(), "{ending}");
        assert!(!cleanplate_types::choice::WRITTEN.contains(&ending));
    }
}
