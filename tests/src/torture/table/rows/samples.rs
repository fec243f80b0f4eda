//! Sources of each layout of samples.

use super::super::super::kind::{Kind, PLAIN, Step::Ffmpeg};
use super::super::Row;

/// What is said above the rows.
pub(in super::super) const SAY: &str = "## Samples\n\nThe encoder for each layout of samples; depth and chroma come back as they were.";

/// The rows.
pub(in super::super) const ROWS: &[Row] = &[
    Row {
        head: "gray",
        kind: Kind {
            name: "table_samples_gray",
            file: "clip.mkv",
            steps: &[Ffmpeg(r"-i base.nut -frames:v 24 -pix_fmt gray -c:v ffv1 -level 3 clip.mkv")],
            ..PLAIN
        },
    },
    Row {
        head: "gray10le",
        kind: Kind {
            name: "table_samples_gray10le",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -frames:v 24 -pix_fmt gray10le -c:v ffv1 -level 3 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "yuv420p",
        kind: Kind {
            name: "table_samples_yuv420p",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -frames:v 24 -pix_fmt yuv420p -c:v ffv1 -level 3 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "yuv422p",
        kind: Kind {
            name: "table_samples_yuv422p",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -frames:v 24 -pix_fmt yuv422p -c:v ffv1 -level 3 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "yuv444p",
        kind: Kind {
            name: "table_samples_yuv444p",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -frames:v 24 -pix_fmt yuv444p -c:v ffv1 -level 3 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "yuv420p10le",
        kind: Kind {
            name: "table_samples_yuv420p10le",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -frames:v 24 -pix_fmt yuv420p10le -c:v ffv1 -level 3 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "yuv422p10le",
        kind: Kind {
            name: "table_samples_yuv422p10le",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -frames:v 24 -pix_fmt yuv422p10le -c:v ffv1 -level 3 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "yuv444p10le",
        kind: Kind {
            name: "table_samples_yuv444p10le",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -frames:v 24 -pix_fmt yuv444p10le -c:v ffv1 -level 3 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "yuv420p12le",
        kind: Kind {
            name: "table_samples_yuv420p12le",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -frames:v 24 -pix_fmt yuv420p12le -c:v ffv1 -level 3 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "yuv422p12le",
        kind: Kind {
            name: "table_samples_yuv422p12le",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -frames:v 24 -pix_fmt yuv422p12le -c:v ffv1 -level 3 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "yuv444p12le",
        kind: Kind {
            name: "table_samples_yuv444p12le",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -frames:v 24 -pix_fmt yuv444p12le -c:v ffv1 -level 3 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "yuv420p in HEVC",
        kind: Kind {
            name: "table_samples_hevc",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -frames:v 24 -pix_fmt yuv420p -c:v libx265 -preset ultrafast -x265-params log-level=none clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "yuv420p, interlaced",
        kind: Kind {
            name: "table_samples_interlaced",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -vf tinterlace=interleave_top,setfield=tff -frames:v 24 -pix_fmt yuv420p -flags +ildct+ilme -c:v libx264 -preset veryfast -x264-params tff=1 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "yuv422p10le, interlaced",
        kind: Kind {
            name: "table_samples_interlaced10",
            file: "clip.mov",
            steps: &[Ffmpeg(
                r"-i base.nut -vf tinterlace=interleave_top,setfield=tff -frames:v 24 -pix_fmt yuv422p10le -flags +ildct -c:v prores_ks -profile:v standard clip.mov",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "yuv411p",
        kind: Kind {
            name: "table_samples_yuv411p",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -frames:v 24 -pix_fmt yuv411p -c:v ffv1 -level 3 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "yuva420p",
        kind: Kind {
            name: "table_samples_yuva420p",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -frames:v 24 -pix_fmt yuva420p -c:v ffv1 -level 3 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "gbrp",
        kind: Kind {
            name: "table_samples_gbrp",
            file: "clip.mkv",
            steps: &[Ffmpeg(r"-i base.nut -frames:v 24 -pix_fmt gbrp -c:v ffv1 -level 3 clip.mkv")],
            ..PLAIN
        },
    },
];
