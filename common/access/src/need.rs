//! Which call needs what: one table for gRPC and one for HTTP, looked up by method and path before anything of the
//! call is parsed.
//!
//! What is in neither needs a token that is known, and then finds nothing: nothing is open by omission.
//! `tests/tests/access.rs` holds that every call of every service is in the one, and the coordinator makes its routes
//! from the other.

use crate::role::Role;

/// What a call needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// A client's token with this role.
    Role(Role),
    /// A join token.
    Join,
    /// A worker's credential, or its certificate.
    Worker,
    /// Nothing where probes are open on this port, else whatever is known.
    Probe,
    /// Whatever is known.
    Known,
    /// Nothing: it tells nothing, or is how one becomes known.
    Open,
}

const CALLS: [(&str, Need); 22] = [
    ("/cleanplate.v1.Fleet/Join", Need::Join),
    ("/cleanplate.v1.Fleet/Attend", Need::Worker),
    ("/cleanplate.v1.Fleet/Sign", Need::Worker),
    ("/cleanplate.v1.Jobs/Submit", Need::Role(Role::Submit)),
    ("/cleanplate.v1.Jobs/Batch", Need::Role(Role::Submit)),
    ("/cleanplate.v1.Jobs/Cancel", Need::Role(Role::Submit)),
    ("/cleanplate.v1.Jobs/Retry", Need::Role(Role::Submit)),
    ("/cleanplate.v1.Jobs/Prioritise", Need::Role(Role::Submit)),
    ("/cleanplate.v1.Jobs/Approve", Need::Role(Role::Submit)),
    ("/cleanplate.v1.Jobs/Reject", Need::Role(Role::Submit)),
    ("/cleanplate.v1.Jobs/Watch", Need::Role(Role::Read)),
    ("/cleanplate.v1.Jobs/List", Need::Role(Role::Read)),
    ("/cleanplate.v1.Jobs/Show", Need::Role(Role::Read)),
    ("/cleanplate.v1.Jobs/Plan", Need::Role(Role::Read)),
    ("/cleanplate.v1.Jobs/Preview", Need::Role(Role::Read)),
    ("/cleanplate.v1.Jobs/Workers", Need::Role(Role::Operate)),
    ("/cleanplate.v1.Jobs/DrainWorker", Need::Role(Role::Operate)),
    ("/grpc.health.v1.Health/Check", Need::Probe),
    ("/externalscaler.ExternalScaler/IsActive", Need::Probe),
    ("/externalscaler.ExternalScaler/StreamIsActive", Need::Probe),
    ("/externalscaler.ExternalScaler/GetMetricSpec", Need::Probe),
    ("/externalscaler.ExternalScaler/GetMetrics", Need::Probe),
];

/// What an HTTP request is, by method and path, and what it needs. A part of a path in braces stands for any one part
/// that is not empty, as it is sent: nothing is decoded before it is compared. `HEAD` is as `GET`.
pub const ROUTES: [(&str, &str, Need); 20] = [
    ("GET", "/healthz", Need::Probe),
    ("GET", "/readyz", Need::Probe),
    ("GET", "/metrics", Need::Probe),
    ("GET", "/openapi.json", Need::Role(Role::Read)),
    ("POST", "/api/v1/jobs", Need::Role(Role::Submit)),
    ("GET", "/api/v1/jobs", Need::Role(Role::Read)),
    ("GET", "/api/v1/jobs/{job}", Need::Role(Role::Read)),
    ("PATCH", "/api/v1/jobs/{job}", Need::Role(Role::Submit)),
    ("GET", "/api/v1/jobs/{job}/attempts", Need::Role(Role::Read)),
    ("GET", "/api/v1/jobs/{job}/plan", Need::Role(Role::Read)),
    ("GET", "/api/v1/jobs/{job}/preview", Need::Role(Role::Read)),
    ("GET", "/api/v1/jobs/{job}/events", Need::Role(Role::Read)),
    ("POST", "/api/v1/jobs/{job}/cancel", Need::Role(Role::Submit)),
    ("POST", "/api/v1/jobs/{job}/retry", Need::Role(Role::Submit)),
    ("POST", "/api/v1/jobs/{job}/approve", Need::Role(Role::Submit)),
    ("POST", "/api/v1/jobs/{job}/reject", Need::Role(Role::Submit)),
    ("GET", "/api/v1/workers", Need::Role(Role::Operate)),
    ("POST", "/api/v1/workers/{worker}/drain", Need::Role(Role::Operate)),
    ("POST", "/api/v1/batches", Need::Role(Role::Submit)),
    ("GET", "/api/v1/glimpse", Need::Role(Role::Submit)),
];

/// The pages for people, as in [`ROUTES`]; whoever is not known is led to the one to log in at, and refusals are pages.
pub const PAGES: [(&str, &str, Need); 18] = [
    ("GET", "/", Need::Open),
    ("GET", "/ui/login", Need::Open),
    ("POST", "/ui/login", Need::Open),
    ("POST", "/ui/logout", Need::Open),
    ("GET", "/ui/assets/{file}", Need::Open),
    ("GET", "/ui/jobs", Need::Role(Role::Read)),
    ("GET", "/ui/events", Need::Role(Role::Read)),
    ("GET", "/ui/jobs/{job}", Need::Role(Role::Read)),
    ("GET", "/ui/jobs/{job}/stills/{still}", Need::Role(Role::Read)),
    ("POST", "/ui/jobs/{job}/cancel", Need::Role(Role::Submit)),
    ("POST", "/ui/jobs/{job}/retry", Need::Role(Role::Submit)),
    ("POST", "/ui/jobs/{job}/approve", Need::Role(Role::Submit)),
    ("POST", "/ui/jobs/{job}/reject", Need::Role(Role::Submit)),
    ("POST", "/ui/jobs/{job}/priority", Need::Role(Role::Submit)),
    ("GET", "/ui/fleet", Need::Role(Role::Operate)),
    ("POST", "/ui/workers/{worker}/drain", Need::Role(Role::Operate)),
    ("GET", "/ui/submit", Need::Role(Role::Submit)),
    ("POST", "/ui/submit", Need::Role(Role::Submit)),
];

/// Calls that a prefix decides: health's others.
const HEALTH: &str = "/grpc.health.v1.Health/";

/// What a call or a request needs.
#[must_use]
pub fn need_of(method: &str, path: &str) -> Need {
    let known = CALLS.iter().find(|(call, _)| *call == path).map(|(_, need)| *need);
    let health = || path.starts_with(HEALTH).then_some(Need::Probe);
    let method = if method == "HEAD" { "GET" } else { method };
    let route = || {
        let mut routes = ROUTES.iter().chain(&PAGES);
        let found = routes.find(|(verb, pattern, _)| *verb == method && is_like(path, pattern));
        found.map(|(_, _, need)| *need)
    };
    known.or_else(health).or_else(route).unwrap_or(Need::Known)
}

/// Whether it is a path of gRPC's, by which no route of HTTP begins.
#[must_use]
pub fn is_call(path: &str) -> bool {
    let service = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    service.contains('.') && path.matches('/').count() == 2
}

fn is_like(path: &str, pattern: &str) -> bool {
    let (mut parts, mut wanted) = (path.split('/'), pattern.split('/'));
    loop {
        match (parts.next(), wanted.next()) {
            (None, None) => return true,
            (Some(part), Some(any)) if any.starts_with('{') && !part.is_empty() => {}
            (Some(part), Some(same)) if part == same => {}
            (None | Some(_), None | Some(_)) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_only_like_a_call_is_no_call() {
        for path in [
            "",
            "/",
            "/cleanplate.v1.Jobs/List/",
            "//cleanplate.v1.Jobs/List",
            "/cleanplate.v1.Jobs/%4cist",
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        ] {
            assert_eq!(need_of("POST", path), Need::Known, "{path}");
        }
        assert_eq!(need_of("POST", "/grpc.health.v1.Health/Watch"), Need::Probe);
    }

    #[test]
    fn a_request_that_is_only_like_a_route_is_no_route() {
        for (method, path) in [
            ("POST", "/api/v1/jobs/"),
            ("POST", "/api/v1//jobs"),
            ("POST", "/API/v1/jobs"),
            ("POST", "/api/v1/%6aobs"),
            ("DELETE", "/api/v1/jobs"),
            ("GET", "/api/v1/jobs//plan"),
            ("GET", "/api/v1/jobs/a/b/plan"),
            ("GET", "/api/v1/jobs/a/plan/"),
            ("GET", "/api/v2/jobs"),
            ("OPTIONS", "/api/v1/jobs"),
        ] {
            assert_eq!(need_of(method, path), Need::Known, "{method} {path}");
        }
        let read = Need::Role(Role::Read);
        assert_eq!(need_of("GET", "/api/v1/jobs/job-1/plan"), read);
        assert_eq!(need_of("HEAD", "/api/v1/jobs/job-1"), read);
        assert_eq!(need_of("PATCH", "/api/v1/jobs/%2e%2e"), Need::Role(Role::Submit));
    }

    #[test]
    fn a_path_of_grpc_is_told_from_one_of_http() {
        assert!(is_call("/cleanplate.v1.Jobs/List") && is_call("/grpc.health.v1.Health/Check"));
        assert!(!is_call("/api/v1/jobs") && !is_call("/openapi.json") && !is_call("/"));
    }
}
