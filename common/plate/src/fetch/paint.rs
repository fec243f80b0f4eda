//! The second pass over a window: the backgrounds of its courses, painted from some of the frames.
//!
//! A background holds 20 bytes a sample of each plane while it is painted, and 16 a sample of its moments:
//! at most 60 MB and 24 MB at 4:2:0, of which the ones of one shot and overlay follow one another.

use cleanplate_types::overlay::OverlayPlan;
use cleanplate_types::picture::{PixelLayout, PlanesRef};

use super::FetchError;
use super::background::Background;
use super::board::Board;
use super::course::Course;
use super::holes::{Active, Holes};
use super::looks::looks;
use super::survey::Courses;
use crate::bitmap::Bitmap;
use crate::mattes::Mattes;

/// Luma samples around an overlay that the encoder may have smeared.
const SMEARED: usize = 3;

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

impl Painter {
    /// A painter of what the first pass found.
    #[must_use]
    pub fn new(layout: &PixelLayout, plan: &OverlayPlan, courses: &Courses) -> Self {
        let holes = Holes::new(layout, plan, courses.frames);
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
