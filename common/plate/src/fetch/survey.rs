//! The first pass over a window: shots, and where the background lies in each of their frames.
//!
//! Owns the reduced pictures: one of each frame, at most 200 KB, so 120 MB for a window of 600 frames.

use std::ops::Range;
use std::rc::Rc;

use cleanplate_types::frames::FrameRange;
use cleanplate_types::overlay::OverlayPlan;
use cleanplate_types::picture::{PixelLayout, PlanesRef};
use serde::{Deserialize, Serialize};

use super::FetchError;
use super::chain::{Pictures, chain, fits};
use super::course::Course;
use super::cuts::cuts;
use super::holes::{Active, Holes};
use super::local::{SEED_STEP, tracks};
use super::motion::Similarity;
use super::picture::{Covered, Picture, Pyramid, reduction};
use crate::bitmap::Span;
use crate::mattes::Mattes;

/// What the first pass comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Courses {
    /// The window.
    pub frames: FrameRange,
    /// First frames of its shots, the window's first among them.
    pub shots: Vec<u64>,
    /// The courses, by shot, then overlay, then frame.
    pub courses: Vec<Course>,
}

/// The first pass.
#[derive(Debug)]
pub struct Survey {
    holes: Holes,
    start: u64,
    pyramids: Vec<Pyramid>,
}

impl Survey {
    /// A survey of the frames from `start` on, of a video of that layout and plan.
    #[must_use]
    pub fn new(layout: &PixelLayout, plan: &OverlayPlan, start: u64) -> Self {
        Self { holes: Holes::new(layout, plan), start, pyramids: Vec::new() }
    }

    /// The same, where some overlays move.
    #[must_use]
    pub fn knowing(mut self, mattes: &Mattes) -> Self {
        self.holes = self.holes.knowing(mattes);
        self
    }

    /// Takes in the frame at `index`: every frame of the window, in order.
    ///
    /// # Errors
    /// [`FetchError`] where it is another frame, or not of the plan's size; it is not taken in then.
    pub fn add(&mut self, index: u64, planes: &PlanesRef<'_>) -> Result<(), FetchError> {
        let expected = self.start + self.pyramids.len() as u64;
        if index != expected {
            return Err(FetchError::OutOfOrder { index, expected });
        }
        self.holes.check(index, planes)?;
        let depth = self.holes.layout.depth;
        self.pyramids.push(match planes {
            PlanesRef::Eight(planes) => Pyramid::of(&planes[0], depth),
            PlanesRef::Sixteen(planes) => Pyramid::of(&planes[0], depth),
        });
        Ok(())
    }

    /// What was found.
    #[must_use]
    pub fn finish(self) -> Courses {
        let count = self.pyramids.len();
        let covered = self.covered();
        let pictures = Pictures { pyramids: &self.pyramids, covered: &covered };
        let small: Vec<&Picture> =
            self.pyramids.iter().filter_map(|pyramid| pyramid.levels.last()).collect();
        let mut starts = vec![0];
        starts.extend(cuts(&small, |before, after| fits(&pictures, before, after)));
        let mut shots = Vec::new();
        let mut courses = Vec::new();
        for (number, from) in starts.iter().enumerate() {
            let to = starts.get(number + 1).copied().unwrap_or(count).max(*from);
            let mut from = *from;
            while from < to {
                let motions = chain(&pictures, from..to);
                let shot = from..from + motions.len();
                from = shot.end;
                shots.push(self.start + shot.start as u64);
                self.course(&pictures, &shot, &motions, &mut courses);
            }
        }
        Courses { frames: FrameRange::new(self.start, self.start + count as u64), shots, courses }
    }

    /// Adds the courses of a shot: for each overlay the background's, then those of what passes.
    fn course(
        &self,
        pictures: &Pictures<'_>,
        shot: &Range<usize>,
        motions: &[Option<Similarity>],
        courses: &mut Vec<Course>,
    ) {
        let factor = reduction(self.holes.width);
        let unit = 1.0 / f64::from(factor);
        let full = |motions: &[Option<Similarity>]| -> Vec<Option<Similarity>> {
            motions.iter().map(|motion| motion.map(|motion| motion.in_units_of(unit))).collect()
        };
        let index = |at: usize| self.start + at as u64;
        let whole = FrameRange::new(index(shot.start), index(shot.end));
        for (number, overlay) in (0_u32..).zip(&self.holes.overlays) {
            courses.extend(self.holes.courses(number, whole.start, &full(motions), whole));
            if self.holes.moves(number as usize) {
                // What passes behind it is seen as soon as it has moved on.
                continue;
            }
            let bounds = overlay.mask.bounds;
            let hole = Span {
                left: (bounds.x / factor) as usize,
                top: (bounds.y / factor) as usize,
                right: bounds.right().div_ceil(factor) as usize,
                bottom: bounds.bottom().div_ceil(factor) as usize,
            };
            let shows = |at: usize| self.holes.shows(number as usize, index(at));
            for track in tracks(pictures, shot, motions, hole, shows) {
                let served = FrameRange::new(
                    index(track.seed.saturating_sub(SEED_STEP - 1)),
                    index(track.seed + SEED_STEP),
                );
                let from = index(track.from);
                courses.extend(self.holes.courses(number, from, &full(&track.motions), served));
            }
        }
    }

    /// What is covered of each frame.
    fn covered(&self) -> Vec<Rc<Covered>> {
        let mut known: Vec<(Vec<Active>, Rc<Covered>)> = Vec::new();
        let mut all = Vec::new();
        for (index, pyramid) in (self.start..).zip(&self.pyramids) {
            let active = self.holes.active(index);
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
