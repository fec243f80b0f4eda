//! Pages of other sites: where nobody is asked who they are, a page that somebody on this machine looks at must not
//! be able to speak for them.
//!
//! Two ways are closed. A page of another site may send what needs no asking first: a browser says which site's page
//! it is (`origin`, `sec-fetch-site`), and another one than this is refused. And a name of another site may lead to
//! 127.0.0.1: over loopback the host must be `localhost` or an address. With tokens neither is needed, since a browser
//! sends none by itself.

use std::net::IpAddr;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, Request, Version, header};
use tonic::Status;

use crate::door::Peer;

/// Refuses what a page of another site sends.
///
/// # Errors
/// `PERMISSION_DENIED`, with the remedy.
pub(crate) fn refuse_pages<B>(request: &Request<B>) -> Result<(), Status> {
    let headers = request.headers();
    let host = host_of(request);
    let site = text(headers, "sec-fetch-site");
    let origin = text(headers, header::ORIGIN.as_str());
    let is_own = origin.is_none_or(|origin| {
        let (_, from) = origin.split_once("://").unwrap_or(("", origin));
        host.is_some_and(|host| host.eq_ignore_ascii_case(from))
    });
    if site == Some("cross-site") || !is_own {
        return Err(Status::permission_denied(
            "this comes from a page of another site; open pages of this coordinator itself, or ask by a program",
        ));
    }
    let peer = request.extensions().get::<Peer>();
    let loopback = peer.and_then(|peer| peer.address).is_some_and(|from| from.ip().is_loopback());
    if loopback && request.version() < Version::HTTP_2 && !host.is_some_and(is_here) {
        return Err(Status::permission_denied(
            "the host is another than this machine: over loopback, where nobody is asked who they are, ask \
             `localhost` or an address; for other names close the door with tokens (docs/access.md)",
        ));
    }
    Ok(())
}

/// The host that was asked.
pub(crate) fn host_of<B>(request: &Request<B>) -> Option<&str> {
    match request.version() {
        // Browsers speak HTTP/2 through TLS alone, where a name leads nowhere without its certificate.
        Version::HTTP_2 => request.uri().authority().map(Authority::as_str),
        _ => text(request.headers(), header::HOST.as_str()),
    }
}

/// A header; one that is no text is the empty one.
pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

fn is_here(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host();
    let bare = name.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn asked(headers: &[(&str, &str)], from: [u8; 4]) -> bool {
        let mut request = Request::builder().uri("/api/v1/jobs");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(()).unwrap();
        let peer = Peer { address: Some((from, 9).into()), names: Arc::default() };
        request.extensions_mut().insert(peer);
        refuse_pages(&request).is_ok()
    }

    #[test]
    fn a_page_of_another_site_is_refused_and_programs_are_not() {
        let here = [127, 0, 0, 1];
        for (headers, expected) in [
            (&[("host", "127.0.0.1:7700")][..], true),
            (&[("host", "localhost:7700")], true),
            (&[("host", "[::1]:7700")], true),
            (&[("host", "localhost:7700"), ("origin", "http://localhost:7700")], true),
            (&[("host", "localhost:7700"), ("origin", "http://evil.example")], false),
            (&[("host", "localhost:7700"), ("origin", "null")], false),
            (&[("host", "localhost:7700"), ("sec-fetch-site", "cross-site")], false),
            (&[("host", "evil.example:7700")], false),
            (&[("host", "evil.example:7700"), ("origin", "http://evil.example:7700")], false),
            (&[("host", "127.0.0.1.evil.example")], false),
            (&[], false),
        ] {
            assert_eq!(asked(headers, here), expected, "{headers:?}");
        }
        assert!(asked(&[("host", "head:7700")], [10, 0, 0, 2]), "whoever opened it to others");
    }
}
