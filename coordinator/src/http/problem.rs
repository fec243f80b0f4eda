//! Errors as problems (RFC 9457): one stable name for each kind, made of the status that gRPC would answer.
//!
//! Owns the names, which programs compare, and which HTTP status each has. The words are those of the status.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cleanplate_proto::StandsBy;
use serde::Serialize;
use tonic::body::Body;
use tonic::{Code, Status};

use crate::http::{is_grpc, passed};
use crate::jobs::{OTHER_REQUEST, REASON};

/// The media type of a problem.
pub(super) const MEDIA_TYPE: &str = "application/problem+json";

/// With what the name of every problem begins.
const PREFIX: &str = "urn:cleanplate:problem:";

/// Kinds of problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What is asked for makes no sense.
    InvalidRequest,
    /// Nobody knows who asks.
    Unauthenticated,
    /// Who asks may not.
    Denied,
    /// There is no such job or worker, or it is another owner's.
    NotFound,
    /// There is no such path.
    NoSuchPath,
    /// The path has other methods.
    MethodNotAllowed,
    /// The body did not come in time.
    Timeout,
    /// An open job writes there, or the id is taken.
    AlreadyExists,
    /// Not in the state that the job is in.
    NotNow,
    /// Somebody else was faster.
    Aborted,
    /// The body is larger than `limits.message`.
    TooLarge,
    /// The body is no JSON by its own account.
    UnsupportedMediaType,
    /// The key was used with another body.
    IdempotencyKeyReused,
    /// Too often, or too many jobs.
    TooMany,
    /// A bug, or a journal that cannot be read.
    Internal,
    /// It is not in this version.
    Unimplemented,
    /// The coordinator stops, or is not reached.
    Unavailable,
    /// Another coordinator leads.
    StandsBy,
}

impl Kind {
    /// Its name, its HTTP status and its title.
    const fn parts(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::InvalidRequest => {
                ("invalid-request", StatusCode::BAD_REQUEST, "The request makes no sense")
            }
            Self::Unauthenticated => {
                ("unauthenticated", StatusCode::UNAUTHORIZED, "A token is needed")
            }
            Self::Denied => ("denied", StatusCode::FORBIDDEN, "Not allowed"),
            Self::NotFound => ("not-found", StatusCode::NOT_FOUND, "Not found"),
            Self::NoSuchPath => ("no-such-path", StatusCode::NOT_FOUND, "No such path"),
            Self::MethodNotAllowed => {
                ("method-not-allowed", StatusCode::METHOD_NOT_ALLOWED, "No such method here")
            }
            Self::Timeout => ("timeout", StatusCode::REQUEST_TIMEOUT, "The body did not come"),
            Self::AlreadyExists => ("already-exists", StatusCode::CONFLICT, "Already taken"),
            Self::NotNow => ("not-now", StatusCode::CONFLICT, "Not in this state"),
            Self::Aborted => ("aborted", StatusCode::CONFLICT, "Somebody else was faster"),
            Self::TooLarge => ("too-large", StatusCode::PAYLOAD_TOO_LARGE, "Too large"),
            Self::UnsupportedMediaType => {
                ("unsupported-media-type", StatusCode::UNSUPPORTED_MEDIA_TYPE, "JSON is wanted")
            }
            Self::IdempotencyKeyReused => (
                "idempotency-key-reused",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The key was used with another body",
            ),
            Self::TooMany => ("too-many", StatusCode::TOO_MANY_REQUESTS, "Too many"),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR, "Internal error"),
            Self::Unimplemented => {
                ("unimplemented", StatusCode::NOT_IMPLEMENTED, "Not in this version")
            }
            Self::Unavailable => {
                ("unavailable", StatusCode::SERVICE_UNAVAILABLE, "Not available now")
            }
            Self::StandsBy => {
                ("stands-by", StatusCode::SERVICE_UNAVAILABLE, "Another coordinator leads")
            }
        }
    }

    fn of(status: &Status) -> Self {
        match status.code() {
            Code::InvalidArgument | Code::OutOfRange => Self::InvalidRequest,
            Code::Unauthenticated => Self::Unauthenticated,
            Code::PermissionDenied => Self::Denied,
            Code::NotFound => Self::NotFound,
            Code::AlreadyExists => Self::AlreadyExists,
            Code::FailedPrecondition => Self::NotNow,
            Code::Aborted => Self::Aborted,
            Code::ResourceExhausted => Self::TooMany,
            Code::Unimplemented => Self::Unimplemented,
            Code::Unavailable if StandsBy::of(status).is_some() => Self::StandsBy,
            Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => Self::Unavailable,
            Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss => Self::Internal,
        }
    }
}

/// A problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    name: String,
    title: &'static str,
    status: u16,
    /// What happened to whom, and what to do about it.
    detail: String,
    /// Where the coordinator that leads is found.
    #[serde(skip_serializing_if = "Option::is_none")]
    leader: Option<String>,
}

impl Problem {
    /// A problem of this kind, in words.
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let (name, status, title) = kind.parts();
        let name = format!("{PREFIX}{name}");
        Self { name, title, status: status.as_u16(), detail: detail.into(), leader: None }
    }

    /// What a status is over HTTP.
    pub(crate) fn of(status: &Status) -> Self {
        let leader = StandsBy::of(status).and_then(|it| it.leader);
        Self { leader, ..Self::new(Kind::of(status), status.message()) }
    }

    /// Its status, its title and its words.
    pub(super) fn told(&self) -> (StatusCode, &'static str, &str) {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, self.title, &self.detail)
    }

    /// The same where a key was sent that makes a request the same as an earlier one.
    pub(super) fn of_keyed(status: &Status) -> Self {
        let is_other = status.metadata().get(REASON).is_some_and(|it| it == OTHER_REQUEST);
        if !is_other {
            return Self::of(status);
        }
        Self::new(
            Kind::IdempotencyKeyReused,
            "this Idempotency-Key was sent before with another body; choose another key for another job",
        )
    }
}

impl From<Status> for Problem {
    fn from(status: Status) -> Self {
        Self::of(&status)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let json = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, json).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            // A bucket has its next token within a second, and a leader is looked for as often.
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// A refusal before any route is reached, in the words of whoever asks: a status to gRPC, else a problem.
pub(crate) fn refusal(asked: &HeaderMap, status: Status) -> axum::http::Response<Body> {
    if is_grpc(asked) { status.into_http() } else { passed(Problem::of(&status).into_response()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: &Status) -> (u16, String) {
        let problem = Problem::of(status);
        (problem.status, problem.name.strip_prefix(PREFIX).unwrap().to_owned())
    }

    #[test]
    fn each_status_is_one_problem_with_a_stable_name() {
        for (code, expected) in [
            (Code::InvalidArgument, (400, "invalid-request")),
            (Code::Unauthenticated, (401, "unauthenticated")),
            (Code::PermissionDenied, (403, "denied")),
            (Code::NotFound, (404, "not-found")),
            (Code::AlreadyExists, (409, "already-exists")),
            (Code::FailedPrecondition, (409, "not-now")),
            (Code::Aborted, (409, "aborted")),
            (Code::ResourceExhausted, (429, "too-many")),
            (Code::Internal, (500, "internal")),
            (Code::Unimplemented, (501, "unimplemented")),
            (Code::Unavailable, (503, "unavailable")),
        ] {
            let (status, name) = told(&Status::new(code, "words"));
            assert_eq!((status, name.as_str()), expected, "{code:?}");
        }
        let elsewhere = cleanplate_proto::stands_by(Some("http://other:7700"));
        assert_eq!(told(&elsewhere), (503, "stands-by".to_owned()));
        assert_eq!(Problem::of(&elsewhere).leader.as_deref(), Some("http://other:7700"));
    }

    #[test]
    fn who_is_not_known_is_asked_for_a_token_and_who_is_too_fast_is_told_when_to_come_back() {
        let response = Problem::of(&Status::unauthenticated("who?")).into_response();
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
        let response = Problem::of(&Status::resource_exhausted("slowly")).into_response();
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        assert_eq!(response.headers()[header::CONTENT_TYPE], MEDIA_TYPE);
    }
}
