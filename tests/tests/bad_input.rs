//! Bad input gets one clear sentence, the exit status of the contract, and leaves nothing behind.

use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};

use cleanplate_tests::{binary, clips};

/// What is in `folder`, by name.
fn listing(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn sentence(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs on `input` and insists on `status`, on `words` in the message, and that no output, state
/// or staging file is left.
fn refused(folder: &Path, input: &Path, options: &[&str], status: i32, words: &str) {
    let before = listing(folder);
    let target = folder.join("out.mp4");
    let mut arguments = vec!["run", input.to_str().unwrap(), "-o", target.to_str().unwrap()];
    arguments.extend(options);
    let output = binary::run(&arguments);
    let said = sentence(&output);
    assert_eq!(output.status.code(), Some(status), "{said}");
    assert!(said.contains(words), "{words:?} must be in: {said}");
    let errors = said.lines().filter(|line| line.starts_with("error:")).count();
    assert_eq!(errors, 1, "one sentence: {said}");
    assert_eq!(before, listing(folder), "something is left behind");
}

#[test]
fn a_missing_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    refused(folder.path(), &folder.path().join("absent.mp4"), &[], 3, "absent.mp4");
}

#[test]
fn a_text_is_not_a_video() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("notes.mp4");
    fs::write(&input, "these are only words\n".repeat(500)).unwrap();
    refused(folder.path(), &input, &[], 3, "not");
}

#[test]
fn sound_alone_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("sound.mp4");
    clips::ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        "sine=duration=1",
        "-c:a",
        "aac",
        input.to_str().unwrap(),
    ]);
    refused(folder.path(), &input, &[], 3, "video");
}

#[test]
fn a_video_without_frames_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("none.mkv");
    let source = clips::moving("128x72", "25");
    let arguments = ["-f", "lavfi", "-i", &source, "-t", "0", "-c:v", "libx264"];
    let target = [input.to_str().unwrap()];
    clips::ffmpeg(&[&arguments[..], &target[..]].concat());
    refused(folder.path(), &input, &[], 3, "");
}

#[test]
fn a_truncated_file_is_no_short_success() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = clips::X264_PLAIN.to_vec();
    options.extend(["-movflags", "+faststart"]);
    let whole = clips::make(folder.path(), "whole.mp4", "320x180", 200, &options);
    let bytes = fs::read(&whole).unwrap();
    fs::remove_file(&whole).unwrap();
    let input = folder.path().join("cut.mp4");
    fs::write(&input, &bytes[..bytes.len() * 6 / 10]).unwrap();
    refused(folder.path(), &input, &["--detect", "none"], 3, "");
}

#[test]
fn a_region_outside_the_picture_is_refused_with_the_pictures_size() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clips::make(folder.path(), "in.mp4", "320x180", 30, &clips::X264_PLAIN);
    refused(folder.path(), &clip, &["--region", "300,10,40,40"], 2, "320x180");
}

#[test]
fn an_output_that_is_the_input_is_refused_whatever_it_is_called() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clips::make(folder.path(), "in.mp4", "320x180", 30, &clips::X264_PLAIN);
    let other_name = folder.path().join("link.mp4");
    std::os::unix::fs::symlink(&clip, &other_name).unwrap();
    let before = fs::read(&clip).unwrap();
    for target in [&clip, &other_name] {
        let output = binary::run(["run", clip.to_str().unwrap(), "-o", target.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(2), "{}", sentence(&output));
    }
    assert_eq!(before, fs::read(&clip).unwrap(), "the source is never written to");
}

#[test]
fn an_output_that_cannot_be_written_is_said_before_any_work() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clips::make(folder.path(), "in.mp4", "320x180", 30, &clips::X264_PLAIN);
    let target = folder.path().join("absent/folder/out.mp4");
    let output = binary::run(["run", clip.to_str().unwrap(), "-o", target.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{}", sentence(&output));
    assert!(sentence(&output).contains("absent/folder"), "{}", sentence(&output));
    assert!(!folder.path().join("absent").exists());
}

#[test]
fn webm_cannot_hold_h264_and_says_so_before_any_work() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clips::make(folder.path(), "in.mp4", "320x180", 30, &clips::X264_PLAIN);
    let target = folder.path().join("out.webm");
    let arguments =
        ["run", clip.to_str().unwrap(), "-o", target.to_str().unwrap(), "--detect", "none"];
    let output = binary::run(arguments);
    assert_eq!(output.status.code(), Some(2), "{}", sentence(&output));
    assert!(sentence(&output).contains("webm"), "{}", sentence(&output));
    assert_eq!(listing(folder.path()), ["in.mp4"]);
}

#[test]
fn an_unreachable_coordinator_is_named_with_the_remedy() {
    let output = binary::run(["jobs", "--coordinator", "http://127.0.0.1:9"]);
    assert_eq!(output.status.code(), Some(1), "{}", sentence(&output));
    assert!(sentence(&output).contains("http://127.0.0.1:9"), "{}", sentence(&output));
}

#[test]
fn ctrl_c_ends_with_130_and_a_second_run_takes_up_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clips::make(folder.path(), "in.mp4", "1280x720", 700, &clips::X264_PLAIN);
    let target = folder.path().join("out.mp4");
    let arguments = [
        "run",
        clip.to_str().unwrap(),
        "-o",
        target.to_str().unwrap(),
        "--region",
        "9,9,90,40",
        "--workers",
        "1",
        "--cell-frames",
        "60",
        "--json",
    ];
    let mut child =
        binary::command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let mut committed = 0;
    for line in lines.map_while(Result::ok) {
        let state: serde_json::Value = serde_json::from_str(&line).unwrap();
        committed = state["cells_done"].as_u64().unwrap_or(0);
        if committed >= 2 {
            break;
        }
    }
    assert!(committed >= 2, "the job must still run when it is interrupted");
    // SIGINT, as a terminal sends it.
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", sentence(&output));
    assert!(!target.exists(), "no half movie");
    assert!(
        sentence(&output).contains(".cleanplate"),
        "the kept state is named: {}",
        sentence(&output)
    );

    let said = binary::run_ok(arguments);
    let first: serde_json::Value = serde_json::from_str(
        said.lines().find(|line| line.contains("cells_done")).expect("states are printed"),
    )
    .unwrap();
    assert!(
        first["cells_done"].as_u64().unwrap() >= committed,
        "committed cells are not made again: {first}"
    );
    assert!(target.exists());
    assert_eq!(listing(folder.path()), ["in.mp4", "out.mp4"], "the state is removed at success");
}

#[test]
fn an_encoder_that_this_machine_lacks_is_missed_before_the_film_is_looked_at() {
    if Path::new("/dev/nvidia0").exists() {
        return eprintln!("skipped: there is a card here");
    }
    let folder = tempfile::tempdir().unwrap();
    let clip = clips::kept("320x180", 60, &clips::X264_PLAIN);
    let words =
        "no hevc_nvenc: it was not tried: there is no card; leave out --encoder, or name libx265";
    refused(folder.path(), &clip, &["--encoder", "hevc_nvenc"], 4, words);
}

#[test]
fn an_ending_that_is_not_written_is_refused_when_the_job_is_submitted() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clips::kept("320x180", 60, &clips::X264_PLAIN);
    let output = folder.path().join("out.avi");
    let (input, target) = (clip.to_str().unwrap(), output.to_str().unwrap());
    let ran = binary::run(["run", input, "-o", target, "--region", "1,1,20,20"]);
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(2), "{said}");
    assert!(said.contains("`.avi` is not written here") && said.contains(".mkv"), "{said}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left");
}
