//! The part contract, shown by faults in the workers: what a decoder or a worker does wrong is caught,
//! each by its right kind and words, and nothing of it reaches the movie.
//!
//! Each fault of a part is tried three times: the worker itself looks at what it made; it is blind, and
//! the coordinator looks at what it tells; it echoes what the coordinator wants to hear, and the stitch
//! looks at the part. Built without debug assertions the product has no fault switches.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use cleanplate_tests::cluster::Cluster;
use cleanplate_tests::{binary, clips};
use serde_json::Value;

/// Six cells of forty frames.
const CUT: [&str; 8] =
    ["--detect", "none", "--cell-frames", "40", "--encoder", "libx264", "--preset", "ultrafast"];
const FRAMES: u32 = 240;

fn clip() -> PathBuf {
    clips::kept("320x180", FRAMES, &clips::X264_PLAIN)
}

/// One IDR, and recovery points with leading pictures: no cell but the first begins at an IDR.
fn open_clip() -> PathBuf {
    clips::kept("320x180", FRAMES, &clips::X264_OPEN)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// How a `run` ended.
struct Ran {
    status: Option<i32>,
    last: Value,
    movie: Option<Vec<u8>>,
}

impl Ran {
    fn failure(&self) -> &Value {
        &self.last["outcome"]["failure"]
    }
}

fn run(clip: &Path, faults: &str, options: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.mp4");
    let arguments = ["run", text(clip), "-o", text(&output), "--json"];
    let ran = binary::command([&arguments[..], &CUT, options].concat())
        .env("CLEANPLATE_FAULTS", faults)
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&ran.stdout).into_owned();
    let last = stdout.lines().last().and_then(|line| serde_json::from_str(line).ok());
    let last = last.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&ran.stderr)));
    Ran { status: ran.status.code(), last, movie: std::fs::read(output).ok() }
}

/// Insists that the job fails by this kind, with these words, and that there is no movie.
fn fails(clip: &Path, faults: &str, kind: &str, words: &str) {
    let ran = run(clip, faults, &["--segment-frames", "40"]);
    assert_ne!(ran.status, Some(0), "{faults}: {}", ran.last);
    assert!(ran.movie.is_none(), "{faults}: nothing is published");
    let failure = ran.failure();
    assert_eq!(failure["kind"], kind, "{faults}: {failure}");
    let message = failure["message"].as_str().unwrap();
    assert!(message.contains(words), "{faults}: `{words}` is not in `{message}`");
}

/// The movie of [`clip`] without a fault, made once: how a job is cut never shows.
static FAULTLESS: LazyLock<Option<Vec<u8>>> = LazyLock::new(|| run(&clip(), "", &[]).movie);

/// Insists that the movie is that of a run without the fault, which struck once.
fn heals(fault: &str, more: &str) {
    let folder = tempfile::tempdir().unwrap();
    let struck = folder.path().join("struck");
    let ran =
        run(&clip(), &format!("{fault}:{}{more}", struck.display()), &["--segment-frames", "40"]);
    assert_eq!(ran.status, Some(0), "{fault}: {}", ran.last);
    assert!(struck.exists(), "{fault} struck");
    assert!(FAULTLESS.is_some(), "a run without a fault gives a movie");
    assert!(ran.movie == *FAULTLESS, "{fault}: the same bytes as without it");
}

#[test]
fn a_decoder_that_drops_shifts_or_repeats_a_frame_is_caught_by_the_table() {
    if binary::has_no_switches() {
        return;
    }
    for fault in ["drop@100", "shift@100", "repeat@100"] {
        fails(&clip(), fault, "table_mismatch", "frame 100 should be at tick");
        heals(fault, "");
    }
}

/// What the stitch says of a part that is not what was committed.
const NOT_COMMITTED: &str = "is not the manifest that was committed";

/// A fault of a part, and the words by which it is refused: by the worker, at commit, by the stitch.
const PARTS: [(&str, Option<&str>, Option<&str>, &str); 9] = [
    ("part_clock@3", Some("counts in"), Some("at other times"), NOT_COMMITTED),
    (
        "part_size@3",
        Some("say 304x180"),
        Some("pictures of 304x180, the job's have 320x180"),
        "extradata",
    ),
    ("part_pixels@3", Some("chroma 1x1"), Some("chroma 1x1"), "extradata"),
    (
        "part_colour@3",
        Some("say transfer 16 instead of"),
        Some("says transfer 16 instead of"),
        "extradata",
    ),
    (
        "part_inband@3",
        Some("packet 0 brings a sequence parameter set"),
        None,
        "packet 0 brings a sequence parameter set",
    ),
    ("part_sps@3", None, Some("extradata"), "extradata"),
    ("part_reorder@3", Some("frames ahead"), Some("reorders by"), NOT_COMMITTED),
    ("part_cut@3", Some("its manifest says"), None, "expected"),
    ("part_hash@3", Some("another hash"), None, "not those that its manifest was made of"),
];

#[test]
fn a_part_that_is_not_the_plans_is_refused_by_its_own_worker() {
    if binary::has_no_switches() {
        return;
    }
    for (fault, words, ..) in PARTS {
        let Some(words) = words else { continue };
        let upload = fault.starts_with("part_cut") || fault.starts_with("part_hash");
        let kind = if upload { "part_refused" } else { "encoder_failed" };
        fails(&clip(), fault, kind, words);
        heals(fault, "");
    }
}

#[test]
fn a_part_of_a_blind_worker_is_refused_at_commit() {
    if binary::has_no_switches() {
        return;
    }
    for (fault, _, words, _) in PARTS {
        let Some(words) = words else { continue };
        fails(&clip(), &format!("{fault},blind"), "part_refused", words);
        heals(fault, ",blind");
    }
}

#[test]
fn a_part_of_a_worker_that_lies_is_refused_by_the_stitch() {
    if binary::has_no_switches() {
        return;
    }
    // Other parameter sets are seen at commit by their hash, which nobody can echo.
    for (fault, _, _, words) in PARTS {
        fails(&clip(), &format!("{fault},blind,echo"), "part_refused", words);
        heals(fault, ",blind,echo");
    }
}

#[test]
fn a_cell_handed_in_under_an_older_lease_does_not_count() {
    if binary::has_no_switches() {
        return;
    }
    fails(&clip(), "part_lease@3", "part_refused", "without handing in all of its cells");
    heals("part_lease@3", "");
}

#[test]
fn pictures_that_are_wrong_after_a_cut_are_seen_at_the_border_and_come_right_with_pre_roll() {
    if binary::has_no_switches() {
        return;
    }
    let faultless = run(&open_clip(), "", &["--segment-frames", "40"]);
    assert_eq!(faultless.status, Some(0), "{}", faultless.last);
    for frames in [60, 100_000] {
        let ran = run(&open_clip(), &format!("stale@{frames}"), &["--segment-frames", "40"]);
        assert_eq!(ran.status, Some(0), "{}", ran.last);
        assert!(ran.movie == faultless.movie, "{frames}: every picture is right in the end");
    }
}

#[test]
fn a_picture_that_is_wrong_once_at_a_border_for_one_side_comes_right_when_made_again() {
    if binary::has_no_switches() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // The last frame of cell 1, as its own worker decodes it once; afterwards it is right.
    let swap = format!("swap@79:{}", folder.path().join("swapped").display());
    let ran = run(&open_clip(), &swap, &["--segment-frames", "40"]);
    assert_eq!(ran.status, Some(0), "made again as one, it is right: {}", ran.last);
    let faultless = run(&open_clip(), "", &["--segment-frames", "40"]);
    assert!(ran.movie == faultless.movie);
}

#[test]
fn a_wrong_picture_under_the_right_time_is_found_by_another_workers_decoding() {
    if binary::has_no_switches() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let faultless = FAULTLESS.as_ref().unwrap();
    let mut cluster = Cluster::start(folder.path());
    // A picture of every cell, so that whatever the bad worker makes or audits is wrong.
    let swaps = "swap@10,swap@50,swap@90,swap@130,swap@170,swap@210".to_owned();
    cluster.start_worker_with(1, &[], &[("CLEANPLATE_FAULTS", swaps)]);
    cluster.start_worker(1);
    cluster.start_worker(1);
    cluster.until("all workers attach", |cluster| {
        (cluster.ask_json(&["workers"]).len() == 3).then_some(())
    });
    let output = folder.path().join("out.mp4");
    let options = [&CUT[..], &["--segment-frames", "40", "--audit", "6"]].concat();
    let job = cluster.submit(text(&clip()), text(&output), &options);
    let status = cluster.wait(&job);
    let shown = cluster.show(&job);
    if status == 0 {
        assert!(std::fs::read(&output).unwrap() == *faultless, "no wrong picture is in the movie");
    } else {
        let failure = &shown["state"]["outcome"]["failure"];
        assert_eq!(failure["kind"], "audit_mismatch", "{failure}");
        assert!(!output.exists(), "nothing is published");
    }
    let notes = shown["state"]["notes"].to_string();
    assert!(notes.contains("audit: 6 of 6 cells"), "{notes}");
    let audits = cluster.attempts(&job, "audit");
    let found = audits.iter().any(|audit| audit["failure"]["kind"] == "audit_mismatch");
    assert!(found, "no audit found it: {audits:#?}");
}
