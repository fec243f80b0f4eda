//! The HTTP interface, on the port of gRPC and over the same services: JSON in and out, errors as problems (RFC 9457).
//!
//! Owns how a request becomes a call of [`JobsService`] and how its answer becomes JSON. Refuses decisions and rules:
//! who may what is the door's, what makes sense is the service's, so that neither can differ from gRPC. The routes are
//! those of [`ROUTES`] and no others: one that is not in the table is not made, and one that is in it and not made
//! fails a test; and so with those of [`PAGES`], which are for people.
//!
//! There are no CORS headers: what a browser asks for another site's page it does not hand to that page.

mod body;
mod browsers;
mod events;
mod glimpse;
mod jobs;
mod openapi;
mod pages;
mod problem;
mod ready;

use std::future::ready as ready_now;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, patch, post};
use cleanplate_access::{Caller, PAGES, ROUTES};
use tokio::sync::watch;
use tonic::Status;
use tonic::body::Body;

use crate::glimpse::Glimpses;
use crate::jobs::JobsService;
use crate::journal::Standing;

pub(crate) use crate::http::browsers::refuse_pages;
pub(crate) use crate::http::pages::{bearer_of_cookie, refuse_unproven, turned_away};
pub(crate) use crate::http::problem::refusal;
use crate::http::problem::{Kind, Problem};
pub(crate) use crate::http::ready::Ready;

/// What the handlers answer with.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    jobs: Arc<JobsService>,
    glimpses: Arc<Glimpses>,
    /// Bytes of a body at most (`limits.message`).
    body_bytes: usize,
}

impl Api {
    pub(crate) const fn new(
        jobs: Arc<JobsService>,
        glimpses: Arc<Glimpses>,
        body_bytes: usize,
    ) -> Self {
        Self { jobs, glimpses, body_bytes }
    }
}

/// A call of the service by whoever the door let in.
fn call<T>(caller: Caller, message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.extensions_mut().insert(caller);
    request
}

/// The routes of a coordinator that leads, and what is told of paths that there are not.
pub(crate) fn routes(api: Api, ready: Ready) -> Router {
    let router = always(ready);
    let made = ROUTES.iter().filter_map(|(method, path, _)| Some((*path, route(method, path)?)));
    let pages =
        PAGES.iter().filter_map(|(method, path, _)| Some((*path, pages::route(method, path)?)));
    let router = made.chain(pages).fold(router, |router, (path, route)| {
        router.route(path, route.with_state::<()>(api.clone()))
    });
    finished(router)
}

/// The routes of one that does not: health, and for all others where to ask instead.
pub(crate) fn routes_elsewhere(ready: Ready, standing: watch::Receiver<Standing>) -> Router {
    let elsewhere = move || {
        let status = crate::standby::answer(&standing);
        ready_now(Problem::of(&status))
    };
    let router = always(ready);
    let others = ROUTES.iter().filter(|(method, path, _)| route(method, path).is_some());
    let router = others.fold(router, |router, (method, path, _)| {
        let elsewhere = elsewhere.clone();
        router.route(path, on(method, elsewhere))
    });
    let page = move || ready_now(pages::Mishap::from(elsewhere().into_inner()));
    let router = PAGES.iter().fold(router, |router, (method, path, _)| {
        let page = page.clone();
        router.route(path, on(method, page))
    });
    finished(router)
}

/// Health and metrics alone, for the address of the probes.
pub(crate) fn routes_of_probes(ready: Ready) -> Router {
    finished(probes(ready))
}

fn probes(ready: Ready) -> Router {
    Router::new()
        .route("/healthz", get(ready::healthz))
        .route("/readyz", get(ready::readyz))
        .route("/metrics", get(ready::metrics))
        .with_state(ready)
}

/// What every coordinator answers, whether it leads or not.
fn always(ready: Ready) -> Router {
    probes(ready).route("/openapi.json", get(openapi::document))
}

/// What answers a row of the table, but for those of [`always`].
fn route(method: &str, path: &str) -> Option<MethodRouter<Api>> {
    Some(match (method, path.strip_prefix("/api/v1")?) {
        ("POST", "/jobs") => post(jobs::submit),
        ("GET", "/jobs") => get(jobs::list),
        ("GET", "/jobs/{job}") => get(jobs::show),
        ("PATCH", "/jobs/{job}") => patch(jobs::change),
        ("GET", "/jobs/{job}/attempts") => get(jobs::attempts),
        ("GET", "/jobs/{job}/plan") => get(jobs::plan),
        ("GET", "/jobs/{job}/preview") => get(jobs::preview),
        ("GET", "/jobs/{job}/events") => get(events::follow),
        ("POST", "/jobs/{job}/cancel") => post(jobs::cancel),
        ("POST", "/jobs/{job}/retry") => post(jobs::retry),
        ("POST", "/jobs/{job}/approve") => post(jobs::approve),
        ("POST", "/jobs/{job}/reject") => post(jobs::reject),
        ("GET", "/workers") => get(jobs::workers),
        ("POST", "/workers/{worker}/drain") => post(jobs::drain),
        ("POST", "/batches") => post(jobs::batch),
        ("GET", "/glimpse") => get(glimpse::show),
        _ => return None,
    })
}

fn on<F, R>(method: &str, answer: F) -> MethodRouter
where
    F: Fn() -> R + Clone + Send + Sync + 'static,
    R: Future + Send + 'static,
    R::Output: IntoResponse,
{
    match method {
        "POST" => post(answer),
        "PATCH" => patch(answer),
        _ => get(answer),
    }
}

/// With an answer for paths that there are not, and a problem for every refusal.
fn finished(router: Router) -> Router {
    let told = map_response(|response| ready_now(as_problem(response)));
    router.layer(told).fallback(|request: Request| ready_now(nothing_there(&request)))
}

/// gRPC is told in its own way that there is no such service.
fn nothing_there(request: &Request) -> Response {
    if is_grpc(request.headers()) {
        let status = Status::unimplemented("there is no such service");
        return status.into_http::<axum::body::Body>();
    }
    let path = request.uri().path();
    if pages::is_page(path) {
        let detail = format!("there is no page at {path}");
        return pages::Mishap::from(Problem::new(Kind::NoSuchPath, detail)).into_response();
    }
    let detail = format!("there is nothing at {path}; docs/api.md lists what there is");
    Problem::new(Kind::NoSuchPath, detail).into_response()
}

/// Refusals of the router itself, which are a word or nothing, as problems.
fn as_problem(response: Response) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_told = kind.is_some_and(|kind| {
        kind.as_bytes().starts_with(problem::MEDIA_TYPE.as_bytes())
            || kind.as_bytes().starts_with(GRPC.as_bytes())
            || kind.as_bytes().starts_with(b"text/html")
    });
    if is_told || !(response.status().is_client_error() || response.status().is_server_error()) {
        return response;
    }
    let problem = match response.status() {
        StatusCode::METHOD_NOT_ALLOWED => Problem::new(
            Kind::MethodNotAllowed,
            "the path is right and the method is not; `allow` lists those that are",
        ),
        status if status.is_client_error() => {
            Problem::new(Kind::InvalidRequest, "the request cannot be read")
        }
        _ => Problem::new(Kind::Internal, "a bug, which the coordinator's log tells"),
    };
    let mut told = problem.into_response();
    if let Some(allowed) = response.headers().get(header::ALLOW) {
        told.headers_mut().insert(header::ALLOW, allowed.clone());
    }
    told
}

const GRPC: &str = "application/grpc";

/// Whether it is answered with statuses of gRPC.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(GRPC.as_bytes()))
}

/// A response of HTTP's, as the layers of gRPC's server pass it.
pub(crate) fn passed(response: Response) -> axum::http::Response<Body> {
    response.map(Body::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_a_route() {
        let always = ["/healthz", "/readyz", "/metrics", "/openapi.json"];
        for (method, path, _) in ROUTES {
            let made = route(method, path).is_some() || always.contains(&path);
            assert!(made, "{method} {path} is in the table and nothing answers it");
        }
    }
}
