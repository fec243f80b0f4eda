//! The journal in a PostgreSQL database: several coordinators may share it, of which one leads.
//!
//! Every write is one statement that checks the epoch with the row of the lead locked (`statements.rs`), so a
//! coordinator that is paused between two statements holds nothing, and one that wakes up deposed writes nothing.
//! Batches are numbered: one whose answer was lost is sent again until it is known to be there once. A
//! connection that breaks is made anew (`session.rs`). Refuses databases that would lose or change what they are
//! given, and any statement of two parts.

mod session;
mod statements;

use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use cleanplate_core::record::Record;
use cleanplate_types::ids::JobId;
use cleanplate_types::trail::TrailEvent;
use sqlx::Connection as _;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tokio::sync::{Mutex, watch};

use crate::journal::leadership::{Candidate, Epoch, Leader, Leadership, Standing};
use crate::journal::postgres::session::{Limits, Session};
use crate::journal::postgres::statements::{
    Append, Appended, NameStore, Renew, Resign, Take, WhoLeads,
};
use crate::journal::rows::{Columns, RecordRow, TrailRow};
use crate::journal::{Batch, Journal, JournalError, TrailLine};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// Connections that answer clients; two more write and renew.
const READERS_MAX: u32 = 4;

/// How long reading may take: a whole journal of a year is read at a start.
const READING: Duration = Duration::from_secs(300);

/// How a journal in PostgreSQL is used.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// Who would lead.
    pub candidate: Candidate,
    /// A leader that was silent for so long is deposed. It renews five times in that span.
    pub silent: Duration,
    /// For so long a database that does not answer is tried again, before the coordinator gives up.
    pub patience: Duration,
}

impl PostgresOptions {
    /// With 5 s of silence and a minute of patience: a failover takes 6 s, and a restart of the database passes
    /// unnoticed.
    #[must_use]
    pub const fn of(candidate: Candidate) -> Self {
        let (silent, patience) = (Duration::from_secs(5), Duration::from_secs(60));
        Self { candidate, silent, patience }
    }
}

/// A journal in a PostgreSQL database.
pub struct PostgresJournal {
    /// What it is called, without a password.
    name: String,
    holder: String,
    address: String,
    silent: Duration,
    readers: PgPool,
    writer: Session,
    renewer: Session,
    /// The number of the next batch; held while one is written, so that they are written in order.
    next: Mutex<i64>,
    standing: watch::Sender<Standing>,
}

impl fmt::Debug for PostgresJournal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What connects has the password in it.
        let standing = self.standing.borrow().clone();
        formatter
            .debug_struct("PostgresJournal")
            .field("name", &self.name)
            .field("holder", &self.holder)
            .field("standing", &standing)
            .finish_non_exhaustive()
    }
}

impl PostgresJournal {
    /// Opens the journal that is called `name` and reached by `connect`; makes its tables where they are missing.
    /// It neither leads nor writes before [`Leadership::take`].
    ///
    /// # Errors
    /// [`JournalError`] says whether the database, its kind or the content is the reason.
    pub(super) async fn open(
        name: String,
        connect: PgConnectOptions,
        options: PostgresOptions,
    ) -> Result<Self, JournalError> {
        let PostgresOptions { candidate, silent, patience } = options;
        let failed = |source| JournalError::Database { journal: name.clone(), source };
        let reading = session::limited(connect.clone(), READING);
        let mut first = session::connected(&reading).await.map_err(failed)?;
        let wanting = statements::wanting(&mut first).await.map_err(failed)?;
        if let Some(why) = wanting {
            return Err(JournalError::Unsuitable { journal: name, why });
        }
        MIGRATIONS.run(&mut first).await.map_err(|error| not_prepared(&name, error))?;
        first.close().await.map_err(failed)?;
        let readers = PgPoolOptions::new()
            .max_connections(READERS_MAX)
            .acquire_timeout(session::CONNECTING)
            .connect_lazy_with(reading);
        // Half of the silence: whoever is to follow waits for a statement that is under way no longer than that.
        let limits = Limits { statement: silent / 2, patience };
        let session = || Session::new(name.clone(), connect.clone(), limits);
        let (standing, _) = watch::channel(Standing::StandsBy(None));
        Ok(Self {
            holder: format!("{}/{:08x}", candidate.name, nonce()),
            address: candidate.address,
            silent,
            readers,
            writer: session(),
            renewer: session(),
            next: Mutex::new(1),
            standing,
            name,
        })
    }

    fn failed(&self, source: sqlx::Error) -> JournalError {
        JournalError::Database { journal: self.name.clone(), source }
    }

    fn stands(&self, standing: Standing) {
        self.standing.send_if_modified(|it| {
            let changed = *it != standing;
            *it = standing;
            changed
        });
    }

    async fn who_leads(&self, session: &Session) -> Result<Option<Leader>, JournalError> {
        session.settle(&WhoLeads).await
    }

    /// Takes note that another lead is current than the one of `epoch`, and says so.
    async fn deposed(&self, session: &Session, epoch: Epoch) -> Result<JournalError, JournalError> {
        let leader = self.who_leads(session).await?;
        let deposed = leader.clone().map_or_else(
            || JournalError::Deposed { epoch, by: String::new(), address: String::new() },
            |Leader { epoch, holder, address }| JournalError::Deposed {
                epoch,
                by: holder,
                address,
            },
        );
        self.stands(Standing::StandsBy(leader));
        Ok(deposed)
    }

    fn leads(&self) -> Result<Epoch, JournalError> {
        self.epoch().ok_or_else(|| JournalError::NotLeading { journal: self.name.clone() })
    }

    fn lines(&self, rows: Vec<TrailRow>) -> Result<Vec<TrailLine>, JournalError> {
        rows.into_iter().map(|row| row.read(&self.name)).collect()
    }
}

#[async_trait::async_trait]
impl Leadership for PostgresJournal {
    async fn take(&self) -> Result<Standing, JournalError> {
        if let Some(epoch) = self.epoch() {
            return Ok(Standing::Leads(epoch));
        }
        let (holder, address, silent) = (&self.holder, &self.address, self.silent);
        let taken = self.renewer.settle(&Take { holder, address, silent }).await?;
        let standing = match taken {
            Some(epoch) => Standing::Leads(epoch),
            // Nobody else has this name: it was taken, and the answer was lost.
            None => match self.who_leads(&self.renewer).await? {
                Some(leader) if leader.holder == self.holder => Standing::Leads(leader.epoch),
                leader => Standing::StandsBy(leader),
            },
        };
        self.stands(standing.clone());
        Ok(standing)
    }

    async fn renew(&self) -> Result<(), JournalError> {
        let epoch = self.leads()?;
        if self.renewer.settle(&Renew { epoch }).await? {
            return Ok(());
        }
        Err(self.deposed(&self.renewer, epoch).await?)
    }

    async fn resign(&self) -> Result<(), JournalError> {
        let Some(epoch) = self.epoch() else { return Ok(()) };
        self.renewer.settle(&Resign { epoch }).await?;
        self.stands(Standing::StandsBy(None));
        Ok(())
    }

    fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    fn pace(&self) -> Duration {
        self.silent / 5
    }
}

#[async_trait::async_trait]
impl Journal for PostgresJournal {
    async fn load(&self) -> Result<Vec<Record>, JournalError> {
        let rows: Vec<RecordRow> =
            sqlx::query_as("SELECT seq, format, body FROM record ORDER BY seq")
                .fetch_all(&self.readers)
                .await
                .map_err(|error| self.failed(error))?;
        rows.into_iter().map(|row| row.read(&self.name)).collect()
    }

    async fn append(&self, batch: &Batch) -> Result<(), JournalError> {
        if batch.is_empty() {
            return Ok(());
        }
        let columns = Columns::of(batch)?;
        let mut next = self.next.lock().await;
        let epoch = self.leads()?;
        let number = *next;
        *next += 1;
        match self.writer.settle(&Append { epoch, number, columns: &columns }).await? {
            Appended::Written | Appended::WrittenBefore => Ok(()),
            Appended::Deposed => Err(self.deposed(&self.writer, epoch).await?),
        }
    }

    async fn records_of(&self, job: &JobId) -> Result<Vec<Record>, JournalError> {
        let rows: Vec<RecordRow> =
            sqlx::query_as("SELECT seq, format, body FROM record WHERE job = $1 ORDER BY seq")
                .bind(job.as_str())
                .fetch_all(&self.readers)
                .await
                .map_err(|error| self.failed(error))?;
        rows.into_iter().map(|row| row.read(&self.name)).collect()
    }

    async fn trails_of(&self, job: &JobId) -> Result<Vec<TrailLine>, JournalError> {
        let rows = sqlx::query_as("SELECT * FROM trail WHERE job = $1 ORDER BY seq")
            .bind(job.as_str())
            .fetch_all(&self.readers)
            .await
            .map_err(|error| self.failed(error))?;
        self.lines(rows)
    }

    async fn fallbacks(&self) -> Result<Vec<TrailLine>, JournalError> {
        let rows = sqlx::query_as("SELECT * FROM trail WHERE event = $1 ORDER BY seq")
            .bind(TrailEvent::Fallback.as_str())
            .fetch_all(&self.readers)
            .await
            .map_err(|error| self.failed(error))?;
        self.lines(rows)
    }

    async fn store_named(&self) -> Result<Option<String>, JournalError> {
        sqlx::query_scalar("SELECT farm FROM store")
            .fetch_optional(&self.readers)
            .await
            .map_err(|error| self.failed(error))
    }

    async fn name_store(&self, farm: &str) -> Result<(), JournalError> {
        let epoch = self.leads()?;
        if self.writer.settle(&NameStore { epoch, farm }).await? {
            return Ok(());
        }
        Err(self.deposed(&self.writer, epoch).await?)
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
        self.renewer.close().await;
    }
}

/// What no other process has: each `RandomState` is seeded anew.
fn nonce() -> u64 {
    RandomState::new().build_hasher().finish() & 0xffff_ffff
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the error is not ours; one of its variants means something here"
)]
fn not_prepared(name: &str, error: MigrateError) -> JournalError {
    let journal = name.to_owned();
    let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    match error {
        MigrateError::VersionMissing(found) => JournalError::Newer { journal, found, known },
        other => JournalError::Tables { journal, source: Box::new(other) },
    }
}
