//! The images of `deploy/Containerfile`, built and run with the program of these tests, where `make containers` has made
//! what they are built of: without that the packages alone take minutes.

use std::process::Command;

use cleanplate_tests::binary::{cleanplate, repository};

#[test]
fn a_closed_farm_of_containers_with_read_only_roots_does_a_job_and_ends_in_order() {
    if !repository().join("build/containers/storage").is_dir() {
        println!("skipped: no images were built in this checkout (make containers)");
        return;
    }
    let output = Command::new(repository().join("scripts/containers"))
        .env("PROGRAM", cleanplate())
        .env_remove("TARGETS")
        .env_remove("SOURCE")
        .output()
        .expect("the script starts");
    let (told, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}\n{errors}");
    if let Some(why) = told.lines().find(|line| line.starts_with("skipped: ")) {
        println!("{why}");
        return;
    }
    assert!(told.contains("did a job with read-only roots"), "{told}");
}
