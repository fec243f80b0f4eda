//! The raw decoder that looks at what an encoder made. Owns the context for the time of one call.
#![expect(unsafe_code, reason = "libav's decoders are C")]

use std::ffi::c_int;
use std::ptr;

use ffmpeg_next as libav;
use libav::ffi;
use libav::packet::Ref as _;

use super::Made;

/// Decodes packets without a container, in software, with one thread.
pub(super) fn decode(
    id: libav::codec::Id,
    extradata: &[u8],
    packets: &[Made],
) -> Result<Vec<libav::frame::Video>, libav::Error> {
    let codec = libav::decoder::find(id).ok_or(libav::Error::DecoderNotFound)?;
    let mut context = libav::codec::Context::new_with_codec(codec);
    // SAFETY: the pointer is used while `context` is borrowed.
    let raw = unsafe { context.as_mut_ptr() };
    // SAFETY: null (no memory) gives an error; else it is exclusively ours.
    let fields = unsafe { raw.as_mut() }.ok_or(libav::Error::Other { errno: ffi::ENOMEM })?;
    fields.thread_count = 1;
    set_extradata(fields, extradata)?;
    // SAFETY: the pointer is used for the next call only.
    let codec = unsafe { codec.as_ptr() };
    // SAFETY: the context was allocated for this codec; no options.
    check(unsafe { ffi::avcodec_open2(raw, codec, ptr::null_mut()) })?;
    let mut frames = Vec::new();
    for (pts, _, data) in packets {
        let mut packet = libav::Packet::copy(data);
        packet.set_pts(Some(pts.0));
        // SAFETY: the context is open; the packet is referenced, not kept.
        check(unsafe { ffi::avcodec_send_packet(raw, packet.as_ptr()) })?;
        receive(&mut context, &mut frames)?;
    }
    // SAFETY: the context is open; null means the end.
    check(unsafe { ffi::avcodec_send_packet(raw, ptr::null()) })?;
    receive(&mut context, &mut frames)?;
    Ok(frames)
}

/// Takes all frames that are ready.
fn receive(
    context: &mut libav::codec::Context,
    frames: &mut Vec<libav::frame::Video>,
) -> Result<(), libav::Error> {
    // SAFETY: the pointer is used while `context` is borrowed.
    let raw = unsafe { context.as_mut_ptr() };
    loop {
        let mut frame = libav::frame::Video::empty();
        // SAFETY: the pointer is used for the next call only.
        let target = unsafe { frame.as_mut_ptr() };
        // SAFETY: the context is open; a null frame (no memory) is refused by libav.
        match unsafe { ffi::avcodec_receive_frame(raw, target) } {
            0 => frames.push(frame),
            ffi::AVERROR_EOF => return Ok(()),
            code if code == ffi::AVERROR(ffi::EAGAIN) => return Ok(()),
            code => return check(code),
        }
    }
}

/// Gives the context a padded copy, which it frees itself.
fn set_extradata(fields: &mut ffi::AVCodecContext, bytes: &[u8]) -> Result<(), libav::Error> {
    if bytes.is_empty() {
        return Ok(());
    }
    let padding = usize::try_from(ffi::AV_INPUT_BUFFER_PADDING_SIZE).unwrap_or(64);
    // SAFETY: allocation; null is handled on the next line.
    let copy = unsafe { ffi::av_mallocz(bytes.len() + padding) }.cast::<u8>();
    if copy.is_null() {
        return Err(libav::Error::Other { errno: ffi::ENOMEM });
    }
    // SAFETY: the copy is as long as the bytes and more, and new.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), copy, bytes.len()) };
    fields.extradata = copy;
    fields.extradata_size = c_int::try_from(bytes.len()).unwrap_or(0);
    Ok(())
}

fn check(code: c_int) -> Result<(), libav::Error> {
    if code < 0 { Err(libav::Error::from(code)) } else { Ok(()) }
}
