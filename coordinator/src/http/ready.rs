//! What probes ask over HTTP: whether the process lives, whether it takes work, and what it counts.

use std::future;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use cleanplate_telemetry::metrics::MEDIA_TYPE;
use serde::Serialize;
use serde_json::json;
use tokio::sync::watch;
use tonic::Status;

use crate::door::Health;
use crate::http::problem::Problem;
use crate::journal::Standing;
use crate::meters::Meters;

/// By what it is known whether this coordinator takes work.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    health: Health,
    standing: watch::Receiver<Standing>,
    meters: Arc<Meters>,
}

impl Ready {
    pub(crate) const fn new(
        health: Health,
        standing: watch::Receiver<Standing>,
        meters: Arc<Meters>,
    ) -> Self {
        Self { health, standing, meters }
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

/// All metrics, as Prometheus reads them.
pub(super) async fn metrics(State(ready): State<Ready>) -> Response {
    match ready.meters.text().await {
        Ok(text) => {
            let headers = [(header::CONTENT_TYPE, MEDIA_TYPE), (header::CACHE_CONTROL, "no-store")];
            (headers, text).into_response()
        }
        Err(silent) => Problem::of(&Status::unavailable(silent.to_string())).into_response(),
    }
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
            Problem::of(&Status::internal("the answer cannot be written")).into_response()
        }
    }
}
