//! `run`: one file on this machine, with the coordinator and the worker of the cluster in this
//! process and nothing to start.
//!
//! State (journal, store) lies beside the output and goes when the movie is there. A run that was
//! ended, however it was ended, is taken up by the same command; what is kept is always named. What
//! would end in the same way again (bad input, a request without sense) leaves nothing.

mod alone;
mod machine;
mod state;

use std::path::Path;
use std::time::{Duration, Instant};

use cleanplate_store::Location;
use cleanplate_types::request::{EncoderChoice, Review};
use cleanplate_worker::check_machine;

use crate::arguments::RunArguments;
use crate::client::Client;
use crate::doctor::findings::{Finding, State};
use crate::doctor::seats;
use crate::exit::{Refusal, Status};
use crate::follow::{self, Waited};
use crate::job_state::{End, JobState};
use crate::progress::Progress;
use crate::request::Terms;
use crate::settings::Settings;
use crate::signals::Signals;
use crate::workers::card_for_people;
use crate::{place, plan, program, request, say, worker};

pub(crate) use alone::{Alone, Followed, work};

/// Does it.
///
/// # Errors
/// A refusal with the status of the contract; it names the state folder where one is kept.
pub(crate) async fn run(arguments: RunArguments, settings: &Settings) -> Result<Status, Refusal> {
    let RunArguments { input, output, workers, card, job, json } = arguments;
    let mut signals = Signals::listen()?;
    let began = Instant::now();
    let source = place::parse("the input", &input)?;
    let target = place::parse("the output", &output)?;
    place::check_input(&source)?;
    place::check_output(&source, &target)?;
    let save_plan = request::plan_target(&job.what)?;
    let terms = Terms { restart_default: true, review: Review::Go, keep_plan: save_plan.is_some() };
    let request = request::build(source.url(), target.url(), &job, terms).await?;
    let pretend = worker::pretended(card.as_deref(), settings)?;
    let mut progress = Progress::new(json);
    if let Some(card) = &pretend {
        progress.note(&format!(
            "note: a rehearsal on a card that is not here: {}",
            card_for_people(card)
        ));
    }
    if pretend.is_none() {
        has_encoder(request.encoder, settings).await?;
    }
    let alone = Alone {
        request,
        source: &source,
        folder: place::state_folder(&target, &|name| std::env::var(name).ok())?,
        slots: workers.or(settings.worker.slots),
        pretend,
    };
    // What the plan came to is told after the movie, which is there whatever became of the plan.
    let saved = async |client: &Client, ended: &JobState| Ok(save(client, ended, save_plan).await);
    let conclude = |ended: Followed<Result<Option<String>, Refusal>>| {
        let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        is_there(&ended.state, &target)?;
        let waited = Waited { ms, frames_before: ended.frames_before };
        let status = follow::conclude(&ended.state, &target.shown(), waited)?;
        if let Some(told) = ended.fetched? {
            say::note(&told);
        }
        Ok(status)
    };
    work(alone, settings, (&mut signals, &mut progress), saved, conclude).await
}

/// Refuses an encoder of a card that this machine has not, before the film is looked at for it.
async fn has_encoder(choice: EncoderChoice, settings: &Settings) -> Result<(), Refusal> {
    let EncoderChoice::Named(name) = choice else { return Ok(()) };
    if !name.is_hardware() {
        return Ok(());
    }
    let silent = Duration::from_millis(settings.worker.engine_silent_ms);
    let with = (&settings.models, settings.walls.clone());
    let machine = check_machine(&program::own()?, None, silent, with).await;
    let machine = machine.map_err(|error| Refusal::failed(error.to_string()))?;
    let Finding { state, detail, .. } = seats::encoder(&machine, name);
    if state == State::Works {
        return Ok(());
    }
    let text = format!(
        "this machine has no {name}: {detail}; leave out --encoder, or name {}",
        name.in_software()
    );
    Err(Refusal::new(Status::MachineLacks, text))
}

/// Writes the plan where one was asked for and something was removed; returns what to tell of it.
async fn save(
    client: &Client,
    ended: &JobState,
    path: Option<&Path>,
) -> Result<Option<String>, Refusal> {
    let (Some(path), Some(outcome)) = (path, &ended.outcome) else {
        return Ok(None);
    };
    match outcome.kind {
        End::Done => plan::save(client, &ended.job, path).await.map(Some),
        End::Unchanged => Ok(Some(plan::nothing_to_save(path))),
        End::Previewed | End::Abstained | End::Failed | End::Cancelled => Ok(None),
    }
}

/// Refuses to call done what an earlier run published and somebody took away since.
fn is_there(ended: &JobState, target: &Location) -> Result<(), Refusal> {
    let published = ended.outcome.as_ref().is_some_and(|outcome| match outcome.kind {
        End::Done | End::Unchanged => true,
        End::Previewed | End::Abstained | End::Failed | End::Cancelled => false,
    });
    match target.path() {
        Some(path) if published && !path.exists() => Err(Refusal::failed(format!(
            "an earlier run published {}, and it is not there any more; remove the state folder to \
             make it anew",
            path.display()
        ))),
        Some(_) | None => Ok(()),
    }
}
