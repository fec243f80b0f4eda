//! Codecs of sources that are read and not written.

use super::super::kind::{FINE, Kind, MOST, PLAIN, Step::Ffmpeg, exact, exact_without, refused};

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "mpeg4_asp",
        trap: "B-pictures, quarter samples and global motion of MPEG-4 ASP in mp4",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -frames:v 90 -pix_fmt yuv420p -c:v mpeg4 -q:v 3 -g 30 -bf 2 -flags +qpel clip.mp4",
        )],
        outputs: MOST,
        ..PLAIN
    },
    Kind {
        name: "mpeg4_packed_avi",
        trap: "AVI has no presentation times; two pictures in one packet, then an empty one",
        file: "clip.avi",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -frames:v 90 -pix_fmt yuv420p -c:v libxvid -q:v 3 -g 30 -bf 2 -c:a mp3 clip.avi",
        )],
        outputs: &[exact("mp4"), exact("mkv")],
        ..PLAIN
    },
    Kind {
        name: "h264_avi",
        trap: "H.264 with B-pictures in AVI, where only decoding order is known",
        file: "clip.avi",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -frames:v 90 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 30 -bf 2 -c:a mp3 clip.avi",
        )],
        outputs: &[exact("mp4"), exact("mkv")],
        ..PLAIN
    },
    Kind {
        name: "vp8",
        trap: "hidden alternate references; a matrix that the format means and no container says, but the output does",
        file: "clip.webm",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -frames:v 90 -pix_fmt yuv420p -c:v libvpx -b:v 1M -auto-alt-ref 1 -lag-in-frames 16 -deadline good -cpu-used 5 -g 30 -c:a libopus clip.webm",
        )],
        outputs: &[
            exact_without("mp4", &["video.color_space"]),
            exact_without("mkv", &["video.color_space"]),
            refused("mov", 2, "opus"),
        ],
        ..PLAIN
    },
    Kind {
        name: "vp9",
        trap: "superframes and frames that are shown again",
        file: "clip.webm",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -frames:v 80 -pix_fmt yuv420p -c:v libvpx-vp9 -b:v 1M -auto-alt-ref 1 -lag-in-frames 16 -deadline good -cpu-used 6 -g 30 -c:a libopus clip.webm",
        )],
        outputs: &[exact("mp4"), exact("mkv"), refused("mov", 2, "opus")],
        ..PLAIN
    },
    Kind {
        name: "vp8_vorbis_webm",
        trap: "WebM as it began: VP8 and Vorbis, whose headers are three packets",
        file: "clip.webm",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -frames:v 60 -pix_fmt yuv420p -c:v libvpx -b:v 1M -deadline realtime -cpu-used 8 -g 20 -c:a libvorbis clip.webm",
        )],
        outputs: &[
            exact_without("webm", &["video.color_space"]),
            exact_without("mkv", &["video.color_space"]),
        ],
        ..PLAIN
    },
    Kind {
        name: "vp9_vorbis_webm",
        trap: "the same with VP9, into the container that it came in",
        file: "clip.webm",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -frames:v 50 -pix_fmt yuv420p -c:v libvpx-vp9 -b:v 1M -deadline realtime -cpu-used 8 -g 20 -c:a libvorbis clip.webm",
        )],
        outputs: &[exact("webm"), exact("mp4")],
        ..PLAIN
    },
    Kind {
        name: "av1_opus_webm",
        trap: "AV1 in WebM, with the delay of Opus",
        file: "clip.webm",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -frames:v 50 -pix_fmt yuv420p -c:v libsvtav1 -preset 12 -crf 40 -g 24 -c:a libopus clip.webm",
        )],
        outputs: &[exact("webm"), exact("mkv")],
        ..PLAIN
    },
    Kind {
        name: "vp9_10bit",
        trap: "profile 2 in mp4",
        steps: &[Ffmpeg(
            "-r 30000/1001 -i base.nut -frames:v 60 -pix_fmt yuv420p10le -c:v libvpx-vp9 -b:v 1M -deadline realtime -cpu-used 8 -g 30 clip.mp4",
        )],
        outputs: FINE,
        ..PLAIN
    },
    Kind {
        name: "av1_svt",
        trap: "hidden frames, frames shown again, temporal units",
        file: "clip.mkv",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -frames:v 80 -pix_fmt yuv420p -c:v libsvtav1 -preset 12 -crf 40 -g 32 -c:a aac clip.mkv",
        )],
        outputs: MOST,
        ..PLAIN
    },
    Kind {
        name: "av1_mp4_10bit",
        trap: "AV1 of 10 bits in mp4",
        steps: &[Ffmpeg(
            "-r 24000/1001 -i base.nut -frames:v 40 -pix_fmt yuv420p10le -c:v libaom-av1 -cpu-used 8 -usage realtime -crf 40 -g 20 clip.mp4",
        )],
        outputs: FINE,
        ..PLAIN
    },
    Kind {
        name: "prores",
        trap: "10-bit 4:2:2 in frames of their own",
        file: "clip.mov",
        steps: &[Ffmpeg(
            "-r 24000/1001 -i base.nut -i tone.wav -shortest -frames:v 50 -pix_fmt yuv422p10le -c:v prores_ks -profile:v hq -c:a pcm_s16le clip.mov",
        )],
        outputs: &[
            exact("mov"),
            refused("mp4", 2, "pcm_s16le"),
            refused("mkv", 2, "whole milliseconds"),
        ],
        ..PLAIN
    },
    Kind {
        name: "prores_interlaced",
        trap: "fields, lower first, as ProRes writes them",
        file: "clip.mov",
        steps: &[Ffmpeg(
            "-r 30000/1001 -i base.nut -vf tinterlace=interleave_bottom,setfield=bff -frames:v 40 -pix_fmt yuv422p10le -flags +ildct -c:v prores_ks -profile:v standard clip.mov",
        )],
        outputs: &[exact("mov"), exact("mp4")],
        sides: true,
        ..PLAIN
    },
    Kind {
        name: "mjpeg_avi",
        trap: "full range without a word of it, sound in PCM",
        file: "clip.avi",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -frames:v 60 -pix_fmt yuvj420p -c:v mjpeg -q:v 4 -c:a pcm_s16le clip.avi",
        )],
        outputs: &[exact("mov"), exact("mkv")],
        ..PLAIN
    },
    Kind {
        name: "mjpeg_422_mov",
        trap: "4:2:2 and full range; a place of chroma that H.264 can say for 4:2:0 only",
        file: "clip.mov",
        steps: &[Ffmpeg("-i base.nut -frames:v 50 -pix_fmt yuvj422p -c:v mjpeg -q:v 4 clip.mov")],
        outputs: &[
            exact_without("mp4", &["video.chroma_location"]),
            exact_without("mov", &["video.chroma_location"]),
            exact_without("mkv", &["video.chroma_location"]),
        ],
        ..PLAIN
    },
    Kind {
        name: "ffv1",
        trap: "lossless with groups of pictures, whose state runs on",
        file: "clip.mkv",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -frames:v 60 -pix_fmt yuv420p -c:v ffv1 -level 3 -g 12 -c:a flac clip.mkv",
        )],
        outputs: &[exact("mp4"), exact("mkv"), refused("mov", 2, "flac")],
        ..PLAIN
    },
    Kind {
        name: "dnxhd",
        trap: "DNxHR in 10 bits",
        file: "clip.mov",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 30 -vf scale=320:180 -pix_fmt yuv422p10le -c:v dnxhd -profile:v dnxhr_hqx clip.mov",
        )],
        outputs: MOST,
        ..PLAIN
    },
    Kind {
        name: "theora",
        trap: "times that a page gives only for its last packet",
        file: "clip.ogg",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -frames:v 80 -pix_fmt yuv420p -c:v libtheora -q:v 6 -g 20 -c:a libvorbis clip.ogg",
        )],
        outputs: &[exact("mp4"), exact("mkv"), refused("mov", 2, "vorbis")],
        ..PLAIN
    },
    Kind {
        name: "wmv2",
        trap: "Windows Media in ASF: milliseconds and a preroll",
        file: "clip.asf",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -frames:v 60 -pix_fmt yuv420p -c:v wmv2 -q:v 4 -g 20 -c:a wmav2 clip.asf",
        )],
        outputs: &[exact("mkv")],
        ..PLAIN
    },
];
