//! The motion of each frame of a shot against the shot's first picture.
//!
//! Owns the key pictures. A frame is registered on the oldest key picture that still shows enough of
//! its view, so that errors add up from key to key only and not from frame to frame. A frame on which
//! nothing fits has no motion. Frames are counted as they were looked at; those between are not spoken of.

use std::ops::Range;
use std::rc::Rc;

use super::align::{Fit, Template};
use super::motion::Similarity;
use super::picture::{Covered, Pyramid};

/// Key pictures of a shot.
const KEYS_MAX: usize = 48;
/// The oldest key picture of which this share is predicted to be in view is used; where the best has
/// less than the second, the frame becomes one.
const IN_VIEW: f32 = 0.75;
const IN_VIEW_MIN: f32 = 0.6;
/// Share of the seen places that must agree.
const AGREED_MIN: f32 = 0.4;
/// Frames in a row without a motion that end a shot.
const LOST_MAX: usize = 6;
/// How far the first guess may be off, in samples of the coarsest level, and where that fails.
const REACH: i32 = 2;
const REACH_LOST: i32 = 7;

/// The pictures that were looked at in a window, their frames, and what is covered of each.
#[derive(Debug)]
pub(super) struct Pictures<'a> {
    pub(super) indices: &'a [u64],
    pub(super) pyramids: &'a [Pyramid],
    pub(super) covered: &'a [Rc<Covered>],
}

/// A picture that others are registered on.
#[derive(Debug)]
struct Key {
    at: usize,
    template: Template,
    /// From the shot's first picture to this one.
    motion: Similarity,
}

/// A shot that is being followed.
#[derive(Debug)]
struct Chain<'a> {
    pictures: &'a Pictures<'a>,
    keys: Vec<Key>,
    last: (usize, Similarity),
    /// The last step, and over how many frames it went.
    step: (Similarity, u64),
}

/// The motion of each frame of a shot, up to where the shot is lost; at least one. `done` is told after each.
pub(super) fn chain(
    pictures: &Pictures<'_>,
    shot: Range<usize>,
    done: &mut impl FnMut(),
) -> Vec<Option<Similarity>> {
    let first = (shot.start, Similarity::NONE);
    let step = (Similarity::NONE, 1);
    let mut chain = Chain { pictures, keys: Vec::new(), last: first, step };
    chain.keys.push(chain.key(first));
    let mut motions = vec![Some(Similarity::NONE)];
    for at in shot.start + 1..shot.end {
        motions.push(chain.follow(at));
        done();
        if at - chain.last.0 == LOST_MAX {
            motions.truncate(chain.last.0 + 1 - shot.start);
            break;
        }
    }
    motions
}

/// Whether the second picture can be registered on the first.
pub(super) fn fits(pictures: &Pictures<'_>, first: usize, second: usize) -> bool {
    let template = Template::of(&pictures.pyramids[first], &pictures.covered[first]);
    let fit = pictures.find(&template, second, Similarity::NONE, REACH_LOST);
    fit.is_some_and(|fit| is_good(&fit))
}

fn is_good(fit: &Fit) -> bool {
    fit.agreed >= AGREED_MIN
}

impl Pictures<'_> {
    pub(super) fn find(
        &self,
        template: &Template,
        at: usize,
        guess: Similarity,
        reach: i32,
    ) -> Option<Fit> {
        template.find(&self.pyramids[at], &self.covered[at], guess, reach)
    }

    /// Frames from one picture to another, at least one.
    pub(super) fn between(&self, one: usize, other: usize) -> u64 {
        self.indices[one].abs_diff(self.indices[other]).max(1)
    }

    /// The share of a template that lies in the picture where it is moved so.
    fn in_view(&self, template: &Template, motion: Similarity) -> f32 {
        let (Some(points), Some(picture)) = (template.levels.first(), self.pyramids.first()) else {
            return 0.0;
        };
        let (width, height) = (picture.levels[0].width as f64, picture.levels[0].height as f64);
        let inside = points.list.iter().step_by(16).filter(|point| {
            let (x, y) = motion.apply(f64::from(point.x), f64::from(point.y));
            (0.0..width).contains(&x) && (0.0..height).contains(&y)
        });
        inside.count() as f32 / points.list.len().div_ceil(16).max(1) as f32
    }
}

impl Chain<'_> {
    fn key(&self, (at, motion): (usize, Similarity)) -> Key {
        let template = Template::of(&self.pictures.pyramids[at], &self.pictures.covered[at]);
        Key { at, template, motion }
    }

    /// The motion of the next frame.
    fn follow(&mut self, at: usize) -> Option<Similarity> {
        let is_next = self.last.0 + 1 == at;
        let frames = self.pictures.between(self.last.0, at);
        let step = self.step.0.times(frames as f64 / self.step.1 as f64);
        let guess = if is_next { step.after(self.last.1) } else { self.last.1 };
        let (chosen, view) = self.choose(guess);
        let found = self.place(&self.keys[chosen], at, guess, REACH);
        let found = match found.or_else(|| self.place(&self.keys[chosen], at, guess, REACH_LOST)) {
            Some(found) => found,
            None if self.keys[chosen].at == self.last.0 || self.keys.len() == KEYS_MAX => {
                return None;
            }
            None => {
                // From the last known frame, which is a key picture from here on.
                let fresh = self.key(self.last);
                let found = self.place(&fresh, at, self.last.1, REACH_LOST)?;
                self.keys.push(fresh);
                found
            }
        };
        let step = if is_next { found.after(self.last.1.inverse()) } else { Similarity::NONE };
        self.step = (step, frames);
        self.last = (at, found);
        if view < IN_VIEW_MIN && self.keys.len() < KEYS_MAX {
            let fresh = self.key(self.last);
            self.keys.push(fresh);
        }
        Some(found)
    }

    /// The key picture to register a frame on that is guessed to lie there, and its share in view.
    fn choose(&self, guess: Similarity) -> (usize, f32) {
        let mut best = (0, 0.0);
        for (number, key) in self.keys.iter().enumerate() {
            let view = self.pictures.in_view(&key.template, guess.after(key.motion.inverse()));
            if view >= IN_VIEW {
                return (number, view);
            }
            if view >= best.1 {
                best = (number, view);
            }
        }
        best
    }

    /// Where the shot's first picture lies in the frame, by way of a key picture.
    fn place(&self, key: &Key, at: usize, guess: Similarity, reach: i32) -> Option<Similarity> {
        let guess = guess.after(key.motion.inverse());
        let fit = self.pictures.find(&key.template, at, guess, reach)?;
        let motion = fit.motion.after(key.motion);
        let frames = self.pictures.between(self.last.0, at);
        (is_good(&fit) && motion.is_near(self.last.1, frames)).then_some(motion)
    }
}
