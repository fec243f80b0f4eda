//! The second pass over a window: the backgrounds of its courses, painted from some of the frames.
//!
//! Owns the choice of those frames, and the fine registration: each frame's surroundings of the hole against what has been painted so
//! far, at full size, so that what is averaged lies on itself. A background holds 20 bytes a sample
//! of each plane while it is painted: at most 60 MB at 4:2:0, of which the ones of one shot and
//! overlay follow one another.

use cleanplate_types::frames::FrameRange;
use cleanplate_types::overlay::OverlayPlan;
use cleanplate_types::picture::{PixelLayout, PlaneRef, PlanesRef, Rect};

use super::FetchError;
use super::align::{Points, whole};
use super::background::{Background, UNSEEN};
use super::course::{Course, between};
use super::holes::{Active, Holes};
use super::motion::{Motion, Similarity, single};
use super::sheet::Sheet;
use super::survey::Courses;
use super::warp::{Field, Level, on_planes};
use crate::bitmap::{Bitmap, Span};
use crate::mattes::Mattes;
use crate::sample::Sample;

/// Luma samples around an overlay that the encoder may have smeared.
const SMEARED: usize = 3;
/// Share of the surroundings that must agree for the fine motion to be taken, and for the light.
const AGREED_MIN: f32 = 0.35;
/// Farthest that the fine motion may move the hole, in luma samples, for each one of the reduction.
const CORRECTION_MAX: f64 = 1.5;
/// Frames that the fine target remembers.
const MEMORY: f32 = 12.0;
/// So many frames of a course are painted, spread evenly; all where there are fewer than twice as many.
const LOOKS: u64 = 40;
/// Share of the hole's shorter side by which it moves on from look to look at most.
const TRAVEL: f64 = 0.25;

/// The second pass.
#[derive(Debug)]
pub struct Painter {
    holes: Holes,
    /// Courses that have not begun, the next one last, each with the frames that it is painted from.
    waiting: Vec<(Course, Vec<u64>)>,
    boards: Vec<Board>,
    done: Vec<Background>,
    cover: Option<(Vec<Active>, Vec<Bitmap>)>,
}

/// A background that is being painted.
#[derive(Debug)]
struct Board {
    course: Course,
    /// The frames that it is painted from.
    looks: Vec<u64>,
    /// Frames that have been registered again, and by what each moves the background on itself.
    found: Vec<(u64, Similarity)>,
    sheets: Vec<Sheet>,
    /// Luma as it is known so far, in 8-bit codes, and from how many frames.
    target: Vec<f32>,
    count: Vec<f32>,
}

impl Painter {
    /// A painter of what the first pass found.
    #[must_use]
    pub fn new(layout: &PixelLayout, plan: &OverlayPlan, courses: &Courses) -> Self {
        let holes = Holes::new(layout, plan);
        let all = courses.courses.iter();
        let mut waiting: Vec<_> =
            all.map(|course| (course.clone(), looks(&holes, course, &courses.seen))).collect();
        waiting.sort_by_key(|(course, _)| std::cmp::Reverse(course.frames.start));
        Self { holes, waiting, boards: Vec::new(), done: Vec::new(), cover: None }
    }

    /// The same, where some overlays move.
    #[must_use]
    pub fn knowing(mut self, mattes: &Mattes) -> Self {
        self.holes = self.holes.knowing(mattes);
        self
    }

    /// Whether the frame is of any use; others need not be decoded or given. Of the frames that the first
    /// pass looked at, those are wanted that lie evenly in each shot, about 40 of them; where the hole has
    /// moved on by a quarter of its shorter side; and where overlays come and go, the one before and after.
    #[must_use]
    pub fn wants(&self, index: u64) -> bool {
        let open = self.boards.iter().map(|board| &board.looks);
        let mut all = open.chain(self.waiting.iter().map(|(_, looks)| looks));
        all.any(|looks| looks.binary_search(&index).is_ok())
    }

    /// Takes in a frame; frames come in rising order.
    ///
    /// # Errors
    /// [`FetchError`] where the frame is not of the plan's size; it is not taken in then.
    pub fn add(&mut self, index: u64, planes: &PlanesRef<'_>) -> Result<(), FetchError> {
        self.holes.check(index, planes)?;
        self.turn(index);
        let is_wanted = |board: &Board| board.looks.binary_search(&index).is_ok();
        if !self.boards.iter().any(is_wanted) {
            return Ok(());
        }
        let active = self.holes.active(index);
        if self.cover.as_ref().is_none_or(|(known, _)| *known != active) {
            let luma = self.holes.covered(&active, SMEARED);
            let planes = 0..usize::from(self.holes.layout.planes);
            self.cover = Some((active, planes.map(|at| self.holes.on_plane(&luma, at)).collect()));
        }
        let Some((_, cover)) = &self.cover else {
            return Ok(());
        };
        for board in self.boards.iter_mut().filter(|board| is_wanted(board)) {
            match planes {
                PlanesRef::Eight(planes) => board.add(index, &self.holes, planes, cover),
                PlanesRef::Sixteen(planes) => board.add(index, &self.holes, planes, cover),
            }
        }
        Ok(())
    }

    /// The backgrounds, by overlay, then frame. `done` is told after each.
    #[must_use]
    pub fn finish(mut self, mut done: impl FnMut()) -> Vec<Background> {
        self.end(u64::MAX, &mut done);
        self.done.sort_by_key(|background| (background.overlay, background.serves));
        self.done
    }

    /// Begins the courses that begin with a frame, and ends those that end before it.
    fn turn(&mut self, index: u64) {
        self.end(index, &mut || ());
        while let Some((course, looks)) =
            self.waiting.pop_if(|(course, _)| course.frames.start <= index)
        {
            if course.frames.end > index {
                self.boards.push(Board::new(&self.holes, course, looks));
            }
        }
    }

    fn end(&mut self, index: u64, done: &mut impl FnMut()) {
        for board in std::mem::take(&mut self.boards) {
            if board.course.frames.end > index {
                self.boards.push(board);
            } else {
                self.done.extend(board.finish(self.holes.layout.depth));
                done();
            }
        }
    }
}

/// The frames that a course is painted from.
fn looks(holes: &Holes, course: &Course, seen: &[u64]) -> Vec<u64> {
    let overlay = course.overlay as usize;
    let apart = (course.frames.count() / LOOKS).max(1);
    let mut looks: Vec<u64> = Vec::new();
    let mut last: Option<(u64, (f64, f64), Vec<usize>)> = None;
    let mut before = None;
    for index in seen.iter().copied() {
        let Some(motion) = course.motion(index) else { continue };
        let bounds = holes.bounds(overlay, index);
        let (x, y) = motion.inverse().apply(
            f64::from(bounds.x) + f64::from(bounds.width) / 2.0,
            f64::from(bounds.y) + f64::from(bounds.height) / 2.0,
        );
        let shown: Vec<usize> =
            (0..holes.overlays.len()).filter(|at| holes.shows(*at, index)).collect();
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

impl Board {
    fn new(holes: &Holes, course: Course, looks: Vec<u64>) -> Self {
        let area = course.area;
        let mut sheets = Vec::new();
        for plane in 0..holes.layout.planes {
            let (width, height) = holes.layout.plane_size(plane, area.width, area.height);
            sheets.push(Sheet::new(width as usize, height as usize));
        }
        let cells = area.width as usize * area.height as usize;
        let mut board = Self {
            course,
            looks,
            found: Vec::new(),
            sheets,
            target: vec![0.0; cells],
            count: vec![0.0; cells],
        };
        board.want(holes);
        board
    }

    /// Wants the way of the hole and what is around it.
    fn want(&mut self, holes: &Holes) {
        let ring = f64::from(holes.ring());
        let area = self.course.area;
        let mut last = (f64::INFINITY, f64::INFINITY);
        for index in self.course.serves.start..self.course.serves.end {
            let Some(motion) = self.course.motion(index) else { continue };
            let bounds = holes.bounds(self.course.overlay as usize, index);
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

    fn add<S: Sample + Level>(
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
        let bounds = holes.bounds(self.course.overlay as usize, index);
        let fine = self.refine(rough, (holes, bounds), (&planes[0], code), &cover[0]);
        let (motion, light) = fine.unwrap_or((rough, 0.0));
        if fine.is_some() {
            self.found.push((index, rough.inverse().after(motion)));
        }
        for (number, plane) in planes.iter().enumerate() {
            let light = if number == 0 { light } else { 0.0 };
            let shifts = holes.shifts(number);
            self.paint((number, plane), (motion, light, code), shifts, &cover[number]);
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
        (number, plane): (usize, &PlaneRef<'_, S>),
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
                if !is_due && number > 0 {
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
                if number == 0 {
                    let count = (self.count[at] + 1.0).min(MEMORY);
                    self.count[at] = count;
                    self.target[at] += (value - self.target[at]) / count;
                }
            }
        }
    }

    /// What was painted; `None` where no frame shows anything of what the overlay hides.
    fn finish(mut self, depth: u8) -> Option<Background> {
        self.settle();
        let code = f32::from(1_u16 << (depth.clamp(8, 16) - 8));
        let top = f32::from(u16::MAX >> (16 - depth.clamp(8, 16)));
        let mut planes = Vec::new();
        let mut doubt = Vec::new();
        for (number, sheet) in self.sheets.iter().enumerate() {
            let mut samples = Vec::with_capacity(sheet.width * sheet.height);
            for at in 0..sheet.width * sheet.height {
                let found = sheet.mean(at);
                let value = found.map_or(0.0, |(mean, _)| (mean * code + 0.5).clamp(0.0, top));
                samples.push(u16::try_from(whole(value)).unwrap_or(u16::MAX));
                if number == 0 {
                    let spread = found.map(|(_, spread)| whole((2.0 * spread).min(254.0)));
                    let spread = spread.and_then(|spread| u8::try_from(spread).ok());
                    doubt.push(spread.unwrap_or(UNSEEN));
                }
            }
            planes.push(samples);
        }
        Some(Background::of(&self.course, planes, doubt))
    }
}
