//! Which frames a background is painted from: of a long shot, some.
//!
//! Owns that choice. What a frame shows that the one before it shows too costs time and tells little.

use super::course::Course;
use super::holes::Holes;

/// So many frames of a course are painted, spread evenly; all where there are fewer than twice as many.
const LOOKS: u64 = 40;
/// Share of the hole's shorter side by which it moves on from look to look at most.
const TRAVEL: f64 = 0.25;

/// The frames that a course is painted from.
pub(super) fn looks(holes: &Holes, course: &Course, seen: &[u64]) -> Vec<u64> {
    let Some(hole) = holes.hole(course.overlay) else { return Vec::new() };
    let apart = (course.frames.count() / LOOKS).max(1);
    let mut looks: Vec<u64> = Vec::new();
    let mut last: Option<(u64, (f64, f64), Vec<u32>)> = None;
    let mut before = None;
    for index in seen.iter().copied() {
        let Some(motion) = course.motion(index) else { continue };
        let bounds = hole.bounds(index);
        let (x, y) = motion.inverse().apply(
            f64::from(bounds.x) + f64::from(bounds.width) / 2.0,
            f64::from(bounds.y) + f64::from(bounds.height) / 2.0,
        );
        let there = holes.overlays.iter().filter(|hole| hole.shows(index));
        let shown: Vec<u32> = there.map(|hole| hole.number).collect();
        let far = TRAVEL * f64::from(bounds.width.min(bounds.height));
        let changes = last.as_ref().is_some_and(|(_, _, other)| shown != *other);
        let is_due = last.as_ref().is_none_or(|(look, at, _)| {
            index >= look + apart || (x - at.0).abs().max((y - at.1).abs()) >= far
        });
        if changes {
            looks.extend(before.filter(|before| looks.last() != Some(before)));
        }
        if is_due || changes {
            looks.push(index);
            last = Some((index, (x, y), shown));
        }
        before = Some(index);
    }
    looks
}
