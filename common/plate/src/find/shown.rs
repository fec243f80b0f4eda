//! When an overlay is there: from the series of its blocks, sample by sample.

use cleanplate_types::frames::FrameRange;

use super::candidates::{Field, WEAK};
use super::evidence::Evidence;
use super::presence::{MOST, PLACES_A_LEVEL, UNKNOWN, WHOLE, unpacked};
use super::runs::RUN_MIN;
use crate::bitmap::Bitmap;

/// Share of an overlay's edges, in percent, that stay in a sample that shows it: captions differ in length.
const RUNS_PERCENT_MIN: u64 = 12;
/// Share of the mean gradient, in percent, that such a sample has.
const LIKENESS_PERCENT_MIN: u64 = 38;
/// The same where edges that stay are expected beside it.
const LIKENESS_OF_EDGES_PERCENT_MIN: u64 = 60;
/// Edges that stay, in percent of those of the mean gradient, where the background is hidden.
const HIDES_PERCENT_MIN: u64 = 80;
/// Samples to each side in which a short caption would have been seen.
const NEAR: usize = 8;
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

/// What a sample says: edges that stay, and the mean gradient, in percent of the overlay's; none where the
/// background did not change.
#[derive(Debug, Clone, Copy)]
struct Signs {
    runs_percent: Option<u64>,
    likeness_percent: Option<u64>,
}

impl Signs {
    fn is_shown(self, hides: bool, likeness_min: u64) -> Option<bool> {
        let by_runs = self.runs_percent.map(|percent| percent >= RUNS_PERCENT_MIN);
        let by_likeness = self.likeness_percent.map(|percent| percent >= likeness_min);
        if hides {
            return by_runs.or(by_likeness);
        }
        // What shines through need not have edges that stay.
        match (by_runs, by_likeness) {
            (Some(true), Some(_) | None) => Some(true),
            (Some(false) | None, likeness) => likeness,
        }
    }
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
    let mut samples: Vec<(u64, Signs)> = Vec::new();
    for window in windows {
        let starts = window.at.iter().map(|at| window.frames.start + u64::from(*at));
        let signs = signs_in(window, &shares);
        samples.extend(starts.zip(signs).filter(|(frame, _)| *frame < table_frames));
    }
    let least =
        if edges * 2 >= gradient { LIKENESS_OF_EDGES_PERCENT_MIN } else { LIKENESS_PERCENT_MIN };
    let likeness_min = likeness_min(&samples, least);
    let told: Vec<Option<bool>> =
        samples.iter().map(|(_, signs)| signs.is_shown(hides, likeness_min)).collect();
    let mut shown = untold(&told);
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

/// In how many samples about number `sample` most of the picture changed.
fn moved_near(window: &Evidence, sample: usize) -> usize {
    let before = |sample: usize| window.moved.partition_point(|at| usize::from(*at) < sample);
    before(sample + NEAR + 1) - before(sample.saturating_sub(NEAR))
}

/// What is there for a part of the time has more than the mean gradient then.
fn likeness_min(samples: &[(u64, Signs)], least: u64) -> u64 {
    let mut percents: Vec<u64> =
        samples.iter().filter_map(|(_, signs)| signs.likeness_percent).collect();
    percents.sort_unstable();
    let high = percents.get(percents.len() * 3 / 4).copied().unwrap_or(0);
    least.max(high * 2 / 5)
}

/// What cannot be told is shown where what comes before or after it is, or where nothing can be told.
fn untold(told: &[Option<bool>]) -> Vec<bool> {
    let mut shown: Vec<bool> = told.iter().map(|told| *told == Some(true)).collect();
    let none = told.iter().all(Option::is_none);
    let mut last = none;
    for (shown, told) in shown.iter_mut().zip(told) {
        last = told.unwrap_or(last);
        *shown |= last;
    }
    let mut next = none;
    for (shown, told) in shown.iter_mut().zip(told).rev() {
        next = told.unwrap_or(next);
        *shown |= next;
    }
    shown
}

/// One sample on its own between two that agree is a mistake, and so is one at an end beside two that do.
fn steady(shown: &mut [bool]) {
    if let [first, second, third, ..] = shown
        && second == third
    {
        *first = *second;
    }
    if let [.., third, second, last] = shown
        && second == third
    {
        *last = *second;
    }
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

fn signs_in(window: &Evidence, shares: &[Share]) -> Vec<Signs> {
    let kept = |block: usize| {
        let at = window.kept.binary_search_by_key(&block, |kept| kept.block as usize);
        at.ok().map(|at| &window.kept[at])
    };
    let blocks: Vec<_> = shares.iter().map(|share| (share, kept(share.block))).collect();
    let (whole, places) = (u64::from(WHOLE), u64::from(PLACES_A_LEVEL));
    (0..window.at.len())
        .map(|sample| {
            let (mut runs, mut runs_all, mut like, mut like_all) = (0, 0, 0, 0);
            for (share, kept) in &blocks {
                let block = &window.blocks[share.block];
                if block.steps >= u16::from(RUN_MIN) {
                    let level = kept.map_or(0, |kept| unpacked(&kept.runs, sample).min(MOST));
                    let edges = share.edges.min(u64::from(MOST) * places);
                    runs += (u64::from(level) * places).min(edges);
                    runs_all += edges;
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
            let percent = (runs * 100).checked_div(runs_all);
            Signs {
                // Where little changes, no edge can prove itself.
                runs_percent: percent.filter(|percent| {
                    *percent >= RUNS_PERCENT_MIN
                        || moved_near(window, sample) >= usize::from(RUN_MIN)
                }),
                likeness_percent: (like * 100).checked_div(like_all),
            }
        })
        .collect()
}
