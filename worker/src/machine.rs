//! What this machine is worth to the fleet: its cards, their tiers, the encoders that work here.

use std::path::Path;
use std::time::Duration;

use cleanplate_types::encode::{EncoderName, EncoderProof};
use cleanplate_types::tier::{Card, Tier};
use serde::{Deserialize, Serialize};

use crate::options::WorkerError;

/// What was found.
#[derive(Debug, Clone)]
pub struct MachineReport {
    /// What is computed on: one for each card, or one without a card.
    pub seats: Vec<Seat>,
    /// Why there is no card; `None` where there is one.
    pub no_card: Option<String>,
    /// libav's versions, as the engine process loaded it.
    pub library: String,
}

/// A card, or the processor where there is none, with what it can do.
#[derive(Debug, Clone)]
pub struct Seat {
    /// The card.
    pub card: Card,
    /// Its name for `CUDA_VISIBLE_DEVICES`; `None` for a pretended one and for none.
    pub uuid: Option<String>,
    /// Version of its driver, where there is one.
    pub driver: Option<String>,
    /// Its row of the tier table.
    pub tier: Tier,
    /// How much is handed to detectors and fills at a time.
    pub batches: Batches,
    /// The encoders that made a real test picture.
    pub encoders: Vec<EncoderProof>,
    /// The encoders that did not, and why.
    pub refused: Vec<RefusedEncoder>,
}

/// An encoder that did not come through its proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedEncoder {
    /// Which.
    pub name: EncoderName,
    /// Why, with the library's own words.
    pub why: String,
}

/// How many frames go into one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batches {
    /// Of a detector.
    pub detect: u32,
    /// Of a fill.
    pub fill: u32,
}

/// Looks at this machine: finds its cards (or takes the one that is pretended) and proves the
/// encoders in child processes of `program`.
///
/// # Errors
/// [`WorkerError::Engine`] where the engine process does not even prove the software encoders;
/// what a card lacks is part of the report.
pub async fn check_machine(
    program: &Path,
    pretend: Option<Card>,
    engine_silent: Duration,
) -> Result<MachineReport, WorkerError> {
    drop((program, pretend, engine_silent));
    std::future::ready(Err(WorkerError::Internal("not yet".to_owned()))).await
}
