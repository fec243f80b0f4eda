//! One connection that is made anew whenever it breaks, and the statements that are tried again over it.
//!
//! Owns what is tried again: whatever a restart of the database, a cut line or a held lock can cause, and
//! nothing that would fail the same way again. A statement may have been performed although its answer was lost,
//! so each must be one that may be performed twice. No statement is waited for without a limit, here or there.

use std::fmt;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};

use crate::journal::JournalError;

/// How long making a connection may take.
pub(super) const CONNECTING: Duration = Duration::from_secs(5);

/// How long is waited before a statement is tried again.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

/// How long the answer to a statement may travel, beyond what the database gives it.
const TRAVELLING: Duration = Duration::from_secs(2);

/// What the database does with a connection whose other end is silent: a process that is paused keeps its
/// connection, one whose machine is gone loses it in 11 s.
const KEEPALIVES: [(&str, &str); 4] = [
    ("tcp_keepalives_idle", "5"),
    ("tcp_keepalives_interval", "2"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "10000"),
];

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// A statement, by the database's clock; also waiting for a lock, and doing nothing inside a transaction.
    pub(super) statement: Duration,
    /// Trying again.
    pub(super) patience: Duration,
}

/// How `connect` makes connections on which no statement runs for longer than `statement`.
pub(super) fn limited(connect: PgConnectOptions, statement: Duration) -> PgConnectOptions {
    let millis = statement.as_millis().to_string();
    let limits = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"];
    connect
        .options(limits.map(|limit| (limit, millis.as_str())))
        .options(KEEPALIVES)
        .disable_statement_logging()
}

/// A connection, or why there is none within [`CONNECTING`].
pub(super) async fn connected(connect: &PgConnectOptions) -> sqlx::Result<PgConnection> {
    within(CONNECTING, PgConnection::connect_with(connect)).await
}

/// A statement that may be performed twice.
pub(super) trait Statement: Sync {
    /// What the database says.
    type Answer: Send;

    /// Performs it.
    fn perform(
        &self,
        connection: &mut PgConnection,
    ) -> impl Future<Output = sqlx::Result<Self::Answer>> + Send;
}

/// See the top of the file.
pub(super) struct Session {
    /// The journal's name.
    name: String,
    connect: PgConnectOptions,
    limits: Limits,
    connection: Mutex<Option<PgConnection>>,
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What connects has the password in it.
        formatter.debug_struct("Session").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn new(name: String, connect: PgConnectOptions, limits: Limits) -> Self {
        let connect = limited(connect, limits.statement);
        Self { name, connect, limits, connection: Mutex::new(None) }
    }

    /// Performs a statement, and tries it again while the database is not to be reached.
    ///
    /// # Errors
    /// [`JournalError::Unreachable`] when that has lasted too long, and [`JournalError::Database`].
    pub(super) async fn settle<S: Statement>(
        &self,
        statement: &S,
    ) -> Result<S::Answer, JournalError> {
        let began = Instant::now();
        let mut tries = 0_u32;
        loop {
            let source = match self.perform(statement).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let journal = self.name.clone();
            if !passes(&source) {
                return Err(JournalError::Database { journal, source });
            }
            let tried = began.elapsed();
            if tried >= self.limits.patience {
                return Err(JournalError::Unreachable {
                    journal,
                    tried_secs: tried.as_secs(),
                    source,
                });
            }
            if tries == 0 {
                tracing::warn!(journal, error = %source, "the journal does not answer, it is tried again");
            }
            tries += 1;
            sleep(AGAIN_AFTER).await;
        }
    }

    /// Performs a statement once. A connection over which it failed is not used again: who knows what is still
    /// under way on it.
    async fn perform<S: Statement>(&self, statement: &S) -> sqlx::Result<S::Answer> {
        let mut held = self.connection.lock().await;
        let mut connection = match held.take() {
            Some(connection) => connection,
            None => within(CONNECTING, self.made()).await?,
        };
        let limit = self.limits.statement + TRAVELLING;
        let answer = within(limit, statement.perform(&mut connection)).await?;
        *held = Some(connection);
        Ok(answer)
    }

    async fn made(&self) -> sqlx::Result<PgConnection> {
        let mut connection = PgConnection::connect_with(&self.connect).await?;
        // What is answered must be on a disk, however the database is set up otherwise.
        sqlx::query(
            "SELECT set_config('synchronous_commit', 'on', false) \
             WHERE current_setting('synchronous_commit') = 'off'",
        )
        .execute(&mut connection)
        .await?;
        Ok(connection)
    }

    pub(super) async fn close(&self) {
        if let Some(connection) = self.connection.lock().await.take() {
            // Where it fails, the database notices by itself.
            within(CONNECTING, connection.close()).await.ok();
        }
    }
}

async fn within<T>(
    limit: Duration,
    work: impl Future<Output = sqlx::Result<T>>,
) -> sqlx::Result<T> {
    timeout(limit, work).await.unwrap_or_else(|_late| {
        Err(sqlx::Error::Io(std::io::Error::from(std::io::ErrorKind::TimedOut)))
    })
}

/// A database that just became the first one is read-only for a moment (`read_only_sql_transaction`).
const READ_ONLY: &str = "25006";

/// Whether the same statement may succeed later without anybody changing anything.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the error is not ours; these of its variants pass"
)]
fn passes(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(said) => said.code().is_some_and(|code| {
            // Classes: connections, conflicts between transactions, lacking means but for a full disk, an
            // operator's doings.
            ["08", "40", "57"].iter().any(|class| code.starts_with(class))
                || ["53000", "53200", "53300", "55P03", READ_ONLY].contains(&&*code)
        }),
        _ => false,
    }
}
