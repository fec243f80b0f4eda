//! `workers`: lists the workers with card, tier, slots, encoders, speed, and whether they run models.

use cleanplate_proto::v1::{WorkerState, WorkersRequest};
use cleanplate_proto::{card_from_wire, v1 as pb};
use cleanplate_shapes::Worker;
use cleanplate_types::tier::Card;

use crate::arguments::ClientArguments;
use crate::client::Client;
use crate::exit::{Refusal, Status};
use crate::progress::thousandths;
use crate::say;
use crate::settings::Settings;

/// Does it.
///
/// # Errors
/// A refusal where nobody answers.
pub(crate) async fn run(client: ClientArguments, settings: &Settings) -> Result<Status, Refusal> {
    let connected = Client::of(settings, &client).await?;
    let reply = connected.jobs.clone().workers(WorkersRequest {}).await;
    let workers = reply.map_err(|reply| connected.refusal(&reply))?.into_inner().workers;
    if client.json {
        workers.into_iter().map(Worker::from).try_for_each(|worker| say::json(&worker))?;
        return Ok(Status::Done);
    }
    if workers.is_empty() {
        say::note("no worker is attached; start one with `cleanplate worker --coordinator URL`");
        return Ok(Status::Done);
    }
    let head = ["WORKER", "STATE", "CARD", "TIER", "BUSY", "FPS", "ENCODERS", "MODELS", "NOTE"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(workers.iter().map(row));
    say::table(&rows)?;
    Ok(Status::Done)
}

fn names(encoders: &[pb::EncoderProof]) -> Vec<&str> {
    encoders.iter().map(|proof| proof.name.as_str()).collect()
}

fn row(worker: &WorkerState) -> Vec<String> {
    vec![
        worker.worker.clone(),
        worker.state.clone(),
        card_for_people(&card_from_wire(worker.card.clone())),
        worker.tier.clone(),
        format!("{}/{}", worker.busy, worker.slots),
        thousandths(worker.fps_milli),
        names(&worker.encoders).join(","),
        if worker.runtime.is_empty() { "no".to_owned() } else { "yes".to_owned() },
        worker.note.clone(),
    ]
}

/// A card as a line of text.
pub(crate) fn card_for_people(card: &Card) -> String {
    match card {
        Card::None => "none".to_owned(),
        Card::Gpu { name, pretended, .. } => {
            let gib = card.vram_gib().unwrap_or(0);
            let mark = if *pretended { " (pretended)" } else { "" };
            format!("{name} {gib} GiB{mark}")
        }
    }
}
