//! How much more crowded with edges a place is than its surroundings: what words do, whichever they are, and what
//! a background does not.
//!
//! Owns that measure, frame by frame. Knows nothing of which words they are, nor of overlays without edges.

use std::collections::{BTreeMap, BTreeSet};

use super::steady::sides;
use crate::matte::Crops;

/// Difference of two samples that are two apart, in 8-bit codes, from which on there is an edge.
const EDGE: u16 = 28;
/// Share of the samples, in percent more than around, that are edges where there are words.
const WORDS_MIN: i64 = 10;
/// Part of the usual crowding, in percent, that a frame with words has at least.
const USUAL_PERCENT_MIN: i64 = 40;
/// Of the frames that are asked, so many in a hundred show words where they are not chance.
const WORDS_PERCENT_MIN: usize = 25;

/// Crowding of frames, by index, in percent of the samples.
pub(super) type Crowding = BTreeMap<u64, i64>;

/// Of every kept frame the share of edges inside the mask less that around it.
pub(super) fn crowding(crops: &[Crops]) -> Crowding {
    let mut crowding = BTreeMap::new();
    for crops in crops {
        let (inside, around) = sides(&crops.site);
        let width = crops.site.bounds.width as usize;
        let edge = EDGE << (crops.site.layout.depth.clamp(8, 16) - 8);
        for frame in &crops.frames {
            let Some(luma) = frame.planes.first() else { continue };
            let is_edge = |at: &&usize| {
                let apart = |a: usize, b: usize| {
                    luma.get(a).zip(luma.get(b)).map_or(0, |(a, b)| a.abs_diff(*b))
                };
                let is_first = at.is_multiple_of(width);
                let across = if is_first { 0 } else { apart(*at - 1, *at + 1) };
                let down = at.checked_sub(width).map_or(0, |above| apart(above, *at + width));
                across.max(down) >= edge
            };
            let percent = |places: &[usize]| {
                let count = places.iter().filter(is_edge).count();
                i64::try_from(count * 100 / places.len().max(1)).unwrap_or(0)
            };
            crowding.insert(frame.index, percent(&inside) - percent(&around));
        }
    }
    crowding
}

/// Whether the frames of `asked` that are not in `agreed` show other words, rather than nothing.
pub(super) fn has_other_words(
    crowding: &Crowding,
    agreed: &BTreeSet<u64>,
    asked: &BTreeSet<u64>,
) -> bool {
    let Some(usual) = usual(crowding, agreed) else { return false };
    let rest: Vec<u64> = asked.difference(agreed).copied().collect();
    let is_crowded = |index: &&u64| crowding.get(index).is_some_and(|one| has_words(*one, usual));
    rest.iter().filter(is_crowded).count() * 100 > rest.len() * WORDS_PERCENT_MIN
}

/// The frames that are as crowded as those of `told` are; nothing where those are not crowded.
pub(super) fn as_crowded(crowding: &Crowding, told: &BTreeSet<u64>) -> Option<BTreeSet<u64>> {
    let usual = usual(crowding, told)?;
    let frames = crowding.iter().filter(|(_, one)| has_words(**one, usual));
    Some(frames.map(|(index, _)| *index).collect())
}

const fn has_words(crowding: i64, usual: i64) -> bool {
    crowding * 100 >= usual * USUAL_PERCENT_MIN
}

/// The crowding of most of the frames; nothing where they are not crowded.
fn usual(crowding: &Crowding, frames: &BTreeSet<u64>) -> Option<i64> {
    let mut values: Vec<i64> =
        frames.iter().filter_map(|index| crowding.get(index)).copied().collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().filter(|usual| *usual >= WORDS_MIN)
}

#[cfg(test)]
mod tests {
    use cleanplate_types::picture::Rect;

    use super::super::drawn::drawn;
    use super::*;

    /// Thirty frames of 48 by 24 luma samples that change at each, with words in those of `words`, which are
    /// others each five frames.
    fn crops(words: impl Fn(u64) -> bool) -> Vec<Crops> {
        let bounds = Rect { x: 0, y: 0, width: 48, height: 24 };
        let masked = Rect { x: 8, y: 8, width: 32, height: 8 };
        drawn(bounds, masked, 30, |index, x, y| {
            let (x, y) = (u64::from(x), u64::from(y));
            if words(index) && (8..40).contains(&x) && (8..16).contains(&y) {
                let is_ink = (x / 2 * 7 + y / 2 * 3 + index / 5 * 11) % 5 < 2;
                return if is_ink { 240 } else { 16 };
            }
            u16::try_from((x * 3 + y * 5 + index * 37) % 150).unwrap()
        })
    }

    fn frames(range: std::ops::Range<u64>) -> BTreeSet<u64> {
        range.collect()
    }

    #[test]
    fn frames_with_other_words_are_told_from_frames_without_any() {
        let some = crowding(&crops(|index| index < 20));
        assert!(has_other_words(&some, &frames(0..5), &frames(0..20)), "the rest has words");
        assert!(!has_other_words(&some, &frames(0..20), &frames(0..30)), "the rest has none");
        assert!(!has_other_words(&some, &frames(0..20), &frames(0..20)), "there is no rest");
    }

    #[test]
    fn words_are_seen_in_frames_that_nobody_told_of() {
        let some = crowding(&crops(|index| (4..9).contains(&index) || index == 17));
        let seen = as_crowded(&some, &frames(4..7)).unwrap();
        assert_eq!(seen, [4, 5, 6, 7, 8, 17].into_iter().collect());
        assert_eq!(as_crowded(&some, &frames(20..25)), None, "what has no edges is no words");
    }
}
