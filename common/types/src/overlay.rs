//! What to remove, where, when and how: the job-wide decision that every worker obeys.

use serde::{Deserialize, Serialize};

use crate::frames::FrameRange;
use crate::object::ObjectRef;
use crate::picture::Rect;
use crate::request::UserLogo;

/// Everything that is removed from a job's frames. The same for all workers, whatever the cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverlayPlan {
    /// Width of the frames that it speaks of.
    pub width: u32,
    /// Height of the frames that it speaks of.
    pub height: u32,
    /// The overlays that stay in place.
    pub overlays: Vec<Overlay>,
    /// Those that a detector followed through the frames, in order of their first frame.
    pub tracks: Vec<Track>,
    /// What the overlays are made of, where that was learned or told: one object for all of them.
    pub mattes: Option<ObjectRef>,
    /// What lies behind them, window by window, rising; none where nothing is fetched.
    pub backgrounds: Vec<Backgrounds>,
}

impl OverlayPlan {
    /// A plan of which nothing is learned or painted yet.
    #[must_use]
    pub const fn new(width: u32, height: u32, overlays: Vec<Overlay>) -> Self {
        Self { width, height, overlays, tracks: Vec::new(), mattes: None, backgrounds: Vec::new() }
    }

    /// Whether every frame passes untouched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.overlays.is_empty() && self.tracks.is_empty()
    }

    /// Whether some frame shows it, for each overlay and then each track: these places are their numbers.
    pub fn shown(&self) -> impl Iterator<Item = bool> {
        let overlays = self.overlays.iter().map(|overlay| !overlay.when.is_empty());
        overlays.chain(self.tracks.iter().map(|track| !track.steps.is_empty()))
    }

    /// Makes the overlay or track of that number one that no frame shows; where there is none nothing happens.
    pub fn hide(&mut self, number: usize) {
        if let Some(overlay) = self.overlays.get_mut(number) {
            overlay.when.clear();
        } else if let Some(track) = self.tracks.get_mut(number - self.overlays.len()) {
            track.steps.clear();
        }
    }

    /// Whether the frame at `index` may show an overlay; one that does not passes untouched.
    #[must_use]
    pub fn touches(&self, index: u64) -> bool {
        self.touches_any(FrameRange::new(index, index + 1))
    }

    /// Whether any of `frames` may show an overlay.
    #[must_use]
    pub fn touches_any(&self, frames: FrameRange) -> bool {
        let mut when = self.overlays.iter().flat_map(|overlay| &overlay.when);
        when.any(|shown| !shown.intersect(frames).is_empty())
            || self.tracks.iter().any(|track| track.shows_in(frames))
    }
}

/// Something that a detector followed: it may be elsewhere in each frame, so nothing is learned of it and
/// nothing is fetched from other frames.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    /// How it became known.
    pub origin: OverlayOrigin,
    /// How it is removed.
    pub fill: Fill,
    /// What of a step's rectangle is covered.
    pub shape: Shape,
    /// Where it is: rising, one after the other; frames between two steps do not show it.
    pub steps: Vec<Step>,
}

impl Track {
    /// The rectangle that covers it in the frame at `index`, where it is there.
    #[must_use]
    pub fn at(&self, index: u64) -> Option<Rect> {
        let step = self.first_after(index)?;
        step.frames.contains(index).then_some(step.bounds)
    }

    /// Whether it is there in any of `frames`.
    #[must_use]
    pub fn shows_in(&self, frames: FrameRange) -> bool {
        let step = self.first_after(frames.start);
        step.is_some_and(|step| !step.frames.intersect(frames).is_empty())
    }

    /// The first step that does not end before `index`.
    fn first_after(&self, index: u64) -> Option<&Step> {
        self.steps.get(self.steps.partition_point(|step| step.frames.end <= index))
    }
}

/// What of a rectangle is covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Shape {
    /// All of it.
    Rectangle,
    /// The ellipse that touches its sides.
    Ellipse,
}

/// Where a track is for some frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The frames.
    pub frames: FrameRange,
    /// What holds it in all of them.
    pub bounds: Rect,
}

/// What lies behind the overlays of a window's frames.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backgrounds {
    /// The window.
    pub frames: FrameRange,
    /// The object.
    pub object: ObjectRef,
}

/// One look at the frames, leased by windows, before the plan is complete. In this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Look {
    /// Which overlays are there.
    Find,
    /// What they are made of, and where those are that move.
    Learn,
    /// What lies behind them.
    Fetch,
    /// What comes out, in a few frames, for a person to judge.
    Preview,
}

impl Look {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::Find, Self::Learn, Self::Fetch, Self::Preview];

    /// Its name on the wire and in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Find => "find",
            Self::Learn => "learn",
            Self::Fetch => "fetch",
            Self::Preview => "preview",
        }
    }

    /// Times that it goes through the frames of a window.
    #[must_use]
    pub const fn passes(self) -> u64 {
        match self {
            Self::Find | Self::Learn | Self::Preview => 1,
            Self::Fetch => 2,
        }
    }

    /// Whether the evidence of its windows is reduced to a finding.
    #[must_use]
    pub const fn is_reduced(self) -> bool {
        matches!(self, Self::Find | Self::Learn)
    }
}

/// A plan that is not complete, with what the user told beside it: what the later looks are given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// The plan so far.
    pub plan: OverlayPlan,
    /// Logos that the user gave. The overlay at the same place of the plan is the logo's.
    pub logos: Vec<UserLogo>,
    /// The mattes that a plan of another video brought, for the plan's last overlays; opaque here.
    pub told_mattes: Vec<u8>,
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
    /// Whether it hides something for good, so that what lies behind is worth fetching.
    pub hides: bool,
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
    /// A logo that the user gave, with its alpha.
    Logo,
    /// Learned from another video.
    Plan,
    /// Writing that a detector read.
    Text,
    /// A face that a detector saw.
    Face,
    /// A number plate that a detector saw.
    Plate,
    /// Something else that a detector saw.
    Object,
}

impl OverlayOrigin {
    /// Its name on the wire and in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Region => "region",
            Self::Mask => "mask",
            Self::Static => "static",
            Self::Logo => "logo",
            Self::Plan => "plan",
            Self::Text => "text",
            Self::Face => "face",
            Self::Plate => "plate",
            Self::Object => "object",
        }
    }

    /// Whether a frame that does not show the overlay is to be left alone. What a user drew, and what is
    /// a person's business, is removed whatever it shows.
    #[must_use]
    pub const fn may_be_absent(self) -> bool {
        match self {
            Self::Region | Self::Mask | Self::Face | Self::Plate => false,
            Self::Static | Self::Logo | Self::Plan | Self::Text | Self::Object => true,
        }
    }
}

/// How an overlay is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Fill {
    /// The best evidence that each sample has: inverted, else fetched, else the membrane.
    Auto,
    /// The blend is solved for the background; what hides it for good is left to the membrane.
    Invert,
    /// Taken from other frames; what none shows is left to the membrane.
    Fetch,
    /// The smoothest surface that meets the surroundings.
    Membrane,
    /// Irreversible coarse blocks.
    Pixelate,
}

impl Fill {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Auto, Self::Invert, Self::Fetch, Self::Membrane, Self::Pixelate];

    /// Whether the blend is to be solved where something shines through.
    #[must_use]
    pub const fn inverts(self) -> bool {
        match self {
            Self::Auto | Self::Invert => true,
            Self::Fetch | Self::Membrane | Self::Pixelate => false,
        }
    }

    /// Whether other frames are to be asked for what lies behind.
    #[must_use]
    pub const fn fetches(self) -> bool {
        match self {
            Self::Auto | Self::Fetch => true,
            Self::Invert | Self::Membrane | Self::Pixelate => false,
        }
    }

    /// Its name on the command line, on the wire and in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Invert => "invert",
            Self::Fetch => "fetch",
            Self::Membrane => "membrane",
            Self::Pixelate => "pixelate",
        }
    }
}

/// A set of luma samples: a rectangle, and one bit for each sample in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mask {
    /// The rectangle that holds every set sample.
    pub bounds: Rect,
    /// Row by row, each row starting at a new byte, the leftmost sample in the lowest bit. Empty where all of
    /// the rectangle is covered: a plan may hold very many of those.
    pub bits: Vec<u8>,
}

impl Mask {
    /// The mask that covers all of `bounds`.
    #[must_use]
    pub const fn full(bounds: Rect) -> Self {
        Self { bounds, bits: Vec::new() }
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
        self.place(x, y).is_some_and(|(byte, bit)| {
            self.bits.is_empty() || self.bits.get(byte).is_some_and(|bits| bits & bit != 0)
        })
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
        if self.bits.is_empty() {
            return u64::from(self.bounds.width) * u64::from(self.bounds.height);
        }
        self.bits.iter().map(|byte| u64::from(byte.count_ones())).sum()
    }

    /// Whether the bits fit the rectangle: what a mask from the wire must show.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        let row = self.bounds.width.div_ceil(8) as usize;
        self.bits.is_empty() || self.bits.len() == row * self.bounds.height as usize
    }
}

/// What a search for overlays came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Finding {
    /// These are there.
    Overlays {
        /// They, and nothing else of a plan.
        plan: OverlayPlan,
        /// Remarks for the user.
        notes: Vec<String>,
    },
    /// The evidence says that there is nothing to remove.
    Nothing,
    /// What the overlays of a plan are made of: the same overlays, in the same order.
    Learned {
        /// The plan, refined: masks, frames, and what hides something for good.
        plan: OverlayPlan,
        /// Remarks for the user.
        notes: Vec<String>,
    },
    /// There is no evidence either way.
    Abstained {
        /// Why, in a clause that fits after "the detector abstained: ".
        why: String,
    },
}

impl Finding {
    /// The finding that what `plan` has is there, without remarks.
    #[must_use]
    pub const fn found(plan: OverlayPlan) -> Self {
        Self::Overlays { plan, notes: Vec::new() }
    }
}
