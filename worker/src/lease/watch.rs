//! What a lease's child has told so far, for the attendant to pass on when it has the time.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use cleanplate_types::failure::Stage;
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
}

impl Watch {
    /// A lease that begins now.
    pub(crate) fn new(lease: LeaseId) -> Self {
        let lines = Lines { waiting: Vec::new(), stage: Stage::Fetch };
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
        let TrailEntry { at_ms, stage, event, detail, count } = &entry;
        let (what, count) = (event.as_str(), count.unwrap_or(0));
        match event {
            TrailEvent::Started | TrailEvent::Finished => {
                tracing::info!(at_ms, count, "{stage} {what}: {detail}");
            }
            TrailEvent::Fallback | TrailEvent::Failed => {
                tracing::warn!(at_ms, count, "{stage} {what}: {detail}");
            }
        }
        let mut lines = self.lock();
        lines.stage = entry.stage;
        if lines.waiting.len() < TRAIL_MAX {
            lines.waiting.push(entry);
        }
    }

    /// The lines that were not taken yet.
    pub(crate) fn take_trail(&self) -> Vec<TrailEntry> {
        std::mem::take(&mut self.lock().waiting)
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
