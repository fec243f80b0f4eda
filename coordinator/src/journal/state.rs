//! `--state`: what is typed for a journal, and which journal that is. Owns that no password is shown.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::str::FromStr as _;
use std::sync::Arc;

use serde::Deserialize;
use sqlx::postgres::PgConnectOptions;
use url::Url;

use crate::journal::{
    Candidate, Journal, JournalError, PostgresJournal, PostgresOptions, SqliteJournal,
};

/// What stands for a password.
const HIDDEN: &str = "***";

/// What may follow `?` in the URL of a database. The driver warns of anything else and shows it, which may be
/// a password whose key is misspelt.
const PARAMETERS: [&str; 12] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// `sqlite:PATH` or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, or whatever else was typed. Shown without a
/// password, by `Debug` too.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct StateUrl(String);

impl StateUrl {
    /// What was typed; whether it is right is seen when it is opened.
    #[must_use]
    pub fn of(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Opens the journal. `candidate` is who would lead it, where several may.
    ///
    /// # Errors
    /// [`JournalError`]; see [`JournalError::is_usage`].
    pub async fn open(&self, candidate: Candidate) -> Result<Arc<dyn Journal>, JournalError> {
        if let Some(path) = self.0.strip_prefix("sqlite:") {
            // `sqlite:///path` is what other programs write.
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() {
                return Err(JournalError::Unknown { state: self.to_string() });
            }
            return Ok(Arc::new(SqliteJournal::open(Path::new(path)).await?));
        }
        let journal = self.open_postgres(PostgresOptions::of(candidate)).await?;
        Ok(Arc::new(journal))
    }

    /// Opens a journal in PostgreSQL.
    ///
    /// # Errors
    /// [`JournalError`], also where it is none in PostgreSQL.
    pub async fn open_postgres(
        &self,
        options: PostgresOptions,
    ) -> Result<PostgresJournal, JournalError> {
        PostgresJournal::open(self.to_string(), self.database()?, options).await
    }

    fn database(&self) -> Result<PgConnectOptions, JournalError> {
        let state = self.to_string();
        if !["postgres://", "postgresql://"].iter().any(|scheme| self.0.starts_with(scheme)) {
            return Err(JournalError::Unknown { state });
        }
        let wrong = |why| JournalError::Address { state: state.clone(), why };
        let url = Url::parse(&self.0).map_err(|error| {
            wrong(format!(
                "{error}; in a password, write %2F for /, %3F for ?, %23 for # and %40 for @"
            ))
        })?;
        let known = |key: &str| {
            PARAMETERS.contains(&key) || (key.starts_with("options[") && key.ends_with(']'))
        };
        if !url.query_pairs().all(|(key, _)| known(&key)) {
            let known = PARAMETERS.join(", ");
            return Err(wrong(format!("after ? only these are known: {known}")));
        }
        let connect =
            PgConnectOptions::from_str(&self.0).map_err(|error| wrong(error.to_string()))?;
        Ok(match connect.get_application_name() {
            Some(_) => connect,
            None => connect.application_name("cleanplate"),
        })
    }

    /// What was typed, without a password.
    fn shown(&self) -> Cow<'_, str> {
        if self.0.starts_with("sqlite:") {
            return Cow::Borrowed(&self.0);
        }
        let (scheme, rest) = self.0.split_once(':').unwrap_or(("", &self.0));
        // A password that is not escaped may hold any letter: all up to the last `@` is suspect.
        let (user, place) = match rest.rsplit_once('@') {
            Some((secret, place)) => {
                let (user, password) =
                    secret.trim_start_matches('/').split_once(':').unwrap_or((secret, ""));
                let user = user.trim_start_matches('/');
                let hidden = if password.is_empty() { "" } else { ":***" };
                (format!("{user}{hidden}@"), place)
            }
            None => (String::new(), rest.trim_start_matches('/')),
        };
        // So is all that follows `?`, and what looks like settings in words.
        let place = place.split('?').next().unwrap_or_default();
        let place = if place.to_lowercase().contains("password") { HIDDEN } else { place };
        let slashes = if rest.starts_with("//") { "//" } else { "" };
        let colon = if self.0.contains(':') { ":" } else { "" };
        Cow::Owned(format!("{scheme}{colon}{slashes}{user}{place}"))
    }
}

impl JournalError {
    /// Whether what was typed for the journal means nothing, whatever the machine.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::Unknown { .. } | Self::Address { .. })
    }
}

impl fmt::Display for StateUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.shown())
    }
}

impl fmt::Debug for StateUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "StateUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_form_of_an_address_shows_a_password() {
        for (typed, shown) in [
            ("postgres://u:hush@h:5/db", "postgres://u:***@h:5/db"),
            ("postgres://u:hu/sh@h/db", "postgres://u:***@h/db"),
            ("postgres://u:hu?sh@h/db?x=1", "postgres://u:***@h/db"),
            ("postgres://u:hu@sh@h/db", "postgres://u:***@h/db"),
            ("postgres://h/db?user=u&password=hush", "postgres://h/db"),
            ("postgres://u@h/db", "postgres://u@h/db"),
            ("postgress:u:hush@h/db", "postgress:u:***@h/db"),
            ("host=h password=hush", "***"),
            ("sqlite:/a/b.db", "sqlite:/a/b.db"),
            ("journal.db", "journal.db"),
        ] {
            let state = StateUrl::of(typed);
            assert_eq!(state.to_string(), shown, "{typed}");
            assert_eq!(format!("{state:?}"), format!("StateUrl({shown})"));
            if let Err(error) = state.database() {
                let said = format!("{error} {error:?}");
                assert!(!said.contains("hush") && !said.contains("hu?sh"), "{said}");
            }
        }
    }

    #[test]
    fn a_parameter_that_is_not_known_is_refused_and_not_shown() {
        let state = StateUrl::of("postgres://h/db?passwd=hush");
        let said = state.database().unwrap_err().to_string();
        assert!(said.contains("sslmode") && !said.contains("hush"), "{said}");
    }
}
