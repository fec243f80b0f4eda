//! The options of `verify`.

use std::path::PathBuf;

use clap::Args;
use cleanplate_types::request::Region;

/// What stands below the help of `verify`.
pub(crate) const EXAMPLES: &str = "Examples:\n  \
    cleanplate verify in.mp4 out.mp4\n  \
    cleanplate verify in.mp4 out.mp4 --region 1500,60,300,120 --picture difference.png\n  \
    cleanplate verify in.mkv out.mkv --mask logo.png --exact\n  \
    cleanplate verify in.mp4 s3://bucket/out.mp4 --cheap --json\n\n\
    Compares frames and their times, streams packet by packet, tags, chapters, colour and HDR, and the \
    decoded pictures. Exit status: 0 where all that should have survived did, 1 where something did not, \
    2 usage, 3 where a file cannot be read. What processing changes on purpose (the video's codec, who \
    wrote the file, the record of it, samples within encoder loss) is listed and is no failure.";

/// Options of `verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// The video that the other was made from: a path or a URL.
    pub(crate) source: String,
    /// The video that was made: a path or a URL.
    pub(crate) output: String,
    /// Look at packets, times, streams and tags alone; decode no pictures.
    #[arg(long, conflicts_with_all = ["exact", "tolerance", "mask", "region", "picture"])]
    pub(crate) cheap: bool,
    /// Leave this rectangle out, in pixels; with @FROM-TO only then. Repeatable, as for run.
    #[arg(long, value_name = "X,Y,W,H[@FROM-TO]", value_parser = super::region)]
    pub(crate) region: Vec<Region>,
    /// Leave out what is white in this picture of the video's size. Repeatable, as for run.
    #[arg(long, value_name = "FILE.png")]
    pub(crate) mask: Vec<PathBuf>,
    /// Any sample outside the mask that changed is a failure.
    #[arg(long, conflicts_with = "tolerance")]
    pub(crate) exact: bool,
    /// A sample outside the mask that changed by more than so many levels is a failure; by default
    /// the loss of an encoder is expected and only reported.
    #[arg(long, value_name = "LEVELS")]
    pub(crate) tolerance: Option<u32>,
    /// Draw the difference over time into this file.
    #[arg(long, value_name = "FILE.png")]
    pub(crate) picture: Option<PathBuf>,
    /// One JSON object on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}
