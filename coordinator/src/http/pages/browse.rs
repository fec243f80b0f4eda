//! What a browser sends by itself: the cookie that stands for a token, and the proof that a page of ours asks.
//!
//! A cookie counts below `/ui` and `/api` alone, and never beside another authorization. What changes something by it, or
//! by a form of ours, comes from a page of this very origin and says so (`sec-fetch-site`, `origin`): a browser lets no
//! page of another site say that.

use axum::http::{HeaderMap, Method, Request, header};
use tonic::Status;

use crate::http::browsers::{host_of, text};

/// The name of the cookie: behind TLS one that no other host and nothing without TLS can set.
pub(super) const fn name(is_tls: bool) -> &'static str {
    if is_tls { "__Host-cleanplate" } else { "cleanplate" }
}

/// The cookie's line for a token; an empty one takes the cookie away.
pub(super) fn cookie(token: &str, is_tls: bool) -> String {
    let secure = if is_tls { "; Secure" } else { "" };
    let life = if token.is_empty() { "; Max-Age=0" } else { "" };
    format!("{}={token}; Path=/; HttpOnly; SameSite=Strict{secure}{life}", name(is_tls))
}

/// The authorization that a request has by its cookie; nothing where it has another one, or none is taken there.
pub(crate) fn bearer_of_cookie<B>(request: &Request<B>, is_tls: bool) -> Option<String> {
    let path = request.uri().path();
    let is_taken = path.starts_with("/ui/") || path.starts_with("/api/");
    if !is_taken || request.headers().contains_key(header::AUTHORIZATION) {
        return None;
    }
    token_of(request.headers(), is_tls).map(|token| format!("Bearer {token}"))
}

/// The token in the cookie.
fn token_of(headers: &HeaderMap, is_tls: bool) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs =
        lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut tokens = pairs.filter(|(key, _)| *key == name(is_tls)).map(|(_, token)| token);
    tokens.next().filter(|token| !token.is_empty())
}

/// Refuses what would change something and does not prove that a page of ours asks it: by a cookie, or at a page.
///
/// # Errors
/// `PERMISSION_DENIED`, with the remedy.
pub(crate) fn refuse_unproven<B>(request: &Request<B>, by_cookie: bool) -> Result<(), Status> {
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    let is_page = request.uri().path().starts_with("/ui/");
    if !changes || !(by_cookie || is_page) || is_of_this_origin(request) {
        return Ok(());
    }
    Err(Status::permission_denied(
        "this changes something and does not come from a page of this coordinator; press the button there, or send \
         the token as `authorization: Bearer TOKEN` to /api",
    ))
}

fn is_of_this_origin<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    let site = text(headers, "sec-fetch-site");
    let origin = text(headers, header::ORIGIN.as_str());
    let of_host = |origin: &str| {
        let (_, from) = origin.split_once("://").unwrap_or(("", origin));
        host_of(request).is_some_and(|host| host.eq_ignore_ascii_case(from))
    };
    match (site, origin) {
        (Some("same-origin"), None) => true,
        (Some("same-origin") | None, Some(origin)) => of_host(origin),
        (Some(_) | None, None) | (Some(_), Some(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn a_cookie_stands_for_a_token_at_pages_and_the_interface_and_beside_nothing_else() {
        let sent = |path: &str, headers: &[(&str, &str)]| {
            bearer_of_cookie(&request("GET", path, headers), false)
        };
        let cookie = ("cookie", "a=b; cleanplate=cpt_x; c=d");
        let expected = Some("Bearer cpt_x".to_owned());
        assert_eq!(sent("/ui/jobs", &[cookie]), expected);
        assert_eq!(sent("/api/v1/jobs", &[cookie]), expected);
        assert_eq!(sent("/cleanplate.v1.Jobs/List", &[cookie]), None);
        assert_eq!(sent("/uix", &[cookie]), None);
        assert_eq!(sent("/ui/jobs", &[cookie, ("authorization", "Bearer y")]), None);
        assert_eq!(sent("/ui/jobs", &[("cookie", "xcleanplate=t")]), None);
        assert_eq!(sent("/ui/jobs", &[("cookie", "cleanplate=")]), None);
        let behind_tls = request("GET", "/ui/jobs", &[cookie]);
        assert_eq!(bearer_of_cookie(&behind_tls, true), None, "set without TLS");
    }

    #[test]
    fn what_changes_something_by_a_cookie_or_a_form_proves_its_origin() {
        let passes = |method: &str, path: &str, by_cookie: bool, headers: &[(&str, &str)]| {
            refuse_unproven(&request(method, path, headers), by_cookie).is_ok()
        };
        let host = ("host", "head:7700");
        let own = [host, ("origin", "https://head:7700")];
        let (api, page) = ("/api/v1/jobs", "/ui/logout");
        assert!(passes("GET", page, true, &[host]) && passes("HEAD", api, true, &[]));
        assert!(passes("POST", api, false, &[host]), "a program with a token");
        for (path, by_cookie) in [(api, true), (page, true), (page, false)] {
            assert!(passes("POST", path, by_cookie, &own));
            assert!(passes("POST", path, by_cookie, &[host, ("sec-fetch-site", "same-origin")]));
            for headers in [
                &[host][..],
                &[host, ("origin", "null")],
                &[host, ("origin", "https://evil.example")],
                &[host, ("origin", "https://head:7701")],
                &[host, ("sec-fetch-site", "same-site")],
                &[host, ("sec-fetch-site", "cross-site"), ("origin", "https://head:7700")],
                &[host, ("sec-fetch-site", "none")],
                &[host, ("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")],
                &[("origin", "https://head:7700")],
            ] {
                assert!(!passes("POST", path, by_cookie, headers), "{path} {headers:?}");
                assert!(!passes("PATCH", path, by_cookie, headers), "{path} {headers:?}");
            }
        }
    }

    #[test]
    fn the_cookie_is_out_of_reach_of_scripts_other_sites_and_of_what_is_not_encrypted() {
        let told = cookie("cpt_x", true);
        assert_eq!(told, "__Host-cleanplate=cpt_x; Path=/; HttpOnly; SameSite=Strict; Secure");
        assert!(cookie("", false).ends_with("; Max-Age=0"));
    }
}
