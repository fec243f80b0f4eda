//! The raw side of a card: libav's device and frames contexts over somebody else's CUDA context, and copies
//! of rectangles.
//!
//! Owns the references to libav's contexts and the arithmetic that points into a frame of the card. The
//! context and the stream are somebody else's: that owner is kept by libav's own device context, and so
//! lives until the last frame, decoder and encoder that refer to it are gone. Refuses to touch memory of
//! the card by itself: every byte that crosses is moved by libav, on the stream that all share.
#![expect(unsafe_code, reason = "libav's device contexts are C, and so is CUDA memory")]

use std::any::Any;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::Arc;

use cleanplate_types::picture::Rect;
use ffmpeg_next as libav;
use libav::ffi;
use libav::frame::Video;

use crate::frame::{raw, raw_mut};

/// A counted reference to one of libav's contexts.
struct Reference(*mut ffi::AVBufferRef);

// SAFETY: libav counts references with atomics, and a context is not changed once it is initialised.
unsafe impl Send for Reference {}
// SAFETY: as above; all that is done through a shared reference is counting and reading.
unsafe impl Sync for Reference {}

impl Reference {
    /// Takes what libav has allocated; nothing where it had no memory.
    fn adopt(pointer: *mut ffi::AVBufferRef) -> Result<Self, libav::Error> {
        if pointer.is_null() { Err(NO_MEMORY) } else { Ok(Self(pointer)) }
    }

    /// Another reference, which belongs to whoever is given it.
    fn again(&self) -> *mut ffi::AVBufferRef {
        // SAFETY: the reference is valid; null (no memory) is for the receiver to look at.
        unsafe { ffi::av_buffer_ref(self.0) }
    }

    /// The context that it refers to.
    const fn data<T>(&self) -> *mut T {
        // SAFETY: the reference is valid as long as this value.
        unsafe { (*self.0).data.cast::<T>() }
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        // SAFETY: the reference belongs to this value.
        unsafe { ffi::av_buffer_unref(&raw mut self.0) };
    }
}

const NO_MEMORY: libav::Error = libav::Error::Other { errno: ffi::ENOMEM };

/// Whoever owns the CUDA context, as libav's context keeps it.
type Owner = Arc<dyn Any + Send + Sync>;

/// libav's device context over a CUDA context and a stream.
pub(crate) struct Device(Reference);

/// Gives the owner back, as the last thing that a device context does.
unsafe extern "C" fn let_go(context: *mut ffi::AVHWDeviceContext) {
    // SAFETY: libav calls this once, with the context that it is about to free.
    let owner = unsafe { (*context).user_opaque.cast::<Owner>() };
    // SAFETY: made by `Box::into_raw` in `Device::over`, and taken back here alone.
    drop(unsafe { Box::from_raw(owner) });
}

impl Device {
    /// A device context over `context` (`CUcontext`) and `stream` (`CUstream`), which stay `owner`'s.
    pub(super) fn over(context: usize, stream: usize, owner: Owner) -> Result<Self, libav::Error> {
        let kind = ffi::AVHWDeviceType::AV_HWDEVICE_TYPE_CUDA;
        // SAFETY: takes a number; null means no memory, or a library without CUDA.
        let reference = Reference::adopt(unsafe { ffi::av_hwdevice_ctx_alloc(kind) })?;
        let device = reference.data::<ffi::AVHWDeviceContext>();
        // SAFETY: libav allocated it, and nobody else has it yet.
        let fields = unsafe { &mut *device };
        fields.user_opaque = Box::into_raw(Box::new(owner)).cast::<c_void>();
        fields.free = Some(let_go);
        let cuda = fields.hwctx.cast::<ffi::AVCUDADeviceContext>();
        // SAFETY: a device context of this kind has one of those, allocated with it.
        let cuda = unsafe { &mut *cuda };
        cuda.cuda_ctx = ptr::with_exposed_provenance_mut(context);
        cuda.stream = ptr::with_exposed_provenance_mut(stream);
        // SAFETY: the context has what the kind needs; on failure it is dropped like any other.
        check(unsafe { ffi::av_hwdevice_ctx_init(reference.0) })?;
        Ok(Self(reference))
    }

    /// A reference for a decoder that is being opened; null where there is no memory.
    pub(crate) fn for_decoder(&self) -> *mut ffi::AVBufferRef {
        self.0.again()
    }
}

/// libav's frames context: what all frames of a pool have in common, and the memory that went back to it.
pub(crate) struct Frames(Reference);

impl Frames {
    /// For frames of `size` (even) in the format that libav calls `format`.
    pub(super) fn new(
        device: &Device,
        format: &str,
        (width, height): (c_int, c_int),
    ) -> Result<Self, libav::Error> {
        // SAFETY: the device context is initialised; it is referred to, not taken.
        let reference = Reference::adopt(unsafe { ffi::av_hwframe_ctx_alloc(device.0.0) })?;
        let frames = reference.data::<ffi::AVHWFramesContext>();
        // SAFETY: libav allocated it, and nobody else has it yet.
        let fields = unsafe { &mut *frames };
        fields.format = ffi::AVPixelFormat::AV_PIX_FMT_CUDA;
        fields.sw_format = crate::frame::pixel_format(format);
        (fields.width, fields.height) = (width, height);
        // SAFETY: the context has all that the kind needs.
        check(unsafe { ffi::av_hwframe_ctx_init(reference.0) })?;
        Ok(Self(reference))
    }

    /// A frame with memory of the card. Its samples are whatever was there.
    pub(super) fn frame(&self) -> Result<Video, libav::Error> {
        let mut frame = empty()?;
        // SAFETY: the context is initialised, the frame empty.
        check(unsafe { ffi::av_hwframe_get_buffer(self.0.0, raw_mut(&mut frame), 0) })?;
        Ok(frame)
    }

    /// A reference for an encoder that is being opened; null where there is no memory.
    pub(crate) fn for_encoder(&self) -> *mut ffi::AVBufferRef {
        self.0.again()
    }

    /// The format that the samples are in, as libav's number.
    pub(crate) fn samples(&self) -> ffi::AVPixelFormat {
        // SAFETY: the context is initialised and not changed any more.
        unsafe { (*self.0.data::<ffi::AVHWFramesContext>()).sw_format }
    }
}

/// The format of the samples of a frame of the card; nothing for other frames.
pub(super) fn samples_of(frame: &Video) -> Option<ffi::AVPixelFormat> {
    // SAFETY: null for frames of the host, else a reference that the frame holds.
    let reference = unsafe { raw(frame).hw_frames_ctx.as_ref() }?;
    // SAFETY: a frames context is what it refers to, and it is not changed any more.
    Some(unsafe { (*reference.data.cast::<ffi::AVHWFramesContext>()).sw_format })
}

/// Memory of the host for a rectangle, laid out as on the card: luma, then pairs of chroma, rows without
/// anything between them.
pub(super) struct Staging {
    frame: Video,
    row_bytes: usize,
    rows: usize,
}

impl Staging {
    /// For `width` by `height` (even) samples in the format that libav calls `format`.
    pub(super) fn new(
        format: &str,
        (width, height): (u32, u32),
        sample_bytes: usize,
    ) -> Result<Self, libav::Error> {
        let size = |length: u32| c_int::try_from(length).map_err(|_large| NO_MEMORY);
        let mut frame = empty()?;
        let fields = raw_mut(&mut frame);
        fields.format = crate::frame::pixel_format(format) as c_int;
        (fields.width, fields.height) = (size(width)?, size(height)?);
        // SAFETY: the frame has a format and a size, and no buffers yet; 1 packs its rows.
        check(unsafe { ffi::av_frame_get_buffer(raw_mut(&mut frame), 1) })?;
        let row_bytes = width as usize * sample_bytes;
        let fields = raw(&frame);
        let is_packed = |plane: usize| usize::try_from(fields.linesize[plane]) == Ok(row_bytes);
        // A copy is as wide as the narrower of both rows: padding would be copied too.
        assert!(is_packed(0) && is_packed(1), "rows of an alignment of 1 are packed");
        Ok(Self { frame, row_bytes, rows: height as usize })
    }

    /// Bytes of a row, of luma and of chroma alike.
    pub(super) const fn row_bytes(&self) -> usize {
        self.row_bytes
    }

    /// The bytes of luma (0) or of chroma (1).
    pub(super) fn bytes(&self, plane: usize) -> &[u8] {
        let (start, length) = self.place(plane);
        // SAFETY: libav allocated so many bytes there for this frame, which is borrowed.
        unsafe { std::slice::from_raw_parts(start, length) }
    }

    /// The bytes of luma (0) or of chroma (1), to change.
    pub(super) fn bytes_mut(&mut self, plane: usize) -> &mut [u8] {
        let (start, length) = self.place(plane);
        // SAFETY: as above, borrowed exclusively; nobody else refers to the frame's buffer.
        unsafe { std::slice::from_raw_parts_mut(start, length) }
    }

    fn place(&self, plane: usize) -> (*mut u8, usize) {
        let rows = if plane == 0 { self.rows } else { self.rows / 2 };
        (raw(&self.frame).data[plane], rows * self.row_bytes)
    }

    /// Fills it with what `card` has from `corner` (even) on.
    pub(super) fn fetch(&mut self, card: &Video, corner: Corner) -> Result<(), libav::Error> {
        let part = part(card, corner, raw(&self.frame).height)?;
        // SAFETY: both frames have buffers; the rectangle lies in the card's (the caller's promise).
        check(unsafe { ffi::av_hwframe_transfer_data(raw_mut(&mut self.frame), raw(&part), 0) })
    }

    /// Puts it on `card` from `corner` (even) on.
    pub(super) fn put(&self, card: &Video, corner: Corner) -> Result<(), libav::Error> {
        let mut part = part(card, corner, raw(&self.frame).height)?;
        // SAFETY: as above. Memory of the host that is not pinned may be reused when the call returns.
        check(unsafe { ffi::av_hwframe_transfer_data(raw_mut(&mut part), raw(&self.frame), 0) })
    }
}

/// Where a rectangle begins in a frame: its first row, and the bytes before it in each row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Corner {
    row: usize,
    bytes: usize,
}

impl Corner {
    /// The upper left corner of `rect` (even), of samples of `sample_bytes`.
    pub(super) const fn of(rect: Rect, sample_bytes: usize) -> Self {
        Self { row: rect.y as usize, bytes: rect.x as usize * sample_bytes }
    }
}

/// A second reference to `card`'s memory, whose planes begin at `corner` and have `height` rows.
fn part(card: &Video, corner: Corner, height: c_int) -> Result<Video, libav::Error> {
    let mut part = empty()?;
    // SAFETY: the destination is empty, the source a frame with buffers.
    check(unsafe { ffi::av_frame_ref(raw_mut(&mut part), raw(card)) })?;
    let fields = raw_mut(&mut part);
    fields.height = height;
    for (plane, rows) in [(0, corner.row), (1, corner.row / 2)] {
        let stride = usize::try_from(fields.linesize[plane]).unwrap_or(0);
        // An address of the card: it is not looked at here, and must not count as a pointer into the host.
        fields.data[plane] = fields.data[plane].wrapping_add(rows * stride + corner.bytes);
    }
    Ok(part)
}

/// Where the card's memory has luma and the pairs of chroma of a frame: address, and bytes from row to row.
pub(super) fn places(card: &Video) -> [(u64, u32); 2] {
    let fields = raw(card);
    [0, 1].map(|plane| {
        // A number, not a pointer: nothing of the host lies there.
        let pitch = u32::try_from(fields.linesize[plane]).unwrap_or(0);
        (fields.data[plane].addr() as u64, pitch)
    })
}

/// Copies a frame of the card to another one of it, `rows` (even) of luma. Nothing is waited for.
pub(super) fn copy(from: &Video, to: &mut Video, rows: c_int) -> Result<(), libav::Error> {
    let whole = part(from, Corner { row: 0, bytes: 0 }, rows)?;
    // SAFETY: both have memory of the card for so many rows (the caller's promise).
    check(unsafe { ffi::av_hwframe_transfer_data(raw_mut(to), raw(&whole), 0) })
}

/// A second reference to a frame of the card as `width` by `height`, with what an encoder reads from
/// `properties`.
pub(crate) fn for_encoder(
    card: &Video,
    properties: &Video,
    (width, height): (c_int, c_int),
) -> Result<Video, libav::Error> {
    let mut frame = part(card, Corner { row: 0, bytes: 0 }, height)?;
    raw_mut(&mut frame).width = width;
    // SAFETY: both frames are allocated; side data is copied or referenced.
    check(unsafe { ffi::av_frame_copy_props(raw_mut(&mut frame), raw(properties)) })?;
    Ok(frame)
}

fn empty() -> Result<Video, libav::Error> {
    let frame = Video::empty();
    // SAFETY: the pointer is looked at only for being null.
    if unsafe { frame.as_ptr() }.is_null() { Err(NO_MEMORY) } else { Ok(frame) }
}

fn check(code: c_int) -> Result<(), libav::Error> {
    if code < 0 { Err(libav::Error::from(code)) } else { Ok(()) }
}
