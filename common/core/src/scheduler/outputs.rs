//! Which open jobs write where: of two that write to one place, each would undo what the other made.
//!
//! Places are compared as they are written: the door makes one URL of all spellings. A journal of an earlier version
//! may hold several open jobs of one output; they are all known here, and none of them is refused any more.

use std::collections::{BTreeMap, BTreeSet};

use cleanplate_types::ids::JobId;
use cleanplate_types::request::{JobRequest, Review};

/// See the top of the file.
#[derive(Debug, Default)]
pub(super) struct Outputs(BTreeMap<String, BTreeSet<JobId>>);

impl Outputs {
    /// A job is open from now on.
    pub(super) fn opened(&mut self, job: &JobId, request: &JobRequest) {
        if writes(request) {
            self.0.entry(request.output.clone()).or_default().insert(job.clone());
        }
    }

    /// A job is no longer open.
    pub(super) fn closed(&mut self, job: &JobId, request: &JobRequest) {
        if let Some(writers) = self.0.get_mut(&request.output) {
            writers.remove(job);
            if writers.is_empty() {
                self.0.remove(&request.output);
            }
        }
    }

    /// An open job that writes to where `request` would.
    pub(super) fn writer(&self, request: &JobRequest) -> Option<&JobId> {
        self.0.get(&request.output).filter(|_| writes(request))?.first()
    }
}

/// Whether a job writes to its output at all.
const fn writes(request: &JobRequest) -> bool {
    match request.review {
        Review::Go | Review::Wait => true,
        Review::PreviewOnly => false,
    }
}
