//! How this worker's children are started: which program, which card they see, what they are told
//! by their environment, and which walls are around them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cleanplate_child::{ChildProgram, Limits, Walls, WallsMode, WallsPolicy};

use crate::order::{CheckOrder, Means};

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
    /// What is around them.
    pub(crate) walls: WallsPolicy,
}

impl Engine {
    /// An engine whose children keep temporary files where the system says.
    pub(crate) fn plain(program: &Path, silent: Duration, walls: WallsPolicy) -> Self {
        Self { program: program.to_owned(), scratch: None, silent, walls }
    }

    /// A child for a lease; `uuid` is what it sees as its only card, `means` what it works by.
    pub(crate) fn worker(&self, uuid: Option<&str>, means: &Means) -> ChildProgram {
        let reads = means.runtime.as_deref().map(beside).unwrap_or_default();
        self.child("worker", uuid, self.around(means.card, reads))
    }

    /// A child that looks at the machine.
    pub(crate) fn check(&self, uuid: Option<&str>, order: &CheckOrder) -> ChildProgram {
        let CheckOrder { encoders: _, card, models, sessions: _, own } = order;
        let walls = match (models, own) {
            // It looks for what runs models, by Python too, and reads no bytes but those of this machine's own files.
            (Some(_), _) => Walls { mode: WallsMode::Off, ..Walls::default() },
            (None, Some(own)) => {
                let models = own.models.iter().map(|model| model.path.clone());
                self.around(*card, beside(&own.runtime).into_iter().chain(models).collect())
            }
            (None, None) => self.around(*card, Vec::new()),
        };
        self.child("check", uuid, walls)
    }

    fn around(&self, card: Option<u32>, reads: Vec<PathBuf>) -> Walls {
        match card {
            Some(_) => self.walls.card(reads),
            None => self.walls.processor(reads),
        }
    }

    /// How long a child may be silent.
    pub(crate) const fn limits(&self) -> Limits {
        Limits { silent: self.silent }
    }

    fn child(&self, whose: &str, card: Option<&str>, walls: Walls) -> ChildProgram {
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
        ChildProgram { executable: self.program.clone(), arguments, environment, walls }
    }
}

/// The folders that a library loads others from: its own, and where Python keeps a card's libraries beside it.
fn beside(library: &Path) -> Vec<PathBuf> {
    let real = library.canonicalize().unwrap_or_else(|_gone| library.to_owned());
    let own = [library, &real].into_iter().filter_map(Path::parent).map(Path::to_owned);
    let packages = real.ancestors().nth(3).map(|packages| packages.join("nvidia"));
    own.chain(packages).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine() -> Engine {
        Engine::plain(Path::new("/x"), Duration::from_secs(1), WallsPolicy::default())
    }

    #[test]
    fn what_looks_for_pythons_libraries_has_no_walls_and_what_opens_a_jobs_model_has() {
        let order = CheckOrder { own: None, models: None, ..CheckOrder::default() };
        assert_eq!(engine().check(None, &order).walls.mode, WallsMode::On);
        let options = crate::options::ModelOptions {
            folder: PathBuf::from("/m"),
            runtime: None,
            cache_bytes: 0,
        };
        let order = CheckOrder { models: Some(options), ..CheckOrder::default() };
        assert_eq!(engine().check(None, &order).walls.mode, WallsMode::Off);
    }

    #[test]
    fn a_library_may_load_its_neighbours() {
        let folders = beside(Path::new("/p/onnxruntime/capi/libonnxruntime.so"));
        assert_eq!(folders[0], Path::new("/p/onnxruntime/capi"));
        assert_eq!(folders[2], Path::new("/p/nvidia"));
    }
}
