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
    // SAFETY: both were returned by libav; a null muxer is answered with an error code.
    let answer = unsafe {
        ffi::avformat_query_codec(format, descriptor.id, ffi::FF_COMPLIANCE_EXPERIMENTAL)
    };
    answer == 1
}
