//! A logo's way over the picture from what was seen of it, frame by frame.
//!
//! Owns what the neighbours of a frame tell of it: where the evidence of one frame is weak, and what was
//! rounded where it was composited.

use std::collections::BTreeSet;

use cleanplate_types::frames::FrameRange;

use super::locate::{FOUND, KEPT, Sighting, nats};
use crate::mattes::{PLACE_ONE, Place, SCALE_ONE};

/// Frames between two sightings for which the logo is taken to be between them.
const GAP_MAX: u64 = 12;
/// Evidence against the logo, in nats, that is still no sign of its absence.
const AGAINST: f32 = -4.0;
/// Frames that a logo goes one way at least, somewhere: what the picture looks like for a moment is none.
const RUN_MIN: usize = 5;
/// Sixteenths of a sample by which places differ that are one.
const SAME: i32 = 3;
/// Sixteenths within which places are whole, and the share of them, in percent, that make all of them so.
const WHOLE: i32 = 3;
const WHOLE_PERCENT: usize = 85;

/// The place in each of `frames` frames; empty where the logo was never found.
pub(super) fn path(sightings: &[Sighting], frames: u64, size: (u32, u32)) -> Vec<Option<Place>> {
    let Some(count) = usize::try_from(frames).ok().filter(|_| is_there(sightings)) else {
        return Vec::new();
    };
    let mut path: Vec<Option<Place>> = vec![None; count];
    for seen in sightings.iter().filter(|seen| seen.gain >= nats(KEPT)) {
        if let Some(place) = usize::try_from(seen.index).ok().and_then(|at| path.get_mut(at)) {
            *place = Some(seen.place);
        }
    }
    bridge(sightings, &mut path);
    prolong(sightings, &mut path);
    round(&mut path, size);
    path
}

/// Whether the logo is in the video at all: somewhere it goes one way for some frames, beyond doubt in most of them.
fn is_there(sightings: &[Sighting]) -> bool {
    let mut runs: Vec<Vec<&Sighting>> = Vec::new();
    for seen in sightings.iter().filter(|seen| seen.gain >= nats(KEPT)) {
        match runs.last_mut() {
            Some(run) if run.last().is_some_and(|last| is_one_way(last, seen)) => run.push(seen),
            Some(_) | None => runs.push(vec![seen]),
        }
    }
    let is_sure = |run: &Vec<&Sighting>| {
        let sure = run.iter().filter(|seen| seen.gain >= nats(FOUND)).count();
        run.len() >= RUN_MIN && 2 * sure >= run.len()
    };
    runs.iter().any(is_sure)
}

/// Whether a logo may have gone from one place to the other between two frames.
fn is_one_way(before: &Sighting, after: &Sighting) -> bool {
    let gap = after.index - before.index;
    let moved = (after.place.x - before.place.x).abs().max((after.place.y - before.place.y).abs());
    (1..=GAP_MAX).contains(&gap)
        && i64::from(moved) <= i64::from(PLACE_ONE) * 2 * i64::try_from(gap).unwrap_or(0)
}

/// Goes on before the first and after the last frame of each run, where nothing speaks against the logo: whether
/// it shows there is seen again when the frame is restored.
fn prolong(sightings: &[Sighting], path: &mut [Option<Place>]) {
    let spoken: BTreeSet<u64> =
        sightings.iter().filter(|seen| seen.gain < nats(AGAINST)).map(|seen| seen.index).collect();
    let known = path.to_vec();
    let next = |near: Option<Place>, far: Option<Place>| {
        let (near, far) = near.zip(far)?;
        let on = |near: i32, far: i32| near.saturating_mul(2).saturating_sub(far);
        Some(Place { x: on(near.x, far.x), y: on(near.y, far.y), scale: near.scale })
    };
    for at in 0..known.len() {
        let index = u64::try_from(at).unwrap_or(u64::MAX);
        if known[at].is_some() || spoken.contains(&index) {
            continue;
        }
        let look = |at: Option<usize>| at.and_then(|at| known.get(at).copied().flatten());
        let after = next(look(at.checked_add(1)), look(at.checked_add(2)));
        let before = next(look(at.checked_sub(1)), look(at.checked_sub(2)));
        path[at] = after.or(before);
    }
}

/// Fills gaps in which nothing speaks against the logo.
fn bridge(sightings: &[Sighting], path: &mut [Option<Place>]) {
    let strong: Vec<&Sighting> = sightings.iter().filter(|seen| seen.gain >= nats(KEPT)).collect();
    for ends in strong.windows(2) {
        let (before, after) = (ends[0], ends[1]);
        let gap = after.index - before.index;
        if gap < 2 || !is_one_way(before, after) {
            continue;
        }
        let between =
            sightings.iter().filter(|seen| before.index < seen.index && seen.index < after.index);
        for seen in between.filter(|seen| seen.gain >= nats(AGAINST)) {
            let part = |from: i32, to: i32| {
                let done = i64::try_from(seen.index - before.index).unwrap_or(0);
                let all = i64::try_from(gap).unwrap_or(1);
                let step = i64::from(to - from) * done / all;
                from + i32::try_from(step).unwrap_or(0)
            };
            let place = Place {
                x: part(before.place.x, after.place.x),
                y: part(before.place.y, after.place.y),
                scale: before.place.scale,
            };
            if let Some(empty) = usize::try_from(seen.index).ok().and_then(|at| path.get_mut(at)) {
                *empty = Some(place);
            }
        }
    }
}

/// Makes of places what they were before noise: one, where they are one; whole, where they are whole.
fn round(path: &mut [Option<Place>], (width, height): (u32, u32)) {
    let mut places: Vec<Place> = path.iter().flatten().copied().collect();
    let tolerance =
        i32::from(SCALE_ONE) * 3 / (4 * i32::try_from(width.max(height)).unwrap_or(1)).max(1);
    let tolerance = tolerance.max(2);
    let count = places.len();
    let is_own_size =
        |place: &Place| (i32::from(place.scale) - i32::from(SCALE_ONE)).abs() <= tolerance;
    let own = places.iter().filter(|place| is_own_size(place)).count();
    if own * 100 >= count * WHOLE_PERCENT {
        let middle = |place: &Place, side: u32| {
            let more = i32::from(place.scale) - i32::from(SCALE_ONE);
            more * i32::try_from(side).unwrap_or(0) * PLACE_ONE / (2 * i32::from(SCALE_ONE))
        };
        for place in path.iter_mut().flatten().filter(|place| is_own_size(place)) {
            place.x += middle(place, width);
            place.y += middle(place, height);
            place.scale = SCALE_ONE;
        }
        places = path.iter().flatten().copied().collect();
    }
    let nearest = |at: i32| (at + PLACE_ONE / 2).div_euclid(PLACE_ONE) * PLACE_ONE;
    let is_whole = |place: &&Place| {
        place.scale == SCALE_ONE
            && (place.x - nearest(place.x)).abs() <= WHOLE
            && (place.y - nearest(place.y)).abs() <= WHOLE
    };
    if places.iter().filter(is_whole).count() * 100 >= count * WHOLE_PERCENT {
        for place in path.iter_mut().flatten().filter(|place| place.scale == SCALE_ONE) {
            place.x = nearest(place.x);
            place.y = nearest(place.y);
        }
        places = path.iter().flatten().copied().collect();
    }
    let Some(one) = middle(&places) else { return };
    let is_near = |place: &Place| {
        (place.x - one.x).abs() <= SAME
            && (place.y - one.y).abs() <= SAME
            && (i32::from(place.scale) - i32::from(one.scale)).abs() <= tolerance
    };
    if places.iter().all(is_near) {
        path.iter_mut().flatten().for_each(|place| *place = one);
    }
}

/// The median of each part.
fn middle(places: &[Place]) -> Option<Place> {
    let median = |part: &dyn Fn(&Place) -> i32| {
        let mut parts: Vec<i32> = places.iter().map(part).collect();
        parts.sort_unstable();
        parts.get(parts.len() / 2).copied()
    };
    let scale = median(&|place| i32::from(place.scale))?;
    let (x, y) = (median(&|place| place.x)?, median(&|place| place.y)?);
    Some(Place { x, y, scale: u16::try_from(scale).ok()? })
}

/// The runs of frames that have a place.
pub(super) fn runs(path: &[Option<Place>]) -> Vec<FrameRange> {
    let mut runs: Vec<FrameRange> = Vec::new();
    for (index, _) in (0..).zip(path).filter(|(_, place)| place.is_some()) {
        match runs.last_mut() {
            Some(run) if run.end == index => run.end = index + 1,
            Some(_) | None => runs.push(FrameRange::new(index, index + 1)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A logo that goes a sample a frame, seen in those frames with that much evidence in nats.
    fn seen(frames: &[u64], gain: f32) -> Vec<Sighting> {
        let at = |index: u64| Place {
            x: i32::try_from(index).unwrap() * PLACE_ONE,
            y: 0,
            scale: SCALE_ONE,
        };
        frames.iter().map(|&index| Sighting { index, place: at(index), gain: nats(gain) }).collect()
    }

    fn shown(sightings: &[Sighting]) -> Vec<FrameRange> {
        runs(&path(sightings, 60, (40, 20)))
    }

    #[test]
    fn a_logo_is_there_where_it_goes_one_way_beyond_doubt() {
        let sure = seen(&[10, 11, 12, 13, 14], FOUND + 1.0);
        assert_eq!(shown(&sure), [FrameRange::new(9, 16)], "and in the frames beside");
        let weak = seen(&[20, 21, 22], KEPT + 1.0);
        let both = [sure, weak.clone()].concat();
        assert!(shown(&both).iter().any(|run| run.contains(21)), "what is weaker counts then");
        assert_eq!(shown(&weak), []);
    }

    #[test]
    fn what_looks_like_the_logo_for_a_moment_or_mostly_in_doubt_is_none() {
        assert_eq!(shown(&seen(&[10, 11, 12, 13], FOUND + 1.0)), []);
        let scattered: Vec<u64> = (0..4).map(|at| at * 14).collect();
        assert_eq!(shown(&seen(&scattered, 5.0 * FOUND)), []);
        let doubtful = [seen(&[10, 11], FOUND + 1.0), seen(&[12, 13, 14, 15], KEPT + 1.0)].concat();
        assert_eq!(shown(&doubtful), []);
    }
}
