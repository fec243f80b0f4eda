//! `run`: one file on this machine, with the coordinator and the worker of the cluster in this
//! process and nothing to start.
//!
//! State (journal, store) lies beside the output and goes when the movie is there. A run that was
//! ended, however it was ended, is taken up by the same command; what is kept is always named. What
//! would end in the same way again (bad input, a request without sense) leaves nothing.

mod alone;
mod encoder;
mod machine;
mod state;

use std::path::Path;
use std::time::Instant;

use cleanplate_store::Location;
use cleanplate_types::request::Review;

use crate::arguments::RunArguments;
use crate::client::Client;
use crate::exit::{Refusal, Status};
use crate::follow::{self, Waited};
use crate::job_state::{End, JobState};
use crate::progress::Progress;
use crate::request::Terms;
use crate::settings::Settings;
use crate::signals::Signals;
use crate::workers::card_for_people;
use crate::{place, plan, request, say, worker};

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
