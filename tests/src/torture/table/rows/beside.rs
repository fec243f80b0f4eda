//! Sources with each kind of stream beside the video.

use super::super::super::kind::{Kind, PLAIN, Step::Ffmpeg};
use super::super::Row;

/// What is said above the rows.
pub(in super::super) const SAY: &str = "## Beside the video\n\nStreams are copied, packet for packet, or refused; with `--allow-metadata-loss` they are left out and the\njob's notes say so. In ts and m2ts AAC gets the headers that it has there.";

/// The rows.
pub(in super::super) const ROWS: &[Row] = &[
    Row {
        head: "AAC",
        kind: Kind {
            name: "table_beside_aac",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -i tone.wav -map 0:v -map 1:a -t 1.2 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 -c:a aac -output_ts_offset 1 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "MP3",
        kind: Kind {
            name: "table_beside_mp3",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -i tone.wav -map 0:v -map 1:a -t 1.2 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 -c:a libmp3lame -output_ts_offset 1 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "AC-3",
        kind: Kind {
            name: "table_beside_ac3",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -i tone.wav -map 0:v -map 1:a -t 1.2 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 -c:a ac3 -output_ts_offset 1 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "Opus",
        kind: Kind {
            name: "table_beside_opus",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -i tone.wav -map 0:v -map 1:a -t 1.2 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 -c:a libopus -output_ts_offset 1 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "Vorbis",
        kind: Kind {
            name: "table_beside_vorbis",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -i tone.wav -map 0:v -map 1:a -t 1.2 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 -c:a libvorbis -output_ts_offset 1 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "FLAC",
        kind: Kind {
            name: "table_beside_flac",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -i tone.wav -map 0:v -map 1:a -t 1.2 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 -c:a flac -output_ts_offset 1 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "PCM",
        kind: Kind {
            name: "table_beside_pcm",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -i tone.wav -map 0:v -map 1:a -t 1.2 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 -c:a pcm_s16le -output_ts_offset 1 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "SubRip",
        kind: Kind {
            name: "table_beside_srt",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -i subs.srt -map 0:v -map 1:s -t 3 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 -c:s srt -output_ts_offset 1 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "ASS",
        kind: Kind {
            name: "table_beside_ass",
            file: "clip.mkv",
            steps: &[Ffmpeg(
                r"-i base.nut -i subs.ass -map 0:v -map 1:s -t 3 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 -c:s ass -output_ts_offset 1 clip.mkv",
            )],
            ..PLAIN
        },
    },
    Row {
        head: "timed text (mov_text)",
        kind: Kind {
            name: "table_beside_movtext",
            file: "clip.mp4",
            steps: &[Ffmpeg(
                r"-i base.nut -i subs.srt -map 0:v -map 1:s -t 3 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 -c:s mov_text clip.mp4",
            )],
            ..PLAIN
        },
    },
];
