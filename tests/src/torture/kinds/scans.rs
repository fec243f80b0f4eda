//! Fields: interlaced, telecined, field by field.

use super::super::bytes::pulldown;
use super::super::kind::{
    FINE, Kind, PLAIN,
    Step::{Edit, Ffmpeg},
    exact, exact_without,
};

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "h264_mbaff",
        trap: "frames whose macroblocks are coded as fields where that is better; x264's lossless mode is not exact for them",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -vf tinterlace=interleave_top,setfield=tff -frames:v 60 -pix_fmt yuv420p -c:v libx264 -preset veryfast -flags +ildct+ilme -x264-params tff=1:keyint=15 clip.mp4",
        )],
        outputs: &[exact("mp4"), exact("mov"), exact("mkv")],
        encoders: &["libx265"],
        sides: true,
        ..PLAIN
    },
    Kind {
        name: "h264_bottom_first",
        trap: "the lower field is first",
        steps: &[Ffmpeg(
            "-r 30000/1001 -i base.nut -vf tinterlace=interleave_bottom,setfield=bff -frames:v 60 -pix_fmt yuv420p -c:v libx264 -preset veryfast -flags +ildct+ilme -x264-params bff=1:keyint=15 clip.mp4",
        )],
        outputs: FINE,
        sides: true,
        ..PLAIN
    },
    Kind {
        name: "hevc_fields",
        trap: "each field is a picture of its own of half the height",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 60 -pix_fmt yuv420p -c:v libx265 -preset ultrafast -x265-params log-level=none:interlace=tff:keyint=20 clip.mp4",
        )],
        // The container may say the order of fields which the source's leaves to its pictures.
        outputs: &[
            exact_without("mp4", &["video.field_order"]),
            exact_without("mov", &["video.field_order"]),
            exact_without("mkv", &["video.field_order"]),
        ],
        sides: true,
        ..PLAIN
    },
    Kind {
        name: "mpeg2_interlaced",
        trap: "frame pictures of two fields, upper first",
        file: "clip.ts",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -vf tinterlace=interleave_top,setfield=tff -frames:v 60 -pix_fmt yuv420p -c:v mpeg2video -b:v 2M -g 12 -bf 2 -flags +ildct+ilme -c:a mp2 clip.ts",
        )],
        outputs: &[exact("mp4"), exact("mov")],
        sides: true,
        ..PLAIN
    },
    Kind {
        name: "telecine",
        trap: "film shown as 29.97: frames woven of two, so that neighbours share fields",
        file: "clip.mpg",
        steps: &[Ffmpeg(
            "-r 24000/1001 -i base.nut -i tone.wav -shortest -vf telecine=pattern=23 -frames:v 100 -pix_fmt yuv420p -c:v mpeg2video -b:v 2M -g 12 -bf 2 -flags +ildct+ilme -top 1 -c:a mp2 clip.mpg",
        )],
        outputs: &[exact("mp4"), exact("mov")],
        sides: true,
        ..PLAIN
    },
    Kind {
        name: "soft_telecine",
        trap: "film of 23.976 frames that flags turn into 29.97 on the screen: every other frame stands for three fields",
        file: "clip.ts",
        steps: &[
            Ffmpeg(
                "-r 30000/1001 -i base.nut -frames:v 100 -pix_fmt yuv420p -c:v mpeg2video -b:v 2M -g 12 -bf 2 -flags +ildct bare.m2v",
            ),
            Edit("bare.m2v", pulldown::with_pulldown),
            Ffmpeg(
                "-fflags +genpts -framerate 30000/1001 -i bare.m2v -i tone.wav -t 4 -c:v copy -c:a mp2 clip.ts",
            ),
        ],
        outputs: &[exact("mp4"), exact("mov"), exact("ts")],
        sides: true,
        ..PLAIN
    },
];
