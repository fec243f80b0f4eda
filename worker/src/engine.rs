//! The engine: the child process in which media work is done.

/// Whose child this process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// A lease's.
    Worker,
    /// That of a look at the machine.
    Check,
}

/// Does the work that the parent asks for; returns the process's exit status.
#[must_use]
pub fn engine_main(whose: Whose) -> u8 {
    match whose {
        Whose::Worker | Whose::Check => 1,
    }
}
