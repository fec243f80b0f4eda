//! Where the samples of a restored frame come from: maps for people's eyes, and counts for the report.

use cleanplate_types::overlay::Fill;
use cleanplate_types::picture::Rect;

use super::Restored;
use super::layer::Layer;
use crate::fetch::Share;
use crate::piece::rect_of;

/// Where a luma sample of a restored frame comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// The frame as it was.
    Untouched,
    /// The frame, with the overlay taken off.
    Inverted,
    /// For the most part, other frames.
    Fetched,
    /// Its surroundings.
    Synthesised,
    /// The mean of a coarse block.
    Pixelated,
}

/// Where the luma samples of a rectangle come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginMap {
    /// The rectangle.
    pub rect: Rect,
    /// Row by row.
    pub origins: Vec<Origin>,
}

impl OriginMap {
    /// The map of one overlay that the frame shows, of which that much was fetched.
    pub(super) fn of(layer: &Layer, share: Option<&Share>) -> Self {
        let covered = layer.covered();
        let span = covered.span;
        let left = layer.holes().first();
        let solved = layer.solved();
        let mut origins = Vec::with_capacity(span.width() * span.height());
        for (x, y) in
            (span.top..span.bottom).flat_map(|y| (span.left..span.right).map(move |x| (x, y)))
        {
            origins.push(if layer.fill == Fill::Pixelate {
                if covered.has(x, y) { Origin::Pixelated } else { Origin::Untouched }
            } else if left.is_some_and(|left| left.has(x, y)) {
                let is_fetched = share.is_some_and(|share| share.is_most(x, y));
                if is_fetched { Origin::Fetched } else { Origin::Synthesised }
            } else if solved.is_some_and(|solved| solved.has(x, y)) {
                Origin::Inverted
            } else {
                Origin::Untouched
            });
        }
        Self { rect: rect_of(span), origins }
    }

    /// Where the luma sample at column `x`, row `y` of the picture comes from.
    #[must_use]
    pub fn at(&self, x: u32, y: u32) -> Origin {
        let inside =
            |at: u32, from: u32, length: u32| at.checked_sub(from).filter(|at| *at < length);
        let x = inside(x, self.rect.x, self.rect.width);
        let y = inside(y, self.rect.y, self.rect.height);
        let at = x.zip(y).map(|(x, y)| y as usize * self.rect.width as usize + x as usize);
        at.and_then(|at| self.origins.get(at)).copied().unwrap_or(Origin::Untouched)
    }

    /// Column and row of a sample of the map in the picture.
    fn place(&self, at: usize) -> (u32, u32) {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        (self.rect.x + at % self.rect.width, self.rect.y + at / self.rect.width)
    }
}

/// The samples of all maps by origin, each counted once.
pub(super) fn counted(shown: bool, maps: &[OriginMap]) -> Restored {
    let mut counts = Restored { shown, ..Restored::default() };
    for (number, map) in maps.iter().enumerate() {
        let later = &maps[number + 1..];
        for (at, origin) in map.origins.iter().enumerate() {
            let count = match origin {
                Origin::Untouched => continue,
                Origin::Inverted => &mut counts.inverted,
                Origin::Fetched => &mut counts.fetched,
                Origin::Synthesised => &mut counts.synthesised,
                Origin::Pixelated => &mut counts.pixelated,
            };
            let (x, y) = map.place(at);
            if later.iter().all(|map| map.at(x, y) == Origin::Untouched) {
                *count += 1;
            }
        }
    }
    counts
}
