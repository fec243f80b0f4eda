//! The reduction: from what all windows kept to what each overlay is made of. A pure function.
//!
//! Owns what is believed. Learning holds the samples of at most 128 frames as `f32`, 100 MB in all, beside
//! what the windows kept.

use std::collections::BTreeSet;

use cleanplate_types::frames::FrameRange;
use cleanplate_types::overlay::{Mask, Overlay, OverlayOrigin, OverlayPlan};
use cleanplate_types::picture::Rect;

use super::crowding::{as_crowded, crowding, has_other_words};
use super::footprint::{common, footprint, mask, tally, wide};
use super::outline::{outline, settle};
use super::path::{path, runs};
use super::plausible::doubt;
use super::shows::shows;
use super::steady::steady;
use super::times::{closed, times};
use super::trace::leaves_a_trace;
use super::window::{Seen, Studied};
use super::{Owned, Study, Subject};
use crate::bitmap::Bitmap;
use crate::matte::{ALPHA_ONE, Coding, Crops, Matte, known_at, learn_watched};
use crate::mattes::{Made, Mattes, Moving, Place};

/// Luma samples around what an overlay covers that belong to its mask: how far its edge leaks when it is
/// encoded.
const MARGIN: u32 = 2;
/// Frames in which the finder saw an overlay which are enough to learn from them alone.
const LEARNED_MIN: usize = 8;
/// Frames of the time for which one was told that it is learned from at least: few show it before few backgrounds,
/// and there a line through what was seen may be any.
const BELIEVED_MIN: usize = 24;
/// A learned sample that hides more than this is not solved for: an alpha that is off by 0.02, which is what
/// learning comes to, leaves a ghost of 12 codes and more of a white mark on grey.
const LEARNED_ALPHA_MAX: u16 = ALPHA_ONE / 4 * 3;
/// Frames for which an overlay of unknown make is not believed to be absent: two seconds at 25 a second.
const ABSENCE_MAX: u64 = 50;
/// The same where frames were seen that do not show it: half a second.
const ABSENCE_SHORT: u64 = 13;
/// Frames before and after those of a known overlay that are asked too: the finder samples.
const ASKED_AROUND: u64 = 50;
/// Frames for which a known overlay must be absent before its frames are not asked: 20 seconds at 25 a second.
const ABSENCE_LONG: u64 = 500;
/// Share of an overlay, in percent, from which on it is mostly solved for, and how far a rim of the rest reaches
/// inwards, in luma samples.
const SOLVED_PERCENT: u64 = 60;
const RIM: usize = 3;
/// Gaps in what was learned, of up to twice so many luma samples, belong to the mask of what was found.
const GAP: usize = 4;
/// Of a hundred samples, so many must be lost for good before it is worth fetching what lies behind.
const LOST_PERCENT: u64 = 1;
/// Of a hundred samples, so many at most may change their colour or be doubted in a matte that is believed.
const CHANGING_PERCENT: u64 = 50;
/// A matte that covers less than this part of the mask has found nothing.
const COVERED_PART: u64 = 50;

/// What the second look came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conclusion {
    /// The draft's plan, with masks, frames and `hides` where more is known of them now.
    pub plan: OverlayPlan,
    /// What its overlays are made of, in the same order.
    pub mattes: Mattes,
    /// What the user should know, in sentences without a full stop.
    pub notes: Vec<String>,
}

/// Concludes from what all windows kept, in whatever order. Learning one overlay takes seconds: `done` is told
/// now and then.
#[must_use]
pub fn conclude(study: &Study, all: &[Studied], mut done: impl FnMut()) -> Conclusion {
    let mut plan = study.plan.clone();
    let mut notes = study.notes.clone();
    let mut mattes = Mattes::default();
    for (number, (overlay, subject)) in plan.overlays.iter_mut().zip(&study.subjects).enumerate() {
        let made = match subject {
            Subject::Settled(made) => settled(made, overlay, &study.coding),
            Subject::Learn(_) => {
                let crops: Vec<Crops> = all
                    .iter()
                    .filter_map(|studied| match studied.overlays.get(number) {
                        Some(Seen::Crops(crops)) => Some(crops.clone()),
                        Some(Seen::Nothing | Seen::Sightings(_)) | None => None,
                    })
                    .collect();
                learned(crops, overlay, study, &mut done)
            }
            Subject::Locate(logo) => {
                let made = located(study, all, number, logo, overlay);
                if overlay.when.is_empty() {
                    notes.push(format!("logo {} was found in no frame", number + 1));
                }
                made
            }
        };
        mattes.overlays.push(made);
        done();
    }
    Conclusion { plan, mattes, notes }
}

fn settled(made: &Made, overlay: &mut Overlay, coding: &Coding) -> Made {
    if let Made::Fixed(matte) = made {
        overlay.hides = hides(matte);
        if overlay.origin == OverlayOrigin::Logo
            && let Some(mask) = mask(&footprint(matte), matte.bounds, MARGIN, coding.size)
        {
            overlay.mask = mask;
        }
    } else {
        overlay.hides = true;
    }
    made.clone()
}

/// Whether the overlay hides so much for good that other frames are to be asked. Of one that is mostly solved
/// for, thin rims are not: a membrane of that width is as good, and the look at all frames costs minutes.
fn hides(matte: &Matte) -> bool {
    let tally = tally(matte);
    let is_lost = |samples: u64| samples * 100 > tally.covered * LOST_PERCENT;
    if !is_lost(tally.covered - tally.restored) {
        return false;
    }
    tally.restored * 100 < tally.covered * SOLVED_PERCENT || is_lost(wide(matte, RIM))
}

/// What the crops say of an overlay that stays in place.
///
/// Where a found overlay is known, each frame tells for itself whether it shows it, and better than the finder
/// could from samples: so all frames are asked but those of long absences. Where it is not, only short ones are
/// not believed: an overlay that blinks back is worse than a frame that is filled in vain.
fn learned(
    mut crops: Vec<Crops>,
    overlay: &mut Overlay,
    study: &Study,
    tick: &mut dyn FnMut(),
) -> Made {
    let coding = &study.coding;
    overlay.hides = true;
    let is_found = overlay.origin == OverlayOrigin::Static;
    let agreed = if is_found { sighted(&crops, overlay, study.table_frames) } else { None };
    // What was told for a time shows nothing of itself at others.
    let shown = |index: u64| match &agreed {
        Some(frames) => frames.contains(&index),
        None => overlay.when.iter().any(|range| range.contains(index)),
    };
    let frames = crops.iter().flat_map(|one| &one.frames);
    let count = frames.filter(|frame| shown(frame.index)).count();
    let is_enough = count >= if is_found { LEARNED_MIN } else { BELIEVED_MIN };
    // A found overlay that was seen in fewer is learned from all frames, one that was told for a time not at all.
    let rest = if is_enough { split(&mut crops, shown) } else { Vec::new() };
    let is_agreed = !is_found || agreed.is_some();
    // What hides the background and is not agreed on changes: a caption, whose words no matte may judge.
    let is_steady = |matte: &Matte| {
        let tally = tally(matte);
        is_agreed || tally.restored * 100 >= tally.covered * SOLVED_PERCENT
    };
    let may_learn = is_enough || is_found;
    let learned = may_learn.then(|| learn_watched(&crops, tick).ok()).flatten();
    let learned = learned.filter(|matte| is_believed(matte, overlay));
    let Some(mut matte) = learned.filter(is_steady) else {
        if let Some(frames) = &agreed
            && let Some(outline) = outline(&crops, frames, &overlay.mask, MARGIN, coding.size)
        {
            overlay.mask = outline.mask;
        }
        return Made::Unknown;
    };
    for plane in &mut matte.planes {
        for (trust, alpha) in plane.trust.iter_mut().zip(&plane.alpha) {
            if *alpha > LEARNED_ALPHA_MAX {
                *trust = 0;
            }
        }
    }
    doubt(&mut matte, &crops);
    overlay.hides = hides(&matte);
    if is_found {
        let all = FrameRange::new(0, study.table_frames);
        // Also where a kept frame shows it of which the finder knew nothing.
        let shown = [shows(&matte, &crops), shows(&matte, &rest)].concat();
        overlay.when.extend(shown.into_iter().map(|index| FrameRange::new(index, index + 1)));
        overlay.when.sort_unstable_by_key(|range| (range.start, range.end));
        let asked = closed(&overlay.when, ASKED_AROUND, ABSENCE_LONG).into_iter();
        overlay.when = asked.map(|range| range.intersect(all)).collect();
    }
    if overlay.hides
        && let Some(frames) = &agreed
        && let Some(outline) = outline(&crops, frames, &overlay.mask, MARGIN, coding.size)
    {
        settle(&mut matte, &crops, frames, &outline.solid);
        overlay.mask = outline.mask;
    } else if is_found
        && let covered = footprint(&matte).closed(GAP)
        && let Some(mask) = mask(&covered, matte.bounds, MARGIN, coding.size)
        && let Some(mask) = common(&mask, &grown(&overlay.mask, coding.size))
    {
        overlay.mask = mask;
    }
    Made::Fixed(Box::new(matte))
}

/// Takes out, and returns, the frames that do not show the overlay.
fn split(crops: &mut [Crops], shown: impl Fn(u64) -> bool) -> Vec<Crops> {
    let out = |crops: &mut Crops| {
        let (kept, frames) =
            std::mem::take(&mut crops.frames).into_iter().partition(|frame| shown(frame.index));
        crops.frames = kept;
        Crops { site: crops.site.clone(), frames }
    };
    crops.iter_mut().map(out).collect()
}

/// Tells, from the kept frames, when a found overlay is there. The frames that agree on it, where it hides the
/// background and the others show none of it; nothing where its words change, or something shines through.
fn sighted(crops: &[Crops], overlay: &mut Overlay, table_frames: u64) -> Option<BTreeSet<u64>> {
    let all: BTreeSet<u64> =
        crops.iter().flat_map(|one| &one.frames).map(|frame| frame.index).collect();
    let kept: Vec<u64> = all.iter().copied().collect();
    let is_told = |index: &&u64| overlay.when.iter().any(|range| range.contains(**index));
    let told: BTreeSet<u64> = kept.iter().filter(is_told).copied().collect();
    let crowding = crowding(crops);
    // Frames that agree by chance, on backgrounds that are alike, leave the others with what they show.
    let agreed = steady(crops).filter(|frames| {
        !has_other_words(&crowding, frames, &told) && !leaves_a_trace(crops, frames, &all)
    });
    if let Some(frames) = &agreed {
        overlay.when = times(&kept, frames, &overlay.when, table_frames);
        return agreed;
    }
    let crowded = as_crowded(&crowding, &told);
    if let Some(crowded) = &crowded {
        let more = times(&kept, crowded, &overlay.when, table_frames);
        overlay.when.extend(more);
        overlay.when.sort_unstable_by_key(|range| (range.start, range.end));
    }
    // Where frames without words can be told from those with them, an absence is believed that is not short.
    let absence = if crowded.is_some() { ABSENCE_SHORT } else { ABSENCE_MAX };
    overlay.when = closed(&overlay.when, 0, absence);
    None
}

/// Whether a matte may be used, be it to tell whether the overlay shows.
fn is_believed(matte: &Matte, overlay: &Overlay) -> bool {
    let tally = tally(matte);
    let doubted = matte.planes.first().map_or(0, |plane| {
        let covered = footprint(matte).cells;
        let trust = covered.into_iter().zip(&plane.trust);
        trust.filter(|(covered, trust)| *covered && **trust < 128).count() as u64
    });
    let count = overlay.mask.count();
    tally.covered * COVERED_PART > count
        && doubted.max(tally.changing) * 100 < tally.covered * CHANGING_PERCENT
}

/// A mask, [`MARGIN`] larger.
fn grown(found: &Mask, size: (u32, u32)) -> Mask {
    let bounds = found.bounds;
    let mut covered = Bitmap::empty(bounds.width as usize, bounds.height as usize);
    for (at, cell) in covered.cells.iter_mut().enumerate() {
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        *cell = found.covers(place(at % covered.width), place(at / covered.width));
    }
    mask(&covered, bounds, MARGIN, size).unwrap_or_else(|| found.clone())
}

/// Where a logo was seen, and what it is made of.
fn located(
    study: &Study,
    all: &[Studied],
    number: usize,
    logo: &Owned,
    overlay: &mut Overlay,
) -> Made {
    let mut sightings: Vec<_> = all
        .iter()
        .filter_map(|studied| match studied.overlays.get(number) {
            Some(Seen::Sightings(sightings)) => Some(sightings.as_slice()),
            Some(Seen::Nothing | Seen::Crops(_)) | None => None,
        })
        .flatten()
        .copied()
        .collect();
    sightings.sort_by_key(|seen| seen.index);
    sightings.dedup_by_key(|seen| seen.index);
    let path = path(&sightings, study.table_frames, (logo.width, logo.height));
    overlay.when = runs(&path);
    overlay.hides = false;
    let places: BTreeSet<(i32, i32, u16)> =
        path.iter().flatten().map(|place| (place.x, place.y, place.scale)).collect();
    let places: Vec<Place> =
        places.into_iter().map(|(x, y, scale)| Place { x, y, scale }).collect();
    let first = places.first().and_then(|place| known_at(&logo.logo(), *place, &study.coding).ok());
    let Some(first) = first else {
        overlay.when = Vec::new();
        return Made::Unknown;
    };
    overlay.hides = hides(&first);
    if places.len() == 1 {
        if let Some(mask) = mask(&footprint(&first), first.bounds, MARGIN, study.coding.size) {
            overlay.mask = mask;
        }
        return Made::Fixed(Box::new(first));
    }
    let rects = places.iter().filter_map(|place| reach(*place, logo, study.coding.size));
    overlay.mask = hull(rects).unwrap_or_else(|| overlay.mask.clone());
    let (width, height) = (logo.width, logo.height);
    Made::Moving(Box::new(Moving { width, height, rgba: logo.rgba.clone(), path }))
}

/// The luma samples that a logo at a place reaches, and a margin, in the picture.
fn reach(place: Place, logo: &Owned, (width, height): (u32, u32)) -> Option<Rect> {
    let side = |at: i32, length: u32, size: u32| {
        let taps = crate::matte::scaled::taps(at, place.scale, length);
        let from = i64::from(taps.first);
        let to = from + i64::try_from(taps.weights.len()).ok()? + i64::from(MARGIN);
        let from = u32::try_from((from - i64::from(MARGIN)).clamp(0, i64::from(size))).ok()?;
        let to = u32::try_from(to.clamp(0, i64::from(size))).ok()?;
        to.checked_sub(from).filter(|length| *length > 0).map(|length| (from, length))
    };
    let (x, columns) = side(place.x, logo.width, width)?;
    let (y, rows) = side(place.y, logo.height, height)?;
    Some(Rect { x, y, width: columns, height: rows })
}

/// The mask that covers all of the rectangles.
fn hull(rects: impl Iterator<Item = Rect>) -> Option<Mask> {
    let rects: Vec<Rect> = rects.collect();
    let x = rects.iter().map(|rect| rect.x).min()?;
    let y = rects.iter().map(|rect| rect.y).min()?;
    let right = rects.iter().map(|rect| rect.right()).max()?;
    let bottom = rects.iter().map(|rect| rect.bottom()).max()?;
    let mut mask = Mask::empty(Rect { x, y, width: right - x, height: bottom - y });
    // Runs of a row are joined first: a logo that drifts is at thousands of places.
    for row in y..bottom {
        let mut ends: Vec<(u32, u32)> = rects
            .iter()
            .filter(|rect| rect.y <= row && row < rect.bottom())
            .map(|rect| (rect.x, rect.right()))
            .collect();
        ends.sort_unstable();
        let mut done = x;
        for (from, to) in ends {
            for column in from.max(done)..to {
                mask.set(column - x, row - y);
            }
            done = done.max(to);
        }
    }
    Some(mask)
}
