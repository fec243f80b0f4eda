//! Builds the CUDA driver of these tests, and runs a test in a process of its own that finds it as it would
//! find the real one, by the loader's path.

use std::path::Path;
use std::process::Command;

/// The driver's one context and one stream.
pub(crate) const HANDLES: (usize, usize) = (0xc0de, 0x57a0);

/// Tells the process that it is the one in which the body runs.
const INSIDE: &str = "CARD_TEST_INSIDE";

/// What the driver told at its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// Bytes from the host to the card.
    pub(crate) up: u64,
    /// Bytes from the card to the host.
    pub(crate) down: u64,
    /// Bytes from the card to itself.
    pub(crate) across: u64,
}

/// Runs `body` where a card has `memory_kib`. `name` is the test's own. What the driver told comes back to the
/// process that was asked, nothing to the one in which the body ran; all that was held is given back then.
pub(crate) fn with_card(name: &str, memory_kib: u32, body: impl FnOnce()) -> Option<Said> {
    if std::env::var_os(INSIDE).is_some_and(|inside| inside == *name) {
        body();
        return None;
    }
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    build(folder.path());
    let output = Command::new(std::env::current_exe().expect("a test knows its own program"))
        .args(["--exact", name, "--nocapture"])
        .env("LD_LIBRARY_PATH", folder.path())
        .env("MEMORY_FOR_TEST", memory_kib.to_string())
        .env("DRIVER_SAYS", folder.path().join("said"))
        .env(INSIDE, name)
        .output()
        .expect("a test can run its own program");
    let (out, error) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name} holds on the card made for it\n{out}{error}");
    assert!(out.contains("1 passed"), "the test that ran is {name}");
    let said = std::fs::read_to_string(folder.path().join("said")).expect("the driver was used");
    let numbers: Vec<u64> = said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let numbers: Result<[u64; 5], _> = numbers.try_into();
    let [held, pushed, up, down, across] = numbers.expect("the driver tells five numbers");
    assert_eq!((held, pushed), (0, 0), "memory and contexts were given back");
    Some(Said { up, down, across })
}

fn build(folder: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/card/driver.c");
    let status = Command::new("cc")
        .args(["-std=gnu11", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o"])
        .arg(folder.join("libcuda.so.1"))
        .arg(source)
        .status();
    assert!(status.expect("a C compiler is installed").success(), "the driver compiles");
}
