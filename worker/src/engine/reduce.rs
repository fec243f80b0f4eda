//! Reduction: the evidence of all windows becomes one finding.

use cleanplate_plate::find::{Evidence, Params, reduce};
use cleanplate_store::kinds;
use cleanplate_types::failure::{Failure, Stage};
use cleanplate_types::frames::FrameTable;
use cleanplate_types::overlay::Finding;
use cleanplate_types::request::FillChoice;
use cleanplate_types::trail::TrailEvent;

use crate::engine::Desk;
use crate::order::{FINDING, Outcome, TABLE, evidence};

/// Reduces the evidence of `windows` windows and stores the finding.
///
/// # Errors
/// What kept the evidence from being read or the finding from being stored.
pub(super) fn run(desk: &Desk, windows: u32, fill: FillChoice) -> Result<Outcome, Failure> {
    let table: FrameTable = desk.load(TABLE, kinds::TABLE)?;
    let count = Some(u64::from(windows));
    desk.trail(Stage::Analyse, TrailEvent::Started, "reducing the evidence of windows", count);
    let gathered: Vec<Evidence> = (0..windows)
        .map(|window| {
            desk.progress(u64::from(window));
            desk.load(&evidence(window), kinds::EVIDENCE)
        })
        .collect::<Result<_, _>>()?;
    let usual = Params::default();
    let params = match fill {
        FillChoice::Auto => usual,
        FillChoice::Forced(fill) => Params { fill, ..usual },
    };
    let finding = reduce(&gathered, table.range().count(), &params);
    desk.save(FINDING, kinds::FINDING, &finding)?;
    desk.trail(Stage::Analyse, TrailEvent::Finished, words(&finding), None);
    Ok(Outcome::Reduce)
}

fn words(finding: &Finding) -> String {
    match finding {
        Finding::Overlays(plan) => {
            let places: Vec<String> = plan
                .overlays
                .iter()
                .map(|overlay| {
                    let bounds = overlay.mask.bounds;
                    format!("{}x{} at {},{}", bounds.width, bounds.height, bounds.x, bounds.y)
                })
                .collect();
            format!("found {}", places.join("; "))
        }
        Finding::Nothing => "nothing that stays in place was found".to_owned(),
        Finding::Abstained { why } => format!("the detector abstained: {why}"),
    }
}
