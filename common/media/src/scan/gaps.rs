//! Pictures that are missing where a source is damaged, as ranges between the frames that are there.
//!
//! Owns the rule of what is missing: a step much longer than is usual, next to damage that was seen. Refuses to call
//! a long step without damage a gap: sources may show a picture for as long as they like.

use cleanplate_types::time::{Pts, Timebase};

use crate::when;

/// Gaps that are told one by one.
const GAPS_TOLD: usize = 50;

/// Says where pictures are missing in a table of frames at `pts`; `suspects` are spans of ticks, both ends
/// included, in which damage was seen.
pub(super) fn told(pts: &[Pts], suspects: &[(i64, i64)], timebase: Timebase) -> Vec<String> {
    let mut steps: Vec<i64> = pts.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    steps.sort_unstable();
    let Some(usual) = steps.get(steps.len() / 2).copied() else { return Vec::new() };
    let is_long = |step: i64| step.saturating_mul(2) > usual.saturating_mul(3);
    let near = usual.saturating_mul(2);
    let is_suspect = |from: i64, to: i64| {
        suspects.iter().any(|(first, last)| {
            first.saturating_sub(near) <= to && from <= last.saturating_add(near)
        })
    };
    let mut gaps = (0_u64..)
        .zip(pts.windows(2))
        .filter(|(_, pair)| is_long(pair[1].0 - pair[0].0) && is_suspect(pair[0].0, pair[1].0));
    let clock = (timebase.num(), timebase.den());
    let name = |(frame, pair): (u64, &[Pts])| {
        let (from, to) = (pair[0].0, pair[1].0);
        let count = (to - from).saturating_add(usual / 2) / usual.max(1) - 1;
        format!(
            "pictures are missing between frames {frame} and {}, from {} to {}: by the usual step, {count}",
            frame + 1,
            when::told(from, clock),
            when::told(to, clock)
        )
    };
    let mut told: Vec<String> = gaps.by_ref().take(GAPS_TOLD).map(name).collect();
    let more = gaps.count();
    if more > 0 {
        told.push(format!("pictures are missing at {more} more places"));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pts: impl IntoIterator<Item = i64>, suspects: &[(i64, i64)]) -> Vec<String> {
        let pts: Vec<Pts> = pts.into_iter().map(Pts).collect();
        told(&pts, suspects, Timebase::new(1, 1000).unwrap())
    }

    #[test]
    fn a_gap_next_to_damage_is_told_with_both_its_frames() {
        let pts = || (0..10).map(|n| n * 40).chain((20..30).map(|n| n * 40));
        let gap = "pictures are missing between frames 9 and 10, from tick 360 (0.360 s) to tick 800 \
                   (0.800 s): by the usual step, 10";
        assert_eq!(of(pts(), &[(360, 800)]), [gap]);
        assert_eq!(of(pts(), &[(800, 800)]), [gap], "the picture behind it is damaged");
        assert_eq!(of(pts(), &[(i64::MIN, 360)]), [gap]);
        assert!(of(pts(), &[(40, 40), (1100, 1100)]).is_empty(), "damage elsewhere");
        assert!(of(pts(), &[]).is_empty(), "no damage at all");
        assert!(of([0], &[(0, 0)]).is_empty());
    }

    #[test]
    fn of_many_gaps_the_last_are_counted() {
        let pts = (0..1000).map(|n| n * 10 + n / 5 * 30);
        let told = of(pts, &[(i64::MIN, i64::MAX)]);
        assert_eq!(told.len(), GAPS_TOLD + 1);
        assert_eq!(
            told[GAPS_TOLD],
            format!("pictures are missing at {} more places", 199 - GAPS_TOLD)
        );
    }
}
