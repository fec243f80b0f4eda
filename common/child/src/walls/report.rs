//! Which walls stand, in words: for the trail, the log and `doctor`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One wall.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wall {
    /// It stands; what it keeps out.
    Stands(String),
    /// It stands in part; what is open.
    Partly(String),
    /// It does not; why.
    Missing(String),
    /// Nobody asked for it.
    Off,
}

impl Wall {
    const fn stands(&self) -> bool {
        matches!(self, Self::Stands(_))
    }
}

impl fmt::Display for Wall {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stands(what) => formatter.write_str(what),
            Self::Partly(what) => write!(formatter, "in part: {what}"),
            Self::Missing(why) => write!(formatter, "missing: {why}"),
            Self::Off => formatter.write_str("off"),
        }
    }
}

/// The walls of one child, as they stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WallsReport {
    /// Whether it can never have more rights than it has.
    pub privileges: Wall,
    /// Whether there was no other thread, which Landlock would not hold.
    pub alone: bool,
    /// Files, network and signals: Landlock.
    pub files: Wall,
    /// Calls of the system: seccomp.
    pub calls: Wall,
    /// The memory that it may have, in MiB.
    pub memory_mib: Option<u64>,
}

impl WallsReport {
    pub(crate) const fn off() -> Self {
        let (privileges, files, calls) = (Wall::Off, Wall::Off, Wall::Off);
        Self { privileges, alone: true, files, calls, memory_mib: None }
    }

    /// Whether nobody asked for walls.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.files == Wall::Off
    }

    /// Whether all stand.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.alone && self.privileges.stands() && self.files.stands() && self.calls.stands()
    }
}

impl fmt::Display for WallsReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_off() {
            return formatter.write_str("walls: off");
        }
        let Self { privileges, alone, files, calls, memory_mib } = self;
        write!(formatter, "walls: Landlock {files}; seccomp {calls}")?;
        if let Some(mib) = memory_mib {
            write!(formatter, "; memory {mib} MiB")?;
        }
        if let Wall::Missing(why) | Wall::Partly(why) = privileges {
            write!(formatter, "; privileges not given up: {why}")?;
        }
        if !alone {
            formatter.write_str("; another thread was there before them")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kernel_lacks_is_said() {
        let whole = WallsReport {
            privileges: Wall::Stands("none".to_owned()),
            alone: true,
            files: Wall::Stands("ABI 7 (files, network, signals)".to_owned()),
            calls: Wall::Stands("on".to_owned()),
            memory_mib: Some(2048),
        };
        let said = "walls: Landlock ABI 7 (files, network, signals); seccomp on; memory 2048 MiB";
        assert_eq!((whole.to_string().as_str(), whole.is_whole()), (said, true));
        let files = Wall::Missing("not built into this kernel".to_owned());
        let open = WallsReport { files, ..whole.clone() };
        assert!(open.to_string().contains("Landlock missing: not built into this kernel"));
        assert!(!open.is_whole() && !WallsReport { alone: false, ..whole }.is_whole());
        assert_eq!(WallsReport::off().to_string(), "walls: off");
    }
}
