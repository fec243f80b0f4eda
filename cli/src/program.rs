//! This executable as its own child: media code runs in a process of its own.

use std::path::PathBuf;

use crate::exit::Refusal;

/// Where this executable is.
///
/// # Errors
/// A refusal with status 1 where the system does not tell.
pub(crate) fn own() -> Result<PathBuf, Refusal> {
    std::env::current_exe().map_err(|error| {
        Refusal::failed(format!("the system does not tell where cleanplate itself is: {error}"))
    })
}
