//! Disks that fill up: one sentence that names the place, and no half movie.

use std::path::Path;
use std::process::Output;

use cleanplate_tests::cluster::{Cluster, said};
use cleanplate_tests::tiny_disk::TinyDisk;
use cleanplate_tests::{binary, clips};

const OPTIONS: [&str; 10] = [
    "--fill",
    "membrane",
    "--region",
    "20,20,100,40",
    "--encoder",
    "libx264",
    "--preset",
    "ultrafast",
    "--cell-frames",
    "60",
];

/// One sentence that begins as all do, and says what is full.
fn says_that_it_is_full(output: &Output, place: &Path) {
    let text = said(output);
    let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("error:")).collect();
    assert_eq!(errors.len(), 1, "{text}");
    let full = errors[0].contains("no space left") || errors[0].contains("full");
    assert!(full && errors[0].contains(place.to_str().unwrap()), "{text}");
}

#[test]
fn a_run_onto_a_full_disk_says_so_and_leaves_no_movie() {
    let disk = match TinyDisk::mount(1) {
        Ok(disk) => disk,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let clip = clips::kept("640x360", 600, &clips::X264_PLAIN);
    let output = disk.path().join("out.mp4");
    let arguments = ["run", clip.to_str().unwrap(), "-o", output.to_str().unwrap()];
    let ran = binary::run([&arguments[..], &OPTIONS].concat());
    assert!([Some(1), Some(4)].contains(&ran.status.code()), "{}", said(&ran));
    says_that_it_is_full(&ran, disk.path());
    assert!(!output.exists());
}

#[test]
fn a_movie_that_does_not_fit_fails_its_job_and_nothing_shows() {
    let disk = match TinyDisk::mount(1) {
        Ok(disk) => disk,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let folder = tempfile::tempdir().unwrap();
    let clip = clips::kept("640x360", 600, &clips::X264_PLAIN);
    let mut cluster = Cluster::start(folder.path());
    cluster.start_worker(2);
    let output = disk.path().join("out.mp4");
    let job = cluster.submit(clip.to_str().unwrap(), output.to_str().unwrap(), &OPTIONS);
    assert_eq!(cluster.wait(&job), 1);
    let watched = cluster.ask(&["watch", &job]);
    says_that_it_is_full(&watched, disk.path());
    let left: Vec<_> = std::fs::read_dir(disk.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    let failure = cluster.show(&job)["state"]["outcome"]["failure"].clone();
    assert_eq!(failure["kind"], "output_unwritable", "{failure}");
}

#[test]
fn a_store_that_is_full_fails_the_job_by_name() {
    let disk = match TinyDisk::mount(1) {
        Ok(disk) => disk,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let folder = tempfile::tempdir().unwrap();
    let clip = clips::kept("640x360", 600, &clips::X264_PLAIN);
    let store = disk.path().join("store");
    // Its only worker is set aside after failures in a row; for how long is not what is tested.
    let rest = [("CLEANPLATE_SCHEDULER_SET_ASIDE".to_owned(), "100ms".to_owned())];
    let mut cluster = Cluster::start_with(folder.path(), store.to_str().unwrap(), &rest);
    cluster.start_worker(1);
    let output = folder.path().join("out.mp4");
    let job = cluster.submit(clip.to_str().unwrap(), output.to_str().unwrap(), &OPTIONS);
    let status = cluster.wait(&job);
    assert!([1, 4].contains(&status), "{status}");
    says_that_it_is_full(&cluster.ask(&["watch", &job]), disk.path());
    assert!(!output.exists());
}
