//! The handlers: a request becomes a call of the service, its answer the shapes that `--json` has too.

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use cleanplate_access::Caller;
use cleanplate_proto::WireError;
use cleanplate_proto::v1 as pb;
use cleanplate_proto::v1::jobs_server::Jobs as _;
use cleanplate_shapes::{self as shapes, Asked, Attempt, BatchLine, JobState, Plan, Worker};
use futures::{StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tonic::Status;

use crate::http::body::{json, json_or_nothing};
use crate::http::problem::{Kind, Problem};
use crate::http::ready::answer;
use crate::http::{Api, call};
use crate::jobs::keyed;

type Answer = Result<Response, Problem>;

/// The header by which a request is the same as an earlier one.
const KEY: &str = "idempotency-key";

/// Letters of such a key at most.
const KEY_LETTERS_MAX: usize = 255;

/// A shape of a message of the wire.
pub(super) fn shape<M, S: TryFrom<M, Error = WireError>>(message: M) -> Result<S, Problem> {
    message.try_into().map_err(|error: WireError| {
        tracing::error!(%error, "an answer of this coordinator's own makes no sense");
        Problem::of(&Status::internal(error.to_string()))
    })
}

/// A job with what was asked of it.
#[derive(Debug, Serialize)]
pub(super) struct Job {
    pub(super) state: JobState,
    pub(super) request: Asked,
}

/// `POST /jobs`.
pub(super) async fn submit(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let request: pb::JobRequest =
        json::<shapes::JobRequest>(&headers, body, api.body_bytes).await?.into();
    let job = match key_of(&headers)? {
        None => None,
        Some(key) => {
            let owner = caller.owner_of_new(&request.owner).map_err(Status::from)?;
            Some(keyed(&owner, key).map_err(Problem::from)?.as_str().to_owned())
        }
    };
    let is_keyed = job.is_some();
    let submit = pb::SubmitRequest { request: Some(request), job };
    let submitted = api.jobs.submit(call(caller, submit)).await;
    let submitted = submitted
        .map_err(|status| if is_keyed { Problem::of_keyed(&status) } else { Problem::of(&status) });
    let job = submitted?.into_inner().job;
    let place = [(header::LOCATION, format!("/api/v1/jobs/{job}"))];
    Ok((StatusCode::CREATED, place, answer(&json!({ "job": job }))).into_response())
}

fn key_of(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut sent = headers.get_all(KEY).iter();
    let (Some(key), None) = (sent.next(), sent.next()) else {
        return if headers.contains_key(KEY) {
            Err(Problem::new(Kind::InvalidRequest, "there is more than one Idempotency-Key"))
        } else {
            Ok(None)
        };
    };
    let is_visible = |key: &&str| key.bytes().all(|letter| letter.is_ascii_graphic());
    let key = key.to_str().ok().filter(|key| (1..=KEY_LETTERS_MAX).contains(&key.len()));
    let key = key.filter(is_visible);
    let wrong = || {
        let detail = format!("an Idempotency-Key has 1 to {KEY_LETTERS_MAX} visible ASCII letters");
        Problem::new(Kind::InvalidRequest, detail)
    };
    key.map(Some).ok_or_else(wrong)
}

/// Which jobs are listed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wanted {
    owner: String,
    state: String,
    limit: u32,
    cursor: String,
}

/// `GET /jobs`.
pub(super) async fn list(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Answer {
    let Query(Wanted { owner, state, limit, cursor }) =
        wanted.map_err(|refused| Problem::new(Kind::InvalidRequest, refused.body_text()))?;
    let list = pb::ListRequest { limit, owner, state, after: cursor };
    let pb::ListResponse { jobs, next } = api.jobs.list(call(caller, list)).await?.into_inner();
    let jobs: Vec<JobState> = jobs.into_iter().map(shape).collect::<Result<_, _>>()?;
    let next = Some(next).filter(|next| !next.is_empty());
    Ok(answer(&json!({ "jobs": jobs, "next": next })))
}

/// `GET /jobs/{job}`.
pub(super) async fn show(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(job): Path<String>,
) -> Answer {
    let shown = api.jobs.show(call(caller, pb::ShowRequest { job })).await?.into_inner();
    let pb::ShowResponse { state, request, attempts: _ } = shown;
    let state = shape(state.unwrap_or_default())?;
    Ok(answer(&Job { state, request: Asked::from(&request.unwrap_or_default()) }))
}

/// `GET /jobs/{job}/attempts`.
pub(super) async fn attempts(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(job): Path<String>,
) -> Answer {
    let shown = api.jobs.show(call(caller, pb::ShowRequest { job })).await?.into_inner();
    let attempts = shown.attempts.into_iter().map(shape);
    let attempts: Vec<Attempt> = attempts.collect::<Result<_, _>>()?;
    Ok(answer(&json!({ "attempts": attempts })))
}

/// What is changed of a job.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    priority: i32,
}

/// `PATCH /jobs/{job}`.
pub(super) async fn change(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(job): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let Change { priority } = json(&headers, body, api.body_bytes).await?;
    api.jobs.prioritise(call(caller, pb::PrioritiseRequest { job, priority })).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /jobs/{job}/cancel`.
pub(super) async fn cancel(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(job): Path<String>,
) -> Answer {
    api.jobs.cancel(call(caller, pb::CancelRequest { job })).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /jobs/{job}/retry`.
pub(super) async fn retry(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(job): Path<String>,
) -> Answer {
    api.jobs.retry(call(caller, pb::RetryRequest { job })).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What of a plan is let pass.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Approval {
    drop: Vec<u32>,
}

/// `POST /jobs/{job}/approve`.
pub(super) async fn approve(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(job): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let Approval { drop } = json_or_nothing(&headers, body, api.body_bytes).await?;
    api.jobs.approve(call(caller, pb::ApproveRequest { job, drop })).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /jobs/{job}/reject`.
pub(super) async fn reject(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(job): Path<String>,
) -> Answer {
    api.jobs.reject(call(caller, pb::RejectRequest { job })).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET /jobs/{job}/plan`.
pub(super) async fn plan(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(job): Path<String>,
) -> Answer {
    let told = api.jobs.plan(call(caller, pb::PlanRequest { job })).await?.into_inner();
    Ok(answer(&Plan::from(told.plan.unwrap_or_default())))
}

/// `GET /jobs/{job}/preview`.
pub(super) async fn preview(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(job): Path<String>,
) -> Answer {
    let pieces = api.jobs.preview(call(caller, pb::PreviewRequest { job })).await?.into_inner();
    let pieces = pieces.map_ok(|piece| Bytes::from(piece.bytes));
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// `GET /workers`.
pub(super) async fn workers(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
) -> Answer {
    let told = api.jobs.workers(call(caller, pb::WorkersRequest {})).await?.into_inner();
    let workers: Vec<Worker> = told.workers.into_iter().map(Worker::from).collect();
    Ok(answer(&json!({ "workers": workers })))
}

/// How a worker is drained.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Drain {
    within_ms: Option<u64>,
}

/// `POST /workers/{worker}/drain`.
pub(super) async fn drain(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(worker): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let Drain { within_ms } = json_or_nothing(&headers, body, api.body_bytes).await?;
    let drain = pb::DrainWorkerRequest { worker, within_ms };
    api.jobs.drain_worker(call(caller, drain)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /batches`: a line of JSON for each file as it comes, then the totals.
pub(super) async fn batch(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let batch: shapes::BatchRequest = json(&headers, body, api.body_bytes).await?;
    let lines = api.jobs.batch(call(caller, batch.into())).await?.into_inner();
    let lines = lines.map(|line| {
        let line = line.map_err(Problem::from).and_then(shape::<_, BatchLine>);
        let mut json = match line {
            Ok(line) => serde_json::to_string(&line)?,
            Err(problem) => serde_json::to_string(&json!({ "problem": problem }))?,
        };
        json.push('\n');
        Ok::<_, serde_json::Error>(Bytes::from(json))
    });
    let headers =
        [(header::CONTENT_TYPE, "application/x-ndjson"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, Body::from_stream(lines)).into_response())
}
