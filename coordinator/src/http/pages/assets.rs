//! The files of the pages: in the program itself, under names that change with their content.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};

use crate::http::pages::layout::guard;
use crate::http::pages::{Mishap, is_same};
use crate::http::problem::{Kind, Problem};

/// How long a browser keeps one: its name changes with its content.
const KEPT: &str = "public, max-age=31536000, immutable";

/// Digits of a content's hash in its name.
const DIGITS: usize = 12;

/// A file of the pages.
#[derive(Debug)]
pub(super) struct Asset {
    name: String,
    tag: String,
    kind: &'static str,
    content: &'static str,
}

impl Asset {
    fn new(name: &str, kind: &'static str, content: &'static str) -> Self {
        let hash: String =
            Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
        let hash = hash.get(..DIGITS).unwrap_or_default();
        let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
        Self { name: format!("{stem}-{hash}.{ending}"), tag: format!("\"{hash}\""), kind, content }
    }

    /// Where it is found.
    pub(super) fn path(&self) -> String {
        format!("/ui/assets/{}", self.name)
    }
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// How all pages look.
pub(super) static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("style.css", "text/css; charset=utf-8", include_str!("../assets/style.css"))
});
/// What keeps pages live.
pub(super) static LIVE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("live.js", SCRIPT, include_str!("../assets/live.js")));
/// What draws regions.
pub(super) static DRAW: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("draw.js", SCRIPT, include_str!("../assets/draw.js")));
/// The sign in the browser's tab.
pub(super) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon.svg", "image/svg+xml", include_str!("../assets/icon.svg")));

/// `GET /ui/assets/{file}`.
pub(super) async fn serve(Path(file): Path<String>, headers: HeaderMap) -> Response {
    let assets = [&STYLE, &LIVE, &DRAW, &ICON];
    let Some(asset) = assets.into_iter().find(|asset| asset.name == file) else {
        let detail = "there is no such file; load the page again";
        return Mishap::from(Problem::new(Kind::NoSuchPath, detail)).into_response();
    };
    let kept = [
        (header::CONTENT_TYPE, asset.kind),
        (header::CACHE_CONTROL, KEPT),
        (header::ETAG, asset.tag.as_str()),
    ];
    let mut response = if is_same(&headers, &asset.tag) {
        (StatusCode::NOT_MODIFIED, kept).into_response()
    } else {
        (kept, asset.content).into_response()
    };
    guard(response.headers_mut());
    response
}
