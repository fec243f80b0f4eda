//! What no frame shows of the backgrounds, made up by a model: once for each, so it cannot flicker.
//!
//! Owns the way from a background's planes to the model and back. Refuses to touch a sample that some frame shows.

use std::time::Instant;

use cleanplate_plate::fetch::Background;
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::picture::{PlaneRef, PlanesRef};
use cleanplate_types::source::VideoDescription;
use cleanplate_types::trail::TrailEvent;
use cleanplate_vision::{FillError, Inpainter, Picture, RgbPicture, matrix_of};

use crate::engine::Desk;
use crate::engine::look::models::{Opened, open_filler, open_filler_on_processor, unfilled};
use crate::order::PAINTER;

/// Has the model called `name` paint what no frame shows of `backgrounds`.
///
/// # Errors
/// [`FailureKind::BadRequest`] where the model cannot fill holes or does it wrong.
pub(super) fn paint(
    desk: &Desk,
    (name, video): (&str, &VideoDescription),
    backgrounds: &mut [Background],
    mut step: impl FnMut(),
) -> Result<(), Failure> {
    let Opened { model, card } = open_filler(desk, PAINTER, name)?;
    let mut is_on_card = card.is_some();
    let about = model.identity().contract.to_string();
    let mut painter = Inpainter::new(model).map_err(|error| unfilled(name, &error))?;
    let began = Instant::now();
    let (mut pictures, mut samples) = (0_u64, 0_u64);
    for background in backgrounds {
        for picture in 0..background.pictures() {
            let size = (background.area.width, background.area.height);
            let Some(unseen) = background.unseen(picture) else { continue };
            let rgb = picture_of(video, size, unseen.planes)?;
            let mut filled = painter.fill(&rgb, &unseen.mask);
            if let (Err(FillError::Run(error)), true) = (&filled, is_on_card) {
                let text = format!("{name}: the card -> the processor: {error}");
                desk.trail(Stage::Fill, TrailEvent::Fallback, text, None);
                is_on_card = false;
                let opened = open_filler_on_processor(desk, PAINTER, name)?.model;
                painter = Inpainter::new(opened).map_err(|error| unfilled(name, &error))?;
                filled = painter.fill(&rgb, &unseen.mask);
            }
            let filled = filled.map_err(|error| unfilled(name, &error))?;
            samples += unseen.mask.count();
            let planes = filled.planes(&video.layout, matrix(video));
            background.paint(picture, &video.layout, &planes);
            pictures += 1;
            step();
        }
    }
    let detail = format!(
        "{about}: {samples} samples of {pictures} backgrounds that no frame shows, in {} ms",
        began.elapsed().as_millis()
    );
    desk.trail(Stage::Fill, TrailEvent::Finished, detail, Some(pictures));
    Ok(())
}

/// That of the whole picture, of which a background is a part.
const fn matrix(video: &VideoDescription) -> u8 {
    matrix_of(video.colour.matrix, video.width, video.height)
}

/// The planes of a background as a picture.
fn picture_of(
    video: &VideoDescription,
    (width, height): (u32, u32),
    planes: &[Vec<u16>],
) -> Result<RgbPicture, Failure> {
    let layout = &video.layout;
    let failed = |text: String| Failure::new(FailureKind::Internal, Stage::Fill, text);
    let sizes = (0..layout.planes).map(|plane| layout.plane_size(plane, width, height));
    let bytes: Vec<Vec<u8>>;
    let planes = if layout.depth > 8 {
        let wide = planes.iter().zip(sizes).map(|(samples, size)| view(samples, size));
        PlanesRef::Sixteen(wide.collect())
    } else {
        let narrow = |sample: &u16| u8::try_from(*sample).unwrap_or(u8::MAX);
        bytes = planes.iter().map(|plane| plane.iter().map(narrow).collect()).collect();
        let narrow = bytes.iter().zip(sizes).map(|(samples, size)| view(samples, size));
        PlanesRef::Eight(narrow.collect())
    };
    let picture = Picture::new(planes, layout, matrix(video));
    let picture = picture.map_err(|error| failed(error.to_string()))?;
    let whole = picture.bounds();
    RgbPicture::of(&picture, whole).ok_or_else(|| failed("a background without samples".to_owned()))
}

fn view<S>(samples: &[S], (width, height): (u32, u32)) -> PlaneRef<'_, S> {
    PlaneRef { samples, stride: width as usize, width, height }
}
