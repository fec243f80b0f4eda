//! The raw side of streams: parameters, side data, tags, from one context to another.
//!
//! Owns nothing: streams belong to their contexts, which the callers hold.
//!
//! Side data of streams is read by `side_data_of` and written by `put_side_data` alone. Here it belongs to the
//! stream (`AVStream.side_data`, which FFmpeg 6.1 deprecates and FFmpeg 8 no longer has); with 6.1 and newer
//! the same list is `codecpar->coded_side_data`, and these two are what changes.
#![expect(unsafe_code, reason = "libav's streams are C")]

use std::ffi::{CString, c_int};
use std::ptr;

use cleanplate_types::encode::VideoCodec;
use cleanplate_types::picture::PixelLayout;
use ffmpeg_next as libav;
use libav::ffi;
use libav::format::context::Input;

use super::{FieldOrder, Video, colour};

pub(in crate::stitch) fn source_stream(input: &Input, index: usize) -> Option<&ffi::AVStream> {
    let stream = input.stream(index)?;
    // SAFETY: the pointer is used while the source is borrowed.
    let raw = unsafe { stream.as_ptr() };
    // SAFETY: a stream of an open source is not null.
    unsafe { raw.as_ref() }
}

/// Whether the source asks for stream `index` to be turned when it is shown.
pub(in crate::stitch) fn is_turned(input: &Input, index: usize) -> bool {
    const UPRIGHT: [i32; 9] = [1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30];
    let Some(stream) = source_stream(input, index) else { return false };
    let wanted = ffi::AVPacketSideDataType::AV_PKT_DATA_DISPLAYMATRIX;
    let found = side_data_of(stream).find(|(kind, _)| *kind == wanted);
    let matrix = found.map_or(&[][..], |(_, matrix)| matrix);
    !matrix.is_empty() && matrix != UPRIGHT.map(i32::to_ne_bytes).concat()
}

/// The source's own name of a sample entry, where the muxer knows it or has none of its own.
pub(in crate::stitch) fn kept_tag(
    format: *const ffi::AVOutputFormat,
    parameters: &ffi::AVCodecParameters,
) -> u32 {
    // SAFETY: muxers are static.
    let Some(format) = (unsafe { format.as_ref() }) else { return 0 };
    let (tags, tag, id) = (format.codec_tag, parameters.codec_tag, parameters.codec_id);
    if tags.is_null() {
        return tag;
    }
    let mut usual = 0;
    // SAFETY: the tables of a muxer are static.
    let known = unsafe { ffi::av_codec_get_id(tags, tag) } == id;
    // SAFETY: as above; the tag is written to the local.
    let has_usual = unsafe { ffi::av_codec_get_tag2(tags, id, &raw mut usual) } != 0;
    if known || !has_usual { tag } else { 0 }
}

/// Takes over what is neither parameter nor side data: clock, rates, disposition, tags, id.
pub(in crate::stitch) fn take_over(
    to: &mut ffi::AVStream,
    from: &ffi::AVStream,
) -> Result<(), libav::Error> {
    to.id = from.id;
    to.time_base = from.time_base;
    to.avg_frame_rate = from.avg_frame_rate;
    to.r_frame_rate = from.r_frame_rate;
    to.sample_aspect_ratio = from.sample_aspect_ratio;
    to.disposition = from.disposition;
    // SAFETY: both dictionaries belong to their streams.
    check(unsafe { ffi::av_dict_copy(&raw mut to.metadata, from.metadata, 0) })
}

pub(in crate::stitch) fn copy_side_data(
    to: *mut ffi::AVStream,
    from: &ffi::AVStream,
    wanted: impl Fn(ffi::AVPacketSideDataType) -> bool,
) -> Result<(), libav::Error> {
    for (kind, content) in side_data_of(from).filter(|(kind, _)| wanted(*kind)) {
        put_side_data(to, kind, content)?;
    }
    Ok(())
}

/// The side data of a stream: kind and content.
fn side_data_of(
    stream: &ffi::AVStream,
) -> impl Iterator<Item = (ffi::AVPacketSideDataType, &[u8])> {
    (0..usize::try_from(stream.nb_side_data).unwrap_or(0)).map(|place| {
        // SAFETY: the place is inside the list.
        let one = unsafe { stream.side_data.add(place) };
        // SAFETY: the list belongs to the stream.
        let one = unsafe { &*one };
        (one.type_, bytes(one.data, c_int::try_from(one.size).unwrap_or(0)))
    })
}

fn put_side_data(
    to: *mut ffi::AVStream,
    kind: ffi::AVPacketSideDataType,
    content: &[u8],
) -> Result<(), libav::Error> {
    // SAFETY: the stream belongs to the muxer; null (no memory) is handled below.
    let data = unsafe { ffi::av_stream_new_side_data(to, kind, content.len()) };
    if data.is_null() {
        return Err(NO_MEMORY);
    }
    // SAFETY: the new memory is as long as the content.
    unsafe { ptr::copy_nonoverlapping(content.as_ptr(), data, content.len()) };
    Ok(())
}

/// Side data of the video that is still true after it was encoded anew.
pub(in crate::stitch) fn outlives_encoding(kind: ffi::AVPacketSideDataType) -> bool {
    use ffi::AVPacketSideDataType as Kind;
    [
        Kind::AV_PKT_DATA_DISPLAYMATRIX,
        Kind::AV_PKT_DATA_STEREO3D,
        Kind::AV_PKT_DATA_SPHERICAL,
        Kind::AV_PKT_DATA_ICC_PROFILE,
    ]
    .contains(&kind)
}

/// Says of the video what containers repeat outside of the packets.
pub(in crate::stitch) fn add_hdr(
    to: &mut ffi::AVStream,
    video: &Video<'_>,
) -> Result<(), libav::Error> {
    use ffi::AVPacketSideDataType as Kind;
    if let Some(numbers) = video.mastering {
        // `AVMasteringDisplayMetadata`: the ten fractions in the order of the description, then two flags.
        let numbers = numbers.iter().flat_map(|(num, den)| [*num, *den]).chain([1, 1]);
        let content: Vec<u8> = numbers.flat_map(i32::to_ne_bytes).collect();
        put_side_data(to, Kind::AV_PKT_DATA_MASTERING_DISPLAY_METADATA, &content)?;
    }
    if let Some((most, average)) = video.light_level {
        // `AVContentLightMetadata`: two numbers.
        let content = [most.to_ne_bytes(), average.to_ne_bytes()].concat();
        put_side_data(to, Kind::AV_PKT_DATA_CONTENT_LIGHT_LEVEL, &content)?;
    }
    Ok(())
}

/// Sets the parameters of the movie's video.
pub(in crate::stitch) fn describe(
    to: &mut ffi::AVCodecParameters,
    source: &ffi::AVCodecParameters,
    video: &Video<'_>,
) -> Result<(), libav::Error> {
    let number = |value: u32| c_int::try_from(value).map_err(|_large| libav::Error::InvalidData);
    to.codec_type = ffi::AVMediaType::AVMEDIA_TYPE_VIDEO;
    to.codec_id = match video.codec {
        VideoCodec::H264 => ffi::AVCodecID::AV_CODEC_ID_H264,
        VideoCodec::Hevc => ffi::AVCodecID::AV_CODEC_ID_HEVC,
        VideoCodec::Vp9 => ffi::AVCodecID::AV_CODEC_ID_VP9,
        VideoCodec::Av1 => ffi::AVCodecID::AV_CODEC_ID_AV1,
    };
    if video.codec == VideoCodec::Vp9 {
        // It has no parameter sets from which a muxer could tell.
        to.profile = vp9_profile(video.layout);
    }
    to.codec_tag = video.tag.map_or(0, u32::from_le_bytes);
    (to.width, to.height) = (number(video.size.0)?, number(video.size.1)?);
    let format = c_string(&video.layout.name)?;
    // SAFETY: the name is terminated and lives for the call.
    to.format = unsafe { ffi::av_get_pix_fmt(format.as_ptr()) } as c_int;
    to.sample_aspect_ratio = rational(video.sample_aspect);
    to.video_delay = c_int::from(video.reorder_frames);
    to.field_order = match video.field_order {
        // A container may say of two fields in one frame which of them is stored first too.
        FieldOrder::TopFirst | FieldOrder::BottomFirst if tells_storage(source.field_order) => {
            source.field_order
        }
        FieldOrder::Progressive => ffi::AVFieldOrder::AV_FIELD_PROGRESSIVE,
        FieldOrder::TopFirst => ffi::AVFieldOrder::AV_FIELD_TT,
        FieldOrder::BottomFirst => ffi::AVFieldOrder::AV_FIELD_BB,
        FieldOrder::Unknown => ffi::AVFieldOrder::AV_FIELD_UNKNOWN,
    };
    colour::describe(to, source, video.colour);
    if video.layout.full_range {
        to.color_range = ffi::AVColorRange::AVCOL_RANGE_JPEG;
    }
    set_extradata(to, video.extradata)
}

/// Whether a field order is one of those whose first field in the file is not the first that is shown.
fn tells_storage(order: ffi::AVFieldOrder) -> bool {
    use ffi::AVFieldOrder as Order;
    [Order::AV_FIELD_TB, Order::AV_FIELD_BT].contains(&order)
}

/// The profile that libvpx codes a layout in: 4:2:0 or more of the chroma, 8 bits or more.
fn vp9_profile(layout: &PixelLayout) -> c_int {
    let is_halved = (layout.chroma_shift_x, layout.chroma_shift_y) == (1, 1);
    match (layout.depth, is_halved) {
        (8, true) => 0,
        (8, false) => 1,
        (_, true) => 2,
        (_, false) => 3,
    }
}

pub(in crate::stitch) fn set_extradata(
    to: &mut ffi::AVCodecParameters,
    content: &[u8],
) -> Result<(), libav::Error> {
    if content.is_empty() {
        return Ok(());
    }
    let padding = usize::try_from(ffi::AV_INPUT_BUFFER_PADDING_SIZE).unwrap_or(64);
    // SAFETY: allocation; null is handled on the next line.
    let copy = unsafe { ffi::av_mallocz(content.len() + padding) }.cast::<u8>();
    if copy.is_null() {
        return Err(NO_MEMORY);
    }
    // SAFETY: the copy is longer than the content, and new.
    unsafe { ptr::copy_nonoverlapping(content.as_ptr(), copy, content.len()) };
    // SAFETY: what was there before belongs to the parameters.
    unsafe { ffi::av_freep((&raw mut to.extradata).cast()) };
    to.extradata = copy;
    to.extradata_size =
        c_int::try_from(content.len()).map_err(|_large| libav::Error::InvalidData)?;
    Ok(())
}

pub(in crate::stitch) fn bytes<'a>(data: *const u8, size: c_int) -> &'a [u8] {
    let size = usize::try_from(size).unwrap_or(0);
    if data.is_null() || size == 0 {
        return &[];
    }
    // SAFETY: libav keeps `size` bytes there; callers use them while their owner is borrowed.
    unsafe { std::slice::from_raw_parts(data, size) }
}

pub(in crate::stitch) fn c_string(text: &str) -> Result<CString, libav::Error> {
    CString::new(text).map_err(|_zero| libav::Error::InvalidData)
}

pub(in crate::stitch) const fn rational((num, den): (i32, i32)) -> ffi::AVRational {
    ffi::AVRational { num, den }
}

pub(in crate::stitch) const NO_MEMORY: libav::Error = libav::Error::Other { errno: ffi::ENOMEM };

pub(in crate::stitch) fn check(code: c_int) -> Result<(), libav::Error> {
    if code < 0 { Err(libav::Error::from(code)) } else { Ok(()) }
}
