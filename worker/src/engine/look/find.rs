//! The first look: shows sampled frames to the finder and stores its evidence.

use cleanplate_media::sample::Wanted;
use cleanplate_plate::find::{SamplePlan, Window};
use cleanplate_store::kinds;
use cleanplate_types::failure::{Failure, Stage};
use cleanplate_types::frames::FrameTable;
use cleanplate_types::model::Detector;
use cleanplate_types::request::Detect;
use cleanplate_types::trail::TrailEvent;

use super::{Viewer, engine_failed};
use crate::order::EVIDENCE;

/// Looks for overlays.
pub(super) fn run(
    viewer: &mut Viewer<'_>,
    (detect, _detectors): &(Vec<Detect>, Vec<Detector>),
) -> Result<(), Failure> {
    let wanted = plan(&viewer.table).samples(viewer.window, &viewer.starts());
    let by = names(detect);
    viewer.desk.trail(Stage::Analyse, TrailEvent::Started, by, Some(wanted.len() as u64));
    let video = &viewer.description.video;
    let (layout, window) = (video.layout.clone(), viewer.window);
    let (width, height) = (video.width, video.height);
    let looking = viewer.show(
        &Wanted::Listed(wanted),
        || Window::new(&layout, width, height, window),
        |looking, index, frame| looking.add(index, frame.planes()).map_err(engine_failed),
    )?;
    viewer.desk.save(EVIDENCE, kinds::EVIDENCE, &looking.finish())?;
    Ok(())
}

/// How densely the video is sampled: by the second, whatever its rate.
fn plan(table: &FrameTable) -> SamplePlan {
    let frames = table.range().count();
    let ends = table.pts.first().zip(table.pts.last());
    let ticks = ends.map_or(0, |(first, last)| last.0 - first.0 + table.last_duration);
    SamplePlan::new(frames).at_rate(frames, u64::try_from(ticks).unwrap_or(0), table.timebase)
}

fn names(detect: &[Detect]) -> String {
    let name = |one: &Detect| match one {
        Detect::Static => "static",
    };
    detect.iter().map(name).collect::<Vec<_>>().join(", ")
}
