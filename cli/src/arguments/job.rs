//! The options of a job, the same for `run` and `submit`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use cleanplate_types::request::{OnDamage, Region};

/// What to remove.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct WhatArguments {
    /// Remove this rectangle, in pixels; with @FROM-TO only then. Repeatable.
    #[arg(long, value_name = "X,Y,W,H[@FROM-TO]", value_parser = super::region,
        help_heading = "What to remove")]
    pub(crate) region: Vec<Region>,
    /// Remove what is white in this picture of the video's size. Repeatable.
    #[arg(long, value_name = "FILE.png", help_heading = "What to remove")]
    pub(crate) mask: Vec<PathBuf>,
    /// Remove this logo, a PNG with its transparency. Without a place (its left upper corner, which
    /// may be negative) it is looked for in every frame. Repeatable.
    #[arg(long, value_name = "LOGO.png[@X,Y]", help_heading = "What to remove")]
    pub(crate) overlay: Vec<OsString>,
    /// Remove what was learned from another video of the same size: a file that --save-plan wrote.
    #[arg(long, value_name = "FILE", help_heading = "What to remove")]
    pub(crate) plan: Option<PathBuf>,
    /// Write what was learned of the overlays to this file, for --plan.
    #[arg(long, value_name = "FILE", help_heading = "What to remove")]
    pub(crate) save_plan: Option<PathBuf>,
    /// What to look for: static (what stays in place), text, faces, an ONNX detector of your own (a path
    /// or URL), or none. Repeatable; static where no region, mask, overlay or plan is given.
    #[arg(long, value_name = "WHAT", help_heading = "What to remove")]
    pub(crate) detect: Vec<String>,
    /// Of your own detectors, only what they call so. Repeatable; each name is one of some detector, and each
    /// detector has one of the names.
    #[arg(long, value_name = "NAME", help_heading = "What to remove")]
    pub(crate) detect_class: Vec<String>,
    /// Of your own detectors, only what they are so sure of, from 0 to 1.
    #[arg(long, value_name = "SCORE", value_parser = crate::models::score,
        help_heading = "What to remove")]
    pub(crate) detect_score: Option<u16>,
}

/// What to remove and how.
#[derive(Debug, Default, Args)]
pub(crate) struct JobArguments {
    /// What to remove.
    #[command(flatten)]
    pub(crate) what: WhatArguments,

    /// How to fill: auto (the best that each sample has; faces and plates are pixelated), invert (solve
    /// the blend of what shines through), fetch (from other frames), membrane (from the surroundings), pixelate, or an ONNX
    /// model (a path or URL) that paints what no frame shows.
    #[arg(
        long,
        value_name = "HOW",
        default_value = "auto",
        help_heading = "How to fill and encode"
    )]
    pub(crate) fill: String,
    /// The encoder: auto, libx264, libx265, libvpx-vp9, libaom-av1, h264_nvenc or hevc_nvenc.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "auto",
        help_heading = "How to fill and encode"
    )]
    pub(crate) encoder: String,
    /// Quality on the encoder's own scale; visually lossless by default (x264 18, x265 20,
    /// NVENC 19, VP9 24, AV1 22).
    #[arg(long, value_name = "N", conflicts_with = "lossless",
        value_parser = clap::value_parser!(u8).range(0..=63), help_heading = "How to fill and encode")]
    pub(crate) quality: Option<u8>,
    /// The encoder's preset [default: medium, NVENC p5, VP9 3, AV1 6].
    #[arg(long, value_name = "NAME", help_heading = "How to fill and encode")]
    pub(crate) preset: Option<String>,
    /// Encode the clean frames bit-exactly.
    #[arg(long, help_heading = "How to fill and encode")]
    pub(crate) lossless: bool,
    /// Length of the encode cells in frames; may change the movie's bytes.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..),
        help_heading = "How to fill and encode")]
    pub(crate) cell_frames: Option<u32>,
    /// The largest segment in frames (whole cells); never changes the movie.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..),
        help_heading = "How to fill and encode")]
    pub(crate) segment_frames: Option<u32>,

    /// Higher goes first.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        allow_negative_numbers = true,
        help_heading = "How to treat the job"
    )]
    pub(crate) priority: i32,
    /// Whom the job belongs to.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true,
        help_heading = "How to treat the job"
    )]
    pub(crate) owner: String,
    /// What to do where the source is damaged.
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Damage::Fail,
        help_heading = "How to treat the job")]
    pub(crate) on_damage: Damage,
    /// Write a copy of the source where the detector abstained.
    #[arg(long, help_heading = "How to treat the job")]
    pub(crate) allow_unchanged: bool,
    /// Copy cells that show no overlay from the source, packet by packet.
    #[arg(long, help_heading = "How to treat the job")]
    pub(crate) copy_untouched: bool,
    /// Let parts of several encoders into one movie (not in this version).
    #[arg(long, help_heading = "How to treat the job")]
    pub(crate) mixed_encoders: bool,
    /// Start anew in software when the encoder is lost; yes in `run`, no in `submit`.
    #[arg(long, value_name = "true|false", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", help_heading = "How to treat the job")]
    pub(crate) restart_on_encoder_loss: Option<bool>,
    /// Cells that another worker decodes again, to compare the pictures; 1 in a cluster, 0 in `run`.
    #[arg(long, value_name = "N", help_heading = "How to treat the job")]
    pub(crate) audit: Option<u32>,
    /// Accept that metadata which the output cannot carry is lost.
    #[arg(long, help_heading = "How to treat the job")]
    pub(crate) allow_metadata_loss: bool,
}

/// What to do where the source is damaged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Damage {
    /// Refuse the source.
    #[default]
    Fail,
    /// Show what the decoder makes of it, and report the frames.
    Conceal,
}

impl From<Damage> for OnDamage {
    fn from(damage: Damage) -> Self {
        match damage {
            Damage::Fail => Self::Fail,
            Damage::Conceal => Self::Conceal,
        }
    }
}
