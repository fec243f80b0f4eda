//! One job on a machine of its own: started on a state folder, followed, asked for what it made, ended.
//!
//! Owns what becomes of the state folder. What the job's end means is for the command to say.

use std::path::PathBuf;

use cleanplate_proto::v1 as pb;
use cleanplate_store::{Location, SourceReader};
use cleanplate_types::digest::Sha;
use cleanplate_types::failure::FailureKind;
use cleanplate_types::request::JobRequest;
use cleanplate_types::tier::Card;
use tonic::Code;

use crate::client::Client;
use crate::exit::{Refusal, Status};
use crate::follow;
use crate::job_state::JobState;
use crate::progress::Progress;
use crate::run::encoder::has_encoder;
use crate::run::machine::Machine;
use crate::run::state::{State, Ticket};
use crate::settings::Settings;
use crate::signals::Signals;

/// What a command asks of a machine of its own.
pub(crate) struct Alone<'a> {
    /// The job.
    pub(crate) request: JobRequest,
    /// Its source.
    pub(crate) source: &'a Location,
    /// Where the state lies.
    pub(crate) folder: PathBuf,
    /// Leases at a time; `None` follows the machine.
    pub(crate) slots: Option<u32>,
    /// A card to pretend.
    pub(crate) pretend: Option<Card>,
}

/// A job that was followed as far as it was of interest.
#[derive(Debug)]
pub(crate) struct Followed<T> {
    /// Its last state.
    pub(crate) state: JobState,
    /// Frames that were done before this command began.
    pub(crate) frames_before: u64,
    /// What was fetched before the machine ended.
    pub(crate) fetched: T,
}

/// Starts the machine, follows the job, lets `fetch` ask what it made, ends the machine, and lets
/// `conclude` say what came of it. The state goes, or is named.
///
/// # Errors
/// A refusal where the state folder cannot be had, the job could not be followed to its end, or `conclude`
/// refuses.
pub(crate) async fn work<T>(
    alone: Alone<'_>,
    settings: &Settings,
    (signals, progress): (&mut Signals, &mut Progress),
    fetch: impl AsyncFnOnce(&Client, &JobState) -> Result<T, Refusal>,
    conclude: impl FnOnce(Followed<T>) -> Result<Status, Refusal>,
) -> Result<Status, Refusal> {
    let Alone { request, source, folder, slots, pretend } = alone;
    let ticket = ticket(&request, source).await?;
    let state = State::take(&folder, &ticket)?;
    if state.resumed {
        progress.note("note: takes up an earlier run of this command, finished cells are kept");
    }
    // What was begun goes on as it can; what begins is not begun in vain.
    if !state.resumed && pretend.is_none() {
        let has = tokio::select! {
            has = has_encoder(request.encoder, settings) => has,
            status = signals.next() => Err(Refusal::new(status, "stopped by a signal")),
        };
        if let Err(refusal) = has {
            return leave(Err(refusal), state);
        }
    }
    let mut machine = match Machine::start(&state, settings, &request, (slots, pretend)).await {
        Ok(machine) => machine,
        Err(refusal) => return leave(Err(refusal), state),
    };
    let client = machine.client();
    let worked = async {
        let (state, frames_before) = to_the_end(&client, request, &ticket.job, progress).await?;
        let fetched = fetch(&client, &state).await?;
        Ok(Followed { state, frames_before, fetched })
    };
    let ended = tokio::select! {
        ended = worked => ended,
        died = machine.died() => Err(died),
        status = signals.next() => Err(Refusal::new(status, "stopped by a signal")),
    };
    progress.end();
    drop(client);
    signals.unless_repeated(machine.stop()).await;
    leave(ended.and_then(conclude), state)
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
    let why = if refusal.is_quiet() { "nobody reads the results" } else { &refusal.message };
    let message = format!(
        "{why}; the state of the run is kept in {folder}, the same command goes on from there"
    );
    Err(Refusal::new(refusal.status, message))
}
