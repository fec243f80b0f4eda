//! Nothing is lost in silence: what a source has and an output cannot hold is refused before any work with advice that
//! works, or told on the job; damage is refused or concealed with its place.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cleanplate_tests::torture::bytes;
use cleanplate_tests::{binary, clips, reference};

const PICTURES: &str = "-f lavfi -i testsrc2=s=160x96:r=25:d=4";
const SOUND: &str = "-f lavfi -i sine=frequency=330:sample_rate=48000:duration=4";
const X264: &str = "-pix_fmt yuv420p -c:v libx264 -preset ultrafast -bf 2 -g 25";
const LOSSLESS: &[&str] = &["--lossless"];
const CONCEAL: &[&str] = &["--on-damage", "conceal"];
const ALLOW: &[&str] = &["--allow-metadata-loss"];

/// A job that came to its end.
struct Ended {
    status: i32,
    /// What it said to a person and, line by line, to a program.
    said: String,
    output: PathBuf,
}

/// Makes a clip in `folder` by an ffmpeg command line without its last word.
fn make(folder: &Path, name: &str, recipe: &str) -> PathBuf {
    let path = folder.join(name);
    let mut arguments: Vec<&str> = recipe.split_whitespace().collect();
    arguments.push(path.to_str().unwrap());
    clips::ffmpeg(&arguments);
    path
}

/// Passes a clip through into `name` beside it.
fn run(clip: &Path, name: &str, options: &[&str]) -> Ended {
    let output = clip.with_file_name(name);
    fs::remove_file(&output).ok();
    let ends = ["run", clip.to_str().unwrap(), "-o", output.to_str().unwrap()];
    let common = ["--json", "--detect", "none", "--workers", "1"];
    let ran = binary::run([&ends[..], &common, options].concat());
    let said = [ran.stdout, ran.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    Ended { status: ran.status.code().unwrap_or(-1), said, output }
}

impl Ended {
    /// Insists that the job is done; returns it.
    fn done(self) -> Self {
        assert_eq!(self.status, 0, "{}", self.said);
        self
    }

    fn says(&self, words: &str) {
        assert!(self.said.contains(words), "{words:?} must be in: {}", self.said);
    }

    /// Insists on a refusal before any work with `status` and `words`; returns what was said.
    fn refused(self, status: i32, words: &str) -> String {
        assert_eq!(self.status, status, "{}", self.said);
        self.says(words);
        assert!(!self.output.exists(), "nothing is published");
        self.said
    }
}

/// What ffprobe says of the first stream of a kind (`v:0`), each field in a line.
fn asked(path: &Path, stream: &str, entries: &str) -> Vec<String> {
    let told = reference::probe(path, &["-select_streams", stream, "-show_entries", entries]);
    told.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

fn packets(path: &Path, stream: &str) -> usize {
    let shown = Command::new("ffprobe")
        .args(["-v", "quiet", "-select_streams", stream, "-show_entries", "packet=size"])
        .args(["-of", "csv=p=0"])
        .arg(path)
        .output()
        .unwrap();
    String::from_utf8_lossy(&shown.stdout).lines().filter(|line| !line.trim().is_empty()).count()
}

/// The extensions of outputs that a refusal advises.
fn advised(said: &str) -> Vec<String> {
    let (_, advice) = said.split_once("name the output ").expect("a container is advised");
    let words = advice.split(' ').map(|word| word.trim_end_matches([',', ';', '"', '\n']));
    words
        .take_while(|word| word.starts_with('.') || *word == "or")
        .filter_map(|word| word.strip_prefix('.'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn damaged_sound_is_refused_before_any_work_or_left_out_with_its_times() {
    let folder = tempfile::tempdir().unwrap();
    let clip = make(
        folder.path(),
        "sound.ts",
        &format!("{PICTURES} {SOUND} {X264} -c:a aac -b:a 64k -shortest"),
    );
    let damaged = bytes::zeros_in_sound_of_ts(fs::read(&clip).unwrap());
    fs::write(&clip, damaged).unwrap();
    for name in ["out.mp4", "out.mkv"] {
        run(&clip, name, &[]).refused(3, "stream 1 is damaged at tick");
        let concealed = run(&clip, name, CONCEAL).done();
        concealed.says("stream 1: 1 damaged packets at tick");
        concealed.says("does not begin with a header of AAC");
        let (had, has) = (packets(&clip, "a"), packets(&concealed.output, "a"));
        assert!(has < had && has + 8 > had, "{name}: {has} packets of {had}");
        let (want, have) = (reference::frames(&clip), reference::frames(&concealed.output));
        assert_eq!(want.len(), have.len());
    }
    // A transport stream takes it as it is, and the job says so.
    run(&clip, "out.ts", &[]).done().says("it is carried as it is");
}

#[test]
fn a_cut_off_matroska_is_concealed_up_to_its_last_frame() {
    let folder = tempfile::tempdir().unwrap();
    let whole =
        make(folder.path(), "whole.mkv", &format!("{PICTURES} {SOUND} {X264} -c:a aac -shortest"));
    let clip = folder.path().join("cut.mkv");
    fs::write(&clip, bytes::cut_off(fs::read(&whole).unwrap())).unwrap();
    for name in ["out.mkv", "out.mp4"] {
        run(&clip, name, &[]).refused(3, "cut off");
        let concealed = run(&clip, name, CONCEAL).done();
        let want = reference::frames_of_damaged(&clip, Some(1));
        let times = |frames: &[reference::Shown]| -> Vec<(i128, i128)> {
            frames.iter().map(|frame| frame.time).collect()
        };
        assert_eq!(times(&want), times(&reference::frames(&concealed.output)));
        concealed.says(&format!("what came behind frame {}", want.len() - 1));
        assert!(packets(&concealed.output, "a") > 10, "its sound is there");
    }
}

#[test]
fn pictures_that_are_missing_in_a_damaged_matroska_are_told_by_the_frames_around_them() {
    let folder = tempfile::tempdir().unwrap();
    let clip = make(
        folder.path(),
        "hole.mkv",
        &format!("{PICTURES} {SOUND} {X264} -c:a aac -shortest -cluster_time_limit 500"),
    );
    let mut content = fs::read(&clip).unwrap();
    let (middle, hole) = (content.len() / 2, content.len() / 12);
    content[middle..middle + hole].fill(0);
    fs::write(&clip, content).unwrap();
    let shown = reference::frames_of_damaged(&clip, Some(1));
    // Frames are 1/25 s apart.
    let is_gap = |pair: &[reference::Shown]| {
        let [(a, b), (c, d)] = [pair[0].time, pair[1].time];
        (c * b - a * d) * 25 > b * d * 3 / 2
    };
    let before = shown.windows(2).position(is_gap).expect("the hole is in the pictures");
    for name in ["out.mkv", "out.mp4"] {
        let concealed = run(&clip, name, CONCEAL).done();
        concealed.says(&format!(
            "pictures are missing between frames {before} and {}, from tick",
            before + 1
        ));
    }
}

#[test]
fn a_matrix_that_the_format_means_and_does_not_write_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let clip = make(folder.path(), "a.webm", &format!("{PICTURES} -c:v libvpx -deadline realtime"));
    for name in ["out.mp4", "out.mkv", "out.webm"] {
        let done = run(&clip, name, &[]).done();
        assert_eq!(asked(&done.output, "v:0", "stream=color_space"), ["bt470bg"], "{name}");
    }
}

#[test]
fn an_advice_that_is_followed_leads_to_an_output() {
    let folder = tempfile::tempdir().unwrap();
    let early = "-output_ts_offset 95441.7 -muxdelay 0 -muxpreload 0";
    let thirty = PICTURES.replace("r=25", "r=30");
    let broadcast = PICTURES.replace("r=25", "r=30000/1001");
    let sources = [
        ("pcm.mov", format!("{thirty} {SOUND} {X264} -c:a pcm_s16le -shortest"), "mp4", "mov"),
        ("pcm2.mov", format!("{thirty} {SOUND} {X264} -c:a pcm_s16le -shortest"), "mkv", "mov"),
        ("wrap.ts", format!("{broadcast} {X264} {early}"), "mp4", "ts"),
        ("wrap2.ts", format!("{broadcast} {X264} {early}"), "mkv", "ts"),
        ("ycgco.mp4", format!("{PICTURES} {X264} -colorspace ycgco"), "webm", "mkv"),
        ("shape.mp4", format!("{PICTURES} {X264} -aspect 163:97"), "webm", "mkv"),
        ("packed.mp4", format!("{PICTURES} {X264} -x264-params frame-packing=3"), "webm", "mkv"),
        ("opus.mkv", format!("{PICTURES} {SOUND} {X264} -c:a libopus -shortest"), "mov", "mkv"),
    ];
    for (name, recipe, wanted, first) in sources {
        let clip = make(folder.path(), name, &recipe);
        let said = run(&clip, &format!("out.{wanted}"), LOSSLESS).refused(2, "name the output");
        let advised = advised(&said);
        assert_eq!(advised.first().map(String::as_str), Some(first), "{name}: {said}");
        for extension in advised {
            let followed = run(&clip, &format!("out.{extension}"), LOSSLESS).done();
            let (want, have) = (reference::frames(&clip), reference::frames(&followed.output));
            reference::assert_same(&want, &have, &format!("{name} as {extension}"));
        }
    }
}

#[test]
fn a_pixel_format_that_no_encoder_takes_is_advised_one_that_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    for format in ["yuv420p9le", "yuv411p", "yuv440p"] {
        let recipe = format!("{PICTURES} -frames:v 5 -pix_fmt {format} -c:v ffv1");
        let clip = make(folder.path(), "odd.mkv", &recipe);
        for name in ["out.mp4", "out.webm"] {
            let said = run(&clip, name, &[]).refused(3, "no encoder takes");
            let (_, advice) = said.split_once("-pix_fmt ").expect("a format is advised");
            let advised: String = advice.chars().take_while(char::is_ascii_alphanumeric).collect();
            let converting = format!("-i {} -pix_fmt {advised} -c:v ffv1", clip.display());
            let converted = make(folder.path(), "converted.mkv", &converting);
            run(&converted, name, &[]).done();
        }
    }
}

#[test]
fn a_transport_stream_from_zero_or_over_the_end_of_its_count_comes_back_tick_for_tick() {
    let folder = tempfile::tempdir().unwrap();
    let broadcast = PICTURES.replace("r=25", "r=30000/1001");
    // Whoever begins in the last minute of the count is taken for one that begins before zero.
    let long = PICTURES.replace("r=25:d=4", "r=5:d=80");
    for (name, pictures, starts) in [
        ("zero.ts", &broadcast, "0"),
        ("soon.ts", &broadcast, "0.1"),
        ("wrap.ts", &broadcast, "95441.7"),
        ("over.ts", &long, "95373"),
    ] {
        let recipe = format!(
            "{pictures} {SOUND} {X264} -c:a mp2 -muxdelay 0 -muxpreload 0 -output_ts_offset {starts}"
        );
        let clip = make(folder.path(), name, &recipe);
        for output in ["out.ts", "out.m2ts"] {
            let done = run(&clip, output, LOSSLESS).done();
            let (want, have) = (reference::frames(&clip), reference::frames(&done.output));
            reference::assert_same(&want, &have, &format!("{name} as {output}"));
        }
    }
}

#[test]
fn metadata_of_single_frames_that_begins_late_is_refused_and_not_only_counted() {
    let folder = tempfile::tempdir().unwrap();
    let coded = "-pix_fmt yuv420p10le -c:v libx265 -preset ultrafast \
        -x265-params log-level=none:keyint=24:bframes=0";
    let bare = make(folder.path(), "bare.hevc", &format!("{PICTURES} -frames:v 40 {coded}"));
    let late = bytes::with_late_hdr10_plus(fs::read(&bare).unwrap());
    fs::write(&bare, late).unwrap();
    let clip = folder.path().join("late.mp4");
    let remux = format!("-r 25 -i {} -c copy -tag:v hvc1", bare.display());
    let clip = make(folder.path(), clip.file_name().unwrap().to_str().unwrap(), &remux);
    run(&clip, "out.mp4", &[]).refused(2, "HDR10+ metadata for single frames");
    run(&clip, "out.mp4", ALLOW).done();
}

#[test]
fn captions_that_begin_late_end_a_job_whose_codec_has_no_place_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let coded = X264.replace("-bf 2", "-bf 0");
    let bare = make(folder.path(), "bare.h264", &format!("{PICTURES} -frames:v 30 {coded}"));
    let late = bytes::with_late_captions_h264(fs::read(&bare).unwrap());
    fs::write(&bare, late).unwrap();
    let remux = format!("-r 25 -i {} -c copy", bare.display());
    let clip = make(folder.path(), "late.mp4", &remux);
    run(&clip, "out.webm", &[]).refused(2, "frame 12 carries closed captions");
    run(&clip, "out.webm", ALLOW).done();
    run(&clip, "out.mp4", &[]).done();
}

#[test]
fn dolby_vision_is_refused_and_with_leave_becomes_its_base_layer() {
    let folder = tempfile::tempdir().unwrap();
    let coded = "-pix_fmt yuv420p10le -color_primaries bt2020 -color_trc smpte2084 \
        -colorspace bt2020nc -c:v libx265 -preset ultrafast -x265-params log-level=none -tag:v hvc1";
    let clip = make(folder.path(), "vision.mp4", &format!("{PICTURES} -frames:v 20 {coded}"));
    fs::write(&clip, bytes::with_dolby_vision(fs::read(&clip).unwrap())).unwrap();
    for name in ["out.mp4", "out.mov", "out.mkv"] {
        run(&clip, name, &[]).refused(2, "Dolby Vision profile 8.1");
        let done = run(&clip, name, &[ALLOW, LOSSLESS].concat()).done();
        done.says("Dolby Vision profile 8.1 metadata is lost");
        let (want, have) = (reference::frames(&clip), reference::frames(&done.output));
        reference::assert_same(&want, &have, name);
        assert_eq!(asked(&done.output, "v:0", "stream=color_transfer"), ["smpte2084"], "{name}");
    }
}

#[test]
fn what_a_stream_is_for_is_kept_or_told() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("s.srt"), "1\n00:00:00,100 --> 00:00:01,000\nwords\n").unwrap();
    let text = folder.path().join("s.srt");
    let recipe = format!(
        "{PICTURES} -i {} {X264} -c:s mov_text -map 0:v -map 1:s -disposition:s:0 forced",
        text.display()
    );
    let clip = make(folder.path(), "forced.mp4", &recipe);
    let forced = |path: &Path| asked(path, "s:0", "stream_disposition=forced");
    let kept = run(&clip, "out.mp4", &[]).done();
    assert_eq!(forced(&kept.output), ["1"]);
    assert!(!kept.said.contains("that it is forced"), "{}", kept.said);
    run(&clip, "out.mov", &[]).done().says("stream 1: that it is forced has no place in mov");
}
