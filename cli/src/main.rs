//! `cleanplate`: takes the command line and the settings, hands over to the subcommand, and ends
//! with its exit status and at most one sentence.

mod approve;
mod arguments;
mod asked;
mod bug;
mod cancel;
mod client;
mod coordinator;
mod doctor;
mod door;
mod drain;
mod drawing;
mod engine;
mod exit;
mod follow;
mod health;
mod heap;
mod hooks;
mod inquiry;
mod job_state;
mod jobs;
mod logo;
mod mask;
mod models;
mod place;
mod plan;
mod plan_file;
mod preview;
mod priority;
mod probe;
mod program;
mod progress;
mod region;
mod reject;
mod request;
mod retry;
mod run;
mod runpod;
mod say;
mod settings;
mod signals;
mod submit;
mod token;
mod verify;
mod watch;
mod whole;
mod worker;
mod workers;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;

use crate::arguments::{Arguments, Command};
use crate::exit::{Refusal, Status};
use crate::settings::{Place, Settings};

/// How long a blocking call that is still out may take when the command has ended.
const LAST_CALLS: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    bug::end_in_words();
    // Nothing depends on it but memory.
    heap::settle();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // A closed terminal is no reason for another status.
            error.print().ok();
            // Help and version are answers, all else is misuse.
            return if error.use_stderr() { Status::Usage } else { Status::Done }.into();
        }
    };
    let Arguments { config, verbose, command } = arguments;
    let lookup = |name: &str| std::env::var(name).ok();
    let ended = if let Command::Engine(engine) = &command {
        // A child needs no settings: its parent tells it what to do.
        let place = Place::Variable("CLEANPLATE_LOG".to_owned());
        match log(1, lookup("CLEANPLATE_LOG").as_deref(), (false, &place)) {
            Ok(()) => return engine::run(engine),
            Err(refusal) => Err(refusal),
        }
    } else {
        Settings::load(config.as_deref(), &lookup)
            .map_err(|error| Refusal::usage(error.to_string()))
            .and_then(|settings| begin(command, verbose, &settings))
    };
    match ended {
        Ok(status) => status.into(),
        Err(refusal) => {
            if !refusal.is_quiet() {
                say::note(&format!("error: {}", say::one_line(&refusal.message)));
            }
            refusal.status.into()
        }
    }
}

/// Begins to log; `place` is where the filter was written.
fn log(verbosity: u8, filter: Option<&str>, (json, place): (bool, &Place)) -> Result<(), Refusal> {
    cleanplate_telemetry::init(verbosity, filter, json)
        .map_err(|error| Refusal::usage(place.tell(&error.to_string())))
}

fn begin(command: Command, verbose: u8, settings: &Settings) -> Result<Status, Refusal> {
    let usual = match command {
        // Fallbacks are told by the progress and failures by the last sentence, once.
        Command::Run(_) | Command::Preview(_) if verbose == 0 => 0,
        // The milestones of a service are its output.
        Command::Coordinator(_) | Command::Worker(_) | Command::Runpod(_) => 2,
        Command::Run(_)
        | Command::Submit(_)
        | Command::Preview(_)
        | Command::Approve(_)
        | Command::Reject(_)
        | Command::Plan(_)
        | Command::Jobs(_)
        | Command::Watch(_)
        | Command::Cancel(_)
        | Command::Health(_)
        | Command::Priority(_)
        | Command::Retry(_)
        | Command::Workers(_)
        | Command::Drain(_)
        | Command::Token(_)
        | Command::Probe(_)
        | Command::Verify(_)
        | Command::Doctor(_)
        | Command::Engine(_) => 1,
    };
    let place = settings.place_of("log.filter");
    let verbosity = verbose.saturating_add(usual);
    log(verbosity, settings.log.filter.as_deref(), (settings.log.json, &place))?;
    cleanplate_store::settings::install(settings.storage.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Refusal::failed(format!("no threads can be had: {error}")))?;
    let ended = runtime.block_on(Box::pin(dispatch(command, settings)));
    runtime.shutdown_timeout(LAST_CALLS);
    ended
}

#[expect(
    clippy::cognitive_complexity,
    reason = "a line for each command, and nothing between them"
)]
async fn dispatch(command: Command, settings: &Settings) -> Result<Status, Refusal> {
    match command {
        Command::Run(arguments) => run::run(*arguments, settings).await,
        Command::Coordinator(arguments) => coordinator::run(arguments, settings).await,
        Command::Worker(arguments) => worker::run(arguments, settings).await,
        Command::Runpod(arguments) => runpod::run(arguments, settings).await,
        Command::Submit(arguments) => submit::run(*arguments, settings).await,
        Command::Jobs(arguments) => jobs::run(arguments, settings).await,
        Command::Watch(arguments) => watch::run(arguments, settings).await,
        Command::Cancel(arguments) => cancel::run(arguments, settings).await,
        Command::Health(arguments) => health::run(arguments, settings).await,
        Command::Priority(arguments) => priority::run(arguments, settings).await,
        Command::Retry(arguments) => retry::run(arguments, settings).await,
        Command::Preview(arguments) => preview::run(*arguments, settings).await,
        Command::Approve(arguments) => approve::run(arguments, settings).await,
        Command::Reject(arguments) => reject::run(arguments, settings).await,
        Command::Plan(arguments) => plan::run(arguments, settings).await,
        Command::Workers(arguments) => workers::run(arguments, settings).await,
        Command::Drain(arguments) => drain::run(arguments, settings).await,
        Command::Token(command) => token::run(command),
        Command::Probe(arguments) => probe::run(arguments, settings).await,
        Command::Verify(arguments) => verify::run(*arguments, settings).await,
        Command::Doctor(arguments) => doctor::run(arguments, settings).await,
        Command::Engine(_) => Err(Refusal::failed("an engine is no command of its own")),
    }
}
