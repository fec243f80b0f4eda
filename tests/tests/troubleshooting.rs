//! docs/troubleshooting.md quotes messages that the program still has.

use std::path::{Path, PathBuf};

use cleanplate_tests::binary::repository;

/// Where messages are said.
const SOURCES: [&str; 5] = ["common", "coordinator/src", "worker/src", "cli/src", "proto/src"];

/// The section that quotes what others say.
const FOREIGN: &str = "## In containers";

/// How far apart in a source the pieces of one message may be, in bytes.
const NEAR: usize = 400;

/// The sources as they would be read aloud: strings that go on over lines are joined.
fn texts() -> Vec<String> {
    let mut files = Vec::new();
    for folder in SOURCES {
        gather(&repository().join(folder), &mut files);
    }
    assert!(files.len() > 100, "the sources are where they were");
    files.iter().map(|file| joined(&std::fs::read_to_string(file).expect("a source"))).collect()
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            // What tests expect to be said is no proof that it is.
            if !path.ends_with("tests") {
                gather(&path, files);
            }
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs") {
            files.push(path);
        }
    }
}

fn joined(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    let mut parts = source.split("\\\n");
    text.extend(parts.next());
    for part in parts {
        text.push_str(part.trim_start());
    }
    text
}

/// Whether the pieces stand in this order, near each other.
fn says(text: &str, pieces: &[&str]) -> bool {
    let Some((first, rest)) = pieces.split_first() else { return true };
    text.match_indices(first).any(|(start, found)| {
        let mut at = start + found.len();
        rest.iter().all(|piece| {
            let end =
                (at..=(at + NEAR).min(text.len())).rev().find(|end| text.is_char_boundary(*end));
            let near = end.and_then(|end| text.get(at..end)).unwrap_or_default();
            near.find(piece).is_some_and(|found| {
                at += found + piece.len();
                true
            })
        })
    })
}

/// The first span of code in each row of the tables, in pieces.
fn quoted(document: &str) -> Vec<Vec<&str>> {
    let (ours, _) = document.split_once(FOREIGN).expect("there is such a section");
    let rows = ours.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let message = row.split('`').next().expect("a span ends");
        message.split('…').map(str::trim).filter(|piece| piece.len() > 1).collect()
    })
    .collect()
}

#[test]
fn each_message_that_is_explained_is_still_said() {
    let document = std::fs::read_to_string(repository().join("docs/troubleshooting.md")).unwrap();
    let texts = texts();
    let messages = quoted(&document);
    assert!(messages.len() >= 40, "{}", messages.len());
    let forgotten: Vec<_> =
        messages.iter().filter(|pieces| !texts.iter().any(|text| says(text, pieces))).collect();
    assert!(
        forgotten.is_empty(),
        "docs/troubleshooting.md explains what nobody says: {forgotten:#?}"
    );
}

#[test]
fn a_message_is_found_over_lines_and_placeholders_and_an_invented_one_is_not() {
    let text = joined("#[error(\"the disk of {} is full: {free} \\\n         bytes are free\")]");
    assert!(says(&text, &["the disk of", "is full", "bytes are free"]));
    assert!(!says(&text, &["is full", "the disk of"]), "the order counts");
    assert!(!says(&text, &["the disk of", "is empty"]));
}
