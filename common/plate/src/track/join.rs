//! Which sights of successive samples are one and the same thing.

use cleanplate_types::detection::{Detection, DetectionKind, Seen};
use cleanplate_types::picture::Rect;

use super::places::{middle, overlap};
use super::{Cut, Settings};

/// Overlap over union, of 1000, from which on two places may be one, where the movement is known.
const OVERLAP_MIN: u64 = 150;
/// Distance of centres, in percent of the mean side (of text: of its height), up to which two that do not overlap
/// may be one.
const AWAY_PERCENT_MAX: u64 = 120;
/// Ratio of the areas, in percent, from which on two may be one.
const AREA_PERCENT_MIN: u64 = 30;
/// Ratio of widths, in percent, from which on two places may be of the same words, and of heights where the widths
/// say so: a line that is shown to a detector larger is marked closer, above and below it most of all.
const WORDS_PERCENT_MIN: u64 = 85;
const HEIGHTS_PERCENT_MIN: u64 = 60;
/// Share of the smaller place, in percent, that two have in common where one is taken for more of the other.
const SHARED_PERCENT_MIN: u64 = 50;

/// What was seen in one frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight<'a> {
    /// The frame, and its place among the samples.
    pub(super) frame: u64,
    pub(super) sample: usize,
    pub(super) found: &'a Detection,
}

impl<'a> Sight<'a> {
    pub(super) const fn bounds(&self) -> Rect {
        self.found.bounds
    }

    /// Whether `next` was seen in the next sample, in a place that shares most of the smaller one.
    fn is_beside(&self, next: &Self) -> bool {
        let (a, b) = (self.bounds(), next.bounds());
        self.sample + 1 == next.sample
            && overlap(a, b) * 100 >= area(a).min(area(b)).max(1) * SHARED_PERCENT_MIN
    }

    /// `other`, or what this sight is in the other's frame, whichever is larger.
    fn or_larger(self, other: Self) -> Self {
        let is_less = area(other.bounds()) < area(self.bounds());
        Self { found: if is_less { self.found } else { other.found }, ..other }
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

/// How a chain counts by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// It is something.
    Sure,
    /// It is something, and so short that it may be a part of another that fades.
    Short,
    /// It is nothing.
    Unsure,
}

/// The chains that are sure, each with what was seen beside its ends in the same place and is not sure by itself, or is
/// less and short where no `cut` parts the two: a line of which a detector sees a part, or another size, is there, and
/// of a line that fades it sees a part first. Where that is less than the line, it is all of it.
pub(super) fn with_remnants<'a>(
    chains: Vec<Chain<'a>>,
    cuts: &[Cut],
    weight: impl Fn(&Chain<'a>) -> Weight,
) -> Vec<Chain<'a>> {
    let weighed = chains.into_iter().map(|chain| (weight(&chain), chain));
    let mut weighed: Vec<(Weight, Chain<'a>)> = weighed.collect();
    // Sure ones first, then short ones, which may belong to them, and what may belong to either last.
    weighed.sort_by_key(|(weight, _)| *weight);
    let mut sure: Vec<Chain<'a>> = Vec::new();
    for (weight, remnant) in weighed {
        let (first, last) = (remnant.first(), remnant.last());
        // Of two that are something by themselves one fades only if it is less than the other.
        let belongs = |inner: &Sight<'_>, outer: &Sight<'_>, frame: u64| {
            let is_cut = cuts
                .iter()
                .any(|cut| cut.frame == frame && overlap(cut.bounds, inner.bounds()) > 0);
            weight == Weight::Unsure
                || (weight == Weight::Short
                    && !is_cut
                    && area(inner.bounds()) < area(outer.bounds()))
        };
        let place = |chain: &Chain<'_>| {
            let (start, end) = (chain.first(), chain.last());
            let follows = end.is_beside(&first) && belongs(&first, &end, first.frame);
            let leads = last.is_beside(&start) && belongs(&last, &start, start.frame);
            (chain.kind == remnant.kind && (follows || leads)).then_some(follows)
        };
        let found = sure.iter_mut().find_map(|chain| place(chain).map(|follows| (chain, follows)));
        let Some((chain, follows)) = found else {
            sure.extend((weight != Weight::Unsure).then_some(remnant));
            continue;
        };
        let end = if follows { chain.last() } else { chain.first() };
        let sights = remnant.sights.into_iter().map(|sight| end.or_larger(sight));
        let at = if follows { chain.sights.len() } else { 0 };
        chain.sights.splice(at..at, sights);
    }
    sure
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
    /// The first sight.
    pub(super) fn first(&self) -> Sight<'a> {
        self.sights[0]
    }

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
    let (a, b, both) = (area(expected), area(bounds), overlap(expected, bounds));
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

fn area(rect: Rect) -> u64 {
    u64::from(rect.width) * u64::from(rect.height)
}

/// Whether two places are so alike in size that the same words may stand there.
fn has_same_words(a: Rect, b: Rect) -> bool {
    let is_alike =
        |a: u32, b: u32, percent: u64| u64::from(a.min(b)) * 100 >= u64::from(a.max(b)) * percent;
    let is_near = |a: u32, b: u32| a.abs_diff(b) <= a.min(b) / 8 + 4;
    is_alike(a.width, b.width, WORDS_PERCENT_MIN)
        && (is_alike(a.height, b.height, HEIGHTS_PERCENT_MIN) || is_near(a.height, b.height))
}
