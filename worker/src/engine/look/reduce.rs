//! Reduction: what a look saw in all windows becomes one finding.

use cleanplate_plate::find::{Evidence, Params, reduce};
use cleanplate_plate::study::{Conclusion, Studied, conclude};
use cleanplate_store::kinds;
use cleanplate_types::failure::{Failure, Stage};
use cleanplate_types::frames::FrameTable;
use cleanplate_types::overlay::{Fill, Finding, Look};
use cleanplate_types::source::SourceDescription;
use cleanplate_types::trail::TrailEvent;
use serde::de::DeserializeOwned;

use crate::engine::Desk;
use crate::engine::look::learn;
use crate::order::{DESCRIPTION, DRAFT, FINDING, MATTES, Outcome, TABLE, evidence};

/// Reduces what `windows` windows came to, and stores the finding.
///
/// # Errors
/// What kept the evidence from being read or the finding from being stored.
pub(in crate::engine) fn run(
    desk: &Desk,
    look: Look,
    windows: u32,
    fill: Fill,
) -> Result<Outcome, Failure> {
    let table: FrameTable = desk.load(TABLE, kinds::TABLE)?;
    let frames = table.range().count();
    let started = format!("reducing what the look `{}` saw in windows", look.as_str());
    desk.trail(Stage::Analyse, TrailEvent::Started, started, Some(u64::from(windows)));
    let (finding, has_mattes) = match look {
        Look::Learn => (learned(desk, windows, frames)?, true),
        Look::Find | Look::Fetch | Look::Preview => (found(desk, windows, frames, fill)?, false),
    };
    desk.save(FINDING, kinds::FINDING, &finding)?;
    desk.trail(Stage::Analyse, TrailEvent::Finished, words(&finding), None);
    Ok(Outcome::Reduce { has_mattes })
}

fn found(desk: &Desk, windows: u32, frames: u64, fill: Fill) -> Result<Finding, Failure> {
    let gathered: Vec<Evidence> = gather(desk, windows)?;
    Ok(reduce(&gathered, frames, &Params { fill, ..Params::default() }))
}

/// Concludes what the overlays are made of, and stores that.
fn learned(desk: &Desk, windows: u32, frames: u64) -> Result<Finding, Failure> {
    let description: SourceDescription = desk.load(DESCRIPTION, kinds::DESCRIPTION)?;
    let study = learn::study(desk.load(DRAFT, kinds::DRAFT)?, &description.video, frames)?;
    let gathered: Vec<Studied> = gather(desk, windows)?;
    let mut done = u64::from(windows);
    let Conclusion { plan, mattes, notes } = conclude(&study, &gathered, || {
        done += 1;
        desk.progress(done);
    });
    desk.save(MATTES, kinds::MATTES, &mattes)?;
    Ok(Finding::Learned { plan, notes })
}

/// What all windows came to, in their order.
fn gather<T: DeserializeOwned>(desk: &Desk, windows: u32) -> Result<Vec<T>, Failure> {
    let load = |window| {
        desk.progress(u64::from(window));
        desk.load(&evidence(window), kinds::EVIDENCE)
    };
    (0..windows).map(load).collect()
}

fn words(finding: &Finding) -> String {
    match finding {
        Finding::Overlays { plan, .. } | Finding::Learned { plan, .. } => {
            let places: Vec<String> = plan
                .overlays
                .iter()
                .map(|overlay| {
                    let bounds = overlay.mask.bounds;
                    format!("{}x{} at {},{}", bounds.width, bounds.height, bounds.x, bounds.y)
                })
                .collect();
            format!("overlays: {}", places.join("; "))
        }
        Finding::Nothing => "nothing that stays in place was found".to_owned(),
        Finding::Abstained { why } => format!("the detector abstained: {why}"),
    }
}
