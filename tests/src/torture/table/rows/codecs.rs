//! Sources of each codec that is read.

use super::super::super::kind::{Kind, PLAIN, Step::Ffmpeg};
use super::super::Row;

/// What is said above the rows.
pub(in super::super) const SAY: &str = "## Codecs\n\nThe encoder that `--encoder auto` takes for a source of 8-bit 4:2:0 (ProRes: 10-bit 4:2:2) with\n`--lossless`: the output's pictures are the source's, sample for sample.";

/// The rows.
pub(in super::super) const ROWS: &[Row] = &[
    Row {
        head: "H.264",
        kind: Kind {
            name: "table_codec_h264",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -frames:v 30 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 -output_ts_offset 1 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "HEVC",
        kind: Kind {
            name: "table_codec_hevc",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -frames:v 30 -pix_fmt yuv420p -c:v libx265 -preset ultrafast -x265-params log-level=none -output_ts_offset 1 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "MPEG-2",
        kind: Kind {
            name: "table_codec_mpeg2",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -frames:v 30 -pix_fmt yuv420p -c:v mpeg2video -q:v 3 -bf 2 -output_ts_offset 1 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "MPEG-4 ASP",
        kind: Kind {
            name: "table_codec_mpeg4",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -frames:v 30 -pix_fmt yuv420p -c:v mpeg4 -q:v 3 -bf 2 -output_ts_offset 1 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "VP8",
        kind: Kind {
            name: "table_codec_vp8",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -frames:v 30 -pix_fmt yuv420p -c:v libvpx -b:v 1M -deadline realtime -cpu-used 8 -output_ts_offset 1 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "VP9",
        kind: Kind {
            name: "table_codec_vp9",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -frames:v 30 -pix_fmt yuv420p -c:v libvpx-vp9 -b:v 1M -deadline realtime -cpu-used 8 -output_ts_offset 1 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "AV1",
        kind: Kind {
            name: "table_codec_av1",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -frames:v 30 -pix_fmt yuv420p -c:v libaom-av1 -cpu-used 8 -usage realtime -crf 40 -output_ts_offset 1 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "ProRes",
        kind: Kind {
            name: "table_codec_prores",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -frames:v 30 -pix_fmt yuv422p10le -c:v prores_ks -profile:v standard -output_ts_offset 1 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "Motion JPEG",
        kind: Kind {
            name: "table_codec_mjpeg",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -frames:v 30 -pix_fmt yuvj420p -c:v mjpeg -q:v 4 -output_ts_offset 1 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "FFV1",
        kind: Kind {
            name: "table_codec_ffv1",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -frames:v 30 -pix_fmt yuv420p -c:v ffv1 -level 3 -output_ts_offset 1 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "Theora",
        kind: Kind {
            name: "table_codec_theora",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -frames:v 30 -pix_fmt yuv420p -c:v libtheora -q:v 6 -output_ts_offset 1 clip.mkv",
            )],
            ..PLAIN
        },
    },
];
