//! A picture of a source, for whoever draws regions on it.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse as _, Response};
use cleanplate_access::Caller;
use cleanplate_types::glimpse::Glimpse;
use serde::Deserialize;

use crate::http::Api;
use crate::http::problem::{Kind, Problem};

/// Width and height of the video, as `1920x1080`.
const SIZE: HeaderName = HeaderName::from_static("cleanplate-size");

/// Of which source.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    input: String,
    #[serde(default)]
    owner: String,
}

/// `GET /glimpse`.
pub(super) async fn show(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(Wanted { input, owner }) =
        wanted.map_err(|refused| Problem::new(Kind::InvalidRequest, refused.body_text()))?;
    let looked = api.glimpses.at(&caller, (&owner, &input)).await?;
    let (Glimpse { width, height }, png) = looked;
    let headers = [
        (header::CONTENT_TYPE, "image/png".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (SIZE, format!("{width}x{height}")),
    ];
    Ok((headers, png).into_response())
}
