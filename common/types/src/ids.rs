//! Names of things: jobs, workers, leases, cells. Refuses to mean anything more than identity.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A job, as the coordinator named it: lowercase letters, digits and dashes, safe in keys and URLs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct JobId(String);

/// A worker process on one machine; stays the same when the worker reconnects.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WorkerId(String);

/// What is wrong with a text that should be an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no {what}: 1 to 64 lowercase letters, digits, dots and dashes, no dot or dash first"
)]
pub struct BadId {
    what: &'static str,
    text: String,
}

fn checked(what: &'static str, text: &str) -> Result<String, BadId> {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ok = !text.is_empty()
        && text.len() <= 64
        && text.bytes().next().is_some_and(good)
        && text.bytes().all(|byte| good(byte) || byte == b'-' || byte == b'.');
    if ok { Ok(text.to_owned()) } else { Err(BadId { what, text: text.to_owned() }) }
}

impl JobId {
    /// Takes a text as a job's id.
    ///
    /// # Errors
    /// [`BadId`] where the text could not stand in an object key.
    pub fn parse(text: &str) -> Result<Self, BadId> {
        checked("job id", text).map(Self)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl WorkerId {
    /// Takes a text as a worker's id.
    ///
    /// # Errors
    /// [`BadId`] where the text could not stand in an object key.
    pub fn parse(text: &str) -> Result<Self, BadId> {
        checked("worker id", text).map(Self)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The right to do one piece of work once. Never reused: a result counts only under the lease that
/// is current (invariant 6), and every key that is written under it carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LeaseId(pub u64);

impl fmt::Display for LeaseId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

/// The place of an encode cell in its job, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CellIndex(pub u32);

impl fmt::Display for CellIndex {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_could_leave_its_folder_is_refused() {
        for text in ["", "../x", "a/b", ".", "-a", "A", "a b", &"a".repeat(65)] {
            assert!(JobId::parse(text).is_err(), "{text:?} must be refused");
        }
        assert!(JobId::parse("j-0a.1").is_ok());
    }
}
