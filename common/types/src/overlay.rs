//! What to remove, where, when and how: the job-wide decision that every worker obeys.

use serde::{Deserialize, Serialize};

use crate::frames::FrameRange;
use crate::picture::Rect;

/// Everything that is removed from a job's frames. The same for all workers, whatever the cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverlayPlan {
    /// Width of the frames that it speaks of.
    pub width: u32,
    /// Height of the frames that it speaks of.
    pub height: u32,
    /// The overlays; none means that every frame passes untouched.
    pub overlays: Vec<Overlay>,
}

/// One overlay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overlay {
    /// How it became known.
    pub origin: OverlayOrigin,
    /// The samples that it covers.
    pub mask: Mask,
    /// The frames that show it, rising, without overlap.
    pub when: Vec<FrameRange>,
    /// How it is removed.
    pub fill: Fill,
}

/// How an overlay became known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OverlayOrigin {
    /// A region that the user drew.
    Region,
    /// A mask that the user gave.
    Mask,
    /// Found because it stays while the background changes.
    Static,
}

/// How an overlay is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Fill {
    /// The smoothest surface that meets the surroundings.
    Membrane,
    /// Irreversible coarse blocks.
    Pixelate,
}

/// A set of luma samples: a rectangle, and one bit for each sample in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mask {
    /// The rectangle that holds every set sample.
    pub bounds: Rect,
    /// Row by row, each row starting at a new byte, the leftmost sample in the lowest bit.
    pub bits: Vec<u8>,
}

impl Mask {
    /// The mask that covers all of `bounds`.
    #[must_use]
    pub fn full(bounds: Rect) -> Self {
        let mut mask = Self::empty(bounds);
        for y in 0..bounds.height {
            for x in 0..bounds.width {
                mask.set(x, y);
            }
        }
        mask
    }

    /// A mask of `bounds` with nothing set.
    #[must_use]
    pub fn empty(bounds: Rect) -> Self {
        let row = bounds.width.div_ceil(8) as usize;
        Self { bounds, bits: vec![0; row * bounds.height as usize] }
    }

    fn place(&self, x: u32, y: u32) -> Option<(usize, u8)> {
        if x >= self.bounds.width || y >= self.bounds.height {
            return None;
        }
        let row = self.bounds.width.div_ceil(8) as usize;
        Some((y as usize * row + (x / 8) as usize, 1 << (x % 8)))
    }

    /// Whether the sample at column `x`, row `y` of the rectangle (not of the picture) is covered.
    #[must_use]
    pub fn covers(&self, x: u32, y: u32) -> bool {
        self.place(x, y)
            .is_some_and(|(byte, bit)| self.bits.get(byte).is_some_and(|bits| bits & bit != 0))
    }

    /// Covers the sample at column `x`, row `y` of the rectangle; outside it nothing happens.
    pub fn set(&mut self, x: u32, y: u32) {
        if let Some((byte, bit)) = self.place(x, y)
            && let Some(bits) = self.bits.get_mut(byte)
        {
            *bits |= bit;
        }
    }

    /// Number of covered samples.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.bits.iter().map(|byte| u64::from(byte.count_ones())).sum()
    }

    /// Whether the bits fit the rectangle: what a mask from the wire must show.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        let row = self.bounds.width.div_ceil(8) as usize;
        self.bits.len() == row * self.bounds.height as usize
    }
}

/// What a search for overlays came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Finding {
    /// These are there.
    Overlays(OverlayPlan),
    /// The evidence says that there is nothing to remove.
    Nothing,
    /// There is no evidence either way.
    Abstained {
        /// Why, in a clause that fits after "the detector abstained: ".
        why: String,
    },
}
