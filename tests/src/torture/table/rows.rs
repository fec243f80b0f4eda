//! The rows of the tables, and what is said above each.

use super::super::kind::{Kind, PLAIN, Step::Ffmpeg};
use super::Row;

pub(super) const TIMES_SAY: &str = "## Times\n\nEvery frame comes back at its exact time, or the output is refused before any work. Numbers are ticks a\nsecond: the clock of the video, and for mp4 and mov the clock of the movie, in which the edit list says\nwhen the video starts.";

pub(super) const TIMES: &[Row] = &[
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

pub(super) const CODECS_SAY: &str = "## Codecs\n\nThe encoder that `--encoder auto` takes for a source of 8-bit 4:2:0 (ProRes: 10-bit 4:2:2) with\n`--lossless`: the output's pictures are the source's, sample for sample.";

pub(super) const CODECS: &[Row] = &[
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

pub(super) const SAMPLES_SAY: &str = "## Samples\n\nThe encoder for each layout of samples; depth and chroma come back as they were.";

pub(super) const SAMPLES: &[Row] = &[
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

pub(super) const BESIDE_SAY: &str = "## Beside the video\n\nStreams are copied, packet for packet, or refused; with `--allow-metadata-loss` they are left out and the\njob's notes say so. In ts and m2ts AAC gets the headers that it has there.";

pub(super) const BESIDE: &[Row] = &[
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
