//! `cleanplate verify` on pairs of files that are broken in one way each: the breakage is called by its
//! name, and nothing else is.

mod beside;

use std::path::{Path, PathBuf};

use cleanplate_tests::clips::ffmpeg;
use cleanplate_tests::{binary, clips, reference};
use serde_json::Value;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Runs `verify --json`; returns its exit status and its object.
fn verify(source: &Path, output: &Path, more: &[&str]) -> (i32, Value) {
    let arguments = [&["verify", text(source), text(output), "--json"], more].concat();
    let ended = binary::run(&arguments);
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    let object = serde_json::from_slice(&ended.stdout).unwrap_or_else(|_| panic!("{said}"));
    (ended.status.code().unwrap(), object)
}

/// The aspects with `status`, without repetition.
fn aspects(report: &Value, status: &str) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    let found = findings.filter(|finding| finding["status"] == status);
    let mut names: Vec<String> =
        found.map(|finding| finding["aspect"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names.dedup();
    names
}

/// Insists that exactly `expected` is lost, by packets alone; returns the report.
fn loses(source: &Path, output: &Path, expected: &[&str]) -> Value {
    let (status, report) = verify(source, output, &["--cheap"]);
    assert_eq!(aspects(&report, "lost"), expected, "{:#}", report["findings"]);
    assert_eq!(status, i32::from(!expected.is_empty()));
    assert_eq!(report["verdict"], if expected.is_empty() { "survived" } else { "lost" });
    report
}

/// What one finding says.
fn detail<'a>(report: &'a Value, aspect: &str) -> &'a str {
    let mut findings = report["findings"].as_array().unwrap().iter();
    let found = findings.find(|finding| finding["aspect"] == aspect && finding["status"] == "lost");
    found.unwrap()["detail"].as_str().unwrap()
}

/// Two seconds of H.264 with two sounds, subtitles, three chapters, tags and a sample aspect, in MP4.
fn rich(folder: &Path) -> PathBuf {
    let plain = clips::make(folder, "plain.mp4", "320x180", 60, &clips::X264_PLAIN);
    let (words, marks) = (folder.join("words.srt"), folder.join("marks.txt"));
    std::fs::write(&words, "1\n00:00:00,200 --> 00:00:01,000\nHello\n").unwrap();
    let chapter = |from: u32, to: u32, title: &str| {
        format!("[CHAPTER]\nTIMEBASE=1/1000\nSTART={from}\nEND={to}\ntitle={title}\n")
    };
    let head = ";FFMETADATA1\ntitle=A film\ncomment=with words\n";
    let chapters =
        chapter(0, 500, "One") + &chapter(500, 1200, "Two") + &chapter(1200, 2000, "End");
    std::fs::write(&marks, head.to_owned() + &chapters).unwrap();
    let target = folder.join("rich.mp4");
    let inputs = ["-i", text(&plain), "-i", text(&words), "-i", text(&marks)];
    let maps = ["-map", "0:v", "-map", "0:a", "-map", "0:a", "-map", "1:s", "-map_metadata", "2"];
    let codecs = ["-c", "copy", "-c:s", "mov_text", "-aspect", "4:3"];
    let tags = ["-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=deu"];
    let more = ["-disposition:a:1", "comment", text(&target)];
    ffmpeg(&[&inputs[..], &maps, &codecs, &tags, &more].concat());
    target
}

/// `source` copied with everything in it, and `options`.
fn copied(source: &Path, name: &str, options: &[&str]) -> PathBuf {
    let target = source.with_file_name(name);
    let all = ["-i", text(source), "-map", "0", "-c", "copy"];
    ffmpeg(&[&all[..], options, &[text(&target)]].concat());
    target
}

#[test]
fn a_copy_loses_nothing_and_every_stream_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let source = rich(folder.path());
    // ffmpeg would copy the track of the chapters beside the chapters.
    let output = copied(&source, "copy.mp4", &["-map", "-0:d"]);
    let report = loses(&source, &output, &[]);
    let streams = report["streams"].as_array().unwrap();
    let mut of_source = streams.iter().filter(|one| !one["source"].is_null());
    assert!(of_source.all(|one| one["identical"] == true), "{streams:#?}");
    assert_eq!(report["frames"]["matched"], 60);
    let survived = aspects(&report, "survived");
    assert!(survived.contains(&"chapters".to_owned()), "{:#}", report["findings"]);
    let (status, report) = verify(&source, &source, &["--exact"]);
    assert_eq!((status, &report["pictures"]["identical"]), (0, &Value::from(60)));
    assert_eq!(report["pictures"]["psnr"], Value::Null);
}

#[test]
fn a_dropped_frame_is_named_with_its_index_and_time() {
    let folder = tempfile::tempdir().unwrap();
    let source = clips::make(folder.path(), "source.mp4", "320x180", 60, &clips::X264_PLAIN);
    let output = folder.path().join("dropped.mp4");
    let pass = ["-vsync", "passthrough", "-enc_time_base", "-1", "-c:v", "libx264", "-qp", "0"];
    let select = ["-vf", "select=not(eq(n\\,20))", "-c:a", "copy", text(&output)];
    let input = ["-copyts", "-i", text(&source), "-map", "0", "-video_track_timescale", "30000"];
    ffmpeg(&[&input[..], &pass, &select].concat());
    let report = loses(&source, &output, &["frames"]);
    let missing = &report["frames"]["missing"];
    assert_eq!((&missing["count"], &missing["first"][0]["index"]), (&1.into(), &20.into()));
    assert_eq!(missing["first"][0]["time"]["exact"], "1001/1500");
    // What is left is compared with its own frames: not one sample differs.
    let (status, report) = verify(&source, &output, &["--exact"]);
    assert_eq!((status, aspects(&report, "lost")), (1, vec!["frames".to_owned()]));
    assert_eq!(report["pictures"]["identical"], 59);
    assert_eq!(report["pictures"]["over_time"][20]["missing"], 1);
}

#[test]
fn a_frame_that_is_shown_a_tick_late_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let source = clips::make(folder.path(), "source.mp4", "320x180", 60, &clips::X264_PLAIN);
    let late = "setts=pts=if(eq(N\\,30)\\,PTS+1\\,PTS):dts=DTS";
    let output = copied(&source, "late.mp4", &["-bsf:v", late]);
    let report = loses(&source, &output, &["frame_times"]);
    assert_eq!(report["frames"]["moved"]["count"], 1);
    assert_eq!(report["frames"]["moved"]["first"][0]["later"]["exact"], "1/30000");
}

#[test]
fn sounds_that_were_cut_damaged_or_swapped_are_each_caught() {
    let folder = tempfile::tempdir().unwrap();
    let source = clips::make(folder.path(), "source.mp4", "320x180", 60, &clips::X264_PLAIN);
    let cut = folder.path().join("cut.mp4");
    let inputs = ["-i", text(&source), "-t", "0.8", "-i", text(&source)];
    ffmpeg(&[&inputs[..], &["-map", "0:v", "-map", "1:a", "-c", "copy", text(&cut)]].concat());
    let report = loses(&source, &cut, &["packets", "sync"]);
    assert!(detail(&report, "sync").contains("at the end"), "{report:#}");
    let dropped = copied(&source, "dropped.mp4", &["-bsf:a", "noise=drop=eq(n\\,30):amount=0"]);
    let report = loses(&source, &dropped, &["packet_times", "packets"]);
    assert!(detail(&report, "packets").contains("packet 30"), "{report:#}");
    let pcm = folder.path().join("pcm.mov");
    let input = ["-i", text(&source), "-map", "0", "-c:v", "copy", "-c:a", "pcm_s16le"];
    ffmpeg(&[&input[..], &[text(&pcm)]].concat());
    let report = loses(&pcm, &swapped(&pcm), &["packets"]);
    assert!(detail(&report, "packets").contains("another order, from packet 10 on"), "{report:#}");
}

/// A copy in which packets 10 and 11 of the sound have changed places.
fn swapped(source: &Path) -> PathBuf {
    let rows =
        reference::probe(source, &["-select_streams", "a", "-show_entries", "packet=size,pos"]);
    let numbers: Vec<usize> = rows.lines().map(|line| line.parse().unwrap()).collect();
    let (one, other) = ((numbers[20], numbers[21]), (numbers[22], numbers[23]));
    assert_eq!(one.0, other.0, "packets of one size");
    let mut bytes = std::fs::read(source).unwrap();
    for at in 0..one.0 {
        bytes.swap(one.1 + at, other.1 + at);
    }
    let target = source.with_file_name("swapped.mov");
    std::fs::write(&target, bytes).unwrap();
    target
}

#[test]
fn what_is_said_of_streams_and_file_is_compared_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let source = rich(folder.path());
    let cases: [(&str, &[&str], &[&str]); 8] = [
        ("french.mp4", &["-metadata:s:a:0", "language=fra"], &["language"]),
        ("nochapters.mp4", &["-map_chapters", "-1"], &["chapters"]),
        ("untitled.mp4", &["-metadata", "title="], &["tag"]),
        ("retitled.mp4", &["-metadata", "title=Another film"], &["tag"]),
        ("square.mp4", &["-aspect", "16:9"], &["sample_aspect"]),
        ("plain.mp4", &["-disposition:a:1", "0"], &["disposition"]),
        ("onesound.mp4", &["-map", "-0:a:1"], &["stream"]),
        ("nowords.mp4", &["-map", "-0:s"], &["stream"]),
    ];
    for (name, options, expected) in cases {
        loses(&source, &copied(&source, name, options), expected);
    }
    let few = folder.path().join("few.txt");
    let chapter = "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=500\ntitle=One\n";
    std::fs::write(&few, format!(";FFMETADATA1\n{chapter}")).unwrap();
    let output = folder.path().join("few.mp4");
    let input = ["-i", text(&source), "-i", text(&few), "-map", "0", "-c", "copy"];
    ffmpeg(&[&input[..], &["-map_chapters", "1", text(&output)]].concat());
    let report = loses(&source, &output, &["chapters"]);
    assert!(
        detail(&report, "chapters").contains("2 of 3")
            && detail(&report, "chapters").contains("Two")
    );
}

#[test]
fn rotation_colour_and_hdr_that_are_gone_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (with, without) = (folder.path().join("hdr.mp4"), folder.path().join("sdr.mp4"));
    let make = |target: &Path, more: &str, colour: &[&str]| {
        let source = clips::moving("320x180", "25");
        let params = format!("log-level=none{more}");
        let input = ["-f", "lavfi", "-i", &source, "-frames:v", "20", "-pix_fmt", "yuv420p10le"];
        let codec = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", &params];
        ffmpeg(&[&input[..], &codec, colour, &["-tag:v", "hvc1", text(target)]].concat());
    };
    let colour =
        ["-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc"];
    let display = ":master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)\
        L(10000000,1):max-cll=1000,400:hdr10=1";
    make(&with, display, &colour);
    make(&without, "", &[]);
    loses(&with, &with, &[]);
    let report = loses(&with, &without, &["colour", "hdr"]);
    assert!(detail(&report, "hdr").contains("light level 1000/400"), "{report:#}");
    let turned = copied(&with, "turned.mp4", &["-metadata:s:v", "rotate=90"]);
    loses(&turned, &with, &["rotation"]);
}

#[test]
fn a_run_changes_nothing_outside_its_region_and_what_it_changes_on_purpose_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let source = rich(folder.path());
    let (exact, usual) = (folder.path().join("exact.mp4"), folder.path().join("usual.mp4"));
    let region = ["--region", "40,40,64,32"];
    let run = ["run", text(&source), "-o", text(&exact), "--lossless"];
    binary::run_ok([&run[..], &region].concat());
    let (status, report) = verify(&source, &exact, &[&region[..], &["--exact"]].concat());
    assert_eq!((status, aspects(&report, "lost").len()), (0, 0), "{:#}", report["findings"]);
    assert_eq!(report["pictures"]["identical"], 60);
    assert!(aspects(&report, "on_purpose").contains(&"tag".to_owned()));
    let (status, report) = verify(&source, &exact, &["--exact"]);
    assert_eq!((status, aspects(&report, "lost")), (1, vec!["samples".to_owned()]));
    let run =
        ["run", text(&source), "-o", text(&usual), "--encoder", "libx265", "--preset", "ultrafast"];
    binary::run_ok([&run[..], &region].concat());
    let (status, report) = verify(&source, &usual, &region);
    assert_eq!((status, aspects(&report, "lost").len()), (0, 0), "{:#}", report["findings"]);
    let purpose = aspects(&report, "on_purpose");
    assert!(purpose.contains(&"codec".to_owned()) && purpose.contains(&"samples".to_owned()));
    let (status, report) = verify(&source, &usual, &[&region[..], &["--tolerance", "0"]].concat());
    assert_eq!((status, aspects(&report, "lost")), (1, vec!["samples".to_owned()]));
}

#[test]
fn a_movie_that_is_muxed_wrongly_is_refused_by_its_frame_and_never_published() {
    let folder = tempfile::tempdir().unwrap();
    let moving = clips::moving("320x180", "25");
    for name in ["boxes.mp4", "boxes.mov", "matroska.mkv", "stream.ts"] {
        let source = folder.path().join(name);
        let input = ["-f", "lavfi", "-i", &moving, "-f", "lavfi", "-i", "sine"];
        let codecs = ["-t", "2", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"];
        ffmpeg(&[&input[..], &codecs, &["-pix_fmt", "yuv420p", text(&source)]].concat());
        let output = folder.path().join(format!("out-{name}"));
        let run = ["run", text(&source), "-o", text(&output), "--region", "8,8,32,16", "-vv"];
        let spoilt = binary::command(run).env("CLEANPLATE_FAULTS", "spoil@30").output().unwrap();
        let said = String::from_utf8_lossy(&spoilt.stderr);
        assert_eq!(spoilt.status.code(), Some(1), "{name}: {said}");
        let last = said.lines().last().unwrap();
        assert!(last.contains("stitch: the movie does not read back"), "{name}: {last}");
        assert!(
            last.contains("frames 3") && last.contains("packet 30 of the video"),
            "{name}: {last}"
        );
        assert!(!output.exists(), "{name}");
        // The parts are there: without the fault the same command ends well, and says what it read back.
        let ended = binary::run(run);
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success() && output.exists(), "{name}: {said}");
        assert!(said.contains("read back before publishing: 50 pictures"), "{name}: {said}");
    }
}

#[test]
fn quality_is_what_ffmpeg_measures() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("yuv420p", "321x179", ["-c:v", "mpeg4", "-q:v", "12"]),
        ("yuv422p10le", "320x180", ["-c:v", "libx264", "-crf", "35"]),
    ];
    for (format, size, codec) in cases {
        let source = folder.path().join(format!("{format}.mkv"));
        let output = folder.path().join(format!("{format}-worse.mkv"));
        let moving = clips::moving(size, "25");
        let input = ["-f", "lavfi", "-i", &moving, "-frames:v", "12", "-pix_fmt", format];
        ffmpeg(&[&input[..], &["-c:v", "ffv1", text(&source)]].concat());
        let worse = ["-i", text(&source), "-pix_fmt", format];
        ffmpeg(&[&worse[..], &codec, &[text(&output)]].concat());
        let (status, report) = verify(&source, &output, &[]);
        assert_eq!(status, 0, "{:#}", report["findings"]);
        let measured = |filter: &str, sign: &str| measured(&source, &output, filter, sign);
        let close = |ours: &Value, theirs: f64, by: f64| {
            let ours = ours.as_f64().unwrap();
            assert!((ours - theirs).abs() < by, "{format}: {ours} is not {theirs}");
        };
        let pictures = &report["pictures"];
        close(&pictures["psnr"], measured("psnr", "average:"), 0.000_01);
        close(&pictures["planes"][1]["psnr"], measured("psnr", " u:"), 0.000_01);
        close(&pictures["ssim"], measured("ssim", "All:"), 0.000_002);
        close(&pictures["planes"][0]["ssim"], measured("ssim", " Y:"), 0.000_002);
    }
}

/// What a filter of ffmpeg prints after `sign` at its end.
fn measured(source: &Path, output: &Path, filter: &str, sign: &str) -> f64 {
    let ended = std::process::Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-i", text(output), "-i", text(source)])
        .args(["-lavfi", filter, "-f", "null", "-"])
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&ended.stderr).into_owned();
    let line = log.lines().rev().find(|line| line.contains("Parsed_") && line.contains(sign));
    let value = line.unwrap_or_else(|| panic!("{log}")).split_once(sign).unwrap().1;
    value.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn people_get_a_table_and_a_picture() {
    let folder = tempfile::tempdir().unwrap();
    let source = rich(folder.path());
    let output = copied(&source, "french.mp4", &["-metadata:s:a:0", "language=fra"]);
    let picture = folder.path().join("difference.png");
    let ended = binary::run(["verify", text(&source), text(&output), "--picture", text(&picture)]);
    let said = String::from_utf8_lossy(&ended.stdout);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("language") && said.contains("eng became fra"), "{said}");
    assert!(said.contains("verdict: one thing that should have survived did not"), "{said}");
    assert!(said.contains("VMAF"), "{said}");
    let png = std::fs::read(&picture).unwrap();
    assert_eq!((&png[1..4], &png[16..24]), (&b"PNG"[..], &[0, 0, 4, 176, 0, 0, 2, 128][..]));
}

#[test]
fn misuse_is_2_and_what_is_no_video_is_3() {
    let folder = tempfile::tempdir().unwrap();
    let letter = folder.path().join("letter.mp4");
    std::fs::write(&letter, "only words").unwrap();
    let clip = binary::shipped_clip();
    let status = |arguments: &[&str]| binary::run(arguments).status.code();
    assert_eq!(status(&["verify", text(&clip), text(&letter)]), Some(3));
    assert_eq!(status(&["verify", text(&letter), text(&clip)]), Some(3));
    assert_eq!(status(&["verify", text(&clip), "/absent.mp4"]), Some(3));
    assert_eq!(status(&["verify", text(&clip)]), Some(2));
    assert_eq!(status(&["verify", text(&clip), text(&clip), "--cheap", "--exact"]), Some(2));
    assert_eq!(status(&["verify", text(&clip), text(&clip), "--region", "1,2,3"]), Some(2));
}
