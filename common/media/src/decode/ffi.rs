//! The raw decoder: opened for software or for a card, fed with packets, asked for frames.
//!
//! Owns the codec context and the reference to the card's device. Refuses to choose: whether a card
//! is tried and what happens when it fails is decided outside.
#![expect(unsafe_code, reason = "libav's decoders and device contexts are C")]

use std::ffi::{CStr, CString, c_int};
use std::ptr;

use ffmpeg_next as libav;
use libav::ffi;
use libav::packet::Ref as _;

use crate::device::ffi::Device;

/// Frames that may be held outside the decoder while its own pool is that of a card: the one that
/// is being fetched to the host, and one spare.
const EXTRA_HARDWARE_FRAMES: c_int = 2;

/// An open decoder.
pub(super) struct Codec {
    context: libav::codec::Context,
}

/// What the next step of decoding gave.
pub(super) enum Step {
    /// A frame.
    Frame(libav::frame::Video),
    /// The decoder wants more packets.
    Hungry,
    /// Everything has come out.
    End,
}

/// libav asks which of `formats` the decoder shall give: that of the card, where it is offered.
unsafe extern "C" fn prefer_card(
    context: *mut ffi::AVCodecContext,
    formats: *const ffi::AVPixelFormat,
) -> ffi::AVPixelFormat {
    let mut place = formats;
    loop {
        // SAFETY: the list ends with `NONE`, at which this loop ends.
        let format = unsafe { place.read() };
        if format == ffi::AVPixelFormat::AV_PIX_FMT_CUDA {
            return format;
        }
        if format == ffi::AVPixelFormat::AV_PIX_FMT_NONE {
            // SAFETY: passes on what libav handed to this callback.
            return unsafe { ffi::avcodec_default_get_format(context, formats) };
        }
        // SAFETY: the list goes on, since this was not its end.
        place = unsafe { place.add(1) };
    }
}

impl Codec {
    /// Opens the decoder of `stream` with `threads` threads, on `card` where one is given.
    pub(super) fn open(
        stream: &libav::Stream<'_>,
        threads: u32,
        card: Option<&Device>,
    ) -> Result<Self, libav::Error> {
        let parameters = stream.parameters();
        let codec = libav::decoder::find(parameters.id()).ok_or(libav::Error::DecoderNotFound)?;
        let mut context = libav::codec::Context::new_with_codec(codec);
        // SAFETY: the pointer is used while `context` is borrowed.
        let raw = unsafe { context.as_mut_ptr() };
        // SAFETY: null (no memory) gives an error; else it is exclusively ours.
        let fields = unsafe { raw.as_mut() }.ok_or(libav::Error::Other { errno: ffi::ENOMEM })?;
        // SAFETY: the parameters belong to the stream and are copied.
        let from = unsafe { parameters.as_ptr() };
        // SAFETY: both are valid; the context is not open yet.
        check(unsafe { ffi::avcodec_parameters_to_context(fields, from) })?;
        fields.pkt_timebase = stream.time_base().into();
        fields.thread_count = c_int::try_from(threads).unwrap_or(1);
        if let Some(card) = card {
            fields.thread_count = 1;
            fields.extra_hw_frames = EXTRA_HARDWARE_FRAMES;
            fields.get_format = Some(prefer_card);
            // The new reference belongs to the context.
            fields.hw_device_ctx = card.for_decoder();
        }
        // SAFETY: the pointer is used for the next call only.
        let codec = unsafe { codec.as_ptr() };
        // SAFETY: the context was allocated for this codec; no options.
        check(unsafe { ffi::avcodec_open2(raw, codec, ptr::null_mut()) })?;
        Ok(Self { context })
    }

    /// Gives a packet to the decoder.
    pub(super) fn send(&mut self, packet: &libav::Packet) -> Result<(), libav::Error> {
        // SAFETY: the pointer is used for the next call only.
        let raw = unsafe { self.context.as_mut_ptr() };
        // SAFETY: the context is open; the packet is referenced, not kept.
        check(unsafe { ffi::avcodec_send_packet(raw, packet.as_ptr()) })
    }

    /// Tells the decoder that nothing more comes.
    pub(super) fn finish(&mut self) -> Result<(), libav::Error> {
        // SAFETY: the pointer is used for the next call only.
        let raw = unsafe { self.context.as_mut_ptr() };
        // SAFETY: the context is open; null means the end.
        check(unsafe { ffi::avcodec_send_packet(raw, ptr::null()) })
    }

    /// Asks for the next frame.
    pub(super) fn receive(&mut self) -> Result<Step, libav::Error> {
        let mut frame = libav::frame::Video::empty();
        // SAFETY: the pointer is used for the next call only.
        let raw = unsafe { self.context.as_mut_ptr() };
        // SAFETY: the pointer is used for the next call only.
        let target = unsafe { frame.as_mut_ptr() };
        // SAFETY: the context is open; a null frame (no memory) is refused by libav.
        match unsafe { ffi::avcodec_receive_frame(raw, target) } {
            0 => Ok(Step::Frame(frame)),
            ffi::AVERROR_EOF => Ok(Step::End),
            code if code == ffi::AVERROR(ffi::EAGAIN) => Ok(Step::Hungry),
            code => Err(libav::Error::from(code)),
        }
    }

    /// Makes the decoder pass over pictures that no other picture refers to, or stop doing so.
    pub(super) fn pass_over_unreferenced(&mut self, pass: bool) {
        // SAFETY: the pointer is used for the next line only.
        let raw = unsafe { self.context.as_mut_ptr() };
        // SAFETY: the context is open, exclusively ours, and reads the field at each packet.
        let Some(fields) = (unsafe { raw.as_mut() }) else { return };
        fields.skip_frame =
            if pass { ffi::AVDiscard::AVDISCARD_NONREF } else { ffi::AVDiscard::AVDISCARD_DEFAULT };
    }
}

/// Whether libav could not get memory.
pub(super) fn is_out_of_memory(error: libav::Error) -> bool {
    error == (libav::Error::Other { errno: ffi::ENOMEM })
}

/// libav's name of profile `profile` of the codec that it calls `codec`, where it has one.
pub(super) fn profile_name(codec: &str, profile: i32) -> Option<String> {
    let codec = CString::new(codec).ok()?;
    // SAFETY: the name is terminated and lives for the call; the descriptor is static.
    let descriptor = unsafe { ffi::avcodec_descriptor_get_by_name(codec.as_ptr()) };
    // SAFETY: null (no such codec) gives nothing.
    let id = unsafe { descriptor.as_ref() }?.id;
    // SAFETY: takes numbers; names are static.
    let name = unsafe { ffi::avcodec_profile_name(id, profile) };
    if name.is_null() {
        return None;
    }
    // SAFETY: names are terminated and static.
    Some(unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned())
}

fn check(code: c_int) -> Result<(), libav::Error> {
    if code < 0 { Err(libav::Error::from(code)) } else { Ok(()) }
}
