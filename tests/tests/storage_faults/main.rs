//! Storage that fails in every way that we could think of, at every step of a job: each time the movie comes out byte
//! for byte, or a failure with a kind and a reason; and never anything else under the movie's name.
//!
//! The server is a real one; what goes wrong between it and the product is `cleanplate_tests::meddler`'s doing. Prints
//! each fault with its end.

mod faults;
mod scene;

use std::io::Write as _;

use crate::faults::{Wanted, faults};
use crate::scene::Scene;

/// What is played without `FAULT=all` or a part of a name.
const ONE_OF_EACH: [&str; 6] = [
    "intake: the source's bodies are cut",
    "intake: the source is throttled and says for how long",
    "upload: a piece arrives falsified",
    "stitch: a part is read falsified",
    "movie: a piece arrives falsified",
    "publish: the answer is lost",
];

#[test]
fn whatever_storage_does_a_job_ends_in_the_exact_movie_or_in_a_typed_failure() {
    let mut scene = match Scene::new() {
        Ok(scene) => scene,
        Err(reason) => return println!("skipped: {reason}"),
    };
    // All of them take a quarter of an hour: one of each step is played where no more is asked for.
    let only = std::env::var("FAULT").unwrap_or_default();
    let faults = faults();
    assert!(faults.len() >= 30, "{}", faults.len());
    let is_wanted = |name: &str| match only.as_str() {
        "" => ONE_OF_EACH.contains(&name),
        "all" => true,
        part => name.contains(part),
    };
    let faults: Vec<_> = faults.into_iter().filter(|it| is_wanted(it.name)).collect();
    assert!(!faults.is_empty(), "FAULT={only}: there is no such fault");
    assert!(!only.is_empty() || faults.len() == ONE_OF_EACH.len(), "each of them is there");
    let mut wrong = Vec::new();
    // Past the capture of the harness: the list is what a person reads.
    let mut list = std::io::stderr().lock();
    for (number, fault) in (1..).zip(&faults) {
        let Some(ended) = scene.play(fault) else {
            writeln!(list, "{number:>2} {}: skipped, it cannot be made here", fault.name).ok();
            continue;
        };
        let good = match (&ended.ending, fault.wanted) {
            (Ok(()), Wanted::Exact | Wanted::Either) => true,
            (Err(kind), Wanted::Failure(kinds)) => kinds.contains(&kind.as_str()),
            (Err(_), Wanted::Either) => true,
            (Ok(()), Wanted::Failure(_)) | (Err(_), Wanted::Exact) => false,
        };
        let end = match &ended.ending {
            Ok(()) => "the exact movie".to_owned(),
            Err(kind) => format!("failure {kind}: {}", ended.message),
        };
        let (name, meddled, seconds) = (fault.name, ended.meddled, ended.seconds);
        writeln!(list, "{number:>2} {name}: {end} (meddled {meddled} times, {seconds:.1} s)").ok();
        if !good || meddled == 0 || !ended.wrong.is_empty() {
            wrong.push(format!("{name}: {end}, meddled {meddled} times; {:?}", ended.wrong));
        }
    }
    writeln!(list, "{} faults, {} ended as they should not", faults.len(), wrong.len()).ok();
    assert!(wrong.is_empty(), "{wrong:#?}\n{}", scene.logs());
}
