//! Which frames a preview shows.
//!
//! Owns the choice: frames that are known to show what is removed, each overlay at least once where one of
//! the frames that were looked at shows it. Where the plan says of an overlay that any frame may show it, only
//! frames themselves tell, so some are looked at first; a person must not judge by a frame without it.

use std::collections::{BTreeMap, BTreeSet};

use cleanplate_types::frames::FrameRange;
use cleanplate_types::overlay::{Overlay, OverlayOrigin, OverlayPlan};

/// Frames that are shown whole: the four pictures of one have about 12 MB at 1080p with grain.
pub(super) const STILLS_MAX: usize = 4;
/// Frames of each overlay that are looked at, at most, and of all together.
const LOOKED_EACH: u64 = 8;
const LOOKED_MAX: usize = 24;

/// What frames were seen to show: the overlays of each, by their place in the plan.
pub(super) type Seen = BTreeMap<u64, BTreeSet<usize>>;

/// Whether frames tell for themselves what they show of the plan. What a person drew is removed whatever it shows.
pub(super) fn is_for_frames_to_tell(plan: &OverlayPlan) -> bool {
    plan.overlays.iter().any(|overlay| match overlay.origin {
        OverlayOrigin::Static
        | OverlayOrigin::Logo
        | OverlayOrigin::Plan
        | OverlayOrigin::Text
        | OverlayOrigin::Object => true,
        OverlayOrigin::Region
        | OverlayOrigin::Mask
        | OverlayOrigin::Face
        | OverlayOrigin::Plate => false,
    })
}

/// Frames to look at, the most promising first: the middle of each overlay's longest run, its first frame, and
/// others all over its frames, where decoding can start if that is near.
pub(super) fn candidates(plan: &OverlayPlan, starts: &[u64]) -> Vec<u64> {
    let of_each: Vec<Vec<u64>> =
        plan.overlays.iter().map(|overlay| of_overlay(overlay, starts)).collect();
    let longest = of_each.iter().map(Vec::len).max().unwrap_or(0);
    // In turn, so that none takes another's place.
    let all =
        (0..longest).flat_map(|at| of_each.iter().filter_map(move |one| one.get(at).copied()));
    let mut known = BTreeSet::new();
    all.filter(|frame| known.insert(*frame)).take(LOOKED_MAX).collect()
}

fn of_overlay(overlay: &Overlay, starts: &[u64]) -> Vec<u64> {
    let when = &overlay.when;
    let longest = when.iter().max_by_key(|range| (range.count(), u64::MAX - range.start));
    let Some(longest) = longest else { return Vec::new() };
    let total: u64 = when.iter().map(|range| range.count()).sum();
    let spread = (0..LOOKED_EACH).filter_map(|at| {
        let frame = nth(when, total * (2 * at + 1) / (2 * LOOKED_EACH))?;
        Some(start_near(frame, total / (2 * LOOKED_EACH), when, starts))
    });
    let first = when.first().map(|range| range.start);
    [longest.start + longest.count() / 2].into_iter().chain(first).chain(spread).collect()
}

/// The frame that comes after `skipped` others of the ranges.
fn nth(when: &[FrameRange], mut skipped: u64) -> Option<u64> {
    for range in when {
        if skipped < range.count() {
            return Some(range.start + skipped);
        }
        skipped -= range.count();
    }
    None
}

/// The start of decoding that is nearest to `frame`, no further than `reach` and of the same ranges; else `frame`.
fn start_near(frame: u64, reach: u64, when: &[FrameRange], starts: &[u64]) -> u64 {
    let is_near = |start: &u64| {
        start.abs_diff(frame) <= reach && when.iter().any(|range| range.contains(*start))
    };
    let near = starts.iter().copied().filter(is_near);
    near.min_by_key(|start| (start.abs_diff(frame), *start)).unwrap_or(frame)
}

/// The stills, rising: those of `candidates` that show an overlay that no still before them shows, then others
/// that show any. Where none shows any, the first, so that a person sees that.
pub(super) fn stills(candidates: &[u64], seen: &Seen) -> Vec<u64> {
    let mut shown: BTreeSet<usize> = BTreeSet::new();
    let mut kept: Vec<u64> = Vec::new();
    for frame in candidates {
        let new = seen.get(frame).is_some_and(|overlays| !overlays.is_subset(&shown));
        if kept.len() < STILLS_MAX && new {
            kept.push(*frame);
            shown.extend(seen.get(frame).into_iter().flatten());
        }
    }
    let more = candidates.iter().filter(|frame| seen.contains_key(frame));
    let any = candidates.iter().filter(|_| seen.is_empty());
    for frame in more.chain(any) {
        if kept.len() < STILLS_MAX && !kept.contains(frame) {
            kept.push(*frame);
        }
    }
    kept.sort_unstable();
    kept
}

/// The first frame that shows the overlay at `at`: the plan's, unless another is the first that was seen to.
pub(super) fn first_shown(plan: &OverlayPlan, at: usize, seen: &Seen) -> Option<u64> {
    let planned = plan.overlays.get(at)?.when.first()?.start;
    let shows = |frame: u64| seen.get(&frame).is_some_and(|overlays| overlays.contains(&at));
    if seen.is_empty() || shows(planned) {
        return Some(planned);
    }
    let found = seen.keys().copied().find(|frame| shows(*frame));
    Some(found.unwrap_or(planned))
}

#[cfg(test)]
mod tests {
    use cleanplate_types::overlay::{Fill, Mask};
    use cleanplate_types::picture::Rect;

    use super::*;

    fn plan(whens: &[&[(u64, u64)]]) -> OverlayPlan {
        let overlay = |when: &&[(u64, u64)]| Overlay {
            origin: OverlayOrigin::Plan,
            mask: Mask::full(Rect { x: 500, y: 10, width: 100, height: 40 }),
            when: when.iter().map(|(start, end)| FrameRange::new(*start, *end)).collect(),
            fill: Fill::Auto,
            hides: true,
        };
        OverlayPlan::new(640, 360, whens.iter().map(overlay).collect())
    }

    fn seen(shows: &[(u64, &[usize])]) -> Seen {
        shows.iter().map(|(frame, overlays)| (*frame, overlays.iter().copied().collect())).collect()
    }

    #[test]
    fn frames_all_over_an_overlays_frames_are_looked_at_and_none_elsewhere() {
        let plan = plan(&[&[(100, 200), (900, 2400)], &[(150, 151)], &[]]);
        let found = candidates(&plan, &[0, 110, 1000, 1500, 2399, 2400]);
        assert_eq!(found[..2], [1650, 150], "the middle of each one's longest run is first");
        assert!(found.contains(&100) && found.len() <= LOOKED_MAX, "{found:?}");
        assert!(found.iter().any(|frame| *frame > 2200) && found.contains(&1000), "{found:?}");
        let inside = |frame: u64| (100..200).contains(&frame) || (900..2400).contains(&frame);
        assert!(found.iter().all(|frame| inside(*frame)), "{found:?}");
    }

    #[test]
    fn a_still_shows_an_overlay_and_each_overlay_is_in_one_where_any_frame_shows_it() {
        let candidates: Vec<u64> = (0..12).rev().collect();
        let seen = seen(&[(9, &[0]), (8, &[0]), (7, &[0]), (6, &[0]), (2, &[1]), (1, &[0])]);
        assert_eq!(stills(&candidates, &seen), [2, 7, 8, 9]);
        assert_eq!(stills(&candidates, &Seen::new()), [8, 9, 10, 11], "nothing shows any");
    }

    #[test]
    fn an_overlay_begins_where_it_was_seen_and_not_where_it_might_have() {
        let plan = plan(&[&[(100, 9000)]]);
        assert_eq!(first_shown(&plan, 0, &Seen::new()), Some(100), "nobody looked");
        assert_eq!(first_shown(&plan, 0, &seen(&[(100, &[0]), (700, &[0])])), Some(100));
        assert_eq!(first_shown(&plan, 0, &seen(&[(300, &[1]), (700, &[0])])), Some(700));
        assert_eq!(first_shown(&plan, 0, &seen(&[(300, &[1])])), Some(100));
    }
}
