//! Surfaces that move in front of the background, by what is seen of them beside a hole.
//!
//! Owns the search for them. Places near the hole that do not follow the background from frame to
//! frame are a surface of their own; it is followed from a seed frame both ways in time, for as long
//! as it looks the same. What it hides of itself behind the overlay, other frames of it show.

use std::ops::Range;

use super::align::{Fit, Points, Template, look, median};
use super::chain::Pictures;
use super::motion::{Similarity, single};
use super::picture::Picture;
use crate::bitmap::{Bitmap, Span};

/// Frames from one seed to the next at least; what a seed finds serves the frames nearer to it than that.
pub(super) const SEED_STEP: u64 = 8;
/// Frames that a surface is followed to each side.
const FOLLOWED_MAX: u64 = 40;
/// Frames from a seed to those that show what moves, at least.
const APART: u64 = 2;
/// A place moves that differs by more than this many codes and this share of its slope.
const MOVES: f32 = 8.0;
const MOVES_SLOPE: f32 = 0.5;
/// Fewer moving places than this are no surface.
const PLACES_MIN: usize = 48;
/// Shares of a surface that must be seen, and agree.
const SEEN_MIN: f32 = 0.3;
const AGREED_MIN: f32 = 0.55;
/// A surface that stays nearer to the background than this, in reduced samples, is none.
const TRAVEL_MIN: f64 = 1.0;
const REACH: i32 = 7;

/// A surface: its motion from the seed frame to each frame from `from` on.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) seed: usize,
    pub(super) from: usize,
    pub(super) motions: Vec<Option<Similarity>>,
}

/// The surfaces that pass a hole in a shot whose background lies as `motions` say.
pub(super) fn tracks(
    pictures: &Pictures<'_>,
    (shot, motions): (&Range<usize>, &[Option<Similarity>]),
    hole: Span,
    shows: impl Fn(usize) -> bool,
    done: &mut impl FnMut(),
) -> Vec<Track> {
    let background = |at: usize| motions[at - shot.start];
    let mut next = 0;
    let is_seed = |at: &usize| {
        let is_seed = pictures.indices[*at] >= next && shows(*at);
        next = if is_seed { pictures.indices[*at] + SEED_STEP } else { next };
        is_seed
    };
    let seeds: Vec<usize> = shot.clone().filter(is_seed).collect();
    seeds
        .into_iter()
        .filter_map(|seed| {
            done();
            let template = moving(pictures, shot, seed, hole, &background)?;
            let is_close = |at: &usize| pictures.between(seed, *at) <= FOLLOWED_MAX;
            let forth =
                follow(pictures, &template, seed, (seed + 1..shot.end).take_while(is_close));
            let back =
                follow(pictures, &template, seed, (shot.start..seed).rev().take_while(is_close));
            let from = seed - back.len();
            let motions: Vec<_> =
                back.into_iter().rev().chain([Similarity::NONE]).chain(forth).map(Some).collect();
            let track = Track { seed, from, motions };
            (track.motions.len() >= 3 && track.travels(hole, &background)).then_some(track)
        })
        .collect()
}

impl Track {
    /// Whether the surface leaves the background, and the place of the hole.
    fn travels(&self, hole: Span, background: &impl Fn(usize) -> Option<Similarity>) -> bool {
        let x = (hole.left + hole.right) as f64 / 2.0;
        let y = (hole.top + hole.bottom) as f64 / 2.0;
        let at_seed = background(self.seed).map(Similarity::inverse);
        let far = |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).abs().max((a.1 - b.1).abs());
        (self.from..).zip(self.motions.iter().flatten()).any(|(at, motion)| {
            let own = motion.apply(x, y);
            let other = at_seed.zip(background(at)).map(|(from, to)| to.after(from).apply(x, y));
            far(own, (x, y)) >= TRAVEL_MIN
                && other.is_none_or(|other| far(own, other) >= TRAVEL_MIN)
        })
    }
}

/// The places near the hole that do not go with the background.
fn moving(
    pictures: &Pictures<'_>,
    shot: &Range<usize>,
    seed: usize,
    hole: Span,
    background: &impl Fn(usize) -> Option<Similarity>,
) -> Option<Template> {
    let picture = &pictures.pyramids[seed].levels[0];
    let covered = &pictures.covered[seed].levels[0];
    let reach = hole.height().clamp(14, 48);
    let span = hole.grown(reach, picture.width, picture.height);
    let points = Points::of(
        span,
        |x, y| !covered.cells[y * covered.width + x],
        |x, y| f32::from(picture.samples[y * picture.width + x]),
    );
    let is_apart = |at: &usize| pictures.between(seed, *at) >= APART;
    let others = [(shot.start..seed).rev().find(is_apart), (seed + 1..shot.end).find(is_apart)];
    let others = others.into_iter().flatten();
    let mut moves = vec![true; points.list.len()];
    let mut is_compared = false;
    for other in others {
        let relative = background(seed).map(Similarity::inverse).zip(background(other));
        let motion = relative.map_or(Similarity::NONE, |(from, to)| to.after(from));
        let target = &pictures.pyramids[other].levels[0];
        let blocked = &pictures.covered[other].levels[0];
        let differences: Vec<Option<f32>> = points
            .list
            .iter()
            .map(|point| {
                let (x, y) = motion.apply(f64::from(point.x), f64::from(point.y));
                look(target, blocked, single(x), single(y)).map(|value| value - point.value)
            })
            .collect();
        let light = median(&mut differences.iter().flatten().copied().collect::<Vec<_>>());
        for ((moves, difference), point) in moves.iter_mut().zip(differences).zip(&points.list) {
            let slope = point.right.abs().max(point.down.abs());
            *moves &= difference
                .is_some_and(|value| (value - light).abs() > MOVES.max(MOVES_SLOPE * slope));
        }
        is_compared = true;
    }
    let mut ground = Bitmap::empty(picture.width, picture.height);
    let mut count = 0;
    for (point, _) in points.list.iter().zip(&moves).filter(|(_, moves)| **moves) {
        let (x, y) = (super::align::whole(point.x), super::align::whole(point.y));
        ground.cells[y * ground.width + x] = true;
        count += 1;
    }
    if !is_compared || count < PLACES_MIN {
        return None;
    }
    Some(template(pictures, seed, span, &ground.dilated(2)))
}

/// The places of `ground`, which is of the largest level, at every size.
fn template(pictures: &Pictures<'_>, seed: usize, span: Span, ground: &Bitmap) -> Template {
    let levels = pictures.pyramids[seed].levels.iter().zip(&pictures.covered[seed].levels);
    let levels = (0..).zip(levels).map(|(level, (picture, covered))| {
        let here = Span {
            left: span.left >> level,
            top: span.top >> level,
            right: (span.right >> level).min(picture.width),
            bottom: (span.bottom >> level).min(picture.height),
        };
        let value = |x: usize, y: usize| f32::from(value(picture, x, y));
        let half = (1 << level) / 2;
        Points::of(
            here,
            |x, y| {
                !covered.cells[y * covered.width + x]
                    && ground.has((x << level) + half, (y << level) + half)
            },
            value,
        )
    });
    Template { levels: levels.collect() }
}

fn value(picture: &Picture, x: usize, y: usize) -> u8 {
    picture.samples[y * picture.width + x]
}

/// The motion to each frame, one after the other, up to where the surface is lost.
fn follow(
    pictures: &Pictures<'_>,
    template: &Template,
    seed: usize,
    frames: impl Iterator<Item = usize>,
) -> Vec<Similarity> {
    let mut found: Vec<Similarity> = Vec::new();
    let mut before = seed;
    let mut step = (Similarity::NONE, 1);
    for at in frames {
        let last = found.last().copied().unwrap_or(Similarity::NONE);
        let reach = if found.is_empty() { REACH } else { 2 };
        let frames = pictures.between(before, at);
        let is_good = |fit: &Fit| {
            fit.agreed >= AGREED_MIN && fit.seen >= SEEN_MIN && fit.motion.is_near(last, frames)
        };
        let guess = step.0.times(frames as f64 / step.1 as f64).after(last);
        let fit = pictures.find(template, at, guess, reach).filter(is_good);
        let Some(fit) = fit else { break };
        step = (fit.motion.after(last.inverse()), frames);
        before = at;
        found.push(fit.motion);
    }
    found
}
