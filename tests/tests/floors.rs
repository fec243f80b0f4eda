//! The folder is the floor, an arrow points down only: which crate may know which, and which crate
//! alone knows a foreign library.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use cleanplate_tests::binary::repository;
use serde_json::Value;

/// Each crate and those of ours that it may name, as DESIGN draws it. `proto` and the shelf know
/// nothing but the nouns; the worker never knows a decision, the coordinator never a model.
const FLOORS: [(&str, &[&str]); 16] = [
    ("types", &[]),
    ("telemetry", &[]),
    ("core", &["types"]),
    ("plate", &["types"]),
    ("media", &["types"]),
    ("vision", &["types"]),
    ("store", &["types"]),
    ("child", &["types"]),
    ("access", &["types"]),
    ("proto", &["types"]),
    ("shapes", &["types", "proto"]),
    (
        "coordinator",
        &["types", "core", "proto", "shapes", "media", "store", "child", "access", "telemetry"],
    ),
    (
        "worker",
        &["types", "proto", "plate", "media", "vision", "store", "child", "access", "telemetry"],
    ),
    (
        "cli",
        &[
            "types",
            "core",
            "proto",
            "shapes",
            "media",
            "vision",
            "store",
            "child",
            "access",
            "telemetry",
            "coordinator",
            "worker",
        ],
    ),
    ("tests", &["types", "core", "proto", "plate", "store", "access", "fuzzing"]),
    ("fuzzing", &["types", "core", "proto", "media", "vision", "store"]),
];

/// Foreign libraries and the only crates that may name them: the fences.
const FENCES: [(&str, &[&str]); 19] = [
    ("ffmpeg-next", &["media"]),
    ("landlock", &["child"]),
    ("seccompiler", &["child"]),
    ("nvml-wrapper", &["vision"]),
    ("libloading", &["vision"]),
    ("ort", &["vision"]),
    ("half", &["vision"]),
    ("cudarc", &["vision"]),
    ("object_store", &["store"]),
    ("reqwest", &["store", "coordinator", "cli"]),
    ("sqlx", &["coordinator"]),
    ("tokio-rustls", &["access", "coordinator", "tests"]),
    ("hmac", &["access", "coordinator", "tests"]),
    ("axum", &["coordinator"]),
    ("prometheus-client", &["telemetry"]),
    ("opentelemetry-otlp", &["telemetry"]),
    ("opentelemetry_sdk", &["telemetry"]),
    ("clap", &["cli"]),
    ("anyhow", &["cli"]),
];

/// All that core and plate may build on: no clock, no socket, no runtime.
const PURE: [&str; 5] = ["serde", "thiserror", "sha2", "bytemuck", "postcard"];

/// Normal dependencies of every crate of the workspace, by the crate's name without its prefix.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut found = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let needs = package["dependencies"].as_array().unwrap().iter();
        let normal = needs.filter(|dependency| dependency["kind"].is_null());
        let names = normal.map(|dependency| dependency["name"].as_str().unwrap().to_owned());
        found.insert(short(package["name"].as_str().unwrap()).to_owned(), names.collect());
    }
    found
}

fn short(name: &str) -> &str {
    match name {
        "cleanplate" => "cli",
        name => name.strip_prefix("cleanplate-").unwrap_or(name),
    }
}

#[test]
fn every_arrow_points_down() {
    let floors: BTreeMap<&str, &[&str]> = FLOORS.into_iter().collect();
    for (name, needs) in dependencies() {
        let allowed = floors.get(name.as_str()).unwrap_or_else(|| {
            panic!("{name} has no floor yet: say in FLOORS which crates it may know")
        });
        for ours in needs.iter().filter(|need| need.starts_with("cleanplate")) {
            assert!(allowed.contains(&short(ours)), "{name} must not know {ours}");
        }
    }
}

#[test]
fn foreign_libraries_stay_behind_their_fence() {
    let found = dependencies();
    for (library, allowed) in FENCES {
        let named = found.iter().filter(|(_, needs)| needs.contains(library));
        for (name, _) in named {
            assert!(allowed.contains(&name.as_str()), "{name} names {library}");
        }
    }
}

#[test]
fn decisions_and_arithmetic_on_pictures_have_nothing_to_wait_for() {
    let found = dependencies();
    for name in ["core", "plate"] {
        let foreign = found[name].iter().filter(|need| !need.starts_with("cleanplate"));
        for library in foreign {
            assert!(PURE.contains(&library.as_str()), "{name} is pure and names {library}");
        }
    }
}
