//! Model files as a job names them, and what a worker can run of them.
//!
//! Owns content addresses. Refuses to know what is in a file: that is `cleanplate-vision`'s.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::Sha;

/// What the URL of a model begins with that is installed on the worker and not read from anywhere.
const INSTALLED: &str = "installed:";

/// A model file, pinned by its content: all workers of a job run the same one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelRef {
    /// Where it is read from; `installed:NAME` where workers have it.
    pub url: String,
    /// The hash of its bytes.
    pub sha: Sha,
    /// Its size in bytes.
    pub bytes: u64,
}

impl ModelRef {
    /// The model of that name that workers have installed.
    #[must_use]
    pub fn installed(name: &str, sha: Sha, bytes: u64) -> Self {
        Self { url: format!("{INSTALLED}{name}"), sha, bytes }
    }

    /// Whether workers must have it, since it is read from nowhere.
    #[must_use]
    pub fn is_installed(&self) -> bool {
        self.url.starts_with(INSTALLED)
    }
}

impl fmt::Display for ModelRef {
    /// Its name for people: the last part of where it is.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url.strip_prefix(INSTALLED).unwrap_or(&self.url);
        formatter.write_str(url.rsplit('/').next().unwrap_or(url))
    }
}

/// A detector, and what of its sights counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detector {
    /// What it looks for.
    pub what: DetectorKind,
    /// The model.
    pub model: ModelRef,
    /// The classes that count, by the model's own names; all of them where there are none.
    pub classes: Vec<String>,
    /// The score that counts, of 1000; `None` is what suits the kind.
    pub score_min: Option<u16>,
}

/// What a detector looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DetectorKind {
    /// Writing.
    Text,
    /// Faces.
    Faces,
    /// Whatever the user's own model was made for.
    Own,
}

impl DetectorKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Text, Self::Faces, Self::Own];

    /// Whether what it looks for may show for a single frame, and moves.
    #[must_use]
    pub const fn follows(self) -> bool {
        match self {
            Self::Text => false,
            Self::Faces | Self::Own => true,
        }
    }

    /// Its name on the wire and in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Faces => "faces",
            Self::Own => "model",
        }
    }
}

/// What a worker can run models with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerModels {
    /// Version of the ONNX Runtime that came through its proof; `None` where there is none.
    pub runtime: Option<String>,
    /// The models that are installed.
    pub installed: Vec<Sha>,
}

impl WorkerModels {
    /// Whether it can run `model`.
    #[must_use]
    pub fn can_run(&self, model: &ModelRef) -> bool {
        self.runtime.is_some() && (!model.is_installed() || self.installed.contains(&model.sha))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_runs_an_installed_model_only_where_it_has_that_very_one() {
        let text = ModelRef::installed("text", Sha::of(b"a"), 1);
        let own = ModelRef { url: "s3://b/marks.onnx".to_owned(), sha: Sha::of(b"b"), bytes: 1 };
        let without = WorkerModels { runtime: None, installed: vec![text.sha] };
        let with = WorkerModels { runtime: Some("1.22.0".to_owned()), installed: Vec::new() };
        let all = WorkerModels { installed: vec![text.sha], ..with.clone() };
        assert_eq!([&without, &with, &all].map(|it| it.can_run(&text)), [false, false, true]);
        assert_eq!([&without, &with, &all].map(|it| it.can_run(&own)), [false, true, true]);
        assert_eq!((text.to_string(), own.to_string()), ("text".into(), "marks.onnx".into()));
    }
}
