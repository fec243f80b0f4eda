//! Which regions of successive samples are one and the same thing.

use cleanplate_types::picture::Rect;

use super::{DetectionKind, Seen, Settings};

/// Overlap over union, of 1000, from which on two regions may be one, where the movement is known.
const OVERLAP_MIN: u64 = 150;
/// Distance of centres, in percent of the mean side, up to which two that do not overlap may be one.
const AWAY_PERCENT_MAX: u64 = 120;
/// Ratio of the areas, in percent, from which on two may be one.
const AREA_PERCENT_MIN: u64 = 30;

/// A region in one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sight {
    pub(super) frame: u64,
    pub(super) bounds: Rect,
    pub(super) score: u16,
}

/// Sights of one thing, in order.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    pub(super) kind: DetectionKind,
    pub(super) sights: Vec<Sight>,
}

/// Joins the regions of samples in rising order.
pub(super) fn chains(samples: &[Seen], settings: &Settings) -> Vec<Chain> {
    let mut done = Vec::new();
    let mut open: Vec<Chain> = Vec::new();
    for sample in samples {
        let (still, over): (Vec<Chain>, Vec<Chain>) = open
            .into_iter()
            .partition(|chain| sample.frame - last(chain).frame <= settings.gap_frames_max);
        done.extend(over);
        open = still;
        let mut pairs: Vec<(u64, usize, usize)> = Vec::new();
        for (number, chain) in open.iter().enumerate() {
            let expected = chain.expected(sample.frame);
            for (at, region) in sample.detections.iter().enumerate() {
                let likeness = likeness(expected, region.bounds)
                    .max(likeness(Some(last(chain).bounds), region.bounds));
                if region.kind == chain.kind && likeness > 0 {
                    pairs.push((likeness, number, at));
                }
            }
        }
        // The most alike first; of equals the older chain and the first region.
        pairs.sort_by_key(|(likeness, number, at)| (u64::MAX - likeness, *number, *at));
        let (mut has_next, mut is_taken) =
            (vec![false; open.len()], vec![false; sample.detections.len()]);
        for (_, number, at) in pairs {
            if has_next[number] || is_taken[at] {
                continue;
            }
            (has_next[number], is_taken[at]) = (true, true);
            let region = &sample.detections[at];
            let sight = Sight { frame: sample.frame, bounds: region.bounds, score: region.score };
            open[number].sights.push(sight);
        }
        for (region, _) in sample.detections.iter().zip(is_taken).filter(|(_, is_taken)| !is_taken)
        {
            let sight = Sight { frame: sample.frame, bounds: region.bounds, score: region.score };
            open.push(Chain { kind: region.kind, sights: vec![sight] });
        }
    }
    done.extend(open);
    done
}

/// A chain is never empty: it starts with a sight.
fn last(chain: &Chain) -> Sight {
    chain.sights[chain.sights.len() - 1]
}

impl Chain {
    /// Where the thing is at `frame` if it goes on as it went.
    fn expected(&self, frame: u64) -> Option<Rect> {
        let [.., before, now] = self.sights.as_slice() else { return None };
        let (past, ahead) = (now.frame - before.frame, frame - now.frame);
        let on = |from: u32, to: u32, size: u32| {
            let step = i64::from(to) - i64::from(from);
            // No faster than its own size from sample to sample: a jump is no speed.
            let step = step.clamp(-i64::from(size), i64::from(size));
            let moved =
                step * i64::try_from(ahead).unwrap_or(0) / i64::try_from(past).unwrap_or(1).max(1);
            u32::try_from((i64::from(to) + moved).max(0)).unwrap_or(u32::MAX)
        };
        let (a, b) = (before.bounds, now.bounds);
        Some(Rect { x: on(a.x, b.x, b.width), y: on(a.y, b.y, b.height), ..b })
    }
}

/// How alike two places are, of 2000; 0 where they cannot be one thing.
fn likeness(expected: Option<Rect>, bounds: Rect) -> u64 {
    let Some(expected) = expected else { return 0 };
    let area = |rect: Rect| u64::from(rect.width) * u64::from(rect.height);
    let across = expected.right().min(bounds.right()).saturating_sub(expected.x.max(bounds.x));
    let down = expected.bottom().min(bounds.bottom()).saturating_sub(expected.y.max(bounds.y));
    let (a, b, both) = (area(expected), area(bounds), u64::from(across) * u64::from(down));
    if a.min(b) * 100 < a.max(b) * AREA_PERCENT_MIN {
        return 0;
    }
    let overlap = both * 1000 / (a + b - both).max(1);
    if overlap >= OVERLAP_MIN {
        return 1000 + overlap;
    }
    let centre = |start: u32, size: u32| u64::from(start) * 2 + u64::from(size);
    let apart = centre(expected.x, expected.width)
        .abs_diff(centre(bounds.x, bounds.width))
        .max(centre(expected.y, expected.height).abs_diff(centre(bounds.y, bounds.height)));
    let side = (u64::from(expected.width)
        + u64::from(expected.height)
        + u64::from(bounds.width)
        + u64::from(bounds.height))
        / 4;
    // `apart` is twice the distance.
    let percent = apart * 50 / side.max(1);
    if percent > AWAY_PERCENT_MAX {
        0
    } else {
        1 + (AWAY_PERCENT_MAX - percent) * 900 / AWAY_PERCENT_MAX
    }
}
