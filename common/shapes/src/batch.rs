//! A whole folder of videos as it is asked for in JSON, and what came of each.

use cleanplate_proto::{WireError, v1 as pb};
use serde::{Deserialize, Serialize};

use crate::request::JobRequest;

/// What is to be done with a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BatchRequest {
    /// What each job is to do; its input and output are folders.
    pub request: JobRequest,
    /// Patterns of files that are wanted; all videos where there are none.
    pub include: Vec<String>,
    /// The ending of the outputs; empty is that of each input.
    pub container: String,
    /// Only says what would be done.
    pub dry_run: bool,
}

/// A line of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchLine {
    /// What came of a file.
    File(BatchFile),
    /// The last line.
    Totals(BatchTotals),
}

/// What came of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BatchFile {
    /// Its path below the folder.
    pub file: String,
    /// submitted, known (there is such a job), exists (the output does), refused; for a dry run new, not submitted.
    pub outcome: String,
    /// The job; empty where there is none.
    pub job: String,
    /// URL of the output.
    pub output: String,
    /// Why it was refused; of a known job, that it failed, was cancelled or abstained.
    pub why: String,
}

/// What came of all files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct BatchTotals {
    /// Videos that were found.
    pub files: u64,
    /// Jobs that are new.
    pub submitted: u64,
    /// Jobs that were there.
    pub known: u64,
    /// Outputs that are there.
    pub exists: u64,
    /// Files that were refused.
    pub refused: u64,
    /// Files that are no videos, or were left.
    pub others: u64,
    /// What would be submitted, had this been no dry run.
    pub new: u64,
}

impl From<BatchRequest> for pb::BatchRequest {
    fn from(BatchRequest { request, include, container, dry_run }: BatchRequest) -> Self {
        Self { request: Some(request.into()), include, container, dry_run }
    }
}

impl TryFrom<pb::BatchLine> for BatchLine {
    type Error = WireError;

    fn try_from(line: pb::BatchLine) -> Result<Self, WireError> {
        Ok(match line.line.ok_or(WireError::Missing("batch.line"))? {
            pb::batch_line::Line::File(file) => {
                let pb::BatchFile { file, outcome, job, output, why } = file;
                Self::File(BatchFile { file, outcome, job, output, why })
            }
            pb::batch_line::Line::Totals(totals) => {
                let pb::BatchTotals { files, submitted, known, exists, refused, others, new } =
                    totals;
                Self::Totals(BatchTotals { files, submitted, known, exists, refused, others, new })
            }
        })
    }
}
