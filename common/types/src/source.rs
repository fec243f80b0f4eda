//! What a source is: its container, its streams, and everything of its video that must come back.

use serde::{Deserialize, Serialize};

use crate::digest::Sha;
use crate::part::CodedPicture;
use crate::picture::PixelLayout;
use crate::time::Timebase;

/// Where the source is, pinned to the version that intake saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRef {
    /// Its URL (`file://`, `s3://`, ...).
    pub url: String,
    /// Its size in bytes at intake.
    pub bytes: u64,
    /// The store's version of it (an `ETag`, or modification time and size) at intake.
    pub version: Option<String>,
}

/// What intake learned of a source without decoding all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceDescription {
    /// libav's demuxer name, such as `mov,mp4,m4a,3gp,3g2,mj2`.
    pub container: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Container duration in microseconds, as the container claims it; for people only.
    pub duration_micros: Option<i64>,
    /// The video stream that is worked on.
    pub video: VideoDescription,
    /// Every stream, the video stream included, in the source's order.
    pub streams: Vec<StreamDescription>,
    /// Number of chapters.
    pub chapters: u32,
    /// Tags of the container.
    pub tags: Vec<(String, String)>,
}

/// One stream of the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamDescription {
    /// Its index in the source.
    pub index: u32,
    /// What it carries.
    pub kind: StreamKind,
    /// libav's codec name, such as `aac`; `none` where it is not known.
    pub codec: String,
    /// Its clock.
    pub timebase: Timebase,
    /// Its first timestamp in its own ticks, where known.
    pub start: Option<i64>,
    /// Its language tag, where there is one.
    pub language: Option<String>,
    /// A still picture (cover art), not video.
    pub attached_picture: bool,
}

/// What a stream carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StreamKind {
    /// Moving pictures, or a cover picture.
    Video,
    /// Sound.
    Audio,
    /// Text or pictures over the video.
    Subtitle,
    /// Timecode, telemetry and the like.
    Data,
    /// A font or another file.
    Attachment,
}

/// The video stream: what decides the encoder, and what the output must carry again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoDescription {
    /// Its stream index in the source.
    pub stream: u32,
    /// libav's codec name, such as `h264`.
    pub codec: String,
    /// libav's profile number; negative where unknown.
    pub profile: i32,
    /// Width in samples, before rotation.
    pub width: u32,
    /// Height in samples, before rotation.
    pub height: u32,
    /// Sample layout of the decoder's output.
    pub layout: PixelLayout,
    /// The clock of its timestamps.
    pub timebase: Timebase,
    /// Sample aspect ratio; `(0, 1)` where unknown.
    pub sample_aspect: (u32, u32),
    /// Average frame rate as a fraction; `(0, 1)` where unknown. For rate control and for people.
    pub frame_rate: (u32, u32),
    /// Colour description.
    pub colour: Colour,
    /// Field order.
    pub field_order: FieldOrder,
    /// Clockwise rotation that the container asks for, in degrees, where it is a display matrix.
    pub rotation: i32,
    /// HDR mastering display, 10 numbers as fractions (display primaries r, g, b x and y; white
    /// point x and y; luminance min and max), where there is one.
    pub mastering: Option<Vec<(i32, i32)>>,
    /// HDR content light level: `MaxCLL` and `MaxFALL` in cd/m², where there is one.
    pub light_level: Option<(u32, u32)>,
    /// Kinds of dynamic HDR found (HDR10+, Dolby Vision), by name.
    pub dynamic_hdr: Vec<String>,
    /// Messages that the first picture carries and that only H.264 and HEVC have a place for, by name: closed
    /// captions, the active format, a 3D packing.
    pub messages: Vec<String>,
    /// How the container says that two views share the picture: libav's number of the way, and whether the
    /// right eye comes first.
    pub stereo: Option<(u8, bool)>,
    /// A second picture beside each one makes it see-through (VP8 and VP9 in Matroska): the layout does
    /// not show it, and a new encode loses it.
    pub alpha: bool,
    /// The parameter sets of its header, where the codec is H.264 or HEVC and they could be read.
    pub sets: Option<OwnSets>,
}

/// The parameter sets of a source, as parts that are made of its packets carry them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnSets {
    /// What they say of the pictures.
    pub coded: CodedPicture,
    /// The hash of their bytes in Annex B.
    pub extradata: Sha,
}

/// Colour description in the code points of ITU-T H.273 (2 = unspecified).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Colour {
    /// Colour primaries.
    pub primaries: u8,
    /// Transfer characteristics.
    pub transfer: u8,
    /// Matrix coefficients.
    pub matrix: u8,
    /// libav's range: 0 unspecified, 1 video, 2 full.
    pub range: u8,
    /// libav's chroma location: 0 unspecified, 1 left, 2 centre, ...
    pub chroma_location: u8,
}

/// How the lines of a frame belong to fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FieldOrder {
    /// Not known.
    Unknown,
    /// Whole frames.
    Progressive,
    /// Interlaced, top field first.
    TopFirst,
    /// Interlaced, bottom field first.
    BottomFirst,
}
