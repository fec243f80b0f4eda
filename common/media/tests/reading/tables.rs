//! The frame table is what ffmpeg shows, and says truly where decoding may begin.

use std::path::Path;

use cleanplate_media::scan::{ScanOrder, Scanned};
use cleanplate_types::frames::{EntryKind, TableOrigin};
use cleanplate_types::source::FieldOrder;

use crate::clips::{Clips, MOVING, X264_OPEN, X264_REFRESH, X265_OPEN, scanned, scanned_by};
use crate::reference::{assert_table, shown};

/// Numbers of IDR, recovery and unknown entries.
fn kinds(scanned: &Scanned) -> [usize; 3] {
    [EntryKind::Idr, EntryKind::Recovery, EntryKind::Unknown]
        .map(|kind| scanned.table.entries.iter().filter(|entry| entry.kind == kind).count())
}

fn is_from_packets(scanned: &Scanned) -> bool {
    scanned.table.origin == TableOrigin::Packets
}

/// Scans by packets and by decoding, and insists that both are what ffmpeg shows.
fn both_ways(path: &Path) -> Scanned {
    let (what, shown) = (path.display().to_string(), shown(path));
    let first = scanned(path).unwrap();
    assert_table(&first, &shown, &what);
    let decode_all = Some("a test asks for it".to_owned());
    let order = ScanOrder { decode_all, threads: 2, ..ScanOrder::default() };
    let second = scanned_by(path, &order).unwrap();
    assert_table(&second, &shown, &what);
    assert!(
        matches!(&second.table.origin, TableOrigin::Decoded { reason } if reason.contains("test"))
    );
    assert_eq!(first.table.entries, second.table.entries, "{what}: entries");
    assert_eq!(first.table.last_duration, second.table.last_duration, "{what}: last duration");
    first
}

#[test]
fn open_groups_of_x264_have_one_idr_and_recovery_points_in_every_container() {
    let clips = Clips::new();
    for name in ["open.mp4", "open.mkv", "open.ts", "open.mov", "open.flv"] {
        let scanned = both_ways(&clips.make(name, 100, X264_OPEN));
        assert!(is_from_packets(&scanned), "{name}: {:?}", scanned.table.origin);
        assert_eq!(kinds(&scanned), [1, 4, 0], "{name}");
        let frames: Vec<u64> = scanned.table.entries.iter().map(|entry| entry.frame).collect();
        assert_eq!(frames, [0, 24, 48, 72, 96], "{name}");
    }
}

#[test]
fn open_groups_of_x265_have_one_idr_and_cra_pictures() {
    let clips = Clips::new();
    for name in ["open.mp4", "open.mkv", "open.ts"] {
        let scanned = both_ways(&clips.make(name, 100, X265_OPEN));
        assert!(is_from_packets(&scanned), "{name}: {:?}", scanned.table.origin);
        assert_eq!(kinds(&scanned), [1, 4, 0], "{name}");
    }
}

#[test]
fn key_flags_of_an_intra_refresh_are_no_idr() {
    let clips = Clips::new();
    let scanned = both_ways(&clips.make("refresh.mp4", 100, X264_REFRESH));
    let [idr, recovery, _] = kinds(&scanned);
    assert_eq!(idr, 1);
    assert!(recovery >= 3, "{recovery}");
}

#[test]
fn other_codecs_are_counted_right() {
    let clips = Clips::new();
    let recipes: &[(&str, &[&str])] = &[
        ("closed.mp4", &["-c:v", "libx264", "-g", "20", "-movflags", "+faststart"]),
        (
            "fragments.mp4",
            &["-c:v", "libx264", "-g", "20", "-movflags", "frag_keyframe+empty_moov"],
        ),
        ("group.ts", &["-c:v", "mpeg2video", "-bf", "2", "-g", "15", "-b:v", "800k"]),
        ("group.mkv", &["-c:v", "mpeg2video", "-bf", "2", "-g", "15", "-b:v", "800k"]),
        ("asp.avi", &["-c:v", "mpeg4", "-bf", "2", "-g", "15"]),
        ("asp.mp4", &["-c:v", "mpeg4", "-bf", "2", "-g", "15"]),
        (
            "hidden.webm",
            &["-c:v", "libvpx", "-auto-alt-ref", "1", "-lag-in-frames", "16", "-g", "30"],
        ),
        (
            "super.webm",
            &["-c:v", "libvpx-vp9", "-lag-in-frames", "16", "-g", "30", "-cpu-used", "8"],
        ),
        ("jpeg.avi", &["-c:v", "mjpeg", "-pix_fmt", "yuvj420p"]),
        ("lossless.mkv", &["-c:v", "ffv1", "-g", "10"]),
        ("studio.mov", &["-c:v", "prores_ks", "-profile:v", "2"]),
        ("film.ogv", &["-c:v", "libtheora", "-g", "16"]),
        ("ten.mp4", &["-c:v", "libx264", "-pix_fmt", "yuv420p10le", "-g", "20"]),
        ("bare.h264", &["-r", "25", "-c:v", "libx264", "-bf", "2", "-g", "20"]),
        (
            "fields.mp4",
            &["-c:v", "libx264", "-flags", "+ildct+ilme", "-x264-params", "tff=1", "-g", "20"],
        ),
    ];
    for (name, options) in recipes {
        let scanned = both_ways(&clips.make(name, 70, options));
        assert_eq!(scanned.table.pts.len(), 70, "{name}");
    }
}

#[test]
fn where_every_picture_is_a_key_frame_entries_are_few() {
    let clips = Clips::new();
    let scanned =
        both_ways(&clips.make("jpeg.mov", 100, &["-c:v", "mjpeg", "-pix_fmt", "yuvj422p"]));
    assert_eq!(kinds(&scanned), [9, 0, 0]);
}

#[test]
fn every_frame_keeps_its_own_time_where_the_rate_varies() {
    let clips = Clips::new();
    let filter = "select='not(mod(n,3))+not(mod(n,7))'";
    let options =
        ["-vf", filter, "-vsync", "vfr", "-c:v", "libx264", "-video_track_timescale", "24000"];
    let scanned = both_ways(&clips.make("vfr.mp4", 60, &options));
    assert!(is_from_packets(&scanned));
}

#[test]
fn frames_that_an_edit_list_hides_are_not_in_the_table() {
    let clips = Clips::new();
    let whole = clips.make("whole.mp4", 100, &["-c:v", "libx264", "-g", "48", "-bf", "2"]);
    let whole = whole.to_str().unwrap();
    let path = clips.run("edited.mp4", &["-ss", "1.3", "-i", whole, "-c", "copy"]);
    let scanned = both_ways(&path);
    let TableOrigin::Decoded { reason } = &scanned.table.origin else { panic!("trusted packets") };
    assert!(reason.contains("edit list"), "{reason}");
    assert!(scanned.table.pts.len() < 70);
}

#[test]
fn times_start_where_the_source_starts_them() {
    let clips = Clips::new();
    let whole = clips.make("whole.mp4", 50, &["-c:v", "libx264", "-bf", "2"]);
    let whole = whole.to_str().unwrap();
    for name in ["late.mp4", "late.ts", "late.mkv"] {
        let scanned =
            both_ways(&clips.run(name, &["-itsoffset", "7.5", "-i", whole, "-c", "copy"]));
        assert!(scanned.table.pts[0].0 > 0, "{name}");
    }
}

#[test]
fn a_recording_that_begins_in_mid_group_has_the_frames_that_ffmpeg_shows() {
    let clips = Clips::new();
    let recipes = [("open.ts", X264_OPEN), ("cra.ts", X265_OPEN)];
    for (name, options) in recipes {
        let whole = clips.make(name, 100, options);
        let bytes = std::fs::read(&whole).unwrap();
        // Whole packets of a transport stream, from somewhere in the first group of pictures on.
        let from = bytes.len() / 188 / 10 * 188;
        let path = clips.path(&format!("late-{name}"));
        std::fs::write(&path, &bytes[from..]).unwrap();
        let scanned = scanned(&path).unwrap();
        assert_table(&scanned, &shown(&path), name);
        assert!(scanned.table.pts.len() < 100);
    }
}

#[test]
fn a_description_holds_what_must_come_back() {
    let clips = Clips::new();
    let hdr = "log-level=none:master-display=G(8500,39850)B(6550,2300)R(35400,14600)WP(15635,16450)\
        L(10000000,50):max-cll=1000,400:hdr10=1:repeat-headers=1";
    let path = clips.make(
        "hdr.mkv",
        10,
        &[
            "-vf",
            "setsar=4/3",
            "-c:v",
            "libx265",
            "-preset",
            "ultrafast",
            "-x265-params",
            hdr,
            "-pix_fmt",
            "yuv420p10le",
            "-color_primaries",
            "bt2020",
            "-color_trc",
            "smpte2084",
            "-colorspace",
            "bt2020nc",
            "-color_range",
            "tv",
            "-metadata",
            "title=Über uns",
        ],
    );
    let description = scanned(&path).unwrap().description;
    let video = &description.video;
    assert_eq!((video.codec.as_str(), video.layout.name.as_str()), ("hevc", "yuv420p10le"));
    assert_eq!((video.width, video.height, video.sample_aspect), (192, 108, (4, 3)));
    assert_eq!(video.frame_rate, (24000, 1001));
    assert_eq!((video.colour.primaries, video.colour.transfer, video.colour.matrix), (9, 16, 9));
    assert_eq!((video.colour.range, video.light_level), (1, Some((1000, 400))));
    let mastering = video.mastering.as_ref().unwrap();
    assert_eq!(mastering.len(), 10);
    let equal = |(a, b): (i32, i32), (c, d): (i32, i32)| {
        i64::from(a) * i64::from(d) == i64::from(c) * i64::from(b)
    };
    assert!(equal(mastering[0], (35400, 50000)) && equal(mastering[9], (1000, 1)), "{mastering:?}");
    assert!(description.tags.contains(&("title".to_owned(), "Über uns".to_owned())));
}

#[test]
fn rotation_fields_and_other_streams_are_described() {
    let clips = Clips::new();
    let mut options = vec!["-f", "lavfi", "-i", MOVING, "-f", "lavfi", "-i", "sine=frequency=330"];
    options.extend([
        "-map",
        "0:v",
        "-map",
        "1:a",
        "-frames:v",
        "25",
        "-shortest",
        "-c:v",
        "libx264",
    ]);
    options.extend(["-vf", "setfield=tff", "-flags", "+ildct+ilme"]);
    options.extend(["-metadata:s:a:0", "language=deu", "-timecode", "01:00:00:00"]);
    let fields = clips.run("fields.mp4", &options);
    let description = scanned(&fields).unwrap().description;
    assert_eq!(description.video.field_order, FieldOrder::TopFirst);
    assert_eq!(description.streams.len(), 3);
    assert_eq!(description.streams[2].codec, "tmcd", "the container's own name of it");
    assert_eq!(description.streams[1].language.as_deref(), Some("deu"));
    // The matrix of a phone held upright, where the track header has it.
    let mut bytes = std::fs::read(&fields).unwrap();
    let header = bytes.windows(4).position(|four| four == b"tkhd").unwrap();
    let matrix = [0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30];
    let matrix: Vec<u8> = matrix.iter().flat_map(|number: &i32| number.to_be_bytes()).collect();
    bytes[header + 44..header + 80].copy_from_slice(&matrix);
    let turned = clips.path("turned.mp4");
    std::fs::write(&turned, bytes).unwrap();
    assert_eq!(scanned(&turned).unwrap().description.video.rotation, 90);
}
