//! What is beside the video: sounds, subtitles, chapters, attachments, data, captions, tags.

use super::super::bytes::{self, telemetry};
use super::super::kind::{
    Kind, MOST, PLAIN,
    Step::{Edit, Ffmpeg},
    exact, exact_without, refused,
};

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "audios",
        trap: "three sounds with languages, titles and roles",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -map 0:v -map 1:a -map 1:a -map 1:a -t 3 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 25 -c:a:0 aac -c:a:1 ac3 -c:a:2 flac -strict -2 -metadata:s:v:0 language=jpn -metadata:s:a:0 language=deu -metadata:s:a:1 language=fra -metadata:s:a:2 language=und -metadata:s:a:1 handler_name=french -disposition:a:0 0 -disposition:a:1 default -disposition:a:2 0 clip.mp4",
        )],
        outputs: &[exact("mp4"), exact("mkv")],
        ..PLAIN
    },
    Kind {
        name: "audios_mkv",
        trap: "the same in Matroska, with commentary and hearing-impaired",
        file: "clip.mkv",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -map 0:v -map 1:a -map 1:a -map 1:a -t 3 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 25 -c:a:0 libopus -c:a:1 libvorbis -c:a:2 flac -metadata:s:a:0 language=deu -metadata:s:a:0 title=Ton -metadata:s:a:1 language=fra -disposition:a:0 0 -disposition:a:1 default+comment -disposition:a:2 hearing_impaired clip.mkv",
        )],
        outputs: &[exact("mkv"), exact_without("mp4", &["stream*.title", "stream*.disposition"])],
        ..PLAIN
    },
    Kind {
        name: "subtitles_mp4",
        trap: "timed text with gaps, which start late",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -i subs.srt -map 0:v -map 1:a -map 2:s -t 3 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 25 -c:s mov_text -metadata:s:s:0 language=rus clip.mp4",
        )],
        outputs: &[exact("mp4"), exact("mov"), refused("mkv", 2, "mov_text")],
        ..PLAIN
    },
    Kind {
        name: "subtitles_forced",
        trap: "text that is shown without being asked for: mov has no place for that, and the notes say so",
        steps: &[Ffmpeg(
            "-i base.nut -i subs.srt -map 0:v -map 1:s -t 3 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 25 -c:s mov_text -disposition:s:0 forced clip.mp4",
        )],
        outputs: &[exact("mp4"), exact_without("mov", &["stream0.disposition"])],
        ..PLAIN
    },
    Kind {
        name: "subtitles_mkv",
        trap: "SubRip and styled subtitles with the font that they need",
        file: "clip.mkv",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -i subs.srt -i subs.ass -map 0:v -map 1:a -map 2:s -map 3:s -t 3 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 25 -c:s:0 srt -c:s:1 ass -metadata:s:s:0 language=rus -disposition:s:0 forced -attach note.txt -metadata:s:t mimetype=application/x-truetype-font -metadata:s:t filename=face.ttf clip.mkv",
        )],
        outputs: &[exact("mkv"), refused("mp4", 2, "subrip")],
        ..PLAIN
    },
    Kind {
        name: "chapters",
        trap: "chapters and tags of the file",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -i marks.txt -map 0:v -map 1:a -map_metadata 2 -map_chapters 2 -t 3 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 25 clip.mp4",
        )],
        outputs: MOST,
        ..PLAIN
    },
    Kind {
        name: "chapters_mkv",
        trap: "chapters in Matroska, with tags that mp4 does not know",
        file: "clip.mkv",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -i marks.txt -map 0:v -map 1:a -map_metadata 2 -map_chapters 2 -t 3 -metadata whatever=something -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 25 clip.mkv",
        )],
        outputs: &[exact("mkv"), exact_without("mp4", &["format.whatever"])],
        ..PLAIN
    },
    Kind {
        name: "attachments",
        trap: "files inside the file",
        file: "clip.mkv",
        steps: &[Ffmpeg(
            "-i base.nut -t 2 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 25 -attach note.txt -metadata:s:t:0 mimetype=text/plain -attach subs.srt -metadata:s:t:1 mimetype=application/x-subrip clip.mkv",
        )],
        outputs: &[exact("mkv"), refused("mp4", 2, "attachment")],
        ..PLAIN
    },
    Kind {
        name: "timecode",
        trap: "a timecode track (tmcd) with drop frames",
        file: "clip.mov",
        steps: &[Ffmpeg(
            "-r 30000/1001 -i base.nut -i tone.wav -t 3 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 25 -timecode 01:02:03;04 clip.mov",
        )],
        outputs: &[exact("mov"), exact("mp4")],
        ..PLAIN
    },
    Kind {
        name: "timecode_mkv",
        trap: "a timecode as a tag of the video",
        file: "clip.mkv",
        steps: &[Ffmpeg(
            "-i base.nut -t 3 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 25 -metadata:s:v timecode=10:00:00:05 clip.mkv",
        )],
        outputs: &[exact("mkv"), exact("mov")],
        ..PLAIN
    },
    Kind {
        name: "creation_time",
        trap: "when it was taken, where, and with what",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -t 2 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 25 -metadata creation_time=2019-07-20T20:17:40.000000Z -metadata title=moon -metadata comment=none -metadata location=+21.5+039.1/ clip.mp4",
        )],
        outputs: MOST,
        ..PLAIN
    },
    Kind {
        name: "data_track",
        trap: "data that nobody can read, beside the picture",
        file: "clip.ts",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -f data -i note.txt -map 0:v -map 1:a -map 2:d -t 3 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 25 -c:a mp2 -c:d copy -codec:d klv clip.ts",
        )],
        outputs: &[exact("mp4"), refused("ts", 2, "data"), refused("mkv", 2, "data")],
        ..PLAIN
    },
    Kind {
        name: "klv_ts",
        trap: "telemetry of a drone (KLV), four messages a second, each with its time",
        file: "clip.ts",
        steps: &[
            Edit("note.txt", telemetry::telemetry),
            Ffmpeg(
                "-i base.nut -i tone.wav -f mpegts -i note.txt -map 0:v -map 1:a -map 2:d -t 3 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 25 -c:a mp2 -c:d copy clip.ts",
            ),
        ],
        outputs: &[
            exact("ts"),
            refused("mp4", 2, "name the output .ts"),
            refused("m2ts", 2, "does not know this codec"),
            refused("mkv", 2, "data"),
        ],
        ..PLAIN
    },
    Kind {
        name: "unknown_track",
        trap: "a track of a kind that nobody knows (phones write them): no packet of it may vanish in silence",
        steps: &[
            Ffmpeg(
                "-i base.nut -i tone.wav -i subs.srt -map 0:v -map 1:a -map 2:s -t 3 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 25 -c:s mov_text clip.mp4",
            ),
            Edit("clip.mp4", bytes::text_becomes_unknown),
        ],
        outputs: &[refused("mp4", 2, "data"), refused("mkv", 2, "data")],
        ..PLAIN
    },
    Kind {
        name: "cover",
        trap: "a still picture that is a video stream to naive tools",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -i cover.png -map 0:v -map 1:a -map 2:v -t 3 -pix_fmt:v:0 yuv420p -c:v:0 libx264 -preset veryfast -g 25 -c:v:1 copy -disposition:v:1 attached_pic clip.mp4",
        )],
        outputs: &[exact("mp4"), exact_without("mkv", &["stream*"]), refused("mov", 2, "cover")],
        ..PLAIN
    },
    Kind {
        name: "cover_mkv",
        trap: "a cover as an attachment",
        file: "clip.mkv",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -map 0:v -map 1:a -t 3 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 25 -attach cover.png -metadata:s:t mimetype=image/png -metadata:s:t filename=cover.png clip.mkv",
        )],
        outputs: &[exact("mkv")],
        ..PLAIN
    },
    Kind {
        name: "two_videos",
        trap: "a second video that nobody asked to change",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -map 0:v -map 0:v -map 1:a -t 3 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 25 -filter:v:1 hflip,scale=128:80 clip.mp4",
        )],
        outputs: MOST,
        ..PLAIN
    },
    Kind {
        name: "captions_h264",
        trap: "CEA-608 and 708 captions in SEI messages of each picture",
        steps: &[
            Ffmpeg(
                "-i base.nut -frames:v 75 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 25 -bf 0 -x264-params aud=1 bare.h264",
            ),
            Edit("bare.h264", bytes::with_captions_h264),
            Ffmpeg("-r 25 -i bare.h264 -i tone.wav -t 3 -c:v copy clip.mp4"),
        ],
        outputs: &[exact("mp4"), exact("mkv")],
        encoders: &["libx264", "libx265"],
        sides: true,
        ..PLAIN
    },
    Kind {
        name: "captions_hevc",
        trap: "the same in HEVC",
        steps: &[
            Ffmpeg(
                "-i base.nut -frames:v 75 -pix_fmt yuv420p -c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=25:aud=1:bframes=0 bare.hevc",
            ),
            Edit("bare.hevc", bytes::with_captions_hevc),
            Ffmpeg("-r 25 -i bare.hevc -c copy clip.mp4"),
        ],
        outputs: &[exact("mp4"), exact("mkv")],
        encoders: &["libx264", "libx265"],
        sides: true,
        ..PLAIN
    },
    Kind {
        name: "sound_opus_mkv",
        trap: "a preskip that must stay, or sound and picture part",
        file: "clip.mkv",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -t 3 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 25 -c:a libopus clip.mkv",
        )],
        outputs: &[exact("mkv"), exact("mp4")],
        ..PLAIN
    },
    Kind {
        name: "sound_mp3",
        trap: "sound of another rate with a delay of its own",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -t 3 -ar 44100 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 25 -c:a libmp3lame clip.mp4",
        )],
        outputs: MOST,
        ..PLAIN
    },
];
