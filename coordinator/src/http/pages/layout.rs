//! The frame of every page: head, navigation, policy; and refusals as pages.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cleanplate_access::Role;
use maud::{DOCTYPE, Markup, html};
use tonic::Status;

use crate::http::pages::Viewer;
use crate::http::pages::assets::{ICON, LIVE, STYLE};
use crate::http::problem::Problem;

/// What a page may load and do: what comes from here, and nothing that stands in the page itself.
const POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
                      object-src 'none'";

/// Which part of the navigation a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Jobs,
    Fleet,
    Submit,
    None,
}

/// What a page is.
#[derive(Debug)]
pub(super) struct Head<'a> {
    pub(super) title: &'a str,
    pub(super) part: Part,
    /// Who looks at it; nobody before it is known who.
    pub(super) viewer: Option<&'a Viewer>,
    /// A script beside the one that keeps pages live.
    pub(super) script: Option<&'a str>,
}

/// A page.
pub(super) fn page(status: StatusCode, head: &Head<'_>, body: &Markup) -> Response {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { (head.title) " – cleanplate" }
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                link rel="icon" type="image/svg+xml" href=(ICON.path());
                link rel="stylesheet" href=(STYLE.path());
                script src=(LIVE.path()) defer {}
                @if let Some(script) = head.script { script src=(script) defer {} }
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header { (navigation(head)) }
                main #main tabindex="-1" { (body) }
            }
        }
    };
    let mut response = (status, markup.into_string()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    guard(headers);
    response
}

/// The headers of all that is for browsers.
pub(super) fn guard(headers: &mut HeaderMap) {
    for (name, value) in [
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-frame-options", "DENY"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
}

fn navigation(head: &Head<'_>) -> Markup {
    let here = |part: Part| (head.part == part).then_some("page");
    let may = |role: Role| head.viewer.is_some_and(|viewer| viewer.may(role));
    html! {
        span.brand { "cleanplate" }
        nav aria-label="Pages" {
            @if may(Role::Read) { a href="/ui/jobs" aria-current=[here(Part::Jobs)] { "Jobs" } }
            @if may(Role::Submit) { a href="/ui/submit" aria-current=[here(Part::Submit)] { "Submit" } }
            @if may(Role::Operate) { a href="/ui/fleet" aria-current=[here(Part::Fleet)] { "Fleet" } }
        }
        @if let Some(who) = head.viewer.and_then(|viewer| viewer.who.as_ref()) {
            form.who method="post" action="/ui/logout" {
                span title=(who.id) {
                    @if let Some(owner) = &who.owner { (owner) ", " }
                    (who.roles.to_string())
                }
                button type="submit" { "Log out" }
            }
        }
    }
}

/// A refusal as a page.
#[derive(Debug)]
pub(crate) struct Mishap(Problem);

impl From<Problem> for Mishap {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<Status> for Mishap {
    fn from(status: Status) -> Self {
        Self(Problem::from(status))
    }
}

impl IntoResponse for Mishap {
    fn into_response(self) -> Response {
        let (status, title, detail) = self.0.told();
        let body = html! {
            h1 { (title) }
            p.detail role="alert" { (detail) }
            p { a href="/ui/jobs" { "All jobs" } " · " a href="/ui/login" { "Log in as somebody else" } }
        };
        page(status, &Head { title, part: Part::None, viewer: None, script: None }, &body)
    }
}
