//! Containers: where the index is, what it says, and what it leaves out.

use super::super::bytes;
use super::super::kind::{
    Kind, MOST, PLAIN,
    Step::{Edit, Ffmpeg},
    exact, exact_without, refused,
};

const MXF_OWN: &[&str] = &[
    "format.*",
    "*file_package_umid",
    "*file_package_name",
    "*track_name",
    "video.chroma_location",
    "video.timecode",
];

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "mp4_fragmented",
        trap: "no index: each fragment has its own",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -frames:v 100 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 -movflags frag_keyframe+empty_moov+default_base_moof clip.mp4",
        )],
        outputs: MOST,
        ..PLAIN
    },
    Kind {
        name: "mp4_fragmented_delay",
        trap: "fragments whose times begin with the decoder's delay",
        steps: &[Ffmpeg(
            "-r 30000/1001 -i base.nut -i tone.wav -shortest -frames:v 100 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 -movflags frag_keyframe+empty_moov+delay_moov clip.mp4",
        )],
        outputs: &[exact("mp4"), exact("mov")],
        ..PLAIN
    },
    Kind {
        name: "mp4_index_in_front",
        trap: "the index before the media, as for the web",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -frames:v 100 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 -movflags +faststart clip.mp4",
        )],
        outputs: MOST,
        ..PLAIN
    },
    Kind {
        name: "mp4_index_behind",
        trap: "the media before the index, and boxes of no meaning around",
        steps: &[
            Ffmpeg(
                "-i base.nut -i tone.wav -shortest -frames:v 100 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 clip.mp4",
            ),
            Edit("clip.mp4", bytes::with_free_boxes),
        ],
        outputs: MOST,
        ..PLAIN
    },
    Kind {
        name: "mov_plain",
        trap: "QuickTime with sound in PCM, whose packets are of another size each reading",
        file: "clip.mov",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -frames:v 80 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 -c:a pcm_s24le clip.mov",
        )],
        outputs: &[exact("mov"), exact("mkv")],
        ..PLAIN
    },
    Kind {
        name: "mkv_live",
        trap: "no duration, no index, clusters of unknown size",
        file: "clip.mkv",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -frames:v 80 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 -c:a aac -live 1 clip.mkv",
        )],
        outputs: MOST,
        ..PLAIN
    },
    Kind {
        name: "ts_plain",
        trap: "no index at all; the clock begins at 1.4 seconds",
        file: "clip.ts",
        steps: &[Ffmpeg(
            "-r 30000/1001 -i base.nut -i tone.wav -shortest -frames:v 100 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 -c:a aac clip.ts",
        )],
        // AAC sheds its headers of a transport stream in mp4.
        outputs: &[
            exact_without("mp4", &["stream0.bytes"]),
            exact_without("mov", &["stream0.bytes"]),
            exact("ts"),
            refused("mkv", 2, "whole milliseconds"),
        ],
        ..PLAIN
    },
    Kind {
        name: "ts_hevc",
        trap: "HEVC in a transport stream with AC-3",
        file: "clip.ts",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -frames:v 80 -pix_fmt yuv420p -c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=24 -c:a ac3 clip.ts",
        )],
        outputs: &[exact("mp4"), exact("ts"), exact("mkv")],
        ..PLAIN
    },
    Kind {
        name: "m2ts",
        trap: "packets of 192 bytes",
        file: "clip.m2ts",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -frames:v 80 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 -c:a ac3 clip.m2ts",
        )],
        outputs: &[exact("mp4"), exact("m2ts"), exact("mkv")],
        ..PLAIN
    },
    Kind {
        name: "mpeg_program",
        trap: "a program stream: times on some packets only",
        file: "clip.mpg",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -frames:v 80 -pix_fmt yuv420p -c:v mpeg2video -b:v 2M -g 15 -bf 2 -c:a mp2 clip.mpg",
        )],
        outputs: &[exact("mp4"), exact("mkv")],
        ..PLAIN
    },
    Kind {
        name: "flv",
        trap: "a clock of milliseconds that is not the frame rate's",
        file: "clip.flv",
        steps: &[Ffmpeg(
            "-r 30000/1001 -i base.nut -i tone.wav -shortest -frames:v 80 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 -c:a aac clip.flv",
        )],
        outputs: MOST,
        ..PLAIN
    },
    Kind {
        name: "mxf",
        trap: "MPEG-2 4:2:2 as broadcasters keep it",
        file: "clip.mxf",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -frames:v 50 -pix_fmt yuv422p -c:v mpeg2video -b:v 5M -g 12 -bf 2 -c:a pcm_s16le clip.mxf",
        )],
        // Identities of packages mean nothing outside; mov says a timecode of the file at the video.
        outputs: &[exact_without("mov", MXF_OWN), exact_without("mkv", MXF_OWN)],
        ..PLAIN
    },
    Kind {
        name: "ivf",
        trap: "nothing but packets and numbers",
        file: "clip.ivf",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 60 -pix_fmt yuv420p -c:v libvpx-vp9 -b:v 1M -deadline realtime -cpu-used 8 -g 30 clip.ivf",
        )],
        outputs: MOST,
        ..PLAIN
    },
    Kind {
        name: "raw_h264",
        trap: "no container: the times are the demuxer's guess",
        file: "clip.h264",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 60 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 -bf 2 clip.h264",
        )],
        outputs: &[exact("mp4"), exact("mkv")],
        ..PLAIN
    },
    Kind {
        name: "nut",
        trap: "a container that few know",
        file: "clip.nut",
        steps: &[Ffmpeg(
            "-r 24000/1001 -i base.nut -i tone.wav -shortest -frames:v 60 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 -c:a aac clip.nut",
        )],
        outputs: &[exact("mp4"), exact("mov")],
        ..PLAIN
    },
];
