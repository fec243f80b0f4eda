//! `make torture`: runs drawn by seed over the torture set, with kills.
//!
//! `RUNS` says how many (200 by default), `SEED` the first seed (each run has the next one), `KIND` a
//! kind of clip or several, divided by commas. `RUNS=0` performs every kind in every container once,
//! without kills, and asks for entries of the list of known shortfalls that nothing needs. Prints what went
//! wrong with the command that replays it; exits with 1 where anything did.

use std::process::ExitCode;

use cleanplate_tests::torture::draw::Draw;
use cleanplate_tests::torture::kind::Kind;
use cleanplate_tests::torture::series::{LANES, Report, perform};
use cleanplate_tests::torture::{kinds, known};

fn main() -> ExitCode {
    let number = |name: &str, or: u64| {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(or)
    };
    let wanted = std::env::var("KIND").unwrap_or_default();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.split(',').any(|one| one == name);
    let chosen: Vec<&'static Kind> =
        kinds::all().into_iter().filter(|kind| is_wanted(kind.name)).collect();
    assert!(!chosen.is_empty(), "no kind is called `{wanted}`");
    let (runs, seed) = (number("RUNS", 200), number("SEED", 1));
    let is_whole = runs == 0;
    let draws: Vec<Draw> = if is_whole {
        chosen.iter().flat_map(|kind| Draw::all_of_kind(seed, kind)).collect()
    } else {
        (seed..seed + runs).map(|seed| Draw::from_seed(seed, &chosen)).collect()
    };
    println!("{} runs over {} kinds of clips, seed {seed}", draws.len(), chosen.len());
    let only = if wanted.is_empty() { String::new() } else { format!(" KIND={wanted}") };
    let report = perform(&draws, number("LANES", LANES), only);
    report.print();
    let is_mended = is_whole && wanted.is_empty() && mended(&report);
    if report.mismatches.is_empty() && !is_mended { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Names the entries of the list that explained nothing.
fn mended(report: &Report) -> bool {
    let unseen: Vec<_> = known::KNOWN
        .iter()
        .filter(|known| !known.sometimes && !report.shortfalls.contains_key(known))
        .collect();
    for known in &unseen {
        println!("mended, take it out of the list: {} ({})", known.bug, known.kind);
    }
    !unseen.is_empty()
}
