//! The third look: what lies behind the overlays, painted from all frames of a window in two passes.

use cleanplate_plate::fetch::{Painter, Survey};
use cleanplate_plate::mattes::Mattes;
use cleanplate_store::kinds;
use cleanplate_types::failure::Failure;
use cleanplate_types::overlay::OverlayPlan;

use super::Viewer;
use crate::order::{EVIDENCE, MATTES};

/// Paints the backgrounds of the window.
pub(super) fn run(viewer: &mut Viewer<'_>) -> Result<(), Failure> {
    let plan: OverlayPlan = viewer.draft()?.plan;
    let layout = viewer.description.video.layout.clone();
    let window = viewer.window;
    let every: Vec<u64> = (window.start..window.end).collect();
    let mattes: Mattes = match &plan.mattes {
        Some(_) => viewer.desk.load(MATTES, kinds::MATTES)?,
        None => Mattes::default(),
    };
    let mut survey = Survey::new(&layout, &plan, window.start).knowing(&mattes);
    viewer.show(&every, |index, frame| survey.add(index, &frame.planes()))?;
    let courses = survey.finish();
    let mut painter = Painter::new(&layout, &plan, &courses).knowing(&mattes);
    let wanted: Vec<u64> = every.into_iter().filter(|index| painter.wants(*index)).collect();
    viewer.show(&wanted, |index, frame| painter.add(index, &frame.planes()))?;
    viewer.desk.save(EVIDENCE, kinds::BACKGROUNDS, &painter.finish())?;
    Ok(())
}
