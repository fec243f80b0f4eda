//! The second pass over a window: the backgrounds of its courses, painted from every frame.
//!
//! Owns the fine registration: each frame's surroundings of the hole against what has been painted so
//! far, at full size, so that what is averaged lies on itself. A background holds 20 bytes a sample
//! of each plane while it is painted: at most 60 MB at 4:2:0, of which the ones of one shot and
//! overlay follow one another.

use cleanplate_types::overlay::OverlayPlan;
use cleanplate_types::picture::{PixelLayout, PlaneRef, PlanesRef, Rect};

use super::FetchError;
use super::align::{Points, whole};
use super::background::{Background, UNSEEN};
use super::course::Course;
use super::holes::{Active, Holes};
use super::motion::{Motion, Similarity, single};
use super::sheet::Sheet;
use super::survey::Courses;
use super::warp::{Field, on_planes};
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

/// The second pass.
#[derive(Debug)]
pub struct Painter {
    holes: Holes,
    /// Courses that have not begun, the next one last.
    waiting: Vec<Course>,
    boards: Vec<Board>,
    done: Vec<Background>,
    cover: Option<(Vec<Active>, Vec<Bitmap>)>,
    planes: Vec<Plane>,
}

/// A background that is being painted.
#[derive(Debug)]
struct Board {
    course: Course,
    sheets: Vec<Sheet>,
    /// Luma as it is known so far, in 8-bit codes, and from how many frames.
    target: Vec<f32>,
    count: Vec<f32>,
}

/// A plane of the frame, in 8-bit codes.
#[derive(Debug, Default)]
struct Plane {
    width: usize,
    height: usize,
    samples: Vec<f32>,
}

impl Painter {
    /// A painter of what the first pass found.
    #[must_use]
    pub fn new(layout: &PixelLayout, plan: &OverlayPlan, courses: &Courses) -> Self {
        let holes = Holes::new(layout, plan);
        let mut waiting = courses.courses.clone();
        waiting.sort_by_key(|course| std::cmp::Reverse(course.frames.start));
        let planes = (0..layout.planes).map(|_| Plane::default()).collect();
        Self { holes, waiting, boards: Vec::new(), done: Vec::new(), cover: None, planes }
    }

    /// The same, where some overlays move.
    #[must_use]
    pub fn knowing(mut self, mattes: &Mattes) -> Self {
        self.holes = self.holes.knowing(mattes);
        self
    }

    /// Whether the frame is of any use; others need not be decoded or given.
    #[must_use]
    pub fn wants(&self, index: u64) -> bool {
        let open = self.boards.iter().map(|board| &board.course);
        open.chain(&self.waiting).any(|course| course.motion(index).is_some())
    }

    /// Takes in a frame; frames come in rising order.
    ///
    /// # Errors
    /// [`FetchError`] where the frame is not of the plan's size; it is not taken in then.
    pub fn add(&mut self, index: u64, planes: &PlanesRef<'_>) -> Result<(), FetchError> {
        self.holes.check(index, planes)?;
        self.turn(index);
        if self.boards.is_empty() {
            return Ok(());
        }
        match planes {
            PlanesRef::Eight(planes) => self.read(planes),
            PlanesRef::Sixteen(planes) => self.read(planes),
        }
        let active = self.holes.active(index);
        if self.cover.as_ref().is_none_or(|(known, _)| *known != active) {
            let luma = self.holes.covered(&active, SMEARED);
            let planes = (0..self.planes.len()).map(|at| self.holes.on_plane(&luma, at)).collect();
            self.cover = Some((active, planes));
        }
        let Some((_, cover)) = &self.cover else {
            return Ok(());
        };
        for board in &mut self.boards {
            board.add(index, &self.holes, &self.planes, cover);
        }
        Ok(())
    }

    /// The backgrounds, by overlay, then frame.
    #[must_use]
    pub fn finish(mut self) -> Vec<Background> {
        self.turn(u64::MAX);
        self.done.sort_by_key(|background| (background.overlay, background.serves));
        self.done
    }

    /// Begins the courses that begin with a frame, and ends those that end before it.
    fn turn(&mut self, index: u64) {
        let depth = self.holes.layout.depth;
        for board in std::mem::take(&mut self.boards) {
            if board.course.frames.end > index {
                self.boards.push(board);
            } else {
                self.done.extend(board.finish(depth));
            }
        }
        while let Some(course) = self.waiting.pop_if(|course| course.frames.start <= index) {
            if course.frames.end > index {
                self.boards.push(Board::new(&self.holes, &course));
            }
        }
    }

    fn read<S: Sample>(&mut self, planes: &[PlaneRef<'_, S>]) {
        let code = 1.0 / f32::from(1_u16 << (self.holes.layout.depth.clamp(8, 16) - 8));
        for (to, from) in self.planes.iter_mut().zip(planes) {
            to.width = from.width as usize;
            to.height = from.height as usize;
            to.samples.clear();
            for row in from.samples.chunks(from.stride).take(to.height) {
                to.samples
                    .extend(row[..to.width].iter().map(|sample| f32::from(sample.wide()) * code));
            }
        }
    }
}

impl Board {
    fn new(holes: &Holes, course: &Course) -> Self {
        let area = course.area;
        let mut sheets = Vec::new();
        for plane in 0..holes.layout.planes {
            let (width, height) = holes.layout.plane_size(plane, area.width, area.height);
            sheets.push(Sheet::new(width as usize, height as usize));
        }
        let cells = area.width as usize * area.height as usize;
        let mut board = Self {
            course: course.clone(),
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

    fn add(&mut self, index: u64, holes: &Holes, planes: &[Plane], cover: &[Bitmap]) {
        let Some(motion) = self.course.motion(index) else {
            return;
        };
        let bounds = holes.bounds(self.course.overlay as usize, index);
        let (motion, light) = self.refine(motion, (holes, bounds), &planes[0], &cover[0]);
        if let Some(at) = index.checked_sub(self.course.frames.start)
            && let Ok(at) = usize::try_from(at)
        {
            self.course.motions[at] = Some(Motion::from(motion));
        }
        for (number, plane) in planes.iter().enumerate() {
            let light = if number == 0 { light } else { 0.0 };
            self.paint((number, plane), (motion, light), holes.shifts(number), &cover[number]);
        }
    }

    /// The motion by which the hole's surroundings lie on what is known, and what makes the frame as
    /// light as that. (A gain is not told apart from a blur, and would feed on itself.)
    fn refine(
        &self,
        motion: Similarity,
        (holes, bounds): (&Holes, Rect),
        luma: &Plane,
        cover: &Bitmap,
    ) -> (Similarity, f32) {
        let plain = (motion, 0.0);
        let span = Span {
            left: bounds.x as usize,
            top: bounds.y as usize,
            right: (bounds.right().min(holes.width)) as usize,
            bottom: (bounds.bottom().min(holes.height)) as usize,
        };
        let span = span.grown(holes.ring() as usize, luma.width, luma.height);
        let points = Points::of(
            span,
            |x, y| !cover.cells[y * cover.width + x],
            |x, y| luma.samples[y * luma.width + x],
        );
        let area = self.course.area;
        let start =
            Similarity::shift(-f64::from(area.left), -f64::from(area.top)).after(motion.inverse());
        let Some(fit) = points.descend(start, |x, y| self.look(x, y)) else {
            return plain;
        };
        let moved = Similarity::shift(f64::from(area.left), f64::from(area.top)).after(fit.motion);
        let middle = (
            f64::from(bounds.x) + f64::from(bounds.width) / 2.0,
            f64::from(bounds.y) + f64::from(bounds.height) / 2.0,
        );
        let (before, after) =
            (motion.inverse().apply(middle.0, middle.1), moved.apply(middle.0, middle.1));
        let far = (before.0 - after.0).abs().max((before.1 - after.1).abs());
        let limit = CORRECTION_MAX * f64::from(super::picture::reduction(holes.width));
        if fit.agreed < AGREED_MIN || fit.seen < 0.25 || far > limit {
            return plain;
        }
        (moved.inverse(), fit.lighter)
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

    fn paint(
        &mut self,
        (number, plane): (usize, &Plane),
        (motion, light): (Similarity, f32),
        shifts: (u32, u32),
        cover: &Bitmap,
    ) {
        let area = self.course.area;
        let to_frame = on_planes(motion, shifts, (area.left, area.top), (0, 0));
        let field = Field {
            width: plane.width,
            height: plane.height,
            stride: plane.width,
            samples: &plane.samples,
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
                let value = value + light;
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
    fn finish(self, depth: u8) -> Option<Background> {
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
