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
        // What follows may be a signature.
        let url = url.split(['?', '#']).next().unwrap_or(url);
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

/// On what a model is run, as far as it changes the bytes that come out: the runtime and its version, the device,
/// the instructions that it has, the number of threads. Machines of one class give the same bytes. Words that are
/// compared and shown, and never read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ModelClass(pub String);

impl fmt::Display for ModelClass {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A model that paints frame by frame what nothing else serves, and where: pinned for the whole job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Painting {
    /// The model.
    pub model: ModelRef,
    /// The class of machines that run it.
    pub class: ModelClass,
}

/// What a worker can run models with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerModels {
    /// Version of the ONNX Runtime that came through its proof; `None` where there is none.
    pub runtime: Option<String>,
    /// The models that are installed.
    pub installed: Vec<Sha>,
    /// What it can paint frames on, the best first; none where it has no runtime.
    pub classes: Vec<ModelClass>,
}

impl WorkerModels {
    /// Whether it can run `model`.
    #[must_use]
    pub fn can_run(&self, model: &ModelRef) -> bool {
        self.runtime.is_some() && (!model.is_installed() || self.installed.contains(&model.sha))
    }

    /// Whether it can paint the frames of a job so that the bytes are those of every other worker that can.
    #[must_use]
    pub fn can_paint(&self, painting: &Painting) -> bool {
        self.can_run(&painting.model) && self.classes.contains(&painting.class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_runs_an_installed_model_only_where_it_has_that_very_one() {
        let text = ModelRef::installed("text", Sha::of(b"a"), 1);
        let own = ModelRef { url: "s3://b/marks.onnx".to_owned(), sha: Sha::of(b"b"), bytes: 1 };
        let without = WorkerModels { installed: vec![text.sha], ..WorkerModels::default() };
        let with = WorkerModels { runtime: Some("1.22.0".to_owned()), ..WorkerModels::default() };
        let all = WorkerModels { installed: vec![text.sha], ..with.clone() };
        assert_eq!([&without, &with, &all].map(|it| it.can_run(&text)), [false, false, true]);
        assert_eq!([&without, &with, &all].map(|it| it.can_run(&own)), [false, true, true]);
        assert_eq!((text.to_string(), own.to_string()), ("text".into(), "marks.onnx".into()));
    }

    #[test]
    fn a_worker_of_another_class_paints_no_frame_of_a_job() {
        let class = |name: &str| ModelClass(name.to_owned());
        let model = ModelRef { url: "s3://b/lama.onnx".to_owned(), sha: Sha::of(b"b"), bytes: 1 };
        let painting = Painting { model, class: class("one") };
        let of = |classes| WorkerModels {
            runtime: Some("1.22.0".to_owned()),
            installed: Vec::new(),
            classes,
        };
        assert!(of(vec![class("other"), class("one")]).can_paint(&painting));
        assert!(!of(vec![class("other")]).can_paint(&painting));
        assert!(!WorkerModels { runtime: None, ..of(vec![class("one")]) }.can_paint(&painting));
    }
}
