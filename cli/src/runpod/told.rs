//! What a job of the endpoint gives back: what was done, or why nothing could be, in JSON.
//!
//! Owns the names of the fields. Refuses secrets: what goes in are counts, names, and the words of errors that never
//! have any.

use std::time::Duration;

use cleanplate_types::tier::Card;
use cleanplate_worker::{CardTime, Worked, WorkerError};
use serde::Serialize;
use serde_json::{Value, json};

/// Why a time of work ended in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// There was nothing to do for as long as was asked for.
    Idle,
    /// The coordinator drained the worker.
    Drained,
    /// It was stopped: what was done is handed in, the rest given back.
    Stopped,
}

/// Why there was no work, or no more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    /// The input of the job makes no sense.
    #[error("the job's input is wrong: {0}")]
    Input(String),
    /// It names a coordinator that workers are not sent to.
    #[error("the job's input names a coordinator that workers of this endpoint may not work for")]
    NotAllowed,
    /// No coordinator was reached for as long as the worker would have waited for work.
    #[error("the coordinator was not reached: {0}")]
    Unreached(String),
    /// The coordinator does not want this worker, or cannot be dialled.
    #[error("{0}")]
    Refused(String),
    /// Its store cannot be used from here.
    #[error("{0}")]
    Store(String),
    /// This machine lacks something.
    #[error("{0}")]
    Machine(String),
    /// A bug, or what nobody thought of.
    #[error("{0}")]
    Internal(String),
}

impl Trouble {
    /// Its name, for programs.
    const fn name(&self) -> &'static str {
        match self {
            Self::Input(_) => "bad_input",
            Self::NotAllowed => "coordinator_not_allowed",
            Self::Unreached(_) => "coordinator_unreached",
            Self::Refused(_) => "refused",
            Self::Store(_) => "store_unusable",
            Self::Machine(_) => "machine_lacks",
            Self::Internal(_) => "internal",
        }
    }

    /// What helps.
    const fn remedy(&self) -> &'static str {
        match self {
            Self::Input(_) => {
                "post {\"input\": {\"idle_exit_seconds\": 120}}; docs/runpod.md has all keys"
            }
            Self::NotAllowed => {
                "leave `coordinator` away, or allow it to the endpoint by CLEANPLATE_RUNPOD_COORDINATORS"
            }
            Self::Unreached(_) => {
                "see that CLEANPLATE_COORDINATOR is right, that the coordinator runs, and that its port is open to \
                 RunPod's machines"
            }
            Self::Refused(_) => {
                "see that the endpoint's join token and certificates are the coordinator's, and the image of its version"
            }
            Self::Store(_) => {
                "see that the coordinator's store is one that RunPod's machines reach"
            }
            Self::Machine(_) => "see the container's log, and `cleanplate doctor` in it",
            Self::Internal(_) => "see the container's log, and tell us",
        }
    }
}

impl From<&WorkerError> for Trouble {
    fn from(error: &WorkerError) -> Self {
        let said = error.to_string();
        match error {
            WorkerError::NoCoordinator | WorkerError::Dial(_) | WorkerError::Refused(_) => {
                Self::Refused(said)
            }
            WorkerError::Store(_) | WorkerError::OtherStore { .. } => Self::Store(said),
            WorkerError::Scratch { .. }
            | WorkerError::Engine(_)
            | WorkerError::NoEncoder(_)
            | WorkerError::Model(_) => Self::Machine(said),
            WorkerError::EngineAnswer(_) | WorkerError::Internal(_) => Self::Internal(said),
        }
    }
}

/// One time of work.
#[derive(Debug)]
pub(super) struct Report<'a> {
    /// This worker, as the platform names it.
    pub(super) worker: &'a str,
    /// How long it took.
    pub(super) took: Duration,
    /// What was done.
    pub(super) worked: Worked,
    /// How it ended, and why, in words.
    pub(super) ended: Result<(Outcome, &'static str), Trouble>,
}

impl Report<'_> {
    /// As it is posted: an `output`, and an `error` where something went wrong. As from the SDK, the error is a text
    /// that holds an object.
    pub(super) fn as_json(&self) -> Value {
        let Self { worker, took, worked, ended } = self;
        let Worked {
            attached,
            missed: _,
            frames,
            cells,
            leases_done,
            leases_failed,
            leases_given_back,
            jobs,
            jobs_in_all,
            cards,
        } = worked;
        let jobs: Vec<&str> = jobs.iter().map(|job| job.as_str()).collect();
        let (outcome, why) = match ended {
            Ok((outcome, why)) => (json!(outcome), (*why).to_owned()),
            Err(trouble) => (json!("failed"), trouble.to_string()),
        };
        let output = json!({
            "outcome": outcome,
            "why": why,
            "attached": attached,
            "took_ms": millis(*took),
            "frames": frames,
            "cells": cells,
            "leases": {"done": leases_done, "failed": leases_failed, "given_back": leases_given_back},
            "jobs": jobs,
            "jobs_in_all": jobs_in_all,
            "cards": cards.iter().map(card).collect::<Vec<_>>(),
            "worker": worker,
            "version": env!("CARGO_PKG_VERSION"),
        });
        match ended {
            Ok(_) => json!({ "output": output }),
            Err(trouble) => json!({ "output": output, "error": error(trouble, worker) }),
        }
    }
}

fn error(trouble: &Trouble, worker: &str) -> String {
    let object = json!({
        "error_type": trouble.name(),
        "error_message": trouble.to_string(),
        "remedy": trouble.remedy(),
        "worker_id": worker,
        "cleanplate_version": env!("CARGO_PKG_VERSION"),
    });
    object.to_string()
}

fn card(time: &CardTime) -> Value {
    let CardTime { card, held, busy } = time;
    let name = match card {
        Card::None => "none",
        Card::Gpu { name, .. } => name,
    };
    json!({"name": name, "tier": card.tier().name, "held_ms": millis(*held), "busy_ms": millis(*busy)})
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use cleanplate_types::ids::JobId;

    use super::*;

    fn report(ended: Result<(Outcome, &'static str), Trouble>) -> Report<'static> {
        let card = Card::Gpu { name: "NVIDIA L4".to_owned(), vram_mib: 23_034, pretended: false };
        let (held, busy) = (Duration::from_millis(3500), Duration::from_millis(2000));
        let worked = Worked {
            attached: true,
            frames: 240,
            cells: 4,
            leases_done: 3,
            jobs: vec![JobId::parse("job-1").unwrap()],
            jobs_in_all: 1,
            cards: vec![CardTime { card, held, busy }],
            ..Worked::default()
        };
        Report { worker: "pod-1", took: Duration::from_millis(9000), worked, ended }
    }

    #[test]
    fn work_is_told_with_its_cards_and_their_time() {
        let told = report(Ok((Outcome::Idle, "it had nothing to do"))).as_json();
        assert!(told.get("error").is_none());
        let output = &told["output"];
        assert_eq!((&output["outcome"], &output["took_ms"]), (&json!("idle"), &json!(9000)));
        let card = json!({"name": "NVIDIA L4", "tier": "16", "held_ms": 3500, "busy_ms": 2000});
        assert_eq!(output["cards"], json!([card]));
        assert_eq!(output["leases"], json!({"done": 3, "failed": 0, "given_back": 0}));
        assert_eq!((&output["frames"], &output["jobs"]), (&json!(240), &json!(["job-1"])));
    }

    #[test]
    fn trouble_is_told_with_a_remedy_beside_what_was_done() {
        let told = report(Err(Trouble::NotAllowed)).as_json();
        assert_eq!(
            (&told["output"]["outcome"], &told["output"]["frames"]),
            (&json!("failed"), &json!(240))
        );
        let error: Value = serde_json::from_str(told["error"].as_str().unwrap()).unwrap();
        assert_eq!(error["error_type"], "coordinator_not_allowed");
        assert!(error["remedy"].as_str().unwrap().contains("CLEANPLATE_RUNPOD_COORDINATORS"));
    }
}
