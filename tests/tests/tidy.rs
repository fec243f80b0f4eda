//! The tree is in order: no file that nobody reaches, none that does not say what it owns, `unsafe`
//! in its fences only, nothing left undone without a name, every setting in the sample.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cleanplate_tests::binary::repository;
use cleanplate_tests::torture::kinds;
use serde_json::Value;

/// Folders without code of ours.
const FOREIGN: [&str; 4] = ["target", "build", ".git", "node_modules"];

fn sources_below(folder: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            if !FOREIGN.contains(&name.as_str()) {
                sources_below(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.insert(path);
        }
    }
}

fn sources() -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    sources_below(&repository(), &mut found);
    assert!(found.len() > 100, "the repository has sources");
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(repository()).unwrap_or(path).display().to_string()
}

/// The first file of every target of every crate.
fn roots() -> Vec<PathBuf> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let targets = packages.flat_map(|package| package["targets"].as_array().unwrap());
    let ours = targets.map(|target| PathBuf::from(target["src_path"].as_str().unwrap()));
    // Those of `cargo fuzz` are a workspace of their own.
    let fuzzed = fs::read_dir(repository().join("fuzz/fuzz_targets")).unwrap();
    ours.chain(fuzzed.map(|entry| entry.unwrap().path())).collect()
}

/// The names of the modules that a file declares to be in files of their own.
fn declared(text: &str) -> Vec<&str> {
    let words = text.lines().filter_map(|line| {
        let line = line.trim();
        let line = line.strip_prefix("pub(crate) ").or(line.strip_prefix("pub ")).unwrap_or(line);
        line.strip_prefix("pub(super) ").unwrap_or(line).strip_prefix("mod ")?.strip_suffix(';')
    });
    words.collect()
}

fn reach(file: &Path, is_root: bool, reached: &mut BTreeSet<PathBuf>) {
    if !reached.insert(file.to_owned()) {
        return;
    }
    let folder = file.parent().unwrap();
    let below = if is_root { folder.to_owned() } else { folder.join(file.file_stem().unwrap()) };
    let text = read(file);
    // Attributes that name the file: few, and relative to the folder of this one.
    let named = text.lines().filter_map(|line| line.trim().strip_prefix("#[path = \""));
    let named: Vec<&str> = named.filter_map(|rest| rest.split('"').next()).collect();
    for path in &named {
        let path = folder.join(path).canonicalize().expect("a named file is there");
        reach(&path, false, reached);
    }
    let is_named = |name: &str| {
        named.iter().any(|path| Path::new(path).file_stem().is_some_and(|stem| stem == name))
    };
    for name in declared(&text).into_iter().filter(|name| !is_named(name)) {
        let beside = below.join(format!("{name}.rs"));
        if beside.is_file() {
            reach(&beside, false, reached);
        } else {
            reach(&below.join(name).join("mod.rs"), true, reached);
        }
    }
}

#[test]
fn every_file_is_reached_from_a_module() {
    let mut reached = BTreeSet::new();
    for root in roots() {
        reach(&root, true, &mut reached);
    }
    let lost: Vec<String> = sources().difference(&reached).map(|path| shown(path)).collect();
    assert!(lost.is_empty(), "no module reaches {lost:?}");
}

/// Whether it is the tests of the file above it: that file says what is tested.
fn is_unit_tests(path: &Path) -> bool {
    let in_source = path.components().any(|part| part.as_os_str() == "src");
    let in_tests = path.parent().is_some_and(|folder| folder.ends_with("tests"));
    in_source && (path.ends_with("tests.rs") || in_tests)
}

#[test]
fn every_file_says_what_it_owns() {
    let silent: Vec<String> = sources()
        .iter()
        .filter(|path| !is_unit_tests(path) && !read(path).starts_with("//!"))
        .map(|path| shown(path))
        .collect();
    assert!(silent.is_empty(), "these do not begin with //!: {silent:?}");
}

/// The code of a line, without its comment.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').any(|one| one == word)
}

#[test]
fn what_the_compiler_cannot_check_is_behind_a_fence() {
    // Written so that this file does not find itself.
    let word = ["un", "safe"].concat();
    for path in sources() {
        let fenced = path.ends_with("ffi.rs") || path.components().any(|p| p.as_os_str() == "ffi");
        let found = read(&path).lines().position(|line| has_word(code(line), &word));
        if let (false, Some(line)) = (fenced, found) {
            panic!("{}:{}: {word} belongs into an ffi.rs", shown(&path), line + 1);
        }
    }
}

#[test]
fn what_is_left_to_do_has_a_name_and_no_code_is_unwritten() {
    let later = ["TO", "DO"].concat();
    let unwritten = [["to", "do!"].concat(), ["unimple", "mented!"].concat()];
    for path in sources() {
        for (index, line) in read(&path).lines().enumerate() {
            let nameless = has_word(line, &later) && !line.contains(&format!("{later}("));
            let open = unwritten.iter().any(|one| line.contains(one.as_str()));
            let fixme = has_word(line, &["FIX", "ME"].concat()) || has_word(line, &"X".repeat(3));
            assert!(!(nameless || open || fixme), "{}:{}: {line}", shown(&path), index + 1);
        }
    }
}

#[test]
fn no_file_is_called_after_nothing() {
    let nothing = ["util", "utils", "helper", "helpers", "manager", "misc", "prelude", "mod"];
    for path in sources() {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        // What several test programs share is in a folder: a file beside them would be one of them.
        let shared = path.ancestors().nth(2).is_some_and(|folder| folder.ends_with("tests"));
        if stem == "mod" && shared {
            continue;
        }
        assert!(!nothing.contains(&stem), "{}: say what it owns", shown(&path));
    }
}

#[test]
fn every_setting_is_in_the_sample() {
    let sample = read(&repository().join("deploy/cleanplate.toml"));
    let raw = read(&repository().join("cli/src/settings/raw.rs"));
    let mut table = "";
    let mut keys = 0;
    for line in raw.lines() {
        if let Some(name) = line.split("struct Raw").nth(1) {
            table = name.trim_end_matches([' ', '{']);
        }
        let field = line.trim().strip_prefix("pub(super) ").and_then(|rest| rest.split_once(": "));
        let Some((key, _)) = field.filter(|(_, kind)| kind.starts_with("Option<")) else {
            continue;
        };
        // An owner's table is shown by an example.
        let head = match table {
            "Owner" => "#[access.owners.alice]".to_owned(),
            _ => format!("[{}]", table.to_lowercase()),
        };
        let section = sample.split(&head).nth(1).unwrap_or_else(|| panic!("no {head} in deploy"));
        let section = section.split("\n[").next().unwrap_or_default();
        if (table, key) == ("Access", "owners") {
            continue;
        }
        let wanted = format!("#{key} = ");
        assert!(section.lines().any(|line| line.starts_with(&wanted)), "{head} lacks `{wanted}`");
        keys += 1;
    }
    assert!(keys >= 15, "the settings were found");
}

#[test]
fn the_readme_counts_the_kinds_of_clips() {
    let told = format!("`tests/tests/torture.rs`: {} kinds of clips", kinds::all().len());
    assert!(read(&repository().join("README.md")).contains(&told), "README.md says: {told}");
}

#[test]
fn the_longest_files_are_known() {
    let mut lengths: Vec<(usize, String)> =
        sources().iter().map(|path| (read(path).lines().count(), shown(path))).collect();
    lengths.sort();
    println!("longest files:");
    for (lines, path) in lengths.iter().rev().take(10) {
        println!("{lines:6} {path}");
    }
}
