//! Samples and what they mean: depth, chroma, range, colour, HDR, geometry.

use super::super::bytes;
use super::super::kind::{
    Kind, MOST, PLAIN,
    Step::{Edit, Ffmpeg, Join},
    exact, refused,
};

const TURNED: &[super::super::kind::Output] =
    &[exact("mp4"), exact("mov"), refused("mkv", 2, "rotation")];

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "hdr10",
        trap: "mastering display and light level are lost by every encode that is not told them",
        file: "clip.mkv",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 80 -pix_fmt yuv420p10le -color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc -color_range tv -c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=24:repeat-headers=1:hdr10=1:master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400:chromaloc=2 clip.mkv",
        )],
        outputs: MOST,
        sides: true,
        ..PLAIN
    },
    Kind {
        name: "hdr10_mp4",
        trap: "the same, told by the container's boxes as well",
        steps: &[Ffmpeg(
            "-r 24000/1001 -i base.nut -i tone.wav -shortest -frames:v 80 -pix_fmt yuv420p10le -color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc -color_range tv -c:v libx265 -preset ultrafast -tag:v hvc1 -x265-params log-level=none:keyint=24:hdr10=1:master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400 clip.mp4",
        )],
        outputs: &[exact("mp4"), exact("mov")],
        sides: true,
        ..PLAIN
    },
    Kind {
        name: "hlg",
        trap: "arib-std-b67 in 10-bit HEVC",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 60 -pix_fmt yuv420p10le -color_primaries bt2020 -color_trc arib-std-b67 -colorspace bt2020nc -color_range tv -c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=24 clip.mp4",
        )],
        outputs: MOST,
        sides: true,
        ..PLAIN
    },
    Kind {
        name: "hdr10_plus",
        trap: "metadata for single frames that a new encode loses",
        steps: &[
            Ffmpeg(
                "-i base.nut -frames:v 40 -pix_fmt yuv420p10le -color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc -c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=24:bframes=0 bare.hevc",
            ),
            Edit("bare.hevc", bytes::with_hdr10_plus),
            Ffmpeg("-r 25 -i bare.hevc -c copy clip.mp4"),
        ],
        outputs: &[
            refused("mp4", 2, "--allow-metadata-loss"),
            refused("mkv", 2, "--allow-metadata-loss"),
        ],
        ..PLAIN
    },
    Kind {
        name: "full_range",
        trap: "0 to 255: shown washed out where the range is forgotten",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 60 -vf scale=out_range=pc -pix_fmt yuv420p -color_range pc -color_primaries bt709 -color_trc bt709 -colorspace bt709 -c:v libx264 -preset veryfast -g 24 clip.mp4",
        )],
        outputs: MOST,
        encoders: &["libx264", "libx265"],
        ..PLAIN
    },
    Kind {
        name: "bt601",
        trap: "smpte170m, which players guess wrong for large pictures",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 60 -pix_fmt yuv420p -color_range tv -color_primaries smpte170m -color_trc smpte170m -colorspace smpte170m -c:v libx264 -preset veryfast -g 24 clip.mp4",
        )],
        outputs: MOST,
        encoders: &["libx264", "libx265"],
        ..PLAIN
    },
    Kind {
        name: "bt709_mkv",
        trap: "told by Matroska's Colour element and by the stream",
        file: "clip.mkv",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 60 -pix_fmt yuv420p -color_range tv -color_primaries bt709 -color_trc bt709 -colorspace bt709 -chroma_sample_location left -c:v libx264 -preset veryfast -g 24 clip.mkv",
        )],
        outputs: MOST,
        ..PLAIN
    },
    Kind {
        name: "ycgco",
        trap: "a matrix that VP9 has no name for",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 60 -pix_fmt yuv420p -color_range tv -colorspace ycgco -c:v libx264 -preset veryfast -g 24 clip.mp4",
        )],
        outputs: &[exact("mp4"), exact("mkv"), refused("webm", 2, "ycgco")],
        encoders: &["libx264", "libx265"],
        ..PLAIN
    },
    Kind {
        name: "bt2020_8bit",
        trap: "bt2020 in 8 bits",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 60 -pix_fmt yuv420p -color_range tv -color_primaries bt2020 -color_trc bt2020-10 -colorspace bt2020nc -c:v libx265 -preset ultrafast -x265-params log-level=none clip.mp4",
        )],
        outputs: MOST,
        ..PLAIN
    },
    Kind {
        name: "yuv422_8bit",
        trap: "4:2:2",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 60 -pix_fmt yuv422p -c:v libx264 -preset veryfast -g 24 clip.mp4",
        )],
        outputs: MOST,
        encoders: &["libx264", "libx265"],
        ..PLAIN
    },
    Kind {
        name: "yuv422_10bit",
        trap: "4:2:2 in 10 bits, as cameras write",
        file: "clip.mov",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 60 -pix_fmt yuv422p10le -c:v libx264 -preset veryfast -g 24 clip.mov",
        )],
        outputs: MOST,
        encoders: &["libx264", "libx265"],
        ..PLAIN
    },
    Kind {
        name: "yuv444_8bit",
        trap: "4:4:4, as screens are recorded",
        file: "clip.mkv",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 60 -pix_fmt yuv444p -c:v libx264 -preset veryfast -g 24 clip.mkv",
        )],
        outputs: MOST,
        encoders: &["libx264", "libx265"],
        ..PLAIN
    },
    Kind {
        name: "yuv444_10bit",
        trap: "4:4:4 in 10 bits",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 50 -pix_fmt yuv444p10le -c:v libx265 -preset ultrafast -x265-params log-level=none clip.mp4",
        )],
        outputs: MOST,
        encoders: &["libx264", "libx265"],
        ..PLAIN
    },
    Kind {
        name: "yuv420_12bit",
        trap: "12 bits, which only x265 takes",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 50 -pix_fmt yuv420p12le -c:v libx265 -preset ultrafast -x265-params log-level=none clip.mp4",
        )],
        outputs: MOST,
        encoders: &["libx265"],
        ..PLAIN
    },
    Kind {
        name: "yuv422_12bit",
        trap: "12 bits in 4:2:2",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 40 -pix_fmt yuv422p12le -c:v libx265 -preset ultrafast -x265-params log-level=none clip.mp4",
        )],
        outputs: MOST,
        ..PLAIN
    },
    Kind {
        name: "yuv444_12bit",
        trap: "12 bits in 4:4:4",
        file: "clip.mkv",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 40 -pix_fmt yuv444p12le -c:v ffv1 -level 3 -g 1 clip.mkv",
        )],
        outputs: MOST,
        ..PLAIN
    },
    Kind {
        name: "grey_8bit",
        trap: "no chroma at all",
        file: "clip.mkv",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 50 -pix_fmt gray -c:v libx264 -preset veryfast clip.mkv",
        )],
        outputs: MOST,
        encoders: &["libx265"],
        ..PLAIN
    },
    Kind {
        name: "grey_10bit",
        trap: "no chroma in 10 bits",
        file: "clip.mkv",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 50 -pix_fmt gray10le -c:v ffv1 -level 3 -g 1 clip.mkv",
        )],
        outputs: MOST,
        encoders: &["libx265"],
        ..PLAIN
    },
    Kind {
        name: "yuv411",
        trap: "4:1:1, which no encoder here takes",
        file: "clip.mkv",
        steps: &[Ffmpeg("-i base.nut -frames:v 20 -pix_fmt yuv411p -c:v ffv1 -level 3 clip.mkv")],
        outputs: &[refused("mp4", 3, "yuv411p"), refused("mkv", 3, "yuv411p")],
        ..PLAIN
    },
    Kind {
        name: "rgb",
        trap: "samples that are no YUV",
        file: "clip.mkv",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 20 -pix_fmt gbrp -c:v libx264rgb -preset veryfast clip.mkv",
        )],
        outputs: &[refused("mp4", 3, "planar YUV")],
        ..PLAIN
    },
    Kind {
        name: "alpha",
        trap: "a fourth plane that would be lost",
        file: "clip.mov",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 20 -pix_fmt yuva444p10le -c:v prores_ks -profile:v 4444 clip.mov",
        )],
        outputs: &[refused("mov", 3, "planar YUV")],
        ..PLAIN
    },
    Kind {
        name: "sar",
        trap: "samples that are not square",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 60 -vf setsar=64/45 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 24 clip.mp4",
        )],
        outputs: MOST,
        encoders: &["libx264", "libx265"],
        ..PLAIN
    },
    Kind {
        name: "sar_odd",
        trap: "1137:800, which a container may round",
        file: "clip.mkv",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 60 -vf setsar=1137/800 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 24 clip.mkv",
        )],
        outputs: MOST,
        ..PLAIN
    },
    Kind {
        name: "rotated_90",
        trap: "the picture is turned by the player",
        steps: &[
            Ffmpeg(
                "-i base.nut -frames:v 60 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 24 all.mp4",
            ),
            Ffmpeg("-i all.mp4 -c copy -metadata:s:v rotate=90 clip.mp4"),
        ],
        outputs: TURNED,
        ..PLAIN
    },
    Kind {
        name: "rotated_180",
        trap: "upside down",
        file: "clip.mov",
        steps: &[
            Ffmpeg(
                "-i base.nut -i tone.wav -shortest -frames:v 60 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 24 all.mov",
            ),
            Ffmpeg("-i all.mov -c copy -metadata:s:v rotate=180 clip.mov"),
        ],
        outputs: TURNED,
        ..PLAIN
    },
    Kind {
        name: "odd_size_444",
        trap: "161x97: sizes that are not whole macroblocks",
        file: "clip.mkv",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 60 -vf scale=161:97 -pix_fmt yuv444p -c:v libx264 -preset veryfast -g 24 clip.mkv",
        )],
        outputs: MOST,
        encoders: &["libx264", "libx265"],
        ..PLAIN
    },
    Kind {
        name: "odd_size_420",
        trap: "161x97 in 4:2:0: H.264 cannot say it; nothing may be cut off in silence",
        file: "clip.webm",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 40 -vf scale=161:97 -pix_fmt yuv420p -c:v libvpx-vp9 -lossless 1 -deadline realtime -cpu-used 8 clip.webm",
        )],
        outputs: &[refused("mp4", 3, "even"), refused("mkv", 3, "even")],
        ..PLAIN
    },
    Kind {
        name: "size_tiny",
        trap: "16x16",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 40 -vf scale=16:16 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 24 clip.mp4",
        )],
        outputs: MOST,
        ..PLAIN
    },
    Kind {
        name: "size_changes",
        trap: "another size in mid-stream: joined tools scale or break",
        file: "clip.ts",
        steps: &[
            Ffmpeg(
                "-i base.nut -frames:v 40 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 24 -bf 0 one.h264",
            ),
            Ffmpeg(
                "-i base.nut -frames:v 40 -vf scale=128:80 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 24 -bf 0 two.h264",
            ),
            Join(&["one.h264", "two.h264", "all.h264"]),
            Ffmpeg("-r 25 -i all.h264 -c copy clip.ts"),
        ],
        outputs: &[
            refused("mp4", 3, "changes from 160x96"),
            refused("mkv", 3, "changes from 160x96"),
        ],
        ..PLAIN
    },
    Kind {
        name: "depth_changes",
        trap: "10 bits after 8 in mid-stream",
        file: "clip.ts",
        steps: &[
            Ffmpeg(
                "-i base.nut -frames:v 40 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 24 -bf 0 one.h264",
            ),
            Ffmpeg(
                "-i base.nut -frames:v 40 -pix_fmt yuv420p10le -c:v libx264 -preset veryfast -g 24 -bf 0 two.h264",
            ),
            Join(&["one.h264", "two.h264", "all.h264"]),
            Ffmpeg("-r 25 -i all.h264 -c copy clip.ts"),
        ],
        outputs: &[refused("mp4", 3, "changes from 160x96")],
        ..PLAIN
    },
];
