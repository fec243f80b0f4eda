//! Fallbacks and failures in the middle of a running segment, at frame 1,000 of the job: the output is
//! exactly the right one, or there is none and the failure says where.
//!
//! Built without debug assertions the product has no fault switches, and these tests say so.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use cleanplate_tests::cluster::Cluster;
use cleanplate_tests::{binary, clips, reference};
use serde_json::Value;

const CUT: [&str; 6] =
    ["--region", "20,20,100,40", "--cell-frames", "100", "--segment-frames", "300"];
const SOFTWARE: [&str; 6] = ["--encoder", "libx264", "--preset", "ultrafast", "--fill", "membrane"];
const AT: u64 = 1000;

fn clip() -> PathBuf {
    clips::kept("320x180", 1300, &clips::X264_PLAIN)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What is expected of the movie by [`SOFTWARE`]: the bytes that a run without faults gives.
static FAULTLESS: LazyLock<Vec<u8>> = LazyLock::new(|| faultless(&SOFTWARE));

/// What is expected of the movie: the bytes that a run without faults gives.
fn faultless(options: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("faultless.mp4");
    let clip = clip();
    binary::run_ok([&["run", text(&clip), "-o", text(&output)][..], &CUT, options].concat());
    std::fs::read(output).unwrap()
}

/// Runs the job on one worker with `faults`; returns the cluster and the job.
fn submitted(folder: &Path, faults: &str, options: &[&str], settings: &[(&str, &str)]) -> Ran {
    let store = folder.join("store");
    let settings: Vec<(String, String)> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut cluster = Cluster::start_with(folder, text(&store), &settings);
    // Encoders of a card are proved where there is one, or one is pretended.
    let card: &[&str] = if faults.contains("nvenc") { &["--card", "RTX 4090:24"] } else { &[] };
    cluster.start_worker_with(2, card, &[("CLEANPLATE_FAULTS", faults.to_owned())]);
    let output = folder.join("out.mp4");
    let job = cluster.submit(text(&clip()), text(&output), &[&CUT[..], options].concat());
    Ran { cluster, job, output }
}

struct Ran {
    cluster: Cluster,
    job: String,
    output: PathBuf,
}

impl Ran {
    fn notes(&self) -> String {
        self.cluster.show(&self.job)["state"]["notes"].to_string()
    }

    /// The fallbacks in the trails of all attempts, with the frames of the attempt.
    fn fallbacks(&self) -> Vec<(Value, String)> {
        let attempts = self.cluster.attempts(&self.job, "segment");
        let lines = attempts.iter().flat_map(|attempt| {
            let trail = attempt["trail"].as_array().unwrap().iter();
            let fallen = trail.filter(|line| line["event"] == "fallback");
            fallen.map(|line| (attempt["frames"].clone(), line["detail"].to_string()))
        });
        lines.collect()
    }
}

fn holds(frames: &Value, frame: u64) -> bool {
    frames[0].as_u64().unwrap() <= frame && frame < frames[1].as_u64().unwrap()
}

#[test]
fn a_card_that_stops_decoding_at_frame_1000_is_replaced_by_software_at_exactly_that_frame() {
    if binary::has_no_switches() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let ran = submitted(folder.path(), "nvdec@1000", &SOFTWARE, &[]);
    ran.cluster.done(&ran.job);
    assert!(
        std::fs::read(&ran.output).unwrap() == *FAULTLESS,
        "the same bytes as without the fault"
    );
    let fallbacks = ran.fallbacks();
    let hit = fallbacks.iter().find(|(frames, _)| holds(frames, AT));
    let (_, detail) = hit.unwrap_or_else(|| panic!("no fallback in the trail: {fallbacks:?}"));
    assert!(detail.contains("nvdec"), "{detail}");
    assert!(ran.notes().contains("nvdec"), "{}", ran.notes());
}

#[test]
fn the_hardware_encoders_seat_is_taken_by_its_stand_in() {
    if binary::has_no_switches() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let ran = submitted(folder.path(), "nvenc", &["--encoder", "h264_nvenc"], &[]);
    let last = ran.cluster.done(&ran.job);
    assert_eq!(last["encoder"], "h264_nvenc");
    let fallbacks = ran.fallbacks();
    assert!(fallbacks.iter().all(|(_, detail)| !detail.contains("nvenc")), "{fallbacks:?}");
    assert_eq!(reference::frames(&ran.output).len(), 1300);
}

#[test]
fn an_encoder_lost_at_frame_1000_starts_the_cells_anew_in_software_where_that_is_allowed() {
    if binary::has_no_switches() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let expected = faultless(&["--encoder", "libx264"]);
    let lost = folder.path().join("lost");
    let faults = format!("nvenc@1000:{}", lost.display());
    let options = ["--encoder", "h264_nvenc", "--restart-on-encoder-loss"];
    let ran = submitted(folder.path(), &faults, &options, &[("CLEANPLATE_ENCODER_LOST", "1s")]);
    let last = ran.cluster.done(&ran.job);
    assert!(lost.exists(), "the fault struck");
    assert_eq!(last["encoder"], "libx264");
    assert!(std::fs::read(&ran.output).unwrap() == expected, "as if libx264 had been asked for");
    assert!(ran.notes().contains("h264_nvenc"), "{}", ran.notes());
}

#[test]
fn an_encoder_lost_at_frame_1000_fails_the_job_by_name_where_no_other_may_be_taken() {
    if binary::has_no_switches() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let faults = format!("nvenc@1000:{}", folder.path().join("lost").display());
    let options = ["--encoder", "h264_nvenc"];
    let ran = submitted(folder.path(), &faults, &options, &[("CLEANPLATE_ENCODER_LOST", "1s")]);
    assert_eq!(ran.cluster.wait(&ran.job), 4, "the machine lacks it");
    let state = &ran.cluster.show(&ran.job)["state"];
    let message = state["outcome"]["failure"]["message"].to_string();
    assert!(message.contains("h264_nvenc"), "{state:#}");
    assert!(!ran.output.exists());
}

#[test]
fn an_engine_that_crashes_once_costs_an_attempt_and_nothing_else() {
    if binary::has_no_switches() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let faults = format!("crash@1000:{}", folder.path().join("crashed").display());
    let ran = submitted(folder.path(), &faults, &SOFTWARE, &[]);
    ran.cluster.done(&ran.job);
    assert!(std::fs::read(&ran.output).unwrap() == *FAULTLESS);
    let attempts = ran.cluster.attempts(&ran.job, "segment");
    let crashed = attempts.iter().find(|one| one["failure"]["kind"] == "engine_crashed");
    let crashed = crashed.unwrap_or_else(|| panic!("no attempt crashed: {attempts:#?}"));
    assert!(holds(&crashed["frames"], AT), "{crashed:#}");
}

#[test]
fn an_engine_that_always_crashes_there_fails_the_job_which_says_where() {
    if binary::has_no_switches() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let ran = submitted(folder.path(), "crash@1000", &SOFTWARE, &[]);
    assert_eq!(ran.cluster.wait(&ran.job), 1);
    let shown = ran.cluster.show(&ran.job);
    let failure = &shown["state"]["outcome"]["failure"];
    assert_eq!(failure["kind"], "engine_crashed", "{failure}");
    assert!(holds(&failure["frames"], AT), "{failure}");
    assert_eq!(failure["worker"], "worker-0", "{failure}");
    assert_eq!(failure["attempt"], 3, "three attempts: {failure}");
    assert!(!ran.output.exists(), "nothing is published");
}

#[test]
fn an_engine_that_hangs_is_ended_and_its_work_done_again() {
    if binary::has_no_switches() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let faults = format!("hang@1000:{}", folder.path().join("hung").display());
    let settings = [("CLEANPLATE_WORKER_ENGINE_SILENT", "2s")];
    let ran = submitted(folder.path(), &faults, &SOFTWARE, &settings);
    ran.cluster.done(&ran.job);
    assert!(std::fs::read(&ran.output).unwrap() == *FAULTLESS);
    let attempts = ran.cluster.attempts(&ran.job, "segment");
    let hung = attempts.iter().find(|one| one["failure"]["kind"] == "engine_hung");
    let hung = hung.unwrap_or_else(|| panic!("no attempt hung: {attempts:#?}"));
    assert!(holds(&hung["frames"], AT), "{hung:#}");
    assert!(hung["failure"]["message"].to_string().contains('2'), "{hung:#}");
}

#[test]
fn run_falls_back_just_as_the_cluster_does() {
    if binary::has_no_switches() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.mp4");
    let clip = clip();
    let arguments = ["run", text(&clip), "-o", text(&output), "--json"];
    let ran = binary::command([&arguments[..], &CUT, &SOFTWARE].concat())
        .env("CLEANPLATE_FAULTS", "nvdec@1000")
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert!(std::fs::read(&output).unwrap() == *FAULTLESS);
    let last = String::from_utf8_lossy(&ran.stdout).lines().last().unwrap().to_owned();
    let last: Value = serde_json::from_str(&last).unwrap();
    assert!(last["notes"].to_string().contains("nvdec"), "{last}");
}
