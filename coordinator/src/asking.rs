//! What goes wrong when another server is asked, in words. Never its URL, which may hold a secret.

use std::error::Error as _;

/// An error of a request with all that is behind it.
pub(crate) fn in_words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut behind = error.source();
    while let Some(cause) = behind {
        words = format!("{words}: {cause}");
        behind = cause.source();
    }
    words
}
