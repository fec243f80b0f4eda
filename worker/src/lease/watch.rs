//! What a lease's child has told so far, for the attendant to pass on when it has the time.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use cleanplate_types::failure::{Failure, Stage};
use cleanplate_types::ids::LeaseId;
use cleanplate_types::trail::{TrailEntry, TrailEvent};

/// Trail lines that may wait to be sent: a segment has about a dozen, and a stream that is down for
/// long must not gather them without end.
const TRAIL_MAX: usize = 256;

/// One lease as it is seen from outside.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) lease: LeaseId,
    began: Instant,
    frames: AtomicU64,
    cells: AtomicU32,
    told: Mutex<Lines>,
}

#[derive(Debug)]
struct Lines {
    waiting: Vec<TrailEntry>,
    stage: Stage,
    /// Whether the last line said that a stage failed.
    failed: bool,
}

impl Watch {
    /// A lease that begins now.
    pub(crate) fn new(lease: LeaseId) -> Self {
        let lines = Lines { waiting: Vec::new(), stage: Stage::Fetch, failed: false };
        Self {
            lease,
            began: Instant::now(),
            frames: AtomicU64::new(0),
            cells: AtomicU32::new(0),
            told: Mutex::new(lines),
        }
    }

    /// Milliseconds since it began.
    pub(crate) fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Frames that went through.
    pub(crate) fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    pub(super) fn progress(&self, frames: u64) {
        self.frames.fetch_max(frames, Ordering::Relaxed);
    }

    /// Cells that were handed in.
    pub(super) fn cells(&self) -> u32 {
        self.cells.load(Ordering::Relaxed)
    }

    pub(super) fn cell_done(&self) {
        self.cells.fetch_add(1, Ordering::Relaxed);
    }

    /// The stage of the last line.
    pub(super) fn stage(&self) -> Stage {
        self.lock().stage
    }

    /// Takes a line, and writes it to the log.
    pub(super) fn trail(&self, entry: TrailEntry) {
        match entry.event {
            TrailEvent::Started | TrailEvent::Finished => log_milestone(&entry),
            TrailEvent::Fallback | TrailEvent::Failed => log_mishap(&entry),
        }
        let mut lines = self.lock();
        lines.stage = entry.stage;
        lines.failed = entry.event == TrailEvent::Failed;
        if lines.waiting.len() < TRAIL_MAX {
            lines.waiting.push(entry);
        }
    }

    /// Adds the line about the lease's failure, where the child could not.
    pub(super) fn failed(&self, failure: &Failure) {
        if self.lock().failed {
            return;
        }
        self.trail(TrailEntry {
            at_ms: self.elapsed_ms(),
            stage: failure.stage,
            event: TrailEvent::Failed,
            detail: failure.message.clone(),
            count: None,
        });
    }

    /// The lines that were not taken yet.
    pub(crate) fn take_trail(&self) -> Vec<TrailEntry> {
        std::mem::take(&mut self.lock().waiting)
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn log_milestone(entry: &TrailEntry) {
    let TrailEntry { at_ms, stage, event, detail, count } = entry;
    let (what, count) = (event.as_str(), count.unwrap_or(0));
    tracing::info!(at_ms, count, "{stage} {what}: {detail}");
}

fn log_mishap(entry: &TrailEntry) {
    let TrailEntry { at_ms, stage, event, detail, count } = entry;
    let (what, count) = (event.as_str(), count.unwrap_or(0));
    if *event == TrailEvent::Fallback {
        tracing::warn!(at_ms, count, "{stage} {what}: {detail}");
    } else {
        // The lease's failure is logged with all that is known of it.
        tracing::debug!(at_ms, count, "{stage} {what}: {detail}");
    }
}

#[cfg(test)]
mod tests {
    use cleanplate_types::failure::FailureKind;

    use super::*;

    #[test]
    fn a_trail_ends_with_one_line_about_the_failure() {
        let watch = Watch::new(LeaseId(1));
        let failure = Failure::new(FailureKind::EngineCrashed, Stage::Decode, "it died");
        watch.failed(&failure);
        watch.failed(&failure);
        let lines = watch.take_trail();
        assert_eq!(lines.len(), 1);
        assert_eq!((lines[0].event, lines[0].detail.as_str()), (TrailEvent::Failed, "it died"));
        assert_eq!(watch.stage(), Stage::Decode);
    }

    #[test]
    fn a_trail_that_nobody_takes_does_not_grow_without_end() {
        let watch = Watch::new(LeaseId(1));
        let (stage, event) = (Stage::Decode, TrailEvent::Fallback);
        for at_ms in 0..1000 {
            watch.trail(TrailEntry { at_ms, stage, event, detail: String::new(), count: None });
        }
        assert_eq!(watch.take_trail().len(), TRAIL_MAX);
    }
}
