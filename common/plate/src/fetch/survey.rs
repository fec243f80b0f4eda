//! The first pass over a window: shots, and where the background lies in each of their frames.
//!
//! Owns the reduced pictures: one of each frame that is looked at, at most 200 KB, so 120 MB for a window
//! of which all 600 frames are; and what is said of the frames that are not looked at. The way between two
//! looks at a shot is taken to be straight, and to go straight on a little before its first and after its last.
//! A cut between two looks may be anywhere between them: those frames belong to both shots, and each of them
//! shows by itself, when it is filled, which background lies behind it.

use std::ops::Range;
use std::rc::Rc;

use cleanplate_types::frames::FrameRange;
use cleanplate_types::overlay::OverlayPlan;
use cleanplate_types::picture::{PixelLayout, PlanesRef};
use serde::{Deserialize, Serialize};

use super::FetchError;
use super::chain::{Pictures, chain, fits};
use super::course::{Course, between};
use super::cuts::cuts;
use super::holes::{Active, Hole, Holes};
use super::local::{SEED_STEP, tracks};
use super::motion::Similarity;
use super::picture::{Covered, Picture, Pyramid, reduction};
use crate::bitmap::Span;
use crate::mattes::Mattes;

/// Frames before and after those that show an overlay from which its background is painted, at most: what a
/// caption hides is not looked for in all of a shot, and of many captions few are painted at a time.
const ABOUT_MAX: u64 = 150;

/// What the first pass comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Courses {
    /// The window.
    pub frames: FrameRange,
    /// The frames that were looked at, rising.
    pub seen: Vec<u64>,
    /// The first frame of each shot that was looked at.
    pub shots: Vec<u64>,
    /// The courses, by shot, then overlay, then frame.
    pub courses: Vec<Course>,
}

/// The first pass.
#[derive(Debug)]
pub struct Survey {
    holes: Holes,
    window: FrameRange,
    seen: Vec<u64>,
    pyramids: Vec<Pyramid>,
}

impl Survey {
    /// A survey of the frames of `window`, of a video of that layout and plan.
    #[must_use]
    pub fn new(layout: &PixelLayout, plan: &OverlayPlan, window: FrameRange) -> Self {
        let holes = Holes::new(layout, plan, window);
        Self { holes, window, seen: Vec::new(), pyramids: Vec::new() }
    }

    /// The same, where some overlays move.
    #[must_use]
    pub fn knowing(mut self, mattes: &Mattes) -> Self {
        self.holes = self.holes.knowing(mattes);
        self
    }

    /// Takes in the frame at `index`: any frames of the window, in rising order. The fewer, the less is
    /// known: of what stays shorter than from look to look nothing.
    ///
    /// # Errors
    /// [`FetchError`] where it is not a later frame of the window, or not of the plan's size; it is not
    /// taken in then.
    pub fn add(&mut self, index: u64, planes: &PlanesRef<'_>) -> Result<(), FetchError> {
        let expected = self.seen.last().map_or(self.window.start, |last| last + 1);
        if index < expected || index >= self.window.end {
            return Err(FetchError::OutOfOrder { index, expected });
        }
        self.holes.check(index, planes)?;
        let depth = self.holes.layout.depth;
        self.seen.push(index);
        self.pyramids.push(match planes {
            PlanesRef::Eight(planes) => Pyramid::of(&planes[0], depth),
            PlanesRef::Sixteen(planes) => Pyramid::of(&planes[0], depth),
        });
        Ok(())
    }

    /// What was found. It takes milliseconds for each look: `done` is told after each step of about so many.
    #[must_use]
    pub fn finish(self, mut done: impl FnMut()) -> Courses {
        let count = self.pyramids.len();
        let covered = self.covered();
        let pictures =
            Pictures { indices: &self.seen, pyramids: &self.pyramids, covered: &covered };
        let small: Vec<&Picture> =
            self.pyramids.iter().filter_map(|pyramid| pyramid.levels.last()).collect();
        let mut starts = vec![0];
        starts.extend(cuts(&small, |before, after| {
            done();
            fits(&pictures, before, after)
        }));
        let mut shots = Vec::new();
        let mut courses = Vec::new();
        for (number, from) in starts.iter().enumerate() {
            let to = starts.get(number + 1).copied().unwrap_or(count).max(*from);
            let mut from = *from;
            while from < to {
                let motions = chain(&pictures, from..to, &mut done);
                let shot = from..from + motions.len();
                from = shot.end;
                shots.push(self.seen[shot.start]);
                courses.extend(self.courses(&pictures, &shot, &motions, &mut done));
            }
        }
        Courses { frames: self.window, seen: self.seen, shots, courses }
    }

    /// The courses of a shot: for each overlay the background's, then those of what passes.
    fn courses(
        &self,
        pictures: &Pictures<'_>,
        shot: &Range<usize>,
        motions: &[Option<Similarity>],
        done: &mut impl FnMut(),
    ) -> Vec<Course> {
        let mut courses = Vec::new();
        let factor = reduction(self.holes.width);
        let unit = 1.0 / f64::from(factor);
        let full = |looks: &[u64], motions: &[Option<Similarity>], frames: FrameRange| {
            let motions: Vec<_> = motions
                .iter()
                .map(|motion| motion.map(|motion| motion.in_units_of(unit)))
                .collect();
            between(looks, &motions, frames)
        };
        let looks = &self.seen[shot.clone()];
        let before = shot.start.checked_sub(1).map_or(self.window.start, |at| self.seen[at] + 1);
        let after = self.seen.get(shot.end).copied().unwrap_or(self.window.end);
        let whole = FrameRange::new(before, after);
        let background = full(looks, motions, whole);
        for hole in self.holes.overlays.iter().filter(|hole| hole.overlay.fill.fetches()) {
            let Some(frames) = about(hole, whole) else { continue };
            let at = |index: u64| usize::try_from(index - whole.start).unwrap_or(usize::MAX);
            let motions_about = &background[at(frames.start)..at(frames.end)];
            courses.extend(self.holes.courses(hole, frames.start, motions_about, whole));
            if hole.moves() {
                // What passes behind it is seen as soon as it has moved on.
                continue;
            }
            let bounds = hole.overlay.mask.bounds;
            let span = Span {
                left: (bounds.x / factor) as usize,
                top: (bounds.y / factor) as usize,
                right: bounds.right().div_ceil(factor) as usize,
                bottom: bounds.bottom().div_ceil(factor) as usize,
            };
            let shows = |at: usize| hole.shows(self.seen[at]);
            for track in tracks(pictures, (shot, motions), span, shows, done) {
                let seed = self.seen[track.seed];
                let served =
                    FrameRange::new((seed + 1).saturating_sub(SEED_STEP), seed + SEED_STEP);
                let looks = &self.seen[track.from..track.from + track.motions.len()];
                let frames = FrameRange::new(looks[0], looks[looks.len() - 1] + 1);
                let motions = full(looks, &track.motions, frames);
                courses.extend(self.holes.courses(hole, frames.start, &motions, served));
            }
        }
        courses
    }

    /// What is covered of each frame.
    fn covered(&self) -> Vec<Rc<Covered>> {
        let mut known: Vec<(Vec<Active>, Rc<Covered>)> = Vec::new();
        let mut all = Vec::new();
        for (index, pyramid) in self.seen.iter().zip(&self.pyramids) {
            let active = self.holes.active(*index);
            let at = known.iter().position(|(other, _)| *other == active).unwrap_or_else(|| {
                let bitmap = self.holes.covered(&active, 2);
                known.push((active, Rc::new(Covered::of(&bitmap, pyramid))));
                known.len() - 1
            });
            all.push(Rc::clone(&known[at].1));
        }
        all
    }
}

/// The frames of a shot that are looked at for the sake of an overlay; `None` where it does not show.
fn about(hole: &Hole, shot: FrameRange) -> Option<FrameRange> {
    let when = hole.overlay.when.iter().map(|range| range.intersect(shot));
    let both = |one: FrameRange, other: FrameRange| {
        FrameRange::new(one.start.min(other.start), one.end.max(other.end))
    };
    let shown = when.filter(|range| !range.is_empty()).reduce(both)?;
    let start = shown.start.saturating_sub(ABOUT_MAX);
    Some(FrameRange::new(start, shown.end.saturating_add(ABOUT_MAX)).intersect(shot))
}
