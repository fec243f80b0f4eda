//! Machines that are taken away with a word before it: what is done stays, the rest is free at once, and the movie
//! is the same.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use cleanplate_tests::cluster::{Cluster, Environment};
use cleanplate_tests::{binary, clips};
use serde_json::Value;

/// So slow that what is left of a segment after its first cells takes longer than a machine has that goes.
const OPTIONS: [&str; 12] = [
    "--region",
    "20,20,120,50",
    "--fill",
    "membrane",
    "--encoder",
    "libx264",
    "--preset",
    "veryslow",
    "--cell-frames",
    "24",
    "--segment-frames",
    "720",
];

const FRAMES: u64 = 720;
const CELL: u64 = 24;

fn clip() -> PathBuf {
    clips::kept("640x360", 720, &clips::X264_PLAIN)
}

/// The movie of a run that nobody disturbs.
fn undisturbed() -> &'static [u8] {
    static MOVIE: OnceLock<Vec<u8>> = OnceLock::new();
    MOVIE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let (clip, movie) = (clip(), folder.path().join("expected.mp4"));
        let run = ["run", text(&clip), "-o", text(&movie), "--workers", "1"];
        binary::run_ok([&run[..], &OPTIONS].concat());
        std::fs::read(&movie).unwrap()
    })
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn cells(state: &Value) -> u64 {
    state["cells_done"].as_u64().unwrap_or(0)
}

/// Lets one worker begin, takes its machine away as `leave` does, and lets another one finish.
fn taken_away(environment: &Environment, leave: impl FnOnce(&Cluster, usize)) {
    let expected = undisturbed();
    let folder = tempfile::tempdir().unwrap();
    let (clip, output) = (clip(), folder.path().join("out.mp4"));
    let mut cluster = Cluster::start(folder.path());
    let first = cluster.start_worker_with(1, &[], environment);
    let job = cluster.submit(text(&clip), text(&output), &OPTIONS);
    let before = cells(&cluster.watch_until(&job, |state| cells(state) >= 2));
    leave(&cluster, first);
    let ended = cluster.worker_ended(first);
    assert!(ended.success(), "{ended}\n{}", cluster.logs());
    let before_it = cluster.attempts(&job, "segment");
    let last = before_it.last().unwrap();
    assert_eq!(last["outcome"], "gave_back", "{last}");
    let state = cluster.show(&job)["state"].clone();
    let kept = cells(&state);
    let best = state["frames_done"].as_u64().unwrap();
    assert!(
        best <= (kept + 1) * CELL,
        "at most one cell of work is lost: {best} frames, {kept} cells"
    );
    assert!(kept >= before, "what was handed in stays: {kept} of {before}");
    cluster.start_worker(1);
    cluster.done(&job);
    let made: u64 = cluster
        .attempts(&job, "segment")
        .iter()
        .skip(before_it.len())
        .map(|attempt| {
            attempt["frames"][1].as_u64().unwrap() - attempt["frames"][0].as_u64().unwrap()
        })
        .sum();
    assert_eq!(made, FRAMES - kept * CELL, "no committed cell is made again");
    assert!(cluster.show(&job)["state"]["failures"].as_array().is_none_or(Vec::is_empty));
    assert!(std::fs::read(&output).unwrap() == expected, "the movie does not know of it");
}

#[test]
fn a_worker_that_is_terminated_hands_in_its_cells_and_another_makes_only_the_rest() {
    let grace = [("CLEANPLATE_WORKER_GRACE", "2s".to_owned())];
    taken_away(&grace, |cluster, worker| cluster.signal_worker(worker, "TERM"));
}

#[test]
fn a_notice_of_five_seconds_in_a_file_is_as_good_as_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let notice = folder.path().join("notice");
    let place = [("CLEANPLATE_WORKER_NOTICE", format!("file://{}", notice.display()))];
    taken_away(&place, |_, _| {
        let beside = folder.path().join("beside");
        std::fs::write(&beside, "5").unwrap();
        std::fs::rename(&beside, &notice).unwrap();
    });
}

#[test]
fn a_queued_job_is_preferred_and_a_full_queue_refused() {
    let folder = tempfile::tempdir().unwrap();
    let caps = [("CLEANPLATE_CAPS_OWNER_QUEUED".to_owned(), "2".to_owned())];
    let cluster = Cluster::start_with(folder.path(), text(&folder.path().join("store")), &caps);
    let clip = clip();
    let submit = |name: &str, owner: &str| {
        let output = folder.path().join(name);
        let options = ["--owner", owner, "--detect", "none"];
        cluster.ask(&[&["submit", text(&clip), text(&output)][..], &options].concat())
    };
    let id =
        |output: &std::process::Output| String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let (one, two) = (id(&submit("1.mp4", "a")), id(&submit("2.mp4", "a")));
    let full = submit("3.mp4", "a");
    assert_eq!(full.status.code(), Some(1), "{full:?}");
    let said = String::from_utf8_lossy(&full.stderr).into_owned();
    assert!(said.contains("owner `a`") && said.contains("caps.owner_queued"), "{said}");
    assert!(submit("4.mp4", "b").status.success(), "another owner has a queue of its own");
    let preferred = cluster.ask(&["priority", &two, "-5"]);
    assert!(preferred.status.success(), "{preferred:?}");
    let shown = cluster.show(&two);
    assert_eq!(shown["request"]["priority"], -5, "{shown}");
    let waiting = cluster.show(&one)["state"]["waits_for"].clone();
    assert!(waiting.as_str().is_some_and(|why| !why.is_empty()), "it says why it waits: {waiting}");
    assert!(cluster.ask(&["cancel", &one]).status.success());
    assert_eq!(cluster.ask(&["priority", &one, "1"]).status.code(), Some(1), "it has ended");
}
