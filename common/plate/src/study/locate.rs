//! Where a known logo is in each frame of a window.
//!
//! Owns the search: over the whole reduced picture while nothing is known, around the last place after that,
//! down to sixteenths of a sample. Gives sightings with their evidence and decides nothing: what one frame
//! cannot tell, its neighbours can. Keeps the luma of the last few frames, to follow a logo back that was
//! found late.

use std::collections::{BTreeMap, VecDeque};

use cleanplate_types::picture::{PlaneRef, PlanesRef};
use serde::{Deserialize, Serialize};

use super::template::{Ink, Luma, Roughness, Template};
use crate::mattes::{PLACE_ONE, Place, SCALE_ONE};
use crate::sample::Sample;

/// Evidence, in nats, from which a place that was searched for over the whole picture is believed, and one
/// beside the last.
pub(super) const FOUND: f32 = 30.0;
pub(super) const KEPT: f32 = 8.0;
/// Scales that are searched: from half the size to twice, each this much larger than the last.
const SCALE_MAX: f64 = 2.0;
const SCALE_STEP: f64 = 1.08;
const SCALE_PARTS: i32 = 16;
/// Scales that are searched in one frame, beside the last known one.
const SCALES_A_FRAME: usize = 4;
/// Frames kept to be looked at again; all scales are searched in fewer.
const REMEMBERED: usize = 8;
/// Bytes of luma that are kept of them at most.
const REMEMBERED_BYTES: usize = 16 << 20;
/// Once this many frames were searched in vain, one in so many is.
const PATIENCE: u64 = 12;
const RARELY: u64 = 6;
/// Shorter side of the logo in the reduced picture, and that picture's width, at least.
const SIDE_MIN: u32 = 20;
const WIDTH_MIN: u32 = 256;
/// Scales that are followed.
const SCALES: (i32, i32) = (400, 2400);
/// Pairs that are compared: over the whole picture, around a place, and to tell.
const PAIRS_SEARCH: usize = 160;
const PAIRS_NEAR: usize = 256;
const PAIRS_TELL: usize = 1024;
/// Places of the reduced picture that are looked at more closely.
const PEAKS: usize = 5;
/// Samples around the foreseen place that are searched.
const NEAR: i32 = 5;
/// Templates that are kept.
const TEMPLATES_MAX: usize = 96;

/// Where a logo seems to be in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sighting {
    pub(super) index: u64,
    pub(super) place: Place,
    /// How much likelier the frame is with the logo there than without, in sixteenths of a nat.
    pub(super) gain: i32,
}

/// Looks for one logo in the frames of a window.
#[derive(Debug)]
pub(super) struct Locator {
    ink: Ink,
    depth: u8,
    factor: usize,
    scales: Vec<u16>,
    /// The scale that is searched next.
    turn: usize,
    last: Option<Place>,
    /// How far the place moved from the frame before the last.
    pace: (i32, i32),
    /// Frames since it was seen.
    lost: u64,
    /// The evidence of the last frame that showed it.
    usual: i32,
    remembered: VecDeque<(u64, Vec<u8>)>,
    sightings: BTreeMap<u64, Sighting>,
    templates: BTreeMap<(u16, i32, i32, usize), Template>,
}

/// A frame with what is compared in it.
struct Scene<'a> {
    luma: &'a Luma,
    roughness: Roughness,
}

impl Locator {
    /// A locator of a logo in frames of that width and depth.
    pub(super) fn new(ink: &Ink, width: u32, depth: u8) -> Self {
        let side = ink.width.min(ink.height);
        let mut factor = 1;
        while factor < 8 && side / (factor * 2) >= SIDE_MIN && width / factor > WIDTH_MIN {
            factor *= 2;
        }
        let mut scales = vec![1.0];
        let (mut more, mut less) = (SCALE_STEP, 1.0 / SCALE_STEP);
        while more <= SCALE_MAX {
            scales.extend([more, less]);
            more *= SCALE_STEP;
            less /= SCALE_STEP;
        }
        Self {
            ink: ink.clone(),
            depth,
            factor: factor as usize,
            scales: scales.into_iter().map(|scale| parts(scale * f64::from(SCALE_ONE))).collect(),
            turn: 0,
            last: None,
            pace: (0, 0),
            lost: 0,
            usual: 0,
            remembered: VecDeque::new(),
            sightings: BTreeMap::new(),
            templates: BTreeMap::new(),
        }
    }

    /// Looks at a frame.
    pub(super) fn add(&mut self, index: u64, planes: &PlanesRef<'_>) {
        let samples = match planes {
            PlanesRef::Eight(planes) => planes.first().map(|plane| bytes(plane, self.depth)),
            PlanesRef::Sixteen(planes) => planes.first().map(|plane| bytes(plane, self.depth)),
        };
        let Some((width, samples)) = samples else { return };
        let luma = luma(width, &samples);
        let scene = Scene { roughness: luma.roughness(), luma: &luma };
        let sighting = self.follow(index, &scene);
        if sighting.gain >= nats(KEPT).max(self.usual / 2) {
            self.believe(sighting);
        } else if sighting.gain >= nats(KEPT) {
            // It may have jumped, or grown, to where some of it still fits.
            let other = self.search(index, &scene).filter(|other| other.gain > sighting.gain);
            self.lost = u64::from(other.is_some());
            self.believe(other.unwrap_or(sighting));
        } else {
            self.lost += 1;
            let is_due = self.lost <= PATIENCE || self.lost.is_multiple_of(RARELY);
            if let Some(found) = if is_due { self.search(index, &scene) } else { None } {
                self.believe(found);
                self.go_back(found.place, width);
            } else if self.last.is_some() {
                self.sightings.insert(index, sighting);
            }
        }
        self.remembered.push_back((index, samples));
        let size = self.remembered.back().map_or(1, |(_, samples)| samples.len().max(1));
        while self.remembered.len() > REMEMBERED.min(REMEMBERED_BYTES / size) {
            self.remembered.pop_front();
        }
    }

    /// Where it was seen, frames rising.
    pub(super) fn finish(self) -> Vec<Sighting> {
        self.sightings.into_values().collect()
    }

    fn believe(&mut self, sighting: Sighting) {
        if let Some(last) = self.last.filter(|_| self.lost == 0) {
            self.pace = (sighting.place.x - last.x, sighting.place.y - last.y);
        } else {
            self.pace = (0, 0);
        }
        self.last = Some(sighting.place);
        self.lost = 0;
        self.usual = sighting.gain;
        self.sightings.insert(sighting.index, sighting);
    }

    /// Looks where the logo should be by the frames before.
    fn follow(&mut self, index: u64, scene: &Scene<'_>) -> Sighting {
        let Some(last) = self.last else {
            let place = Place { x: 0, y: 0, scale: SCALE_ONE };
            return Sighting { index, place, gain: i32::MIN };
        };
        let foreseen = Place { x: last.x + self.pace.0, y: last.y + self.pace.1, ..last };
        self.settle(index, scene, foreseen, NEAR)
    }

    /// Follows the logo back from `place` through the frames before, until it does not show.
    fn go_back(&mut self, place: Place, width: usize) {
        let mut place = place;
        for at in (0..self.remembered.len()).rev() {
            let index = self.remembered[at].0;
            if self.sightings.get(&index).is_some_and(|seen| seen.gain >= nats(KEPT)) {
                break;
            }
            let luma = luma(width, &self.remembered[at].1);
            let scene = Scene { roughness: luma.roughness(), luma: &luma };
            let sighting = self.settle(index, &scene, place, NEAR);
            if sighting.gain < nats(KEPT) {
                break;
            }
            self.sightings.insert(index, sighting);
            place = sighting.place;
        }
    }

    /// Searches all of the picture, at the last known scale and some others.
    fn search(&mut self, index: u64, scene: &Scene<'_>) -> Option<Sighting> {
        let reduced = scene.luma.reduced(self.factor);
        let roughness = reduced.roughness();
        let mut scales: Vec<u16> = self.last.iter().map(|last| last.scale).collect();
        for _ in 0..SCALES_A_FRAME.min(self.scales.len()) {
            scales.push(self.scales[self.turn % self.scales.len()]);
            self.turn += 1;
        }
        let mut peaks: Vec<(f32, Place)> = Vec::new();
        let unit = whole(self.factor);
        for scale in scales {
            let small = u16::try_from(i32::from(scale) / unit).unwrap_or(SCALE_ONE);
            let place = Place { x: 0, y: 0, scale: small };
            let template = self.template(place, PAIRS_SEARCH);
            let Some(((left, top), columns, gains)) = template.gains(&reduced, roughness) else {
                continue;
            };
            for (at, gain) in highest(&gains, columns) {
                let (x, y) = (left + whole(at % columns), top + whole(at / columns));
                let place = Place { x: x * unit * PLACE_ONE, y: y * unit * PLACE_ONE, scale };
                peaks.push((gain, place));
            }
        }
        peaks.sort_by(|a, b| b.0.total_cmp(&a.0));
        let settled = peaks.into_iter().take(PEAKS);
        let settled = settled.map(|(_, place)| self.settle(index, scene, place, unit + 2));
        let found = settled.max_by_key(|sighting| sighting.gain);
        let found = found.filter(|found| found.gain >= nats(FOUND))?;
        Some(self.climb(scene, found))
    }

    /// Tries the next scales, as long as they are better: some of a logo fits at another scale, too.
    fn climb(&mut self, scene: &Scene<'_>, mut found: Sighting) -> Sighting {
        for _ in 0..self.scales.len() {
            let step = i32::from(found.place.scale) / SCALE_PARTS;
            let size = (self.ink.width, self.ink.height);
            let next = [step, -step]
                .map(|by| self.settle(found.index, scene, stretched(found.place, by, size), NEAR));
            match next.into_iter().max_by_key(|other| other.gain) {
                Some(next) if next.gain > found.gain => found = next,
                Some(_) | None => break,
            }
        }
        found
    }

    /// The best place within `near` samples of `place`, to a sixteenth, and with about its scale.
    fn settle(&mut self, index: u64, scene: &Scene<'_>, place: Place, near: i32) -> Sighting {
        let mut best = (f32::MIN, place);
        let corner = |at: i32| (at + PLACE_ONE / 2).div_euclid(PLACE_ONE) * PLACE_ONE;
        let start = Place { x: corner(place.x), y: corner(place.y), ..place };
        let coarse = self.template(start, PAIRS_NEAR).clone();
        for (dx, dy) in square(near) {
            let moved = Place { x: start.x + dx * PLACE_ONE, y: start.y + dy * PLACE_ONE, ..start };
            let gain = coarse.gain(scene.luma, scene.roughness, pixel(moved));
            if gain > best.0 {
                best = (gain, moved);
            }
        }
        best.0 = self.gain(scene, best.1);
        // Steps in both directions and in size, each half of the last.
        let size = self.ink.width.max(self.ink.height).max(1);
        let mut stretch = i32::from(SCALE_ONE) / i32::try_from(size).unwrap_or(i32::MAX);
        stretch = (stretch * 2).max(1);
        for step in [8, 4, 2, 1] {
            for _ in 0..2 {
                let before = best.1;
                for (dx, dy) in [(step, 0), (-step, 0), (0, step), (0, -step)] {
                    self.improve(scene, &mut best, |at| Place { x: at.x + dx, y: at.y + dy, ..at });
                }
                for by in [stretch, -stretch] {
                    let (width, height) = (self.ink.width, self.ink.height);
                    self.improve(scene, &mut best, |at| stretched(at, by, (width, height)));
                }
                if best.1 == before {
                    break;
                }
            }
            stretch = (stretch / 2).max(1);
        }
        Sighting { index, place: best.1, gain: nats(best.0) }
    }

    fn improve(
        &mut self,
        scene: &Scene<'_>,
        best: &mut (f32, Place),
        change: impl FnOnce(Place) -> Place,
    ) {
        let place = change(best.1);
        let gain = self.gain(scene, place);
        if gain > best.0 {
            *best = (gain, place);
        }
    }

    fn gain(&mut self, scene: &Scene<'_>, place: Place) -> f32 {
        self.template(place, PAIRS_TELL).gain(scene.luma, scene.roughness, pixel(place))
    }

    fn template(&mut self, place: Place, count: usize) -> &Template {
        let phase = |at: i32| at.rem_euclid(PLACE_ONE);
        let key = (place.scale, phase(place.x), phase(place.y), count);
        if self.templates.len() >= TEMPLATES_MAX && !self.templates.contains_key(&key) {
            self.templates.clear();
        }
        let ink = &self.ink;
        self.templates.entry(key).or_insert_with(|| ink.template(place, count))
    }
}

/// The place with the scale changed by `by` about the logo's middle.
fn stretched(at: Place, by: i32, (width, height): (u32, u32)) -> Place {
    let scale = (i32::from(at.scale) + by).clamp(SCALES.0, SCALES.1);
    let by = i64::from(scale - i32::from(at.scale));
    let shift = |side: u32| {
        let all = by * i64::from(side) * i64::from(PLACE_ONE) / (2 * i64::from(SCALE_ONE));
        i32::try_from(all).unwrap_or(0)
    };
    let scale = u16::try_from(scale).unwrap_or(at.scale);
    Place { x: at.x - shift(width), y: at.y - shift(height), scale }
}

/// The sample that the corner lies in.
fn pixel(place: Place) -> (i32, i32) {
    (place.x.div_euclid(PLACE_ONE), place.y.div_euclid(PLACE_ONE))
}

/// The highest gains that are the highest of their neighbours, at most [`PEAKS`].
fn highest(gains: &[f32], columns: usize) -> Vec<(usize, f32)> {
    let rows = gains.len() / columns.max(1);
    let mut peaks: Vec<(usize, f32)> = Vec::new();
    for (at, gain) in gains.iter().enumerate() {
        if *gain <= 0.0 || peaks.len() == PEAKS && peaks[PEAKS - 1].1 >= *gain {
            continue;
        }
        let (x, y) = (at % columns, at / columns);
        let mut around = (y.saturating_sub(1)..(y + 2).min(rows)).flat_map(|v| {
            (x.saturating_sub(1)..(x + 2).min(columns)).map(move |u| v * columns + u)
        });
        if around.all(|other| gains[other] <= *gain) {
            peaks.push((at, *gain));
            peaks.sort_by(|a, b| b.1.total_cmp(&a.1));
            peaks.truncate(PEAKS);
        }
    }
    peaks
}

fn square(radius: i32) -> impl Iterator<Item = (i32, i32)> {
    (-radius..=radius).flat_map(move |y| (-radius..=radius).map(move |x| (x, y)))
}

/// The samples of a plane as 8-bit codes, with their width.
fn bytes<S: Sample>(plane: &PlaneRef<'_, S>, depth: u8) -> (usize, Vec<u8>) {
    let width = plane.width as usize;
    let shift = depth.saturating_sub(8);
    let mut samples = Vec::with_capacity(width * plane.height as usize);
    for row in plane.samples.chunks(plane.stride.max(1)).take(plane.height as usize) {
        let byte = |sample: &S| u8::try_from(sample.wide() >> shift).unwrap_or(u8::MAX);
        samples.extend(row.iter().take(width).map(byte));
    }
    samples.resize(width * plane.height as usize, 0);
    (width, samples)
}

fn luma(width: usize, samples: &[u8]) -> Luma {
    let height = samples.len() / width.max(1);
    Luma { width, height, samples: samples.iter().map(|sample| f32::from(*sample)).collect() }
}

/// Nats in sixteenths.
#[expect(clippy::cast_possible_truncation, reason = "cut to what a few thousand pairs can say")]
pub(super) fn nats(gain: f32) -> i32 {
    (gain.clamp(-1e6, 1e6) * 16.0) as i32
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "scales lie between a half and two"
)]
fn parts(scale: f64) -> u16 {
    (scale + 0.5) as u16
}

fn whole(at: usize) -> i32 {
    i32::try_from(at).unwrap_or(i32::MAX)
}
