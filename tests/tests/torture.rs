//! Every kind of the torture set once, in a container and with a cut that a fixed seed draws; and a slice
//! of `make torture`, with kills.

use cleanplate_tests::torture::draw::{Chance, Draw};
use cleanplate_tests::torture::lane::Lane;
use cleanplate_tests::torture::series::{LANES, Report, perform};
use cleanplate_tests::torture::{kinds, real};

/// Of all that `make torture` could begin with.
const SEED: u64 = 20_261_124;

/// Runs of the slice with kills.
const SLICE: u64 = 30;

fn insist(report: &Report) {
    report.print();
    assert!(report.mismatches.is_empty(), "{}", report.mismatches.join("\n"));
}

#[test]
fn every_kind_comes_back_exactly_or_is_refused_or_says_its_damage() {
    let kinds = kinds::all();
    let draws: Vec<Draw> =
        (SEED..).zip(&kinds).map(|(seed, kind)| Draw::of_kind(seed, kind)).collect();
    let report = perform(&draws, LANES, String::new());
    assert!(report.exact > report.runs / 2, "most kinds come back");
    assert!(report.refused > 0 && report.damaged > 0, "some are refused, some are damaged");
    insist(&report);
}

#[test]
fn a_slice_of_the_drawn_runs_survives_its_kills() {
    let kinds = kinds::all();
    let draws: Vec<Draw> = (SEED..SEED + SLICE).map(|seed| Draw::from_seed(seed, &kinds)).collect();
    let report = perform(&draws, LANES, String::new());
    assert!(report.kills > 0, "somebody was killed");
    insist(&report);
}

#[test]
fn real_files_that_break_tools_become_what_is_written_of_them() {
    let from = real::folder();
    if !from.is_dir() {
        println!("skipped: {} is not there", from.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut lane = Lane::new(folder.path().to_owned());
    let mut chance = Chance::new(SEED);
    let mut checked = 0;
    let mut wrong = Vec::new();
    for (name, container, outcome) in real::FILES {
        let source = from.join(name);
        if !source.is_file() {
            println!("skipped: {name} is not there");
            continue;
        }
        checked += 1;
        let found = real::perform(&mut lane, &mut chance, &source, container, *outcome);
        if !found.is_empty() {
            wrong.push(format!("{name} -> {container}: {}", found.join("; ")));
        }
    }
    println!("{checked} real files");
    assert!(checked > 0, "{} has files", from.display());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn kinds_have_names_of_their_own_and_say_what_is_hard() {
    let kinds = kinds::all();
    assert!(kinds.len() >= 45, "{} kinds", kinds.len());
    for (place, kind) in kinds.iter().enumerate() {
        assert!(!kind.trap.is_empty() && !kind.outputs.is_empty(), "{}", kind.name);
        let twin = kinds[..place].iter().any(|other| other.name == kind.name);
        assert!(!twin, "two kinds are called {}", kind.name);
    }
}

#[test]
fn a_seed_draws_the_same_run_each_time() {
    let kinds = kinds::all();
    for seed in 1..200 {
        let (one, other) = (Draw::from_seed(seed, &kinds), Draw::from_seed(seed, &kinds));
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
    }
}
