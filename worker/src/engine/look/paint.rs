//! The third look: what lies behind the overlays, painted from the frames of a window in two passes.

use cleanplate_media::sample::Wanted;
use cleanplate_plate::fetch::{Painter, Survey};
use cleanplate_plate::mattes::Mattes;
use cleanplate_store::kinds;
use cleanplate_types::failure::Failure;
use cleanplate_types::overlay::OverlayPlan;

use super::{Viewer, engine_failed};
use crate::order::{EVIDENCE, MATTES};

mod made;

/// Paints the backgrounds of the window; the model of that name paints what no frame shows.
pub(super) fn run(viewer: &mut Viewer<'_>, model: Option<&str>) -> Result<(), Failure> {
    let plan: OverlayPlan = viewer.draft()?.plan;
    let layout = viewer.description.video.layout.clone();
    let window = viewer.window;
    let mattes: Mattes = match &plan.mattes {
        Some(_) => viewer.desk.load(MATTES, kinds::MATTES)?,
        None => Mattes::default(),
    };
    // What moves is known from the frames that others are coded by, in half of the time.
    let survey = viewer.show(
        &Wanted::Referenced(window),
        || Survey::new(&layout, &plan, window).knowing(&mattes),
        |survey, index, frame| survey.add(index, &frame.planes()).map_err(engine_failed),
    )?;
    let desk = viewer.desk;
    let mut steps = viewer.seen;
    let courses = survey.finish(|| {
        steps += 1;
        desk.progress(steps);
    });
    let painter = || Painter::new(&layout, &plan, &courses).knowing(&mattes);
    let chooser = painter();
    let wanted = (window.start..window.end).filter(|index| chooser.wants(*index)).collect();
    let painter = viewer.show(&Wanted::Listed(wanted), painter, |painter, index, frame| {
        painter.add(index, &frame.planes()).map_err(engine_failed)
    })?;
    let mut steps = viewer.seen;
    let mut progress = || {
        steps += 1;
        desk.progress(steps);
    };
    let mut backgrounds = painter.finish(&mut progress);
    if let Some(name) = model {
        made::paint(desk, (name, &viewer.description.video), &mut backgrounds, progress)?;
    }
    desk.save(EVIDENCE, kinds::BACKGROUNDS, &backgrounds)?;
    Ok(())
}
