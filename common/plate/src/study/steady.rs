//! Which of the kept frames show an overlay that hides what is behind it: those that agree on it with frames
//! whose surroundings are others.
//!
//! Owns that comparison, frame against frame, and the samples that all of them agree on. Says nothing of
//! overlays that something shines through.

use std::collections::BTreeSet;

use crate::matte::{Crops, Site};

/// Samples of a frame that are compared, inside the mask and around it, at most each.
const SAMPLES_MAX: usize = 512;
/// Difference, in 8-bit codes, up to which two samples show the same.
const SAME_MAX: u8 = 6;
/// Share of the samples inside, in percent, that are the same in two frames which show one thing: a mask may hold
/// as much background as overlay.
const SAME_PERCENT_MIN: usize = 45;
/// Mean difference from which on the surroundings are others.
const OTHER_MIN: u32 = 10;
/// Frames of other surroundings that must agree with one.
const PARTNERS_MIN: usize = 3;
/// Share of such frames, in percent, in which a sample that belongs to the overlay is the same.
const KEPT_PERCENT_MIN: usize = 80;
/// Share of the samples inside, in percent, that belong to it at least.
const BODY_PERCENT_MIN: usize = 20;
/// Share of those, in percent, that are the same in a frame which shows the overlay.
const SHOWN_PERCENT_MIN: usize = 70;

/// Samples of one frame in 8-bit codes.
struct Look {
    index: u64,
    inside: Vec<u8>,
    around: Vec<u8>,
}

/// The frames, by index, that show what most frames of different surroundings agree on; nothing where too few
/// agree.
pub(super) fn steady(crops: &[Crops]) -> Option<BTreeSet<u64>> {
    let looks: Vec<Look> = crops.iter().flat_map(looks).collect();
    let partners = |one: &Look| {
        let agrees = |other: &&Look| {
            is_alike(&one.inside, &other.inside)
                && difference(&one.around, &other.around) >= OTHER_MIN
        };
        looks.iter().filter(agrees).count()
    };
    let counts: Vec<usize> = looks.iter().map(partners).collect();
    let told = looks.iter().zip(&counts);
    let (first, count) = told.max_by_key(|(look, count)| (**count, u64::MAX - look.index))?;
    if *count < PARTNERS_MIN {
        return None;
    }
    let alike: Vec<&Look> =
        looks.iter().filter(|look| is_alike(&first.inside, &look.inside)).collect();
    let body: Vec<(usize, u8)> =
        (0..first.inside.len()).filter_map(|at| Some((at, kept(&alike, at)?))).collect();
    if body.len() * 100 < first.inside.len() * BODY_PERCENT_MIN {
        return None;
    }
    let shows = |look: &&Look| {
        let same = body.iter().filter(|(at, level)| look.inside[*at].abs_diff(*level) <= SAME_MAX);
        same.count() * 100 >= body.len() * SHOWN_PERCENT_MIN
    };
    let shown: BTreeSet<u64> = looks.iter().filter(shows).map(|look| look.index).collect();
    (shown.len() > PARTNERS_MIN).then_some(shown)
}

/// The level of a sample that belongs to what the frames agree on.
fn kept(alike: &[&Look], at: usize) -> Option<u8> {
    let mut levels: Vec<u8> = alike.iter().map(|look| look.inside[at]).collect();
    levels.sort_unstable();
    let level = *levels.get(levels.len() / 2)?;
    let same = levels.iter().filter(|other| other.abs_diff(level) <= SAME_MAX).count();
    (same * 100 >= levels.len() * KEPT_PERCENT_MIN).then_some(level)
}

/// The luma samples of a site, row by row, that lie in its mask, and those that do not.
pub(super) fn sides(site: &Site) -> (Vec<usize>, Vec<usize>) {
    let width = (site.bounds.width as usize).max(1);
    let (left, top) = (site.bounds.x, site.bounds.y);
    let covers = |at: usize| {
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let x = (left + place(at % width)).checked_sub(site.mask.bounds.x);
        let y = (top + place(at / width)).checked_sub(site.mask.bounds.y);
        x.zip(y).is_some_and(|(x, y)| site.mask.covers(x, y))
    };
    (0..width * site.bounds.height as usize).partition(|at| covers(*at))
}

fn looks(crops: &Crops) -> Vec<Look> {
    let (inside, around) = sides(&crops.site);
    let shift = u32::from(crops.site.layout.depth.clamp(8, 16)) - 8;
    let picked = |places: &[usize], luma: &[u16]| {
        let step = places.len().div_ceil(SAMPLES_MAX).max(1);
        let value = |at: &usize| luma.get(*at).copied().unwrap_or(0) >> shift;
        let values = places.iter().step_by(step).map(value);
        values.map(|value| u8::try_from(value).unwrap_or(u8::MAX)).collect()
    };
    let frames = crops.frames.iter().filter_map(|frame| Some((frame.index, frame.planes.first()?)));
    frames
        .map(|(index, luma)| Look {
            index,
            inside: picked(&inside, luma),
            around: picked(&around, luma),
        })
        .collect()
}

/// Whether most of what two frames show is the same.
fn is_alike(one: &[u8], other: &[u8]) -> bool {
    let same = one.iter().zip(other).filter(|(a, b)| a.abs_diff(**b) <= SAME_MAX).count();
    same * 100 >= one.len() * SAME_PERCENT_MIN
}

/// Mean absolute difference in codes.
fn difference(one: &[u8], other: &[u8]) -> u32 {
    let sum: u32 = one.iter().zip(other).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
    sum / u32::try_from(one.len().max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use cleanplate_types::picture::Rect;

    use super::super::drawn::drawn;
    use super::*;

    /// Twenty frames of 24 by 16 luma samples whose content changes at each, with a mark of one colour in
    /// those of `shown`.
    fn crops(shown: impl Fn(u64) -> bool) -> Vec<Crops> {
        let bounds = Rect { x: 0, y: 0, width: 24, height: 16 };
        let masked = Rect { x: 8, y: 4, width: 8, height: 8 };
        drawn(bounds, masked, 20, |index, x, y| {
            if shown(index) && (8..16).contains(&x) && (4..12).contains(&y) {
                return 200;
            }
            u16::try_from((u64::from(x * 7 + y * 13) + index * 37) % 180).unwrap()
        })
    }

    #[test]
    fn the_frames_that_show_a_mark_are_told_even_where_they_are_few() {
        let found = steady(&crops(|index| (5..11).contains(&index))).unwrap();
        assert_eq!(found, (5..11).collect());
    }

    #[test]
    fn of_words_that_change_those_of_most_frames_are_told() {
        let mut crops = crops(|_always| true);
        for frame in crops[0].frames.iter_mut().filter(|frame| frame.index >= 12) {
            let luma = frame.planes[0].iter_mut();
            luma.filter(|sample| **sample == 200).for_each(|sample| *sample = 120);
        }
        assert_eq!(steady(&crops), Some((0..12).collect()));
    }

    #[test]
    fn a_mark_is_told_by_what_stays_of_it_where_half_of_its_mask_is_background() {
        let mut crops = crops(|index| index < 9);
        for frame in &mut crops[0].frames {
            for (at, sample) in frame.planes[0].iter_mut().enumerate() {
                let hole = (10..15).contains(&(at % 24)) && (5..11).contains(&(at / 24));
                if hole {
                    *sample =
                        u16::try_from((at * 31 + usize::try_from(frame.index).unwrap() * 53) % 170)
                            .unwrap();
                }
            }
        }
        assert_eq!(steady(&crops), Some((0..9).collect()));
    }

    #[test]
    fn frames_that_agree_on_nothing_show_nothing() {
        assert_eq!(steady(&crops(|_never| false)), None);
    }
}
