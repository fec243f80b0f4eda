//! One job of the endpoint: a time of work for a coordinator, from its input to its output.
//!
//! Owns what ends it: nothing to do, the coordinator, a signal, the platform's word, the longest time that was asked
//! for. Refuses to know how work is done: that is the worker's.

use std::time::{Duration, Instant};

use cleanplate_types::ids::WorkerId;
use cleanplate_worker::{Ended, Tally};

use super::asked::{Allowed, Asked};
use super::platform::{Job, Platform};
use super::told::{Outcome, Report, Trouble};
use crate::arguments::WorkerArguments;
use crate::client;
use crate::exit::{Refusal, Status};
use crate::settings::Settings;
use crate::signals::Signals;
use crate::worker::{self, Worked};

/// The pause after a question for jobs to stop that went wrong, or brought nothing at once.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// What called a worker away, beside signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Called {
    /// The platform stopped the job: somebody cancelled it, or its time is over.
    Stopped,
    /// The time that its input allows is over.
    TimeOver,
}

/// What came of a job.
#[derive(Debug)]
pub(super) struct Shift<'a> {
    /// What to post.
    pub(super) report: Report<'a>,
    /// How the process is to end, where it is.
    pub(super) over: Option<Status>,
}

/// Does it.
pub(super) async fn work<'a>(
    job: &Job,
    allowed: &Allowed,
    (settings, platform, signals): (&Settings, &'a Platform, &mut Signals),
) -> Shift<'a> {
    let began = Instant::now();
    let tally = Tally::default();
    let worked = match allowed.read(&job.input) {
        Ok(asked) => attached(&job.id, asked, &tally, (settings, platform, signals)).await,
        Err(trouble) => Err(trouble),
    };
    let counts = tally.worked();
    let over = worked.as_ref().ok().and_then(over);
    let ended = match worked {
        Ok(Worked { ended: Ok(Ended::Idle), .. }) if !counts.attached => {
            let why = counts.missed.clone();
            Err(Trouble::Unreached(why.unwrap_or_else(|| "nobody answered".to_owned())))
        }
        Ok(Worked { ended: Ok(ended), asked, called }) => Ok(outcome(ended, asked, called)),
        Ok(Worked { ended: Err(error), .. }) => Err(Trouble::from(&error)),
        Err(trouble) => Err(trouble),
    };
    let worker = platform.environment().worker.as_str();
    Shift { report: Report { worker, took: began.elapsed(), worked: counts, ended }, over }
}

/// Attaches, and works until it is over.
async fn attached(
    job: &str,
    asked: Asked,
    tally: &Tally,
    (settings, platform, signals): (&Settings, &Platform, &mut Signals),
) -> Result<Worked<Called>, Trouble> {
    let Asked { coordinator, idle_exit, longest } = asked;
    tracing::info!(job, coordinator, idle_exit_s = idle_exit.as_secs(), "works");
    let refused = |refusal: Refusal| Trouble::Refused(refusal.message);
    let coordinators = worker::coordinators(&coordinator, &client::UNTOLD, None, settings);
    let coordinators = coordinators.map_err(refused)?;
    let arguments = WorkerArguments {
        coordinator: None,
        join_token_file: None,
        scratch: None,
        card: None,
        slots: None,
        idle_exit: None,
        name: settings
            .worker
            .name
            .is_none()
            .then(|| name(&platform.environment().worker))
            .flatten(),
    };
    let mut options = worker::options(arguments, settings).map_err(refused)?;
    options.idle_exit = Some(idle_exit);
    options.tally = tally.clone();
    let called = async {
        tokio::select! {
            () = stopped(platform, job) => Called::Stopped,
            () = over_after(longest) => Called::TimeOver,
        }
    };
    let died = |refusal: Refusal| Trouble::Internal(refusal.message);
    worker::work(options, coordinators, (&settings.worker, signals), called).await.map_err(died)
}

/// The name that a coordinator shows for a worker of this name of the platform.
fn name(worker: &str) -> Option<String> {
    let name = format!("runpod-{}", worker.to_ascii_lowercase());
    WorkerId::parse(&name).ok().map(|name| name.as_str().to_owned())
}

async fn over_after(longest: Option<Duration>) {
    match longest {
        Some(longest) => tokio::time::sleep(longest).await,
        None => std::future::pending().await,
    }
}

/// Resolves when the platform says that the job is to be stopped.
async fn stopped(platform: &Platform, job: &str) {
    let Some(url) = platform.environment().stop_url() else {
        return std::future::pending().await;
    };
    let mut lost: u32 = 0;
    loop {
        let asked = Instant::now();
        match platform.stops(&url).await {
            Ok(jobs) if jobs.iter().any(|it| it == job) => return,
            Ok(_) => lost = 0,
            Err(error) => {
                lost = lost.saturating_add(1);
                if lost.is_power_of_two() {
                    tracing::warn!(lost, "not known whether the job is to be stopped: {error}");
                }
            }
        }
        tokio::time::sleep(ASK_AGAIN.saturating_sub(asked.elapsed())).await;
    }
}

/// How the process is to end where it was asked to, or its machine is taken away.
fn over(worked: &Worked<Called>) -> Option<Status> {
    let Worked { ended, asked, called } = worked;
    match (ended, asked) {
        (_, Some(Status::Interrupted)) => Some(Status::Interrupted),
        (Ok(Ended::Stopped), Some(status)) => Some(*status),
        (_, Some(_)) => Some(Status::Done),
        (Ok(Ended::Taken), None) if called.is_none() => Some(Status::Done),
        (_, None) => None,
    }
}

/// How it ended, and why in words.
fn outcome(ended: Ended, asked: Option<Status>, called: Option<Called>) -> (Outcome, &'static str) {
    let outcome = match ended {
        Ended::Idle => Outcome::Idle,
        Ended::Drained => Outcome::Drained,
        Ended::Stopped | Ended::Asked | Ended::Taken => Outcome::Stopped,
    };
    let why = match (ended, called) {
        (Ended::Taken, Some(Called::Stopped)) if asked.is_none() => "the platform stopped the job",
        (Ended::Taken, Some(Called::TimeOver)) if asked.is_none() => "its `max_seconds` are over",
        (ended, _) => worker::why(ended, asked),
    };
    (outcome, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worked(ended: Ended, asked: Option<Status>, called: Option<Called>) -> Worked<Called> {
        Worked { ended: Ok(ended), asked, called }
    }

    #[test]
    fn a_signal_or_a_notice_ends_the_process_and_a_stopped_job_does_not() {
        let term = Some(Status::Terminated);
        assert_eq!(over(&worked(Ended::Taken, term, None)), Some(Status::Done));
        assert_eq!(over(&worked(Ended::Stopped, term, None)), term);
        assert_eq!(over(&worked(Ended::Taken, None, None)), Some(Status::Done), "a notice");
        for called in [Called::Stopped, Called::TimeOver] {
            assert_eq!(over(&worked(Ended::Taken, None, Some(called))), None);
        }
        assert_eq!(over(&worked(Ended::Idle, None, None)), None);
        assert_eq!(over(&worked(Ended::Drained, None, None)), None);
    }

    #[test]
    fn what_ended_it_is_said() {
        let stopped = outcome(Ended::Taken, None, Some(Called::Stopped));
        assert_eq!(stopped, (Outcome::Stopped, "the platform stopped the job"));
        let (_, why) = outcome(Ended::Taken, Some(Status::Terminated), Some(Called::TimeOver));
        assert!(why.contains("SIGTERM"), "{why}");
        assert_eq!(outcome(Ended::Drained, None, None).0, Outcome::Drained);
    }

    #[test]
    fn the_platforms_name_is_one_for_coordinators_where_it_can_be() {
        assert_eq!(name("A1b2").as_deref(), Some("runpod-a1b2"));
        assert_eq!(name("a b"), None);
    }
}
