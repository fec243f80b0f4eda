//! What this machine is worth to the fleet: its cards, their tiers, the encoders that work here.
//!
//! Owns the look at the machine, done once at a worker's start and by `doctor`. Refuses to believe
//! a library's list of encoders: each makes a real test picture, in a child process.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cleanplate_child::{WallsPolicy, WallsReport, run_child};
use cleanplate_types::digest::Sha;
use cleanplate_types::encode::{EncoderName, EncoderProof};
use cleanplate_types::model::ModelClass;
use cleanplate_types::tier::{Card, Tier};
use cleanplate_vision::{Found, find_cards};
use serde::{Deserialize, Serialize};

use crate::lease::NoHost;
use crate::options::{ModelOptions, WorkerError};
use crate::order::{CheckOrder, Checked};
use crate::program::Engine;
use crate::sessions::{Sessions, Source};

/// What was found.
#[derive(Debug, Clone)]
pub struct MachineReport {
    /// What is computed on: one for each card, or one without a card.
    pub seats: Vec<Seat>,
    /// Why there is no card; `None` where there is one.
    pub no_card: Option<String>,
    /// libav's versions, as the engine process loaded it.
    pub library: String,
    /// What runs models here, or why nothing does.
    pub models: Result<ProvedRuntime, String>,
    /// The walls around engine processes here; none where the process did not tell.
    pub walls: Option<WallsReport>,
}

/// An ONNX Runtime that made a real inference, and the models that are installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvedRuntime {
    /// Its version.
    pub version: String,
    /// Its library.
    pub path: PathBuf,
    /// The models that are installed and came through their proof, by name.
    pub installed: Vec<(String, Sha)>,
    /// Those that are not, and why.
    pub missing: Vec<(String, String)>,
    /// On what frames can be painted, the best first.
    pub classes: Vec<ModelClass>,
}

impl ProvedRuntime {
    /// The hashes of the installed models.
    pub(crate) fn hashes(&self) -> Vec<Vec<u8>> {
        self.installed.iter().map(|(_, sha)| sha.0.to_vec()).collect()
    }

    /// Its classes, in words.
    pub(crate) fn class_words(&self) -> Vec<String> {
        self.classes.iter().map(ToString::to_string).collect()
    }
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

/// A driver that wakes up, or a machine that is busy with other work, may take longer than an engine at work is
/// allowed to be silent; one that is taken for broken gets no work for as long as it runs.
const CHECK_SILENT_MIN: Duration = Duration::from_secs(180);

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
    (models, walls): (&ModelOptions, WallsPolicy),
) -> Result<MachineReport, WorkerError> {
    look(&Engine::plain(program, engine_silent, walls), pretend, Some(models)).await
}

/// [`check_machine`], by an engine that is set up already; without `models` nothing that runs them is proved.
pub(crate) async fn look(
    engine: &Engine,
    pretend: Option<Card>,
    models: Option<&ModelOptions>,
) -> Result<MachineReport, WorkerError> {
    let (mut seats, no_card) = seats(pretend);
    let software: Vec<_> =
        EncoderName::ALL.into_iter().filter(|name| !name.is_hardware()).collect();
    let order = CheckOrder { encoders: software, ..CheckOrder::default() };
    let Checked { library, encoders, walls, .. } = ask(engine, order, None).await?;
    for seat in &mut seats {
        seat.settle(encoders.clone());
        if seat.card != Card::None {
            let hardware: Vec<_> =
                EncoderName::ALL.into_iter().filter(|name| name.is_hardware()).collect();
            seat.settle(prove(engine, seat, &hardware).await);
        }
    }
    let models = match models {
        Some(models) => prove_models(engine, models).await,
        None => Err("no job here needs models".to_owned()),
    };
    Ok(MachineReport { seats, no_card, library, models, walls })
}

/// Proves encoders of `seat` (again); a child that dies of it has proved that they do not work.
pub(crate) async fn prove(
    engine: &Engine,
    seat: &Seat,
    names: &[EncoderName],
) -> Vec<(EncoderName, Result<EncoderProof, String>)> {
    let encoders = names.to_vec();
    let order = CheckOrder { encoders, card: seat.ordinal(), ..CheckOrder::default() };
    match ask(engine, order, seat.uuid.as_deref()).await {
        Ok(checked) => checked.encoders,
        Err(error) => names.iter().map(|name| (*name, Err(error.to_string()))).collect(),
    }
}

/// Proves what runs models, in a child of its own: a library that brings it down brings down nothing else.
async fn prove_models(engine: &Engine, models: &ModelOptions) -> Result<ProvedRuntime, String> {
    let order = CheckOrder { models: Some(models.clone()), ..CheckOrder::default() };
    match ask(engine, order, None).await {
        Ok(Checked { models: Some(proof), .. }) => proof,
        Ok(Checked { models: None, .. }) => Err("the engine said nothing of it".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Counts the sessions that the cards' encoders have on this machine, where it was not told how many: by opening
/// one for each of `slots` on one card, since consumer cards share one limit. Where no card encodes, or a child
/// dies of it, there is one for each slot, and who finds none is told so when it opens its encoder.
pub(crate) async fn sessions(
    engine: &Engine,
    seats: &[Seat],
    slots: u32,
    told: Option<u32>,
) -> Sessions {
    if let Some(told) = told {
        return Sessions::new(told, Source::Told);
    }
    let encoder = |seat: &Seat| seat.encoders.iter().map(|it| it.name).find(|it| it.is_hardware());
    let found = seats.iter().find_map(|seat| Some((seat, encoder(seat)?)));
    let Some((seat, name)) = found.filter(|_| slots > 1) else {
        return Sessions::new(slots, Source::Slots);
    };
    let (card, sessions) = (seat.ordinal(), Some((name, slots)));
    let order = CheckOrder { card, sessions, ..CheckOrder::default() };
    match ask(engine, order, seat.uuid.as_deref()).await {
        Ok(Checked { sessions: Some((open, Some(why))), .. }) => {
            Sessions::new(open, Source::Proved(why))
        }
        Ok(Checked { sessions: Some((_, None)), .. }) => Sessions::new(slots, Source::Slots),
        Ok(Checked { sessions: None, .. }) => {
            tracing::warn!("encoder sessions not counted: the engine said nothing of them");
            Sessions::new(slots, Source::Slots)
        }
        Err(error) => {
            tracing::warn!("encoder sessions not counted: {error}");
            Sessions::new(slots, Source::Slots)
        }
    }
}

/// Asks a child that looks at the machine.
///
/// # Errors
/// [`WorkerError::Engine`] and [`WorkerError::EngineAnswer`].
pub(crate) async fn ask(
    engine: &Engine,
    order: CheckOrder,
    uuid: Option<&str>,
) -> Result<Checked, WorkerError> {
    let request = postcard::to_stdvec(&order).map_err(WorkerError::EngineAnswer)?;
    let mut limits = engine.limits();
    limits.silent = limits.silent.max(CHECK_SILENT_MIN);
    let (program, host) = (engine.check(uuid, &order), Arc::new(NoHost::default()));
    let answer = run_child(&program, request, Arc::clone(&host) as _, limits).await;
    let answer = answer.map_err(|end| WorkerError::Engine(Box::new(end)))?;
    let checked: Checked = postcard::from_bytes(&answer).map_err(WorkerError::EngineAnswer)?;
    Ok(Checked { walls: host.walls(), ..checked })
}

fn seats(pretend: Option<Card>) -> (Vec<Seat>, Option<String>) {
    if let Some(card @ Card::Gpu { .. }) = pretend {
        return (vec![Seat::new(card)], None);
    }
    match find_cards() {
        Found::Cards(cards) => {
            let seats = cards.into_iter().map(|found| {
                let seat = Seat::new(found.card());
                Seat { uuid: Some(found.uuid), driver: Some(found.driver), ..seat }
            });
            (seats.collect(), None)
        }
        Found::None { why } => (vec![Seat::new(Card::None)], Some(why)),
    }
}

impl Seat {
    fn new(card: Card) -> Self {
        let tier = card.tier();
        let batches = batches(&tier);
        let (encoders, refused) = (Vec::new(), Vec::new());
        Self { card, uuid: None, driver: None, tier, batches, encoders, refused }
    }

    /// The card as a child counts: each child sees one card at most.
    #[must_use]
    pub const fn ordinal(&self) -> Option<u32> {
        match self.card {
            Card::None => None,
            Card::Gpu { .. } => Some(0),
        }
    }

    fn settle(&mut self, proofs: Vec<(EncoderName, Result<EncoderProof, String>)>) {
        for (name, proof) in proofs {
            match proof {
                Ok(proof) => self.encoders.push(proof),
                Err(why) => self.refused.push(RefusedEncoder { name, why }),
            }
        }
    }
}

fn log_walls(walls: Option<&WallsReport>) {
    let unknown = || "walls: the engine process did not tell of them".to_owned();
    let words = walls.map_or_else(unknown, ToString::to_string);
    if walls.is_some_and(WallsReport::is_whole) {
        tracing::info!("{words}");
    } else {
        tracing::warn!("{words}");
    }
}

impl MachineReport {
    /// Writes what was found to the log, each fallback with its reason.
    pub fn log(&self) {
        log_walls(self.walls.as_ref());
        if let Some(why) = &self.no_card {
            tracing::info!("no GPU: {why}");
        }
        for seat in &self.seats {
            seat.log_card();
            seat.log_tier();
            seat.log_encoders();
        }
        match &self.models {
            Ok(proved) => proved.log(),
            Err(why) => tracing::info!("no models: {why}"),
        }
    }
}

impl Seat {
    fn log_card(&self) {
        let Self { card, uuid, driver, .. } = self;
        let Card::Gpu { name, vram_mib, pretended } = card else { return };
        let gib = card.vram_gib().unwrap_or(0);
        let pretended = if *pretended { " (pretended)" } else { "" };
        tracing::info!(vram_mib, ?uuid, ?driver, "detected GPU: {name} with {gib} GiB{pretended}");
    }

    fn log_tier(&self) {
        let Self { tier, batches: Batches { detect, fill }, .. } = self;
        let frames = tier.segment_frames;
        tracing::info!(
            row = tier.name,
            "tier: detect batch {detect}, fill batch {fill}, segment frames {frames}"
        );
    }

    fn log_encoders(&self) {
        for proof in &self.encoders {
            tracing::info!(build = proof.build, "encoder proved: {}", proof.name);
        }
        self.refused.iter().for_each(RefusedEncoder::log);
    }
}

impl ProvedRuntime {
    fn log(&self) {
        let names: Vec<&str> = self.installed.iter().map(|(name, _)| name.as_str()).collect();
        let path = self.path.display();
        tracing::info!(%path, "ONNX Runtime {} proved; models: {}", self.version, names.join(", "));
        for (name, why) in &self.missing {
            tracing::info!("no model `{name}`: {why}");
        }
    }
}

impl RefusedEncoder {
    fn log(&self) {
        let Self { name, why } = self;
        if name.is_hardware() {
            tracing::warn!("fallback: {name} -> {}: {why}", name.in_software());
        } else {
            tracing::warn!("encoder not offered: {name}: {why}");
        }
    }
}

/// The row's batches.
const fn batches(tier: &Tier) -> Batches {
    Batches { detect: tier.detect_batch, fill: tier.fill_batch }
}

/// Cores that this process may use.
pub(crate) fn cores() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    u32::try_from(cores).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_has_the_batches_of_its_row() {
        let card = Card::Gpu { name: "RTX 4080".to_owned(), vram_mib: 16_376, pretended: true };
        let seat = Seat::new(card);
        assert_eq!(seat.batches, Batches { detect: 24, fill: 12 });
        assert_eq!((seat.ordinal(), seat.tier.segment_frames), (Some(0), 360));
    }

    #[test]
    fn without_a_card_frames_go_one_by_one() {
        assert_eq!(batches(&Card::None.tier()), Batches { detect: 1, fill: 1 });
    }
}
