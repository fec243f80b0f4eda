//! Every limit, passed: one sentence that names the setting, the status of the contract, and nothing left behind.

use std::path::Path;

use cleanplate_tests::{binary, clips};

/// Runs with `setting` and insists on `status` and on the setting's name in the one sentence.
fn refused(
    clip: &Path,
    options: &[&str],
    (variable, value): (&str, &str),
    (status, words): (i32, &str),
) {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.mp4");
    let arguments = ["run", clip.to_str().unwrap(), "-o", output.to_str().unwrap()];
    let ran =
        binary::command([&arguments[..], options].concat()).env(variable, value).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(status), "{variable}={value}: {said}");
    let errors: Vec<&str> = said.lines().filter(|line| line.starts_with("error:")).collect();
    assert_eq!(errors.len(), 1, "{said}");
    assert!(errors[0].contains(words), "{words} must be in {said}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "something is left");
}

#[test]
fn a_source_beyond_a_limit_is_refused_by_the_limits_name() {
    let clip = clips::kept("320x180", 60, &clips::X264_PLAIN);
    let none = ["--detect", "none"];
    for (variable, value, words) in [
        ("CLEANPLATE_LIMITS_SOURCE_BYTES", "0MiB", "limits.source_bytes"),
        ("CLEANPLATE_LIMITS_SOURCE_DURATION", "1s", "limits.source_duration"),
        ("CLEANPLATE_LIMITS_SOURCE_PIXELS", "319x180", "limits.source_pixels"),
        ("CLEANPLATE_LIMITS_SOURCE_STREAMS", "1", "limits.source_streams"),
        ("CLEANPLATE_LIMITS_SOURCE_FRAME_RATE", "15", "limits.source_frame_rate"),
    ] {
        refused(&clip, &none, (variable, value), (3, words));
    }
    let cells = ["--detect", "none", "--cell-frames", "10"];
    refused(&clip, &cells, ("CLEANPLATE_LIMITS_CELLS", "3"), (3, "limits.cells"));
}

#[test]
fn what_is_at_its_limits_is_done() {
    let clip = clips::kept("320x180", 60, &clips::X264_PLAIN);
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.mp4");
    let arguments = ["run", clip.to_str().unwrap(), "-o", output.to_str().unwrap()];
    let ran =
        binary::command([&arguments[..], &["--detect", "none", "--cell-frames", "20"]].concat())
            .env("CLEANPLATE_LIMITS_SOURCE_PIXELS", "320x180")
            .env("CLEANPLATE_LIMITS_SOURCE_STREAMS", "2")
            .env("CLEANPLATE_LIMITS_SOURCE_FRAME_RATE", "30")
            .env("CLEANPLATE_LIMITS_CELLS", "3")
            .output()
            .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

#[test]
fn a_worker_without_disk_for_a_lease_does_not_begin_it() {
    let clip = clips::kept("320x180", 60, &clips::X264_PLAIN);
    let setting = ("CLEANPLATE_LIMITS_DISK", "1000TiB");
    refused(&clip, &["--detect", "none"], setting, (4, "limits.disk"));
}
