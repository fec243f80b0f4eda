//! What a worker is started with, how it is asked to end, and how it ended.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cleanplate_access::{Dialer, JoinToken};
use cleanplate_child::{ChildEnd, WallsPolicy};
use cleanplate_store::StoreError;
use cleanplate_types::failure::Failure;
use cleanplate_types::ids::WorkerId;
use cleanplate_types::limits::{OutputLimit, SourceLimits};
use cleanplate_types::tier::Card;
use serde::{Deserialize, Serialize};
use tonic::transport::Channel;

use crate::job_models::ModelsFor;
use crate::tally::Tally;

/// How a worker is to work.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// Its name; `None` makes one of the host's name and the process's id.
    pub name: Option<WorkerId>,
    /// Folder for temporary files of the engine processes; `None` is the system's.
    pub scratch: Option<PathBuf>,
    /// A card to pretend, for rehearsals; no other is looked for then.
    pub pretend: Option<Card>,
    /// Leases that it works on at a time, for each card; `None` is one for each core without a
    /// card, and two with one.
    pub slots: Option<u32>,
    /// Encoders of cards that may be open at once on this machine; `None` tries it out.
    pub sessions: Option<u32>,
    /// It leaves when it had nothing to do for so long; `None` never.
    pub idle_exit: Option<Duration>,
    /// An engine process that says nothing for so long is taken for hung and killed.
    pub engine_silent: Duration,
    /// What is around the engine processes.
    pub walls: WallsPolicy,
    /// How much is accepted.
    pub limits: WorkerLimits,
    /// Where it counts what it has done, for whoever wants to know.
    pub tally: Tally,
    /// Where models are.
    pub models: ModelOptions,
    /// The models that it may have to run; where there are none, what runs them is not tried out.
    pub models_for: ModelsFor,
    /// The executable whose children are `PROGRAM engine worker` and `PROGRAM engine check`: this
    /// product's own.
    pub program: PathBuf,
}

/// How much a worker accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerLimits {
    /// Of a source.
    pub source: SourceLimits,
    /// Of what a lease writes.
    pub output: OutputLimit,
    /// Bytes of disk that are set aside for a lease before it is begun, where the store is on this machine
    /// (`limits.disk`).
    pub disk_bytes: u64,
}

impl Default for WorkerLimits {
    /// A minute of video in parts is some 64 MiB.
    fn default() -> Self {
        let (source, output) = (SourceLimits::USUAL, OutputLimit::default());
        Self { source, output, disk_bytes: 64 << 20 }
    }
}

/// Where models, and what runs them, are on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelOptions {
    /// The folder of the installed models.
    pub folder: PathBuf,
    /// ONNX Runtime's library; `None` looks for it.
    pub runtime: Option<PathBuf>,
    /// Bytes of other models that are kept on this machine, at most.
    pub cache_bytes: u64,
}

impl ModelOptions {
    /// The folder in which models are kept that jobs bring: of the scratch folder, where there is one.
    pub(crate) fn cache(&self, scratch: Option<&Path>) -> PathBuf {
        scratch.map_or_else(|| self.folder.join("cache"), |scratch| scratch.join("models"))
    }
}

/// Where the coordinator is.
#[derive(Debug, Clone)]
pub enum Coordinators {
    /// At one of these addresses; they are tried in turn.
    Addresses(Addresses),
    /// In this process.
    InProcess(Channel),
}

/// Where coordinators are, and how they are spoken to.
#[derive(Debug, Clone, Default)]
pub struct Addresses {
    /// Their URLs.
    pub urls: Vec<String>,
    /// By which roots and which certificate.
    pub dialer: Dialer,
    /// What is exchanged for a credential; with none, this worker shows its certificate or nothing.
    pub join: Option<JoinToken>,
}

/// What a worker is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stop {
    /// Work.
    Run,
    /// Finish what it holds, take nothing new, then leave.
    Drain,
    /// The machine is taken away then: finish what fits, hand in what is done, give the rest back. Of two
    /// moments the earlier counts.
    By(Reverse<Instant>),
    /// Drop everything and leave.
    Now,
}

/// Why a worker ended in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ended {
    /// It was asked to stop.
    Stopped,
    /// The coordinator drained it, and it has finished what it held.
    Drained,
    /// It was asked to go ([`Stop::Drain`]), and has finished what it held.
    Asked,
    /// Its machine is taken away ([`Stop::By`]): it has handed in and given back what it held.
    Taken,
    /// It had nothing to do for as long as it was told to wait.
    Idle,
}

/// Why a worker cannot work.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// No address was given.
    #[error("a worker needs the address of its coordinator")]
    NoCoordinator,
    /// An address is none, or cannot be reached with these files, or the join token cannot be read or sent.
    #[error("{0}")]
    Dial(String),
    /// The coordinator will not have this worker, however often it asks.
    #[error("the coordinator refuses this worker: {0}")]
    Refused(String),
    /// The coordinator's store cannot be used from here.
    #[error("the coordinator's store cannot be used from here: {0}")]
    Store(#[source] Box<StoreError>),
    /// What is at the store's place here is another one.
    #[error(
        "the store {store} is not the coordinator's as it is seen from here: let it be mounted or named alike on \
         both machines"
    )]
    OtherStore {
        /// Its URL.
        store: String,
    },
    /// The folder for temporary files cannot be made.
    #[error("the scratch folder {} cannot be used: {source}", .path.display())]
    Scratch {
        /// Which folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The engine process does not work on this machine.
    #[error(
        "the engine does not work here: {0}; where it was only too slow, the machine is too busy: try again"
    )]
    Engine(#[source] Box<ChildEnd>),
    /// The engine process answered what makes no sense.
    #[error("the engine process answered what makes no sense: {0}")]
    EngineAnswer(#[source] postcard::Error),
    /// No encoder came through its proof.
    #[error("no encoder works here: {0}")]
    NoEncoder(String),
    /// The only job here has a model that cannot be run.
    #[error("{0}")]
    Model(Box<Failure>),
    /// A bug: a part of the worker ended that should not.
    #[error("{0}")]
    Internal(String),
}
