//! The raw side of pictures: formats, planes as slices, copies, frames of the card.
//!
//! Owns the arithmetic that makes slices of libav's plane pointers. Refuses frames whose rows run
//! upwards or whose samples are not aligned: those are copied into plain ones first.
#![expect(unsafe_code, reason = "libav's pictures are C")]

use std::ffi::{CStr, CString, c_int};

use cleanplate_types::picture::{PixelLayout, PlaneMut, PlaneRef, PlanesMut, PlanesRef};
use ffmpeg_next as libav;
use libav::ffi;
use libav::frame::Video;

use crate::error::{MediaError, Words};

/// Flags of formats that are not worked on.
const REFUSED: c_int = ffi::AV_PIX_FMT_FLAG_BE
    | ffi::AV_PIX_FMT_FLAG_PAL
    | ffi::AV_PIX_FMT_FLAG_BITSTREAM
    | ffi::AV_PIX_FMT_FLAG_HWACCEL
    | ffi::AV_PIX_FMT_FLAG_RGB
    | ffi::AV_PIX_FMT_FLAG_ALPHA
    | ffi::AV_PIX_FMT_FLAG_BAYER
    | ffi::AV_PIX_FMT_FLAG_FLOAT;

/// The number of the format that lives on a card.
const fn cuda_format() -> c_int {
    ffi::AVPixelFormat::AV_PIX_FMT_CUDA as c_int
}

/// Whether a frame lives on a card.
pub(crate) fn is_cuda(frame: &Video) -> bool {
    raw(frame).format == cuda_format()
}

/// libav's fields of a frame.
pub(crate) fn raw(frame: &Video) -> &ffi::AVFrame {
    // SAFETY: the pointer is used while `frame` is borrowed.
    let pointer = unsafe { frame.as_ptr() };
    // SAFETY: a `Video` holds an allocated frame.
    unsafe { &*pointer }
}

/// libav's fields of a frame, to change.
pub(crate) fn raw_mut(frame: &mut Video) -> &mut ffi::AVFrame {
    // SAFETY: the pointer is used while `frame` is borrowed.
    let pointer = unsafe { frame.as_mut_ptr() };
    // SAFETY: a `Video` holds an allocated frame, borrowed exclusively here.
    unsafe { &mut *pointer }
}

/// Whether players are told to show a field of the frame, or all of it, once more.
pub(crate) fn repeats(frame: &Video) -> bool {
    raw(frame).repeat_pict > 0
}

/// Primaries, transfer, matrix, range, chroma location of a frame in libav's numbering.
pub(crate) fn colour_of(frame: &Video) -> [i32; 5] {
    let fields = raw(frame);
    [
        fields.color_primaries as i32,
        fields.color_trc as i32,
        fields.colorspace as i32,
        fields.color_range as i32,
        fields.chroma_location as i32,
    ]
}

/// Finds the descriptor of format number `format`.
fn descriptor(format: c_int) -> Option<&'static ffi::AVPixFmtDescriptor> {
    let mut found = std::ptr::null::<ffi::AVPixFmtDescriptor>();
    loop {
        // SAFETY: takes null or a descriptor that the call itself returned.
        found = unsafe { ffi::av_pix_fmt_desc_next(found) };
        // SAFETY: descriptors are static; the end of the list is null.
        let fields = unsafe { found.as_ref() }?;
        // SAFETY: the descriptor is one of libav's own.
        if unsafe { ffi::av_pix_fmt_desc_get_id(found) } as c_int == format {
            return Some(fields);
        }
    }
}

/// libav's name of format number `format`.
pub(crate) fn format_name(format: c_int) -> String {
    descriptor(format).map_or_else(|| "unknown".to_owned(), name_of)
}

/// The number of the frame's format.
pub(crate) fn format_of(frame: &Video) -> c_int {
    raw(frame).format
}

/// libav's name of the frame's format.
pub(super) fn frame_format(frame: &Video) -> String {
    format_name(raw(frame).format)
}

fn name_of(descriptor: &ffi::AVPixFmtDescriptor) -> String {
    // SAFETY: names of formats are terminated and static.
    unsafe { CStr::from_ptr(descriptor.name) }.to_string_lossy().into_owned()
}

/// The layout of format number `format`, where it is planar YUV or grey of 8 to 16 bits.
pub(crate) fn layout_of(format: c_int) -> Option<PixelLayout> {
    let found = descriptor(format)?;
    let flags = c_int::try_from(found.flags).ok()?;
    let planes = found.nb_components;
    if flags & REFUSED != 0 || !matches!(planes, 1 | 3) {
        return None;
    }
    let first = found.comp[0];
    let sample_bytes = if first.depth > 8 { 2 } else { 1 };
    let plain = |place: u8| {
        let one = found.comp[usize::from(place)];
        one.plane == c_int::from(place)
            && one.step == sample_bytes
            && (one.offset, one.shift) == (0, 0)
            && one.depth == first.depth
    };
    if !(0..planes).all(plain) || !(8..=16).contains(&first.depth) {
        return None;
    }
    let name = name_of(found);
    Some(PixelLayout {
        full_range: name.starts_with("yuvj"),
        name,
        depth: u8::try_from(first.depth).ok()?,
        planes,
        chroma_shift_x: found.log2_chroma_w,
        chroma_shift_y: found.log2_chroma_h,
    })
}

/// The number of the format that libav calls `name`.
fn format_named(name: &str) -> c_int {
    pixel_format(name) as c_int
}

/// The format that libav calls `name`; none where it knows no such.
pub(crate) fn pixel_format(name: &str) -> ffi::AVPixelFormat {
    let Ok(name) = CString::new(name) else { return ffi::AVPixelFormat::AV_PIX_FMT_NONE };
    // SAFETY: the name is terminated and lives for the call.
    unsafe { ffi::av_get_pix_fmt(name.as_ptr()) }
}

/// The layout of the format that libav calls `name`, where it is worked on.
#[cfg(test)]
pub(super) fn layout_named(name: &str) -> Option<PixelLayout> {
    layout_of(format_named(name))
}

const NO_MEMORY: MediaError = MediaError::OutOfMemory { doing: "making a frame" };

/// A frame with memory of its own.
pub(super) fn allocate(name: &str, width: u32, height: u32) -> Result<Video, MediaError> {
    let format = format_named(name);
    if layout_of(format).is_none() {
        return Err(MediaError::UnsupportedPixels { format: name.to_owned() });
    }
    let size = |length: u32| c_int::try_from(length).map_err(|_large| NO_MEMORY);
    allocate_number(format, size(width)?, size(height)?)
}

fn allocate_number(format: c_int, width: c_int, height: c_int) -> Result<Video, MediaError> {
    let mut frame = Video::empty();
    // SAFETY: the pointer is looked at only for being null.
    if unsafe { frame.as_ptr() }.is_null() {
        return Err(NO_MEMORY);
    }
    let fields = raw_mut(&mut frame);
    (fields.format, fields.width, fields.height) = (format, width, height);
    // SAFETY: the frame is allocated, has a format and a size, and no buffers yet.
    let code = unsafe { ffi::av_frame_get_buffer(raw_mut(&mut frame), 0) };
    if code < 0 { Err(NO_MEMORY) } else { Ok(frame) }
}

/// Whether rows run downwards and samples are aligned, so that planes are slices.
pub(super) fn is_plain(frame: &Video, layout: &PixelLayout) -> bool {
    let fields = raw(frame);
    let align: usize = if layout.depth > 8 { 2 } else { 1 };
    (0..usize::from(layout.planes)).all(|plane| {
        let stride = usize::try_from(fields.linesize[plane]).unwrap_or(0);
        let start = fields.data[plane].addr();
        stride > 0 && stride.is_multiple_of(align) && start.is_multiple_of(align)
    })
}

/// A copy of a frame in memory of its own, properties included.
pub(super) fn copied(frame: &Video) -> Result<Video, MediaError> {
    let from = raw(frame);
    let mut copy = allocate_number(from.format, from.width, from.height)?;
    // SAFETY: both frames are allocated with equal format and size.
    let code = unsafe { ffi::av_frame_copy(raw_mut(&mut copy), from) };
    if code < 0 {
        return Err(MediaError::Internal(format!("a frame was not copied: libav says {code}")));
    }
    copy_properties(&mut copy, frame)?;
    Ok(copy)
}

pub(super) fn copy_properties(to: &mut Video, from: &Video) -> Result<(), MediaError> {
    // SAFETY: both frames are allocated; side data is copied or referenced.
    let code = unsafe { ffi::av_frame_copy_props(raw_mut(to), raw(from)) };
    if code < 0 { Err(NO_MEMORY) } else { Ok(()) }
}

/// A second reference to the same samples.
pub(super) fn reference(frame: &Video) -> Result<Video, MediaError> {
    let mut other = Video::empty();
    // SAFETY: the destination is empty, the source is allocated.
    let code = unsafe { ffi::av_frame_ref(raw_mut(&mut other), raw(frame)) };
    if code < 0 { Err(NO_MEMORY) } else { Ok(other) }
}

/// Gives the frame samples of its own.
pub(super) fn make_writable(frame: &mut Video) -> Result<(), MediaError> {
    // SAFETY: the frame is allocated and holds buffers.
    let code = unsafe { ffi::av_frame_make_writable(raw_mut(frame)) };
    if code < 0 { Err(NO_MEMORY) } else { Ok(()) }
}

/// Where a plane is: its first sample, its stride in samples, its size, and its length in samples.
struct Place {
    data: *mut u8,
    stride: usize,
    width: u32,
    height: u32,
    length: usize,
}

/// The places of all planes of a plain frame.
fn places(frame: &Video, layout: &PixelLayout) -> Vec<Place> {
    let fields = raw(frame);
    let sample_bytes = if layout.depth > 8 { 2 } else { 1 };
    (0..layout.planes)
        .map(|plane| {
            let at = usize::from(plane);
            let (width, height) = layout.plane_size(plane, frame.width(), frame.height());
            let stride = usize::try_from(fields.linesize[at]).unwrap_or(0) / sample_bytes;
            assert!(stride >= width as usize && height > 0, "a plane is as wide as its picture");
            let length = stride * (height as usize - 1) + width as usize;
            Place { data: fields.data[at], stride, width, height, length }
        })
        .collect()
}

/// The planes of a plain frame, to look at.
pub(super) fn planes<'a>(frame: &'a Video, layout: &PixelLayout) -> PlanesRef<'a> {
    let places = places(frame, layout);
    if layout.depth > 8 {
        PlanesRef::Sixteen(places.into_iter().map(look::<u16>).collect())
    } else {
        PlanesRef::Eight(places.into_iter().map(look::<u8>).collect())
    }
}

/// The planes of a plain, writable frame, to change.
pub(super) fn planes_mut<'a>(frame: &'a mut Video, layout: &PixelLayout) -> PlanesMut<'a> {
    let places = places(frame, layout);
    if layout.depth > 8 {
        PlanesMut::Sixteen(places.into_iter().map(change::<u16>).collect())
    } else {
        PlanesMut::Eight(places.into_iter().map(change::<u8>).collect())
    }
}

fn look<'a, S>(place: Place) -> PlaneRef<'a, S> {
    // SAFETY: libav allocated `stride * height` samples here, aligned (see `is_plain`); the caller
    // ties the lifetime to the frame that owns them.
    let samples = unsafe { std::slice::from_raw_parts(place.data.cast::<S>(), place.length) };
    PlaneRef { samples, stride: place.stride, width: place.width, height: place.height }
}

fn change<'a, S>(place: Place) -> PlaneMut<'a, S> {
    // SAFETY: as above, and the frame is writable: nobody else refers to its samples. Planes of one
    // frame do not overlap.
    let samples = unsafe { std::slice::from_raw_parts_mut(place.data.cast::<S>(), place.length) };
    PlaneMut { samples, stride: place.stride, width: place.width, height: place.height }
}

/// Brings a frame from the card to host memory, in the planes that software decoding would give.
///
/// # Errors
/// [`MediaError::Decode`] where the transfer fails or the card's format has no such planes.
pub(crate) fn convert_hardware(frame: &Video, layout: &PixelLayout) -> Result<Video, MediaError> {
    let mut host = Video::empty();
    // SAFETY: the source is a frame of the card, the destination empty: libav chooses the format.
    let code = unsafe { ffi::av_hwframe_transfer_data(raw_mut(&mut host), raw(frame), 0) };
    if code < 0 {
        let words = Words::of(libav::Error::from(code));
        return Err(MediaError::Decode { doing: "fetching a frame from the card", words });
    }
    let mut planar = allocate(&layout.name, frame.width(), frame.height())?;
    let format = frame_format(&host);
    match format.as_str() {
        "nv12" if layout.depth == 8 => split_eight(&host, &mut planar, layout),
        "p010le" | "p012le" | "p016le" if layout.depth > 8 => {
            split_sixteen(&host, &mut planar, layout);
        }
        "yuv444p" if layout.depth == 8 => copy_eight(&host, &mut planar, layout),
        "yuv444p16le" if layout.depth > 8 => lower_sixteen(&host, &mut planar, layout),
        _ => {
            let words = Words::logged(format!("the card gives {format}, not {}", layout.name));
            return Err(MediaError::Decode { doing: "fetching a frame from the card", words });
        }
    }
    copy_properties(&mut planar, frame)?;
    Ok(planar)
}

/// `count` samples of row `y` of `plane`, of a frame that libav made with as many.
fn row<S>(frame: &Video, plane: usize, y: usize, count: usize) -> &[S] {
    let fields = raw(frame);
    let stride = usize::try_from(fields.linesize[plane]).unwrap_or(0);
    assert!(stride >= count * size_of::<S>(), "a row holds its samples");
    // SAFETY: the row lies inside the plane that libav allocated for the frame's height.
    let first = unsafe { fields.data[plane].add(y * stride) };
    // SAFETY: the row holds `count` samples (above), aligned as libav aligns rows.
    unsafe { std::slice::from_raw_parts(first.cast::<S>(), count) }
}

/// Splits NV12 into three planes.
fn split_eight(from: &Video, to: &mut Video, layout: &PixelLayout) {
    let PlanesMut::Eight(planes) = planes_mut(to, layout) else { return };
    for (number, plane) in planes.into_iter().enumerate() {
        let width = plane.width as usize;
        for (y, target) in plane.samples.chunks_mut(plane.stride).enumerate() {
            let target = &mut target[..width];
            if number == 0 {
                target.copy_from_slice(row::<u8>(from, 0, y, width));
            } else {
                let pairs = row::<u8>(from, 1, y, 2 * width);
                target.iter_mut().zip(pairs.chunks_exact(2)).for_each(|(t, p)| *t = p[number - 1]);
            }
        }
    }
}

/// Splits P010 and its kin into three planes; their samples sit in the high bits.
fn split_sixteen(from: &Video, to: &mut Video, layout: &PixelLayout) {
    let down = 16 - layout.depth;
    let PlanesMut::Sixteen(planes) = planes_mut(to, layout) else { return };
    for (number, plane) in planes.into_iter().enumerate() {
        let width = plane.width as usize;
        for (y, target) in plane.samples.chunks_mut(plane.stride).enumerate() {
            let target = &mut target[..width];
            if number == 0 {
                let luma = row::<u16>(from, 0, y, width);
                target.iter_mut().zip(luma).for_each(|(t, s)| *t = s >> down);
            } else {
                let pairs = row::<u16>(from, 1, y, 2 * width);
                let pairs = pairs.chunks_exact(2);
                target.iter_mut().zip(pairs).for_each(|(t, p)| *t = p[number - 1] >> down);
            }
        }
    }
}

/// Copies three planes of 16 bits whose samples sit in the high bits.
fn lower_sixteen(from: &Video, to: &mut Video, layout: &PixelLayout) {
    let down = 16 - layout.depth;
    let PlanesMut::Sixteen(planes) = planes_mut(to, layout) else { return };
    for (number, plane) in planes.into_iter().enumerate() {
        let width = plane.width as usize;
        for (y, target) in plane.samples.chunks_mut(plane.stride).enumerate() {
            let samples = row::<u16>(from, number, y, width);
            target[..width].iter_mut().zip(samples).for_each(|(t, s)| *t = s >> down);
        }
    }
}

/// Copies three planes of 8 bits.
fn copy_eight(from: &Video, to: &mut Video, layout: &PixelLayout) {
    let PlanesMut::Eight(planes) = planes_mut(to, layout) else { return };
    for (number, plane) in planes.into_iter().enumerate() {
        let width = plane.width as usize;
        for (y, target) in plane.samples.chunks_mut(plane.stride).enumerate() {
            target[..width].copy_from_slice(row::<u8>(from, number, y, width));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The frame's row, to write what a card would have given.
    fn fill<S: Copy>(frame: &mut Video, plane: usize, y: usize, samples: &[S]) {
        let fields = raw_mut(frame);
        let stride = usize::try_from(fields.linesize[plane]).unwrap();
        // SAFETY: the row lies inside the plane.
        let first = unsafe { fields.data[plane].add(y * stride) };
        // SAFETY: rows are padded to more than the few samples of these tests.
        let row = unsafe { std::slice::from_raw_parts_mut(first.cast::<S>(), samples.len()) };
        row.copy_from_slice(samples);
    }

    #[test]
    fn the_high_bits_of_a_card_become_the_low_bits_of_planes() {
        let layout = layout_named("yuv420p10le").unwrap();
        let mut card = allocate_number(format_named("p010le"), 3, 1).unwrap();
        fill(&mut card, 0, 0, &[1_u16 << 6, 1023 << 6, 512 << 6]);
        fill(&mut card, 1, 0, &[7_u16 << 6, 8 << 6, 9 << 6, 10 << 6]);
        let mut planar = allocate("yuv420p10le", 3, 1).unwrap();
        split_sixteen(&card, &mut planar, &layout);
        let PlanesRef::Sixteen(planes) = planes(&planar, &layout) else { panic!("16 bit") };
        assert_eq!(planes[0].samples, [1, 1023, 512]);
        assert_eq!(planes[1].samples, [7, 9]);
        assert_eq!(planes[2].samples, [8, 10]);
    }

    #[test]
    fn pairs_of_chroma_become_two_planes() {
        let layout = layout_named("yuv420p").unwrap();
        let mut card = allocate_number(format_named("nv12"), 4, 2).unwrap();
        fill(&mut card, 0, 0, &[1_u8, 2, 3, 4]);
        fill(&mut card, 0, 1, &[5_u8, 6, 7, 8]);
        fill(&mut card, 1, 0, &[10_u8, 20, 11, 21]);
        let mut planar = allocate("yuv420p", 4, 2).unwrap();
        split_eight(&card, &mut planar, &layout);
        let PlanesRef::Eight(planes) = planes(&planar, &layout) else { panic!("8 bit") };
        assert_eq!(planes[0].samples[planes[0].stride..], [5, 6, 7, 8]);
        assert_eq!((planes[1].samples, planes[2].samples), (&[10, 11][..], &[20, 21][..]));
    }
}
