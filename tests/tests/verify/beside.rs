//! What stands beside the pictures, and pictures that are another frame's: each spoilt in one way.

use std::path::{Path, PathBuf};

use cleanplate_tests::clips;
use cleanplate_tests::clips::ffmpeg;

use super::{aspects, copied, detail, loses, text, verify};

#[test]
fn texts_that_stay_longer_on_the_screen_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let plain = clips::make(folder.path(), "plain.mp4", "320x180", 60, &clips::X264_PLAIN);
    let words = folder.path().join("words.srt");
    let lines = "1\n00:00:00,200 --> 00:00:00,700\nOne\n\n2\n00:00:01,000 --> 00:00:01,500\nTwo\n";
    std::fs::write(&words, lines).unwrap();
    let source = folder.path().join("words.mkv");
    let input = ["-i", text(&plain), "-i", text(&words), "-map", "0:v", "-map", "1:s"];
    ffmpeg(&[&input[..], &["-c", "copy", "-c:s", "srt", text(&source)]].concat());
    let longer = "setts=duration=if(eq(N\\,1)\\,DURATION+250\\,DURATION)";
    let report =
        loses(&source, &copied(&source, "longer.mkv", &["-bsf:s", longer]), &["packet_times"]);
    let told = detail(&report, "packet_times");
    assert!(told.contains("packet 1, longer by 1/4 s"), "{told}");
    loses(&source, &copied(&source, "same.mkv", &[]), &[]);
}

#[test]
fn frames_of_one_scene_that_changed_places_are_named_whatever_the_encoder_lost() {
    let folder = tempfile::tempdir().unwrap();
    let source = clips::make(folder.path(), "source.mp4", "320x180", 60, &clips::X264_PLAIN);
    let made = |name: &str, filter: &str, crf: &str| {
        let output = folder.path().join(name);
        let input =
            ["-copyts", "-i", text(&source), "-map", "0", "-video_track_timescale", "30000"];
        let pass = ["-vsync", "passthrough", "-enc_time_base", "-1", "-c:a", "copy"];
        let codec = ["-vf", filter, "-c:v", "libx264", "-preset", "veryfast", "-crf", crf];
        ffmpeg(&[&input[..], &pass, &codec, &[text(&output)]].concat());
        output
    };
    // Of every 30 frames, 10 and 11 change places.
    let mut places: Vec<String> = (0..30).map(|frame: u32| frame.to_string()).collect();
    places.swap(10, 11);
    let swapped = made("swapped.mp4", &format!("shuffleframes={}", places.join(" ")), "20");
    let (status, report) = verify(&source, &swapped, &[]);
    assert_eq!((status, aspects(&report, "lost")), (1, vec!["frames".to_owned()]), "{report:#}");
    let told = detail(&report, "frames");
    assert!(told.contains("4 of them") && told.contains("the first is frame 10 at"), "{told}");
    let first = report["pictures"]["misplaced"]["first"].as_array().unwrap().iter();
    let places: Vec<_> = first.map(|one| (one["index"].as_u64(), one["shows"].as_u64())).collect();
    let some = |index, shows| (Some(index), Some(shows));
    assert_eq!(places, [some(10, 11), some(11, 10), some(40, 41), some(41, 40)]);
    for crf in ["18", "30", "40"] {
        let honest = made(&format!("{crf}.mp4"), "null", crf);
        let (status, report) = verify(&source, &honest, &[]);
        assert_eq!(status, 0, "crf {crf}: {:#}", report["findings"]);
    }
}

#[test]
fn how_two_fields_are_stored_counts_beside_the_one_that_is_shown_first() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("tt.mov");
    let moving = clips::moving("320x180", "25");
    let input = ["-f", "lavfi", "-i", &moving, "-frames:v", "10", "-vf", "setfield=tff"];
    let codec = ["-c:v", "prores_ks", "-flags", "+ildct", "-field_order", "tt"];
    ffmpeg(&[&input[..], &codec, &[text(&source)]].concat());
    let mut bytes = std::fs::read(&source).unwrap();
    let fields = bytes.windows(6).position(|six| six == b"fiel\x02\x01").expect("a field atom");
    // `tb`: two fields in one frame.
    bytes[fields + 5] = 9;
    let output = folder.path().join("tb.mov");
    std::fs::write(&output, bytes).unwrap();
    loses(&source, &source, &[]);
    loses(&source, &output, &["field_order"]);
    loses(&output, &source, &["field_order"]);
}

#[test]
fn two_views_that_are_no_longer_told_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let made = |name: &str, params: &str| {
        let output = folder.path().join(name);
        let moving = clips::moving("320x180", "25");
        let input = ["-f", "lavfi", "-i", &moving, "-frames:v", "10", "-pix_fmt", "yuv420p"];
        let codec = ["-c:v", "libx264", "-preset", "ultrafast", "-x264-params", params];
        ffmpeg(&[&input[..], &codec, &[text(&output)]].concat());
        output
    };
    let (beside, below) =
        (made("beside.mp4", "frame-packing=3"), made("below.mp4", "frame-packing=4"));
    let plain = made("plain.mp4", "bframes=0");
    let report = loses(&beside, &plain, &["stereo"]);
    assert_eq!(detail(&report, "stereo"), "side by side became none");
    let report = loses(&beside, &below, &["stereo"]);
    assert_eq!(detail(&report, "stereo"), "side by side became top and bottom");
    let report = loses(&beside, &copied(&beside, "copy.mkv", &[]), &[]);
    assert!(aspects(&report, "survived").contains(&"stereo".to_owned()));
    loses(&plain, &beside, &[]);
}

/// A clip of 20 frames with captions of its own beside each, that of frame 7 as `seventh` has it.
fn captioned(folder: &Path, name: &str, seventh: u8) -> PathBuf {
    let raw = folder.join("plain.h264");
    let moving = clips::moving("320x180", "25");
    let input = ["-f", "lavfi", "-i", &moving, "-frames:v", "20", "-pix_fmt", "yuv420p"];
    let params = ["-x264-params", "aud=1:bframes=0:keyint=8"];
    let codec = ["-c:v", "libx264", "-preset", "ultrafast"];
    ffmpeg(&[&input[..], &codec, &params, &[text(&raw)]].concat());
    let plain = std::fs::read(&raw).unwrap();
    let starts = plain.windows(5).enumerate().filter(|(_, five)| *five == [0, 0, 0, 1, 9]);
    let delimiters = starts.map(|(at, _)| at);
    let (mut bytes, mut from) = (Vec::new(), 0);
    for (number, at) in (0_u8..).zip(delimiters) {
        bytes.extend_from_slice(&plain[from..at + 6]);
        from = at + 6;
        let letter = if number == 7 { seventh } else { 0x40 + number };
        // One caption, and one that is padding.
        let captions = [0x42, 0xff, 0xfc, 0x20, letter, 0xf8, 0x80, 0x80, 0xff];
        let content = [&b"\xb5\x00\x31GA94\x03"[..], &captions].concat();
        bytes.extend([0, 0, 0, 1, 6, 4, u8::try_from(content.len()).unwrap()]);
        bytes.extend([&content[..], &[0x80]].concat());
    }
    bytes.extend_from_slice(&plain[from..]);
    let captions = folder.join("captions.h264");
    std::fs::write(&captions, bytes).unwrap();
    let output = folder.join(name);
    ffmpeg(&["-r", "25", "-i", text(&captions), "-c", "copy", text(&output)]);
    output
}

#[test]
fn captions_are_compared_by_their_bytes_frame_by_frame() {
    let folder = tempfile::tempdir().unwrap();
    let source = captioned(folder.path(), "source.mp4", 0x47);
    let other = captioned(folder.path(), "other.mp4", 0x58);
    let report = loses(&source, &other, &["captions"]);
    let told = detail(&report, "captions");
    assert!(told.contains("1 frames carry other ones, the first is frame 7"), "{told}");
    let report = loses(&source, &copied(&source, "copy.mkv", &[]), &[]);
    assert!(aspects(&report, "survived").contains(&"captions".to_owned()), "{report:#}");
    // The decoder and the encoder between them change no byte.
    let coded = folder.path().join("coded.mp4");
    let codec = ["-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-vsync", "passthrough"];
    ffmpeg(&[&["-i", text(&source)][..], &codec, &[text(&coded)]].concat());
    loses(&source, &coded, &[]);
    let bare = copied(&source, "bare.mp4", &["-bsf:v", "filter_units=remove_types=6"]);
    let report = loses(&source, &bare, &["captions"]);
    assert!(detail(&report, "captions").contains("none are left"), "{report:#}");
}
