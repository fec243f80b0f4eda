//! What every journal must do, shown on SQLite and on PostgreSQL by the same tests; and what is one's own: the
//! lock of a file, the lead of a database, and what happens when that is started again.

#![expect(clippy::unwrap_used, reason = "helpers of tests end a test by panicking")]
#![expect(clippy::print_stdout, reason = "a test that is skipped says so")]

mod contract;
mod leads;
mod migrations;
mod place;
#[path = "../../../tests/src/postgres.rs"]
#[expect(unreachable_pub, reason = "it is public where it lives")]
mod postgres;
mod proxy;
mod restarts;
mod sqlite;

use cleanplate_coordinator::{Batch, TrailLine};
use cleanplate_core::record::{Event, Record};
use cleanplate_types::failure::Stage;
use cleanplate_types::ids::{JobId, LeaseId};
use cleanplate_types::time::Tick;
use cleanplate_types::trail::{TrailEntry, TrailEvent};

fn job(name: &str) -> JobId {
    JobId::parse(name).unwrap()
}

fn record(at: u64, job: &str, event: Event) -> Record {
    Record { at: Tick(at), job: self::job(job), event }
}

/// A record that gives a lease its number.
fn stitch(at: u64, job: &str) -> Record {
    record(at, job, Event::StitchStarted { lease: LeaseId(at) })
}

fn line(job: &str, lease: u64, event: TrailEvent, detail: &str) -> TrailLine {
    let entry = TrailEntry {
        at_ms: 7,
        stage: Stage::Encode,
        event,
        detail: detail.to_owned(),
        count: Some(u64::MAX),
    };
    TrailLine { job: self::job(job), lease: LeaseId(lease), entry }
}

/// A batch of one record.
fn one(at: u64) -> Batch {
    Batch { records: vec![stitch(at, "a")], trails: Vec::new() }
}

/// When the records were made.
fn times(records: &[Record]) -> Vec<u64> {
    records.iter().map(|record| record.at.0).collect()
}
