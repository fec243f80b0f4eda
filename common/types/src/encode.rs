//! The encode contract: everything that changes an encoder's output, pinned for the whole job.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::Sha;
use crate::ids::CellIndex;
use crate::model::Painting;
use crate::picture::PixelLayout;
use crate::source::{Colour, FieldOrder};
use crate::time::Timebase;

/// The encoders that the product knows how to drive, by libav's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EncoderName {
    /// H.264 in software.
    Libx264,
    /// HEVC in software.
    Libx265,
    /// H.264 on an NVIDIA card.
    H264Nvenc,
    /// HEVC on an NVIDIA card.
    HevcNvenc,
    /// VP9 in software.
    LibvpxVp9,
    /// AV1 in software.
    LibaomAv1,
}

/// What an encoder makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VideoCodec {
    /// H.264.
    H264,
    /// HEVC.
    Hevc,
    /// VP9.
    Vp9,
    /// AV1.
    Av1,
}

impl VideoCodec {
    /// libav's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::Hevc => "hevc",
            Self::Vp9 => "vp9",
            Self::Av1 => "av1",
        }
    }

    /// Its name for people.
    #[must_use]
    pub const fn for_people(self) -> &'static str {
        match self {
            Self::H264 => "H.264",
            Self::Hevc => "HEVC",
            Self::Vp9 => "VP9",
            Self::Av1 => "AV1",
        }
    }

    /// Whether it has messages beside the pictures (closed captions, HDR metadata) that decoders of all
    /// kinds read.
    #[must_use]
    pub const fn has_messages(self) -> bool {
        match self {
            Self::H264 | Self::Hevc => true,
            Self::Vp9 | Self::Av1 => false,
        }
    }

    /// Whether its streams have parameter sets ahead of the pictures.
    #[must_use]
    pub const fn has_parameter_sets(self) -> bool {
        match self {
            Self::H264 | Self::Hevc | Self::Av1 => true,
            Self::Vp9 => false,
        }
    }
}

impl EncoderName {
    /// Every encoder, software first.
    pub const ALL: [Self; 6] = [
        Self::Libx264,
        Self::Libx265,
        Self::LibvpxVp9,
        Self::LibaomAv1,
        Self::H264Nvenc,
        Self::HevcNvenc,
    ];

    /// libav's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Libx264 => "libx264",
            Self::Libx265 => "libx265",
            Self::H264Nvenc => "h264_nvenc",
            Self::HevcNvenc => "hevc_nvenc",
            Self::LibvpxVp9 => "libvpx-vp9",
            Self::LibaomAv1 => "libaom-av1",
        }
    }

    /// Takes libav's name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.as_str() == text)
    }

    /// Whether it needs a card.
    #[must_use]
    pub const fn is_hardware(self) -> bool {
        match self {
            Self::Libx264 | Self::Libx265 | Self::LibvpxVp9 | Self::LibaomAv1 => false,
            Self::H264Nvenc | Self::HevcNvenc => true,
        }
    }

    /// Whether its streams have sequence parameter sets, which the part contract reads.
    #[must_use]
    pub const fn has_parameter_sets(self) -> bool {
        matches!(self, Self::Libx264 | Self::Libx265 | Self::H264Nvenc | Self::HevcNvenc)
    }

    /// The encoder of the same codec that needs no card.
    #[must_use]
    pub const fn in_software(self) -> Self {
        match self {
            Self::Libx264 | Self::H264Nvenc => Self::Libx264,
            Self::Libx265 | Self::HevcNvenc => Self::Libx265,
            Self::LibvpxVp9 => Self::LibvpxVp9,
            Self::LibaomAv1 => Self::LibaomAv1,
        }
    }

    /// The encoder of the same codec on a card, where there is one.
    #[must_use]
    pub const fn in_hardware(self) -> Option<Self> {
        match self {
            Self::Libx264 | Self::H264Nvenc => Some(Self::H264Nvenc),
            Self::Libx265 | Self::HevcNvenc => Some(Self::HevcNvenc),
            Self::LibvpxVp9 | Self::LibaomAv1 => None,
        }
    }

    /// What it makes.
    #[must_use]
    pub const fn codec(self) -> VideoCodec {
        match self {
            Self::Libx264 | Self::H264Nvenc => VideoCodec::H264,
            Self::Libx265 | Self::HevcNvenc => VideoCodec::Hevc,
            Self::LibvpxVp9 => VideoCodec::Vp9,
            Self::LibaomAv1 => VideoCodec::Av1,
        }
    }

    /// The end of its scale of quality, which begins at 0 with the best.
    #[must_use]
    pub const fn quality_max(self) -> u8 {
        match self {
            Self::Libx264 | Self::Libx265 | Self::H264Nvenc | Self::HevcNvenc => 51,
            Self::LibvpxVp9 | Self::LibaomAv1 => 63,
        }
    }
}

impl fmt::Display for EncoderName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// An encoder that made a real test picture on a worker, and the build that made it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EncoderProof {
    /// Which encoder.
    pub name: EncoderName,
    /// The build: libavcodec's version and, where the encoder tells it, its own. Parts of
    /// different builds are never joined.
    pub build: String,
}

/// How good the picture must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Quality {
    /// Constant quality on the encoder's own scale (CRF, CQ).
    Constant(u8),
    /// Bit-exact: the decoded output is the clean frames.
    Lossless,
}

/// All that changes an encoder's output. The same for every cell of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncodeSpec {
    /// The encoder and its build.
    pub encoder: EncoderProof,
    /// The encoder's own preset name.
    pub preset: String,
    /// How good.
    pub quality: Quality,
    /// Picture width in samples.
    pub width: u32,
    /// Picture height in samples.
    pub height: u32,
    /// Sample layout that goes into the encoder: the source's own.
    pub layout: PixelLayout,
    /// The clock of the timestamps: the source stream's own.
    pub timebase: Timebase,
    /// Nominal frame rate, for rate control; `(0, 1)` where unknown.
    pub frame_rate: (u32, u32),
    /// Sample aspect ratio; `(0, 1)` where unknown.
    pub sample_aspect: (u32, u32),
    /// Colour description.
    pub colour: Colour,
    /// Field order; interlaced sources are encoded interlaced.
    pub field_order: FieldOrder,
    /// HDR mastering display as in the source description.
    pub mastering: Option<Vec<(i32, i32)>>,
    /// HDR content light level.
    pub light_level: Option<(u32, u32)>,
    /// Frames by which coding order may run ahead of display order: the stitch's dts rests on it.
    pub reorder_frames: u8,
    /// The longest cell in frames: the encoder's keyframe interval lies beyond it.
    pub cell_frames_max: u32,
    /// The cells that are not encoded but taken from the source; nothing where all are encoded.
    pub copied: Option<CopiedCells>,
    /// Who paints what nothing else serves, frame by frame; nothing where that is the membrane's. Not the encoder's
    /// business, but pinned here: parts that others painted are not of one movie.
    pub painting: Option<Painting>,
}

/// Cells whose parts are the source's own packets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopiedCells {
    /// Which, rising; never empty.
    pub cells: Vec<CellIndex>,
    /// The hash of the source's parameter sets, which these parts carry as their extradata.
    pub extradata: Sha,
    /// Every key frame of every part brings its parameter sets with it, since other cells have others: a
    /// decoder may begin at any of them. Not so where the whole movie is the source's own packets.
    pub sets_in_band: bool,
}

/// Rates that are believed, in frames per second; others come from clocks, not from cameras.
const RATES: std::ops::RangeInclusive<u32> = 1..=300;

/// The rate that stands for one that is not known: rate control and levels rest on it.
const RATE_UNKNOWN: (u32, u32) = (25, 1);

impl EncodeSpec {
    /// Whether the part of `cell` is made of the source's own packets.
    #[must_use]
    pub fn copies(&self, cell: CellIndex) -> bool {
        self.copied.as_ref().is_some_and(|copied| copied.cells.binary_search(&cell).is_ok())
    }

    /// Whether every key frame brings its parameter sets with it.
    #[must_use]
    pub fn has_sets_in_band(&self) -> bool {
        self.copied.as_ref().is_some_and(|copied| copied.sets_in_band)
    }

    /// The frame rate that rate control works with. Cells are encoded as if their frames came at this rate:
    /// so the jitter of a clock in milliseconds, and where a cell lies in the file, change no byte.
    #[must_use]
    pub fn coded_rate(&self) -> (u32, u32) {
        match self.frame_rate.0.checked_div(self.frame_rate.1) {
            Some(whole) if RATES.contains(&whole) => self.frame_rate,
            Some(_) | None => RATE_UNKNOWN,
        }
    }

    /// A fingerprint of the whole contract, for parts to carry.
    #[must_use]
    pub fn fingerprint(&self) -> Sha {
        // The debug form names every field and is stable within one build of the product; a job
        // never mixes builds.
        Sha::of(format!("{self:?}").as_bytes())
    }
}
