//! Groups of pictures: where a decoder may begin, and what it then lacks.

use super::super::kind::{Kind, MOST, PLAIN, Step::Ffmpeg, exact, exact_without, refused};

/// A stream that begins with pictures which cannot be decoded is carried by a transport stream.
pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "h264_open_gop",
        trap: "leading pictures refer across the keyframe: lost or wrong where a part begins there",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -frames:v 120 -pix_fmt yuv420p -c:v libx264 -preset veryfast \
             -x264-params open-gop=1:keyint=24:scenecut=0:bframes=3:b-adapt=0:b-pyramid=normal clip.mp4",
        )],
        outputs: MOST,
        encoders: &["libx264", "libx265"],
        ..PLAIN
    },
    Kind {
        name: "hevc_open_gop",
        trap: "CRA pictures with RASL pictures, x265's default",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -frames:v 120 -pix_fmt yuv420p -c:v libx265 -preset ultrafast \
             -x265-params log-level=none:open-gop=1:keyint=24:min-keyint=24:scenecut=0:bframes=4:b-adapt=0 clip.mp4",
        )],
        outputs: MOST,
        encoders: &["libx264", "libx265"],
        ..PLAIN
    },
    Kind {
        name: "h264_closed_gop",
        trap: "the plain case",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -frames:v 100 -pix_fmt yuv420p -c:v libx264 -preset veryfast \
             -g 20 clip.mp4",
        )],
        outputs: MOST,
        encoders: &["libx264", "libx265"],
        ..PLAIN
    },
    Kind {
        name: "hevc_closed_gop",
        trap: "every keyframe an IDR with RADL pictures",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 90 -pix_fmt yuv420p -c:v libx265 -preset ultrafast \
             -x265-params log-level=none:open-gop=0:radl=2:keyint=24:min-keyint=24:scenecut=0:bframes=4:b-adapt=0 clip.mp4",
        )],
        outputs: MOST,
        encoders: &["libx264", "libx265"],
        ..PLAIN
    },
    Kind {
        name: "h264_intra_refresh",
        trap: "packets flagged as keyframes that are recovery points; one IDR in the whole file",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 110 -pix_fmt yuv420p -c:v libx264 -preset veryfast \
             -x264-params intra-refresh=1:keyint=30 clip.mp4",
        )],
        outputs: MOST,
        ..PLAIN
    },
    Kind {
        name: "h264_one_keyframe",
        trap: "no second entry: every later part needs the whole way from the start",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 120 -pix_fmt yuv420p -c:v libx264 -preset veryfast \
             -x264-params keyint=infinite:scenecut=0 clip.mp4",
        )],
        outputs: MOST,
        ..PLAIN
    },
    Kind {
        name: "h264_all_intra",
        trap: "every frame a keyframe",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 60 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 1 clip.mp4",
        )],
        outputs: MOST,
        ..PLAIN
    },
    Kind {
        name: "h264_only_p_after_cut",
        trap: "no picture stands alone: nothing can be decoded, and nothing says so",
        file: "clip.ts",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 60 -pix_fmt yuv420p -c:v libx264 -preset veryfast \
             -x264-params keyint=infinite:scenecut=0 -bsf:v filter_units=remove_types=5 clip.ts",
        )],
        outputs: &[refused("mp4", 3, "frame"), refused("ts", 3, "frame")],
        ..PLAIN
    },
    Kind {
        name: "h264_no_keyframe",
        trap: "a recording of intra refresh joined late: no IDR at all, but every picture can be had",
        file: "clip.ts",
        steps: &[
            Ffmpeg(
                "-i base.nut -i tone.wav -shortest -frames:v 140 -pix_fmt yuv420p -c:v libx264 -preset veryfast \
                 -x264-params intra-refresh=1:keyint=20:bframes=0 all.ts",
            ),
            Ffmpeg(r"-i all.ts -map 0 -c copy -copyts -bsf:v noise=drop='lt(n\,30)' clip.ts"),
        ],
        outputs: &[exact("mp4"), exact("ts")],
        ..PLAIN
    },
    Kind {
        name: "h264_mid_gop_start",
        trap: "a recording joined in the middle of a group: pictures before the first entry are not shown",
        file: "clip.ts",
        steps: &[
            Ffmpeg(
                "-i base.nut -i tone.wav -shortest -frames:v 140 -pix_fmt yuv420p -c:v libx264 -preset veryfast \
                 -x264-params open-gop=1:keyint=25:scenecut=0:bframes=3:b-adapt=0 all.ts",
            ),
            Ffmpeg(r"-i all.ts -map 0 -c copy -copyts -bsf:v noise=drop='lt(n\,10)' clip.ts"),
        ],
        outputs: &[exact("mp4"), exact("ts")],
        ..PLAIN
    },
    Kind {
        name: "hevc_starts_with_cra",
        trap: "the first picture is a CRA whose RASL pictures cannot be shown",
        file: "clip.ts",
        steps: &[
            Ffmpeg(
                "-i base.nut -frames:v 140 -pix_fmt yuv420p -c:v libx265 -preset ultrafast \
                 -x265-params log-level=none:open-gop=1:keyint=24:min-keyint=24:scenecut=0:bframes=4:b-adapt=0 all.ts",
            ),
            Ffmpeg(r"-i all.ts -map 0 -c copy -copyts -bsf:v noise=drop='lt(n\,24)' clip.ts"),
        ],
        outputs: &[exact("mp4"), exact("mov"), exact("ts")],
        ..PLAIN
    },
    Kind {
        name: "h264_deep_pyramid",
        trap: "B-pictures that refer to B-pictures; eight in a row; dts far behind pts",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 100 -pix_fmt yuv420p -c:v libx264 -preset veryfast \
             -x264-params bframes=8:b-adapt=0:b-pyramid=normal:ref=6:keyint=40:scenecut=0 clip.mp4",
        )],
        outputs: MOST,
        encoders: &["libx264", "libx265"],
        ..PLAIN
    },
    Kind {
        name: "hevc_deep_pyramid",
        trap: "the same in HEVC",
        file: "clip.mkv",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 100 -pix_fmt yuv420p -c:v libx265 -preset ultrafast \
             -x265-params log-level=none:bframes=8:b-adapt=0:b-pyramid=1:rc-lookahead=20:ref=5:keyint=40 clip.mkv",
        )],
        outputs: MOST,
        ..PLAIN
    },
    Kind {
        name: "mpeg2_open_gop",
        trap: "open groups are MPEG-2's rule; its B-pictures before the first I-picture",
        file: "clip.ts",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -frames:v 100 -pix_fmt yuv420p -c:v mpeg2video -b:v 2M -g 15 -bf 2 \
             -c:a mp2 clip.ts",
        )],
        outputs: &[exact("mp4"), exact("mkv"), exact("ts")],
        ..PLAIN
    },
    Kind {
        name: "mpeg2_cut_open_gop",
        trap: "an MPEG-2 recording joined late: two broken pictures before the first I-picture",
        file: "clip.ts",
        steps: &[
            Ffmpeg(
                "-i base.nut -frames:v 100 -pix_fmt yuv420p -c:v mpeg2video -b:v 2M -g 15 -bf 2 all.ts",
            ),
            Ffmpeg(r"-i all.ts -map 0 -c copy -copyts -bsf:v noise=drop='lt(n\,20)' clip.ts"),
        ],
        outputs: &[exact("mp4"), exact_without("ts", &["video.color_range"])],
        ..PLAIN
    },
];
