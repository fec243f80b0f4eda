//! The options of the subcommands around a plan: preview, approval, and saving it.

use std::path::PathBuf;

use clap::Args;

use super::job::{Damage, WhatArguments};
use super::{ClientArguments, JobArgument};

/// Examples of `preview`.
pub(super) const EXAMPLES: &str = "Examples:\n  \
    cleanplate preview in.mp4 -o stills\n  \
    cleanplate preview in.mp4 -o stills --region 1500,60,300,120\n  \
    cleanplate preview in.mp4 -o stills --overlay logo.png@40,-6 --save-plan show.plan\n  \
    cleanplate preview --job 4f2a -o stills   (what a job of `submit --review` waits with)\n\n\
    Nothing is encoded. Overlays are numbered from 0, as `approve --drop` takes them.";

/// Options of `preview`.
#[derive(Debug, Args)]
pub(crate) struct PreviewArguments {
    /// The video: a path or a URL (file, s3).
    #[arg(required_unless_present = "job")]
    pub(crate) input: Option<String>,
    /// The folder for the stills; it is made where there are any.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// Show what this job of a coordinator waits with, instead of looking at a video here.
    #[arg(long, value_name = "ID", conflicts_with_all = ["input", "region", "mask", "overlay",
        "plan", "save_plan", "detect", "fill", "on_damage", "workers"])]
    pub(crate) job: Option<String>,
    /// What to remove.
    #[command(flatten)]
    pub(crate) what: WhatArguments,
    /// How to fill, as `run` takes it: auto (the best that each sample has; faces and plates are pixelated),
    /// invert, fetch, membrane, pixelate, or an ONNX model that paints what no frame shows.
    #[arg(long, value_name = "HOW", default_value = "auto", help_heading = "How to fill")]
    pub(crate) fill: String,
    /// What to do where the source is damaged.
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Damage::Fail)]
    pub(crate) on_damage: Damage,
    /// Windows looked at side by side; by default one a core.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) workers: Option<u32>,
    /// Which coordinator, for --job.
    #[command(flatten)]
    pub(crate) client: ClientArguments,
}

/// Options of `approve`.
#[derive(Debug, Args)]
pub(crate) struct ApproveArguments {
    /// Which job.
    #[command(flatten)]
    pub(crate) job: JobArgument,
    /// Do not remove this overlay, by its number as `preview` and `jobs --show` tell it. Repeatable.
    #[arg(long, value_name = "N")]
    pub(crate) drop: Vec<u32>,
}

/// Options of `plan`.
#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    /// Which job.
    #[command(flatten)]
    pub(crate) job: JobArgument,
    /// The file to write; an earlier plan is replaced, any other file is not.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}
