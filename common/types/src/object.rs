//! What the wire and the journal carry of an object in the store: its key, size and hash.

use serde::{Deserialize, Serialize};

use crate::digest::Sha;

/// A small or large object in the job's store, by name and by content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectRef {
    /// Its key below the store's root.
    pub key: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// The hash of its bytes.
    pub sha: Sha,
}
