//! `runpod`: a container of a serverless endpoint of RunPod. Sees whether it is fit, then takes one job of the endpoint
//! after another; each is a time of work for a coordinator ([`shift`]), and gives back what was done.
//!
//! Owns the loop and its pauses. Refuses to end for what the platform or a job gets wrong: it tells, and tries again.

mod asked;
mod environment;
mod fitness;
mod platform;
#[cfg(test)]
mod platform_tests;
mod pulse;
mod shift;
mod told;

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::watch;

use crate::arguments::RunpodArguments;
use crate::exit::{Refusal, Status};
use crate::runpod::asked::Allowed;
use crate::runpod::environment::Environment;
use crate::runpod::fitness::Unfit;
use crate::runpod::platform::{HELD, Job, Platform, PlatformError};
use crate::runpod::shift::Shift;
use crate::settings::Settings;
use crate::signals::Signals;
use crate::{client, say, worker};

/// How long a worker waits for work where nothing else is said.
const IDLE_EXIT: Duration = Duration::from_secs(120);

/// The least time between two questions for a job: a platform that does not hold them is not asked without a pause.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// The pause where the platform wants to be asked less often.
const ASK_LESS: Duration = Duration::from_secs(5);

/// The longest pause between two questions for a job.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// How long an output is offered to a platform that does not take it.
const OFFERED: Duration = Duration::from_secs(60);

/// The same, where the container is about to be ended.
const OFFERED_AT_THE_END: Duration = Duration::from_secs(8);

/// Does it. Ends with 0 by SIGTERM, with 4 where this container is unfit.
///
/// # Errors
/// A refusal where this is no container of RunPod, its settings make no sense, or it is unfit.
pub(crate) async fn run(
    arguments: RunpodArguments,
    settings: &Settings,
) -> Result<Status, Refusal> {
    let environment = Environment::read(&|name| std::env::var(name).ok());
    let environment = environment.map_err(|error| Refusal::usage(error.to_string()))?;
    let platform = Platform::new(environment, HELD);
    let platform = platform.map_err(|error| Refusal::failed(error.to_string()))?;
    let mut signals = Signals::listen()?;
    let allowed = match allowed(settings) {
        Ok(allowed) => allowed,
        Err(refusal) => {
            tell_unfit(&platform, &Unfit::new("settings", refusal.message.clone())).await;
            return Err(refusal);
        }
    };
    let fit = tokio::select! {
        fit = fitness::check(&arguments, settings) => fit?,
        status = signals.next() => return Ok(ended_by(status)),
    };
    if let Err(unfit) = fit {
        tell_unfit(&platform, &unfit).await;
        let Unfit { check, reason } = unfit;
        return Err(Refusal::new(Status::MachineLacks, format!("unfit, {check}: {reason}")));
    }
    let (doing, done) = watch::channel(None);
    let pulse = tokio::spawn(pulse::beat(platform.clone(), done));
    let status = jobs(&platform, &allowed, (settings, &mut signals, &doing)).await;
    pulse.abort();
    Ok(status)
}

/// What jobs may ask for.
///
/// # Errors
/// A refusal with status 2 where there is no coordinator to work for, or one that cannot be dialled with these settings.
fn allowed(settings: &Settings) -> Result<Allowed, Refusal> {
    let allowed = Allowed {
        coordinator: settings.coordinator_given().map(str::to_owned),
        others: settings.runpod.coordinators.clone(),
        idle_exit: settings.worker.idle_exit_ms.map_or(IDLE_EXIT, Duration::from_millis),
    };
    if allowed.all().next().is_none() {
        let said = "there is no coordinator to work for: set CLEANPLATE_COORDINATOR (or `client.coordinator`)";
        return Err(Refusal::usage(said));
    }
    let dialer = settings.access.worker_dialer();
    let secret = settings.access.join.as_ref().map(|join| join.now()).transpose();
    let secret = secret.map_err(|error| Refusal::usage(error.to_string()))?;
    for url in allowed.all() {
        worker::coordinators(url, &client::UNTOLD, None, settings)?;
        if let Some(secret) = &secret {
            let bearer = dialer.bearer(url, secret);
            bearer.map_err(|error| Refusal::usage(error.to_string()))?;
        }
    }
    Ok(allowed)
}

/// Says to the platform what is wrong here, as far as it listens.
async fn tell_unfit(platform: &Platform, unfit: &Unfit) {
    if let Err(error) = platform.unfit(unfit.check, &unfit.reason).await {
        tracing::warn!("the platform was not told that this container is unfit: {error}");
    }
}

/// Takes jobs until a signal ends it.
async fn jobs(
    platform: &Platform,
    allowed: &Allowed,
    (settings, signals, doing): (&Settings, &mut Signals, &watch::Sender<Option<String>>),
) -> Status {
    loop {
        let job = tokio::select! {
            job = next(platform) => job,
            status = signals.next() => return ended_by(status),
        };
        doing.send_replace(Some(job.id.clone()));
        let shift = shift::work(&job, allowed, (settings, platform, signals)).await;
        let Shift { report, over } = shift;
        let result = report.as_json();
        let offered = if over.is_some() { OFFERED_AT_THE_END } else { OFFERED };
        let posted = tokio::time::timeout(offered, post(platform, &job.id, &result)).await;
        tell_posted(&job.id, &result, posted.unwrap_or(Err(PlatformError::Late(offered))));
        doing.send_replace(None);
        if let Some(status) = over {
            return status;
        }
    }
}

/// Logs what became of an output; one that is lost to the platform is in the log.
fn tell_posted(job: &str, result: &Value, posted: Result<(), PlatformError>) {
    match posted {
        Ok(()) => tracing::info!(job, outcome = %result["output"]["outcome"], "done"),
        Err(error) => tracing::error!(job, %result, "the output was not taken: {error}"),
    }
}

/// SIGTERM is how the platform ends a container that has no job.
fn ended_by(status: Status) -> Status {
    say::note("ends, without a job");
    if status == Status::Interrupted { status } else { Status::Done }
}

/// Waits for the next job, however often it must ask.
async fn next(platform: &Platform) -> Job {
    let mut lost: u32 = 0;
    loop {
        let asked = Instant::now();
        let pause = match platform.take().await {
            Ok(Some(job)) => return job,
            Ok(None) => {
                lost = 0;
                ASK_AGAIN.saturating_sub(asked.elapsed())
            }
            Err(error) => {
                lost = lost.saturating_add(1);
                let pause = pause(&error, lost);
                // Once for each power of two: a night without a platform must not fill the disk.
                if lost.is_power_of_two() {
                    let pause_ms = pause.as_millis();
                    tracing::warn!(lost, pause_ms, "no job can be taken, trying again: {error}");
                }
                pause
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// The pause after so many questions in a row that went wrong.
fn pause(error: &PlatformError, lost: u32) -> Duration {
    let doubled = ASK_AGAIN.saturating_mul(1 << lost.saturating_sub(1).min(10)).min(PAUSE_MAX);
    if *error == PlatformError::TooOften { doubled.max(ASK_LESS) } else { doubled }
}

/// Posts what became of a job, again and again where that may help.
///
/// # Errors
/// Where nobody wants it.
async fn post(platform: &Platform, job: &str, result: &Value) -> Result<(), PlatformError> {
    let mut lost = 0;
    loop {
        let error = match platform.post(job, result).await {
            Err(error) if error.may_pass() => error,
            posted => return posted,
        };
        lost += 1;
        tracing::warn!(job, lost, "the output was not taken, trying again: {error}");
        tokio::time::sleep(pause(&error, lost)).await;
    }
}
