//! The pages for people, on the same port: made here, without a framework, and readable without scripts.
//!
//! Owns what is shown and how it is worded on a page. Refuses rules: each page asks the services that the other
//! interfaces ask, as the same caller, so that nothing is shown or done here that is refused there. Every text that
//! somebody gave is escaped by the templates; a page carries no script and no style of its own, so that its policy
//! allows none.

mod act;
mod assets;
mod browse;
mod events;
mod fleet;
mod job;
mod jobs;
mod layout;
mod login;
mod row;
mod stills;
mod submit;
mod throughput;
mod timeline;
mod words;

use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{MethodRouter, get, post};
use cleanplate_access::{Caller, Reach, Role, Who};
use tonic::{Code, Status};

use crate::http::Api;
use crate::http::problem::Problem;

pub(crate) use browse::{bearer_of_cookie, refuse_unproven};
pub(super) use layout::Mishap;

/// With what the paths of all pages begin, but for the first one's.
const BELOW: &str = "/ui/";

/// The page that is the first.
const FIRST: &str = "/ui/jobs";

type Answer = Result<Response, Mishap>;

/// What answers a row of the table of pages.
pub(super) fn route(method: &str, path: &str) -> Option<MethodRouter<Api>> {
    Some(match (method, path) {
        ("GET", "/") => get(|| async { Redirect::to(FIRST) }),
        ("GET", "/ui/login") => get(login::show),
        ("POST", "/ui/login") => post(login::enter),
        ("POST", "/ui/logout") => post(login::leave),
        ("GET", "/ui/assets/{file}") => get(assets::serve),
        ("GET", "/ui/jobs") => get(jobs::list),
        ("GET", "/ui/events") => get(events::follow),
        ("GET", "/ui/jobs/{job}") => get(job::show),
        ("GET", "/ui/jobs/{job}/stills/{still}") => get(stills::still),
        ("POST", "/ui/jobs/{job}/cancel") => post(job::cancel),
        ("POST", "/ui/jobs/{job}/retry") => post(job::retry),
        ("POST", "/ui/jobs/{job}/approve") => post(job::approve),
        ("POST", "/ui/jobs/{job}/reject") => post(job::reject),
        ("POST", "/ui/jobs/{job}/priority") => post(job::prioritise),
        ("GET", "/ui/fleet") => get(fleet::list),
        ("POST", "/ui/workers/{worker}/drain") => post(fleet::drain),
        ("GET", "/ui/submit") => get(submit::show),
        ("POST", "/ui/submit") => post(submit::submit),
        _ => return None,
    })
}

/// Whether it is a page that is asked for by this path, be there one or not.
pub(super) fn is_page(path: &str) -> bool {
    path == "/" || path == "/ui" || path.starts_with(BELOW)
}

/// What is told at the door of a page to whom it does not let in; nothing where it is no page that was asked for.
pub(crate) fn turned_away(
    (method, path): (&Method, &str),
    query: Option<&str>,
    status: &Status,
) -> Option<Response> {
    if !is_page(path) {
        return None;
    }
    if status.code() == Code::Unauthenticated && method == Method::GET && path != "/ui/events" {
        let next = query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("next", &next)
            .finish();
        return Some(Redirect::to(&format!("/ui/login?{query}")).into_response());
    }
    Some(Mishap::from(Problem::of(status)).into_response())
}

/// Who looks at a page.
#[derive(Debug, Clone)]
pub(super) struct Viewer {
    /// Nobody in particular, where nobody is asked.
    who: Option<Who>,
    reach: Reach,
}

impl Viewer {
    fn of(caller: &Caller) -> Self {
        let who = match caller {
            Caller::Client(who) => Some(who.clone()),
            Caller::Anyone
            | Caller::Probe
            | Caller::Joiner { .. }
            | Caller::Worker { .. }
            | Caller::Certified { .. } => None,
        };
        Self { who, reach: caller.reach() }
    }

    fn may(&self, role: Role) -> bool {
        match &self.who {
            Some(who) => who.roles.may(role),
            None => self.reach == Reach::All,
        }
    }

    fn sees_all(&self) -> bool {
        self.reach == Reach::All
    }
}

/// A path of ours that a form or a link names to go on to; else the first page. Another site is never gone on to.
fn local(path: &str) -> &str {
    let is_ours = path.starts_with(BELOW)
        && !path.contains('\\')
        && path.bytes().all(|byte| byte.is_ascii_graphic());
    if is_ours { path } else { FIRST }
}

/// Goes on to a page after something was done, so that a page that is loaded again does nothing again.
fn on_to(path: &str) -> Response {
    Redirect::to(local(path)).into_response()
}

/// Whether a browser has this already.
fn is_same(headers: &HeaderMap, etag: &str) -> bool {
    let known = headers.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    known.is_some_and(|tags| tags.split(',').any(|tag| tag.trim() == etag))
}

#[cfg(test)]
mod tests {
    use cleanplate_access::PAGES;

    use super::*;

    #[test]
    fn every_row_of_the_table_is_a_page() {
        for (method, path, _) in PAGES {
            assert!(
                route(method, path).is_some(),
                "{method} {path} is in the table and is no page"
            );
        }
    }

    #[test]
    fn nobody_is_led_to_another_site() {
        assert_eq!(local("/ui/jobs/job-1?x=1"), "/ui/jobs/job-1?x=1");
        for path in [
            "//evil.example",
            "https://evil.example",
            "/\\evil",
            "/ui/\\x",
            "/ui/a\r\nb",
            "",
            "/api",
        ] {
            assert_eq!(local(path), FIRST, "{path:?}");
        }
    }

    #[test]
    fn who_is_not_known_is_led_to_the_page_to_log_in_at_and_programs_are_not() {
        let status = Status::unauthenticated("who?");
        let told = turned_away((&Method::GET, "/ui/jobs"), Some("state=done"), &status).unwrap();
        let place = told.headers()[header::LOCATION].to_str().unwrap();
        assert_eq!(place, "/ui/login?next=%2Fui%2Fjobs%3Fstate%3Ddone");
        let posted = turned_away((&Method::POST, "/ui/jobs/j/cancel"), None, &status).unwrap();
        assert_eq!(posted.status(), 401);
        assert!(turned_away((&Method::GET, "/api/v1/jobs"), None, &status).is_none());
        let denied = Status::permission_denied("no");
        assert_eq!(turned_away((&Method::GET, "/ui/fleet"), None, &denied).unwrap().status(), 403);
    }
}
