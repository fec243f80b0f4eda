//! A surface as the frames of a shot show it together, without the overlays: what `fetch` gives back.

use cleanplate_types::frames::FrameRange;
use cleanplate_types::picture::PixelLayout;
use serde::{Deserialize, Serialize};

use super::course::{Area, Course};
use super::moment::Moment;
use super::motion::{Motion, Similarity};

/// A luma sample of a background that no frame shows.
pub const UNSEEN: u8 = u8::MAX;
/// A luma sample of a background that no frame shows and a model painted.
pub const PAINTED: u8 = u8::MAX - 1;

/// One surface for one overlay: samples of the source's depth, and where it lies in each frame.
///
/// At most 1.5 million luma samples: 9 MB at 4:4:4, and before compression.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Background {
    /// Index of the overlay in the plan.
    pub overlay: u32,
    /// The frames that are filled from it.
    pub serves: FrameRange,
    /// Place and size of the planes.
    pub area: Area,
    /// From the background to each frame of `serves`, where it is known.
    pub motions: Vec<Option<Motion>>,
    /// Samples of each plane, row by row; those that no frame shows are 0.
    pub planes: Vec<Vec<u16>>,
    /// For each luma sample how far the frames differ on it, in half codes of 8 bits; [`UNSEEN`]
    /// where no frame shows it, [`PAINTED`] where a model made it up.
    pub doubt: Vec<u8>,
    /// What it looks like about some of the frames of `serves`, rising: at most a million luma samples
    /// in all. Where there are any, the planes and the doubt of two of them hold between these, mixed by
    /// how near they are, and those of the background itself nowhere.
    pub moments: Vec<Moment>,
}

impl Background {
    /// Whether the planes fit the area and the motions the frames: what one from the store must show.
    #[must_use]
    pub fn is_well_formed(&self, layout: &PixelLayout) -> bool {
        let size = |plane| {
            let (width, height) = layout.plane_size(plane, self.area.width, self.area.height);
            width as usize * height as usize
        };
        let top = u16::MAX >> (16 - layout.depth.clamp(8, 16));
        self.planes.len() == usize::from(layout.planes)
            && (0_u8..).zip(&self.planes).all(|(number, plane)| {
                plane.len() == size(number) && plane.iter().all(|sample| *sample <= top)
            })
            && self.doubt.len() == size(0)
            && self
                .moments
                .iter()
                .all(|moment| moment.is_well_formed(layout, &self.planes, &self.doubt))
            && self.moments.is_sorted_by(|one, other| one.frame < other.frame)
            && self.motions.len() as u64 == self.serves.count()
            && self.area.left % 2 == 0
            && self.area.top % 2 == 0
    }

    /// The motion of a frame.
    pub(super) fn motion(&self, index: u64) -> Option<Similarity> {
        let at = usize::try_from(index.checked_sub(self.serves.start)?).ok()?;
        self.motions.get(at).copied().flatten().map(Similarity::from)
    }

    pub(super) fn of(
        course: &Course,
        planes: Vec<Vec<u16>>,
        doubt: Vec<u8>,
        moments: Vec<Moment>,
    ) -> Self {
        let motions = (course.serves.start..course.serves.end)
            .map(|index| course.motion(index).map(Motion::from))
            .collect();
        let Course { overlay, serves, area, frames: _, motions: _ } = course;
        Self { overlay: *overlay, serves: *serves, area: *area, motions, planes, doubt, moments }
    }
}
