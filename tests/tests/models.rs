//! Models in the whole product: what a detector sees is removed, the same however the job was cut; where a model
//! cannot be had, the command says so before it writes anything.
//!
//! The models are those of `scripts/setup-models`, in `build/models`; where they are not there, tests that need them
//! say so. The truth is the shipped clip before captions were burned in; the judge is the ffmpeg command line.

use std::path::{Path, PathBuf};

use cleanplate_tests::cluster::Cluster;
use cleanplate_tests::{binary, clips, reference};
use serde_json::Value;

// The writer of small ONNX files, and what it writes, are those of the models' own tests.
#[path = "../../common/vision/tests/zoo/detectors.rs"]
#[expect(dead_code, reason = "some of its models are for those tests alone")]
mod detectors;
#[path = "../../common/vision/tests/zoo/fillers.rs"]
#[expect(dead_code, reason = "some of its models are for those tests alone")]
mod fillers;
#[path = "../../common/vision/tests/zoo/onnx.rs"]
#[expect(dead_code, reason = "some of its types are for those tests alone")]
mod onnx;

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
fn a_damaged_model_is_named_with_its_remedy_before_anything_is_done() {
    if !has_models() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let models = folder.path().join("models");
    std::fs::create_dir(&models).unwrap();
    let whole = binary::models_folder();
    std::os::unix::fs::symlink(whole.join("onnxruntime"), models.join("onnxruntime")).unwrap();
    for entry in std::fs::read_dir(whole).unwrap() {
        let name = entry.unwrap().file_name();
        if name.to_str().unwrap().ends_with(".onnx") {
            std::fs::write(models.join(name), b"\x08\x07").unwrap();
        }
    }
    let output = folder.path().join("out.mp4");
    let clip = binary::shipped_clip();
    let ran = binary::command(["run", clip.to_str().unwrap(), "-o", output.to_str().unwrap()])
        .args(["--detect", "text", "--json"])
        .env("CLEANPLATE_MODELS_FOLDER", &models)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(4), "{said}");
    assert!(said.contains("is damaged") && said.contains("make setup-models"), "{said}");
    assert!(said.contains(models.to_str().unwrap()), "the file is named: {said}");
    assert!(!said.contains("no attached worker"), "{said}");
    assert!(!String::from_utf8_lossy(&ran.stdout).contains("\"frames_total\":250"), "no intake");
}

#[test]
fn what_is_no_filler_is_refused_by_name_and_by_what_fillers_are_before_anything_is_done() {
    if !has_models() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let clip = binary::shipped_clip();
    let rows = detectors::USUAL.model(&[]);
    for (model, word) in [
        (&detectors::text_map(0.0)[..], "give it to --detect"),
        (&rows[..rows.len() / 2], "not a model"),
        (&detectors::text_map(-4.0), "a mask [B, 1, H, W]"),
    ] {
        let options = ["--region", "300,100,60,40", "--fill", "MODEL"];
        let (status, said, state) = with_model(folder.path(), &clip, model, &options);
        assert_eq!(status, Some(2), "{said}");
        assert!(said.contains("own.onnx, given to --fill") && said.contains(word), "{said}");
        assert!(!said.contains("detect: "), "it is no stage of this model: {said}");
        let seen = state.map_or(0, |state| state["frames_total"].as_u64().unwrap());
        assert_eq!(seen, 0, "before intake");
    }
}

#[test]
fn a_class_that_counts_is_one_of_some_detector_and_every_detector_has_one() {
    if !has_models() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let clip = binary::shipped_clip();
    let other = folder.path().join("animals.onnx");
    let rows = detectors::Rows { names: Some("{0: 'cat', 1: 'dog'}"), ..detectors::USUAL };
    std::fs::write(&other, rows.model(&[])).unwrap();
    let logo = detectors::USUAL.model(&[detectors::row8(&[0.9, 0.0], &[])]);
    let ran = |classes: &[&str]| {
        let both = ["--detect", "MODEL", "--detect", other.to_str().unwrap()];
        let classes = classes.iter().flat_map(|class| ["--detect-class", class]);
        let options: Vec<&str> = both.into_iter().chain(classes).collect();
        with_model(folder.path(), &clip, &logo, &options)
    };
    let (status, said, state) = ran(&["logo", "dog"]);
    assert_eq!(status, Some(0), "{said}");
    assert_eq!(state.unwrap()["overlays"][0]["origin"], "object");
    let (status, said, _) = ran(&["logo"]);
    assert_eq!(status, Some(2), "{said}");
    assert!(said.contains("animals.onnx") && said.contains("cat, dog"), "{said}");
    let (status, said, _) = ran(&["logo", "dog", "cow"]);
    assert_eq!(status, Some(2), "{said}");
    assert!(said.contains("`cow`"), "{said}");
}

#[test]
fn a_preview_shows_what_moves_too() {
    if !has_models() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("plates.onnx");
    let plate = detectors::USUAL.model(&[detectors::row8(&[0.0, 0.9], &[])]);
    std::fs::write(&model, plate).unwrap();
    let (clip, stills) = (binary::shipped_clip(), folder.path().join("stills"));
    let typed = ["preview", clip.to_str().unwrap(), "-o", stills.to_str().unwrap()];
    binary::run_ok([&typed[..], &["--detect", model.to_str().unwrap()]].concat());
    let names = std::fs::read_dir(&stills).unwrap();
    let names: Vec<String> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    for what in ["-before.png", "-after.png", "-mask.png", "before-after.png"] {
        assert!(names.iter().any(|name| name.ends_with(what)), "{what} of {names:?}");
    }
    let clip = stills.join("before-after.png");
    let size = reference::probe(&clip, &["-show_entries", "stream=width"]);
    // Two pictures of the plate and what is around it, side by side.
    assert!(size.trim().parse::<u32>().unwrap() > 300, "{size}");
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
    let mut cluster = Cluster::start(folder.path()).with_models();
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

/// Runs the product on `clip` with a model of the user's own; returns exit status, standard error, and the output.
fn with_model(
    folder: &Path,
    clip: &Path,
    model: &[u8],
    options: &[&str],
) -> (Option<i32>, String, Option<Value>) {
    let path = folder.join("own.onnx");
    std::fs::write(&path, model).unwrap();
    let typed = path.to_str().unwrap();
    let options = options.iter().map(|option| if *option == "MODEL" { typed } else { option });
    let output = folder.join("own.mp4");
    let ran = binary::command(["run", clip.to_str().unwrap(), "-o", output.to_str().unwrap()])
        .args(["--json", "--lossless"])
        .args(options)
        .output()
        .unwrap();
    let last = String::from_utf8_lossy(&ran.stdout).lines().last().map(str::to_owned);
    let state = last.and_then(|line| serde_json::from_str(&line).ok());
    (ran.status.code(), String::from_utf8_lossy(&ran.stderr).into_owned(), state)
}

#[test]
fn a_detector_of_ones_own_is_obeyed_by_class_and_its_licence_is_told() {
    if !has_models() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let clip = binary::shipped_clip();
    let rows = detectors::Rows {
        meta: &[
            ("stride", "32"),
            ("imgsz", "[640, 640]"),
            ("task", "detect"),
            ("license", "AGPL-3.0"),
        ],
        ..detectors::USUAL
    };
    let logo = rows.model(&[detectors::row8(&[0.9, 0.0], &[])]);
    let (status, said, state) =
        with_model(folder.path(), &clip, &logo, &["--detect", "MODEL", "--detect-class", "logo"]);
    assert_eq!(status, Some(0), "{said}");
    let state = state.unwrap();
    let overlay = &state["overlays"][0];
    assert_eq!(
        (&overlay["origin"], &overlay["frames"]),
        (&"object".into(), &250.into()),
        "{state}"
    );
    // The box is in the middle of a letterbox of 640 by 640; the clip has 640 by 272.
    let at = |key: &str| overlay[key].as_u64().unwrap();
    assert!((276..=288).contains(&at("x")) && (108..=120).contains(&at("y")), "{overlay}");
    assert!((64..=88).contains(&at("width")) && (32..=56).contains(&at("height")), "{overlay}");
    assert!(state["notes"].to_string().contains("AGPL-3.0"), "{}", state["notes"]);
    let (status, said, state) =
        with_model(folder.path(), &clip, &logo, &["--detect", "MODEL", "--detect-class", "plate"]);
    assert_eq!(status, Some(0), "{said}");
    assert_eq!(state.unwrap()["outcome"]["kind"], "unchanged", "no plate is there");
    let plate = rows.model(&[detectors::row8(&[0.0, 0.9], &[])]);
    let (status, said, state) = with_model(folder.path(), &clip, &plate, &["--detect", "MODEL"]);
    assert_eq!(status, Some(0), "{said}");
    let state = state.unwrap();
    assert_eq!(state["overlays"][0]["fill"], "pixelate", "plates are private: {state}");
    let (status, said, _) =
        with_model(folder.path(), &clip, &logo, &["--detect", "MODEL", "--detect-class", "cat"]);
    assert_eq!(status, Some(2), "{said}");
    assert!(said.contains("cat") && said.contains("logo, plate"), "{said}");
}

#[test]
fn a_model_paints_what_no_frame_shows_and_one_that_ignores_the_mask_is_refused() {
    if !has_models() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let still = folder.path().join("still.mp4");
    let source = binary::shipped_clip();
    clips::ffmpeg(&[
        "-i",
        source.to_str().unwrap(),
        "-vf",
        "trim=end_frame=1,loop=59:1,setpts=N/25/TB",
        "-r",
        "25",
        "-c:v",
        "libx264",
        "-crf",
        "18",
        "-pix_fmt",
        "yuv420p",
        still.to_str().unwrap(),
    ]);
    let region = ["--region", "300,100,60,40"];
    let painted = |model: &[u8]| {
        with_model(folder.path(), &still, model, &[&region[..], &["--fill", "MODEL"]].concat())
    };
    let (status, said, state) = painted(&fillers::LAMA.model());
    assert_eq!(status, Some(0), "{said}");
    let state = state.unwrap();
    assert_eq!(state["synthesised"], 1.0, "nothing shows what is behind: {state}");
    let by_model = reference::frames(&folder.path().join("own.mp4"));
    let plain = folder.path().join("plain.mp4");
    clean(&still, &plain, &region);
    assert_ne!(by_model, reference::frames(&plain), "the membrane paints something else");
    let ignores = fillers::Filler { does: fillers::Does::Ignore, ..fillers::LAMA };
    let (status, said, _) = painted(&ignores.model());
    assert_eq!(status, Some(2), "{said}");
    assert!(said.contains("mask"), "{said}");
}

/// A short clip of which no frame bears out another: noise that is another in each.
fn restless(folder: &Path) -> PathBuf {
    let path = folder.join("restless.mp4");
    clips::ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        "color=c=gray:size=320x180:rate=25:duration=2",
        "-vf",
        "noise=alls=60:allf=t",
        "-c:v",
        "libx264",
        "-crf",
        "10",
        "-pix_fmt",
        "yuv420p",
        path.to_str().unwrap(),
    ]);
    path
}

#[test]
fn frames_that_no_background_serves_are_painted_the_same_however_the_job_is_cut() {
    if !has_models() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let clip = restless(folder.path());
    let model = folder.path().join("finds.onnx");
    let rows = detectors::Rows {
        meta: &[("stride", "32"), ("imgsz", "[640, 640]"), ("task", "detect")],
        ..detectors::USUAL
    };
    std::fs::write(&model, rows.model(&[detectors::row8(&[0.9, 0.0], &[])])).unwrap();
    let detect = ["--detect", model.to_str().unwrap(), "--cell-frames", "20"];
    let painted = |more: &[&str]| {
        let options = [&detect[..], &["--fill", "MODEL"], more].concat();
        let (status, said, state) =
            with_model(folder.path(), &clip, &fillers::LAMA.model(), &options);
        assert_eq!(status, Some(0), "{said}");
        (state.unwrap(), std::fs::read(folder.path().join("own.mp4")).unwrap())
    };
    let (state, whole) = painted(&["--workers", "1", "--segment-frames", "100000"]);
    assert!(state["frames_painted"].as_u64() >= Some(25), "{state}");
    assert_eq!(state["synthesised"], 1.0, "nothing shows what is behind: {state}");
    assert!(state["notes"].to_string().contains("frame by frame"), "{}", state["notes"]);
    let (_, cut) = painted(&["--workers", "3", "--segment-frames", "20"]);
    assert!(whole == cut, "three workers made another movie than one");
    let plain = folder.path().join("plain.mp4");
    let state = clean(&clip, &plain, &detect);
    assert_eq!(state["frames_painted"], 0);
    assert!(whole != std::fs::read(plain).unwrap(), "the membrane paints something else");
}
