//! Real files that broke other tools, and what becomes of each.
//!
//! The files are not part of this project: they lie in a folder beside it, where somebody has put them.
//! What costs more than a few seconds of encoding (8K, much 1080p) is left out.

use std::path::{Path, PathBuf};

use super::compare::Truth;
use super::draw::{Chance, Draw};
use super::kind::{Expect, Kind, Output, PLAIN};
use super::lane::Lane;
use crate::binary;

use Outcome::{Damaged, Exact, OneThread, Refused};

/// What becomes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Every frame bit for bit at its time.
    Exact,
    /// The same, of what one thread decodes: a recording whose start depends on the decoder's threads.
    OneThread,
    /// Refused before any work: exit status, and words.
    Refused(i32, &'static str),
    /// Damaged: refused with these words. Which frame is hit first may depend on the decoder's threads.
    Damaged(&'static str),
}

/// Each file, the container of the output, and what becomes of it.
pub const FILES: &[(&str, &str, Outcome)] = &[
    ("hostile/alpha_vp8.webm", "webm", Refused(2, "have alpha")),
    ("hostile/audio_late_start.mp4", "mp4", Exact),
    ("hostile/audio_only.mp4", "mp4", Refused(3, "sound only")),
    ("hostile/audio_with_cover_art.m4a", "mp4", Refused(3, "sound only")),
    ("hostile/av1_film_grain_10b.ivf", "mp4", Exact),
    ("hostile/avi_h264_no_pts.avi", "mp4", Exact),
    ("hostile/avi_mjpeg_pcm.avi", "mp4", Refused(2, "pcm_s16le")),
    ("hostile/corrupt_mkv_bad_nal.mkv", "mp4", Exact),
    ("hostile/corrupt_mp4_decord.mp4", "mp4", Damaged("is damaged")),
    ("hostile/corrupt_truncated_annexb.mp4", "mp4", Refused(3, "cut off")),
    ("hostile/elst_empty_edit_5s.mp4", "mp4", Damaged("is damaged")),
    ("hostile/elst_iphone_preroll_opengop.mp4", "mp4", Refused(2, "Dolby Vision")),
    ("hostile/elst_no_sync_before_edit.mp4", "mp4", Refused(2, "Dolby Vision")),
    ("hostile/empty_second_video_track.mp4", "mp4", Exact),
    ("hostile/empty_zero_frame.ts", "mp4", Refused(3, "no frames")),
    ("hostile/encrypted_cenc.mp4", "mp4", Refused(3, "encrypted")),
    ("hostile/flv_h264_1000fps_tb.flv", "mp4", Exact),
    ("hostile/fmp4_duration_overflow.mp4", "mp4", Exact),
    ("hostile/h264_multislice_fmo.264", "mp4", Exact),
    ("hostile/hdr10_hevc_mastering_rot_attach_chap.mkv", "mp4", Refused(2, "attachment")),
    ("hostile/interlaced_mixed_single_field.mp4", "mp4", Damaged("frame 0 is damaged")),
    // Cut off behind its 2.5 MB, in the middle of a picture: either may be seen first.
    ("hostile/interlaced_xavc_422_10b.mxf", "mp4", Damaged("")),
    ("hostile/mp4_mdat_too_long.mp4", "mp4", Exact),
    ("hostile/mpeg2_field_pictures.ts", "mp4", Damaged("is damaged")),
    ("hostile/nokey_first_is_intra_not_idr.ts", "mp4", OneThread),
    ("hostile/nokey_h264_zero_keyframes.ts", "mp4", Exact),
    ("hostile/nokey_initial_keyframe_missing.ts", "mp4", Exact),
    ("hostile/opengop_h264_dvb_seg0.ts", "mp4", Damaged("is damaged")),
    ("hostile/opengop_h264_dvb_seg1.ts", "mp4", Damaged("is damaged")),
    ("hostile/opengop_h264_dvb_seg2.ts", "mp4", Damaged("is damaged")),
    ("hostile/opengop_hevc_iphone_dv84.mp4", "mp4", Refused(2, "Dolby Vision")),
    ("hostile/prores422_tb.mov", "mov", Exact),
    ("hostile/reschange_av1_switch_frame.ivf", "mp4", Refused(3, "the picture changes from")),
    ("hostile/reschange_h264_848_to_424.h264", "mp4", Refused(3, "the picture changes from")),
    ("hostile/reschange_h264_inband_mp4.mp4", "mp4", Refused(3, "the picture changes from")),
    ("hostile/reschange_vp8_9_sizes.webm", "mp4", Refused(3, "the picture changes from")),
    ("hostile/reschange_vp9_500f.ivf", "mp4", Refused(3, "timestamps of the video cannot be used")),
    ("hostile/rotate_180_3f.mov", "mov", Exact),
    ("hostile/rotate_90_h264_fmp4.mp4", "mp4", Exact),
    ("hostile/sar_2x1_h264.mp4", "mp4", Exact),
    ("hostile/single_frame_still.mp4", "mp4", Exact),
    ("hostile/size_16x4000.ts", "mp4", Exact),
    ("hostile/startpts_10s_bframes.mp4", "mp4", Exact),
    ("hostile/tracks_pgs.mkv", "mkv", Exact),
    ("hostile/ts_dts_jumps_back_and_fwd.ts", "mp4", Damaged("frame 0 is damaged")),
    ("hostile/ts_pat_pmt_in_middle.ts", "mp4", Exact),
    ("hostile/ts_pts_at_2p32.ts", "mp4", Exact),
    ("hostile/ts_pts_gap_loss_1080i.ts", "mp4", Damaged("frame 0 is damaged")),
    ("hostile/unsupported_vvc.mp4", "mp4", Refused(3, "no decoder for vvc1")),
    ("hostile/vfr_screenrec_59_deltas.mp4", "mp4", Exact),
    ("hostile/vp9_intra_only_start.webm", "mp4", Exact),
    ("hostile/vp9_show_existing_frame.webm", "mp4", Exact),
    ("overlay/cctv_timestamp_camera07.avi", "mp4", Exact),
    ("overlay/stream_logo_banner_720p.ts", "mp4", Exact),
    ("overlay/subs_zh_anime.mp4", "mp4", Exact),
    ("overlay/tv_bbcnews_ticker_mpeg2.ts", "mp4", Refused(2, "dvb_subtitle")),
    ("overlay/tv_hockey_scoreboard_720p.mp4", "mp4", Exact),
    ("overlay/tv_logo_1080i50_fieldpics.ts", "mp4", Damaged("is damaged")),
    ("overlay/tv_semana_clock_1080i5994.ts", "mp4", Damaged("is damaged")),
    ("clean/bikes_640x272_h264.mp4", "mp4", Exact),
    ("clean/carphone_qcif_h264.mp4", "mp4", Exact),
];

/// Where the files would be.
#[must_use]
pub fn folder() -> PathBuf {
    binary::repository().join("../shared/data")
}

/// What a file is to the runs: a kind that nobody makes.
static FOUND: Kind = Kind { name: "real", trap: "real", ..PLAIN };

/// Performs a file; returns what is not as it should be.
///
/// # Panics
/// Where the job gets nowhere.
pub fn perform(
    lane: &mut Lane,
    chance: &mut Chance,
    source: &Path,
    container: &'static str,
    outcome: Outcome,
) -> Vec<String> {
    let expect = match outcome {
        Exact | OneThread => Expect::Exact,
        Refused(status, words) => Expect::Refused { status, words },
        Damaged(words) => Expect::Damaged { words, noted: "" },
    };
    let threads = (outcome == OneThread).then_some(1);
    let truth = Truth::by_threads(source, threads);
    let output = Output { container, expect, without: &["*"] };
    let cell_frames = chance.between(10, 60);
    let draw = Draw {
        output,
        cell_frames,
        segment_frames: cell_frames * chance.between(1, 3),
        workers: 2,
        ..Draw::plain(&FOUND, container, true)
    };
    lane.perform(&draw, &truth, source).0
}
