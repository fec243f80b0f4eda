//! The pictures of a job's preview, one by one.
//!
//! What a preview holds was made by a worker and is not trusted: a file is handed on by a name of plain letters, as a
//! picture and as nothing else, and a picture is not opened here.

use axum::extract::{Extension, Path, State};
use axum::http::header;
use axum::response::IntoResponse as _;
use cleanplate_access::Caller;
use cleanplate_proto::v1 as pb;
use cleanplate_proto::v1::jobs_server::Jobs as _;
use cleanplate_store::{decode_object, kinds};
use cleanplate_types::preview::{Preview, PreviewFile};
use futures::StreamExt as _;
use sha2::{Digest as _, Sha256};
use tonic::Status;

use crate::http::pages::Answer;
use crate::http::pages::layout::guard;
use crate::http::{Api, call};

/// The most bytes of a preview that are taken.
const BYTES_MAX: usize = 256 << 20;

/// How long a browser keeps a picture; its address changes with what it shows.
const KEPT: &str = "private, max-age=86400, immutable";

/// With what a PNG begins, and where in it the size of its picture stands.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
const WIDTH_AT: usize = 16;
const HEIGHT_AT: usize = 20;

/// The pictures of one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Still {
    /// The digits that its files begin with.
    pub(super) frame: String,
    /// Width and height.
    pub(super) size: (u32, u32),
}

/// What a page shows of a preview.
#[derive(Debug, Default)]
pub(super) struct Stills {
    pub(super) stills: Vec<Still>,
    /// The size of the animation, where there is one.
    pub(super) animation: Option<(u32, u32)>,
    /// What addresses end with, so that another preview has others.
    pub(super) version: String,
}

/// The preview of a job.
///
/// # Errors
/// As the service tells it, and INTERNAL where it cannot be read.
async fn preview(api: &Api, caller: Caller, job: String) -> Result<Preview, Status> {
    let request = call(caller, pb::PreviewRequest { job });
    let mut pieces = api.jobs.preview(request).await?.into_inner();
    let mut object = Vec::new();
    while let Some(piece) = pieces.next().await {
        object.extend_from_slice(&piece?.bytes);
        if object.len() > BYTES_MAX {
            return Err(Status::failed_precondition("the preview is too large to be shown here"));
        }
    }
    let decoded = tokio::task::spawn_blocking(move || decode_object(kinds::PREVIEW, &object)).await;
    let unread =
        |why: String| Status::failed_precondition(format!("the preview cannot be read: {why}"));
    decoded.map_err(|error| unread(error.to_string()))?.map_err(|error| unread(error.to_string()))
}

/// What there is to show of a job's preview.
pub(super) async fn stills(api: &Api, caller: Caller, job: String) -> Result<Stills, Status> {
    let preview = preview(api, caller, job).await?;
    let mut hash = Sha256::new();
    let mut told = Stills::default();
    for file in preview.files.iter().filter(|file| file.is_well_named()) {
        hash.update(&file.bytes);
        let Some(size) = size_of(&file.bytes) else { continue };
        if let Some(frame) = file.name.strip_suffix("-before.png") {
            told.stills.push(Still { frame: frame.to_owned(), size });
        } else if file.name == ANIMATION {
            told.animation = Some(size);
        }
    }
    told.version = hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    Ok(told)
}

/// The file that shows before and after in motion.
pub(super) const ANIMATION: &str = "before-after.png";

/// Width and height by the head of a PNG; nothing where it is none.
fn size_of(bytes: &[u8]) -> Option<(u32, u32)> {
    let number = |at: usize| bytes.get(at..)?.first_chunk::<4>().map(|it| u32::from_be_bytes(*it));
    bytes.starts_with(PNG).then_some(())?;
    Some((number(WIDTH_AT)?, number(HEIGHT_AT)?))
}

/// `GET /ui/jobs/{job}/stills/{still}`.
pub(super) async fn still(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path((job, still)): Path<(String, String)>,
) -> Answer {
    let Preview { files } = preview(&api, caller, job).await?;
    let is_it = |file: &PreviewFile| file.name == still && size_of(&file.bytes).is_some();
    let file = files.into_iter().find(is_it);
    let file = file.ok_or_else(|| Status::not_found("the preview has no such picture"))?;
    let headers = [(header::CONTENT_TYPE, "image/png"), (header::CACHE_CONTROL, KEPT)];
    let mut response = (headers, file.bytes).into_response();
    guard(response.headers_mut());
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_png_has_a_size() {
        let mut png = PNG.to_vec();
        png.extend([0, 0, 0, 13, b'I', b'H', b'D', b'R', 0, 0, 1, 64, 0, 0, 0, 180]);
        assert_eq!(size_of(&png), Some((320, 180)));
        assert_eq!(size_of(&png[..20]), None);
        assert_eq!(size_of(b"<svg onload=alert(1)>............."), None);
    }
}
