//! What the documents tell a newcomer to type works as it stands, and where they lead to there is something.
//!
//! Of docs/quickstart.md and docs/farm.md the blocks marked `sh` are run, in their order, in one shell in an empty
//! folder; those marked `console` are not, and the page says why. Refuses other marks, which would be run by nobody.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cleanplate_tests::binary::{self, repository};
use cleanplate_tests::cluster::free_port;

/// What a page's commands may take in all, in seconds: they take some twenty on an idle machine.
const SECONDS_MAX: &str = "600";

/// Pages that are followed step by step.
const GUIDES: [&str; 2] = ["docs/quickstart.md", "docs/farm.md"];

fn page(name: &str) -> String {
    fs::read_to_string(repository().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The fenced blocks of a page, each with its mark.
fn blocks(page: &str) -> Vec<(&str, String)> {
    let mut found: Vec<(&str, String)> = Vec::new();
    let mut is_open = false;
    for line in page.lines() {
        match (line.strip_prefix("```"), is_open) {
            (Some(mark), false) => found.push((mark, String::new())),
            (None, true) => {
                if let Some((_, text)) = found.last_mut() {
                    text.push_str(line);
                    text.push('\n');
                }
            }
            (Some(_), true) | (None, false) => {}
        }
        is_open ^= line.starts_with("```");
    }
    assert!(!is_open, "a block is not closed");
    found
}

/// Programs that the pages use beside ours; says which is absent, since the test is skipped then.
fn lacks(programs: &[&str]) -> bool {
    let is_absent = |program: &&&str| Command::new(program).arg("-version").output().is_err();
    let absent = programs.iter().find(is_absent);
    if let Some(program) = absent {
        println!("skipped: no {program}");
    }
    absent.is_some()
}

/// Runs a page's `sh` blocks in `folder` as a person would who has the program on the path; insists that there are at
/// least `least`, and that each command succeeds.
fn follow(name: &str, least: usize, folder: &Path) -> Output {
    let page = page(name);
    let run: Vec<String> =
        blocks(&page).into_iter().filter(|(mark, _)| *mark == "sh").map(|(_, text)| text).collect();
    assert!(run.len() >= least, "{name} has {} blocks that are run", run.len());
    // What a page leaves running ends with the shell, whichever of its commands fails.
    let before = "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n";
    let script = folder.join("guide.sh");
    fs::write(&script, format!("{before}{}", run.concat())).unwrap();
    let home = folder.join("home");
    fs::create_dir_all(home.join("bin")).unwrap();
    std::os::unix::fs::symlink(binary::cleanplate(), home.join("bin/cleanplate")).unwrap();
    let path = std::env::var("PATH").unwrap();
    let work = folder.join("work");
    fs::create_dir(&work).unwrap();
    // Its group gets the signal, so that nothing outlives the test.
    let ran = Command::new("timeout")
        .args(["--kill-after=20", SECONDS_MAX, "bash"])
        .arg(&script)
        .current_dir(&work)
        .env_clear()
        .env("PATH", format!("{}:{path}", home.join("bin").display()))
        .env("HOME", &home)
        .env("REPO", repository())
        .env("PORT", free_port().to_string())
        .env("CLEANPLATE_MODELS_FOLDER", home.join("no-models"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    let complained = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{name}: {}\n{said}\n{complained}\n{}", ran.status, logs(&work));
    ran
}

/// The ends of what services wrote.
fn logs(folder: &Path) -> String {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let logs = files.filter(|path| path.extension().is_some_and(|end| end == "log"));
    logs.map(|path| {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(12).collect();
        let end: Vec<&str> = lines.into_iter().rev().collect();
        format!("-- {}\n{}\n", path.display(), end.join("\n"))
    })
    .collect()
}

/// Insists that the movie is there and that nothing of its source was lost.
fn survived(source: &Path, movie: &Path) {
    assert!(movie.is_file(), "{}", movie.display());
    let (source, movie) = (source.to_str().unwrap(), movie.to_str().unwrap());
    binary::run_ok(["verify", source, movie, "--cheap"]);
}

#[test]
fn the_quick_start_leads_to_clean_clips() {
    if lacks(&["ffmpeg", "bash", "timeout"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    follow("docs/quickstart.md", 6, folder.path());
    let work = folder.path().join("work");
    for movie in ["region.mp4", "found.mp4", "exact.mp4"] {
        survived(&work.join("in.mp4"), &work.join(movie));
    }
    let stills = fs::read_dir(work.join("stills")).unwrap().count();
    assert!(stills >= 4, "{stills} stills");
}

#[test]
fn the_farm_on_one_machine_works_and_survives_the_death_of_a_worker() {
    if lacks(&["ffmpeg", "bash", "timeout", "openssl", "curl"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    follow("docs/farm.md", 7, folder.path());
    let work = folder.path().join("work");
    for movie in ["a.mp4", "b.mp4"] {
        survived(&work.join("in/a.mp4"), &work.join("out").join(movie));
    }
}

#[test]
fn each_block_of_a_guide_is_run_or_says_that_it_is_not() {
    for name in GUIDES {
        let page = page(name);
        let marks: BTreeSet<&str> = blocks(&page).into_iter().map(|(mark, _)| mark).collect();
        assert_eq!(marks, BTreeSet::from(["console", "sh"]), "{name}");
        assert!(page.contains("tests/tests/guides.rs"), "{name} says by what its blocks are run");
    }
}

fn documents_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            documents_below(&path, found);
        } else if path.extension().is_some_and(|end| end == "md") {
            found.push(path);
        }
    }
}

fn documents() -> Vec<PathBuf> {
    let root = repository();
    let alone = ["README.md", "SECURITY.md", "CHANGELOG.md"];
    let mut found: Vec<PathBuf> = alone.iter().map(|name| root.join(name)).collect();
    for folder in ["docs", "clients/python", "deploy/helm/cleanplate"] {
        documents_below(&root.join(folder), &mut found);
    }
    assert!(found.len() > 20, "the documents are where they were");
    found
}

/// Where a document leads to within the repository.
fn links(text: &str) -> Vec<String> {
    let mut is_code = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            is_code = !is_code;
        }
        if is_code {
            continue;
        }
        // Every other piece between backticks is code.
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("code");
        let targets = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let inside = targets.filter(|target| !target.contains("://") && !target.starts_with('#'));
        found.extend(inside.map(|target| target.split('#').next().unwrap_or_default().to_owned()));
    }
    found
}

/// `a/{b,c}.rs` is two paths.
fn spelt_out(path: &str) -> Vec<String> {
    let parts = path.split_once('{').and_then(|(head, rest)| Some((head, rest.split_once('}')?)));
    let Some((head, (choices, tail))) = parts else { return vec![path.to_owned()] };
    let each = choices.split(',').map(|choice| format!("{head}{}{tail}", choice.trim()));
    each.flat_map(|path| spelt_out(&path)).collect()
}

#[test]
fn each_path_of_the_tree_that_a_document_names_is_there() {
    let folders = [
        "cli",
        "clients",
        "common",
        "coordinator",
        "deploy",
        "docs",
        "proto",
        "scripts",
        "tests",
        "worker",
    ];
    let mut named = 0;
    let mut absent = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        let code = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
        let is_path = |text: &&str| {
            let is_inside = text.split_once('/').is_some_and(|(first, _)| folders.contains(&first));
            // Made by deploy/secrets.sh, and kept out of the tree.
            let is_made = text.starts_with("deploy/secrets/");
            is_inside && !is_made && !text.contains([' ', '*', '<', '$', '…'])
        };
        for path in code.filter(is_path).flat_map(spelt_out) {
            named += 1;
            if !repository().join(&path).exists() {
                absent.push(format!("{}: {path}", document.display()));
            }
        }
    }
    assert!(absent.is_empty(), "{absent:#?}");
    assert!(named > 100, "{named}");
}

#[test]
fn each_link_of_the_documents_leads_to_a_file() {
    let mut dead = Vec::new();
    let mut alive = 0;
    for document in documents() {
        let folder = document.parent().unwrap();
        for link in links(&fs::read_to_string(&document).unwrap()) {
            if folder.join(&link).exists() {
                alive += 1;
            } else {
                dead.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(alive > 100, "{alive} links were found");
    assert!(dead.is_empty(), "these lead nowhere: {dead:#?}");
}

#[test]
fn the_index_names_each_document() {
    let folder = repository().join("docs");
    let index = page("docs/README.md");
    let named: BTreeSet<PathBuf> =
        links(&index).into_iter().map(|link| folder.join(link)).collect();
    let mut all = Vec::new();
    documents_below(&folder, &mut all);
    let absent: Vec<&PathBuf> = all
        .iter()
        .filter(|path| !path.ends_with("docs/README.md") && !named.contains(*path))
        .collect();
    assert!(absent.is_empty(), "docs/README.md leads to none of {absent:#?}");
}

#[test]
fn a_dead_link_is_seen_and_code_is_none() {
    let text =
        "see [a](a.md), [b](x/b.md#part) and `[c](c.md)`\n```\n[d](d.md)\n```\n[e](https://e/e.md)";
    assert_eq!(links(text), ["a.md", "x/b.md"]);
}
