//! One background while it is painted, frame by frame.
//!
//! Owns the fine registration: each frame's surroundings of the hole against what has been painted so
//! far, at full size, so that what is averaged lies on itself.

use cleanplate_types::frames::FrameRange;
use cleanplate_types::picture::{PlaneRef, Rect};

use super::align::{Points, whole};
use super::background::{Background, UNSEEN};
use super::course::{Course, between};
use super::holes::Holes;
use super::moment::Moments;
use super::motion::{Motion, Similarity, single};
use super::sheet::{Sheet, doubt, sample};
use super::warp::{Field, Level, on_planes};
use crate::bitmap::{Bitmap, Span};
use crate::sample::Sample;

/// Share of the surroundings that must agree for the fine motion to be taken, and for the light.
const AGREED_MIN: f32 = 0.35;
/// Farthest that the fine motion may move the hole, in luma samples, for each one of the reduction.
const CORRECTION_MAX: f64 = 1.5;
/// Frames that the fine target remembers.
const MEMORY: f32 = 12.0;

/// A background that is being painted.
#[derive(Debug)]
pub(super) struct Board {
    pub(super) course: Course,
    /// The frames that it is painted from.
    pub(super) looks: Vec<u64>,
    /// Frames that have been registered again, and by what each moves the background on itself.
    found: Vec<(u64, Similarity)>,
    sheets: Vec<Sheet>,
    /// Luma as it is known so far, in 8-bit codes, and from how many frames.
    target: Vec<f32>,
    count: Vec<f32>,
    moments: Moments,
}

impl Board {
    pub(super) fn new(holes: &Holes, course: Course, looks: Vec<u64>) -> Self {
        let area = course.area;
        let mut sheets = Vec::new();
        for plane in 0..holes.layout.planes {
            let (width, height) = holes.layout.plane_size(plane, area.width, area.height);
            sheets.push(Sheet::new(width as usize, height as usize));
        }
        let cells = area.width as usize * area.height as usize;
        let sizes: Vec<usize> = sheets.iter().map(|sheet| sheet.width * sheet.height).collect();
        let mut frames = course.frames.start..course.frames.end;
        let hole = holes.hole(course.overlay);
        let is_short = hole.is_some_and(|hole| frames.any(|index| !hole.shows(index)));
        let least = if is_short { 1 } else { 2 };
        let moments = Moments::new(course.serves, course.frames.start, &sizes, least);
        let mut board = Self {
            course,
            looks,
            found: Vec::new(),
            sheets,
            target: vec![0.0; cells],
            count: vec![0.0; cells],
            moments,
        };
        board.want(holes);
        board
    }

    /// Wants the way of the hole and what is around it.
    fn want(&mut self, holes: &Holes) {
        let ring = f64::from(holes.ring());
        let Some(hole) = holes.hole(self.course.overlay) else { return };
        let area = self.course.area;
        let mut last = (f64::INFINITY, f64::INFINITY);
        for index in self.course.serves.start..self.course.serves.end {
            let Some(motion) = self.course.motion(index) else { continue };
            let bounds = hole.bounds(index);
            let middle = (
                f64::from(bounds.x) + f64::from(bounds.width) / 2.0,
                f64::from(bounds.y) + f64::from(bounds.height) / 2.0,
            );
            let half =
                (f64::from(bounds.width) / 2.0 + ring, f64::from(bounds.height) / 2.0 + ring);
            let back = motion.inverse();
            let (x, y) = back.apply(middle.0, middle.1);
            if (x - last.0).abs().max((y - last.1).abs()) < 0.5 {
                continue;
            }
            last = (x, y);
            let (wide, high) = (
                half.0 * back.cos.abs() + half.1 * back.sin.abs() + 1.0,
                half.1 * back.cos.abs() + half.0 * back.sin.abs() + 1.0,
            );
            let (left, top) = (x - f64::from(area.left), y - f64::from(area.top));
            for (plane, sheet) in self.sheets.iter_mut().enumerate() {
                let (right, down) = holes.shifts(plane);
                let at = |place: f64, shift: u32| whole(single(place.max(0.0))) >> shift;
                sheet.want(
                    at(left - wide, right)..at(left + wide, right) + 2,
                    at(top - high, down)..at(top + high, down) + 2,
                );
            }
        }
    }

    pub(super) fn add<S: Sample + Level>(
        &mut self,
        index: u64,
        holes: &Holes,
        planes: &[PlaneRef<'_, S>],
        cover: &[Bitmap],
    ) {
        let Some(rough) = self.course.motion(index) else {
            return;
        };
        let code = 1.0 / f32::from(1_u16 << (holes.layout.depth.clamp(8, 16) - 8));
        let Some(bounds) = holes.hole(self.course.overlay).map(|hole| hole.bounds(index)) else {
            return;
        };
        let fine = self.refine(rough, (holes, bounds), (&planes[0], code), &cover[0]);
        let (motion, light) = fine.unwrap_or((rough, 0.0));
        if fine.is_some() {
            self.found.push((index, rough.inverse().after(motion)));
        }
        self.moments.turn(index);
        for (number, plane) in planes.iter().enumerate() {
            let light = if number == 0 { light } else { 0.0 };
            let shifts = holes.shifts(number);
            self.paint((index, number, plane), (motion, light, code), shifts, &cover[number]);
        }
    }

    /// Moves each frame as those next to it that were registered again were moved.
    fn settle(&mut self) {
        let (looks, moves): (Vec<u64>, Vec<_>) =
            self.found.iter().map(|(index, by)| (*index, Some(*by))).unzip();
        let (Some(first), Some(last)) = (looks.first(), looks.last()) else {
            return;
        };
        let moves = between(&looks, &moves, FrameRange::new(*first, *last + 1));
        for (index, motion) in (self.course.frames.start..).zip(&mut self.course.motions) {
            let at = usize::try_from(index.clamp(*first, *last) - first).unwrap_or(usize::MAX);
            let by = moves.get(at).copied().flatten();
            if let (Some(rough), Some(by)) = (*motion, by) {
                *motion = Some(Motion::from(Similarity::from(rough).after(by)));
            }
        }
    }

    /// The motion by which the hole's surroundings lie on what is known, and what makes the frame as
    /// light as that. (A gain is not told apart from a blur, and would feed on itself.)
    fn refine<S: Level>(
        &self,
        motion: Similarity,
        (holes, bounds): (&Holes, Rect),
        (luma, code): (&PlaneRef<'_, S>, f32),
        cover: &Bitmap,
    ) -> Option<(Similarity, f32)> {
        let span = Span {
            left: bounds.x as usize,
            top: bounds.y as usize,
            right: (bounds.right().min(holes.width)) as usize,
            bottom: (bounds.bottom().min(holes.height)) as usize,
        };
        let span = span.grown(holes.ring() as usize, cover.width, cover.height);
        let points = Points::of(
            span,
            |x, y| !cover.cells[y * cover.width + x],
            |x, y| luma.samples[y * luma.stride + x].level() * code,
        );
        let area = self.course.area;
        let start =
            Similarity::shift(-f64::from(area.left), -f64::from(area.top)).after(motion.inverse());
        let fit = points.descend(start, |x, y| self.look(x, y))?;
        let moved = Similarity::shift(f64::from(area.left), f64::from(area.top)).after(fit.motion);
        let middle = (
            f64::from(bounds.x) + f64::from(bounds.width) / 2.0,
            f64::from(bounds.y) + f64::from(bounds.height) / 2.0,
        );
        let (before, after) =
            (motion.inverse().apply(middle.0, middle.1), moved.apply(middle.0, middle.1));
        let far = (before.0 - after.0).abs().max((before.1 - after.1).abs());
        let limit = CORRECTION_MAX * f64::from(super::picture::reduction(holes.width));
        let is_good = fit.agreed >= AGREED_MIN && fit.seen >= 0.25 && far <= limit;
        is_good.then(|| (moved.inverse(), fit.lighter))
    }

    /// The value of the target between samples, where all four around are known.
    fn look(&self, x: f32, y: f32) -> Option<f32> {
        let (width, height) = (self.sheets[0].width, self.sheets[0].height);
        let (x, y) = (x - 0.5, y - 0.5);
        if !(x >= 0.0 && y >= 0.0 && x < (width - 1) as f32 && y < (height - 1) as f32) {
            return None;
        }
        let (column, row) = (whole(x), whole(y));
        let place = row * width + column;
        let places = [place, place + 1, place + width, place + width + 1];
        if places.iter().any(|place| self.count[*place] < 0.5) {
            return None;
        }
        let [a, b, c, d] = places.map(|place| self.target[place]);
        let (across, along) = (x - column as f32, y - row as f32);
        let (above, below) = (a + (b - a) * across, c + (d - c) * across);
        Some(above + (below - above) * along)
    }

    fn paint<S: Level>(
        &mut self,
        (index, number, plane): (u64, usize, &PlaneRef<'_, S>),
        (motion, light, code): (Similarity, f32, f32),
        shifts: (u32, u32),
        cover: &Bitmap,
    ) {
        let area = self.course.area;
        let to_frame = on_planes(motion, shifts, (area.left, area.top), (0, 0));
        let field = Field {
            width: plane.width as usize,
            height: plane.height as usize,
            stride: plane.stride,
            samples: plane.samples,
        };
        let sheet = &mut self.sheets[number];
        for row in 0..sheet.height {
            for column in 0..sheet.width {
                let at = row * sheet.width + column;
                if !sheet.wants(at) {
                    continue;
                }
                let (x, y) = to_frame.apply(column as f32 + 0.5, row as f32 + 0.5);
                if !(x >= 1.5 && y >= 1.5) {
                    continue;
                }
                let (left, top) = (whole(x - 0.5), whole(y - 0.5));
                if left + 2 >= cover.width || top + 2 >= cover.height {
                    continue;
                }
                if cover.cells[top * cover.width + left]
                    || cover.cells[(top + 1) * cover.width + left + 1]
                {
                    continue;
                }
                let is_due = sheet.takes(at);
                if !is_due && number > 0 && self.moments.is_none() {
                    sheet.pass(at);
                    continue;
                }
                let Some(value) = field.at(x, y) else { continue };
                let value = value * code + light;
                if is_due {
                    sheet.give(at, value);
                } else {
                    sheet.pass(at);
                }
                if !self.moments.is_none() {
                    self.moments.give((number, at), value, index);
                }
                if number == 0 {
                    let count = (self.count[at] + 1.0).min(MEMORY);
                    self.count[at] = count;
                    self.target[at] += (value - self.target[at]) / count;
                }
            }
        }
    }

    /// What was painted; `None` where no frame shows anything of what the overlay hides.
    pub(super) fn finish(mut self, depth: u8) -> Option<Background> {
        self.settle();
        let means =
            |sheet: &Sheet| (0..sheet.width * sheet.height).map(|at| sheet.mean(at)).collect();
        let found: Vec<Vec<Option<(f32, f32)>>> = self.sheets.iter().map(means).collect();
        let plane = |found: &Vec<Option<(f32, f32)>>| {
            found.iter().map(|found| found.map_or(0, |(mean, _)| sample(mean, depth))).collect()
        };
        let planes = found.iter().map(plane).collect();
        let luma = found.first()?.iter();
        let doubt = luma.map(|found| found.map_or(UNSEEN, |(_, spread)| doubt(spread))).collect();
        let moments = self.moments.finish(depth, &found);
        Some(Background::of(&self.course, planes, doubt, moments))
    }
}
