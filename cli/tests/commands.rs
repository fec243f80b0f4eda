//! The binary's own commands, as a person types them: `probe`, `doctor` and misuse.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn cleanplate(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cleanplate"));
    command.args(arguments);
    for name in ["CLEANPLATE_COORDINATOR", "CLEANPLATE_COORDINATOR_STORE", "CLEANPLATE_CONFIG"] {
        command.env_remove(name);
    }
    // No settings of the machine's.
    command.env("XDG_CONFIG_HOME", "/nonexistent");
    command.output().expect("the binary starts")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn clip() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/demo/bikes.mp4");
    path.to_str().expect("the repository's path is text").to_owned()
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).expect("a line is an object")).collect()
}

#[test]
fn probe_counts_frames_keyframes_and_cells_and_cuts_for_every_tier() {
    let output = cleanplate(&["probe", &clip(), "--cell-frames", "30", "--json"]);
    assert!(output.status.success(), "{}", said(&output));
    let [probed] = &lines(&output)[..] else { panic!("one object") };
    assert_eq!(probed["frames"], 250);
    assert_eq!(probed["shown_ms"], serde_json::json!([0, 10_000]));
    assert_eq!(probed["keyframes"]["idr"], 6);
    // Eight of 30 frames, and 10 frames.
    assert_eq!(probed["cells"]["count"], 9);
    assert_eq!(probed["cells"]["frames_min"], 10);
    let tiers = probed["tiers"].as_array().unwrap();
    assert_eq!(tiers.len(), 6);
    assert_eq!((&tiers[0]["segments"], &tiers[5]["segments"]), (&1.into(), &2.into()));
}

#[test]
fn probe_refuses_what_is_no_video_with_status_3() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.mp4");
    std::fs::write(&path, "only words\n".repeat(100)).unwrap();
    let output = cleanplate(&["probe", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).starts_with("error: not a video"), "{}", said(&output));
    assert_eq!(said(&output).lines().count(), 1);
}

#[test]
fn doctor_tries_the_encoders_and_ends_with_0_whatever_is_missing() {
    let output = cleanplate(&["doctor", "--json"]);
    assert!(output.status.success(), "{}", said(&output));
    let found = lines(&output);
    let of = |check: &str| found.iter().find(|finding| finding["check"] == check).unwrap().clone();
    assert_eq!(of("encoder libx264")["state"], "works");
    assert_eq!(of("ONNX Runtime")["asked"], false);
    for finding in &found {
        let missing = finding["state"] == "missing";
        assert_eq!(
            missing,
            !finding["remedy"].is_null(),
            "a remedy for what is missing: {finding}"
        );
    }
}

#[test]
fn doctor_ends_with_4_where_what_was_asked_for_cannot_work() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let store = file.join("store");
    let output = cleanplate(&["doctor", "--store", store.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    assert!(said(&output).contains("store"), "{}", said(&output));
    let output = cleanplate(&["doctor", "--coordinator", "http://127.0.0.1:9"]);
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    let good = folder.path().join("store");
    std::fs::create_dir(&good).unwrap();
    let output = cleanplate(&["doctor", "--store", good.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

#[test]
fn a_pretended_card_is_marked_wherever_it_is_shown() {
    let output = cleanplate(&["doctor", "--card", "NVIDIA GeForce RTX 4090:24"]);
    assert!(output.status.success(), "{}", said(&output));
    let table = String::from_utf8_lossy(&output.stdout);
    let row = table.lines().find(|line| line.contains("RTX 4090")).unwrap();
    assert!(row.contains("pretended") && row.contains("tier 24"), "{row}");
    assert!(row.contains("detect batch 32") && row.contains("segment frames 450"), "{row}");
}

#[test]
fn an_engine_that_is_started_by_hand_says_what_it_is() {
    for whose in ["worker", "check", "stitch", "probe"] {
        let output = cleanplate(&["engine", whose]);
        assert!(!output.status.success());
        assert!(
            said(&output).contains("started by cleanplate itself"),
            "{whose}: {}",
            said(&output)
        );
    }
    assert_eq!(cleanplate(&["engine", "brew"]).status.code(), Some(2));
}

#[test]
fn settings_that_are_wrong_are_named_and_nothing_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wrong.toml");
    std::fs::write(&path, "[worker]\nslotz = 2\n").unwrap();
    let output = cleanplate(&["jobs", "--config", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("wrong.toml") && said(&output).contains("slotz"));
}

#[test]
fn a_preview_leaves_stills_and_a_plan_and_no_movie() {
    let folder = tempfile::tempdir().unwrap();
    let (stills, plan) = (folder.path().join("stills"), folder.path().join("show.plan"));
    let options = ["-o", stills.to_str().unwrap(), "--save-plan", plan.to_str().unwrap()];
    let clip = clip();
    let what = ["--region", "20,16,60,40", "--json"];
    let output = cleanplate(&[&["preview", &clip][..], &options, &what].concat());
    assert!(output.status.success(), "{}", said(&output));
    let told = lines(&output).pop().unwrap();
    assert_eq!(told["outcome"]["kind"], "previewed");
    assert_eq!(
        (&told["overlays"][0]["x"], &told["overlays"][0]["origin"]),
        (&20.into(), &"region".into())
    );
    let files = told["files"].as_array().unwrap();
    assert!(!files.is_empty());
    assert_eq!(std::fs::read_dir(&stills).unwrap().count(), files.len(), "stills and nothing else");
    for file in files {
        let bytes = std::fs::read(file.as_str().unwrap()).unwrap();
        assert!(bytes.starts_with(b"\x89PNG"), "{file}");
    }
    let plan: Value = serde_json::from_slice(&std::fs::read(&plan).unwrap()).unwrap();
    assert_eq!((&plan["format"], plan["overlays"].as_array().unwrap().len()), (&1.into(), 1));
}

#[test]
fn what_cannot_be_done_is_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let thesis = folder.path().join("thesis.json");
    std::fs::write(&thesis, "{}").unwrap();
    let (clip, thesis) = (clip(), thesis.to_str().unwrap());
    let output = folder.path().join("out.mp4");
    let run = ["run", &clip, "-o", output.to_str().unwrap()];
    let refused: [(&[&str], &[&str], &str); 5] = [
        (&run, &["--save-plan", thesis], "is not replaced"),
        (&run, &["--plan", thesis], "not a plan file"),
        (&run, &["--detect", "foo"], "must be static"),
        (&["submit", "in.mp4", "out.mp4"], &["--save-plan", "new.plan"], "--keep-plan"),
        (&["preview", &clip, "-o", thesis], &[], "not a folder"),
    ];
    for (command, options, expected) in refused {
        let output = cleanplate(&[command, options].concat());
        assert_eq!(output.status.code(), Some(2), "{options:?}: {}", said(&output));
        assert!(said(&output).contains(expected), "{options:?}: {}", said(&output));
        assert_eq!(said(&output).lines().count(), 1);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_reader_that_goes_away_ends_a_command_in_silence() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cleanplate"));
    command.args(["probe", &clip()]).env("XDG_CONFIG_HOME", "/nonexistent");
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Nobody will read.
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(said(&output), "");
}
