//! How this worker's children are started: which program, which card they see, what they are told
//! by their environment.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cleanplate_child::{ChildProgram, Limits};

/// The fault switches, which children obey in debug builds.
const FAULTS: &str = "CLEANPLATE_FAULTS";

/// What all children of a worker have in common.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    /// The executable.
    pub(crate) program: PathBuf,
    /// Their folder for temporary files, where it is not the system's.
    pub(crate) scratch: Option<PathBuf>,
    /// After so long without a word they are taken for hung.
    pub(crate) silent: Duration,
}

impl Engine {
    /// An engine whose children keep temporary files where the system says.
    pub(crate) fn plain(program: &Path, silent: Duration) -> Self {
        Self { program: program.to_owned(), scratch: None, silent }
    }

    /// A child for a lease; `card` is what it sees as its only card.
    pub(crate) fn worker(&self, card: Option<&str>) -> ChildProgram {
        self.child("worker", card)
    }

    /// A child that looks at the machine.
    pub(crate) fn check(&self, card: Option<&str>) -> ChildProgram {
        self.child("check", card)
    }

    /// How long a child may be silent.
    pub(crate) const fn limits(&self) -> Limits {
        Limits { silent: self.silent }
    }

    fn child(&self, whose: &str, card: Option<&str>) -> ChildProgram {
        let mut environment = Vec::new();
        if let Some(uuid) = card {
            environment.push(("CUDA_VISIBLE_DEVICES".to_owned(), uuid.to_owned()));
        }
        if let Some(scratch) = &self.scratch {
            environment.push(("TMPDIR".to_owned(), scratch.display().to_string()));
        }
        if cfg!(debug_assertions)
            && let Ok(faults) = std::env::var(FAULTS)
        {
            environment.push((FAULTS.to_owned(), faults));
        }
        let arguments = vec!["engine".to_owned(), whose.to_owned()];
        ChildProgram { executable: self.program.clone(), arguments, environment }
    }
}
