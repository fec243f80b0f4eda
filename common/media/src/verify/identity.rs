//! Whether each frame of the output shows its own picture, and not that of a frame near it.
//!
//! Owns small pictures of the luma outside the mask, and the rule by which one is another frame's: what the
//! output's frame differs in from its own must be what that other frame differs in, but for a rest. An
//! encoder's loss has no such direction, and what was removed stays in the rest. Refuses to judge where
//! frames look alike: one that stands for its equal is no loss. Where two frames differ in a small place
//! alone it says so: a caption that was removed there makes one frame of a still scene its neighbour's equal.

use std::collections::VecDeque;

use cleanplate_types::picture::{PlaneRef, PlanesRef};

use super::kept::PlaneKept;

/// Frames before and after its own among which a picture is looked for. The small pictures of twice as many
/// of the source and as many of the output are kept: 64 KiB each at most.
pub(super) const REACH: usize = 8;

/// Cells along the longer side of a small picture.
const CELLS_MAX: usize = 64;

/// Samples along the side of a cell, at least: a smaller one would be mostly noise.
const SIDE_MIN: usize = 4;

/// Levels of 8 bits by which at least one cell of two frames must differ, so that they are told apart.
const PEAK_MIN: f64 = 4.0;

/// How much of the way from its own picture to another one a frame must have gone.
const SHARE_MIN: f64 = 0.75;

/// How much of its distance from its own picture a frame may be away from the other one: a square.
const LEFT_MAX: f64 = 0.5;

/// Levels of 8 bits by which the cells differ between whose outermost the place of a difference lies.
const PLACE_MIN: f64 = 1.0;

/// How many standard errors of the rest that way must be long.
const ERRORS_MIN: f64 = 8.0;

/// A small picture: the mean of the samples of each cell that are compared, in levels of 8 bits.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Small {
    cells: Vec<Cell>,
    across: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Cell {
    level: f64,
    /// Samples that are compared; where two pictures have other ones, the cell is passed over.
    samples: u32,
}

impl Small {
    /// The small picture of the luma of `planes`.
    pub(super) fn of(planes: &PlanesRef<'_>, kept: &PlaneKept, depth: u8) -> Self {
        match planes {
            PlanesRef::Eight(planes) => Self::of_plane(planes.first(), kept, depth),
            PlanesRef::Sixteen(planes) => Self::of_plane(planes.first(), kept, depth),
        }
    }

    fn of_plane<S: Copy + Into<u32>>(
        plane: Option<&PlaneRef<'_, S>>,
        kept: &PlaneKept,
        depth: u8,
    ) -> Self {
        let Some(plane) = plane else { return Self { cells: Vec::new(), across: 1 } };
        let (width, height) = (plane.width as usize, plane.height as usize);
        let side = width.max(height).div_ceil(CELLS_MAX).max(SIDE_MIN);
        let across = width.div_ceil(side);
        let mut sums = vec![(0_u64, 0_u32); across * height.div_ceil(side)];
        for (y, spans) in kept.rows().enumerate().take(height) {
            let row = &plane.samples[y * plane.stride..][..width];
            let cells = &mut sums[y / side * across..][..across];
            for span in spans {
                let mut x = span.start;
                while x < span.end {
                    let end = (x / side * side + side).min(span.end);
                    let (sum, samples) = &mut cells[x / side];
                    *sum += row[x..end].iter().map(|one| u64::from((*one).into())).sum::<u64>();
                    *samples += u32::try_from(end - x).unwrap_or(0);
                    x = end;
                }
            }
        }
        let scale = f64::from(1_u32 << depth.saturating_sub(8));
        let cell = |(sum, samples): (u64, u32)| Cell {
            level: sum as f64 / f64::from(samples.max(1)) / scale,
            samples,
        };
        Self { cells: sums.into_iter().map(cell).collect(), across: across.max(1) }
    }

    /// How far `self`, which should be `own`, is from `other`, where it is that one: a sum of squares.
    fn is_rather(&self, own: &Self, other: &Self) -> Option<f64> {
        let (mut way, mut along, mut off, mut peak) = (0.0_f64, 0.0_f64, 0.0_f64, 0.0_f64);
        let mut cells = 0_u32;
        for ((shown, own), other) in self.cells.iter().zip(&own.cells).zip(&other.cells) {
            if own.samples == 0 || own.samples != other.samples || own.samples != shown.samples {
                continue;
            }
            let step = other.level - own.level;
            let by = shown.level - own.level;
            way += step * step;
            along += step * by;
            off += by * by;
            peak = peak.max(step.abs());
            cells += 1;
        }
        if peak < PEAK_MIN || cells < 2 {
            return None;
        }
        let share = along / way;
        let rest = (off - share * along).max(0.0) / f64::from(cells - 1);
        let is_clear = share * share * way >= ERRORS_MIN * ERRORS_MIN * rest;
        let left = off - 2.0 * along + way;
        (share >= SHARE_MIN && is_clear && left <= LEFT_MAX * off).then_some(left)
    }

    /// Whether `self` and `other` differ over more than half of the width and of the height.
    fn differs_widely(&self, other: &Self) -> bool {
        let pairs = self.cells.iter().zip(&other.cells).enumerate();
        let differing = pairs.filter(|(_, (one, other))| {
            one.samples == other.samples && (one.level - other.level).abs() >= PLACE_MIN
        });
        let places = differing.map(|(place, _)| (place % self.across, place / self.across));
        let (wide, high): (Vec<usize>, Vec<usize>) = places.unzip();
        let length = |all: &[usize]| {
            let ends = all.iter().min().zip(all.iter().max());
            ends.map_or(0, |(first, last)| last - first + 1)
        };
        let down = self.cells.len() / self.across;
        2 * length(&wide) > self.across && 2 * length(&high) > down
    }
}

/// A frame that shows the picture of another one, by their indices in the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stray {
    pub(super) index: usize,
    pub(super) shows: usize,
    /// Whether nothing else explains it: the two differ all over, and not in a place where something may have
    /// been removed; or frames have changed places with one another.
    pub(super) is_sure: bool,
}

/// The frames of both files in order, as far as they are needed.
#[derive(Debug, Default)]
pub(super) struct Watch {
    source: VecDeque<(usize, Small)>,
    shown: VecDeque<(usize, Small)>,
    /// Frames that show another one's picture, until all are judged that may have changed places with them.
    found: VecDeque<Stray>,
}

impl Watch {
    /// Takes the next frame of the source, and what the output shows for it where that is another picture.
    pub(super) fn take(&mut self, index: usize, source: Small, shown: Option<Small>) -> Vec<Stray> {
        self.source.push_back((index, source));
        self.shown.extend(shown.map(|shown| (index, shown)));
        self.settle(|waiting| waiting + REACH <= index);
        self.give(|found| found + 3 * REACH < index)
    }

    /// Both files have ended.
    pub(super) fn finish(&mut self) -> Vec<Stray> {
        self.settle(|_| true);
        self.give(|_| true)
    }

    /// Gives away what nothing that comes changes any more.
    fn give(&mut self, is_old: impl Fn(usize) -> bool) -> Vec<Stray> {
        let count = self.found.iter().take_while(|found| is_old(found.index)).count();
        self.found.drain(..count).collect()
    }

    fn settle(&mut self, is_due: impl Fn(usize) -> bool) {
        while self.shown.front().is_some_and(|(index, _)| is_due(*index)) {
            let Some((index, shown)) = self.shown.pop_front() else { break };
            if let Some(found) = self.best(index, &shown) {
                self.found.push_back(found);
                self.close_circle(found);
            }
        }
        let newest = self.source.back().map_or(0, |(index, _)| *index);
        let oldest = self.shown.front().map_or(newest, |(index, _)| *index);
        while self.source.front().is_some_and(|(index, _)| index + REACH < oldest) {
            self.source.pop_front();
        }
    }

    /// Frames that show one another's pictures in a circle have changed places: what was removed makes frames
    /// look like those that never had it, and those are their own.
    fn close_circle(&mut self, last: Stray) {
        let mut circle = vec![last.index];
        let mut next = last.shows;
        while next != last.index {
            let Some(found) = self.found.iter().find(|found| found.index == next) else { return };
            if circle.len() > REACH || circle.contains(&next) {
                return;
            }
            circle.push(next);
            next = found.shows;
        }
        for found in self.found.iter_mut().filter(|found| circle.contains(&found.index)) {
            found.is_sure = true;
        }
    }

    /// The other frame that `shown`, which should be frame `index`, shows.
    fn best(&self, index: usize, shown: &Small) -> Option<Stray> {
        let (_, own) = self.source.iter().find(|(one, _)| *one == index)?;
        let near =
            self.source.iter().filter(|(one, _)| *one != index && one.abs_diff(index) <= REACH);
        let rivals = near.filter_map(|(one, other)| {
            let left = shown.is_rather(own, other)?;
            Some((left, *one, other))
        });
        let (_, shows, other) = rivals.min_by(|(one, ..), (other, ..)| one.total_cmp(other))?;
        Some(Stray { index, shows, is_sure: own.differs_widely(other) })
    }
}

#[cfg(test)]
mod tests {
    use cleanplate_types::picture::{PixelLayout, Rect};

    use super::super::kept::Kept;
    use super::*;

    const WIDTH: u32 = 64;

    fn layout() -> PixelLayout {
        PixelLayout {
            name: "gray".to_owned(),
            depth: 8,
            planes: 1,
            chroma_shift_x: 0,
            chroma_shift_y: 0,
            full_range: false,
        }
    }

    /// A square of 12 by 12 that has gone `at` samples to the right, over noise of its own.
    fn small(at: u32, noise: u32, covered: Option<Rect>) -> Small {
        let sample = |place: u32| {
            let (x, y) = (place % WIDTH, place / WIDTH);
            let inside = (at..at + 12).contains(&x) && (20..32).contains(&y);
            let shade = if inside { 180 } else { 60 + x / 2 };
            let own = (place.wrapping_mul(2_654_435_761) >> 16).wrapping_mul(noise + 1) >> 8;
            u8::try_from(shade + own % (noise + 1)).unwrap()
        };
        let samples: Vec<u8> = (0..WIDTH * WIDTH).map(sample).collect();
        let plane = PlaneRef { samples: &samples, stride: 64, width: WIDTH, height: WIDTH };
        let shapes: Vec<_> = covered.into_iter().map(Into::into).collect();
        let kept = Kept::new(&layout(), (WIDTH, WIDTH), &shapes);
        Small::of(&PlanesRef::Eight(vec![plane]), &kept.planes[0], 8)
    }

    /// What is found where frame `index` of the output shows the square where `shown` says; and whether that is
    /// sure.
    fn watch(shown: &[u32], noise: u32) -> Vec<(usize, usize, bool)> {
        let mut watch = Watch::default();
        let mut found = Vec::new();
        for (index, at) in (0_u32..).zip(shown) {
            let (place, source) = (index as usize, small(index, 0, None));
            found.extend(watch.take(place, source, Some(small(*at, noise, None))));
            assert!(watch.source.len() <= 2 * REACH + 1 && watch.shown.len() <= REACH);
        }
        found.extend(watch.finish());
        found.into_iter().map(|one| (one.index, one.shows, one.is_sure)).collect()
    }

    #[test]
    fn frames_in_their_order_are_their_own_whatever_an_encoder_loses() {
        let shown: Vec<u32> = (0..30).collect();
        assert_eq!(watch(&shown, 0), []);
        assert_eq!(watch(&shown, 24), []);
    }

    #[test]
    fn frames_that_changed_places_or_stand_for_another_are_named() {
        let mut shown: Vec<u32> = (0..30).collect();
        shown.swap(10, 11);
        shown[20] = 24;
        let expected = [(10, 11, true), (11, 10, true), (20, 24, false)];
        for noise in [0, 6] {
            assert_eq!(watch(&shown, noise), expected, "{noise}");
        }
        shown[27..].copy_from_slice(&[29, 27, 28]);
        let circle = [(27, 29, true), (28, 27, true), (29, 28, true)];
        assert_eq!(watch(&shown, 0)[3..], circle, "the last ones are judged too");
    }

    #[test]
    fn what_is_removed_from_a_still_scene_is_no_frame_that_changed_places() {
        let mut watch = Watch::default();
        let (plain, marked) = (small(0, 0, None), small(40, 0, None));
        let mut found = Vec::new();
        for index in 0..20 {
            // From frame 10 on the source has a mark elsewhere, and the output never has.
            let source = if index < 10 { plain.clone() } else { marked.clone() };
            found.extend(watch.take(index, source, Some(plain.clone())));
        }
        found.extend(watch.finish());
        assert!(!found.is_empty() && found.iter().all(|one| !one.is_sure), "{found:?}");
    }

    #[test]
    fn frames_that_differ_in_one_place_alone_are_told_from_those_that_differ_all_over() {
        let one = small(5, 0, None);
        assert!(!one.differs_widely(&small(9, 0, None)), "a square that moves by a little");
        let brighter = Small {
            cells: one.cells.iter().map(|cell| Cell { level: cell.level + 5.0, ..*cell }).collect(),
            ..one
        };
        assert!(brighter.differs_widely(&small(5, 0, None)));
    }

    #[test]
    fn what_is_under_the_mask_tells_nothing() {
        let covered = Some(Rect { x: 0, y: 16, width: 64, height: 20 });
        let (own, other) = (small(5, 0, covered), small(9, 0, covered));
        assert_eq!(other.is_rather(&own, &small(9, 0, covered)), None);
        let (own, other) = (small(5, 0, None), small(9, 0, None));
        assert!(other.is_rather(&own, &small(9, 0, None)).is_some());
    }
}
