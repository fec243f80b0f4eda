//! Frames that are painted by themselves wait here for the paintings of those after them, with which their own is
//! blended.
//!
//! Owns the halo: which frames beside its own a segment looks at, so that one that begins anywhere comes to the same
//! samples, and that no frame leaves before all that counts for it has come. Where the row of frames breaks off, the
//! frames that still wait are never sent: their cell must not be handed in.

use std::collections::VecDeque;

use cleanplate_plate::blend::{HALO, Painting};
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::frames::FrameRange;
use cleanplate_types::overlay::OverlayPlan;
use cleanplate_types::picture::Run;

use super::{Frame, HELD_FRAMES_MAX};

/// `range` and the frames beside it whose paintings count for those of it, of all that there are: no further than
/// frames without a break show something.
pub(super) fn halo(range: FrameRange, plan: &OverlayPlan, all: FrameRange) -> FrameRange {
    let (mut start, mut end) = (range.start, range.end);
    while start > all.start && range.start - start < HALO && plan.touches(start) {
        if !plan.touches(start - 1) {
            break;
        }
        start -= 1;
    }
    while end < all.end && end - range.end < HALO && plan.touches(end - 1) {
        if !plan.touches(end) {
            break;
        }
        end += 1;
    }
    FrameRange::new(start, end)
}

/// What was painted of a frame, and what may be changed of it.
pub(super) struct Painted {
    pub(super) painting: Painting,
    pub(super) covered: Vec<Vec<Run>>,
}

/// Frames that wait, in order, and the paintings around them.
pub(super) struct Easel {
    /// The frames that come in all.
    all: FrameRange,
    /// The first that has not come.
    next: u64,
    waiting: VecDeque<(Frame, Option<Vec<Vec<Run>>>)>,
    /// At most twice [`HALO`] and one.
    paintings: VecDeque<Painting>,
    /// Frames whose painting was blended with others.
    pub(super) blended: u64,
}

impl Easel {
    /// For the frames of `all`, one after the other.
    pub(super) const fn new(all: FrameRange) -> Self {
        let next = all.start;
        Self { all, next, waiting: VecDeque::new(), paintings: VecDeque::new(), blended: 0 }
    }

    /// Takes the next frame, with what was painted of it.
    pub(super) fn put(&mut self, frame: Frame, painted: Option<Painted>) {
        self.next = frame.index + 1;
        let covered = painted.map(|Painted { painting, covered }| {
            self.paintings.push_back(painting);
            covered
        });
        let counts = |painting: &Painting| painting.index() + 2 * HALO >= frame.index;
        self.paintings.retain(counts);
        self.waiting.push_back((frame, covered));
    }

    /// The first frame that waits, if all that counts for it has come, with its painting laid on it.
    ///
    /// # Errors
    /// [`FailureKind::Internal`] where a sample changed that no overlay covers.
    pub(super) fn take(&mut self) -> Result<Option<Frame>, Failure> {
        let Some((frame, covered)) = self.waiting.front() else { return Ok(None) };
        let waits = covered.is_some() && self.next <= frame.index + HALO;
        if waits && self.next < self.all.end {
            return Ok(None);
        }
        let Some((mut frame, covered)) = self.waiting.pop_front() else { return Ok(None) };
        if let Some(covered) = covered {
            let only = FrameRange::new(frame.index, frame.index + 1);
            self.lay(&mut frame, &covered).map_err(|failure| failure.at(only))?;
        }
        Ok(Some(frame))
    }

    fn lay(&mut self, frame: &mut Frame, covered: &[Vec<Run>]) -> Result<(), Failure> {
        let failed = |text: &str| Failure::new(FailureKind::Internal, Stage::Fill, text);
        let near: Vec<&Painting> = self.paintings.iter().collect();
        let own = near.iter().find(|painting| painting.index() == frame.index);
        let own = own.ok_or_else(|| failed("a frame waited longer than its painting"))?;
        let planes = frame.picture.planes_mut().map_err(|error| error.failure(Stage::Fill))?;
        self.blended += u64::from(own.lay(&near, planes) > 0);
        frame.restored.painted_frames = 1;
        if frame.picture.fast_hash_outside(covered) != frame.outside {
            return Err(failed("a sample changed that no overlay covers"));
        }
        Ok(())
    }
}

// A frame waits for those of its halo; it and they are held.
const _: () = assert!(HELD_FRAMES_MAX as u64 == HALO + 1);

#[cfg(test)]
mod tests {
    use cleanplate_types::overlay::{Fill, Mask, Overlay, OverlayOrigin};
    use cleanplate_types::picture::Rect;

    use super::*;

    fn plan(when: Vec<FrameRange>) -> OverlayPlan {
        let overlay = Overlay {
            origin: OverlayOrigin::Region,
            mask: Mask::full(Rect { x: 0, y: 0, width: 8, height: 8 }),
            when,
            fill: Fill::Auto,
            hides: true,
        };
        OverlayPlan::new(64, 64, vec![overlay])
    }

    #[test]
    fn the_halo_ends_with_the_video_and_where_nothing_is_shown() {
        let all = FrameRange::new(0, 100);
        let of = |start, end, when: &[(u64, u64)]| {
            let when = when.iter().map(|(start, end)| FrameRange::new(*start, *end)).collect();
            halo(FrameRange::new(start, end), &plan(when), all)
        };
        assert_eq!(of(30, 60, &[(0, 100)]), FrameRange::new(28, 62));
        assert_eq!(of(0, 99, &[(0, 100)]), FrameRange::new(0, 100));
        assert_eq!(of(30, 60, &[(29, 100)]), FrameRange::new(29, 62));
        assert_eq!(of(30, 60, &[(0, 29), (30, 60)]), FrameRange::new(30, 60), "gaps at both ends");
        assert_eq!(of(30, 60, &[]), FrameRange::new(30, 60));
    }
}
