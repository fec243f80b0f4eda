//! What can go wrong between us and stored bytes, to which object, and what helps.
//!
//! Every message is lowercase, names the object by its URL or key, and ends with a remedy where a
//! person has one. No secrets: URLs here never carry credentials.

use std::error::Error as _;
use std::io;

use cleanplate_types::digest::Sha;
use cleanplate_types::failure::FailureKind;

use crate::objects::ObjectError;

/// Which of a job's three places a failure concerns: it decides whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The video that is read.
    Source,
    /// The job's store of tables, parts and manifests.
    Store,
    /// The movie's final place.
    Output,
}

/// What went wrong with an object or a place for objects.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL's scheme is none that this build speaks.
    #[error(
        "`{text}`: nothing here speaks `{scheme}://`; give a path, file://, s3://, gs://, az:// or https://"
    )]
    UnknownScheme {
        /// What was given.
        text: String,
        /// Its scheme.
        scheme: String,
    },
    /// The text names no place.
    #[error("`{text}` names no place: {reason}")]
    BadLocation {
        /// What was given.
        text: String,
        /// Why not.
        reason: String,
    },
    /// The settings for the place do not make sense.
    #[error("cannot use {what}: {detail}; check the {} settings", variables(what))]
    BadSettings {
        /// The place.
        what: String,
        /// The library's words.
        detail: String,
    },
    /// The key could leave the store's root, or no store could hold it.
    #[error("`{key}` is no key: {reason}")]
    BadKey {
        /// The key.
        key: String,
        /// Why not.
        reason: String,
    },
    /// There is nothing there.
    #[error("{}", not_found(*side, what))]
    NotFound {
        /// Which place.
        side: Side,
        /// Its URL.
        what: String,
    },
    /// Something is there that is not a file (a folder, a pipe, a device).
    #[error("{what} is {found}, not a file")]
    NotAFile {
        /// Which place.
        side: Side,
        /// Its path.
        what: String,
        /// What it is.
        found: &'static str,
    },
    /// We may not.
    #[error("no permission for {what}: {detail}; {}", permission_remedy(what))]
    Denied {
        /// Which place.
        side: Side,
        /// Its URL.
        what: String,
        /// The system's words.
        detail: String,
    },
    /// The disk is full or a quota is used up.
    #[error("no space left for {what}: {detail}; free some or name another place")]
    Full {
        /// Which place.
        side: Side,
        /// Its URL.
        what: String,
        /// The system's words.
        detail: String,
    },
    /// It did not answer, or not with what was asked, after all retries.
    #[error("{what} is not available: {detail}")]
    Unavailable {
        /// Which place.
        side: Side,
        /// Its URL.
        what: String,
        /// The library's words.
        detail: String,
    },
    /// The source is not the one that the job began with.
    #[error("{what} changed since the job began: it was {pinned}, it is {found}; submit it again")]
    Changed {
        /// Its URL.
        what: String,
        /// The version that the job is pinned to.
        pinned: String,
        /// The version found.
        found: String,
    },
    /// A conditional create found the key taken.
    #[error("{what} exists already")]
    Exists {
        /// Its URL.
        what: String,
    },
    /// The object's bytes are not the ones that were stored.
    #[error("{key} is damaged: expected {expected}, found {found}")]
    Corrupt {
        /// Its key.
        key: String,
        /// Size and hash that were promised.
        expected: Content,
        /// Size and hash (where all of it was read) that were found.
        found: Content,
    },
    /// The object's bytes are as stored, but not what the reader expects.
    #[error("{key} cannot be read: {source}")]
    Undecodable {
        /// Its key.
        key: String,
        /// Why not.
        source: ObjectError,
    },
    /// A value could not be turned into an object.
    #[error("{key} cannot be written: {source}")]
    Unencodable {
        /// Its key.
        key: String,
        /// Why not.
        source: ObjectError,
    },
    /// A write that is neither at the end nor inside the head.
    #[error(
        "{what}: a write of {bytes} bytes at {offset} is neither at the end ({end}) nor in the head"
    )]
    Offset {
        /// The output's URL or key.
        what: String,
        /// Where it was to go.
        offset: u64,
        /// Its size in bytes.
        bytes: u64,
        /// Bytes written so far.
        end: u64,
    },
    /// A web server sends whole files only.
    #[error(
        "{what}: its server does not send parts of a file ({detail}); a video is read in pieces: copy it to a folder \
         or a bucket, or serve it by a server that answers `Range` requests"
    )]
    NoRanges {
        /// Its URL.
        what: String,
        /// What it answered.
        detail: String,
    },
    /// A web server that may not be read from.
    #[error(
        "{what} is not read: {reason}; a server of your own is allowed by the setting storage.private_hosts"
    )]
    Forbidden {
        /// Its URL.
        what: String,
        /// Why not.
        reason: String,
    },
    /// A web server sends us on in a way that is not followed.
    #[error("{what} is not read: {reason}; give the URL at which the file is")]
    Redirected {
        /// Its URL.
        what: String,
        /// Why it is not followed.
        reason: String,
    },
    /// More bytes than a multipart upload can hold.
    #[error("{what} is larger than one upload can be ({limit} bytes); write it to a folder")]
    TooLarge {
        /// The output's URL.
        what: String,
        /// The limit in bytes.
        limit: u64,
    },
}

/// Size and hash of an object, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// Size in bytes.
    pub bytes: u64,
    /// Hash of the bytes, where known.
    pub sha: Option<Sha>,
}

impl std::fmt::Display for Content {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} bytes", self.bytes)?;
        self.sha.map_or(Ok(()), |sha| write!(formatter, " of sha256 {sha}"))
    }
}

impl StoreError {
    /// The kind of failure that this is for a job.
    #[must_use]
    pub const fn kind(&self) -> FailureKind {
        match self {
            Self::UnknownScheme { .. } | Self::BadLocation { .. } | Self::Forbidden { .. } => {
                FailureKind::BadRequest
            }
            Self::NoRanges { .. } | Self::Redirected { .. } => FailureKind::BadInput,
            Self::NotFound { side, .. } | Self::NotAFile { side, .. } => match side {
                Side::Source => FailureKind::BadInput,
                Side::Store => FailureKind::ObjectLost,
                Side::Output => FailureKind::OutputUnwritable,
            },
            Self::Denied { side, .. } | Self::Full { side, .. } => match side {
                Side::Source | Side::Store => FailureKind::WorkerLacks,
                Side::Output => FailureKind::OutputUnwritable,
            },
            Self::BadSettings { .. } => FailureKind::WorkerLacks,
            Self::Unavailable { side, .. } => match side {
                Side::Source => FailureKind::SourceUnavailable,
                Side::Store => FailureKind::StoreUnavailable,
                // Not `OutputUnwritable`: a bucket that is throttled now takes the movie later.
                Side::Output => FailureKind::StoreUnavailable,
            },
            Self::Changed { .. } => FailureKind::SourceChanged,
            Self::Corrupt { .. } => FailureKind::ObjectLost,
            Self::TooLarge { .. } => FailureKind::OutputUnwritable,
            Self::BadKey { .. }
            | Self::Exists { .. }
            | Self::Undecodable { .. }
            | Self::Unencodable { .. }
            | Self::Offset { .. } => FailureKind::Internal,
        }
    }

    /// Names what an operating system's error happened to.
    pub(crate) fn of_io(side: Side, what: &str, error: &io::Error) -> Self {
        crate::traffic::failed(side);
        let what = what.to_owned();
        let detail = error.to_string();
        #[expect(clippy::wildcard_enum_match_arm, reason = "io::ErrorKind is not ours and grows")]
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::NotFound { side, what },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::Denied { side, what, detail }
            }
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::Full { side, what, detail },
            io::ErrorKind::IsADirectory => Self::NotAFile { side, what, found: "a folder" },
            io::ErrorKind::AlreadyExists => Self::Exists { what },
            _ => Self::Unavailable { side, what, detail },
        }
    }

    /// Names what an error of `object_store` happened to.
    pub(crate) fn of_object(side: Side, what: &str, error: &object_store::Error) -> Self {
        use object_store::Error;
        // The local backend wraps the system's error, which says more than its own kind.
        if let Some(system) = system_error(error) {
            return Self::of_io(side, what, system);
        }
        crate::traffic::failed(side);
        let detail = chain(error);
        let what = what.to_owned();
        #[expect(clippy::wildcard_enum_match_arm, reason = "the library's errors grow")]
        match error {
            Error::NotFound { .. } => Self::NotFound { side, what },
            Error::AlreadyExists { .. } => Self::Exists { what },
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
                Self::Denied { side, what, detail }
            }
            Error::InvalidPath { .. } => Self::BadKey { key: what, reason: detail },
            _ => Self::Unavailable { side, what, detail },
        }
    }
}

impl From<StoreError> for io::Error {
    /// For the traits that speak `io`: the kind where the caller looks at it, the words always.
    fn from(error: StoreError) -> Self {
        let kind = match &error {
            StoreError::NotFound { .. } => io::ErrorKind::NotFound,
            StoreError::Denied { .. } | StoreError::Forbidden { .. } => {
                io::ErrorKind::PermissionDenied
            }
            StoreError::Full { .. } => io::ErrorKind::StorageFull,
            StoreError::Exists { .. } => io::ErrorKind::AlreadyExists,
            StoreError::Offset { .. } => io::ErrorKind::InvalidInput,
            StoreError::Corrupt { .. }
            | StoreError::Undecodable { .. }
            | StoreError::Unencodable { .. } => io::ErrorKind::InvalidData,
            StoreError::UnknownScheme { .. }
            | StoreError::BadLocation { .. }
            | StoreError::BadSettings { .. }
            | StoreError::BadKey { .. }
            | StoreError::NotAFile { .. }
            | StoreError::Unavailable { .. }
            | StoreError::Changed { .. }
            | StoreError::NoRanges { .. }
            | StoreError::Redirected { .. }
            | StoreError::TooLarge { .. } => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

fn not_found(side: Side, what: &str) -> String {
    let bucket = is_in_bucket(what);
    match (side, bucket) {
        (Side::Source, false) if what.starts_with("http") => {
            format!("no such file: {what}; check the URL")
        }
        (Side::Source, false) => format!("no such file: {what}"),
        (Side::Source, true) => format!("no such object: {what}; check the bucket and the key"),
        (Side::Store, false) => format!("{what} is gone from the store"),
        (Side::Store, true) => format!("{what} is not there; check that the bucket exists"),
        (Side::Output, false) => format!("the folder of {what} does not exist; create it first"),
        (Side::Output, true) => format!("no bucket for {what}; create it first"),
    }
}

fn is_in_bucket(what: &str) -> bool {
    ["s3://", "gs://", "az://"].iter().any(|scheme| what.starts_with(scheme))
}

fn permission_remedy(what: &str) -> &'static str {
    match what.split_once("://").map(|(scheme, _)| scheme) {
        Some("s3") => "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the bucket's policy",
        Some("gs") => "check GOOGLE_APPLICATION_CREDENTIALS and the bucket's roles",
        Some("az") => {
            "check AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ACCOUNT_KEY and the container's roles"
        }
        Some("http" | "https") => "check that the URL is signed, and has not expired",
        Some(_) | None => "check its owner and mode",
    }
}

/// The variables by which a bucket is reached.
fn variables(what: &str) -> &'static str {
    match what.split_once("://").map(|(scheme, _)| scheme) {
        Some("gs") => "GOOGLE_*",
        Some("az") => "AZURE_*",
        Some(_) | None => "AWS_*",
    }
}

/// The operating system's error at the bottom of an error of the local backend.
fn system_error(error: &object_store::Error) -> Option<&io::Error> {
    // A network error also ends in an `io::Error` (connection refused), but there the whole
    // chain is needed, and no kind of it is one of ours.
    let mut next = error.source();
    while let Some(current) = next {
        if let Some(system) = current.downcast_ref::<io::Error>() {
            let network = system.raw_os_error().is_none();
            return (!network && !is_network(system.kind())).then_some(system);
        }
        next = current.source();
    }
    None
}

const fn is_network(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::NotConnected
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::TimedOut
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
    )
}

/// An error's words with those of its deepest cause, on one line.
fn chain(error: &object_store::Error) -> String {
    let mut text = error.to_string();
    let mut deepest: &dyn std::error::Error = error;
    while let Some(cause) = deepest.source() {
        deepest = cause;
    }
    let cause = deepest.to_string();
    if !text.contains(&cause) {
        text.push_str(": ");
        text.push_str(&cause);
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
