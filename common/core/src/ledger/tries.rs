//! What was tried on a piece of work, and by whom, so that it is tried elsewhere and not for ever.

use std::collections::BTreeSet;

use cleanplate_types::ids::{CellIndex, WorkerId};

/// The smallest piece of work that can be to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Blamed {
    Intake,
    Window(u32),
    Reduce,
    Cell(CellIndex),
}

/// The failures of one piece of work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tries {
    /// Failures that count against it.
    pub(crate) failures: u32,
    /// Times that it was lost with its worker.
    pub(crate) lapses: u32,
    /// Those that failed at it; at most `attempts_max + lapses_max`.
    pub(crate) workers: BTreeSet<WorkerId>,
}

impl Tries {
    pub(crate) const fn total(&self) -> u32 {
        self.failures + self.lapses
    }
}
