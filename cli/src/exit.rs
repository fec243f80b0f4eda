//! How a command ends: the exit statuses of the contract, and the one sentence that goes with them.

use std::process::ExitCode;

use cleanplate_types::failure::FailureKind;

/// The exit statuses that other people's scripts rest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// Done; also where there was nothing to remove.
    Done,
    /// Anything that has no status of its own.
    Failed,
    /// The command line makes no sense.
    Usage,
    /// The input cannot be processed.
    BadInput,
    /// The machine lacks something.
    MachineLacks,
    /// The detector found no evidence either way.
    Abstained,
    /// Somebody cancelled the job.
    Cancelled,
    /// Ctrl-C.
    Interrupted,
    /// SIGTERM, as shells report it.
    Terminated,
}

impl Status {
    /// The number.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::BadInput => 3,
            Self::MachineLacks => 4,
            Self::Abstained => 5,
            Self::Cancelled => 6,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// The status of a job that failed so.
    pub(crate) const fn of(kind: FailureKind) -> Self {
        match kind.exit_status() {
            2 => Self::Usage,
            3 => Self::BadInput,
            4 => Self::MachineLacks,
            6 => Self::Cancelled,
            _ => Self::Failed,
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status.code())
    }
}

/// Why a command did not do what it was asked: one sentence, lowercase, and its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// How the process ends.
    pub(crate) status: Status,
    /// What to tell, without "error:" before it.
    pub(crate) message: String,
}

impl Refusal {
    /// A refusal with any status.
    pub(crate) fn new(status: Status, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// What was typed makes no sense.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Status::Usage, message)
    }

    /// Nobody reads the results any more, as behind `| head`: there is nothing to tell, and nobody to
    /// tell it to.
    pub(crate) const fn unread() -> Self {
        Self { status: Status::Failed, message: String::new() }
    }

    /// Whether there is nothing to tell.
    pub(crate) const fn is_quiet(&self) -> bool {
        self.message.is_empty()
    }

    /// Anything without a status of its own.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Status::Failed, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_failure_keeps_the_status_that_the_types_give_it() {
        for kind in FailureKind::ALL {
            assert_eq!(Status::of(kind).code(), kind.exit_status(), "{}", kind.as_str());
        }
    }
}
