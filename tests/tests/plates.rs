//! The clean-plate engine in the whole product: what overlays hid comes back, the same however the job was
//! cut, and nothing else changes.
//!
//! The truth is the shipped clip before the overlay was put on; the judge is the ffmpeg command line.

use std::path::{Path, PathBuf};
use std::process::Command;

use cleanplate_tests::cluster::Cluster;
use cleanplate_tests::{binary, clips, reference};
use serde_json::Value;

/// A logo with a soft inside: white with an alpha of one half, and a darker bar.
fn logo(folder: &Path) -> PathBuf {
    let path = folder.join("logo.png");
    let bar = "between(X\\,12\\,75)*between(Y\\,12\\,23)";
    let bright = format!("if({bar}\\,20\\,250)");
    let picture = format!(
        "color=c=black:s=88x36,format=rgba,geq=r={bright}:g={bright}:b=if({bar}\\,110\\,250):a=if({bar}\\,150\\,128)"
    );
    let target = path.to_str().unwrap();
    clips::ffmpeg(&["-f", "lavfi", "-i", &picture, "-frames:v", "1", "-update", "1", target]);
    path
}

/// The shipped clip with pictures laid over it by ffmpeg's `overlay`, one for each (picture, options).
fn marked(folder: &Path, name: &str, marks: &[(&Path, &str)], more: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let clip = binary::shipped_clip();
    let mut arguments = vec!["-i", clip.to_str().unwrap()];
    for (mark, _) in marks {
        arguments.extend(["-i", mark.to_str().unwrap()]);
    }
    let mut graph = String::from("[0:v]null[v0]");
    for (at, (_, options)) in marks.iter().enumerate() {
        let (input, next) = (at + 1, at + 1);
        graph.push_str(&format!(";[v{at}][{input}:v]overlay={options}[v{next}]"));
    }
    let last = format!("[v{}]", marks.len());
    arguments.extend(["-filter_complex", &graph, "-map", &last]);
    arguments.extend(more);
    arguments.extend(["-c:v", "libx264", "-crf", "18", "-pix_fmt", "yuv420p"]);
    arguments.push(path.to_str().unwrap());
    clips::ffmpeg(&arguments);
    path
}

fn opaque(folder: &Path) -> PathBuf {
    let path = folder.join("opaque.png");
    let bar = "between(X\\,8\\,47)*between(Y\\,8\\,13)";
    let picture = format!(
        "color=c=black:s=72x32,format=rgba,geq=r=if({bar}\\,10\\,250):g=if({bar}\\,10\\,160):b=10:a=255"
    );
    let target = path.to_str().unwrap();
    clips::ffmpeg(&["-f", "lavfi", "-i", &picture, "-frames:v", "1", "-update", "1", target]);
    path
}

/// Cleans `input` into `output` without loss; returns the job's last state.
fn clean(input: &Path, output: &Path, options: &[&str]) -> Value {
    let mut arguments = vec!["run", input.to_str().unwrap(), "-o", output.to_str().unwrap()];
    arguments.extend(["--lossless", "--json"]);
    arguments.extend(options);
    let said = binary::run_ok(&arguments);
    serde_json::from_str(said.lines().last().unwrap()).unwrap()
}

/// Luma PSNR in dB of a rectangle (width:height:x:y) of frames `from` to `to` against the shipped clip.
fn psnr(found: &Path, rect: &str, (from, to): (u32, u32)) -> f64 {
    let cut = format!("trim=start_frame={from}:end_frame={to},setpts=N,crop={rect}");
    psnr_between(found, &binary::shipped_clip(), &cut)
}

/// Luma PSNR in dB of two videos, each through `filter`.
fn psnr_between(one: &Path, other: &Path, filter: &str) -> f64 {
    let graph = format!("[0:v]{filter}[a];[1:v]{filter}[b];[a][b]psnr");
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-i", one.to_str().unwrap()])
        .args(["-i", other.to_str().unwrap(), "-lavfi", &graph, "-f", "null", "-"])
        .output()
        .expect("ffmpeg is installed by `make test`");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let value = said.split("PSNR y:").nth(1).and_then(|rest| rest.split_whitespace().next());
    match value {
        Some("inf") => f64::INFINITY,
        Some(value) => value.parse().unwrap(),
        None => panic!("ffmpeg told no PSNR: {said}"),
    }
}

#[test]
fn a_damaged_source_is_looked_at_as_it_will_be_shown_by_however_many_workers() {
    let folder = tempfile::tempdir().unwrap();
    let mark = logo(folder.path());
    let clip = marked(folder.path(), "in.mp4", &[(&mark, "x=500:y=16")], &["-bf", "2"]);
    let mut bytes = std::fs::read(&clip).unwrap();
    // Into pictures, far from the index at the end.
    let at = bytes.len() / 3;
    bytes[at..at + 3000].fill(0x55);
    std::fs::write(&clip, bytes).unwrap();
    let cleaned = |name: &str, more: &[&str]| {
        let output = folder.path().join(name);
        let state = clean(&clip, &output, &[&["--on-damage", "conceal"][..], more].concat());
        assert_eq!(state["overlays"][0]["frames"], 250, "{state}");
        assert!(state["notes"].to_string().contains("damage"), "{}", state["notes"]);
        std::fs::read(output).unwrap()
    };
    let one = cleaned("one.mp4", &["--workers", "1"]);
    let three = cleaned("three.mp4", &["--workers", "3"]);
    assert!(one == three, "what was seen depends on who looked");
}

#[test]
fn how_a_job_is_cut_never_shows_with_the_whole_engine_on() {
    let folder = tempfile::tempdir().unwrap();
    let (semi, full) = (logo(folder.path()), opaque(folder.path()));
    let marks = [(semi.as_path(), "x=500:y=16"), (full.as_path(), "x=40:y=210:enable='lt(n,200)'")];
    let clip = marked(folder.path(), "in.mp4", &marks, &[]);
    let options = ["--detect", "static", "--region", "36,206,80,40@0-8"];
    let cleaned = |name: &str, more: &[&str]| {
        let output = folder.path().join(name);
        let state = clean(&clip, &output, &[&options[..], more].concat());
        (output, state)
    };
    let whole = ["--cell-frames", "60", "--workers", "1", "--segment-frames", "100000"];
    let (one, state) = cleaned("one.mp4", &whole);
    for share in ["inverted", "fetched", "synthesised"] {
        assert!(state[share].as_f64().unwrap() > 0.0, "{share} is tried too: {state}");
    }
    for (name, more) in [
        ("many.mp4", ["--cell-frames", "60", "--workers", "3", "--segment-frames", "60"]),
        ("some.mp4", ["--cell-frames", "60", "--workers", "2", "--segment-frames", "180"]),
    ] {
        let (many, _) = cleaned(name, &more);
        let same = std::fs::read(&one).unwrap() == std::fs::read(&many).unwrap();
        assert!(same, "{name} has the bytes of one segment");
    }
    let (other, _) = cleaned("other.mp4", &["--cell-frames", "37", "--workers", "2"]);
    let (expected, found) = (reference::frames(&one), reference::frames(&other));
    reference::assert_same(&expected, &found, "cells of another length");
}

#[test]
fn an_owners_logo_is_solved_for_and_frames_without_it_are_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let logo = logo(folder.path());
    let clip = marked(
        folder.path(),
        "in.mp4",
        &[(logo.as_path(), "x=500:y=16:enable='between(n,60,180)'")],
        &[],
    );
    let output = folder.path().join("out.mp4");
    let told = format!("{}@500,16", logo.display());
    let state = clean(&clip, &output, &["--overlay", &told]);
    assert_eq!(state["frames_with_overlay"], 121, "{state}");
    assert!(state["inverted"].as_f64().unwrap() > 0.9, "{state}");
    let (before, after) = (reference::frames(&clip), reference::frames(&output));
    for (frame, (before, after)) in before.iter().zip(&after).enumerate() {
        let shows = (60..=180).contains(&frame);
        assert_eq!(before == after, !shows, "frame {frame}");
    }
    let rect = "88:36:500:16";
    let (bare, solved) = (psnr(&clip, rect, (60, 181)), psnr(&output, rect, (60, 181)));
    assert!(solved > bare + 12.0 && solved > 30.0, "{bare} dB became {solved} dB");
}

#[test]
fn nothing_outside_the_overlay_changes() {
    let folder = tempfile::tempdir().unwrap();
    let logo = logo(folder.path());
    let clip = marked(folder.path(), "in.mp4", &[(logo.as_path(), "x=500:y=16")], &[]);
    let output = folder.path().join("out.mp4");
    let state = clean(&clip, &output, &[]);
    let overlay = &state["overlays"][0];
    let side = |name: &str| overlay[name].as_u64().unwrap();
    let (x, y, width, height) = (side("x"), side("y"), side("width"), side("height"));
    // What the mask shares chroma with may change too: one sample more to each side.
    let (x, y) = (x & !1, y & !1);
    let black = format!("drawbox=x={x}:y={y}:w={}:h={}:color=black:t=fill", width + 2, height + 2);
    let blackened = |path: &Path, name: &str| {
        let target = folder.path().join(name);
        let (from, to) = (path.to_str().unwrap(), target.to_str().unwrap());
        clips::ffmpeg(&["-i", from, "-vf", &black, "-c:v", "ffv1", to]);
        target
    };
    let (one, other) = (blackened(&clip, "a.mkv"), blackened(&output, "b.mkv"));
    reference::assert_same(&reference::frames(&one), &reference::frames(&other), "outside");
}

#[test]
fn a_logo_that_drifts_jumps_and_blinks_is_found_frame_by_frame() {
    let folder = tempfile::tempdir().unwrap();
    let logo = logo(folder.path());
    let way = "x='60+n*1.5':y='30+120*gt(n,100)':enable='not(between(n,140,160))'";
    let clip = marked(folder.path(), "in.mp4", &[(logo.as_path(), way)], &["-frames:v", "220"]);
    let output = folder.path().join("out.mp4");
    let plan = folder.path().join("plan.json");
    let saved = ["--save-plan", plan.to_str().unwrap()];
    let told = ["--overlay", logo.to_str().unwrap()];
    let state = clean(&clip, &output, &[told, saved].concat());
    let shown = state["frames_with_overlay"].as_u64().unwrap();
    assert!((195..=203).contains(&shown), "199 frames show it: {state}");
    // At frame 80 it is at 180,30; at frame 200 at 360,150.
    for (frame, rect) in [(80, "88:36:180:30"), (200, "88:36:360:150")] {
        let bare = psnr(&clip, rect, (frame, frame + 1));
        let solved = psnr(&output, rect, (frame, frame + 1));
        assert!(solved > bare + 8.0, "frame {frame}: {bare} dB became {solved} dB");
    }
    // Its way means nothing elsewhere: with the plan it is looked for anew.
    let mark = [(logo.as_path(), "x='300-n':y=100")];
    let other = marked(folder.path(), "other.mp4", &mark, &["-frames:v", "120"]);
    let state =
        clean(&other, &folder.path().join("by-plan.mp4"), &["--plan", plan.to_str().unwrap()]);
    let shown = state["frames_with_overlay"].as_u64().unwrap();
    assert!(shown >= 118, "all of 120 frames show it: {state}");
}

#[test]
fn a_plan_learned_on_one_episode_serves_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let logo = logo(folder.path());
    let mark = [(logo.as_path(), "x=500:y=16")];
    let first = marked(folder.path(), "first.mp4", &mark, &["-frames:v", "150"]);
    let whole = marked(folder.path(), "second.mp4", &mark, &[]);
    let plan = folder.path().join("series.json");
    let saved = ["--save-plan", plan.to_str().unwrap()];
    clean(&first, &folder.path().join("first-clean.mp4"), &saved);
    let output = folder.path().join("second-clean.mp4");
    let state = clean(&whole, &output, &["--plan", plan.to_str().unwrap()]);
    assert_eq!(state["overlays"][0]["origin"], "plan", "{state}");
    let rect = "88:36:500:16";
    let (bare, solved) = (psnr(&whole, rect, (150, 250)), psnr(&output, rect, (150, 250)));
    assert!(solved > bare + 8.0, "frames that were never learned from: {bare} dB, {solved} dB");
}

#[test]
fn a_preview_shows_each_frame_before_after_its_mask_and_where_samples_come_from() {
    let folder = tempfile::tempdir().unwrap();
    let logo = logo(folder.path());
    let clip = marked(folder.path(), "in.mp4", &[(logo.as_path(), "x=500:y=16")], &[]);
    let stills = folder.path().join("stills");
    let told = format!("{}@500,16", logo.display());
    let arguments = ["preview", clip.to_str().unwrap(), "-o", stills.to_str().unwrap()];
    binary::run_ok([&arguments[..], &["--overlay", &told]].concat());
    let mut names: Vec<String> = std::fs::read_dir(&stills)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    for what in ["-before.png", "-after.png", "-mask.png", "-origin.png"] {
        assert!(names.iter().any(|name| name.ends_with(what)), "{what} of {names:?}");
    }
    assert!(names.iter().any(|name| name == "before-after.png"), "{names:?}");
    assert!(names.iter().all(|name| name.ends_with(".png")), "nothing else is left: {names:?}");
    let mask = names.iter().find(|name| name.ends_with("-mask.png")).unwrap();
    let size = reference::probe(&stills.join(mask), &["-show_entries", "stream=width,height"]);
    assert_eq!(size.split_whitespace().collect::<Vec<_>>(), ["640", "272"]);
}

#[test]
fn a_preview_that_fails_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (input, stills) = (folder.path().join("in.mp4"), folder.path().join("new/stills"));
    std::fs::write(&input, b"this is no video").unwrap();
    let ran = binary::command(["preview", input.to_str().unwrap(), "-o", stills.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(!ran.status.success());
    assert!(!folder.path().join("new").exists(), "{}", String::from_utf8_lossy(&ran.stderr));
}

#[test]
fn a_job_waits_for_a_person_who_approves_or_rejects_what_it_will_remove() {
    let folder = tempfile::tempdir().unwrap();
    let logo = logo(folder.path());
    let clip = marked(folder.path(), "in.mp4", &[(logo.as_path(), "x=500:y=16")], &[]);
    let mut cluster = Cluster::start(folder.path());
    cluster.start_worker(2);
    let options = ["--review", "--region", "36,206,80,40", "--detect", "static"];
    let submit = |cluster: &Cluster, name: &str| {
        let output = folder.path().join(name);
        let job = cluster.submit(clip.to_str().unwrap(), output.to_str().unwrap(), &options);
        let state = cluster.watch_until(&job, |state| state["phase"] == "review");
        assert_eq!(state["overlays"].as_array().unwrap().len(), 2, "{state}");
        assert!(!output.exists(), "nothing is encoded before a person has looked");
        (job, output)
    };
    let (job, output) = submit(&cluster, "approved.mp4");
    let stills = folder.path().join("stills");
    let shown = cluster.ask(&["preview", "--job", &job, "-o", stills.to_str().unwrap()]);
    assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
    assert!(std::fs::read_dir(&stills).unwrap().count() >= 5, "it can be looked at");
    let approved = cluster.ask(&["approve", &job, "--drop", "0"]);
    assert!(approved.status.success(), "{}", String::from_utf8_lossy(&approved.stderr));
    assert_eq!(cluster.wait(&job), 0);
    let untouched = psnr_between(&clip, &output, "crop=80:40:36:206");
    assert!(untouched > 38.0, "the region that was dropped is as it was: {untouched} dB");

    let (job, output) = submit(&cluster, "rejected.mp4");
    let rejected = cluster.ask(&["reject", &job]);
    assert!(rejected.status.success(), "{}", String::from_utf8_lossy(&rejected.stderr));
    assert_eq!(cluster.wait(&job), 6);
    assert!(!output.exists());
    let again = cluster.ask(&["approve", &job]);
    assert!(!again.status.success(), "there is nothing to approve any more");
}
