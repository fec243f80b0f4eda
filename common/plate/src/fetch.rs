//! Fetches what lies behind an overlay from the other frames of its shot.
//!
//! The engine paints the backgrounds of each window in its last look (`worker/src/engine/look/paint.rs`)
//! and fetches from them as it restores (`worker/src/engine/restoring.rs`). Measured with the mask given,
//! by luma inside it, against Telea's fill (`OpenCV`) on overlays encoded by `x264` at crf 18: +2.1 dB for
//! an opaque logo on a real clip with cuts (640x272), of which 25 % was fetched, +5.7 dB for captions with
//! gaps on it (31 %); +2.7 and +1.3 dB for a logo in two places of a drawn clip (720p; 39 and 22 %), +6.2
//! dB for ticking digits on it (68 %), +8.8 dB for captions (83 %); +21.7 dB for a logo on a pan over a
//! still with noise (400x200), all of it fetched. For series of captions of one and two lines, 0.3 to 4 seconds
//! each, each line by the box that [`track`](crate::track) makes of it and against the membrane in the same box:
//! +10.0, +14.8 and +8.8 dB on a drawn clip whose camera hardly moves (720p), +4.0, +5.3 and +1.4 dB on a real
//! clip with cuts (640x272), +3.5 dB before a camera that stands while what it sees moves (640x360). The goal for logos on real clips, +5 dB, is not met:
//! nothing that moves by itself is followed but what is large and keeps its shape.
//!
//! Owns three steps, the first two of which are leased by windows. [`Survey`] looks at frames of a window,
//! all or some, and finds shots and motions: [`Courses`]. [`Painter`] looks at some of those again and
//! paints a [`Background`] for each shot and overlay. `Fetcher` fills one frame from itself and the
//! backgrounds alone, so how a job is cut cannot show; it lays each background by the ring around the hole,
//! so a frame that no look saw is laid as well as the others. At 1080p, in milliseconds of a busy core: 2
//! to take a frame in and 4 to register it in the survey, 4 to paint one, 4 to 8 to fill a hole of 300 by
//! 120. Two passes, since the samples that a window will need are known only when its motions are, and its
//! frames are too many to be kept.

mod align;
mod background;
mod board;
mod chain;
mod course;
mod cuts;
mod fetcher;
mod ground;
mod holes;
mod local;
mod looks;
mod moment;
mod motion;
mod paint;
mod paintable;
mod picture;
mod settle;
mod sheet;
mod soft;
mod survey;
mod warp;

pub use background::{Background, PAINTED, UNSEEN};
pub use course::{Area, Course};
pub(crate) use fetcher::{Cut, Fetcher, Share};
pub use ground::Ground;
pub use moment::Moment;
pub use motion::Motion;
pub use paint::Painter;
pub use paintable::Unseen;
pub use survey::{Courses, Survey};

/// A frame that does not belong to the job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Its planes have another number, depth or size than the plan's.
    #[error("frame {index} has other planes than those that the plan speaks of")]
    OtherFrame {
        /// The frame.
        index: u64,
    },
    /// A window's frames are looked at in rising order.
    #[error("frame {index} was given where only frames of the window from {expected} on are next")]
    OutOfOrder {
        /// The frame.
        index: u64,
        /// The first that may be next.
        expected: u64,
    },
}

#[cfg(test)]
mod tests;
