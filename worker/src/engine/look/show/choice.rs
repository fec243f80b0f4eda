//! Which frames a preview shows.
//!
//! Owns the choice: frames that are known to show what is removed, each overlay and track at least once where one of
//! the frames that were looked at shows it. Where the plan says of an overlay that any frame may show it, only
//! frames themselves tell, so some are looked at first; a person must not judge by a frame without it.

use std::collections::{BTreeMap, BTreeSet};

use cleanplate_types::frames::FrameRange;
use cleanplate_types::overlay::OverlayPlan;

use super::removed::{self, Removed};

/// Frames that are shown whole: the four pictures of one have about 12 MB at 1080p with grain.
pub(super) const STILLS_MAX: usize = 4;
/// Frames of each overlay or track that are looked at, at most, and of all together.
const LOOKED_EACH: u64 = 8;
const LOOKED_MAX: usize = 24;

/// What frames were seen to show: the overlays and tracks of each, by their number in the plan.
pub(super) type Seen = BTreeMap<u64, BTreeSet<usize>>;

/// Whether frames tell for themselves what they show of the plan.
pub(super) fn is_for_frames_to_tell(plan: &OverlayPlan) -> bool {
    removed::all(plan).any(Removed::may_be_absent)
}

/// Frames to look at, the most promising first: the middle of the longest run of each overlay and track, its first
/// frame, and others all over its frames, where decoding can start if that is near.
pub(super) fn candidates(plan: &OverlayPlan, starts: &[u64]) -> Vec<u64> {
    let (stays, moves): (Vec<_>, Vec<_>) =
        removed::all(plan).partition(|it| matches!(it, Removed::Stays(_)));
    // In turn, so that none takes another's place; a film's captions are too many to wait for.
    let pairs = (0..stays.len().max(moves.len())).flat_map(|at| [stays.get(at), moves.get(at)]);
    let of_each: Vec<Vec<u64>> =
        pairs.flatten().take(LOOKED_MAX).map(|it| of_one(&it.when(), starts)).collect();
    let longest = of_each.iter().map(Vec::len).max().unwrap_or(0);
    let all =
        (0..longest).flat_map(|at| of_each.iter().filter_map(move |one| one.get(at).copied()));
    let mut known = BTreeSet::new();
    all.filter(|frame| known.insert(*frame)).take(LOOKED_MAX).collect()
}

fn of_one(when: &[FrameRange], starts: &[u64]) -> Vec<u64> {
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

/// The stills, rising: those of `candidates` that show what no still before them shows, then others that show
/// anything. Where none shows anything, the first, so that a person sees that.
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

/// The frame at which to begin to show what has the number `at`: where the plan has it largest, unless another is the
/// first that was seen to show it.
pub(super) fn first_shown(removed: Removed<'_>, at: usize, seen: &Seen) -> Option<u64> {
    let planned = removed.largest_at()?;
    let shows = |frame: u64| seen.get(&frame).is_some_and(|shown| shown.contains(&at));
    if seen.is_empty() || shows(planned) || !removed.may_be_absent() {
        return Some(planned);
    }
    let found = seen.keys().copied().find(|frame| shows(*frame));
    Some(found.unwrap_or(planned))
}

#[cfg(test)]
mod tests {
    use cleanplate_types::overlay::{Fill, Mask, Overlay, OverlayOrigin, Shape, Step, Track};
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
    fn what_moves_is_shown_beside_any_number_of_captions() {
        let captions: Vec<(u64, u64)> = (0..100).map(|at| (at * 10, at * 10 + 8)).collect();
        let mut plan = plan(&captions.chunks(1).collect::<Vec<_>>());
        let step = |from: u64, size: u32| Step {
            frames: FrameRange::new(from, from + 5),
            bounds: Rect { x: 10, y: 10, width: size, height: size },
        };
        plan.tracks = vec![Track {
            origin: OverlayOrigin::Face,
            fill: Fill::Pixelate,
            shape: Shape::Rectangle,
            steps: vec![step(5000, 20), step(5005, 40), step(5010, 30)],
        }];
        let found = candidates(&plan, &[]);
        assert!(found[..2].contains(&5007), "{found:?}");
        let face = removed::all(&plan).last().unwrap();
        assert_eq!(first_shown(face, 100, &seen(&[(3, &[0])])), Some(5005), "where it is largest");
        plan.overlays.clear();
        assert!(!is_for_frames_to_tell(&plan), "a face is covered whatever the frame shows");
        assert_eq!(stills(&candidates(&plan, &[]), &Seen::new()).len(), STILLS_MAX);
    }

    #[test]
    fn an_overlay_begins_where_it_was_seen_and_not_where_it_might_have() {
        let plan = plan(&[&[(100, 9000)]]);
        let first = |seen: &Seen| first_shown(Removed::Stays(&plan.overlays[0]), 0, seen);
        assert_eq!(first(&Seen::new()), Some(100), "nobody looked");
        assert_eq!(first(&seen(&[(100, &[0]), (700, &[0])])), Some(100));
        assert_eq!(first(&seen(&[(300, &[1]), (700, &[0])])), Some(700));
        assert_eq!(first(&seen(&[(300, &[1])])), Some(100));
    }
}
