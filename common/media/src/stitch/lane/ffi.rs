//! The raw side of time: what a stream of the source keeps its time by, and libav's exact rescaling.
//!
//! Owns nothing.
#![expect(unsafe_code, reason = "libav's streams and its arithmetic of time are C")]

use std::ffi::c_int;

use ffmpeg_next as libav;
use libav::ffi;
use libav::format::context::Input;

use super::Timing;
use crate::stitch::stream::ffi::{rational, source_stream};

/// What keeps the time of stream `index` of the source.
pub(in crate::stitch) fn timing(input: &Input, index: usize) -> Option<Timing> {
    let stream = source_stream(input, index)?;
    // SAFETY: the parameters belong to the stream.
    let parameters = unsafe { stream.codecpar.as_ref() }?;
    let is_opus = parameters.codec_id == ffi::AVCodecID::AV_CODEC_ID_OPUS;
    let matroska_delay = if is_opus { parameters.initial_padding } else { 0 };
    Some(Timing {
        timebase: (stream.time_base.num, stream.time_base.den),
        sample_rate: parameters.sample_rate,
        matroska_delay,
        reorders: parameters.video_delay > 0,
        is_internal: stream.discard == ffi::AVDiscard::AVDISCARD_ALL,
        tag: parameters.codec_tag.to_le_bytes(),
    })
}

/// Samples in a packet of sound of stream `index`; 0 where that is not known.
pub(in crate::stitch) fn samples_in(input: &Input, index: usize, bytes: usize) -> c_int {
    let Some(stream) = source_stream(input, index) else { return 0 };
    let bytes = c_int::try_from(bytes).unwrap_or(0);
    // SAFETY: the parameters belong to the stream and are only read.
    unsafe { ffi::av_get_audio_frame_duration2(stream.codecpar, bytes) }
}

/// Puts a timestamp of sound on a finer clock so that packets meet sample for sample, as libav's own
/// program does. `last` carries the state from packet to packet.
pub(in crate::stitch) fn rescale_sound(
    (from, to): ((i32, i32), (i32, i32)),
    sample_rate: i32,
    stamp: i64,
    samples: c_int,
    last: &mut i64,
) -> i64 {
    // SAFETY: plain arithmetic; the state belongs to the caller.
    unsafe {
        ffi::av_rescale_delta(
            rational(from),
            stamp,
            rational((1, sample_rate)),
            samples,
            last,
            rational(to),
        )
    }
}

/// What stands for no timestamp in the state of [`rescale_sound`].
pub(in crate::stitch) const NO_STAMP: i64 = ffi::AV_NOPTS_VALUE;

/// Puts a timestamp on another clock, to the nearest tick.
pub(in crate::stitch) fn rescale(stamp: i64, from: (i32, i32), to: (i32, i32)) -> i64 {
    // SAFETY: plain arithmetic.
    unsafe { ffi::av_rescale_q(stamp, rational(from), rational(to)) }
}

/// Compares two timestamps of two clocks.
pub(in crate::stitch) fn is_before(
    one: i64,
    one_clock: (i32, i32),
    other: i64,
    other_clock: (i32, i32),
) -> bool {
    // SAFETY: plain arithmetic.
    unsafe { ffi::av_compare_ts(one, rational(one_clock), other, rational(other_clock)) < 0 }
}
