//! Where a test's journal is kept, and what is done to it behind its back.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cleanplate_coordinator::{
    Candidate, Journal, JournalError, PostgresJournal, PostgresOptions, SqliteJournal, StateUrl,
    stand_by,
};
use sqlx::{Connection as _, SqliteConnection};

use crate::postgres::TestPostgres;

/// How long a leader of a test may be silent: for ever, where the test does not say otherwise.
const SILENT: Duration = Duration::from_secs(600);

/// A place for one journal.
#[derive(Debug)]
pub(crate) enum Place {
    Sqlite(tempfile::TempDir),
    Postgres(Database),
}

/// A database of a test.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) server: Arc<TestPostgres>,
    pub(crate) url: String,
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    pub(crate) fn postgres() -> Option<Self> {
        Database::new().map(Self::Postgres)
    }

    fn file(folder: &tempfile::TempDir) -> PathBuf {
        folder.path().join("state/journal.db")
    }

    /// Opens it, as it is found.
    pub(crate) async fn opened(&self) -> Result<Arc<dyn Journal>, JournalError> {
        Ok(match self {
            Self::Sqlite(folder) => Arc::new(SqliteJournal::open(&Self::file(folder)).await?),
            Self::Postgres(database) => Arc::new(database.opened("test").await?),
        })
    }

    /// Opens it and leads. Whoever led it before in this test is gone.
    pub(crate) async fn lead(&self) -> Arc<dyn Journal> {
        if let Self::Postgres(database) = self
            && database.ask("SELECT count(*) FROM pg_tables WHERE tablename = 'leader'") == "1"
        {
            database.silence();
        }
        let journal = self.opened().await.unwrap();
        stand_by(&*journal).await.unwrap();
        journal
    }

    /// Changes what is in it.
    pub(crate) async fn sql(&self, statement: &'static str) {
        match self {
            Self::Sqlite(folder) => {
                let url = format!("sqlite:{}", Self::file(folder).display());
                let mut connection = SqliteConnection::connect(&url).await.unwrap();
                sqlx::query(statement).execute(&mut connection).await.unwrap();
            }
            Self::Postgres(database) => drop(database.ask(statement)),
        }
    }

    /// From here on it takes records but no trail.
    pub(crate) async fn refuse_trails(&self) {
        self.sql(match self {
            Self::Sqlite(_) => {
                "CREATE TRIGGER no BEFORE INSERT ON trail BEGIN SELECT RAISE(ABORT, 'full'); END"
            }
            Self::Postgres(_) => "ALTER TABLE trail ADD CHECK (FALSE) NOT VALID",
        })
        .await;
    }

    /// One byte that is no record, as its statements write it.
    pub(crate) fn one_byte(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "x'ff'",
            Self::Postgres(_) => "'\\xff'",
        }
    }
}

impl Database {
    /// A new one on the server that the tests share; says so where there is none.
    pub(crate) fn new() -> Option<Self> {
        Self::on(TestPostgres::shared())
    }

    pub(crate) fn on(server: Result<Arc<TestPostgres>, String>) -> Option<Self> {
        match server {
            Ok(server) => Some(Self { url: server.database(), server }),
            Err(reason) => {
                println!("skipped: {reason}");
                None
            }
        }
    }

    fn name(&self) -> &str {
        self.url.rsplit('/').next().unwrap()
    }

    pub(crate) fn ask(&self, statement: &str) -> String {
        self.server.ask(self.name(), statement)
    }

    /// As if whoever leads had not been heard for long.
    pub(crate) fn silence(&self) {
        drop(self.ask("UPDATE leader SET renewed_at = '-infinity'"));
    }

    /// Waits until so many statements wait for a lock.
    pub(crate) async fn until_waiting(&self, count: usize) {
        const WAITING: &str = "SELECT count(*) FROM pg_stat_activity \
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let began = Instant::now();
        loop {
            // Apart from this thread, on which the statements are to get on.
            let (server, name) = (Arc::clone(&self.server), self.name().to_owned());
            let asked = tokio::task::spawn_blocking(move || server.ask(&name, WAITING));
            if asked.await.unwrap() == count.to_string() {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{count} statements wait");
        }
    }

    pub(crate) async fn opened(&self, name: &str) -> Result<PostgresJournal, JournalError> {
        self.opened_for(name, SILENT).await
    }

    /// Opens it for one that may be silent for so long.
    pub(crate) async fn opened_for(
        &self,
        name: &str,
        silent: Duration,
    ) -> Result<PostgresJournal, JournalError> {
        Self::opened_at(&self.url, name, silent).await
    }

    /// Opens it by another way.
    pub(crate) async fn opened_at(
        url: &str,
        name: &str,
        silent: Duration,
    ) -> Result<PostgresJournal, JournalError> {
        let candidate = Candidate { name: name.to_owned(), address: format!("http://{name}:7700") };
        let patience = Duration::from_secs(60);
        let options = PostgresOptions { candidate, silent, patience };
        StateUrl::of(url).open_postgres(options).await
    }

    /// Opens it and leads.
    pub(crate) async fn lead(&self, name: &str) -> PostgresJournal {
        let journal = self.opened(name).await.unwrap();
        stand_by(&journal).await.unwrap();
        journal
    }
}
