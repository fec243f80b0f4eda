//! The raw question whether a muxer knows a codec. Owns nothing.
#![expect(unsafe_code, reason = "libav's tables of codecs and muxers are C")]

use std::ffi::CString;
use std::ptr;

use ffmpeg_next::ffi;

/// Whether libav's muxer has a name for the codec that libav calls `codec`.
pub(super) fn muxer_takes(muxer: &str, codec: &str) -> bool {
    let (Ok(muxer), Ok(codec)) = (CString::new(muxer), CString::new(codec)) else { return false };
    // SAFETY: the name is terminated; the descriptor that is returned is static or null.
    let descriptor = unsafe { ffi::avcodec_descriptor_get_by_name(codec.as_ptr()) };
    // SAFETY: descriptors are static.
    let Some(descriptor) = (unsafe { descriptor.as_ref() }) else { return false };
    // SAFETY: the name is terminated; muxers are static.
    let format = unsafe { ffi::av_guess_format(muxer.as_ptr(), ptr::null(), ptr::null()) };
    // Asked for experiments, Matroska says that it takes everything.
    let is_open = muxer.to_bytes() == b"matroska";
    let ways = if is_open { ffi::FF_COMPLIANCE_NORMAL } else { ffi::FF_COMPLIANCE_EXPERIMENTAL };
    // SAFETY: both were returned by libav; a null muxer is answered with an error code.
    let answer = unsafe { ffi::avformat_query_codec(format, descriptor.id, ways) };
    answer == 1 || (is_open && has_foreign_tag(descriptor.id))
}

/// Whether Matroska can name the codec as Windows' or `QuickTime`'s files name it.
fn has_foreign_tag(codec: ffi::AVCodecID) -> bool {
    // SAFETY: takes nothing and returns a static table, as do the next two.
    let sound = unsafe { ffi::avformat_get_riff_audio_tags() };
    // SAFETY: as above.
    let video = unsafe { ffi::avformat_get_riff_video_tags() };
    // SAFETY: as above.
    let quicktime = unsafe { ffi::avformat_get_mov_video_tags() };
    let tables = [sound, video, quicktime, ptr::null()];
    let mut tag = 0;
    // SAFETY: the tables are static and end in null; the tag is written to the local.
    unsafe { ffi::av_codec_get_tag2(tables.as_ptr(), codec, &raw mut tag) != 0 }
}
