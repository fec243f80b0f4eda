//! The movie does not depend on the fleet: the same bytes from one worker or three, through kills
//! of workers and of the coordinator.

use std::path::Path;

use cleanplate_tests::cluster::Cluster;
use cleanplate_tests::{binary, clips};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

const OPTIONS: [&str; 8] = [
    "--region",
    "20,20,120,50",
    "--fill",
    "membrane",
    "--encoder",
    "libx264",
    "--preset",
    "veryfast",
];

fn hash(path: &Path) -> String {
    let digest = Sha256::digest(std::fs::read(path).unwrap());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn done(state: &Value) -> u64 {
    state["frames_done"].as_u64().unwrap_or(0)
}

#[test]
fn the_same_bytes_come_out_however_the_job_was_cut_and_whoever_died() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clips::make(folder.path(), "in.mp4", "1280x720", 900, &clips::X264_PLAIN);
    let input = clip.to_str().unwrap();

    let alone = folder.path().join("alone.mp4");
    let mut arguments = vec!["run", input, "-o", alone.to_str().unwrap(), "--workers", "1"];
    arguments.extend(["--segment-frames", "100000"]);
    arguments.extend(OPTIONS);
    binary::run_ok(&arguments);
    let expected = hash(&alone);

    let three = folder.path().join("three.mp4");
    let mut arguments = vec!["run", input, "-o", three.to_str().unwrap(), "--workers", "3"];
    arguments.extend(["--segment-frames", "170"]);
    arguments.extend(OPTIONS);
    binary::run_ok(&arguments);
    assert_eq!(expected, hash(&three), "three workers with small segments");

    let killed = folder.path().join("killed.mp4");
    let mut cluster = Cluster::start(folder.path());
    for _ in 0..3 {
        cluster.start_worker(1);
    }
    let job = cluster.submit(input, killed.to_str().unwrap(), &OPTIONS);
    let state = cluster.watch_until(&job, |state| done(state) >= 60);
    assert!(done(&state) < 900, "the job must still run when the first worker dies: {state}");
    cluster.kill_worker(0);
    let state = cluster.watch_until(&job, |state| done(state) >= 300);
    assert!(done(&state) < 900, "the job must still run when the coordinator dies: {state}");
    cluster.kill_coordinator();
    cluster.kill_worker(1);
    cluster.start_coordinator();
    assert_eq!(cluster.wait(&job), 0, "the job ends well");
    assert_eq!(expected, hash(&killed), "workers and the coordinator killed");
}
