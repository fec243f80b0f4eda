//! What of a chain of sights stays in place, and what moves.
//!
//! Owns that judgement for text and objects; what is private is always followed. A chain is cut into runs within
//! which no side moves farther than a detector errs. From run to run something jumps, where it rests before and
//! after, or is another size: then each run stays. Or it moves, as far within the runs as between them.

use cleanplate_types::detection::DetectionKind;
use cleanplate_types::picture::Rect;

use super::Settings;
use super::join::{Chain, Sight};
use super::places::middle;

/// By how far a side may move within a run: a share of the shorter side, and so many luma samples.
const JITTER_SHARE: u32 = 6;
const JITTER: u32 = 3;
/// A run of fewer sights does not show that something rests.
const REST_SIGHTS_MIN: usize = 3;
/// Where the step from the last sight of one run to the first of the next is a smaller share of the way between
/// the runs, in percent, it moves within them too.
const JUMP_PERCENT_MIN: u64 = 60;
/// So many times the jitter may lie between runs that lead nowhere.
const TREMBLE: u64 = 2;
/// Share of its time, in percent, for which something that moves rests, to be kept for that.
const REST_PERCENT_MIN: u64 = 66;

/// Successive sights of a chain: all in one place, or on their way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a, 'b> {
    pub(super) chain: &'b Chain<'a>,
    /// The first and the last sight, by number.
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) is_still: bool,
    /// Whether it moves to or from where it rests.
    pub(super) rests: bool,
}

impl<'a, 'b> Part<'a, 'b> {
    pub(super) const fn kind(&self) -> DetectionKind {
        self.chain.kind
    }

    pub(super) fn sights(&self) -> &'b [Sight<'a>] {
        &self.chain.sights[self.from..=self.to]
    }

    /// The sight of the chain before the part, and the one after it.
    pub(super) fn beside(&self) -> (Option<&'b Sight<'a>>, Option<&'b Sight<'a>>) {
        let before = self.from.checked_sub(1).and_then(|at| self.chain.sights.get(at));
        (before, self.chain.sights.get(self.to + 1))
    }
}

/// Sights by number, ends included.
#[derive(Debug, Clone, Copy)]
struct Run {
    from: usize,
    to: usize,
}

/// The parts of a chain, in order.
pub(super) fn parts<'a, 'b>(
    chain: &'b Chain<'a>,
    frames: &[u64],
    settings: &Settings,
) -> Vec<Part<'a, 'b>> {
    let whole = Run { from: 0, to: chain.sights.len() - 1 };
    let part = |run: Run, is_still: bool, rests: bool| Part {
        chain,
        from: run.from,
        to: run.to,
        is_still,
        rests,
    };
    if chain.kind.is_private() {
        return vec![part(whole, false, false)];
    }
    let runs = runs(chain);
    let mut parts = Vec::new();
    let mut first = 0;
    for at in 0..runs.len() {
        if runs.get(at + 1).is_some_and(|next| moves(chain, runs[at], *next)) {
            continue;
        }
        let piece = &runs[first..=at];
        first = at + 1;
        let whole = Run { from: piece[0].from, to: runs[at].to };
        if piece.len() == 1 || trembles(chain, piece) {
            parts.push(part(whole, true, false));
            continue;
        }
        let Some(rest) = rest(chain, piece) else {
            parts.push(part(whole, false, false));
            continue;
        };
        if rest.from > whole.from {
            parts.push(part(Run { from: whole.from, to: rest.from }, false, true));
        }
        parts.push(part(rest, true, false));
        if rest.to < whole.to {
            parts.push(part(Run { from: rest.to, to: whole.to }, false, true));
        }
    }
    let is_kept = |part: &Part<'_, '_>| !part.is_still || is_seen(part, &parts, frames, settings);
    parts.iter().filter(|part| is_kept(part)).copied().collect()
}

/// Whether a part that stays is more than chance: some part of the chain that stays must be seen often and long
/// enough, or surely.
fn is_seen(part: &Part<'_, '_>, all: &[Part<'_, '_>], frames: &[u64], settings: &Settings) -> bool {
    let is_often = |part: &Part<'_, '_>| {
        let sights = part.sights();
        let ends = sights.first().zip(sights.last());
        let lasts = ends.map_or(0, |(first, last)| last.frame - first.frame + 1);
        let is_long = sights.len() >= settings.sights_min && lasts >= settings.frames_min;
        is_long || sights.iter().any(|sight| sight.found.score >= settings.sure_score)
    };
    let mut still = all.iter().filter(|part| part.is_still);
    is_often(part) || still.any(is_often) || super::is_sparse(part.chain, frames, settings)
}

/// By how far the sides of a place may differ from sight to sight.
fn jitter(bounds: Rect) -> u32 {
    JITTER + bounds.width.min(bounds.height) / JITTER_SHARE
}

fn runs(chain: &Chain<'_>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut least_most: Option<(Rect, Rect)> = None;
    for (at, sight) in chain.sights.iter().enumerate() {
        let bounds = sight.bounds();
        let spread = least_most.map(|(inner, outer)| spread((inner, outer), bounds));
        match (runs.last_mut(), spread) {
            (Some(run), Some((inner, outer, by)))
                if by <= jitter(chain.sights[run.from].bounds()) =>
            {
                run.to = at;
                least_most = Some((inner, outer));
            }
            (Some(_) | None, Some(_) | None) => {
                runs.push(Run { from: at, to: at });
                least_most = Some((bounds, bounds));
            }
        }
    }
    runs
}

/// The latest starts and first ends, the first starts and latest ends, and the most by which a side moves.
fn spread((inner, outer): (Rect, Rect), bounds: Rect) -> (Rect, Rect, u32) {
    let corners = |x: u32, y: u32, right: u32, bottom: u32| Rect {
        x,
        y,
        width: right.saturating_sub(x),
        height: bottom.saturating_sub(y),
    };
    let outer = super::places::hull(outer, bounds);
    let (x, y) = (inner.x.max(bounds.x), inner.y.max(bounds.y));
    let (right, bottom) = (inner.right().min(bounds.right()), inner.bottom().min(bounds.bottom()));
    let by = (x - outer.x)
        .max(y - outer.y)
        .max(outer.right().saturating_sub(right))
        .max(outer.bottom().saturating_sub(bottom));
    (corners(x, y, right, bottom), outer, by)
}

/// Whether something moves from one run to the next, and does not jump or change.
fn moves(chain: &Chain<'_>, one: Run, other: Run) -> bool {
    let (last, next) = (chain.sights[one.to].bounds(), chain.sights[other.from].bounds());
    let most = jitter(last);
    if last.width.abs_diff(next.width) > most || last.height.abs_diff(next.height) > most {
        return false;
    }
    let count = |run: Run| run.to - run.from + 1;
    if count(one).min(count(other)) < REST_SIGHTS_MIN {
        return true;
    }
    let far = |(x, y): (i64, i64), (to_x, to_y): (i64, i64)| x.abs_diff(to_x).max(y.abs_diff(to_y));
    let way = far(mean(chain, one), mean(chain, other));
    far(middle(last), middle(next)) * 100 < way * JUMP_PERCENT_MIN
}

/// Whether runs only look like a way since the detector errs more than usual: they lead nowhere.
fn trembles(chain: &Chain<'_>, piece: &[Run]) -> bool {
    let [first, .., last] = piece else { return true };
    let most = u64::from(jitter(chain.sights[first.from].bounds()));
    let start = mean(chain, *first);
    let far = |run: &Run| {
        let (x, y) = mean(chain, *run);
        x.abs_diff(start.0).max(y.abs_diff(start.1)) / 2
    };
    far(last) <= most && piece.iter().all(|run| far(run) <= most * TREMBLE)
}

/// Twice the middle of a run on the mean.
fn mean(chain: &Chain<'_>, run: Run) -> (i64, i64) {
    let sights = &chain.sights[run.from..=run.to];
    let count = i64::try_from(sights.len()).unwrap_or(i64::MAX).max(1);
    let sum = sights.iter().map(|sight| middle(sight.bounds()));
    let (x, y) = sum.fold((0, 0), |(x, y), (right, down)| (x + right, y + down));
    (x / count, y / count)
}

/// The run in which something that moves rests for most of its time.
fn rest(chain: &Chain<'_>, piece: &[Run]) -> Option<Run> {
    let time = |run: Run| chain.sights[run.to].frame - chain.sights[run.from].frame;
    let whole = Run { from: piece.first()?.from, to: piece.last()?.to };
    let longest = piece.iter().copied().max_by_key(|run| (time(*run), usize::MAX - run.from))?;
    let count = longest.to - longest.from + 1;
    if count < REST_SIGHTS_MIN || time(longest) * 100 < time(whole) * REST_PERCENT_MIN {
        return None;
    }
    let third = count / 3;
    let start = mean(chain, Run { from: longest.from, to: longest.from + third });
    let end = mean(chain, Run { from: longest.to - third, to: longest.to });
    let drift = start.0.abs_diff(end.0).max(start.1.abs_diff(end.1));
    // Both are twice as far.
    let most = u64::from(jitter(chain.sights[longest.from].bounds())) / 2 + 2;
    (drift <= most).then_some(longest)
}
