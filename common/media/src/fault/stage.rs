//! Faults of a child before its work: it dies, hangs, eats or turns in circles, as a hostile file would have it.
//!
//! Acts itself, unlike the other switches: what it plays is a parser that a file has taken over, for which there is no
//! real path. Written as `NAME@STAGE` or `NAME@STAGE:FILE`, where the stage is `intake` or `stitch`.

use std::path::PathBuf;

use cleanplate_types::access::ReadAt;
use cleanplate_types::failure::Stage;

use super::faults;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageFault {
    /// What.
    pub kind: StageFaultKind,
    /// Before which work.
    pub stage: Stage,
    /// Made when it strikes; without it the fault strikes every time.
    pub file: Option<PathBuf>,
}

/// See the top of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StageFaultKind {
    /// `crash`: the process aborts.
    Crash,
    /// `hang`: it says nothing more.
    Hang,
    /// `eat`: it takes memory until it gets no more.
    Eat,
    /// `spin`: it reads the source over and over.
    Spin,
}

impl StageFaultKind {
    const ALL: [(&'static str, Self); 4] =
        [("crash", Self::Crash), ("hang", Self::Hang), ("eat", Self::Eat), ("spin", Self::Spin)];
}

impl StageFault {
    /// The fault that `switch` names; nothing where it is another one.
    pub(super) fn parse(switch: &str) -> Option<Self> {
        let (name, place) = switch.split_once('@')?;
        let (_, kind) = StageFaultKind::ALL.into_iter().find(|(known, _)| *known == name)?;
        let (stage, file) = match place.split_once(':') {
            Some((stage, file)) => (stage, Some(PathBuf::from(file))),
            None => (place, None),
        };
        let stage = Stage::parse(stage)?;
        Some(Self { kind, stage, file })
    }

    fn strikes(&self) -> bool {
        // `create_new` is what makes one of several processes the first.
        self.file.as_deref().is_none_or(|file| std::fs::File::create_new(file).is_ok())
    }
}

/// Plays the faults of `stage`, where a test asks for one; release builds have none. `source` is what would be read.
pub fn strike(stage: Stage, source: &dyn ReadAt) {
    let due = faults().stages.iter().find(|fault| fault.stage == stage && fault.strikes());
    match due.map(|fault| fault.kind) {
        None => {}
        Some(StageFaultKind::Crash) => std::process::abort(),
        Some(StageFaultKind::Hang) => loop {
            std::thread::park();
        },
        Some(StageFaultKind::Eat) => eat(),
        Some(StageFaultKind::Spin) => {
            let mut buffer = vec![0; 1 << 20];
            while source.read_at(0, &mut buffer).is_ok() {}
        }
    }
}

/// Takes memory, and writes to it so that it is really there, until the allocator ends the process.
pub fn eat() {
    let mut eaten = Vec::new();
    loop {
        let bite = vec![1_u8; 16 << 20];
        eaten.push(std::hint::black_box(bite));
    }
}
