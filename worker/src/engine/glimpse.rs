//! The child that shows one frame of a source, for somebody who draws regions on it.

use std::sync::Arc;

use cleanplate_child::Link;
use cleanplate_media::glimpse::glimpse;
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::glimpse::{Glimpse, GlimpseAsk, PIECE_BYTES, SOURCE};

use super::senseless;
use crate::engine::colour::rgb;

/// Does what the parent asks.
pub(super) fn run(link: &Link, request: &[u8]) -> Result<Vec<u8>, Failure> {
    let GlimpseAsk { name_hint, limits, side_max } =
        postcard::from_bytes(request).map_err(|error| senseless(&error))?;
    let source = link.open(SOURCE).map_err(|error| {
        Failure::new(FailureKind::SourceUnavailable, Stage::Intake, error.to_string())
    })?;
    let found = glimpse(Arc::new(source), &name_hint, &limits);
    let (video, frame) = found.map_err(|error| error.failure(Stage::Intake))?;
    let picture = rgb(&frame.planes(), &video);
    let factor = picture.width.max(picture.height).div_ceil(side_max.max(1));
    let png = picture.reduced(factor).png().map_err(|error| {
        Failure::new(FailureKind::Internal, Stage::Intake, format!("a picture: {error}"))
    })?;
    for piece in png.chunks(PIECE_BYTES) {
        // A parent that is gone ends this process by itself.
        link.event(piece.to_vec()).ok();
    }
    let glimpse = Glimpse { width: video.width, height: video.height };
    postcard::to_stdvec(&glimpse).map_err(|error| senseless(&error))
}
