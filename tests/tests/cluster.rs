//! The cluster as people use it: real processes, told by the command line, killed without notice.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use cleanplate_tests::cluster::{Cluster, said, send};
use cleanplate_tests::{binary, clips, reference};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

const REGION: [&str; 2] = ["--region", "20,20,120,50"];
/// Small cells and segments, so that a short job is many leases.
const CUT: [&str; 6] =
    ["--region", "20,20,120,50", "--cell-frames", "40", "--segment-frames", "80"];
const FAST: [&str; 6] = ["--encoder", "libx264", "--preset", "ultrafast", "--fill", "membrane"];

/// A job that lasts for some seconds, so that something can happen to it.
fn clip() -> PathBuf {
    clips::kept("640x360", 1200, &clips::X264_PLAIN)
}

fn short_clip() -> PathBuf {
    clips::kept("320x180", 240, &clips::X264_PLAIN)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn done(state: &Value) -> u64 {
    state["frames_done"].as_u64().unwrap_or(0)
}

fn hash(path: &Path) -> Vec<u8> {
    Sha256::digest(std::fs::read(path).unwrap()).to_vec()
}

/// What a job on [`clip`] is to give, made once by `run` in one piece.
static EXPECTED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("expected.mp4");
    let clip = clip();
    let arguments = ["run", text(&clip), "-o", text(&output), "--workers", "1"];
    binary::run_ok([&arguments[..], &CUT, &FAST].concat());
    hash(&output)
});

#[test]
fn a_job_is_submitted_followed_listed_and_shown_with_its_trail() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path());
    cluster.start_worker(1);
    cluster.start_worker(1);
    let output = folder.path().join("out.mp4");
    let clip = short_clip();
    let job = cluster.submit(text(&clip), text(&output), &[&CUT[..], &FAST].concat());
    let last = cluster.done(&job);
    assert_eq!(last["frames_total"], 240);
    assert_eq!(last["frames_done"], 240);
    assert_eq!(last["cells_total"], 6);
    assert_eq!(last["encoder"], "libx264");
    let bytes = std::fs::metadata(&output).unwrap().len();
    assert_eq!(last["outcome"]["output_bytes"], bytes);
    assert_eq!(cluster.wait(&job), 0);
    let (want, have) = (reference::frames(&clip), reference::frames(&output));
    let times = |frames: &[reference::Shown]| frames.iter().map(|one| one.time).collect::<Vec<_>>();
    assert_eq!(times(&want), times(&have));

    let listed = cluster.ask_json(&["jobs"]);
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["job"], Value::from(job.clone()));
    assert_eq!(listed[0]["phase"], "done");

    let workers = cluster.ask_json(&["workers"]);
    let names: Vec<_> = workers.iter().map(|worker| &worker["worker"]).collect();
    assert_eq!(names, ["worker-0", "worker-1"]);
    for worker in &workers {
        assert_eq!(worker["state"], "attached", "{worker}");
        assert_eq!(worker["slots"], 1, "{worker}");
        let encoders = worker["encoders"].to_string();
        assert!(encoders.contains("libx264") && encoders.contains("libx265"), "{encoders}");
    }

    for work in ["intake", "segment", "stitch"] {
        assert!(!cluster.attempts(&job, work).is_empty(), "no attempt at {work}");
    }
    for attempt in cluster.attempts(&job, "segment") {
        has_every_stage(&attempt);
    }
    let people = cluster.ask(&["jobs", "--show", &job]);
    let people = String::from_utf8_lossy(&people.stdout).into_owned();
    assert!(people.contains("libx264") && people.contains("decode"), "{people}");
}

/// The trail that the design lists: each stage from its start to its end, with what was opened and
/// how much was done.
fn has_every_stage(attempt: &Value) {
    assert_eq!(attempt["outcome"], "done", "{attempt}");
    let trail = attempt["trail"].as_array().unwrap();
    let line = |stage: &str, event: &str| {
        let found = trail.iter().find(|line| line["stage"] == stage && line["event"] == event);
        found.unwrap_or_else(|| panic!("no line `{stage} {event}` in {attempt:#}"))
    };
    let decode = line("decode", "started")["detail"].as_str().unwrap().to_owned();
    for word in ["h264", "320x180", "yuv420p", "software"] {
        assert!(decode.contains(word), "{word} is not in `{decode}`");
    }
    let frames = &attempt["frames"];
    let count = frames[1].as_u64().unwrap() - frames[0].as_u64().unwrap();
    for stage in ["decode", "fill", "encode"] {
        assert_eq!(line(stage, "finished")["count"], count, "frames: {stage} of {attempt:#}");
    }
    assert!(line("decode", "finished")["detail"].as_str().unwrap().contains("conversion"));
    // Detection counts the batches that it was called with.
    assert!(line("detect", "finished")["count"].as_u64().is_some_and(|batches| batches > 0));
    assert!(line("encode", "started")["detail"].as_str().unwrap().contains("libx264"));
    assert_eq!(line("upload", "finished")["count"], count / 40, "parts: {attempt:#}");
    line("commit", "finished");
}

#[test]
fn a_cancelled_job_ends_with_6_leaves_nothing_and_can_be_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path());
    cluster.start_worker(1);
    let output = folder.path().join("out.mp4");
    let job = cluster.submit(text(&clip()), text(&output), &[&CUT[..], &FAST].concat());
    cluster.watch_until(&job, |state| done(state) >= 80);
    assert!(cluster.ask(&["cancel", &job]).status.success());
    let watched = cluster.ask(&["watch", &job]);
    assert_eq!(watched.status.code(), Some(6), "{}", said(&watched));
    assert!(!output.exists());
    cluster.until("the worker is idle", |cluster| {
        (cluster.ask_json(&["workers"])[0]["busy"] == 0).then_some(())
    });
    let objects = folder.path().join("store/jobs").join(&job);
    cluster.until("its objects are deleted", |_| (!objects.exists()).then_some(()));

    assert!(cluster.ask(&["retry", &job]).status.success());
    cluster.done(&job);
    assert_eq!(hash(&output), *EXPECTED);
}

#[test]
fn a_killed_worker_loses_its_work_to_another_and_takes_its_engines_along() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path());
    cluster.start_worker(1);
    let output = folder.path().join("out.mp4");
    let job = cluster.submit(text(&clip()), text(&output), &[&CUT[..], &FAST].concat());
    let state = cluster.watch_until(&job, |state| done(state) >= 80);
    assert!(state["outcome"].is_null(), "the job must still run: {state}");
    let processes = cluster.until("an engine works", |cluster| {
        Some(cluster.processes(0)).filter(|processes| processes.len() > 1)
    });
    cluster.kill_worker(0);
    cluster.start_worker(1);
    cluster.done(&job);
    assert_eq!(hash(&output), *EXPECTED);
    for id in processes {
        let path = format!("/proc/{id}");
        cluster.until("the killed worker's engines end", |_| {
            (!Path::new(&path).exists()).then_some(())
        });
    }
    let attempts = cluster.attempts(&job, "segment");
    let lost: Vec<_> = attempts.iter().filter(|attempt| attempt["worker"] == "worker-0").collect();
    assert!(lost.iter().any(|attempt| attempt["outcome"] != "done"), "{attempts:#?}");
    every_frame_once(&attempts, 1200);
}

/// The attempts that count tile the frames.
fn every_frame_once(attempts: &[Value], frames: u64) {
    let bounds = |attempt: &Value| {
        let bound = |index: usize| attempt["frames"][index].as_u64().unwrap();
        (bound(0), bound(1))
    };
    let mut done: Vec<(u64, u64)> =
        attempts.iter().filter(|one| one["outcome"] == "done").map(bounds).collect();
    done.sort_unstable();
    // An attempt that did not end well may have handed in its first cells.
    let end = done.iter().fold(0, |end: u64, (from, to)| {
        assert!(*from >= end, "frames {from}..{to} were accepted twice: {done:?}");
        *to
    });
    assert_eq!(end, frames, "{done:?}");
}

#[test]
fn what_a_stopped_worker_brings_when_it_wakes_is_void() {
    let folder = tempfile::tempdir().unwrap();
    let silent = [("CLEANPLATE_SCHEDULER_WORKER_SILENT".to_owned(), "2s".to_owned())];
    let store = folder.path().join("store");
    let mut cluster = Cluster::start_with(folder.path(), text(&store), &silent);
    cluster.start_worker(1);
    let output = folder.path().join("out.mp4");
    let job = cluster.submit(text(&clip()), text(&output), &[&CUT[..], &FAST].concat());
    cluster.watch_until(&job, |state| done(state) >= 80);
    let asleep = cluster.until("an engine works", |cluster| {
        Some(cluster.processes(0)).filter(|processes| processes.len() > 1)
    });
    send("STOP", &asleep);
    let held = cluster.attempts(&job, "segment");
    let held = held.iter().find(|attempt| attempt["outcome"] == "running");
    let held = held.expect("it holds a lease").clone();

    let second = cluster.start_worker(1);
    cluster.until("the lease of the sleeper lapses", |cluster| {
        let attempts = cluster.attempts(&job, "segment");
        let same = attempts.iter().find(|attempt| attempt["lease"] == held["lease"])?;
        (same["outcome"] != "running").then_some(())
    });
    cluster.until("another makes its frames", |cluster| {
        let attempts = cluster.attempts(&job, "segment");
        let made = |one: &&Value| one["outcome"] == "done" && one["worker"] == "worker-1";
        attempts.iter().find(made).map(drop)
    });
    send("CONT", &asleep);
    cluster.done(&job);
    assert_eq!(hash(&output), *EXPECTED, "one movie, whoever woke up");
    let attempts = cluster.attempts(&job, "segment");
    let late = attempts.iter().find(|attempt| attempt["lease"] == held["lease"]).unwrap();
    assert_ne!(late["outcome"], "done", "a void result is not accepted: {late:#}");
    every_frame_once(&attempts, 1200);
    cluster.kill_worker(second);
}

#[test]
fn a_killed_coordinator_goes_on_where_it_was_and_those_who_watch_wait_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path());
    cluster.start_worker(1);
    let output = folder.path().join("out.mp4");
    let job = cluster.submit(text(&clip()), text(&output), &[&CUT[..], &FAST].concat());
    let mut watching = cluster.client(&["watch", &job]).spawn().unwrap();
    let before = done(&cluster.watch_until(&job, |state| done(state) >= 120));
    cluster.kill_coordinator();
    let refused = cluster.ask(&["jobs"]);
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    cluster.start_coordinator();
    assert!(done(&cluster.ask_json(&["jobs"])[0]) >= before, "committed cells are not forgotten");
    cluster.done(&job);
    assert_eq!(hash(&output), *EXPECTED);
    assert_eq!(watching.wait().unwrap().code(), Some(0), "who watched saw the end");
}

#[test]
fn a_drained_worker_finishes_what_it_holds_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path());
    let first = cluster.start_worker(1);
    let output = folder.path().join("out.mp4");
    let job = cluster.submit(text(&clip()), text(&output), &[&CUT[..], &FAST].concat());
    cluster.watch_until(&job, |state| done(state) >= 80);
    assert!(cluster.ask(&["drain", "worker-0"]).status.success());
    let status = cluster.worker_ended(first);
    assert_eq!(status.code(), Some(0), "{}", cluster.logs());
    let attempts = cluster.attempts(&job, "segment");
    assert!(attempts.iter().all(|attempt| attempt["outcome"] == "done"), "{attempts:#?}");
    let unknown = cluster.ask(&["drain", "nobody"]);
    assert_ne!(unknown.status.code(), Some(0));
    assert!(said(&unknown).contains("nobody"), "{}", said(&unknown));
    cluster.start_worker(1);
    cluster.done(&job);
}

#[test]
fn ctrl_c_and_sigterm_end_every_process_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path());
    let interrupted = cluster.start_worker(1);
    let output = folder.path().join("out.mp4");
    let job = cluster.submit(text(&clip()), text(&output), &[&CUT[..], &FAST].concat());
    cluster.watch_until(&job, |state| done(state) >= 80);
    let engines = cluster.processes(interrupted);
    cluster.signal_worker(interrupted, "INT");
    assert_eq!(cluster.worker_ended(interrupted).code(), Some(130), "{}", cluster.logs());
    assert!(engines.iter().all(|id| !Path::new(&format!("/proc/{id}")).exists()));

    let terminated = cluster.start_worker(1);
    cluster.until("the job goes on", |cluster| {
        let attempts = cluster.attempts(&job, "segment");
        let runs = |one: &&Value| one["worker"] == "worker-1" && one["outcome"] == "running";
        attempts.iter().find(runs).map(drop)
    });
    cluster.signal_worker(terminated, "TERM");
    assert_eq!(cluster.worker_ended(terminated).code(), Some(0), "{}", cluster.logs());

    let engines = cluster.coordinator_processes();
    assert_eq!(cluster.end_coordinator("TERM").code(), Some(0), "{}", cluster.logs());
    // They are killed before the coordinator ends; the system may take a moment to take them away.
    cluster.until("the coordinator's engines are gone", |_| {
        let gone = |id: &u32| !Path::new(&format!("/proc/{id}")).exists();
        engines.iter().skip(1).all(gone).then_some(())
    });
    assert!(!output.exists(), "no half movie");
    cluster.start_coordinator();
    cluster.start_worker(2);
    cluster.done(&job);
}

#[test]
fn a_worker_that_may_idle_for_a_second_ends_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path());
    let place = cluster.start_worker_with(1, &["--idle-exit", "1"], &[]);
    assert_eq!(cluster.worker_ended(place).code(), Some(0), "{}", cluster.logs());
}

#[test]
fn a_pretended_card_chooses_its_row_and_says_that_it_is_pretended() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path());
    cluster.start_worker_with(1, &["--card", "NVIDIA GeForce RTX 4080:16"], &[]);
    let worker = cluster
        .until("the worker attaches", |cluster| cluster.ask_json(&["workers"]).into_iter().next());
    assert_eq!(worker["card"]["pretended"], true, "{worker}");
    assert_eq!(worker["tier"], "16", "{worker}");
    let people = cluster.ask(&["workers"]);
    let people = String::from_utf8_lossy(&people.stdout).into_owned();
    assert!(people.contains("RTX 4080 16 GiB (pretended)"), "{people}");
    let log = cluster.said("worker-0");
    assert!(log.contains("RTX 4080") && log.contains("pretended"), "{log}");
}

#[test]
fn a_request_without_sense_is_refused_at_the_door_and_an_unknown_job_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(folder.path());
    let clip = short_clip();
    let same = cluster.ask(&["submit", text(&clip), text(&clip)]);
    assert_eq!(same.status.code(), Some(2), "{}", said(&same));
    for command in ["watch", "cancel", "retry"] {
        let unknown = cluster.ask(&[command, "no-such-job"]);
        assert_ne!(unknown.status.code(), Some(0), "{command}");
        assert!(said(&unknown).contains("no-such-job"), "{command}: {}", said(&unknown));
    }
    let region = ["--region", "5000,0,10,10"];
    let outside = folder.path().join("out.mp4");
    let job = cluster.submit(text(&clip), text(&outside), &region);
    let waiting = cluster.watch_until(&job, |state| state["waits_for"] != "");
    assert!(waiting["waits_for"].as_str().unwrap().contains("worker"), "{waiting}");
    assert!(cluster.ask(&["cancel", &job]).status.success());
    assert_eq!(cluster.wait(&job), 6);
}

#[test]
fn a_region_outside_the_picture_fails_the_job_with_the_status_of_usage() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path());
    cluster.start_worker(1);
    let output = folder.path().join("out.mp4");
    let outside = ["--region", "5000,0,10,10"];
    let job = cluster.submit(text(&short_clip()), text(&output), &outside);
    assert_eq!(cluster.wait(&job), 2);
    assert!(!output.exists());
}

#[test]
fn two_jobs_share_the_workers_and_priority_goes_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path());
    let outputs = ["low.mp4", "high.mp4"].map(|name| folder.path().join(name));
    let options = [&REGION[..], &FAST].concat();
    let low = cluster.submit(text(&short_clip()), text(&outputs[0]), &options);
    let high = [&options[..], &["--priority", "5"]].concat();
    let high = cluster.submit(text(&short_clip()), text(&outputs[1]), &high);
    cluster.start_worker(1);
    cluster.done(&high);
    cluster.done(&low);
    assert_eq!(hash(&outputs[0]), hash(&outputs[1]));
}
