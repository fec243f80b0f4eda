//! Damage: cut off, flipped bits, zeros, and files that hold no video at all.

use super::super::bytes;
use super::super::kind::{
    Kind, PLAIN,
    Step::{Edit, Ffmpeg},
    damaged, exact_without, refused,
};

const CONCEALED: &str = "frames";

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "cut_off_mp4",
        trap: "ffmpeg decodes what is there and says success",
        steps: &[
            Ffmpeg(
                "-i base.nut -i tone.wav -shortest -frames:v 100 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 -movflags +faststart clip.mp4",
            ),
            Edit("clip.mp4", bytes::cut_off),
        ],
        outputs: &[refused("mp4", 3, "cut off")],
        ..PLAIN
    },
    Kind {
        name: "cut_off_before_index",
        trap: "the index was never written",
        steps: &[
            Ffmpeg(
                "-i base.nut -i tone.wav -shortest -frames:v 100 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 clip.mp4",
            ),
            Edit("clip.mp4", bytes::cut_off),
        ],
        outputs: &[refused("mp4", 3, "cut off"), refused("mkv", 3, "cut off")],
        ..PLAIN
    },
    Kind {
        name: "cut_off_mkv",
        trap: "a Matroska file that ends in a cluster",
        file: "clip.mkv",
        steps: &[
            Ffmpeg(
                "-i base.nut -i tone.wav -shortest -frames:v 100 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 clip.mkv",
            ),
            Edit("clip.mkv", bytes::cut_off),
        ],
        outputs: &[
            damaged("mkv", "cut off", "is missing"),
            damaged("mp4", "cut off", "is missing"),
        ],
        ..PLAIN
    },
    Kind {
        name: "cut_off_ts",
        trap: "a recording that was stopped in the middle of a picture",
        file: "clip.ts",
        steps: &[
            Ffmpeg(
                "-i base.nut -frames:v 100 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 clip.ts",
            ),
            Edit("clip.ts", bytes::cut_off),
        ],
        outputs: &[damaged("mp4", "damaged", CONCEALED), damaged("ts", "damaged", CONCEALED)],
        ..PLAIN
    },
    Kind {
        name: "flipped_bits_mp4",
        trap: "wrong bits in pictures: what a decoder shows depends on its threads",
        steps: &[
            Ffmpeg(
                "-i base.nut -frames:v 100 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 clip.mp4",
            ),
            Edit("clip.mp4", bytes::flip_bits_in_media),
        ],
        outputs: &[damaged("mp4", "damaged", CONCEALED)],
        ..PLAIN
    },
    Kind {
        name: "flipped_bits_hevc",
        trap: "the same in HEVC",
        file: "clip.mkv",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 100 -pix_fmt yuv420p -c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=24 -bsf:v noise=amount='if(between(n\\,40\\,44)\\,50\\,0)' clip.mkv",
        )],
        outputs: &[damaged("mp4", "damaged", CONCEALED), damaged("mkv", "damaged", CONCEALED)],
        ..PLAIN
    },
    Kind {
        name: "flipped_bits_mpeg2",
        trap: "the same in MPEG-2",
        file: "clip.ts",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 100 -pix_fmt yuv420p -c:v mpeg2video -b:v 2M -g 15 -bf 2 -bsf:v noise=amount='if(between(n\\,40\\,44)\\,50\\,0)' clip.ts",
        )],
        outputs: &[damaged("mp4", "damaged", CONCEALED)],
        ..PLAIN
    },
    Kind {
        name: "zeros_in_mp4",
        trap: "a hole of zero bytes in the media",
        steps: &[
            Ffmpeg(
                "-i base.nut -frames:v 100 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 clip.mp4",
            ),
            Edit("clip.mp4", bytes::zeros_in_media),
        ],
        outputs: &[damaged("mp4", "damaged", CONCEALED)],
        ..PLAIN
    },
    Kind {
        name: "zeros_in_mkv",
        trap: "a hole of zero bytes, in which the container loses its place",
        file: "clip.mkv",
        steps: &[
            Ffmpeg(
                "-i base.nut -frames:v 100 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 clip.mkv",
            ),
            Edit("clip.mkv", bytes::zeros_in_the_middle),
        ],
        outputs: &[damaged("mp4", "damaged", CONCEALED), damaged("mkv", "damaged", CONCEALED)],
        ..PLAIN
    },
    Kind {
        name: "zeros_in_ts",
        trap: "a hole of zero bytes in a transport stream",
        file: "clip.ts",
        steps: &[
            Ffmpeg(
                "-i base.nut -frames:v 100 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 clip.ts",
            ),
            Edit("clip.ts", bytes::zeros_in_the_middle),
        ],
        outputs: &[damaged("mp4", "damaged", CONCEALED), damaged("ts", "damaged", CONCEALED)],
        ..PLAIN
    },
    Kind {
        name: "zeros_in_sound",
        trap: "a hole in the sound: what is there is carried as it is, the picture is whole",
        file: "clip.ts",
        steps: &[
            Ffmpeg(
                "-i base.nut -i tone.wav -shortest -frames:v 100 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 -c:a mp2 clip.ts",
            ),
            Edit("clip.ts", bytes::zeros_in_the_middle),
        ],
        // The broken packet carries a time of the past; it is moved, and the notes say so.
        outputs: &[
            exact_without("mp4", &["stream0.times"]),
            exact_without("ts", &["stream0.times"]),
        ],
        ..PLAIN
    },
    Kind {
        name: "no_frames",
        trap: "a video without frames is no success",
        steps: &[Ffmpeg("-i base.nut -t 0 -pix_fmt yuv420p -c:v libx264 clip.mp4")],
        outputs: &[refused("mp4", 3, "")],
        ..PLAIN
    },
    Kind {
        name: "sound_alone",
        trap: "no video stream",
        steps: &[Ffmpeg("-i tone.wav clip.mp4")],
        outputs: &[refused("mp4", 3, "sound only")],
        ..PLAIN
    },
    Kind {
        name: "encrypted",
        trap: "pictures that nobody can see",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 20 -pix_fmt yuv420p -c:v libx264 -preset veryfast -encryption_scheme cenc-aes-ctr -encryption_key 76a6c65c5ea762046bd749a2e632ccbb -encryption_kid a7e61c373e219033c21091fa607bf3b8 clip.mp4",
        )],
        outputs: &[refused("mp4", 3, "encrypted")],
        ..PLAIN
    },
    Kind {
        name: "words",
        trap: "a text with a video's name",
        steps: &[
            Ffmpeg("-i base.nut -frames:v 5 -pix_fmt yuv420p clip.mp4"),
            Edit("clip.mp4", bytes::words),
        ],
        outputs: &[refused("mp4", 3, "not a video")],
        ..PLAIN
    },
];
