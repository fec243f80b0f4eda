//! Which frames a detector sees: every few, and those between where something came or went.
//!
//! Owns the frames that it may yet see, which are kept until what came or went between two samples is settled. Refuses to know what a
//! detector is, and to judge what it sees.

use cleanplate_plate::track::{Cut, Settings, second_looks};
use cleanplate_types::detection::{Detection, Seen};
use cleanplate_types::failure::Failure;
use cleanplate_types::picture::Rect;

/// A frame that can be compared with another of the same video.
pub(super) trait Compare {
    /// By how much luma differs on the mean in a place, in sixteenths of an 8-bit code.
    fn difference(&self, other: &Self, within: Rect) -> u32;
}

/// One detector's way through the frames of a window, in order. `F` is a frame.
#[derive(Debug)]
pub(super) struct Watching<F> {
    settings: Settings,
    pace: Pace,
    table_frames: u64,
    /// The frames since the sample before the last, with that one.
    kept: Vec<(u64, F)>,
    /// Those of them that are to be seen.
    due: Vec<u64>,
    /// What was seen in every few frames.
    samples: Vec<Seen>,
    /// What second looks saw between them.
    between: Vec<Seen>,
    /// Where something came or went at once.
    cuts: Vec<Cut>,
}

/// How a detector goes through the frames.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Sights that are taken at once.
    pub(super) batch: usize,
    /// Whether second looks may see a band of rows alone.
    pub(super) bands: bool,
}

/// How much more the picture changes where something comes or goes at once than in the frames beside: so many times, and
/// sixteenths of a code. A fade changes it about as much from frame to frame; one of two frames up to twice as much.
const CUT_TIMES: u32 = 4;
const CUT_LEAST: u32 = 24;

/// Rows of luma beside a band, at least: a network sees little at the edge of what it is shown.
const MARGIN_MIN: u32 = 24;

/// What a detector sees in each of some frames.
pub(super) type Sights = Result<Vec<Vec<Detection>>, Failure>;

impl<F: Compare> Watching<F> {
    /// A detector that goes through a video of `table_frames` frames at that pace.
    pub(super) fn new(settings: Settings, pace: Pace, table_frames: u64) -> Self {
        let (kept, due) = (Vec::new(), Vec::new());
        let (samples, between) = (Vec::new(), Vec::new());
        Self { settings, pace, table_frames, kept, due, samples, between, cuts: Vec::new() }
    }

    /// Takes the next frame, which is to be seen where it `is_due`, now or later; `see` may be asked about others too.
    ///
    /// # Errors
    /// Those of `see`.
    pub(super) fn add(
        &mut self,
        (index, is_due): (u64, bool),
        frame: F,
        see: &mut impl FnMut(&[&F], Option<Rect>) -> Sights,
    ) -> Result<(), Failure> {
        self.kept.push((index, frame));
        if is_due {
            self.due.push(index);
        }
        if self.due.len() >= self.pace.batch { self.look(see) } else { Ok(()) }
    }

    /// What it saw, in order, once the window's last frame was seen too, and where something came or went at once.
    ///
    /// # Errors
    /// Those of `see`.
    pub(super) fn finish(
        mut self,
        see: &mut impl FnMut(&[&F], Option<Rect>) -> Sights,
    ) -> Result<(Vec<Seen>, Vec<Cut>), Failure> {
        let last = self.kept.last().map(|(index, _)| *index);
        self.due.extend(last.filter(|last| self.due.last() != Some(last)));
        self.look(see)?;
        self.settle(self.samples.len(), see)?;
        self.samples.append(&mut self.between);
        self.samples.sort_by_key(|seen| seen.frame);
        Ok((self.samples, self.cuts))
    }

    /// Sees the frames that are due. Each settles the gap before the sample before it: what was seen once alone is most
    /// often chance, and not worth second looks.
    fn look(&mut self, see: &mut impl FnMut(&[&F], Option<Rect>) -> Sights) -> Result<(), Failure> {
        let due = std::mem::take(&mut self.due);
        for now in self.see(&due, None, see)? {
            self.samples.push(now);
            self.settle(self.samples.len() - 1, see)?;
        }
        let before = self.samples.len().checked_sub(2).and_then(|at| self.samples.get(at));
        let before = before.map(|seen| seen.frame);
        self.kept.retain(|(index, _)| before.is_none_or(|before| *index >= before));
        Ok(())
    }

    /// Sees the frames in the gap before the last of the first `count` samples that settle what came or went there.
    fn settle(
        &mut self,
        count: usize,
        see: &mut impl FnMut(&[&F], Option<Rect>) -> Sights,
    ) -> Result<(), Failure> {
        let Some([before, after]) = self.samples.get(count.saturating_sub(2)..count) else {
            return Ok(());
        };
        let gap = before.frame + 1..after.frame;
        let near = count.saturating_sub(3)..self.samples.len();
        let mut around = self.samples.get(near).unwrap_or_default().to_vec();
        loop {
            let mut wanted = second_looks(&around, self.table_frames, &self.settings);
            wanted.retain(|frame| {
                gap.contains(frame) && around.iter().all(|seen| seen.frame != *frame)
            });
            let found = self.see(&wanted, self.band(&around), see)?;
            if found.is_empty() {
                self.note_cuts(&around, gap.start - 1);
                return Ok(());
            }
            self.between.extend(found.iter().cloned());
            around.extend(found);
            around.sort_by_key(|seen| seen.frame);
        }
    }

    /// Notes what came or went at once between two of the frames `around` that follow each other, from frame `first` on.
    /// Frames beyond these say nothing, though they may be at hand: how many are seen at once must not show.
    fn note_cuts(&mut self, around: &[Seen], first: u64) {
        let last = around.last().map_or(first, |seen| seen.frame);
        for pair in around.windows(2) {
            let [before, after] = pair else { continue };
            if before.frame < first || before.frame + 1 != after.frame {
                continue;
            }
            let lacks =
                |seen: &Seen, one: &Detection| !seen.detections.iter().any(|it| is_one(it, one));
            let went = before.detections.iter().filter(|one| lacks(after, one));
            let came = after.detections.iter().filter(|one| lacks(before, one));
            for one in went.chain(came).filter(|one| !one.kind.is_private()) {
                let cut = Cut { frame: after.frame, bounds: one.bounds };
                if self.is_cut(cut, (first, last)) && !self.cuts.contains(&cut) {
                    self.cuts.push(cut);
                }
            }
        }
    }

    /// Whether the picture changes there at once, and not in the frames beside, of which one must be from `first` to
    /// `last`.
    fn is_cut(&self, Cut { frame, bounds }: Cut, (first, last): (u64, u64)) -> bool {
        let kept = |frame: u64| {
            let counts = (first..=last).contains(&frame);
            self.kept.iter().find(|(index, _)| counts && *index == frame)
        };
        let change = |to: u64| {
            let pair = kept(to.checked_sub(1)?).zip(kept(to))?;
            Some(pair.0.1.difference(&pair.1.1, bounds))
        };
        let beside = [frame.checked_sub(1), frame.checked_add(1)].into_iter().flatten();
        let most = beside.filter_map(change).max();
        change(frame).zip(most).is_some_and(|(here, most)| here > most * CUT_TIMES + CUT_LEAST)
    }

    /// The rows of everything that was seen `around`, and as much beside them: second looks ask where that begins and
    /// ends, and nothing of the rest. `None` is all of the picture, where that costs little more.
    fn band(&self, around: &[Seen]) -> Option<Rect> {
        let all = around.iter().flat_map(|seen| &seen.detections).map(|seen| seen.bounds);
        let margin = all.clone().map(|bounds| bounds.height).max()?.max(MARGIN_MIN);
        let whole = all.reduce(Rect::hull)?;
        let (width, height) = (self.settings.width, self.settings.height);
        let top = whole.y.saturating_sub(margin);
        let bottom = whole.bottom().saturating_add(margin).min(height);
        let band = Rect { x: 0, y: top, width, height: bottom.saturating_sub(top) };
        (self.pace.bands && band.height > 0 && band.height * 2 < height).then_some(band)
    }

    /// Sees those of `frames` that are kept, or a part of them.
    fn see(
        &self,
        frames: &[u64],
        part: Option<Rect>,
        see: &mut impl FnMut(&[&F], Option<Rect>) -> Sights,
    ) -> Result<Vec<Seen>, Failure> {
        let kept = self.kept.iter().filter(|(index, _)| frames.contains(index));
        let (indices, frames): (Vec<u64>, Vec<&F>) =
            kept.map(|(index, frame)| (*index, frame)).unzip();
        if frames.is_empty() {
            return Ok(Vec::new());
        }
        let sights = indices.into_iter().zip(see(&frames, part)?);
        Ok(sights.map(|(frame, detections)| Seen { frame, detections }).collect())
    }
}

/// Whether two sights are of one thing: they share more than half of what they cover together.
fn is_one(a: &Detection, b: &Detection) -> bool {
    let (one, other) = (a.bounds, b.bounds);
    let area = |rect: Rect| u64::from(rect.width) * u64::from(rect.height);
    let across = one.right().min(other.right()).saturating_sub(one.x.max(other.x));
    let down = one.bottom().min(other.bottom()).saturating_sub(one.y.max(other.y));
    let shared = u64::from(across) * u64::from(down);
    a.kind == b.kind && shared * 3 > area(one) + area(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cleanplate_types::detection::DetectionKind;

    /// A frame is its index, and changes by 16 at the ends of what is shown, or fades by 8 a frame about them.
    impl Compare for u64 {
        fn difference(&self, other: &Self, within: Rect) -> u32 {
            assert!(self < other && within.y == 300, "of two frames in order, in its place");
            let [from, to] = [*self, *other].map(LEVEL.get());
            from.abs_diff(to)
        }
    }

    thread_local! {
        static LEVEL: std::cell::Cell<fn(u64) -> u32> = const { std::cell::Cell::new(shown) };
    }

    fn shown(frame: u64) -> u32 {
        if SHOWN.contains(&frame) { 160 } else { 0 }
    }

    /// It is seen from a fourth of its strength on.
    fn fading(frame: u64) -> u32 {
        let inside =
            (frame + 4).saturating_sub(SHOWN.start).min((SHOWN.end + 3).saturating_sub(frame));
        u32::try_from(inside.min(16) * 10).unwrap()
    }

    const SHOWN: std::ops::Range<u64> = 13..37;

    fn seen_at(frame: u64) -> Vec<Detection> {
        let bounds = Rect { x: 100, y: 300, width: 200, height: 24 };
        let text = Detection { kind: DetectionKind::Text, bounds, score: 800, mask: None };
        if SHOWN.contains(&frame) { vec![text] } else { Vec::new() }
    }

    /// The frames that were looked at, in the order in which they were.
    fn looked(frames: std::ops::Range<u64>, batch: usize) -> (Vec<u64>, Vec<Seen>) {
        let mut looked = Vec::new();
        let settings = Settings::usual(640, 360, 25);
        let mut watching = Watching::new(settings, Pace { batch, bands: true }, 100);
        let mut see = |frames: &[&u64], part: Option<Rect>| {
            let band = part.unwrap_or(Rect { x: 0, y: 0, width: 640, height: 360 });
            assert!(band.y <= 300 && band.bottom() >= 324, "the writing is in it: {band:?}");
            assert!(part.is_some() || frames.len() <= batch, "no more than are taken at once");
            looked.extend(frames.iter().copied());
            Ok(frames.iter().map(|frame| seen_at(**frame)).collect())
        };
        for frame in frames {
            watching.add((frame, frame % 8 == 0), frame, &mut see).unwrap();
        }
        let (seen, _) = watching.finish(&mut see).unwrap();
        (looked, seen)
    }

    #[test]
    fn the_frames_at_both_ends_of_a_caption_are_looked_at_and_few_others() {
        let (looked, seen) = looked(0..100, 1);
        for frame in [12, 13, 36, 37] {
            assert!(looked.contains(&frame), "{frame} of {looked:?}");
        }
        assert!(looked.len() <= 14 + 2 * 3, "{looked:?}");
        assert!(seen.is_sorted_by(|a, b| a.frame < b.frame), "each frame once, in order");
        assert_eq!(seen.len(), looked.len());
    }

    #[test]
    fn what_comes_and_goes_at_once_is_told_from_what_fades() {
        for fades in [false, true] {
            LEVEL.set(if fades { fading } else { shown });
            for stride in [1, 2, 8] {
                let settings = Settings::usual(640, 360, 25);
                let mut watching = Watching::new(settings, Pace { batch: 1, bands: true }, 100);
                let mut see = |frames: &[&u64], _part: Option<Rect>| {
                    Ok(frames.iter().map(|frame| seen_at(**frame)).collect())
                };
                for frame in 0..100_u64 {
                    watching.add((frame, frame % stride == 0), frame, &mut see).unwrap();
                }
                let (_, cuts) = watching.finish(&mut see).unwrap();
                let frames: Vec<u64> = cuts.iter().map(|cut| cut.frame).collect();
                let expected = if fades { vec![] } else { vec![SHOWN.start, SHOWN.end] };
                assert_eq!(frames, expected, "fades: {fades}, every {stride}");
            }
        }
    }

    #[test]
    fn the_last_frame_of_a_window_is_looked_at() {
        let (looked, _) = looked(50..61, 1);
        assert_eq!(
            (looked.first(), looked.last()),
            (Some(&56), Some(&60)),
            "and those that are due"
        );
    }

    #[test]
    fn how_many_are_seen_at_once_does_not_show() {
        let (_, one) = looked(0..100, 1);
        for batch in [2, 3, 8, 100] {
            assert_eq!(looked(0..100, batch).1, one, "batches of {batch}");
        }
        // The frame before the caption is a sample, and changes too.
        LEVEL.set(|frame| if SHOWN.contains(&frame) { 290 } else { 130 * u32::from(frame == 12) });
        let cuts = [1, 8, 100].map(|batch| {
            let settings = Settings::usual(640, 360, 25);
            let mut watching = Watching::new(settings, Pace { batch, bands: true }, 100);
            let mut see = |frames: &[&u64], _part: Option<Rect>| {
                Ok(frames.iter().map(|frame| seen_at(**frame)).collect())
            };
            for frame in 0..100_u64 {
                watching.add((frame, frame % 4 == 0), frame, &mut see).unwrap();
            }
            watching.finish(&mut see).unwrap().1
        });
        assert!(cuts.iter().all(|other| *other == cuts[0]), "{cuts:?}");
    }
}
