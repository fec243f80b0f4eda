//! From the motions of a shot to what must be painted for each overlay, and for which frames.
//!
//! Owns the bound on a background's size: a way of the hole that needs more is split.

use cleanplate_types::frames::FrameRange;
use cleanplate_types::picture::Rect;
use serde::{Deserialize, Serialize};

use super::holes::{Hole, Holes};
use super::motion::{Motion, Similarity};

/// Luma samples of a background at most.
const AREA_MAX: u64 = 1_500_000;
/// Frames on from the last look that a motion is believed to go on as it was.
const ON_MAX: u64 = 4;
/// Farther than this from the first picture of a shot no background reaches, in luma samples.
const PLACE_MAX: f64 = 500_000.0;

/// A rectangle of a background, in luma samples of its own plane, which has no natural corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Area {
    /// Left edge; even, as the chroma of 4:2:0 asks.
    pub left: i32,
    /// Top edge; even.
    pub top: i32,
    /// Width; even.
    pub width: u32,
    /// Height; even.
    pub height: u32,
}

/// Where one surface lies in each frame of a shot, for the sake of one overlay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    /// Index of the overlay in the plan.
    pub overlay: u32,
    /// The frames that are filled from it.
    pub serves: FrameRange,
    /// The part of the surface that the overlay and what is around it travel over in these frames.
    pub area: Area,
    /// The frames that `motions` speaks of: those of the shot.
    pub frames: FrameRange,
    /// From the background to the frame, where it is known.
    pub motions: Vec<Option<Motion>>,
}

impl Course {
    /// The motion of a frame.
    pub(super) fn motion(&self, index: u64) -> Option<Similarity> {
        let at = usize::try_from(index.checked_sub(self.frames.start)?).ok()?;
        self.motions.get(at).copied().flatten().map(Similarity::from)
    }
}

/// A rectangle with real sides: left, top, right, bottom.
#[derive(Debug, Clone, Copy)]
struct Reach {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Reach {
    fn hull(self, other: Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    fn area(self) -> Option<Area> {
        let far = [self.left, self.top, self.right, self.bottom];
        if far.iter().any(|place| !(-PLACE_MAX..PLACE_MAX).contains(place)) {
            return None;
        }
        let (left, top) = (even(self.left), even(self.top));
        let width = (even(self.right) + 2).abs_diff(left);
        let height = (even(self.bottom) + 2).abs_diff(top);
        (u64::from(width) * u64::from(height) <= AREA_MAX).then_some(Area {
            left,
            top,
            width,
            height,
        })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "no place is farther off than PLACE_MAX")]
fn even(place: f64) -> i32 {
    (place / 2.0).floor() as i32 * 2
}

impl Holes {
    /// The courses of an overlay on a surface that lies so in the frames from `start` on, for those of
    /// `served` that show the overlay.
    pub(super) fn courses(
        &self,
        hole: &Hole,
        start: u64,
        motions: &[Option<Similarity>],
        served: FrameRange,
    ) -> Vec<Course> {
        let frames = FrameRange::new(start, start + motions.len() as u64);
        let fixed: Vec<_> = motions.iter().map(|motion| motion.map(Motion::from)).collect();
        let overlay = hole.number;
        let mut courses = Vec::new();
        let mut open: Option<(FrameRange, Reach, Area)> = None;
        let mut close = |open: Option<(FrameRange, Reach, Area)>| {
            if let Some((serves, _, area)) = open {
                courses.push(Course { overlay, serves, area, frames, motions: fixed.clone() });
            }
        };
        for (index, motion) in (start..).zip(motions) {
            let Some(motion) = motion else { continue };
            if !served.contains(index) || !hole.shows(index) {
                continue;
            }
            let bounds = hole.bounds(index);
            let here = self.reach(bounds, motion.inverse());
            let joined = open.map_or(here, |(_, reach, _)| reach.hull(here));
            let first = open.map_or(index, |(serves, _, _)| serves.start);
            open = match joined.area() {
                Some(area) => Some((FrameRange::new(first, index + 1), joined, area)),
                None => {
                    close(open.take());
                    here.area().map(|area| (FrameRange::new(index, index + 1), here, area))
                }
            };
        }
        close(open);
        courses
    }

    /// Where the overlay and what is around it lie on the background.
    fn reach(&self, bounds: Rect, to_background: Similarity) -> Reach {
        let ring = f64::from(self.ring()) + 2.0;
        let (left, top) = (f64::from(bounds.x) - ring, f64::from(bounds.y) - ring);
        let (right, bottom) = (f64::from(bounds.right()) + ring, f64::from(bounds.bottom()) + ring);
        let corners = [(left, top), (right, top), (left, bottom), (right, bottom)];
        let corners = corners.map(|(x, y)| {
            let (x, y) = to_background.apply(x, y);
            Reach { left: x, top: y, right: x, bottom: y }
        });
        corners[1..].iter().fold(corners[0], |all, corner| all.hull(*corner))
    }
}

/// The motions of all `frames` by those of the frames that were looked at: straight between two of them,
/// and straight on for [`ON_MAX`] frames before the first and after the last.
pub(super) fn between(
    looks: &[u64],
    motions: &[Option<Similarity>],
    frames: FrameRange,
) -> Vec<Option<Similarity>> {
    let known = |at: Option<usize>| at.and_then(|at| Some((looks[at], motions[at]?)));
    // On from a look, as from the one beside it to it.
    let on = |beside: Option<usize>, (look, motion): (u64, Similarity), index: u64| {
        let beside = known(beside.filter(|at| *at < looks.len()));
        let Some((other, before)) = beside.filter(|(other, _)| look.abs_diff(*other) <= ON_MAX)
        else {
            return motion;
        };
        let frames = index.abs_diff(look).min(ON_MAX);
        before.towards(motion, 1.0 + frames as f64 / look.abs_diff(other) as f64)
    };
    let motion = |index: u64| {
        let next = looks.partition_point(|look| *look < index);
        if looks.get(next) == Some(&index) {
            return motions[next];
        }
        let before = known(next.checked_sub(1));
        let after = known((next < looks.len()).then_some(next));
        match (before, after) {
            (Some((from, before)), Some((to, after))) => {
                Some(before.towards(after, (index - from) as f64 / (to - from) as f64))
            }
            (Some((look, motion)), None) => Some(on(next.checked_sub(2), (look, motion), index)),
            (None, Some((look, motion))) => Some(on(Some(next + 1), (look, motion), index)),
            (None, None) => None,
        }
    };
    (frames.start..frames.end).map(motion).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_between_and_beside_looks_goes_straight_on() {
        let motion = |right: f64| Some(Similarity::shift(right, 0.0));
        let looks = [10, 12, 16];
        let known = [motion(0.0), motion(2.0), motion(10.0)];
        let all = between(&looks, &known, FrameRange::new(8, 30));
        let right: Vec<f64> = all.iter().map(|motion| motion.unwrap().right).collect();
        assert_eq!(right[..9], [-2.0, -1.0, 0.0, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!((right[9], right[21]), (12.0, 18.0), "for four frames, and no farther");
        let lost = between(&looks, &[motion(0.0), None, motion(9.0)], FrameRange::new(11, 15));
        assert_eq!(lost, [motion(0.0), None, motion(9.0), motion(9.0)], "a lost look is lost");
    }
}
