//! The raw side of reading back: a demuxer that is opened by name, and neither parses nor decodes.
//!
//! Owns the format context until it is handed to the safe wrapper, which frees it.
#![expect(unsafe_code, reason = "libav's demuxers are C")]

use std::ffi::CString;
use std::ptr;

use cleanplate_types::source::StreamKind;
use ffmpeg_next as libav;
use libav::ffi;
use libav::format::context::{Input, StreamIo};

use super::ledger::{Ledger, Row};
use crate::input::{is_hidden, refuse_to_open};

const NO_MEMORY: libav::Error = libav::Error::Other { errno: ffi::ENOMEM };

/// Opens what `io` reads with `demuxer`. Packets come as the container has them: nothing is looked into,
/// nothing filled in.
pub(super) fn open(mut io: StreamIo, demuxer: &str) -> Result<Input, libav::Error> {
    let name = CString::new(demuxer).map_err(|_zero| libav::Error::Bug)?;
    // SAFETY: the name is terminated and lives for the call; demuxers are static.
    let demuxer = unsafe { ffi::av_find_input_format(name.as_ptr()) };
    if demuxer.is_null() {
        return Err(libav::Error::DemuxerNotFound);
    }
    // SAFETY: allocation; null is handled on the next line.
    let mut context = unsafe { ffi::avformat_alloc_context() };
    // SAFETY: the pointer is either null or the context just allocated, used by nobody else.
    let fields = unsafe { context.as_mut() }.ok_or(NO_MEMORY)?;
    fields.pb = io.as_mut_ptr();
    fields.io_open = Some(refuse_to_open);
    fields.flags |= ffi::AVFMT_FLAG_NOPARSE | ffi::AVFMT_FLAG_NOFILLIN;
    // SAFETY: all pointers are valid; on failure the context is freed by the call, and `io`, which it does
    // not own, is dropped by this function.
    let code = unsafe {
        ffi::avformat_open_input(&raw mut context, ptr::null(), demuxer, ptr::null_mut())
    };
    if code < 0 {
        return Err(libav::Error::from(code));
    }
    // SAFETY: the context is open and its custom IO is handed over with it; the wrapper closes both in the
    // right order.
    Ok(unsafe { Input::wrap_with_custom_io(context, io) })
}

/// A packet that was found.
pub(super) struct Found<'a> {
    packet: &'a libav::Packet,
    /// Which of the streams that carry packets it belongs to.
    number: usize,
    clock: (i32, i32),
}

impl Found<'_> {
    /// Where it lies, and how long it is.
    pub(super) fn place(&self) -> Option<(u64, u64)> {
        let at = u64::try_from(self.packet.position()).ok()?;
        Some((at, self.packet.size() as u64))
    }

    /// Enters it into the ledger.
    pub(super) fn enter(&self, ledger: &mut Ledger) {
        let data = self.packet.data().unwrap_or_default();
        let (bytes, content) = ledger.size_of_found(self.number, data);
        let row = Row { pts: self.packet.pts(), dts: self.packet.dts(), bytes, content };
        ledger.find(self.number, self.clock, row, is_hidden(self.packet));
    }
}

/// Reads to the end; packets of cover pictures and attachments are left out.
pub(super) fn each_packet(
    movie: &mut Input,
    mut take: impl FnMut(&Found<'_>),
) -> Result<(), libav::Error> {
    let mut packet = libav::Packet::empty();
    loop {
        packet = match packet.read(movie) {
            Ok(()) => packet,
            Err(libav::Error::Eof) => return Ok(()),
            Err(error) => return Err(error),
        };
        let index = packet.stream();
        let number = (0..index).filter(|before| carries_packets(movie, *before)).count();
        let Some(stream) = movie.stream(index) else { continue };
        if carries_packets(movie, index) {
            let base = stream.time_base();
            let clock = (base.numerator(), base.denominator());
            take(&Found { packet: &packet, number, clock });
        }
        packet = libav::Packet::empty();
    }
}

/// Number of streams that may carry packets.
pub(super) fn carrying(movie: &Input) -> usize {
    (0..movie.streams().len()).filter(|index| carries_packets(movie, *index)).count()
}

fn carries_packets(movie: &Input, index: usize) -> bool {
    let Some(stream) = movie.stream(index) else { return false };
    // SAFETY: the pointer is used while `stream` borrows the context.
    let raw = unsafe { stream.as_ptr() };
    // SAFETY: a stream of an open context is not null and not changed while it is borrowed.
    let Some(fields) = (unsafe { raw.as_ref() }) else { return false };
    // SAFETY: the parameters belong to the stream.
    let Some(parameters) = (unsafe { fields.codecpar.as_ref() }) else { return false };
    let still = ffi::AV_DISPOSITION_ATTACHED_PIC | ffi::AV_DISPOSITION_TIMED_THUMBNAILS;
    fields.disposition & still == 0
        && crate::input::kind_of(parameters.codec_type) != StreamKind::Attachment
}
