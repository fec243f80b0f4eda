//! `run`: one file on this machine, with the coordinator and the worker of the cluster in this
//! process and nothing to start.
//!
//! State (journal, store) lies beside the output and goes when the movie is there. A run that was
//! ended, however it was ended, is taken up by the same command; what is kept is always named. What
//! would end in the same way again (bad input, a request without sense) leaves nothing.

mod machine;
mod state;

use std::time::Instant;

use cleanplate_proto::v1 as pb;
use cleanplate_store::{Location, SourceReader};
use cleanplate_types::digest::Sha;
use cleanplate_types::failure::FailureKind;
use cleanplate_types::request::JobRequest;
use tonic::Code;

use crate::arguments::RunArguments;
use crate::client::Client;
use crate::exit::{Refusal, Status};
use crate::follow::{self, Waited};
use crate::job_state::{End, JobState};
use crate::progress::Progress;
use crate::run::machine::Machine;
use crate::run::state::{State, Ticket};
use crate::settings::Settings;
use crate::signals::Signals;
use crate::workers::card_for_people;
use crate::{place, request, worker};

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
    let request = request::build(source.url(), target.url(), &job, true)?;
    let pretend = worker::pretended(card.as_deref().or(settings.worker.card.as_deref()))?;
    let ticket = ticket(&request, &source).await?;
    let folder = place::state_folder(&target, &|name| std::env::var(name).ok())?;
    let state = State::take(&folder, &ticket)?;

    let mut progress = Progress::new(json);
    if state.resumed {
        progress.note("note: takes up an earlier run of this command, finished cells are kept");
    }
    if let Some(card) = &pretend {
        progress.note(&format!(
            "note: a rehearsal on a card that is not here: {}",
            card_for_people(card)
        ));
    }
    let slots = workers.or(settings.worker.slots);
    let ended = match Machine::start(&state, settings, slots, pretend).await {
        Ok(mut machine) => {
            let client = machine.client();
            let ended = tokio::select! {
                ended = to_the_end(&client, request, &ticket.job, &mut progress) => ended,
                died = machine.died() => Err(died),
                status = signals.next() => Err(Refusal::new(status, "stopped by a signal")),
            };
            progress.end();
            signals.unless_repeated(machine.stop()).await;
            ended
        }
        Err(refusal) => Err(refusal),
    };
    let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let ended = ended.and_then(|(ended, frames_before)| {
        is_there(&ended, &target)?;
        follow::conclude(&ended, &target.shown(), Waited { ms, frames_before })
    });
    leave(ended, state)
}

/// The ticket of a command: the same request of the same source by the same program.
async fn ticket(request: &JobRequest, source: &Location) -> Result<Ticket, Refusal> {
    let opened = SourceReader::open(source, None).await;
    let opened =
        opened.map_err(|error| Refusal::new(Status::of(error.kind()), error.to_string()))?;
    let meta = opened.head();
    let command = serde_json::to_string(request)
        .map_err(|error| Refusal::failed(format!("the request cannot be written: {error}")))?;
    let all = format!("{command} {} {:?} {}", meta.bytes, meta.version, env!("CARGO_PKG_VERSION"));
    let digest: String = Sha::of(all.as_bytes()).to_string().chars().take(16).collect();
    // As it was typed, less the name of the program, which may be a long path.
    let typed = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
    Ok(Ticket { job: format!("run-{digest}"), command: format!("cleanplate {typed}") })
}

/// Submits the job, or takes up the one that is in the journal, and follows it to its end. Returns
/// its last state, and how many frames were done before.
async fn to_the_end(
    client: &Client,
    request: JobRequest,
    job: &str,
    progress: &mut Progress,
) -> Result<(JobState, u64), Refusal> {
    let mut jobs = client.jobs.clone();
    let earlier = match jobs.show(pb::ShowRequest { job: job.to_owned() }).await {
        Ok(shown) => shown.into_inner().state,
        Err(reply) if reply.code() == Code::NotFound => None,
        Err(reply) => return Err(client.refusal(&reply)),
    };
    let taken_up = earlier.is_some();
    let frames_before = earlier.as_ref().map_or(0, |state| state.frames_done);
    let ended = earlier.and_then(|state| state.outcome).map(|outcome| outcome.kind);
    if matches!(ended.as_deref(), Some("failed" | "cancelled")) {
        retry(client, job).await?;
    } else {
        // The same id is the same job: one that is there already stays as it is.
        let submit = pb::SubmitRequest { request: Some(request.into()), job: Some(job.to_owned()) };
        jobs.submit(submit).await.map_err(|reply| client.refusal(&reply))?;
    }
    let ended = follow::to_the_end(client, job, progress).await?;
    if taken_up && was_lost_too_often(&ended) {
        progress.note("note: earlier runs ended in the middle of the same work, it is tried again");
        retry(client, job).await?;
        return Ok((follow::to_the_end(client, job, progress).await?, frames_before));
    }
    Ok((ended, frames_before))
}

async fn retry(client: &Client, job: &str) -> Result<(), Refusal> {
    let request = pb::RetryRequest { job: job.to_owned() };
    let reply = client.jobs.clone().retry(request).await;
    reply.map(|_done| ()).map_err(|reply| client.refusal(&reply))
}

/// Whether the job failed because runs were killed again and again, which is not this run's fault.
fn was_lost_too_often(ended: &JobState) -> bool {
    let failure = ended.outcome.as_ref().and_then(|outcome| outcome.failure.as_ref());
    failure.is_some_and(|failure| failure.kind == FailureKind::LeaseLapsed)
}

/// Refuses to call done what an earlier run published and somebody took away since.
fn is_there(ended: &JobState, target: &Location) -> Result<(), Refusal> {
    let published = ended.outcome.as_ref().is_some_and(|outcome| match outcome.kind {
        End::Done | End::Unchanged => true,
        End::Abstained | End::Failed | End::Cancelled => false,
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

/// Removes the state, or names it.
fn leave(ended: Result<Status, Refusal>, state: State) -> Result<Status, Refusal> {
    let refusal = match ended {
        Ok(status) => return state.remove().map(|()| status),
        Err(refusal) => refusal,
    };
    let kept = match refusal.status {
        // The same again would end the same.
        Status::Usage | Status::BadInput | Status::Abstained => false,
        // Without a finished part there is nothing to go on from.
        Status::MachineLacks | Status::Failed => state.has_work(),
        Status::Done | Status::Cancelled | Status::Interrupted | Status::Terminated => true,
    };
    if !kept {
        state.remove()?;
        return Err(refusal);
    }
    let folder = state.folder().display();
    let message = format!(
        "{}; the state of the run is kept in {folder}, the same command goes on from there",
        refusal.message
    );
    Err(Refusal::new(refusal.status, message))
}
