//! The real `cleanplate` binary: where it is, and running it to its end.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The binary that was built with these tests (or by `--release` with the bench).
#[must_use]
pub fn cleanplate() -> PathBuf {
    if let Some(path) = std::env::var_os("CLEANPLATE_BINARY") {
        return PathBuf::from(path);
    }
    let this = std::env::current_exe().expect("a running program has a path");
    let folders = this.ancestors().skip(1).take(2);
    for folder in folders {
        let candidate = folder.join("cleanplate");
        if candidate.is_file() {
            return candidate;
        }
    }
    panic!("no cleanplate binary near {}: run `cargo build -p cleanplate` first", this.display());
}

/// Whether these tests are of a build without fault switches; says so, since the test is skipped then.
#[must_use]
pub fn has_no_switches() -> bool {
    let release = !cfg!(debug_assertions);
    if release {
        println!("skipped: fault switches are in debug builds only");
    }
    release
}

/// The root of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the repository").to_owned()
}

/// A clip that the repository ships.
#[must_use]
pub fn shipped_clip() -> PathBuf {
    repository().join("assets/demo/bikes.mp4")
}

/// The models that the tests use: where `scripts/test` has them brought.
#[must_use]
pub fn models_folder() -> PathBuf {
    repository().join("build/models")
}

/// A command of the binary, with no settings of the machine's.
#[must_use]
pub fn command<I, S>(arguments: I) -> Command
where
    I: IntoIterator<Item = S>,
    S: AsRef<std::ffi::OsStr>,
{
    let mut command = Command::new(cleanplate());
    command.args(arguments);
    for name in FOREIGN_SETTINGS {
        command.env_remove(name);
    }
    command.env("CLEANPLATE_MODELS_FOLDER", models_folder());
    command
}

/// Runs the binary to its end.
pub fn run<I, S>(arguments: I) -> Output
where
    I: IntoIterator<Item = S>,
    S: AsRef<std::ffi::OsStr>,
{
    command(arguments).output().expect("the binary starts")
}

/// Runs the binary and insists that it succeeds; returns its standard output.
pub fn run_ok<I, S>(arguments: I) -> String
where
    I: IntoIterator<Item = S>,
    S: AsRef<std::ffi::OsStr>,
{
    let mut command = command(arguments);
    let output = command.output().expect("the binary starts");
    assert!(
        output.status.success(),
        "{command:?} ended with {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Settings of the person who runs the tests, which are not to decide about them.
const FOREIGN_SETTINGS: [&str; 9] = [
    "CLEANPLATE_COORDINATOR",
    "CLEANPLATE_CONFIG",
    "CLEANPLATE_TOKEN",
    "CLEANPLATE_JOIN_TOKEN",
    "CLEANPLATE_FAULTS",
    "CLEANPLATE_LOG",
    "CLEANPLATE_LOG_FORMAT",
    "CLEANPLATE_MODELS_RUNTIME",
    "ORT_DYLIB_PATH",
];
