//! When an overlay is there: from the series of its blocks, sample by sample.

use cleanplate_types::frames::FrameRange;

use super::candidates::{Field, WEAK};
use super::evidence::Evidence;
use super::presence::{UNKNOWN, WHOLE, unpacked};
use super::runs::RUN_MIN;
use crate::bitmap::Bitmap;

/// Share of an overlay's edges, in percent, that stay in a sample that shows it: captions differ in length.
const RUNS_PERCENT_MIN: u64 = 12;
/// Share of the mean gradient, in percent, that such a sample has.
const LIKENESS_PERCENT_MIN: u64 = 38;
/// Edges that stay, in percent of those of the mean gradient, where the background is hidden.
const HIDES_PERCENT_MIN: u64 = 80;
/// Samples that do not show what shines through, where that is no chance.
const GAP_MIN: usize = 3;
/// Looks after which a block without a mean gradient does not show the overlay.
const TURNS_MIN: u16 = 12;

/// One block of the overlay, and how much of it lies there.
#[derive(Debug, Clone, Copy)]
struct Share {
    block: usize,
    edges: u64,
    gradient: u64,
}

/// The frames that show the overlay at `places`: each sample that does, and the frames up to those beside it
/// that do not.
pub(super) fn when_shown(
    field: &Field,
    places: &Bitmap,
    windows: &[&Evidence],
    table_frames: u64,
) -> Vec<FrameRange> {
    let shares = shares(field, places);
    let (edges, gradient) = shares
        .iter()
        .fold((0, 0), |(edges, gradient), one| (edges + one.edges, gradient + one.gradient));
    let hides = edges * 100 >= gradient * HIDES_PERCENT_MIN;
    let mut samples: Vec<(u64, Option<bool>)> = Vec::new();
    for window in windows {
        let starts = window.at.iter().map(|at| window.frames.start + u64::from(*at));
        let shown = shown_in(window, &shares, hides);
        samples.extend(starts.zip(shown).filter(|(frame, _)| *frame < table_frames));
    }
    let mut shown: Vec<bool> = Vec::with_capacity(samples.len());
    for (_, is_shown) in &samples {
        // What cannot be told goes on as it was; before all that can be told, it may be there.
        shown.push(is_shown.unwrap_or_else(|| shown.last().copied().unwrap_or(true)));
    }
    steady(&mut shown);
    if !hides {
        close_gaps(&mut shown);
    }
    let mut ranges: Vec<FrameRange> = Vec::new();
    for (at, _) in shown.iter().enumerate().filter(|(_, is_shown)| **is_shown) {
        let start = at.checked_sub(1).map_or(0, |before| samples[before].0 + 1);
        let end = samples.get(at + 1).map_or(table_frames, |(after, _)| *after);
        match ranges.last_mut() {
            Some(last) if last.end + 1 >= start => *last = FrameRange::new(last.start, end),
            Some(_) | None => ranges.push(FrameRange::new(start, end)),
        }
    }
    if ranges.is_empty() {
        ranges.push(FrameRange::new(0, table_frames));
    }
    ranges
}

/// One sample on its own between two that agree is a mistake.
fn steady(shown: &mut [bool]) {
    for at in 1..shown.len().saturating_sub(1) {
        if shown[at - 1] == shown[at + 1] {
            shown[at] = shown[at - 1];
        }
    }
}

fn close_gaps(shown: &mut [bool]) {
    let mut last = None;
    for at in (0..shown.len()).filter(|at| shown[*at]).collect::<Vec<_>>() {
        let from = last.map_or(at, |last| last + 1);
        if at - from < GAP_MIN {
            shown[from..at].fill(true);
        }
        last = Some(at);
    }
}

fn shares(field: &Field, places: &Bitmap) -> Vec<Share> {
    let (held, steady) = (field.held(), field.steady(WEAK, 1));
    let mut shares = vec![(0, 0); field.turns.len()];
    for place in (0..places.cells.len()).filter(|place| places.cells[*place]) {
        let share = &mut shares[field.block(place)];
        share.0 += u64::from(held.cells[place]);
        share.1 += u64::from(steady.cells[place]);
    }
    let shares = shares.into_iter().enumerate();
    shares
        .filter(|(_, (edges, gradient))| edges + gradient > 0)
        .map(|(block, (edges, gradient))| Share { block, edges, gradient })
        .collect()
}

fn shown_in(window: &Evidence, shares: &[Share], hides: bool) -> Vec<Option<bool>> {
    let kept = |block: usize| {
        let at = window.kept.binary_search_by_key(&block, |kept| kept.block as usize);
        at.ok().map(|at| &window.kept[at])
    };
    let blocks: Vec<_> = shares.iter().map(|share| (share, kept(share.block))).collect();
    let whole = u64::from(WHOLE);
    (0..window.at.len())
        .map(|sample| {
            let (mut runs, mut runs_all, mut like, mut like_all) = (0, 0, 0, 0);
            for (share, kept) in &blocks {
                let block = &window.blocks[share.block];
                if block.steps >= u16::from(RUN_MIN) {
                    let level = kept.map_or(0, |kept| unpacked(&kept.runs, sample));
                    runs += share.edges * u64::from(level);
                    runs_all += share.edges * whole;
                }
                let level = match kept {
                    Some(kept) => unpacked(&kept.likeness, sample),
                    None if block.turns >= TURNS_MIN => 0,
                    None => UNKNOWN,
                };
                if level != UNKNOWN {
                    like += share.gradient * u64::from(level);
                    like_all += share.gradient * whole;
                }
            }
            let by_runs = (runs_all > 0).then_some(runs * 100 >= runs_all * RUNS_PERCENT_MIN);
            let by_likeness =
                (like_all > 0).then_some(like * 100 >= like_all * LIKENESS_PERCENT_MIN);
            if hides {
                return by_runs.or(by_likeness);
            }
            // What shines through need not have edges that stay.
            match (by_runs, by_likeness) {
                (Some(true), Some(_) | None) => Some(true),
                (Some(false) | None, likeness) => likeness,
            }
        })
        .collect()
}
