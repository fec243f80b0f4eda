//! The journal in one SQLite file: nothing to start, nothing to set up.
//!
//! WAL with `synchronous=FULL`: a commit that has returned survives a power failure. One coordinator
//! at a time: a lock on `FILE.lock`, which the system gives up when the process dies, however it dies. So
//! whoever has it open leads.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use cleanplate_core::record::{Event, Record};
use cleanplate_types::ids::JobId;
use cleanplate_types::trail::TrailEvent;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{QueryBuilder, Sqlite, Transaction};
use tokio::sync::watch;

use crate::journal::leadership::{Epoch, Leadership, Standing};
use crate::journal::rows::{RecordRow, TrailRow};
use crate::journal::{Batch, Journal, JournalError, RECORD_FORMAT, TrailLine, format};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// Connections: one writes, the others answer clients.
const CONNECTIONS_MAX: u32 = 4;

/// How long a statement waits for another connection's lock before it fails.
const BUSY_WAIT: Duration = Duration::from_secs(10);

/// A journal in an SQLite file.
#[derive(Debug)]
pub struct SqliteJournal {
    /// What it is called: its path.
    name: String,
    pool: SqlitePool,
    /// Held for as long as the journal is open.
    lock: File,
    /// Never changes.
    standing: watch::Sender<Standing>,
}

impl SqliteJournal {
    /// Opens the journal at `path`, making it and its folder where they are missing.
    ///
    /// # Errors
    /// [`JournalError`] says whether the place, another coordinator or the content is the reason.
    pub async fn open(path: &Path) -> Result<Self, JournalError> {
        let (lock, path) = lock(path)?;
        let path = path.as_path();
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_WAIT);
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .connect_with(options)
            .await
            .map_err(|source| JournalError::Database { journal: name_of(path), source })?;
        MIGRATIONS.run(&pool).await.map_err(|error| not_prepared(path, error))?;
        let (standing, _) = watch::channel(Standing::Leads(ONLY));
        Ok(Self { name: name_of(path), pool, lock, standing })
    }

    /// Gives the lock up at once: closing the file alone would leave it to a child process that is
    /// just being started, until that has closed its copy.
    fn unlock(&self) {
        // Where it fails, the end of this process does it.
        self.lock.unlock().ok();
    }

    fn failed(&self, source: sqlx::Error) -> JournalError {
        JournalError::Database { journal: self.name.clone(), source }
    }

    fn records(&self, rows: Vec<RecordRow>) -> Result<Vec<Record>, JournalError> {
        rows.into_iter().map(|row| row.read(&self.name)).collect()
    }

    fn lines(&self, rows: Vec<TrailRow>) -> Result<Vec<TrailLine>, JournalError> {
        rows.into_iter().map(|row| row.read(&self.name)).collect()
    }
}

/// Whoever has the file's lock leads, for as long as the file is open.
const ONLY: Epoch = Epoch(1);

#[async_trait::async_trait]
impl Leadership for SqliteJournal {
    async fn take(&self) -> Result<Standing, JournalError> {
        Ok(Standing::Leads(ONLY))
    }

    async fn renew(&self) -> Result<(), JournalError> {
        Ok(())
    }

    async fn resign(&self) -> Result<(), JournalError> {
        Ok(())
    }

    fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    fn pace(&self) -> Duration {
        // Nothing ever changes.
        Duration::from_secs(3600)
    }
}

#[async_trait::async_trait]
impl Journal for SqliteJournal {
    async fn load(&self) -> Result<Vec<Record>, JournalError> {
        let rows = sqlx::query_as("SELECT seq, format, body FROM record ORDER BY seq")
            .fetch_all(&self.pool)
            .await
            .map_err(|error| self.failed(error))?;
        self.records(rows)
    }

    async fn append(&self, batch: &Batch) -> Result<(), JournalError> {
        let mut rows = Vec::with_capacity(batch.records.len());
        for record in &batch.records {
            let body = format::to_bytes(record)
                .map_err(|source| JournalError::Unwritable { job: record.job.clone(), source })?;
            rows.push((record, body));
        }
        let written = async {
            let mut transaction = self.pool.begin().await?;
            // What is forgotten takes what was written before along, so it ends a run.
            for run in rows.chunk_by(|(record, _), _| record.event != Event::Forgotten) {
                for rows in run.chunks(ROWS_MAX) {
                    insert_records(&mut transaction, rows).await?;
                }
                if let Some((record, _)) = run.last().filter(|(it, _)| it.event == Event::Forgotten)
                {
                    purge(&mut transaction, &record.job).await?;
                }
            }
            for lines in batch.trails.chunks(ROWS_MAX) {
                insert_trails(&mut transaction, lines).await?;
            }
            transaction.commit().await
        };
        written.await.map_err(|error| self.failed(error))
    }

    async fn records_of(&self, job: &JobId) -> Result<Vec<Record>, JournalError> {
        let rows =
            sqlx::query_as("SELECT seq, format, body FROM record WHERE job = ? ORDER BY seq")
                .bind(job.as_str())
                .fetch_all(&self.pool)
                .await
                .map_err(|error| self.failed(error))?;
        self.records(rows)
    }

    async fn trails_of(&self, job: &JobId) -> Result<Vec<TrailLine>, JournalError> {
        let rows = sqlx::query_as("SELECT * FROM trail WHERE job = ? ORDER BY seq")
            .bind(job.as_str())
            .fetch_all(&self.pool)
            .await
            .map_err(|error| self.failed(error))?;
        self.lines(rows)
    }

    async fn fallbacks(&self) -> Result<Vec<TrailLine>, JournalError> {
        let rows = sqlx::query_as("SELECT * FROM trail WHERE event = ? ORDER BY seq")
            .bind(TrailEvent::Fallback.as_str())
            .fetch_all(&self.pool)
            .await
            .map_err(|error| self.failed(error))?;
        self.lines(rows)
    }

    async fn store_named(&self) -> Result<Option<String>, JournalError> {
        sqlx::query_scalar("SELECT farm FROM store")
            .fetch_optional(&self.pool)
            .await
            .map_err(|error| self.failed(error))
    }

    async fn name_store(&self, farm: &str) -> Result<(), JournalError> {
        let name = "INSERT INTO store (one, farm) VALUES (1, ?) ON CONFLICT DO UPDATE SET farm = excluded.farm";
        let named = sqlx::query(name).bind(farm).execute(&self.pool).await;
        named.map(drop).map_err(|error| self.failed(error))
    }

    async fn close(&self) {
        self.pool.close().await;
        self.unlock();
    }
}

impl Drop for SqliteJournal {
    fn drop(&mut self) {
        self.unlock();
    }
}

/// Rows that one statement inserts, at most: each statement costs a way to the database's own thread and back.
const ROWS_MAX: usize = 64;

async fn insert_records(
    transaction: &mut Transaction<'_, Sqlite>,
    rows: &[(&Record, Vec<u8>)],
) -> sqlx::Result<()> {
    let mut insert =
        QueryBuilder::<Sqlite>::new("INSERT INTO record (job, at_ms, kind, format, body) ");
    insert.push_values(rows, |mut row, (record, body)| {
        row.push_bind(record.job.as_str())
            .push_bind(record.at.0.cast_signed())
            .push_bind(format::kind(&record.event))
            .push_bind(RECORD_FORMAT)
            .push_bind(body.as_slice());
    });
    insert.build().execute(&mut **transaction).await.map(drop)
}

async fn insert_trails(
    transaction: &mut Transaction<'_, Sqlite>,
    lines: &[TrailLine],
) -> sqlx::Result<()> {
    let mut insert = QueryBuilder::<Sqlite>::new(
        "INSERT INTO trail (job, lease, at_ms, stage, event, detail, count) ",
    );
    insert.push_values(lines, |mut row, TrailLine { job, lease, entry }| {
        row.push_bind(job.as_str())
            .push_bind(lease.0.cast_signed())
            .push_bind(entry.at_ms.cast_signed())
            .push_bind(entry.stage.as_str())
            .push_bind(entry.event.as_str())
            .push_bind(entry.detail.as_str())
            .push_bind(entry.count.map(u64::cast_signed));
    });
    insert.build().execute(&mut **transaction).await.map(drop)
}

/// Deletes what is known of a forgotten job, but for two records: that it was forgotten, and its last
/// lease, since no lease's number may be given twice.
async fn purge(transaction: &mut Transaction<'_, Sqlite>, job: &JobId) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM trail WHERE job = ?")
        .bind(job.as_str())
        .execute(&mut **transaction)
        .await?;
    sqlx::query(
        "DELETE FROM record WHERE job = ?1 \
         AND seq < (SELECT max(seq) FROM record WHERE job = ?1) \
         AND seq IS NOT (SELECT max(seq) FROM record WHERE job = ?1 AND kind IN ('leased', 'stitch_started'))",
    )
    .bind(job.as_str())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn name_of(path: &Path) -> String {
    path.display().to_string()
}

/// Takes the lock beside the journal: the system frees it when this process ends. Returns it with the file's own
/// path, links followed: two ways to one file have one lock.
fn lock(path: &Path) -> Result<(File, PathBuf), JournalError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    let unwritable = |source| JournalError::Folder { path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(unwritable)?;
    let opened = |path: &Path| {
        File::options().create(true).truncate(false).write(true).open(path).map_err(unwritable)
    };
    // An empty file is an empty journal; what is not there has no path of its own.
    drop(opened(path)?);
    let path = path.canonicalize().map_err(unwritable)?;
    let mut name = path.clone().into_os_string();
    name.push(".lock");
    let file = opened(Path::new(&name))?;
    match file.try_lock() {
        Ok(()) => Ok((file, path)),
        Err(TryLockError::WouldBlock) => Err(JournalError::InUse { journal: name_of(&path) }),
        Err(TryLockError::Error(source)) => Err(unwritable(source)),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the error is not ours; one of its variants means something here"
)]
fn not_prepared(path: &Path, error: MigrateError) -> JournalError {
    let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    match error {
        MigrateError::VersionMissing(found) => {
            JournalError::Newer { journal: name_of(path), found, known }
        }
        other => JournalError::Tables { journal: name_of(path), source: Box::new(other) },
    }
}
