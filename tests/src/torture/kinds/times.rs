//! Times: rates, clocks, starts, gaps, edit lists.

use super::super::bytes;
use super::super::kind::{
    FINE, Kind, MOST, PLAIN,
    Step::{Edit, Ffmpeg},
    exact, exact_without, refused,
};

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "vfr_near_duplicates",
        trap: "frames dropped where nearly nothing moved: constant-rate tools move the rest",
        steps: &[Ffmpeg(
            r"-i base.nut -i tone.wav -shortest -vf select='not(mod(n\,3))+lt(mod(n\,17)\,5)' -vsync vfr -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 30 clip.mp4",
        )],
        outputs: MOST,
        ..PLAIN
    },
    Kind {
        name: "vfr_jitter",
        trap: "every frame a few ticks of 90 kHz off the grid",
        steps: &[Ffmpeg(
            r"-i base.nut -frames:v 90 -vf settb=1/90000,setpts='N*3600+mod(N*37\,11)*97' -vsync passthrough -enc_time_base 1/90000 -video_track_timescale 90000 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 30 clip.mp4",
        )],
        outputs: FINE,
        encoders: &["libx264", "libx265"],
        ..PLAIN
    },
    Kind {
        name: "vfr_long_gap",
        trap: "one frame that stands for a minute between others",
        steps: &[Ffmpeg(
            r"-i base.nut -frames:v 60 -vf settb=1/1000,setpts='N*40+if(gte(N\,31)\,60000\,0)' -vsync passthrough -enc_time_base 1/1000 -video_track_timescale 1000 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 20 clip.mp4",
        )],
        outputs: MOST,
        ..PLAIN
    },
    Kind {
        name: "rate_23976",
        trap: "24000/1001: decimal seconds drift",
        steps: &[Ffmpeg(
            "-r 24000/1001 -i base.nut -i tone.wav -shortest -frames:v 100 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 24 clip.mp4",
        )],
        outputs: FINE,
        ..PLAIN
    },
    Kind {
        name: "rate_2997",
        trap: "30000/1001",
        file: "clip.mov",
        steps: &[Ffmpeg(
            "-r 30000/1001 -i base.nut -i tone.wav -shortest -frames:v 100 -pix_fmt yuv420p -c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=30 -tag:v hvc1 -c:a pcm_s16le clip.mov",
        )],
        outputs: &[exact("mov"), refused("mp4", 2, "pcm_s16le")],
        ..PLAIN
    },
    Kind {
        name: "rate_5994",
        trap: "60000/1001",
        steps: &[Ffmpeg(
            "-r 60000/1001 -i base.nut -i tone.wav -shortest -frames:v 140 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 60 clip.mp4",
        )],
        outputs: FINE,
        ..PLAIN
    },
    Kind {
        name: "rate_23976_ms",
        trap: "24000/1001 rounded to milliseconds by mkv: the file's own uneven times are the truth",
        file: "clip.mkv",
        steps: &[Ffmpeg(
            "-r 24000/1001 -i base.nut -i tone.wav -shortest -frames:v 100 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 24 -c:a aac clip.mkv",
        )],
        outputs: MOST,
        ..PLAIN
    },
    Kind {
        name: "timescale_huge",
        trap: "a clock of 23,040,000 ticks a second",
        steps: &[Ffmpeg(
            "-r 30000/1001 -i base.nut -frames:v 80 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 24 -video_track_timescale 30000000 clip.mp4",
        )],
        outputs: FINE,
        ..PLAIN
    },
    Kind {
        name: "timescale_tiny",
        trap: "a clock of one tick a frame: no place between two frames",
        steps: &[Ffmpeg(
            "-r 7 -i base.nut -frames:v 50 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 24 -video_track_timescale 7 clip.mp4",
        )],
        outputs: FINE,
        ..PLAIN
    },
    Kind {
        name: "start_late",
        trap: "the first frame at ten seconds",
        file: "clip.mkv",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -frames:v 80 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 24 -c:a aac -output_ts_offset 10 clip.mkv",
        )],
        outputs: &[
            exact("mp4"),
            exact("mov"),
            exact("mkv"),
            // AAC gets headers in a transport stream.
            exact_without("ts", &["stream0.bytes"]),
        ],
        ..PLAIN
    },
    Kind {
        name: "start_odd",
        trap: "the first frame at a time that the movie's own clock of milliseconds cannot say",
        steps: &[Ffmpeg(
            "-r 30000/1001 -i base.nut -i tone.wav -shortest -frames:v 80 -vf setpts=PTS+7*TB -enc_time_base 1001/30000 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 24 clip.mp4",
        )],
        outputs: FINE,
        ..PLAIN
    },
    Kind {
        name: "start_negative",
        trap: "ten frames before zero, which the edit list hides",
        file: "clip.mov",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -frames:v 80 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 24 -c:a aac -output_ts_offset -0.4 -avoid_negative_ts disabled clip.mov",
        )],
        outputs: &[exact("mp4"), exact("mov")],
        ..PLAIN
    },
    Kind {
        name: "video_after_audio",
        trap: "the picture starts half a second after the sound: joined tools start both at zero",
        steps: &[Ffmpeg(
            "-itsoffset 0.52 -i base.nut -i tone.wav -shortest -frames:v 80 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 24 clip.mp4",
        )],
        outputs: MOST,
        ..PLAIN
    },
    Kind {
        name: "audio_after_video",
        trap: "the sound starts after the picture and ends after it",
        steps: &[Ffmpeg(
            "-i base.nut -itsoffset 0.77 -i tone.wav -t 5 -frames:v 80 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 24 clip.mp4",
        )],
        outputs: MOST,
        ..PLAIN
    },
    Kind {
        name: "edit_list_hides_frames",
        trap: "a trimmed mp4 shows fewer frames than it holds; copying tools show the hidden ones",
        steps: &[
            Ffmpeg(
                "-i base.nut -i tone.wav -shortest -frames:v 140 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 50 all.mp4",
            ),
            Ffmpeg("-ss 1.3 -i all.mp4 -c copy clip.mp4"),
        ],
        outputs: &[exact("mp4"), exact("mov")],
        ..PLAIN
    },
    Kind {
        name: "edit_list_empty_first",
        trap: "an empty edit of 600 ms before the pictures",
        steps: &[
            Ffmpeg(
                "-i base.nut -frames:v 80 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 25 all.mp4",
            ),
            Ffmpeg("-itsoffset 0.6 -i all.mp4 -i tone.wav -map 0 -map 1 -t 3 -c:v copy clip.mp4"),
        ],
        outputs: MOST,
        ..PLAIN
    },
    Kind {
        name: "edit_list_two_edits",
        trap: "two edits with a hole between them: frames in the hole are hidden",
        steps: &[
            Ffmpeg(
                "-i base.nut -frames:v 100 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 10 -bf 0 clip.mp4",
            ),
            Edit("clip.mp4", bytes::two_edits),
        ],
        outputs: &[exact("mp4"), exact("mov")],
        ..PLAIN
    },
    Kind {
        name: "edit_list_lost",
        trap: "no edit list at all: the first frame of reordered video is at the decoder's delay",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -frames:v 80 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 25 -use_editlist 0 clip.mp4",
        )],
        outputs: MOST,
        ..PLAIN
    },
    Kind {
        name: "negative_cts",
        trap: "negative composition offsets (version 1 of ctts)",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -frames:v 80 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 25 -movflags negative_cts_offsets clip.mp4",
        )],
        outputs: MOST,
        ..PLAIN
    },
    Kind {
        name: "ts_pts_wrap",
        trap: "the clock of 33 bits starts again in the middle: times before it are negative",
        file: "clip.ts",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -frames:v 100 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 25 -c:a mp2 -output_ts_offset 95441.7 -muxdelay 0 -muxpreload 0 clip.ts",
        )],
        outputs: &[
            refused("mp4", 2, "before zero"),
            refused("mkv", 2, "milliseconds"),
            exact("ts"),
        ],
        ..PLAIN
    },
    Kind {
        name: "ts_near_wrap",
        trap: "times of more than 26 hours, near the end of the 33 bits",
        file: "clip.ts",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -shortest -frames:v 80 -pix_fmt yuv420p -c:v libx264 -preset veryfast -g 25 -c:a mp2 -output_ts_offset 95300 -muxdelay 0 -muxpreload 0 clip.ts",
        )],
        outputs: &[exact("mp4"), exact("mkv"), exact("ts")],
        ..PLAIN
    },
    Kind {
        name: "one_frame",
        trap: "a single frame: no difference of times to learn a rate from",
        steps: &[Ffmpeg(
            "-i base.nut -frames:v 1 -pix_fmt yuv420p -c:v libx264 -preset veryfast clip.mp4",
        )],
        outputs: MOST,
        ..PLAIN
    },
    Kind {
        name: "two_frames",
        trap: "two frames",
        steps: &[Ffmpeg(
            "-r 30000/1001 -i base.nut -frames:v 2 -pix_fmt yuv420p -c:v libx265 -preset ultrafast -x265-params log-level=none clip.mp4",
        )],
        outputs: FINE,
        ..PLAIN
    },
    Kind {
        name: "three_frames",
        trap: "three frames with sound that goes on",
        steps: &[Ffmpeg(
            "-i base.nut -i tone.wav -t 2 -frames:v 3 -pix_fmt yuv420p -c:v libx264 -preset veryfast clip.mp4",
        )],
        outputs: MOST,
        ..PLAIN
    },
];
