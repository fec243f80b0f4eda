//! Reduction: what a look saw in all windows becomes one finding.

use cleanplate_plate::find::{Params, reduce};
use cleanplate_plate::study::{Conclusion, Studied, conclude};
use cleanplate_plate::track::followed as join;
use cleanplate_store::kinds;
use cleanplate_types::failure::{Failure, Stage};
use cleanplate_types::frames::{FrameRange, FrameTable};
use cleanplate_types::overlay::{Fill, Finding, Look, Overlay, OverlayPlan};
use cleanplate_types::source::{SourceDescription, StreamDescription, StreamKind};
use cleanplate_types::trail::TrailEvent;
use serde::de::DeserializeOwned;

use crate::engine::Desk;
use crate::engine::look::find::{Found, Watched, tuning};
use crate::engine::look::learn;
use crate::order::{DESCRIPTION, DRAFT, FINDING, MATTES, Outcome, TABLE, evidence};

/// Places that the trail names, at most: a film has thousands of captions.
const PLACES_TOLD: usize = 8;

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
        Look::Find | Look::Fetch | Look::Preview => (found(desk, windows, &table, fill)?, false),
    };
    desk.save(FINDING, kinds::FINDING, &finding)?;
    desk.trail(Stage::Analyse, TrailEvent::Finished, words(&finding), None);
    Ok(Outcome::Reduce { has_mattes })
}

fn found(desk: &Desk, windows: u32, table: &FrameTable, fill: Fill) -> Result<Finding, Failure> {
    let frames = table.range().count();
    let gathered: Vec<Found> = gather(desk, windows)?;
    let (mut still, mut watched) = (Vec::new(), Vec::new());
    for found in gathered {
        still.extend(found.still);
        watched.push(found.watched);
    }
    let params = Params { fill, ..Params::default() };
    let finding = (!still.is_empty()).then(|| reduce(&still, frames, &params));
    let detectors = watched.first().map_or(0, Vec::len);
    if detectors == 0 {
        return Ok(finding.unwrap_or(Finding::Nothing));
    }
    let description: SourceDescription = desk.load(DESCRIPTION, kinds::DESCRIPTION)?;
    let video = &description.video;
    let mut plan = OverlayPlan::new(video.width, video.height, Vec::new());
    let mut notes = Vec::new();
    for detector in 0..detectors {
        let of_windows = watched.iter_mut().filter_map(|window| window.get_mut(detector));
        let (mut seen, mut cuts, mut small) = (Vec::new(), Vec::new(), Vec::new());
        let mut settings = None;
        for window in of_windows {
            let Watched { what, score_min, note, .. } = window;
            notes.extend(note.take().filter(|note| !notes.contains(note)));
            settings.get_or_insert_with(|| tuning::settings(*what, *score_min, video, table));
            seen.append(&mut window.seen);
            cuts.append(&mut window.cuts);
            small.append(&mut window.small);
        }
        let Some(settings) = settings else { continue };
        let followed = join(&seen, &cuts, frames, &settings);
        plan.overlays.extend(followed.overlays);
        if !small.is_empty() {
            let stays = join(&small, &[], frames, &tuning::small_settings(video, table));
            let known = plan.overlays.len();
            for overlay in stays.overlays {
                let when = unknown(plan.overlays.get(..known).unwrap_or_default(), &overlay);
                if !when.is_empty() {
                    plan.overlays.push(Overlay { when, ..overlay });
                }
            }
        }
        plan.tracks.extend(followed.tracks);
        if followed.left_alone > 0 {
            notes.push(format!(
                "{} places with writing that moves were left alone, as parts of the scene; name what is none by --region",
                followed.left_alone
            ));
        }
        desk.progress(u64::from(windows));
    }
    let is_other = |stream: &&StreamDescription| {
        stream.kind == StreamKind::Video && stream.index != description.video.stream
    };
    if !plan.tracks.is_empty() && description.streams.iter().any(|stream| is_other(&stream)) {
        notes.push(
            "the source has other pictures (a cover, a second video): they are copied as they are, with what they show"
                .to_owned(),
        );
    }
    Ok(together(finding, plan, notes))
}

/// What was found in place, and what detectors saw, as one finding.
fn together(still: Option<Finding>, seen: OverlayPlan, mut notes: Vec<String>) -> Finding {
    match still {
        Some(Finding::Abstained { why }) if seen.is_empty() => Finding::Abstained { why },
        Some(Finding::Abstained { why }) => {
            notes.push(format!(
                "the search for what stays in place abstained: {why}; what detectors saw is removed"
            ));
            Finding::Overlays { plan: seen, notes }
        }
        Some(Finding::Overlays { mut plan, notes: mut remarks }) => {
            plan = with(plan, seen.overlays);
            plan.tracks.extend(seen.tracks);
            remarks.extend(notes);
            Finding::Overlays { plan, notes: remarks }
        }
        Some(Finding::Nothing | Finding::Learned { .. }) | None if seen.is_empty() => {
            Finding::Nothing
        }
        Some(Finding::Nothing | Finding::Learned { .. }) | None => {
            Finding::Overlays { plan: seen, notes }
        }
    }
}

/// The plan with those of `overlays` that it does not hold already.
fn with(mut plan: OverlayPlan, overlays: Vec<Overlay>) -> OverlayPlan {
    let known = plan.overlays.len();
    for overlay in overlays {
        let is_known = plan.overlays.iter().take(known).any(|it| holds(it, &overlay));
        if !is_known {
            plan.overlays.push(overlay);
        }
    }
    plan
}

/// Share of its mask that another covers where an overlay is known already, in percent: the dense looks draw it a
/// little differently.
const KNOWN_PERCENT: u64 = 95;

/// The frames of `inner` in which none of `outer` covers it.
fn unknown(outer: &[Overlay], inner: &Overlay) -> Vec<FrameRange> {
    let mut left = inner.when.clone();
    for one in outer.iter().filter(|one| is_mostly_covered(one, inner)) {
        for known in &one.when {
            let cut = |it: FrameRange| {
                let before = FrameRange::new(it.start, it.end.min(known.start).max(it.start));
                let after = FrameRange::new(it.start.max(known.end).min(it.end), it.end);
                [before, after]
            };
            left = left.into_iter().flat_map(cut).filter(|it| !it.is_empty()).collect();
        }
    }
    left
}

/// Whether `outer` covers most of the mask of `inner`.
fn is_mostly_covered(outer: &Overlay, inner: &Overlay) -> bool {
    let bounds = inner.mask.bounds;
    let (mut all, mut held) = (0_u64, 0_u64);
    for (y, x) in (0..bounds.height).flat_map(|y| (0..bounds.width).map(move |x| (y, x))) {
        if inner.mask.covers(x, y) {
            all += 1;
            held += u64::from(covers(outer, bounds.x + x, bounds.y + y));
        }
    }
    held * 100 >= all * KNOWN_PERCENT
}

/// Whether `overlay` covers a sample of the picture.
fn covers(overlay: &Overlay, x: u32, y: u32) -> bool {
    let at = x.checked_sub(overlay.mask.bounds.x).zip(y.checked_sub(overlay.mask.bounds.y));
    at.is_some_and(|(x, y)| overlay.mask.covers(x, y))
}

/// Whether `outer` covers all of `inner` in all of its frames.
fn holds(outer: &Overlay, inner: &Overlay) -> bool {
    let bounds = inner.mask.bounds;
    let in_time = inner.when.iter().all(|frames| {
        outer.when.iter().any(|shown| shown.start <= frames.start && frames.end <= shown.end)
    });
    in_time
        && (0..bounds.height).all(|y| {
            (0..bounds.width)
                .all(|x| !inner.mask.covers(x, y) || covers(outer, bounds.x + x, bounds.y + y))
        })
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
            let still = plan.overlays.iter().map(|overlay| overlay.mask.bounds);
            let places = still.take(PLACES_TOLD).map(|bounds| {
                format!("{}x{} at {},{}", bounds.width, bounds.height, bounds.x, bounds.y)
            });
            let places = places.collect::<Vec<_>>().join("; ");
            let (still, tracks) = (plan.overlays.len(), plan.tracks.len());
            format!("{still} overlays that stay ({places}), {tracks} that move")
        }
        Finding::Nothing => "nothing that was looked for was found".to_owned(),
        Finding::Abstained { why } => format!("the detector abstained: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use cleanplate_types::overlay::{Mask, OverlayOrigin};
    use cleanplate_types::picture::Rect;

    use super::*;

    /// Writing over all of a place, in some frames.
    fn writing(width: u32, when: &[(u64, u64)]) -> Overlay {
        let mut mask = Mask::empty(Rect { x: 100, y: 40, width, height: 10 });
        (0..10).for_each(|y| (0..width).for_each(|x| mask.set(x, y)));
        let when = when.iter().map(|(start, end)| FrameRange::new(*start, *end)).collect();
        Overlay { mask, when, origin: OverlayOrigin::Text, fill: Fill::Auto, hides: true }
    }

    fn left(known: &[Overlay], small: &Overlay) -> Vec<(u64, u64)> {
        unknown(known, small).into_iter().map(|it| (it.start, it.end)).collect()
    }

    #[test]
    fn small_writing_that_is_known_for_most_of_its_frames_is_covered_in_the_others() {
        let small = writing(200, &[(0, 1000)]);
        assert_eq!(left(&[writing(200, &[(0, 800)])], &small), [(800, 1000)]);
        assert_eq!(
            left(&[writing(198, &[(100, 300), (500, 2000)])], &small),
            [(0, 100), (300, 500)]
        );
        assert_eq!(left(&[writing(200, &[(0, 400)]), writing(200, &[(400, 1000)])], &small), []);
        assert_eq!(
            left(&[writing(160, &[(0, 1000)])], &small),
            [(0, 1000)],
            "its last digit is not"
        );
    }
}
