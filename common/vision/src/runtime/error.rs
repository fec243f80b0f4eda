//! Why there is no runtime, with every place that was tried.
//!
//! Owns the words. Refuses to look anywhere.

use std::fmt;
use std::path::PathBuf;

use super::LIBRARY_VARIABLE;

/// Why there is no runtime.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// None is installed where it was looked for.
    #[error(
        "ONNX Runtime was not found ({tried}): run `make setup-models`, or name its library by {LIBRARY_VARIABLE}"
    )]
    NotFound {
        /// Every place, with what was there.
        tried: Tried,
    },
    /// The one that was named does not load.
    #[error(
        "ONNX Runtime cannot be loaded from {} ({named_by}): {why}; name another, or none and run `make setup-models`",
        path.display()
    )]
    Unusable {
        /// The file that was named.
        path: PathBuf,
        /// Who named it.
        named_by: &'static str,
        /// The loader's words.
        why: String,
    },
    /// A process holds one runtime, and it is another.
    #[error("ONNX Runtime {} is in use already; {} takes a new process", loaded.display(), asked.display())]
    Another {
        /// The library in use.
        loaded: PathBuf,
        /// The one that was asked for.
        asked: PathBuf,
    },
}

/// Places in which no runtime was found, each with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tried(Vec<(String, String)>);

impl Tried {
    pub(super) fn note(&mut self, place: impl fmt::Display, why: impl fmt::Display) {
        self.0.push((place.to_string(), why.to_string()));
    }

    /// Places and reasons, in the order in which they were tried.
    pub fn places(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(place, why)| (place.as_str(), why.as_str()))
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return formatter.write_str("nowhere to look");
        }
        for (index, (place, why)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "; " };
            write!(formatter, "{comma}{place}: {why}")?;
        }
        Ok(())
    }
}
