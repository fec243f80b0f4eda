//! What can go wrong with media, to whom, in libav's own words.
//!
//! Owns the one error type of this crate and its mapping to the job's failure kinds. Refuses bare
//! return codes: libav's codes say little, so every error of the library carries its last log lines.

use std::fmt;
use std::io;

use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::frames::FrameRange;
use cleanplate_types::limits::OverLimit;
use cleanplate_types::time::Pts;

use crate::adts::Spoilt;
use crate::device::CardError;
use crate::log;

/// Log lines that an error's text repeats; the others are in the trace.
const LINES_SHOWN: usize = 3;

/// What libav said when something failed: its return code, the code's meaning, and its log lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// libav's return code; 0 where the failure is not a return code of libav.
    pub code: i32,
    /// What the code means.
    pub meaning: String,
    /// What this thread's libav calls logged since the log was last taken, oldest first.
    pub lines: Vec<String>,
}

impl Words {
    /// Takes this thread's log lines for an error that libav returned.
    #[must_use]
    pub fn of(error: ffmpeg_next::Error) -> Self {
        Self { code: error.into(), meaning: error.to_string(), lines: log::take() }
    }

    /// Takes this thread's log lines for a failure that libav did not return as a code.
    #[must_use]
    pub fn logged(meaning: impl Into<String>) -> Self {
        Self { code: 0, meaning: meaning.into(), lines: log::take() }
    }

    /// Whether a muxer means the packet that it was given, and would take the next one.
    pub(crate) fn are_about_a_packet(&self) -> bool {
        use ffmpeg_next::Error::{InvalidData, PatchWelcome};
        [InvalidData, PatchWelcome].into_iter().any(|error| self.code == i32::from(error))
    }

    /// Whether a log line contains `text`.
    #[must_use]
    pub fn mention(&self, text: &str) -> bool {
        self.lines.iter().any(|line| line.contains(text))
    }
}

impl fmt::Display for Words {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.meaning.clone();
        if let Some(first) = text.get(..1) {
            let lower = first.to_lowercase();
            text.replace_range(..1, &lower);
        }
        formatter.write_str(&text)?;
        let shown = self.lines.len().saturating_sub(LINES_SHOWN);
        for (place, line) in self.lines[shown..].iter().enumerate() {
            formatter.write_str(if place == 0 { " (" } else { "; " })?;
            formatter.write_str(line.trim_end_matches('.'))?;
        }
        if self.lines.is_empty() { Ok(()) } else { formatter.write_str(")") }
    }
}

/// Something that this crate could not do.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// No demuxer knows the bytes.
    #[error("not a video file that can be read: {0}")]
    NotMedia(Words),
    /// The bytes are of a kind that is not read here (a playlist, a still picture, a device).
    #[error("{format} is not one of the containers that are read here; remux it to mp4 or mkv")]
    ContainerRefused {
        /// libav's name of it.
        format: String,
    },
    /// A container without any stream.
    #[error("the file holds no video stream")]
    NoVideo,
    /// Sound, but no picture.
    #[error("the file holds sound only, no video stream")]
    AudioOnly,
    /// A video stream in which nothing can be shown.
    #[error("the video stream has no frames")]
    NoFrames,
    /// No decoder for the video stream.
    #[error("no decoder for {codec} video: {words}")]
    UnsupportedCodec {
        /// libav's codec name.
        codec: String,
        /// libav's words.
        words: Words,
    },
    /// Samples that are not planar YUV or grey of 8 to 16 bits.
    #[error(
        "pixel format {format} is not planar YUV or grey; convert it first, such as with \
         `ffmpeg -pix_fmt yuv444p`"
    )]
    UnsupportedPixels {
        /// libav's name of the format.
        format: String,
    },
    /// The streams are encrypted.
    #[error("the video is encrypted; decrypt it first")]
    Encrypted,
    /// The file ends before its own index or header says.
    #[error("the file is cut off: {detail}")]
    Truncated {
        /// How that is known.
        detail: String,
    },
    /// Bits that do not decode.
    #[error("{}: {words}", damage_text(*frame, *pts))]
    Damaged {
        /// Index of the frame in the table, where it is known.
        frame: Option<u64>,
        /// Timestamp of the frame or packet, where it is known.
        pts: Option<Pts>,
        /// libav's words.
        words: Words,
    },
    /// A packet of another stream than the video that the output cannot carry as it is.
    #[error("{spoilt}; --on-damage conceal leaves such packets out and says when")]
    DamagedBeside {
        /// The first such packet.
        spoilt: Spoilt,
    },
    /// The pictures have another size than those that something was drawn for.
    #[error(
        "what is to be removed was drawn or learned on pictures of {}x{}, these are {}x{}; draw the mask at the \
         picture's size, or learn the plan anew with --save-plan",
        drawn.0, drawn.1, found.0, found.1
    )]
    OtherSize {
        /// Width and height that it was drawn for.
        drawn: (u32, u32),
        /// Width and height of the pictures.
        found: (u32, u32),
    },
    /// Pictures of another size or pixel format begin in the middle of the stream.
    #[error("the picture changes from {before} to {after} in mid-stream; split the file there")]
    PictureChanges {
        /// Size and format at the start.
        before: String,
        /// Size and format found later.
        after: String,
    },
    /// Timestamps that do not rise, so that frames have no place.
    #[error("the timestamps of the video cannot be used: {detail}")]
    BadTimes {
        /// What is wrong with them.
        detail: String,
    },
    /// Decoding showed another frame than the table says.
    #[error(
        "frame {index} should be at tick {}, but the decoder shows {}",
        tick(*expected),
        tick(*found)
    )]
    TableMismatch {
        /// Index of the frame in the table.
        index: u64,
        /// Its timestamp in the table; nothing where the table has ended.
        expected: Option<Pts>,
        /// What the decoder showed; nothing where the stream ended.
        found: Option<Pts>,
    },
    /// Packets of the source that were to be a part, and cannot be: the table is wrong about them.
    #[error("the source's packets of frames {range} cannot be taken as they are: {detail}")]
    NotOwnPackets {
        /// The frames of the cell.
        range: FrameRange,
        /// What is wrong.
        detail: String,
    },
    /// A range that is not in the table.
    #[error("frames {range} are not in a table of {count} frames")]
    OutsideTable {
        /// The range asked for.
        range: FrameRange,
        /// Number of frames in the table.
        count: u64,
    },
    /// The source's bytes did not arrive.
    #[error("the source could not be read: {0}")]
    Read(#[source] io::Error),
    /// The output's bytes were not taken.
    #[error("the output could not be written: {0}")]
    Write(#[source] io::Error),
    /// libav failed to decode, in a way that is not the source's damage.
    #[error("{doing}: {words}")]
    Decode {
        /// What was being done.
        doing: &'static str,
        /// libav's words.
        words: Words,
    },
    /// A card that did not take or give a frame.
    #[error(transparent)]
    Card(#[from] CardError),
    /// An encoder that this libav does not have.
    #[error("this FFmpeg has no encoder {encoder}")]
    NoEncoder {
        /// libav's name of it.
        encoder: String,
    },
    /// An encoder that did not open, or did not encode.
    #[error("{encoder}: {doing}: {words}")]
    Encode {
        /// libav's name of it.
        encoder: String,
        /// What was being done.
        doing: &'static str,
        /// libav's words.
        words: Words,
    },
    /// An encoder whose proof did not come out as it must.
    #[error("{encoder} does not pass its proof: {detail}")]
    Unproved {
        /// libav's name of it.
        encoder: String,
        /// What it did wrong.
        detail: String,
    },
    /// A part that does not fit its manifest or its neighbours.
    #[error("the part of frames {range} cannot be joined: {detail}")]
    PartRefused {
        /// The frames of the part.
        range: FrameRange,
        /// Why not.
        detail: String,
    },
    /// A container that cannot hold the movie exactly.
    #[error("{container} cannot hold this video exactly: {detail}")]
    ContainerCannotHold {
        /// libav's name of the container.
        container: String,
        /// What it cannot hold, and which container can.
        detail: String,
    },
    /// libav failed to write the container.
    #[error("{doing}: {words}")]
    Mux {
        /// What was being done.
        doing: &'static str,
        /// libav's words.
        words: Words,
    },
    /// A movie that does not read back as it was written.
    #[error("the movie does not read back as it was written: {detail}; nothing is published")]
    MovieWrong {
        /// Which stream and packet, and what is wrong with it.
        detail: String,
        /// Index of the frame that is not shown when it should be, where it is one.
        frame: Option<u64>,
    },
    /// More than a limit allows.
    #[error(transparent)]
    OverLimit(#[from] OverLimit),
    /// libav could not get memory.
    #[error("out of memory while {doing}")]
    OutOfMemory {
        /// What it was for.
        doing: &'static str,
    },
    /// A state that should not exist.
    #[error("{0}")]
    Internal(String),
}

/// What may be done about a damaged frame.
const CONCEAL: &str =
    "--on-damage conceal shows it as well as the decoder can, and says which frames those are";

fn damage_text(frame: Option<u64>, pts: Option<Pts>) -> String {
    match (frame, pts) {
        (Some(frame), _) => format!("frame {frame} is damaged"),
        (None, Some(pts)) => format!("the video is damaged at tick {}", pts.0),
        (None, None) => "the video is damaged".to_owned(),
    }
}

fn tick(pts: Option<Pts>) -> String {
    pts.map_or_else(|| "nothing".to_owned(), |pts| pts.0.to_string())
}

impl MediaError {
    /// The kind of failure that it is for the job.
    #[must_use]
    pub const fn kind(&self) -> FailureKind {
        match self {
            Self::NotMedia(_)
            | Self::ContainerRefused { .. }
            | Self::NoVideo
            | Self::AudioOnly
            | Self::NoFrames
            | Self::UnsupportedCodec { .. }
            | Self::UnsupportedPixels { .. }
            | Self::Encrypted
            | Self::Truncated { .. }
            | Self::Damaged { .. }
            | Self::DamagedBeside { .. }
            | Self::PictureChanges { .. }
            | Self::BadTimes { .. } => FailureKind::BadInput,
            Self::TableMismatch { .. } | Self::NotOwnPackets { .. } => FailureKind::TableMismatch,
            Self::Read(_) => FailureKind::SourceUnavailable,
            Self::Write(_) => FailureKind::StoreUnavailable,
            Self::OutOfMemory { .. } | Self::NoEncoder { .. } | Self::Card(_) => {
                FailureKind::WorkerLacks
            }
            Self::Encode { .. } | Self::Unproved { .. } => FailureKind::EncoderFailed,
            Self::PartRefused { .. } => FailureKind::PartRefused,
            Self::ContainerCannotHold { .. } | Self::OtherSize { .. } => FailureKind::BadRequest,
            Self::MovieWrong { .. } => FailureKind::OutputWrong,
            Self::OverLimit(_) => FailureKind::OverLimit,
            Self::Decode { .. }
            | Self::Mux { .. }
            | Self::OutsideTable { .. }
            | Self::Internal(_) => FailureKind::Internal,
        }
    }

    /// The failure of `stage` that this is, with the frame where it is known.
    #[must_use]
    pub fn failure(&self, stage: Stage) -> Failure {
        let is_placed = |at: &Self| matches!(at, Self::Damaged { frame, pts, .. } if frame.is_some() || pts.is_some());
        // Where damage is concealed, no frame fails for it.
        let text = if is_placed(self) { format!("{self}; {CONCEAL}") } else { self.to_string() };
        let failure = Failure::new(self.kind(), stage, text);
        let frame = if let Self::Damaged { frame, .. } | Self::MovieWrong { frame, .. } = self {
            *frame
        } else if let Self::TableMismatch { index, .. } = self {
            Some(*index)
        } else {
            None
        };
        if let Self::NotOwnPackets { range, .. } = self {
            return failure.at(*range);
        }
        match frame {
            Some(frame) => failure.at(FrameRange::new(frame, frame.saturating_add(1))),
            None => failure,
        }
    }
}
