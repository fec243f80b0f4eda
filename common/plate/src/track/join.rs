//! Which sights of successive samples are one and the same thing.

use cleanplate_types::detection::{Detection, DetectionKind, Seen};
use cleanplate_types::picture::Rect;

use super::Settings;
use super::places::middle;

/// Overlap over union, of 1000, from which on two places may be one, where the movement is known.
const OVERLAP_MIN: u64 = 150;
/// Distance of centres, in percent of the mean side (of text: of its height), up to which two that do not overlap
/// may be one.
const AWAY_PERCENT_MAX: u64 = 120;
/// Ratio of the areas, in percent, from which on two may be one.
const AREA_PERCENT_MIN: u64 = 30;
/// Ratio of widths and of heights, in percent, from which on two places may be of the same words.
const WORDS_PERCENT_MIN: u64 = 85;

/// What was seen in one frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight<'a> {
    /// The frame, and its place among the samples.
    pub(super) frame: u64,
    pub(super) sample: usize,
    pub(super) found: &'a Detection,
}

impl Sight<'_> {
    pub(super) const fn bounds(&self) -> Rect {
        self.found.bounds
    }
}

/// Sights of one thing, in order; never empty.
#[derive(Debug, Clone)]
pub(super) struct Chain<'a> {
    pub(super) kind: DetectionKind,
    pub(super) sights: Vec<Sight<'a>>,
}

/// Joins the sights of samples in rising order.
pub(super) fn chains<'a>(samples: &'a [Seen], settings: &Settings) -> Vec<Chain<'a>> {
    let mut done = Vec::new();
    let mut open: Vec<Chain<'a>> = Vec::new();
    for (at, sample) in samples.iter().enumerate() {
        let goes_on = |chain: &Chain<'_>| chain.may_go_on((at, sample.frame), settings);
        let (still, over): (Vec<_>, Vec<_>) = open.into_iter().partition(goes_on);
        done.extend(over);
        open = still;
        let sights: Vec<Sight<'a>> = sample
            .detections
            .iter()
            .map(|found| Sight { frame: sample.frame, sample: at, found })
            .collect();
        let taken = link(&mut open, &sights);
        let fresh = sights.into_iter().zip(taken).filter(|(_, is_taken)| !is_taken);
        open.extend(fresh.map(|(sight, _)| Chain { kind: sight.found.kind, sights: vec![sight] }));
    }
    done.extend(open);
    done
}

/// Gives each chain the sight that is most like it: which sights were taken.
fn link<'a>(open: &mut [Chain<'a>], sights: &[Sight<'a>]) -> Vec<bool> {
    let mut pairs: Vec<(u64, usize, usize)> = Vec::new();
    for (number, chain) in open.iter().enumerate() {
        for (at, sight) in sights.iter().enumerate() {
            let likeness = chain.likeness(sight);
            if likeness > 0 {
                pairs.push((likeness, number, at));
            }
        }
    }
    // The most alike first; of equals the older chain and the first sight.
    pairs.sort_by_key(|(likeness, number, at)| (u64::MAX - likeness, *number, *at));
    let (mut has_next, mut is_taken) = (vec![false; open.len()], vec![false; sights.len()]);
    for (_, number, at) in pairs {
        if !has_next[number] && !is_taken[at] {
            (has_next[number], is_taken[at]) = (true, true);
            open[number].sights.push(sights[at]);
        }
    }
    is_taken
}

impl<'a> Chain<'a> {
    /// The last sight.
    pub(super) fn last(&self) -> Sight<'a> {
        self.sights[self.sights.len() - 1]
    }

    /// Whether a sight in that sample (its place among the samples, its frame) may be the next.
    fn may_go_on(&self, (sample, frame): (usize, u64), settings: &Settings) -> bool {
        let last = self.last();
        let (gap, missed) = (frame - last.frame, sample - last.sample - 1);
        if missed == 0 {
            // Nobody looked between the two.
            return true;
        }
        let is_blink = gap <= settings.blink_frames_max || missed == 1;
        gap <= settings.gap_frames_max && (self.kind.is_private() || is_blink)
    }

    /// How alike a sight is to what the chain would be in its frame, of 2000; 0 where it cannot be the same.
    fn likeness(&self, sight: &Sight<'_>) -> u64 {
        if sight.found.kind != self.kind {
            return 0;
        }
        let stays = likeness(self.kind, self.last().bounds(), sight.bounds());
        let goes = self.expected(sight.frame);
        goes.map_or(stays, |goes| stays.max(likeness(self.kind, goes, sight.bounds())))
    }

    /// Where the thing is at `frame` if it goes on as it went.
    fn expected(&self, frame: u64) -> Option<Rect> {
        let [.., before, now] = self.sights.as_slice() else { return None };
        let (past, ahead) = (now.frame - before.frame, frame - now.frame);
        let on = |from: u32, to: u32, size: u32| {
            let step = i64::from(to) - i64::from(from);
            // No faster than its own size from sample to sample: a jump is no speed.
            let step = step.clamp(-i64::from(size), i64::from(size));
            let ahead = i64::try_from(ahead.min(1 << 20)).unwrap_or(0);
            let moved = step * ahead / i64::try_from(past).unwrap_or(1).max(1);
            u32::try_from((i64::from(to) + moved).max(0)).unwrap_or(u32::MAX)
        };
        let (a, b) = (before.bounds(), now.bounds());
        Some(Rect { x: on(a.x, b.x, b.width), y: on(a.y, b.y, b.height), ..b })
    }
}

/// How alike two places are, of 2000; 0 where they cannot be one thing.
fn likeness(kind: DetectionKind, expected: Rect, bounds: Rect) -> u64 {
    let area = |rect: Rect| u64::from(rect.width) * u64::from(rect.height);
    let across = expected.right().min(bounds.right()).saturating_sub(expected.x.max(bounds.x));
    let down = expected.bottom().min(bounds.bottom()).saturating_sub(expected.y.max(bounds.y));
    let (a, b, both) = (area(expected), area(bounds), u64::from(across) * u64::from(down));
    if a.min(b) * 100 < a.max(b) * AREA_PERCENT_MIN {
        return 0;
    }
    let is_text = kind == DetectionKind::Text;
    if is_text && !has_same_words(expected, bounds) {
        return 0;
    }
    let overlap = both * 1000 / (a + b - both).max(1);
    if overlap >= OVERLAP_MIN {
        return 1000 + overlap;
    }
    let ((x, y), (to_x, to_y)) = (middle(expected), middle(bounds));
    let apart = x.abs_diff(to_x).max(y.abs_diff(to_y));
    let sides = if is_text {
        2 * (u64::from(expected.height) + u64::from(bounds.height))
    } else {
        u64::from(expected.width)
            + u64::from(expected.height)
            + u64::from(bounds.width)
            + u64::from(bounds.height)
    };
    // `apart` is twice the distance.
    let percent = apart * 50 / (sides / 4).max(1);
    if percent > AWAY_PERCENT_MAX {
        0
    } else {
        1 + (AWAY_PERCENT_MAX - percent) * 900 / AWAY_PERCENT_MAX
    }
}

/// Whether two places are so alike in size that the same words may stand there.
fn has_same_words(a: Rect, b: Rect) -> bool {
    let is_alike =
        |a: u32, b: u32| u64::from(a.min(b)) * 100 >= u64::from(a.max(b)) * WORDS_PERCENT_MIN;
    let is_near = |a: u32, b: u32| a.abs_diff(b) <= a.min(b) / 8 + 4;
    is_alike(a.width, b.width) && (is_alike(a.height, b.height) || is_near(a.height, b.height))
}
