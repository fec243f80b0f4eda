//! The raw side of demuxing: opening under an allow-list, seeking, and what the safe view hides.
//!
//! Owns the format context until it is handed to the safe wrapper, which frees it. Refuses every
//! request of a demuxer to open something else.
#![expect(unsafe_code, reason = "libav's demuxers are C")]

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;

use cleanplate_types::source::StreamKind;
use ffmpeg_next as libav;
use libav::ffi;
use libav::format::context::StreamIo;
use libav::packet::Ref as _;

use crate::index::Indexed;

/// Bytes that are looked at to tell the container.
const PROBE_BYTES: u32 = 1 << 20;

/// Why a source was not opened.
pub(super) enum Refusal {
    /// Its demuxer is not on the list.
    Demuxer(String),
    /// There was no memory.
    Memory,
    /// libav did not open it.
    Failed(libav::Error),
}

/// What the safe view does not show of a stream.
#[derive(Debug, Clone)]
pub(crate) struct StreamFacts {
    /// What it carries.
    pub(crate) kind: StreamKind,
    /// Whether it is a still picture: cover art or a thumbnail.
    pub(crate) is_still: bool,
    /// libav's name of the codec; the container's own four characters where libav has none.
    pub(crate) codec: String,
    /// Profile number.
    pub(crate) profile: i32,
    /// Codec configuration.
    pub(crate) extradata: Vec<u8>,
    /// Width and height of its pictures as the container says, 0 where it does not.
    pub(crate) size: (u32, u32),
    /// Sample aspect of the container, then of the codec.
    pub(crate) aspect: [(i32, i32); 2],
    /// Field order in libav's numbering.
    pub(crate) field_order: i32,
    /// Primaries, transfer, matrix, range, chroma location in libav's numbering.
    pub(crate) colour: [i32; 5],
    /// Whether the sample entry says that the samples are encrypted.
    pub(crate) encrypted: bool,
}

/// Where to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SeekTo {
    /// To the last key frame at or before this timestamp, in ticks of the stream.
    Stamp(i64),
    /// To the sample that is decoded at this time, key frame or not.
    Sample(i64),
    /// To this byte.
    Byte(i64),
}

/// Answers every request of a demuxer for another file with a refusal.
pub(crate) unsafe extern "C" fn refuse_to_open(
    _context: *mut ffi::AVFormatContext,
    _io: *mut *mut ffi::AVIOContext,
    _url: *const c_char,
    _flags: c_int,
    _options: *mut *mut ffi::AVDictionary,
) -> c_int {
    ffi::AVERROR(ffi::EACCES)
}

/// Opens what `io` reads, with one of `demuxers`, and finds out about its streams.
pub(super) fn open(
    mut io: StreamIo,
    name: &str,
    demuxers: &[&str],
) -> Result<libav::format::context::Input, Refusal> {
    let name = CString::new(name).map_err(|_zero| Refusal::Memory)?;
    let demuxer = probe(&mut io, &name)?;
    let found = name_of(demuxer);
    if !found.split(',').any(|one| demuxers.contains(&one)) {
        return Err(Refusal::Demuxer(found));
    }
    // SAFETY: allocation; null is handled on the next line.
    let mut context = unsafe { ffi::avformat_alloc_context() };
    // SAFETY: the pointer is either null or the context just allocated, used by nobody else.
    let fields = unsafe { context.as_mut() }.ok_or(Refusal::Memory)?;
    fields.pb = io.as_mut_ptr();
    fields.io_open = Some(refuse_to_open);
    let mut options = libav::Dictionary::new();
    options.set("protocol_whitelist", "none");
    options.set("format_whitelist", &demuxers.join(","));
    // SAFETY: gives up ownership of the dictionary; it is freed below.
    let mut options = unsafe { options.disown() };
    // SAFETY: all pointers are valid; on failure the context is freed by the call, and `io`, which
    // it does not own, is dropped by this function.
    let code = unsafe {
        ffi::avformat_open_input(&raw mut context, name.as_ptr(), demuxer, &raw mut options)
    };
    // SAFETY: the dictionary belongs to this function.
    unsafe { ffi::av_dict_free(&raw mut options) };
    check(code).map_err(Refusal::Failed)?;
    // SAFETY: the context is open and its custom IO is handed over with it; the wrapper closes
    // both in the right order.
    let mut input = unsafe { libav::format::context::Input::wrap_with_custom_io(context, io) };
    // SAFETY: the pointer is used for this call only.
    let context = unsafe { input.as_mut_ptr() };
    // SAFETY: the context is open; no options are given.
    let code = unsafe { ffi::avformat_find_stream_info(context, ptr::null_mut()) };
    check(code).map_err(Refusal::Failed)?;
    Ok(input)
}

/// Finds the demuxer by the first bytes, and rewinds.
fn probe(io: &mut StreamIo, name: &CStr) -> Result<*const ffi::AVInputFormat, Refusal> {
    let mut demuxer: *const ffi::AVInputFormat = ptr::null();
    // SAFETY: the IO context lives as long as `io`; the demuxer that is written is static.
    let code = unsafe {
        ffi::av_probe_input_buffer2(
            io.as_mut_ptr(),
            &raw mut demuxer,
            name.as_ptr(),
            ptr::null_mut(),
            0,
            PROBE_BYTES,
        )
    };
    check(code).map_err(Refusal::Failed)?;
    if demuxer.is_null() { Err(Refusal::Failed(libav::Error::InvalidData)) } else { Ok(demuxer) }
}

fn name_of(demuxer: *const ffi::AVInputFormat) -> String {
    // SAFETY: demuxers are static; null gives nothing.
    let name = unsafe { demuxer.as_ref() }.map_or(ptr::null(), |demuxer| demuxer.name);
    text(name)
}

/// Copies a C string of libav; empty where there is none.
fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: libav's names are terminated and static.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}

fn check(code: c_int) -> Result<(), libav::Error> {
    if code < 0 { Err(libav::Error::from(code)) } else { Ok(()) }
}

/// Reads the next packet, whatever was in `packet` before.
pub(super) fn read(
    input: &mut libav::format::context::Input,
    packet: &mut libav::Packet,
) -> Result<(), libav::Error> {
    *packet = libav::Packet::empty();
    packet.read(input)
}

/// Seeks; a stamp goes backwards to a key frame.
pub(super) fn seek(
    input: &mut libav::format::context::Input,
    stream: usize,
    to: SeekTo,
) -> Result<(), libav::Error> {
    let stream = c_int::try_from(stream).map_err(|_large| libav::Error::InvalidData)?;
    let (place, flags) = match to {
        SeekTo::Stamp(stamp) => (stamp, ffi::AVSEEK_FLAG_BACKWARD),
        SeekTo::Sample(stamp) => (stamp, ffi::AVSEEK_FLAG_BACKWARD | ffi::AVSEEK_FLAG_ANY),
        SeekTo::Byte(byte) => (byte, ffi::AVSEEK_FLAG_BYTE),
    };
    // SAFETY: the pointer is used for the next call only.
    let context = unsafe { input.as_mut_ptr() };
    // SAFETY: the context is open; an index that is not a stream is refused by libav.
    check(unsafe { ffi::av_seek_frame(context, stream, place, flags) })
}

/// Whether a packet's picture is decoded and then not shown: an edit list leaves it out.
pub(crate) fn is_hidden(packet: &libav::Packet) -> bool {
    // SAFETY: the packet is borrowed; its fields are plain numbers.
    let fields = unsafe { &*packet.as_ptr() };
    fields.flags & ffi::AV_PKT_FLAG_DISCARD != 0
}

/// The tags of the container, or of stream `index`. Bytes that are no UTF-8 are replaced.
pub(super) fn tags(
    input: &libav::format::context::Input,
    index: Option<usize>,
) -> Vec<(String, String)> {
    let dictionary = match index {
        // SAFETY: the pointer is used while the context is borrowed.
        None => unsafe { input.metadata().as_ptr() },
        Some(index) => match input.stream(index) {
            // SAFETY: as above.
            Some(stream) => unsafe { stream.metadata().as_ptr() },
            None => ptr::null(),
        },
    };
    let mut tags = Vec::new();
    let mut entry: *const ffi::AVDictionaryEntry = ptr::null();
    loop {
        // SAFETY: the dictionary is null or valid; the entry is null or the one returned before.
        entry = unsafe {
            ffi::av_dict_get(dictionary, c"".as_ptr(), entry, ffi::AV_DICT_IGNORE_SUFFIX)
        };
        // SAFETY: libav returns null at the end, else an entry of the dictionary.
        let Some(fields) = (unsafe { entry.as_ref() }) else { return tags };
        tags.push((text(fields.key), text(fields.value)));
    }
}

/// Makes the demuxer drop what is of no `wanted` stream.
pub(super) fn keep(input: &mut libav::format::context::Input, wanted: &dyn Fn(usize) -> bool) {
    for index in 0..input.streams().len() {
        let Some(mut stream) = input.stream_mut(index) else { continue };
        // SAFETY: the pointer is used for the next line only.
        let stream = unsafe { stream.as_mut_ptr() };
        // SAFETY: the stream belongs to the open context, which is borrowed exclusively here.
        let Some(stream) = (unsafe { stream.as_mut() }) else { continue };
        stream.discard = if wanted(index) {
            ffi::AVDiscard::AVDISCARD_DEFAULT
        } else {
            ffi::AVDiscard::AVDISCARD_ALL
        };
    }
}

/// Whether the duration is what the container says.
pub(super) fn tells_duration(input: &libav::format::context::Input) -> bool {
    // SAFETY: the pointer is used while the context is borrowed.
    let raw = unsafe { input.as_ptr() };
    // SAFETY: an open context is not null and not changed while it is borrowed.
    unsafe { raw.as_ref() }.is_some_and(|fields| {
        fields.duration_estimation_method
            == ffi::AVDurationEstimationMethod::AVFMT_DURATION_FROM_STREAM
    })
}

/// Collects what the safe view hides of stream `index`.
pub(super) fn facts(input: &libav::format::context::Input, index: usize) -> Option<StreamFacts> {
    let stream = input.stream(index)?;
    // SAFETY: the pointer is used while `stream` borrows the context.
    let raw = unsafe { stream.as_ptr() };
    // SAFETY: a stream of an open context is not null and not changed while it is borrowed.
    let fields = unsafe { raw.as_ref() }?;
    // SAFETY: the parameters belong to the stream.
    let parameters = unsafe { fields.codecpar.as_ref() }?;
    // SAFETY: codec names are static.
    let named = text(unsafe { ffi::avcodec_get_name(parameters.codec_id) });
    let codec = if named == "none" { tag_text(parameters.codec_tag) } else { named };
    let still = ffi::AV_DISPOSITION_ATTACHED_PIC | ffi::AV_DISPOSITION_TIMED_THUMBNAILS;
    let pair = |value: ffi::AVRational| (value.num, value.den);
    Some(StreamFacts {
        kind: kind_of(parameters.codec_type),
        is_still: fields.disposition & still != 0,
        codec,
        profile: parameters.profile,
        extradata: bytes_of(parameters),
        size: (positive(parameters.width), positive(parameters.height)),
        aspect: [pair(fields.sample_aspect_ratio), pair(parameters.sample_aspect_ratio)],
        field_order: parameters.field_order as i32,
        colour: [
            parameters.color_primaries as i32,
            parameters.color_trc as i32,
            parameters.color_space as i32,
            parameters.color_range as i32,
            parameters.chroma_location as i32,
        ],
        encrypted: is_encrypted(parameters.codec_tag),
    })
}

/// Our name of a kind of stream.
pub(crate) fn kind_of(kind: ffi::AVMediaType) -> StreamKind {
    match kind {
        ffi::AVMediaType::AVMEDIA_TYPE_VIDEO => StreamKind::Video,
        ffi::AVMediaType::AVMEDIA_TYPE_AUDIO => StreamKind::Audio,
        ffi::AVMediaType::AVMEDIA_TYPE_SUBTITLE => StreamKind::Subtitle,
        ffi::AVMediaType::AVMEDIA_TYPE_ATTACHMENT => StreamKind::Attachment,
        ffi::AVMediaType::AVMEDIA_TYPE_UNKNOWN
        | ffi::AVMediaType::AVMEDIA_TYPE_DATA
        | ffi::AVMediaType::AVMEDIA_TYPE_NB => StreamKind::Data,
    }
}

/// The codec configuration of a stream.
fn bytes_of(parameters: &ffi::AVCodecParameters) -> Vec<u8> {
    let size = usize::try_from(parameters.extradata_size).unwrap_or(0);
    if parameters.extradata.is_null() || size == 0 {
        return Vec::new();
    }
    // SAFETY: libav keeps `extradata_size` bytes there.
    unsafe { std::slice::from_raw_parts(parameters.extradata, size) }.to_vec()
}

fn positive(value: c_int) -> u32 {
    u32::try_from(value).unwrap_or(0)
}

fn tag_text(tag: u32) -> String {
    let characters = tag.to_le_bytes();
    let is_text = characters.iter().all(u8::is_ascii_graphic);
    if is_text { characters.map(char::from).iter().collect() } else { "none".to_owned() }
}

/// `encv` and `drmi`: sample entries whose samples are encrypted.
fn is_encrypted(tag: u32) -> bool {
    [*b"encv", *b"drmi"].contains(&tag.to_le_bytes())
}

/// Number of samples in the container's index of a stream.
pub(super) fn index_length(input: &libav::format::context::Input, index: usize) -> usize {
    let Some(stream) = input.stream(index) else { return 0 };
    // SAFETY: the pointer is used while `stream` borrows the context.
    let raw = unsafe { stream.as_ptr() };
    // SAFETY: the stream belongs to an open context and is only read.
    let count = unsafe { ffi::avformat_index_get_entries_count(raw) };
    usize::try_from(count).unwrap_or(0)
}

/// One sample of the container's index of a stream.
pub(super) fn index_sample(
    input: &libav::format::context::Input,
    index: usize,
    place: usize,
) -> Option<Indexed> {
    let stream = input.stream(index)?;
    let place = c_int::try_from(place).ok()?;
    // SAFETY: the pointer is used while `stream` borrows the context.
    let raw = unsafe { stream.as_ptr() };
    // SAFETY: the stream belongs to an open context; a place outside the index gives null.
    let entry = unsafe { ffi::avformat_index_get_entry(raw.cast_mut(), place) };
    // SAFETY: libav returns null or an entry that is valid until the next call.
    let entry = unsafe { entry.as_ref() }?;
    Some(Indexed {
        byte: u64::try_from(entry.pos).ok()?,
        bytes: u64::try_from(entry.size()).unwrap_or(0),
        dts: entry.timestamp,
        key: entry.flags() & ffi::AVINDEX_KEYFRAME != 0,
        hidden: entry.flags() & ffi::AVINDEX_DISCARD_FRAME != 0,
    })
}

/// Where the furthest packet of the container's index of a stream ends.
pub(super) fn index_end(input: &libav::format::context::Input, index: usize) -> u64 {
    let Some(stream) = input.stream(index) else { return 0 };
    // SAFETY: the pointer is used while `stream` borrows the context.
    let stream = unsafe { stream.as_ptr() };
    // SAFETY: the stream belongs to an open context.
    let count = unsafe { ffi::avformat_index_get_entries_count(stream) };
    let mut end = 0_u64;
    for place in 0..count {
        // SAFETY: the place is inside the index; the entry is valid until the next call.
        let entry = unsafe { ffi::avformat_index_get_entry(stream.cast_mut(), place) };
        // SAFETY: libav returns null or a valid entry.
        if let Some(entry) = unsafe { entry.as_ref() } {
            let size = u64::try_from(entry.size()).unwrap_or(0);
            end = end.max(u64::try_from(entry.pos).unwrap_or(0).saturating_add(size));
        }
    }
    end
}
