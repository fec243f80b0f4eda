//! A slice of `make chaos`: four runs of fixed seeds.

use cleanplate_tests::chaos::series::{LANES, perform};

/// Of all that `make chaos` could begin with.
const SEED: u64 = 1;

/// Runs of the slice.
const SLICE: u64 = 4;

#[test]
fn a_farm_under_drawn_faults_ends_in_its_movie_or_a_typed_failure_and_leaves_nothing() {
    let report = perform(SEED..SEED + SLICE, LANES);
    report.print();
    assert!(report.wrong.is_empty(), "{}", report.wrong.join("\n"));
    let performed = SLICE - report.skipped.len() as u64;
    assert!(report.faults() >= performed, "most faults found their moment");
}
