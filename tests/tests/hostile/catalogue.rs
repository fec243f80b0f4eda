//! The catalogue: what each hostile request is to meet, and what it met.

use std::fmt;

use tonic::{Code, Status};

/// What a hostile request is to meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// A status.
    Status(Code),
    /// The lease is taken from whoever reports under it.
    Revoked,
    /// No connection that could be spoken on.
    NoConnection,
    /// A problem of this status, over HTTP.
    Http(u16),
}

impl fmt::Display for Wanted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(code) => write!(formatter, "{code:?}"),
            Self::Revoked => formatter.write_str("revoked"),
            Self::NoConnection => formatter.write_str("no connection"),
            Self::Http(status) => write!(formatter, "HTTP {status}"),
        }
    }
}

/// The catalogue, as it was met.
#[derive(Default)]
pub(crate) struct Catalogue {
    met: Vec<(&'static str, String, Wanted, String, bool)>,
}

impl Catalogue {
    pub(crate) fn add<T>(
        &mut self,
        kind: &'static str,
        what: &str,
        code: Code,
        got: Result<T, Status>,
    ) {
        let (said, is_right) = match got {
            Ok(_) => ("LET IN".to_owned(), false),
            Err(status) => {
                (format!("{:?}: {}", status.code(), status.message()), status.code() == code)
            }
        };
        self.met.push((kind, what.to_owned(), Wanted::Status(code), said, is_right));
    }

    pub(crate) fn add_other(
        &mut self,
        kind: &'static str,
        what: &str,
        wanted: Wanted,
        got: (String, bool),
    ) {
        self.met.push((kind, what.to_owned(), wanted, got.0, got.1));
    }

    pub(crate) fn hold(&self, at_least: usize) {
        for (place, (kind, what, wanted, said, is_right)) in (1..).zip(&self.met) {
            let verdict = if *is_right { "refused" } else { "WRONG" };
            let said: String = said.chars().take(110).collect();
            let wanted = wanted.to_string();
            println!("{place:3} {verdict:7} {kind:13} {what:50} {wanted:18} {said}");
        }
        let wrong: Vec<_> = self.met.iter().filter(|met| !met.4).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(self.met.len() >= at_least, "{} requests", self.met.len());
    }
}
