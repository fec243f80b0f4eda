//! Models in the whole product: what a detector sees is removed, the same however the job was cut; where a model
//! cannot be had, the command says so before it writes anything.
//!
//! The models are those of `scripts/setup-models`, in `build/models`; where they are not there, tests that need them
//! say so. The truth is the shipped clip before captions were burned in; the judge is the ffmpeg command line.

use std::path::{Path, PathBuf};

use cleanplate_tests::cluster::Cluster;
use cleanplate_tests::{binary, clips, reference};
use serde_json::Value;

/// Whether the models are there; says why not.
fn has_models() -> bool {
    let there = binary::models_folder().join("onnxruntime").is_dir();
    if !there {
        println!("skipped: no models in {}", binary::models_folder().display());
    }
    there
}

/// Text, and the frames that show it.
const CAPTIONS: [(&str, u32, u32); 3] = [
    ("Where did they all go?", 20, 90),
    ("Round the corner, I think.", 105, 170),
    ("There!", 190, 235),
];

/// The shipped clip with captions burned in.
fn captioned(folder: &Path) -> PathBuf {
    let path = folder.join("captioned.mp4");
    let clip = binary::shipped_clip();
    let draw = CAPTIONS.map(|(text, from, to)| {
        format!(
            "drawtext=font=DejaVu Sans:text='{text}':fontsize=22:fontcolor=white:borderw=2:\
             x=(w-tw)/2:y=h-40:enable='gte(n,{from})*lt(n,{to})'"
        )
    });
    clips::ffmpeg(&[
        "-i",
        clip.to_str().unwrap(),
        "-vf",
        &draw.join(","),
        "-c:v",
        "libx264",
        "-crf",
        "18",
        "-pix_fmt",
        "yuv420p",
        path.to_str().unwrap(),
    ]);
    path
}

/// Cleans `input` without loss; returns the job's last state.
fn clean(input: &Path, output: &Path, options: &[&str]) -> Value {
    let mut arguments = vec!["run", input.to_str().unwrap(), "-o", output.to_str().unwrap()];
    arguments.extend(["--lossless", "--json"]);
    arguments.extend(options);
    let said = binary::run_ok(&arguments);
    serde_json::from_str(said.lines().last().unwrap()).unwrap()
}

#[test]
fn captions_are_covered_in_their_frames_and_no_other_frame_changes() {
    if !has_models() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let clip = captioned(folder.path());
    let output = folder.path().join("clean.mp4");
    let state = clean(&clip, &output, &["--detect", "text"]);
    let overlays = state["overlays"].as_array().unwrap();
    assert!(overlays.iter().all(|overlay| overlay["origin"] == "text"), "{state}");
    let (before, after) = (reference::frames(&clip), reference::frames(&output));
    assert_eq!(before.len(), after.len());
    let shows = |frame: u32| CAPTIONS.iter().any(|(_, from, to)| (*from..*to).contains(&frame));
    for (frame, (before, after)) in (0_u32..).zip(before.iter().zip(&after)) {
        let changed = before != after;
        assert_eq!(changed, shows(frame), "frame {frame}: {overlays:?}");
    }
}

#[test]
fn how_a_job_is_cut_never_shows_with_detectors_either() {
    if !has_models() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let clip = captioned(folder.path());
    let cleaned = |name: &str, more: &[&str]| {
        let output = folder.path().join(name);
        clean(&clip, &output, &[&["--detect", "text", "--cell-frames", "50"], more].concat());
        std::fs::read(output).unwrap()
    };
    let whole = cleaned("one.mp4", &["--workers", "1", "--segment-frames", "100000"]);
    let cut = cleaned("many.mp4", &["--workers", "3", "--segment-frames", "50"]);
    assert!(whole == cut, "three workers made another movie than one");
}

#[test]
fn a_clip_without_writing_is_copied_and_says_so() {
    if !has_models() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.mp4");
    let state = clean(&binary::shipped_clip(), &output, &["--detect", "text"]);
    assert_eq!(state["outcome"]["kind"], "unchanged", "{state}");
    assert_eq!(reference::frames(&binary::shipped_clip()), reference::frames(&output));
}

#[test]
fn without_a_runtime_the_machine_lacks_something_and_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.mp4");
    let clip = binary::shipped_clip();
    let ran = binary::command(["run", clip.to_str().unwrap(), "-o", output.to_str().unwrap()])
        .args(["--detect", "text"])
        .env("CLEANPLATE_MODELS_FOLDER", folder.path().join("none"))
        .env("CLEANPLATE_MODELS_RUNTIME", folder.path().join("none.so"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(4), "{said}");
    assert!(said.contains("make setup-models"), "{said}");
    assert!(!output.exists(), "nothing is written");
}

#[test]
fn a_file_that_is_no_model_is_refused_in_one_line() {
    if !has_models() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (model, output) = (folder.path().join("marks.onnx"), folder.path().join("out.mp4"));
    std::fs::write(&model, b"this is no model").unwrap();
    let clip = binary::shipped_clip();
    let ran = binary::command(["run", clip.to_str().unwrap(), "-o", output.to_str().unwrap()])
        .args(["--detect", model.to_str().unwrap()])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(2), "{said}");
    let told = said.lines().find(|line| line.contains("marks.onnx"));
    assert!(told.is_some(), "the model is named: {said}");
    assert!(!output.exists(), "nothing is written");
}

#[test]
fn windows_go_to_the_worker_that_runs_models_and_outlive_it() {
    if !has_models() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let clip = captioned(folder.path());
    let target = folder.path().join("out.mp4");
    let mut cluster = Cluster::start(folder.path());
    let nowhere = [("CLEANPLATE_MODELS_RUNTIME", "/absent/libonnxruntime.so".to_owned())];
    cluster.start_worker_with(1, &[], &nowhere);
    let job = cluster.submit(
        clip.to_str().unwrap(),
        target.to_str().unwrap(),
        &["--detect", "text", "--lossless"],
    );
    cluster.watch_until(&job, |state| {
        state["waits_for"].as_str().is_some_and(|why| why.contains("make setup-models"))
    });
    let first = cluster.start_worker(1);
    cluster.until("the second worker looks", |cluster| {
        let looks = cluster.attempts(&job, "find");
        looks.iter().any(|look| look["outcome"] == "running").then_some(())
    });
    cluster.kill_worker(first);
    cluster.start_worker(1);
    let done = cluster.done(&job);
    assert!(!done["overlays"].as_array().unwrap().is_empty(), "{done}");
    let looks = cluster.attempts(&job, "find");
    assert!(looks.iter().all(|look| look["worker"] != "worker-0"), "{looks:?}");
}
