//! The walls around a child: what the kernel refuses it, whatever the bytes that it parses make of it.
//!
//! Owns what is asked for ([`Walls`]), how it is put up ([`raise`]) and what came of it ([`WallsReport`]). They are
//! put up by the child itself, after it has heard what to do and before it has a second thread or sees a byte of
//! media; nothing takes them down again. Refuses to be silent about a wall that this kernel does not have.

mod calls;
mod escape;
mod ffi;
mod files;
mod memory;
mod report;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use escape::{Attempt, escape};
pub use report::{Wall, WallsReport};

pub(crate) use memory::resident_bytes;

/// Whether there are walls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum WallsMode {
    /// None.
    Off,
    /// As many as this kernel has; what it lacks is told.
    #[default]
    On,
    /// All of them, or no work is done.
    Required,
}

/// What becomes of a child that calls the system for something that it has no use for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Breach {
    /// The call is refused.
    #[default]
    Refuse,
    /// The child is ended, by SIGSYS.
    Kill,
}

/// What a child computes on: a card's driver needs devices, and calls that nobody has a list of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Computes {
    /// The processor alone.
    #[default]
    Processor,
    /// A card.
    Card,
}

/// The walls of one child.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walls {
    /// Whether there are any.
    pub mode: WallsMode,
    /// What becomes of a child that runs into one.
    pub breach: Breach,
    /// What it computes on.
    pub computes: Computes,
    /// Bytes of memory that it may have; `None` is no limit.
    pub memory_bytes: Option<u64>,
    /// Files and folders that it may read beside the system's libraries.
    pub reads: Vec<PathBuf>,
    /// Folders in which it may make files: where fault switches of test builds leave their marks, else none.
    pub marks: Vec<PathBuf>,
}

/// What is set for all children of a process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WallsPolicy {
    /// Whether there are walls.
    pub mode: WallsMode,
    /// Whether there are walls around what computes on a card.
    pub card: WallsMode,
    /// What becomes of a child that runs into one.
    pub breach: Breach,
    /// Bytes of memory that a child may have; `None` is nine tenths of the machine's.
    pub memory_bytes: Option<u64>,
    /// Folders in which a child may make files: where fault switches of test builds leave their marks, else none.
    pub marks: Vec<PathBuf>,
}

impl WallsPolicy {
    /// The walls of a child that computes on the processor.
    #[must_use]
    pub fn processor(&self, reads: Vec<PathBuf>) -> Walls {
        self.of(Computes::Processor, self.mode, reads)
    }

    /// The walls of a child that computes on a card.
    #[must_use]
    pub fn card(&self, reads: Vec<PathBuf>) -> Walls {
        let mode = if self.mode == WallsMode::Off { WallsMode::Off } else { self.card };
        self.of(Computes::Card, mode, reads)
    }

    fn of(&self, computes: Computes, mode: WallsMode, reads: Vec<PathBuf>) -> Walls {
        let memory_bytes = self.memory_bytes.or_else(memory::usual_bytes);
        let (breach, marks) = (self.breach, self.marks.clone());
        Walls { mode, breach, computes, memory_bytes, reads, marks }
    }
}

/// Walls that were required and are not all there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}; `walls.mode` is \"required\": use a kernel that has them, or set \"on\"")]
pub struct WallsMissing(pub Box<WallsReport>);

/// Closes what this process was left open by whoever started it: only its three standard streams are its own.
///
/// For the first lines of a child, before it opens anything itself.
pub(crate) fn close_strays() {
    ffi::close_from_three();
}

/// Puts the walls up around this process.
///
/// # Errors
/// [`WallsMissing`] where they are required and this kernel does not have them all.
pub(crate) fn raise(walls: &Walls) -> Result<WallsReport, WallsMissing> {
    if walls.mode == WallsMode::Off {
        return Ok(WallsReport::off());
    }
    let report = WallsReport {
        privileges: memory::give_up_privileges(),
        memory_mib: memory::limit(walls).map(|bytes| bytes >> 20),
        // Landlock holds for this thread and those that it starts: there must be no other one.
        alone: memory::threads() == Some(1),
        files: files::restrict(walls),
        // The last, since it refuses what puts up the others.
        calls: calls::restrict(walls),
    };
    if walls.mode == WallsMode::Required && !report.is_whole() {
        return Err(WallsMissing(Box::new(report)));
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_has_the_walls_that_are_set_for_cards_and_none_where_there_are_none_at_all() {
        let policy = WallsPolicy { card: WallsMode::Off, ..WallsPolicy::default() };
        assert_eq!(policy.card(Vec::new()).mode, WallsMode::Off);
        assert_eq!(policy.processor(Vec::new()).mode, WallsMode::On);
        let off = WallsPolicy { mode: WallsMode::Off, ..WallsPolicy::default() };
        assert_eq!(off.card(Vec::new()).mode, WallsMode::Off);
        let told = WallsPolicy { memory_bytes: Some(5 << 30), ..WallsPolicy::default() };
        assert_eq!(told.processor(Vec::new()).memory_bytes, Some(5 << 30));
    }

    #[test]
    fn without_a_number_a_child_may_have_most_of_the_machines_memory_and_not_all() {
        let bytes = WallsPolicy::default().processor(Vec::new()).memory_bytes.unwrap();
        assert!(bytes > 256 << 20, "{bytes}");
    }
}
