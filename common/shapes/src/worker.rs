//! A worker as JSON.

use cleanplate_proto::{card_from_wire, load_from_wire, v1 as pb};
use cleanplate_types::digest::Sha;
use cleanplate_types::tier::{Card, CardLoad};
use serde::Serialize;

/// A worker. The names of its fields are those of `--json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Worker {
    /// Its name.
    pub worker: String,
    /// attached, silent, draining, leaving, `set_aside`, `crash_loop`, away.
    pub state: String,
    /// What it computes on; nothing where it has no card.
    pub card: Option<WorkerCard>,
    /// The row of the table of tiers.
    pub tier: String,
    /// Leases that it can hold.
    pub slots: u32,
    /// Leases that it holds.
    pub busy: u32,
    /// Measured speed of one slot in thousandths of a frame a second; 0 until it is known.
    pub fps_milli: u32,
    /// The encoders that it has proved.
    pub encoders: Vec<WorkerEncoder>,
    /// Frames that it has handed in.
    pub frames_done: u64,
    /// Why it gets no work, where it gets none.
    pub note: String,
    /// Version of its program.
    pub version: String,
    /// Version of the ONNX Runtime that came through its proof.
    pub runtime: Option<String>,
    /// SHA-256 of its models, in hexadecimal.
    pub models: Vec<String>,
    /// What its card is doing; nothing where its driver does not tell.
    pub load: Option<WorkerLoad>,
}

/// What the card of a worker is doing, with all that runs on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct WorkerLoad {
    /// How much of the last second or so it was busy, in percent.
    pub busy_percent: Option<u32>,
    /// Its temperature.
    pub celsius: Option<u32>,
    /// Its memory in use, in MiB.
    pub used_mib: Option<u64>,
}

impl WorkerLoad {
    /// As a few words; empty where nothing is known.
    #[must_use]
    pub fn words(&self) -> String {
        let busy = self.busy_percent.map(|percent| format!("{percent} % busy"));
        let warm = self.celsius.map(|celsius| format!("{celsius} \u{b0}C"));
        let used = self.used_mib.map(|mib| format!("{mib} MiB"));
        busy.into_iter().chain(warm).chain(used).collect::<Vec<_>>().join(", ")
    }
}

/// The card of a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkerCard {
    /// What it is sold as.
    pub name: String,
    /// Its memory in MiB.
    pub vram_mib: u64,
    /// It is only said to be there, for tests.
    pub pretended: bool,
}

/// An encoder of a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkerEncoder {
    /// Its name.
    pub name: String,
    /// Its build.
    pub build: String,
}

impl From<pb::WorkerState> for Worker {
    fn from(state: pb::WorkerState) -> Self {
        let pb::WorkerState {
            worker,
            state,
            card,
            tier,
            slots,
            busy,
            fps_milli,
            encoders,
            frames_done,
            note,
            version,
            runtime,
            models,
            load,
        } = state;
        let card = match card_from_wire(card) {
            Card::None => None,
            Card::Gpu { name, vram_mib, pretended } => {
                Some(WorkerCard { name, vram_mib, pretended })
            }
        };
        let encoder = |proof: pb::EncoderProof| {
            let pb::EncoderProof { name, build } = proof;
            WorkerEncoder { name, build }
        };
        let hex = |sha: Vec<u8>| Sha::from_slice(&sha).map(|sha| sha.to_string());
        Self {
            worker,
            state,
            card,
            tier,
            slots,
            busy,
            fps_milli,
            encoders: encoders.into_iter().map(encoder).collect(),
            frames_done,
            note,
            version,
            runtime: Some(runtime).filter(|version| !version.is_empty()),
            models: models.into_iter().map(|sha| hex(sha).unwrap_or_default()).collect(),
            load: load.map(|load| {
                let CardLoad { busy_percent, celsius, used_mib } = load_from_wire(load);
                WorkerLoad { busy_percent, celsius, used_mib }
            }),
        }
    }
}
