//! `scripts/setup-models` on machines that lack something: each is told what, and how to get it.
#![expect(clippy::unwrap_used, reason = "all of it is tests")]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cleanplate_vision::KNOWN_MODELS;

/// What the script calls beside Python.
const TOOLS: [&str; 12] = [
    "bash",
    "dirname",
    "mkdir",
    "uname",
    "sha256sum",
    "cut",
    "mktemp",
    "rm",
    "sed",
    "awk",
    "mv",
    "head",
];

/// A folder with those tools and, where `python` is given, that script as `python3`.
fn tools(folder: &Path, python: Option<&str>) -> PathBuf {
    let bin = folder.join("bin");
    fs::create_dir(&bin).unwrap();
    let path = std::env::var_os("PATH").unwrap();
    for tool in TOOLS {
        let found = std::env::split_paths(&path)
            .map(|folder| folder.join(tool))
            .find(|file| file.is_file());
        symlink(found.unwrap(), bin.join(tool)).unwrap();
    }
    if let Some(text) = python {
        let file = bin.join("python3");
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    bin
}

fn run(folder: &Path, python: Option<&str>) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/setup-models");
    Command::new("bash")
        .arg(script)
        .arg(folder.join("models"))
        .env("PATH", tools(folder, python))
        .output()
        .unwrap()
}

/// Checks that it ends with status 4, says `words`, and leaves nothing half done.
fn check(python: Option<&str>, words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), python);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{told}");
    assert!(words.iter().all(|word| told.contains(word)), "{told}");
    let left: Vec<_> =
        fs::read_dir(folder.path().join("models")).unwrap().map(Result::unwrap).collect();
    assert_eq!(left.len(), 1, "the empty folder of the runtime alone: {left:?}");
}

#[test]
fn a_machine_without_python_is_told_so() {
    check(None, &["no python3", "apt-get install python3-pip"]);
}

#[test]
fn a_python_without_pip_is_told_so() {
    check(Some("#!/bin/bash\nexit 1\n"), &["no pip", "apt-get install python3-pip"]);
}

#[test]
fn a_package_that_cannot_be_fetched_is_named() {
    let python = "#!/bin/bash\n[ \"$3\" = --version ] || { echo 'no route' >&2; exit 1; }\n";
    check(Some(python), &["no route", "pip cannot fetch onnxruntime=="]);
}

#[test]
fn the_script_reads_the_table_of_known_models() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/setup-models");
    let text = fs::read_to_string(script).unwrap();
    let function = text.split("known_models() {").nth(1).unwrap().split("\n}\n").next().unwrap();
    let catalogue = Path::new(env!("CARGO_MANIFEST_DIR")).join("../types/src/known_models.rs");
    let output = Command::new("bash")
        .arg("-c")
        .arg(format!("catalogue='{}'\n{function}", catalogue.display()))
        .output()
        .unwrap();
    let rows = String::from_utf8(output.stdout).unwrap();
    let expected: Vec<String> = KNOWN_MODELS
        .iter()
        .map(|model| {
            let name = [model.name, model.title, &model.sha.to_string(), model.licence].join("|");
            [&name, model.package, model.package_version, model.file].join("|")
        })
        .collect();
    assert_eq!(rows.lines().collect::<Vec<_>>(), expected);
}
