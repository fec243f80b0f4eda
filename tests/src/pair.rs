//! Two coordinators on one journal in PostgreSQL, of which one leads, with a worker or two.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::cluster::{Cluster, PATIENCE};
use crate::postgres::TestPostgres;

/// How often a log is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A coordinator that leads, and one that stands by.
#[derive(Debug)]
pub struct Pair {
    /// Who led first; the workers are in its charge.
    pub first: Cluster,
    /// Who stood by then.
    pub second: Cluster,
}

impl Pair {
    /// Starts both, and so many workers that know both addresses.
    #[must_use]
    pub fn start(folder: &Path, postgres: &TestPostgres, workers: usize) -> Self {
        let state = postgres.database();
        let mut first = Cluster::start_as("first", folder, &state, &[]);
        first.until("the first leads", |cluster| {
            cluster.said("first").contains("journal restored").then_some(())
        });
        let mut second = Cluster::start_as("second", folder, &state, &[]);
        second.until("the second stands by", |cluster| {
            cluster.said("second").contains("stands by").then_some(())
        });
        let both = format!("{},{}", first.url(), second.url());
        first.tell_of(&both);
        for _ in 0..workers {
            first.start_worker(1);
        }
        first.tell_of(&first.url());
        Self { first, second }
    }

    /// Waits until the second grants a segment; returns how long that took from `since`.
    #[must_use]
    pub fn next_grant(&self, since: Instant) -> Duration {
        let deadline = since + PATIENCE;
        while !self.second.said("second").contains("segment granted") {
            assert!(
                Instant::now() < deadline,
                "no grant\n{}\n{}",
                self.second.logs(),
                self.first.logs()
            );
            std::thread::sleep(LOOK_AGAIN);
        }
        since.elapsed()
    }
}
