//! What probes ask over HTTP: whether the process lives, and whether it takes work.

use std::future;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde_json::json;
use tokio::sync::watch;

use crate::door::Health;
use crate::http::problem::Problem;
use crate::journal::Standing;

/// By what it is known whether this coordinator takes work.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    health: Health,
    standing: watch::Receiver<Standing>,
}

impl Ready {
    pub(crate) const fn new(health: Health, standing: watch::Receiver<Standing>) -> Self {
        Self { health, standing }
    }
}

/// The process answers.
pub(super) fn healthz() -> future::Ready<Response> {
    future::ready(answer(&json!({ "status": "alive" })))
}

/// It leads and takes work; else 503, with who does.
pub(super) fn readyz(State(ready): State<Ready>) -> future::Ready<Response> {
    future::ready(if ready.health.is_serving() {
        answer(&json!({ "status": "ready" }))
    } else {
        Problem::of(&crate::standby::answer(&ready.standing)).into_response()
    })
}

/// A value as JSON, which no cache keeps.
pub(super) fn answer(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(json) => {
            let headers =
                [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
            (headers, json).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "an answer cannot be written as JSON");
            Problem::of(&tonic::Status::internal("the answer cannot be written")).into_response()
        }
    }
}
