//! Logging in: a token becomes a cookie, and leaves again.

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use maud::html;
use serde::Deserialize;

use crate::http::Api;
use crate::http::body::form;
use crate::http::pages::layout::{Head, Part, page};
use crate::http::pages::{Answer, FIRST, browse, local, on_to};

/// Bytes of the form at most: a token is below a hundred.
const FORM_BYTES_MAX: usize = 8 << 10;

/// Where a client is at home: the first of these that it may see.
const HOMES: [&str; 2] = [FIRST, "/ui/submit"];

/// Where to go on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Onward {
    next: String,
}

/// `GET /ui/login`.
pub(super) async fn show(State(api): State<Api>, Query(Onward { next }): Query<Onward>) -> Answer {
    if api.jobs.door().is_open() {
        return Ok(on_to(&next));
    }
    Ok(form_page(StatusCode::OK, &next, None))
}

/// `POST /ui/login`.
pub(super) async fn enter(State(api): State<Api>, headers: HeaderMap, body: Body) -> Answer {
    let fields = form(&headers, body, FORM_BYTES_MAX).await?;
    let (token, next) = (fields.last("token").trim(), fields.last("next"));
    let door = api.jobs.door();
    if door.is_open() {
        return Ok(on_to(next));
    }
    match door.first_seen(token, &HOMES) {
        Ok(first) => {
            let next = if next.is_empty() { first } else { next };
            let mut response = on_to(next);
            keep(&mut response, token, door.is_tls());
            Ok(response)
        }
        Err(why) => Ok(form_page(StatusCode::UNAUTHORIZED, next, Some(&why))),
    }
}

/// `POST /ui/logout`.
pub(super) async fn leave(State(api): State<Api>) -> Response {
    let mut response = on_to("/ui/login");
    keep(&mut response, "", api.jobs.door().is_tls());
    response
}

/// Has the browser keep the cookie; the token is one that was read as one, and so can stand in a header.
fn keep(response: &mut Response, token: &str, is_tls: bool) {
    if let Ok(line) = HeaderValue::from_str(&browse::cookie(token, is_tls)) {
        response.headers_mut().insert(header::SET_COOKIE, line);
    }
}

fn form_page(status: StatusCode, next: &str, refused: Option<&str>) -> Response {
    let next = if next.is_empty() { "" } else { local(next) };
    let described = refused.map(|_| "refused");
    let body = html! {
        h1 { "Log in" }
        form.narrow method="post" action="/ui/login" {
            input type="hidden" name="next" value=(next);
            @if let Some(why) = refused { p.detail #refused role="alert" { (why) } }
            label for="token" { "Token" }
            input #token type="password" name="token" required autocomplete="current-password"
                autofocus spellcheck="false" aria-describedby=[described];
            button.primary type="submit" { "Log in" }
            p.quiet { "A token is made by " code { "cleanplate token new" } " on the coordinator's machine." }
        }
    };
    let head = Head { title: "Log in", part: Part::None, viewer: None, script: None };
    let mut response = page(status, &head, &body);
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response.into_response()
}
