//! `--copy-untouched`: cells whose source shows no overlay are the source's own packets, and the others are
//! cleaned as without it.
//!
//! Packets are told by ffmpeg's own hashes of them, without the parameter sets that key frames bring.

use std::path::{Path, PathBuf};
use std::process::Command;

use cleanplate_tests::cluster::Cluster;
use cleanplate_tests::{binary, clips, reference};
use serde_json::Value;

const FRAMES: u32 = 240;

/// Frames of a cell, and of the source's groups of pictures.
const CELL: usize = 48;

/// Closed groups of pictures with B-frames.
const X264: [&str; 6] = [
    "-c:v",
    "libx264",
    "-preset",
    "veryfast",
    "-x264-params",
    "keyint=48:min-keyint=48:scenecut=0:bframes=3",
];

const X265: [&str; 6] = [
    "-c:v",
    "libx265",
    "-preset",
    "ultrafast",
    "-x265-params",
    "log-level=none:open-gop=0:keyint=48:min-keyint=48:scenecut=0:bframes=3",
];

/// Every key frame is an IDR with pictures that are shown before it.
const X265_LED: [&str; 6] = [
    "-c:v",
    "libx265",
    "-preset",
    "ultrafast",
    "-x265-params",
    "log-level=none:open-gop=0:radl=2:keyint=48:min-keyint=48:scenecut=0:bframes=4:b-adapt=0",
];

/// An overlay from frame 105 to frame 134: in the third cell of five.
const ASKED: [&str; 6] =
    ["--region", "20,20,60,40@3.5-4.5", "--cell-frames", "48", "--preset", "ultrafast"];
const TOUCHED: std::ops::Range<usize> = 2 * CELL..3 * CELL;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The notes of the job that made `output` of `clip`.
fn run(clip: &Path, output: &Path, options: &[&str]) -> String {
    let ends = ["run", text(clip), "-o", text(output), "--json"];
    let said = binary::run_ok([&ends[..], &ASKED, options].concat());
    let last: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    last["notes"].to_string()
}

/// The hash of each packet of the video, without parameter sets and framing.
fn packets(path: &Path) -> Vec<String> {
    let codec =
        reference::probe(path, &["-select_streams", "v:0", "-show_entries", "stream=codec_name"]);
    let filter = match codec.trim() {
        "h264" => "filter_units=remove_types=7|8|9",
        "hevc" => "filter_units=remove_types=32|33|34|35",
        other => panic!("{} is in {other}", path.display()),
    };
    let hashed = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i", text(path), "-map", "0:v:0", "-c", "copy"])
        .args(["-bsf:v", filter, "-f", "framehash", "-hash", "md5", "-"])
        .output()
        .unwrap();
    assert!(hashed.status.success(), "{}", String::from_utf8_lossy(&hashed.stderr));
    let lines = String::from_utf8(hashed.stdout).unwrap();
    let lines = lines.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.rsplit(',').next()).map(|hash| hash.trim().to_owned()).collect()
}

/// Insists that ffmpeg decodes the whole of `path` without a word.
fn decodes_in_silence(path: &Path) {
    let ran = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "warning", "-i", text(path), "-f", "null", "-"])
        .output()
        .unwrap();
    assert!(
        ran.status.success() && ran.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
}

/// The same clip in another container.
fn rewrapped(clip: &Path, folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    clips::ffmpeg(&["-i", text(clip), "-map", "0", "-c", "copy", text(&path)]);
    path
}

/// Checks everything of a movie with own packets made from `clip`, as `name`.
fn keeps_own_packets(clip: &Path, folder: &Path, name: &str) {
    let (whole, cut, usual) = ("whole-", "cut-", "usual-");
    let [whole, cut, usual] = [whole, cut, usual].map(|kind| folder.join(format!("{kind}{name}")));
    let notes = run(clip, &whole, &["--copy-untouched", "--workers", "1"]);
    assert!(notes.contains("192 of 240 packets are the source's own"), "{notes}");
    assert!(notes.contains("players of Apple"), "{notes}");
    run(clip, &cut, &["--copy-untouched", "--workers", "2", "--segment-frames", "48"]);
    let is_same = std::fs::read(&whole).unwrap() == std::fs::read(&cut).unwrap();
    assert!(is_same, "{name}: how the job is cut does not show");
    run(clip, &usual, &[]);

    let [own, made, encoded] = [clip, whole.as_path(), usual.as_path()].map(packets);
    assert_eq!((own.len(), made.len(), encoded.len()), (240, 240, 240), "{name}");
    for (at, packet) in made.iter().enumerate() {
        // Cells are whole in coding order too.
        let expected = if TOUCHED.contains(&at) { &encoded[at] } else { &own[at] };
        assert_eq!(packet, expected, "{name}: packet {at}");
    }
    let [source, shown, encoded] = [clip, whole.as_path(), usual.as_path()].map(reference::frames);
    reference::assert_same(&source[..TOUCHED.start], &shown[..TOUCHED.start], name);
    reference::assert_same(&source[TOUCHED.end..], &shown[TOUCHED.end..], name);
    reference::assert_same(&encoded[TOUCHED], &shown[TOUCHED], name);
    assert_ne!(source[TOUCHED], shown[TOUCHED], "{name}: the overlay is gone");
    decodes_in_silence(&whole);
    let verified = binary::run(["verify", text(clip), text(&whole)]);
    assert!(verified.status.success(), "{name}: {}", String::from_utf8_lossy(&verified.stdout));
}

#[test]
fn cells_of_h264_without_an_overlay_are_the_sources_own_packets() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clips::kept("320x180", FRAMES, &X264);
    keeps_own_packets(&clip, folder.path(), "avc.mp4");
    let clip = rewrapped(&clip, folder.path(), "clip.mkv");
    keeps_own_packets(&clip, folder.path(), "avc.mkv");
}

#[test]
fn cells_of_hevc_without_an_overlay_are_the_sources_own_packets() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clips::kept("320x180", FRAMES, &X265);
    keeps_own_packets(&clip, folder.path(), "hevc.mp4");
    let clip = rewrapped(&clip, folder.path(), "clip.mkv");
    keeps_own_packets(&clip, folder.path(), "hevc.mkv");
}

#[test]
fn a_cluster_gives_the_same_bytes_and_an_audit_finds_own_packets_right() {
    let folder = tempfile::tempdir().unwrap();
    let clip = rewrapped(&clips::kept("320x180", FRAMES, &X264), folder.path(), "clip.ts");
    let alone = folder.path().join("alone.mp4");
    run(&clip, &alone, &["--copy-untouched"]);
    let mut cluster = Cluster::start(folder.path());
    cluster.start_worker(1);
    cluster.start_worker(1);
    let output = folder.path().join("farm.mp4");
    let [source, target] = [&clip, &output].map(|path| format!("file://{}", path.display()));
    let options = ["--copy-untouched", "--segment-frames", "48", "--audit", "5"];
    let job = cluster.submit(&source, &target, &[&ASKED[..], &options].concat());
    cluster.done(&job);
    assert!(std::fs::read(alone).unwrap() == std::fs::read(output).unwrap());
}

#[test]
fn a_player_that_begins_at_any_cell_sees_what_one_that_plays_sees() {
    let folder = tempfile::tempdir().unwrap();
    for (name, codec) in [("avc.mp4", X264), ("hevc.mp4", X265)] {
        let movie = folder.path().join(name);
        run(&clips::kept("320x180", FRAMES, &codec), &movie, &["--copy-untouched"]);
        let shown = reference::frames(&movie);
        for cell in 0..5 {
            let from = cell * CELL + 7;
            let (num, den) = shown[from].time;
            let seconds = format!("{:.6}", num as f64 / den as f64);
            let sought = Command::new("ffmpeg")
                .args(["-nostdin", "-v", "error", "-ss", &seconds, "-i", text(&movie)])
                .args(["-map", "0:v:0", "-frames:v", "9", "-f", "framemd5", "-"])
                .output()
                .unwrap();
            assert!(sought.stderr.is_empty(), "{}", String::from_utf8_lossy(&sought.stderr));
            let sought = String::from_utf8(sought.stdout).unwrap();
            let found =
                shown[from - 1..].iter().filter(|frame| sought.contains(&frame.md5)).count();
            assert!(found >= 9, "{name}: {found} of 9 frames from {from} on are the movie's");
        }
    }
}

#[test]
fn a_source_that_cannot_be_copied_is_encoded_as_without_the_option() {
    let folder = tempfile::tempdir().unwrap();
    let closed = clips::kept("320x180", FRAMES, &X264);
    let trimmed = folder.path().join("trimmed.mp4");
    clips::ffmpeg(&["-ss", "0.9", "-i", text(&closed), "-c", "copy", text(&trimmed)]);
    let cases = [
        (clips::kept("320x180", FRAMES, &clips::X264_OPEN), "stands alone"),
        (clips::kept("320x180", FRAMES, &clips::X265_OPEN), "stands alone"),
        (clips::kept("320x180", FRAMES, &X265_LED), "stands alone"),
        (trimmed, "not known to be its frames"),
    ];
    for (clip, why) in cases {
        let [with, without] = ["with.mp4", "without.mp4"].map(|name| folder.path().join(name));
        let notes = run(&clip, &with, &["--copy-untouched"]);
        assert!(notes.contains("no cell is the source's own packets"), "{notes}");
        assert!(notes.contains(why), "{notes}");
        run(&clip, &without, &[]);
        assert!(std::fs::read(&with).unwrap() == std::fs::read(&without).unwrap(), "{why}");
        let tag = ["-select_streams", "v:0", "-show_entries", "stream=codec_tag_string"];
        let tag = reference::probe(&with, &tag);
        assert!(["avc1", "hvc1"].contains(&tag.trim()), "{tag}");
        std::fs::remove_file(&with).unwrap();
        std::fs::remove_file(&without).unwrap();
    }
}
