//! Builds the driver and the management library of these tests, and runs a test in a process of its own
//! that finds them as it would find the real ones: the loader's path and the cards are the environment's.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Tells the process that it is the one in which the body runs.
const INSIDE: &str = "CARDS_TEST_INSIDE";

/// Runs `body` where the driver knows `cards` (`NAME:MIB[:FREE_MIB]`, separated by `;`) and the environment
/// holds `settings`. `name` is the test's own.
pub(crate) fn with_cards(name: &str, cards: &str, settings: &[(&str, &str)], body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some_and(|inside| inside == *name) {
        body();
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    build(folder.path());
    let own = std::env::current_exe().expect("a test knows its own program");
    let output = Command::new(own)
        .args(["--exact", name, "--nocapture"])
        .env("LD_LIBRARY_PATH", folder.path())
        .env("CARDS_FOR_TEST", cards)
        .env("DRIVER_SAYS", folder.path().join("said"))
        .env(INSIDE, name)
        .env_remove("CUDA_VISIBLE_DEVICES")
        .envs(settings.iter().copied())
        .output()
        .expect("a test can run its own program");
    let (out, error) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let is_done = output.status.success();
    assert!(is_done, "{name} holds with the cards `{cards}`\n{out}{error}");
    assert!(out.contains("1 passed"), "the test that ran is {name}");
    let said = std::fs::read_to_string(folder.path().join("said")).unwrap_or_default();
    if !said.is_empty() {
        let nothing = "memory 0 contexts 0 streams 0 modules 0\n";
        assert_eq!(said, nothing, "what the driver gave was given back");
    }
}

fn build(folder: &Path) {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut kernels: Vec<PathBuf> = std::fs::read_dir(here.join("kernels"))
        .expect("the kernels are there")
        .map(|entry| entry.expect("a folder can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "cu"))
        .collect();
    kernels.sort();
    let tests = here.join("tests/cuda");
    let mut driver = compiler(folder, "libcuda.so.1");
    driver.arg(tests.join("driver.c")).args(["-x", "c"]).args(kernels).arg("-ldl");
    run(driver);
    let mut management = compiler(folder, "libnvidia-ml.so.1");
    management.arg(tests.join("nvml.c"));
    run(management);
}

/// Arithmetic as the kernels' is: no product and sum in one.
fn compiler(folder: &Path, library: &str) -> Command {
    let mut command = Command::new("cc");
    command.args(["-std=gnu11", "-O2", "-Wall", "-Werror", "-ffp-contract=off"]);
    command.args(["-shared", "-fPIC", "-o"]).arg(folder.join(library));
    command
}

fn run(mut command: Command) {
    let status = command.status().expect("a C compiler is installed by `make test`");
    assert!(status.success(), "the driver and the kernels are C that compiles without a warning");
}
