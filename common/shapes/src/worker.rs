//! A worker as JSON.

use cleanplate_proto::{card_from_wire, v1 as pb};
use cleanplate_types::digest::Sha;
use cleanplate_types::tier::Card;
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
        }
    }
}
