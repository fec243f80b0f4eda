//! What a comparison found, in types that are also the JSON that scripts read.
//!
//! Owns the names of all that can survive, change or be lost. Its size does not grow with the video:
//! lists of frames end after [`LISTED_MAX`], what happens over time is drawn in at most [`MOMENTS_MAX`]
//! steps. Refuses to judge by itself: every finding carries its own status.

use serde::{Deserialize, Serialize};

/// Frames of one list that are named; the others are counted.
pub const LISTED_MAX: usize = 100;

/// Steps into which the time of the video is divided, at most.
pub const MOMENTS_MAX: u64 = 1000;

/// What became of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is in the output as it was in the source.
    Survived,
    /// It is different because processing changes it: the codec, who wrote the file, the record of it.
    OnPurpose,
    /// It is different in a way that loses nothing, such as something that is only in the output.
    Noted,
    /// The output's container or codec has no place for it, or it is a muxer's own name for what it writes.
    NoPlace,
    /// It should have survived and did not.
    Lost,
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aspect {
    /// The container's format.
    Container,
    /// Which displayed frames are there.
    Frames,
    /// When the frames are shown.
    FrameTimes,
    /// Codec of the video.
    Codec,
    /// Width and height.
    Size,
    /// Depth and chroma of the samples.
    Pixels,
    /// Shape of a sample.
    SampleAspect,
    /// Rotation that players apply.
    Rotation,
    /// Primaries, transfer, matrix, range, chroma location.
    Colour,
    /// HDR mastering display and light level.
    Hdr,
    /// HDR10+, Dolby Vision.
    DynamicHdr,
    /// Alpha of VP8 and VP9, beside their pictures.
    Alpha,
    /// Progressive, or which field comes first.
    FieldOrder,
    /// Closed captions inside the video.
    Captions,
    /// How two views share a picture.
    Stereo,
    /// Start time code.
    Timecode,
    /// A stream's being there at all.
    Stream,
    /// A stream's packets: number, order, content.
    Packets,
    /// When a stream's packets are due.
    PacketTimes,
    /// How far a stream is from the video, at its start and end.
    Sync,
    /// A stream's language.
    Language,
    /// What a stream is for: default, forced, commentary.
    Disposition,
    /// A tag of the file or of a stream.
    Tag,
    /// Chapters.
    Chapters,
    /// A font, a cover picture or another file.
    Attachment,
    /// Samples of the decoded pictures, outside the mask.
    Samples,
}

impl Aspect {
    /// Its name, as in the JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Frames => "frames",
            Self::FrameTimes => "frame_times",
            Self::Codec => "codec",
            Self::Size => "size",
            Self::Pixels => "pixels",
            Self::SampleAspect => "sample_aspect",
            Self::Rotation => "rotation",
            Self::Colour => "colour",
            Self::Hdr => "hdr",
            Self::DynamicHdr => "dynamic_hdr",
            Self::Alpha => "alpha",
            Self::FieldOrder => "field_order",
            Self::Captions => "captions",
            Self::Stereo => "stereo",
            Self::Timecode => "timecode",
            Self::Stream => "stream",
            Self::Packets => "packets",
            Self::PacketTimes => "packet_times",
            Self::Sync => "sync",
            Self::Language => "language",
            Self::Disposition => "disposition",
            Self::Tag => "tag",
            Self::Chapters => "chapters",
            Self::Attachment => "attachment",
            Self::Samples => "samples",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is about.
    pub aspect: Aspect,
    /// What became of it.
    pub status: Status,
    /// Of what: `file`, `video`, `stream 1 (audio aac eng)`.
    pub subject: String,
    /// In words, with numbers.
    pub detail: String,
}

/// A time, exactly and for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Time {
    /// Seconds as a reduced fraction, such as `1001/24000`.
    pub exact: String,
    /// The same, rounded.
    pub seconds: f64,
}

/// A frame of one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrameAt {
    /// Its place among the displayed frames of its file, from 0: of the output for extra frames, else of
    /// the source.
    pub index: u64,
    /// When its file shows it.
    pub time: Time,
    /// For moved frames, how much later the output shows it; negative where earlier.
    pub later: Option<Time>,
}

/// Some frames: how many, and the first of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Listed {
    /// All of them.
    pub count: u64,
    /// The first [`LISTED_MAX`].
    pub first: Vec<FrameAt>,
}

impl Listed {
    pub(crate) fn add(&mut self, frame: impl FnOnce() -> FrameAt) {
        self.count += 1;
        if self.first.len() < LISTED_MAX {
            self.first.push(frame());
        }
    }
}

/// The displayed frames of both files.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Frames {
    /// Number in the source.
    pub source: u64,
    /// Number in the output.
    pub output: u64,
    /// Frames that both show at exactly the same time.
    pub matched: u64,
    /// Frames of the source that the output does not show.
    pub missing: Listed,
    /// Frames of the output that the source does not show.
    pub extra: Listed,
    /// Frames that the output shows at another time.
    pub moved: Listed,
    /// By how much the whole output is later than the source, where it is.
    pub shift: Option<Time>,
}

/// A stream of the source and what it became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamPair {
    /// Its index in the source; nothing for a stream of the output alone.
    pub source: Option<u32>,
    /// Its index in the output; nothing where it is lost.
    pub output: Option<u32>,
    /// `video`, `audio`, `subtitle`, `data` or `attachment`.
    pub kind: String,
    /// libav's names of the codec in the source and in the output.
    pub codecs: (String, String),
    /// Number of packets in the source and in the output.
    pub packets: (u64, u64),
    /// Whether all packets have the same content in the same order.
    pub identical: bool,
    /// Start relative to the first frame of the video in nanoseconds, in the source and in the output.
    pub start_offset_nanos: Option<(i64, i64)>,
    /// The last packet relative to the last frame of the video, likewise.
    pub end_offset_nanos: Option<(i64, i64)>,
}

/// Quality of one plane over all frames, outside the mask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlaneQuality {
    /// `y`, `u` or `v`.
    pub plane: String,
    /// Peak signal to noise in dB; nothing where no sample differs.
    pub psnr: Option<f64>,
    /// Structural similarity, at most 1; nothing where the plane is too small.
    pub ssim: Option<f64>,
    /// Samples that were compared.
    pub samples: u64,
    /// Samples that differ.
    pub changed: u64,
    /// The largest difference.
    pub max: u32,
}

/// The difference of one frame, outside the mask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrameDifference {
    /// The frame's index in the source.
    pub index: u64,
    /// When it is shown.
    pub time: Time,
    /// The largest difference of a sample.
    pub max: u32,
    /// The mean difference of the samples.
    pub mean: f64,
    /// Samples that differ.
    pub changed: u64,
}

/// A frame that shows the picture of another one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrameOther {
    /// The frame's index in the source.
    pub index: u64,
    /// When it is shown.
    pub time: Time,
    /// Index of the frame of the source whose picture it is.
    pub shows: u64,
}

/// Frames that show the picture of another one: how many, and the first of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Misplaced {
    /// All of them.
    pub count: u64,
    /// The first [`LISTED_MAX`].
    pub first: Vec<FrameOther>,
    /// Further ones that differ from the other frame in one place alone, while no mask says what was removed:
    /// what comes and goes over a still scene, and is removed, makes one frame its neighbour's equal.
    pub doubtful: u64,
}

/// The difference over a stretch of the source's frames.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// Index of the first frame of the stretch.
    pub frame: u64,
    /// When that frame is shown, in seconds.
    pub seconds: f64,
    /// Frames that were compared.
    pub compared: u64,
    /// The largest difference of a sample.
    pub max: u32,
    /// The mean of the frames' mean differences.
    pub mean: f64,
    /// Samples that differ.
    pub changed: u64,
    /// Frames of the source that the output does not show.
    pub missing: u64,
    /// Frames of the output that the source does not show.
    pub extra: u64,
}

/// What comparing the decoded pictures gave.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Pictures {
    /// Why they were not compared; nothing where they were.
    pub not_compared: Option<String>,
    /// Pairs of frames that were compared.
    pub compared: u64,
    /// Pairs without any difference outside the mask.
    pub identical: u64,
    /// Bits of a sample.
    pub depth: u8,
    /// Peak signal to noise of all planes in dB; nothing where no sample differs.
    pub psnr: Option<f64>,
    /// Structural similarity of all planes.
    pub ssim: Option<f64>,
    /// Samples that differ.
    pub changed: u64,
    /// The largest difference.
    pub max: u32,
    /// By plane.
    pub planes: Vec<PlaneQuality>,
    /// The frames with the largest mean difference, worst first.
    pub worst: Vec<FrameDifference>,
    /// Frames that show the picture of another one near them.
    pub misplaced: Misplaced,
    /// The difference over time.
    pub over_time: Vec<Moment>,
}

/// All that a comparison found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What was looked at, in the order of a table for people.
    pub findings: Vec<Finding>,
    /// The displayed frames.
    pub frames: Frames,
    /// The streams.
    pub streams: Vec<StreamPair>,
    /// The decoded pictures, where they were to be compared.
    pub pictures: Option<Pictures>,
    /// What is worth telling a person about how the frames were counted.
    pub notes: Vec<String>,
}

impl Report {
    /// Whether all that should have survived did.
    #[must_use]
    pub fn survived(&self) -> bool {
        self.findings.iter().all(|finding| finding.status != Status::Lost)
    }

    pub(crate) fn add(
        &mut self,
        aspect: Aspect,
        status: Status,
        subject: impl Into<String>,
        detail: impl Into<String>,
    ) {
        let (subject, detail) = (subject.into(), detail.into());
        self.findings.push(Finding { aspect, status, subject, detail });
    }
}
