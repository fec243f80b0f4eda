//! When an overlay is there, from the frames that were kept: to which frames between them that speaks.
//!
//! Owns ranges of frames, and nothing of what frames show.

use std::collections::BTreeSet;

use cleanplate_types::frames::FrameRange;

/// Frames beside one that shows an overlay which are believed to show it too, where nobody says more: two seconds
/// at 25 a second.
const NEAR: u64 = 50;
/// And beyond the last that is said to: half a second.
const BEYOND: u64 = 13;

/// The frames that show an overlay, where `shown` of the `kept` frames do, rising, and the rest do not. Of those
/// between one that does and one that does not, it is `told` how far they do.
pub(super) fn times(
    kept: &[u64],
    shown: &BTreeSet<u64>,
    told: &[FrameRange],
    table_frames: u64,
) -> Vec<FrameRange> {
    let mut times: Vec<FrameRange> = Vec::new();
    let mut add = |gap: FrameRange, start_shows: bool, end_shows: bool| {
        let both = start_shows && end_shows;
        if gap.count() <= if both { 2 * NEAR } else { BEYOND } {
            times.push(gap);
            return;
        }
        let told: Vec<FrameRange> = told.iter().map(|range| range.intersect(gap)).collect();
        let reach = |touches: &dyn Fn(&FrameRange) -> bool| {
            let range = told.iter().find(|range| !range.is_empty() && touches(range));
            range.map_or(NEAR, |range| range.count() + BEYOND).min(gap.count())
        };
        if both {
            times.extend(&told);
        }
        if start_shows {
            let reach = reach(&|range| range.start == gap.start);
            times.push(FrameRange::new(gap.start, gap.start + reach));
        }
        if end_shows {
            let reach = reach(&|range| range.end == gap.end);
            times.push(FrameRange::new(gap.end - reach, gap.end));
        }
    };
    let ends = |at: u64| (at, shown.contains(&at));
    let kept = kept.iter().map(|at| ends(*at));
    let mut last: Option<(u64, bool)> = None;
    for (at, is_shown) in kept {
        let (start, start_shows) = match last {
            // Of a frame that does not show it only what lies beyond it may.
            Some((before, shows)) => (before + u64::from(!shows), shows),
            None => (0, false),
        };
        if start_shows || is_shown {
            add(FrameRange::new(start, at), start_shows, is_shown);
        }
        if is_shown {
            add(FrameRange::new(at, at + 1), true, true);
        }
        last = Some((at, is_shown));
    }
    if let Some((at, true)) = last {
        add(FrameRange::new(at, table_frames.max(at)), true, false);
    }
    times.retain(|range| !range.is_empty());
    times.sort_unstable_by_key(|range| (range.start, range.end));
    closed(&times, 0, 0)
}

/// Ranges that rise by their start, each longer by `around` on both sides, without the gaps between them of up
/// to `gap` frames.
pub(super) fn closed(when: &[FrameRange], around: u64, gap: u64) -> Vec<FrameRange> {
    let mut closed: Vec<FrameRange> = Vec::new();
    for range in when {
        let (start, end) = (range.start.saturating_sub(around), range.end + around);
        match closed.last_mut() {
            Some(last) if start <= last.end + gap => last.end = last.end.max(end),
            Some(_) | None => closed.push(FrameRange::new(start, end)),
        }
    }
    closed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: u64, end: u64) -> FrameRange {
        FrameRange::new(start, end)
    }

    #[test]
    fn ranges_are_prolonged_and_short_gaps_between_them_close() {
        let when = [range(5, 10), range(40, 50), range(200, 210)];
        assert_eq!(closed(&when, 0, 30), [range(5, 50), range(200, 210)]);
        assert_eq!(closed(&when, 0, 29), when);
        assert_eq!(closed(&when, 8, 14), [range(0, 58), range(192, 218)]);
    }

    #[test]
    fn an_overlay_is_there_up_to_the_frames_beside_it_that_do_not_show_it() {
        let kept: Vec<u64> = (0..20).map(|at| at * 10).collect();
        let shown: BTreeSet<u64> = (60..=120).collect();
        assert_eq!(times(&kept, &shown, &[range(0, 200)], 200), [range(51, 130)]);
        assert_eq!(times(&kept, &(0..=30).collect(), &[], 200), [range(0, 40)]);
        assert_eq!(times(&kept, &(150..200).collect(), &[], 200), [range(141, 200)]);
    }

    #[test]
    fn where_few_frames_were_kept_it_is_told_how_far_it_is_there() {
        let shown = [1000, 2000].into_iter().collect();
        let told = [range(700, 1500), range(2000, 2200), range(2900, 3300)];
        let found = times(&[0, 1000, 2000, 3000], &shown, &told, 4000);
        assert_eq!(found, [range(687, 1513), range(1950, 2213)]);
    }
}
