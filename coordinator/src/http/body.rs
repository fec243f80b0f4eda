//! Bodies of requests: bounded in bytes and time, JSON by their own account, parsed once.
//!
//! That a body must say that it is JSON is a lock too: a page of another site can send none that says so without
//! asking first, and is never answered.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use serde::de::DeserializeOwned;

use crate::http::problem::{Kind, Problem};

/// How long a body may take: a slow line brings 16 MiB in it.
const BODY_WAIT: Duration = Duration::from_secs(60);

/// Bytes that are set aside before a body is heard.
const FIRST_BYTES: usize = 4 << 10;

/// Takes a body as JSON.
///
/// # Errors
/// A problem that says what is wrong and where.
pub(super) async fn json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
) -> Result<T, Problem> {
    is_json(headers)?;
    let bytes = whole(body, bytes_max).await?;
    // A list in the place of the outermost object would be taken for its fields in their order.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(Problem::new(
            Kind::InvalidRequest,
            "the body is refused: it is no object of JSON",
        ));
    }
    serde_json::from_slice(&bytes).map_err(|error| {
        Problem::new(Kind::InvalidRequest, format!("the body is refused: {error}"))
    })
}

/// Takes a body as JSON, or what is usual where there is none.
///
/// # Errors
/// As for [`json`].
pub(super) async fn json_or_nothing<T: DeserializeOwned + Default>(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
) -> Result<T, Problem> {
    let bytes = whole(body, bytes_max).await?;
    if bytes.is_empty() {
        return Ok(T::default());
    }
    json(headers, Body::from(bytes), bytes_max).await
}

/// The fields of a form, in their order.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// The value of the last field of this name; empty where there is none.
    pub(super) fn last(&self, name: &str) -> &str {
        let mut named = self.0.iter().rev().filter(|(known, _)| known == name);
        named.next().map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// The values of all fields of this name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |(known, _)| known == name);
        named.map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
impl FromIterator<(String, String)> for Fields {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(fields: I) -> Self {
        Self(fields.into_iter().collect())
    }
}

/// Takes a body as a form of a page.
///
/// # Errors
/// A problem that says what is wrong.
pub(super) async fn form(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
) -> Result<Fields, Problem> {
    if !is_kind(headers, "application/x-www-form-urlencoded") {
        let detail = "the body is to be a form, as the page sends it";
        return Err(Problem::new(Kind::UnsupportedMediaType, detail));
    }
    let bytes = whole(body, bytes_max).await?;
    Ok(Fields(url::form_urlencoded::parse(&bytes).into_owned().collect()))
}

fn is_kind(headers: &HeaderMap, wanted: &str) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    kind.eq_ignore_ascii_case(wanted)
}

fn is_json(headers: &HeaderMap) -> Result<(), Problem> {
    if is_kind(headers, "application/json") {
        return Ok(());
    }
    let detail = "the body is to be JSON, and says so by `content-type: application/json`";
    Err(Problem::new(Kind::UnsupportedMediaType, detail))
}

async fn whole(body: Body, bytes_max: usize) -> Result<Bytes, Problem> {
    let late = |_elapsed| {
        let detail = format!("the body did not come within {} s", BODY_WAIT.as_secs());
        Problem::new(Kind::Timeout, detail)
    };
    tokio::time::timeout(BODY_WAIT, gathered(body, bytes_max)).await.map_err(late)?
}

async fn gathered(body: Body, bytes_max: usize) -> Result<Bytes, Problem> {
    let mut whole = BytesMut::with_capacity(FIRST_BYTES);
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| {
            Problem::new(Kind::InvalidRequest, format!("the body was cut off: {error}"))
        })?;
        if piece.len() > bytes_max.saturating_sub(whole.len()) {
            let detail = format!(
                "the body is larger than {bytes_max} bytes, which is what `limits.message` allows"
            );
            return Err(Problem::new(Kind::TooLarge, detail));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, StatusCode};
    use axum::response::IntoResponse as _;
    use serde_json::Value;

    use super::*;

    async fn read(kind: &'static str, body: &'static str, max: usize) -> Result<Value, StatusCode> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        let read = json(&headers, Body::from(body), max).await;
        read.map_err(|problem| problem.into_response().status())
    }

    #[tokio::test]
    async fn a_body_says_that_it_is_json_is_json_and_is_not_too_large() {
        assert!(read("application/json; charset=utf-8", "{}", 2).await.is_ok());
        assert_eq!(read("application/json", "{ }", 2).await, Err(StatusCode::PAYLOAD_TOO_LARGE));
        assert_eq!(read("text/plain", "{}", 9).await, Err(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        assert_eq!(read("application/json", "{", 9).await, Err(StatusCode::BAD_REQUEST));
    }
}
