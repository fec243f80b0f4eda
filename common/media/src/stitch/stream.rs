//! What the streams of a movie are: parameters, side data, what is taken over from the source.
//!
//! Owns the description of the video. Refuses everything that has to do with packets.

mod colour;
pub(super) mod ffi;

use cleanplate_types::encode::VideoCodec;
use cleanplate_types::picture::PixelLayout;
use cleanplate_types::source::Colour;

/// What the video stream of a movie is, beside what it takes from the source's.
pub(super) struct Video<'a> {
    pub(super) codec: VideoCodec,
    pub(super) size: (u32, u32),
    pub(super) layout: &'a PixelLayout,
    pub(super) timebase: (i32, i32),
    /// When the first frame is shown, in ticks of `timebase`.
    pub(super) first_shown: Option<i64>,
    pub(super) extradata: &'a [u8],
    pub(super) sample_aspect: (i32, i32),
    pub(super) colour: Colour,
    /// Whether the container says how two views share the picture.
    pub(super) says_stereo: bool,
    pub(super) reorder_frames: u8,
    /// libav's numbering of field orders.
    pub(super) field_order: FieldOrder,
    pub(super) mastering: Option<[(i32, i32); 10]>,
    pub(super) light_level: Option<(u32, u32)>,
    /// The sample entry, in containers of boxes: what players of Apple want for HEVC, or the one that says that
    /// parameter sets are among the samples.
    pub(super) tag: Option<[u8; 4]>,
}

/// Field order of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldOrder {
    Progressive,
    TopFirst,
    BottomFirst,
    Unknown,
}
