//! The simulation: the real scheduler, by seed, among model workers and a net that fail in every way.
//!
//! A failure prints `SEED=…`; `SEED=… cargo test -p cleanplate-core --test sim` replays it.

#[cfg(test)]
mod chaos;
#[cfg(test)]
mod checkers;
#[cfg(test)]
mod clock;
#[cfg(test)]
mod net;
#[cfg(test)]
mod outside;
#[cfg(test)]
mod random;
#[cfg(test)]
#[path = "../../src/samples.rs"]
mod samples;
#[cfg(test)]
mod trace;
#[cfg(test)]
mod truth;
#[cfg(test)]
mod workers;
#[cfg(test)]
mod world;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::collections::hash_map::RandomState;
    use std::hash::{BuildHasher as _, Hasher as _};

    use cleanplate_core::record::Record;

    use crate::checkers::{Counts, name};
    use crate::world::{Size, World};

    /// The seeds that every run tries.
    const SEEDS: u64 = 300;

    /// Says how to replay a seed whose checks fail.
    struct Replay(u64);

    impl Drop for Replay {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("replay: SEED={} cargo test -p cleanplate-core --test sim", self.0);
            }
        }
    }

    fn run(seed: u64, traced: bool) -> World {
        let _replay = Replay(seed);
        let mut world = World::new(seed, Size::SMALL);
        world.trace.on = traced;
        world.run();
        world
    }

    fn seeds() -> Vec<u64> {
        if let Ok(seed) = std::env::var("SEED") {
            return vec![seed.parse().expect("SEED is a number")];
        }
        let fresh = RandomState::new().build_hasher().finish();
        println!("fresh seed: {fresh}");
        (0..SEEDS).chain([fresh]).collect()
    }

    #[test]
    fn every_job_ends_with_every_frame_once_whatever_goes_wrong() {
        let mut counts = Counts::new();
        let (mut steps, seeds) = (0, seeds());
        for seed in &seeds {
            let world = run(*seed, false);
            steps += world.steps;
            for (what, count) in world.checkers.counts {
                *counts.entry(what).or_default() += count;
            }
        }
        println!("{} seeds, {steps} steps: {counts:#?}", seeds.len());
        if seeds.len() > 1 {
            for what in HAPPENS {
                assert!(counts.contains_key(what), "{what} happens in no seed");
            }
        }
    }

    #[test]
    fn one_seed_gives_one_trace() {
        for seed in 0..12 {
            let (one, other) = (run(seed, true), run(seed, true));
            assert!(one.trace.lines > 10, "something happens");
            assert_eq!(one.trace, other.trace, "seed {seed}");
        }
        assert_ne!(run(1, true).trace, run(2, true).trace);
    }

    #[test]
    fn every_kind_of_record_comes_back_from_its_bytes() {
        let mut seen = BTreeSet::new();
        for seed in 0..100 {
            for record in run(seed, false).journal {
                let bytes = postcard::to_stdvec(&record).expect("a record has bytes");
                let back: Record = postcard::from_bytes(&bytes).expect("bytes are a record");
                assert_eq!(back, record);
                seen.insert(name(&record.event));
            }
        }
        assert_eq!(seen.len(), EVENTS, "of {seen:?}");
    }

    /// Kinds of events that a record may tell of.
    const EVENTS: usize = 26;

    /// What a world in which things go wrong must show.
    const HAPPENS: [&str; 42] = [
        "gave back",
        "prioritised",
        "drafted",
        "approved",
        "previewed",
        "done",
        "copied",
        "abstained",
        "failed",
        "cancelled",
        "retried",
        "forgotten",
        "retention over",
        "published",
        "cell_committed",
        "part_discarded",
        "retabled",
        "encoder_lost",
        "stitch_failed",
        "lease_lapsed",
        "part_refused",
        "engine_crashed",
        "engine_hung",
        "worker_lacks",
        "store_unavailable",
        "object_lost",
        "source_unavailable",
        "table_mismatch",
        "message lost",
        "name in use",
        "coordinator restarted",
        "restart checked",
        "seam_broken",
        "audits_drawn",
        "audit_done",
        "audit_mismatch",
        "copied",
        "outrun",
        "clock jumped ahead",
        "clock set ahead",
        "clock set back",
        "clock read late",
    ];
}
