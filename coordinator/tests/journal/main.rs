//! What every journal must do, shown on SQLite; and what is SQLite's own: the lock and the versions.

#![expect(clippy::unwrap_used, reason = "helpers of tests end a test by panicking")]

use std::path::Path;

use cleanplate_coordinator::{
    Batch, Journal, JournalError, RECORD_FORMAT, SqliteJournal, TrailLine,
};
use cleanplate_core::outcome::JobOutcome;
use cleanplate_core::record::{Event, Record};
use cleanplate_types::failure::Stage;
use cleanplate_types::ids::{JobId, LeaseId};
use cleanplate_types::time::Tick;
use cleanplate_types::trail::{TrailEntry, TrailEvent};

fn record(at: u64, job: &str, event: Event) -> Record {
    Record { at: Tick(at), job: JobId::parse(job).unwrap(), event }
}

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
    TrailLine { job: JobId::parse(job).unwrap(), lease: LeaseId(lease), entry }
}

async fn open(folder: &Path) -> SqliteJournal {
    SqliteJournal::open(&folder.join("state/journal.db")).await.unwrap()
}

/// Appends two batches and returns what is in them.
async fn filled(journal: &dyn Journal) -> (Vec<Record>, Vec<TrailLine>) {
    let batches = [
        Batch {
            records: vec![stitch(1, "a"), stitch(2, "b"), stitch(2, "a")],
            trails: vec![
                line("a", 1, TrailEvent::Started, "x"),
                line("b", 2, TrailEvent::Failed, ""),
            ],
        },
        Batch {
            records: vec![record(3, "a", Event::Ended(JobOutcome::Cancelled))],
            trails: vec![line("a", u64::MAX, TrailEvent::Fallback, "nvenc -> libx264: 'no'\n")],
        },
    ];
    for batch in &batches {
        journal.append(batch).await.unwrap();
    }
    let [first, second] = batches;
    ([first.records, second.records].concat(), [first.trails, second.trails].concat())
}

/// What every journal must do.
async fn keeps_what_it_is_told(journal: &dyn Journal) {
    assert_eq!(journal.load().await.unwrap(), [], "a new journal is empty");
    let (records, trails) = filled(journal).await;
    assert_eq!(journal.load().await.unwrap(), records, "in the order of their appending");
    let (a, c) = (JobId::parse("a").unwrap(), JobId::parse("c").unwrap());
    let of_a: Vec<_> = records.iter().filter(|one| one.job == a).cloned().collect();
    assert_eq!(journal.records_of(&a).await.unwrap(), of_a);
    let of_a: Vec<_> = trails.iter().filter(|one| one.job == a).cloned().collect();
    assert_eq!(journal.trails_of(&a).await.unwrap(), of_a);
    assert_eq!(journal.records_of(&c).await.unwrap(), []);
    assert_eq!(journal.trails_of(&c).await.unwrap(), []);
    assert_eq!(journal.fallbacks().await.unwrap(), &trails[2..]);
    journal.append(&Batch::default()).await.unwrap();
    assert_eq!(journal.load().await.unwrap(), records, "an empty batch adds nothing");
}

/// A forgotten job takes what is known of it along, but for its last lease.
async fn forgets_a_forgotten_job(journal: &dyn Journal) {
    let a = JobId::parse("a").unwrap();
    filled(journal).await;
    let forgotten = record(4, "a", Event::Forgotten);
    let again = stitch(5, "a");
    let batch = Batch {
        records: vec![forgotten.clone(), again.clone()],
        trails: vec![line("a", 5, TrailEvent::Started, "x")],
    };
    journal.append(&batch).await.unwrap();
    let left = [stitch(2, "b"), stitch(2, "a"), forgotten, again];
    assert_eq!(journal.load().await.unwrap(), left, "of a forgotten job its last lease stays");
    assert_eq!(journal.trails_of(&a).await.unwrap(), batch.trails);
    assert_eq!(journal.fallbacks().await.unwrap(), []);
}

#[tokio::test]
async fn a_journal_in_sqlite_keeps_what_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    keeps_what_it_is_told(&open(folder.path()).await).await;
}

#[tokio::test]
async fn a_journal_in_sqlite_forgets_a_forgotten_job() {
    let folder = tempfile::tempdir().unwrap();
    forgets_a_forgotten_job(&open(folder.path()).await).await;
}

#[tokio::test]
async fn what_was_appended_is_there_after_the_process_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path()).await;
    let (records, _) = filled(&journal).await;
    // Not closed: a kill closes nothing either.
    drop(journal);
    assert_eq!(open(folder.path()).await.load().await.unwrap(), records);
}

#[tokio::test]
async fn a_second_coordinator_on_the_same_journal_is_refused_until_the_first_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path()).await;
    let path = folder.path().join("state/journal.db");
    let error = SqliteJournal::open(&path).await.unwrap_err();
    assert!(matches!(error, JournalError::InUse { .. }), "{error}");
    assert!(error.to_string().contains("--state"), "{error}");
    drop(first);
    open(folder.path()).await;
}

#[tokio::test]
async fn a_batch_that_cannot_be_written_leaves_nothing_of_itself() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path()).await;
    let (records, _) = filled(&journal).await;
    let path = folder.path().join("state/journal.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    // From here on the database takes records but no trail.
    sqlx::query("CREATE TRIGGER no BEFORE INSERT ON trail BEGIN SELECT RAISE(ABORT, 'full'); END")
        .execute(&pool)
        .await
        .unwrap();
    let batch = Batch {
        records: vec![stitch(9, "a")],
        trails: vec![line("a", 9, TrailEvent::Started, "x")],
    };
    let error = journal.append(&batch).await.unwrap_err();
    assert!(error.to_string().contains("journal.db"), "{error}");
    assert_eq!(journal.load().await.unwrap(), records);
}

#[tokio::test]
async fn a_journal_of_a_newer_version_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path()).await;
    filled(&journal).await;
    let path = folder.path().join("state/journal.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    sqlx::query("UPDATE record SET format = 99 WHERE seq = 2").execute(&pool).await.unwrap();
    let error = journal.load().await.unwrap_err();
    assert!(matches!(error, JournalError::Newer { found: 99, .. }), "{error}");
    let old = "UPDATE record SET format = 1, body = x'ff' WHERE seq = 2";
    sqlx::query(old).execute(&pool).await.unwrap();
    let error = journal.load().await.unwrap_err();
    assert!(matches!(error, JournalError::Older { found: 1, .. }), "{error}");
    let current = "UPDATE record SET format = ?, body = x'ff'";
    sqlx::query(current).bind(RECORD_FORMAT).execute(&pool).await.unwrap();
    let error = journal.load().await.unwrap_err();
    assert!(matches!(error, JournalError::Damaged { seq: 1, .. }), "{error}");
}

#[tokio::test]
async fn a_state_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("state"), b"a file").unwrap();
    let path = folder.path().join("state/journal.db");
    let error = SqliteJournal::open(&path).await.unwrap_err();
    assert!(matches!(error, JournalError::Folder { .. }), "{error}");
}
