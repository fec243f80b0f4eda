//! The second look: what the overlays are made of, and where those are that move.

use cleanplate_media::sample::Wanted;
use cleanplate_plate::matte::Coding;
use cleanplate_plate::mattes::Mattes;
use cleanplate_plate::study::{Study, StudyWindow};
use cleanplate_store::{decode_object, kinds};
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::overlay::Draft;
use cleanplate_types::source::VideoDescription;

use super::{Viewer, engine_failed};
use crate::order::EVIDENCE;

/// Looks at what the plan's overlays are made of.
pub(super) fn run(viewer: &mut Viewer<'_>) -> Result<(), Failure> {
    let frames = viewer.table.range().count();
    let study = study(viewer.draft()?, &viewer.description.video, frames)?;
    let wanted = study.samples(viewer.window, &viewer.starts());
    let range = viewer.window;
    let window = viewer.show(
        &Wanted::Listed(wanted),
        || StudyWindow::new(&study, range),
        |window, index, frame| window.add(index, &frame.planes()).map_err(engine_failed),
    )?;
    viewer.desk.save(EVIDENCE, kinds::EVIDENCE, &window.finish())?;
    Ok(())
}

/// What is to be found out of a draft.
///
/// # Errors
/// [`FailureKind::BadRequest`] where what the user told does not fit the video.
pub(super) fn study(
    mut draft: Draft,
    video: &VideoDescription,
    frames: u64,
) -> Result<Study, Failure> {
    let refused = |text: String| Failure::new(FailureKind::BadRequest, Stage::Analyse, text);
    if !draft.told_mattes.is_empty() {
        // As an object of the store, with the number of its format; the engine wants what is in it.
        let mattes: Mattes = decode_object(kinds::MATTES, &draft.told_mattes)
            .map_err(|error| refused(format!("the given plan cannot be used: {error}")))?;
        draft.told_mattes =
            postcard::to_stdvec(&mattes).map_err(|error| engine_failed(error.to_string()))?;
    }
    Study::new(&draft, &coding(video), frames).map_err(|error| refused(error.to_string()))
}

/// How a colour is coded in the video.
pub(in crate::engine) fn coding(video: &VideoDescription) -> Coding {
    Coding {
        layout: video.layout.clone(),
        size: (video.width, video.height),
        matrix: video.colour.matrix,
        chroma_location: video.colour.chroma_location,
    }
}
