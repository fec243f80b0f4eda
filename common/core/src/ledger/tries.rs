//! What was tried on a piece of work, and by whom, so that it is tried elsewhere and not for ever.

use std::collections::BTreeSet;

use cleanplate_types::ids::{CellIndex, WorkerId};
use cleanplate_types::time::Tick;

use crate::ledger::Limits;

/// The smallest piece of work that can be to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Blamed {
    Intake,
    Window(u32),
    Reduce,
    Cell(CellIndex),
    Audit(CellIndex),
}

/// The failures of one piece of work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tries {
    /// Failures that count against it.
    pub(crate) failures: u32,
    /// Times that it was lost with its worker, or that the source or the store was out.
    pub(crate) lapses: u32,
    /// Times that its accepted part turned out to be unusable.
    pub(crate) discards: u32,
    /// Times that its decoder showed other frames than the table says: one may be a decoder's fault.
    pub(crate) mismatches: u32,
    /// Times that its part did not fit its neighbour.
    pub(crate) breaks: u32,
    /// Those that failed at it; at most `attempts_max + lapses_max`.
    pub(crate) workers: BTreeSet<WorkerId>,
    /// When it failed last.
    pub(crate) last: Tick,
}

impl Tries {
    /// Whether nothing went wrong with it that still counts.
    pub(crate) const fn is_clean(&self) -> bool {
        self.next_attempt() == 1 && self.lapses == 0
    }

    /// Which attempt the next one is. What was lost with its worker, or for want of the source or the store, was
    /// none.
    pub(crate) const fn next_attempt(&self) -> u32 {
        self.failures + self.discards + self.mismatches + self.breaks + 1
    }

    /// It was done after all. What stays is that its result was unusable before: a worker that hands
    /// in rubbish again and again must come to an end too.
    pub(crate) fn done(&mut self) {
        if self.discards == 0 {
            self.workers.clear();
        }
        self.failures = 0;
        self.lapses = 0;
        self.mismatches = 0;
    }

    /// Whether one more failure ends the job, and a single worker has seen all there were.
    pub(crate) fn is_last_of_one(&self, limits: Limits) -> bool {
        let spent = self.failures + self.discards;
        spent > 0 && spent + 1 == limits.attempts_max && self.workers.len() < 2
    }

    pub(crate) const fn is_hopeless(&self, limits: Limits) -> bool {
        self.failures + self.discards >= limits.attempts_max || self.lapses >= limits.lapses_max
    }
}
