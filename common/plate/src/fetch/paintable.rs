//! What no frame shows of a background, for a model to paint, and what it painted.
//!
//! Owns which samples that are. What was painted stays told apart: it is no evidence, and counts as synthesised.

use cleanplate_types::overlay::Mask;
use cleanplate_types::picture::{PixelLayout, Rect};

use super::background::{Background, PAINTED, UNSEEN};

/// One of the pictures of a background that hold for frames: its own, or one of its moments.
#[derive(Debug)]
pub struct Unseen<'a> {
    /// Samples of each plane, row by row.
    pub planes: &'a [Vec<u16>],
    /// The luma samples that no frame shows, in places of the background's own plane.
    pub mask: Mask,
}

impl Background {
    /// Number of pictures that hold for frames.
    #[must_use]
    pub const fn pictures(&self) -> usize {
        if self.moments.is_empty() { 1 } else { self.moments.len() }
    }

    /// What no frame shows of the picture of that number; `None` where some frame shows all of it.
    #[must_use]
    pub fn unseen(&self, picture: usize) -> Option<Unseen<'_>> {
        let (planes, doubt) = match self.moments.get(picture) {
            Some(moment) => (&moment.planes, &moment.doubt),
            None => (&self.planes, &self.doubt),
        };
        let (width, height) = (self.area.width, self.area.height);
        let mut mask = Mask::empty(Rect { x: 0, y: 0, width, height });
        for (at, _) in (0_u32..).zip(doubt).filter(|(_, doubt)| **doubt == UNSEEN) {
            mask.set(at % width.max(1), at / width.max(1));
        }
        (mask.count() > 0).then_some(Unseen { planes, mask })
    }

    /// Takes what was painted where no frame shows the picture of that number: `painted` has as many samples as
    /// it. Planes of another size change nothing.
    pub fn paint(&mut self, picture: usize, layout: &PixelLayout, painted: &[Vec<u16>]) {
        let width = self.area.width as usize;
        let (planes, doubt) = match self.moments.get_mut(picture) {
            Some(moment) => (&mut moment.planes, &mut moment.doubt),
            None => (&mut self.planes, &mut self.doubt),
        };
        let is_alike = |(own, other): (&Vec<u16>, &Vec<u16>)| own.len() == other.len();
        if planes.len() != painted.len() || !planes.iter().zip(painted).all(is_alike) {
            return;
        }
        let top = u16::MAX >> (16 - layout.depth.clamp(8, 16));
        for (number, (plane, painted)) in planes.iter_mut().zip(painted).enumerate() {
            let (across, down) =
                if number == 0 { (0, 0) } else { (layout.chroma_shift_x, layout.chroma_shift_y) };
            let columns = width.div_ceil(1 << across);
            for (at, (sample, painted)) in plane.iter_mut().zip(painted).enumerate() {
                let (x, y) = ((at % columns.max(1)) << across, (at / columns.max(1)) << down);
                // Chroma that no frame shows is 0: some luma that shares it was always covered.
                let is_open = (y..y + (1 << down)).any(|y| {
                    (x..(x + (1 << across)).min(width))
                        .any(|x| doubt.get(y * width + x) == Some(&UNSEEN))
                });
                if is_open || (number > 0 && *sample == 0) {
                    *sample = (*painted).min(top);
                }
            }
        }
        for doubt in doubt.iter_mut().filter(|doubt| **doubt == UNSEEN) {
            *doubt = PAINTED;
        }
    }
}
