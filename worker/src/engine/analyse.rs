//! Analysis of one window: shows sampled frames to the clean-plate engine and stores its evidence.

use std::sync::Arc;

use cleanplate_media::error::MediaError;
use cleanplate_media::sample::{SampleOrder, sample};
use cleanplate_plate::find::{SamplePlan, Window};
use cleanplate_store::kinds;
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::frames::{FrameRange, FrameTable};
use cleanplate_types::request::Detect;
use cleanplate_types::source::SourceDescription;
use cleanplate_types::trail::TrailEvent;

use crate::engine::Desk;
use crate::engine::intake::specification;
use crate::order::{DESCRIPTION, EVIDENCE, Outcome, TABLE};

/// Looks at `window` and stores what it shows.
///
/// # Errors
/// What kept the frames from being seen, or the evidence from being stored.
pub(super) fn run(desk: &Desk, window: FrameRange, detect: &[Detect]) -> Result<Outcome, Failure> {
    let order = desk.order();
    let description: SourceDescription = desk.load(DESCRIPTION, kinds::DESCRIPTION)?;
    let table: FrameTable = desk.load(TABLE, kinds::TABLE)?;
    let inside = table.range().intersect(window) == window && !window.is_empty();
    if !inside {
        let text = format!("frames {window} are not in the table");
        return Err(Failure::new(FailureKind::Internal, Stage::Analyse, text));
    }
    let starts: Vec<u64> = table.entries.iter().map(|entry| entry.frame).collect();
    let within: Vec<u64> = starts.into_iter().filter(|frame| window.contains(*frame)).collect();
    let wanted = SamplePlan::new(table.range().count()).samples(window, &within);
    let started = format!("{}; frames {window} by {}", specification(&description), names(detect));
    desk.trail(Stage::Analyse, TrailEvent::Started, started, Some(wanted.len() as u64));
    let video = &description.video;
    let mut looking = Window::new(&video.layout, video.width, video.height, window);
    let mut seen = 0;
    // What only looks need not see well: damage is the decoder's affair, and the segment's.
    let how = SampleOrder { threads: order.means.threads, card: order.means.card, conceal: true };
    let source = desk.source()?;
    let looked = sample(
        source,
        &order.name_hint,
        &description,
        Arc::new(table),
        &wanted,
        &how,
        &mut |index, frame| {
            looking
                .add(index, frame.planes())
                .map_err(|error| MediaError::Internal(error.to_string()))?;
            seen += 1;
            desk.progress(seen);
            Ok(())
        },
    );
    let fallbacks = looked.map_err(|error| error.failure(Stage::Analyse).at(window))?;
    for fallback in fallbacks {
        let text = format!("{}: {}", fallback.what, fallback.message);
        desk.trail(Stage::Analyse, TrailEvent::Fallback, text, None);
    }
    desk.save(EVIDENCE, kinds::EVIDENCE, &looking.finish())?;
    desk.trail(Stage::Analyse, TrailEvent::Finished, "evidence stored", Some(seen));
    Ok(Outcome::Analyse)
}

fn names(detect: &[Detect]) -> String {
    let name = |one: &Detect| match one {
        Detect::Static => "static",
    };
    detect.iter().map(name).collect::<Vec<_>>().join(", ")
}
