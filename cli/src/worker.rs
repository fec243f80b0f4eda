//! `worker`: works for a coordinator until it is asked to stop. Ctrl-C drains it (it finishes what it holds),
//! SIGTERM lets it hand in by its grace what is done, and so does a notice that its machine is taken away
//! (`worker.notice`); the second signal stops it at once.

use std::cmp::Reverse;
use std::convert::Infallible;
use std::path::PathBuf;
use std::pin::pin;
use std::time::{Duration, Instant};

use cleanplate_access::JoinToken;
use cleanplate_types::ids::WorkerId;
use cleanplate_types::tier::Card;
use cleanplate_worker::{
    Addresses, Coordinators, Ended, ModelsFor, Stop, Tally, WorkerError, WorkerOptions,
};
use tokio::sync::watch;

use crate::arguments::WorkerArguments;
use crate::exit::{Refusal, Status};
use crate::settings::{Place, Settings, WorkerSettings};
use crate::signals::Signals;
use crate::{client, program, say};

/// Does it. Ends with 0 where it was drained or idle, by SIGTERM too: that is how fleets shrink.
///
/// # Errors
/// A refusal where it cannot work, however often it tries.
pub(crate) async fn run(
    arguments: WorkerArguments,
    settings: &Settings,
) -> Result<Status, Refusal> {
    let mut signals = Signals::listen()?;
    let given = arguments.coordinator.as_deref();
    let place = settings.place(("--coordinator", given.is_some()), "client.coordinator");
    let addresses = given.unwrap_or_else(|| settings.coordinator_url());
    let join_token_file = arguments.join_token_file.clone();
    let coordinators = coordinators(addresses, &place, join_token_file, settings)?;
    let options = options(arguments, settings)?;
    let nobody = std::future::pending::<Infallible>();
    let worked = work(options, coordinators, (&settings.worker, &mut signals), nobody).await?;
    let Worked { ended, asked, .. } = worked;
    let ended = ended.map_err(|error| refusal(&error))?;
    tracing::info!(why = why(ended, asked), "worker ends");
    Ok(status_of(ended, asked))
}

/// What a worker is started with: flags over settings.
///
/// # Errors
/// A refusal with status 2 names what makes no sense.
pub(crate) fn options(
    arguments: WorkerArguments,
    settings: &Settings,
) -> Result<WorkerOptions, Refusal> {
    let WorkerArguments {
        coordinator: _,
        join_token_file: _,
        scratch,
        card,
        slots,
        idle_exit,
        name,
    } = arguments;
    let place = settings.place(("--name", name.is_some()), "worker.name");
    let name = name.or_else(|| settings.worker.name.clone());
    let name = name.map(|name| WorkerId::parse(&name)).transpose();
    let name = name.map_err(|error| Refusal::usage(place.tell(&error.to_string())))?;
    let pretend = pretended(card.as_deref(), settings)?;
    let (models, walls, limits) =
        (settings.models.clone(), settings.walls.clone(), settings.limits.worker);
    let settings = &settings.worker;
    let idle_exit = idle_exit
        .map(Duration::from_secs)
        .or_else(|| settings.idle_exit_ms.map(Duration::from_millis));
    Ok(WorkerOptions {
        name,
        scratch: scratch.or_else(|| settings.scratch.clone()),
        pretend,
        slots: slots.or(settings.slots),
        sessions: settings.sessions,
        idle_exit,
        engine_silent: Duration::from_millis(settings.engine_silent_ms),
        walls,
        limits,
        tally: Tally::default(),
        models,
        models_for: ModelsFor::AnyJob,
        program: program::own()?,
    })
}

/// How a worker's work ended.
#[derive(Debug)]
pub(crate) struct Worked<T> {
    /// How, or why it could not work.
    pub(crate) ended: Result<Ended, WorkerError>,
    /// By which signal it was asked to, the first time.
    pub(crate) asked: Option<Status>,
    /// What else called it away, before it ended.
    pub(crate) called: Option<T>,
}

/// Works until it has nothing to do, is drained, or is asked to end: by a signal, by a notice, or by what `called`
/// resolves to, which leaves it the same grace as SIGTERM.
///
/// # Errors
/// A refusal where the worker died.
pub(crate) async fn work<T>(
    options: WorkerOptions,
    coordinators: Coordinators,
    (settings, signals): (&WorkerSettings, &mut Signals),
    called: impl Future<Output = T>,
) -> Result<Worked<T>, Refusal> {
    let grace = Duration::from_millis(settings.grace_ms);
    let (stop, stops) = watch::channel(Stop::Run);
    let watching = cleanplate_worker::watch_notices(settings.notice.clone(), grace, stop.clone());
    let watching = tokio::spawn(watching);
    let mut working = tokio::spawn(cleanplate_worker::serve(options, coordinators, stops));
    let mut called = pin!(called);
    let (mut asked, mut called_away) = (None, None);
    let ended = loop {
        tokio::select! {
            ended = &mut working => break ended,
            why = &mut called, if called_away.is_none() => {
                called_away = Some(why);
                let by = Stop::By(Reverse(Instant::now() + grace));
                stop.send_if_modified(|now| std::mem::replace(now, by.max(*now)) < by);
            }
            status = signals.next() => {
                if asked.replace(status).is_some() {
                    stop.send_replace(Stop::Now);
                } else if status == Status::Interrupted {
                    say::note("finishes what it holds, then ends; a second signal stops it at once");
                    stop.send_replace(Stop::Drain);
                } else {
                    let seconds = grace.as_secs();
                    say::note(&format!(
                        "finishes what it can in {seconds} s (worker.grace) and gives the rest back, then ends; a \
                         second signal stops it at once"
                    ));
                    stop.send_replace(Stop::By(Reverse(Instant::now() + grace)));
                }
            }
        }
    };
    watching.abort();
    let ended = ended.map_err(|error| Refusal::failed(format!("the worker died: {error}")))?;
    Ok(Worked { ended, asked, called: called_away })
}

/// Where coordinators are, and how they are spoken to; `place` is where their addresses were written.
///
/// # Errors
/// A refusal with status 2 where an address is none, or a file of certificates cannot be read.
pub(crate) fn coordinators(
    addresses: &str,
    place: &Place,
    join_token_file: Option<PathBuf>,
    settings: &Settings,
) -> Result<Coordinators, Refusal> {
    let urls: Vec<String> = client::split(addresses).map(str::to_owned).collect();
    let dialer = settings.access.worker_dialer();
    for url in &urls {
        let dialled = dialer.endpoint(url);
        dialled.map_err(|error| client::refused(&error, place, |key| settings.place_of(key)))?;
    }
    let join = join_token_file.map(JoinToken::File).or_else(|| settings.access.join.clone());
    Ok(Coordinators::Addresses(Addresses { urls, dialer, join }))
}

/// Why a worker ended, for people; `asked` is by which signal it was asked first.
pub(crate) const fn why(ended: Ended, asked: Option<Status>) -> &'static str {
    match (ended, asked) {
        (Ended::Stopped, _) => "it was stopped",
        (Ended::Drained, _) => "it was drained",
        (Ended::Asked, _) => "it was asked to end",
        (Ended::Taken, Some(_)) => "it was asked to end by SIGTERM",
        (Ended::Taken, None) => "there is a notice that its machine is taken away",
        (Ended::Idle, _) => "it had nothing to do",
    }
}

/// Ctrl-C has a status of its own; SIGTERM only where work was cut off.
fn status_of(ended: Ended, asked: Option<Status>) -> Status {
    match (ended, asked) {
        (_, Some(Status::Interrupted)) => Status::Interrupted,
        (Ended::Stopped, Some(status)) => status,
        (Ended::Stopped, None)
        | (Ended::Drained | Ended::Asked | Ended::Taken | Ended::Idle, _) => Status::Done,
    }
}

/// Takes a card to pretend, as it was typed for `--card`, else as the settings have it.
///
/// # Errors
/// A refusal with status 2 shows the form.
pub(crate) fn pretended(flag: Option<&str>, settings: &Settings) -> Result<Option<Card>, Refusal> {
    let place = settings.place(("--card", flag.is_some()), "worker.card");
    let card = flag.or(settings.worker.card.as_deref());
    let card = card.map(cleanplate_vision::parse_pretended).transpose();
    card.map_err(|error| Refusal::usage(place.tell(&error.to_string())))
}

/// What to tell of a worker that cannot work.
pub(crate) fn refusal(error: &WorkerError) -> Refusal {
    let status = match error {
        WorkerError::Scratch { .. }
        | WorkerError::OtherStore { .. }
        | WorkerError::Engine(_)
        | WorkerError::NoEncoder(_) => Status::MachineLacks,
        WorkerError::NoCoordinator | WorkerError::Dial(_) => Status::Usage,
        WorkerError::Model(failure) => Status::of(failure.kind),
        WorkerError::Refused(_)
        | WorkerError::Store(_)
        | WorkerError::EngineAnswer(_)
        | WorkerError::Internal(_) => Status::Failed,
    };
    Refusal::new(status, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_was_drained_ends_well_unless_by_ctrl_c() {
        assert_eq!(status_of(Ended::Taken, Some(Status::Terminated)), Status::Done);
        assert_eq!(status_of(Ended::Stopped, Some(Status::Terminated)), Status::Terminated);
        assert_eq!(status_of(Ended::Asked, Some(Status::Interrupted)), Status::Interrupted);
        assert_eq!(status_of(Ended::Idle, None), Status::Done);
    }

    #[test]
    fn only_a_worker_that_the_coordinator_drained_says_that_it_was_drained() {
        assert_eq!(why(Ended::Drained, None), "it was drained");
        assert_eq!(why(Ended::Taken, Some(Status::Terminated)), "it was asked to end by SIGTERM");
        let notice = why(Ended::Taken, None);
        assert!(notice.contains("notice"), "{notice}");
    }
}
