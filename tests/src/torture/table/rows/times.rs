//! Sources whose times are hard: rates, clocks, starts.

use super::super::super::kind::{Kind, PLAIN, Step::Ffmpeg};
use super::super::Row;

/// What is said above the rows.
pub(in super::super) const SAY: &str = "## Times\n\nEvery frame comes back at its exact time, or the output is refused before any work. Numbers are ticks a\nsecond: the clock of the video, and for mp4 and mov the clock of the movie, in which the edit list says\nwhen the video starts.";

/// The rows.
pub(in super::super) const ROWS: &[Row] = &[
    Row {
        head: "mp4, 25 a second, from zero",
        kind: Kind {
            name: "table_time_25",
            file: "clip.mp4",
            steps: &[Ffmpeg(
                r"-i base.nut -frames:v 40 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 clip.mp4",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "mp4, 24000/1001 a second",
        kind: Kind {
            name: "table_time_23976",
            file: "clip.mp4",
            steps: &[Ffmpeg(
                r"-r 24000/1001 -i base.nut -frames:v 40 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 clip.mp4",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "mp4, 30000/1001 a second",
        kind: Kind {
            name: "table_time_2997",
            file: "clip.mp4",
            steps: &[Ffmpeg(
                r"-r 30000/1001 -i base.nut -frames:v 40 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 clip.mp4",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "mp4, 60000/1001 a second, starting at 7 frames",
        kind: Kind {
            name: "table_time_5994",
            file: "clip.mp4",
            steps: &[Ffmpeg(
                r"-r 60000/1001 -i base.nut -frames:v 40 -vf setpts=PTS+7/TB*1001/60000 -enc_time_base 1001/60000 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 clip.mp4",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "mp4, uneven ticks of 1/90000 s",
        kind: Kind {
            name: "table_time_uneven",
            file: "clip.mp4",
            steps: &[Ffmpeg(
                r"-i base.nut -frames:v 40 -vf settb=1/90000,setpts='N*3600+mod(N*37\,11)*97' -vsync passthrough -enc_time_base 1/90000 -video_track_timescale 90000 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 clip.mp4",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "mp4, 30 a second on a clock of 1/30000000 s",
        kind: Kind {
            name: "table_time_fine",
            file: "clip.mp4",
            steps: &[Ffmpeg(
                r"-r 30 -i base.nut -frames:v 40 -video_track_timescale 30000000 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 clip.mp4",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "mkv, 24000/1001 a second in whole milliseconds, from 1 s",
        kind: Kind {
            name: "table_time_ms",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-r 24000/1001 -i base.nut -frames:v 40 -output_ts_offset 1 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "ts, 25 a second, from 1.4 s",
        kind: Kind {
            name: "table_time_ts",
            file: "clip.ts",
            steps: &[Ffmpeg(
                r"-i base.nut -frames:v 40 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 clip.ts",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "ts, 30000/1001 a second, from 1.4 s",
        kind: Kind {
            name: "table_time_ts2997",
            file: "clip.ts",
            steps: &[Ffmpeg(
                r"-r 30000/1001 -i base.nut -frames:v 40 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 clip.ts",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "ts whose clock wraps: from -2 s",
        kind: Kind {
            name: "table_time_wrap",
            file: "clip.ts",
            steps: &[Ffmpeg(
                r"-i base.nut -frames:v 100 -output_ts_offset 95441.7 -muxdelay 0 -muxpreload 0 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 clip.ts",
            )],
            ..PLAIN
        },
    },
];
