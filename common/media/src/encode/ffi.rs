//! The raw encoder: opened from a setup, fed with frames, asked for packets.
//!
//! Owns the codec context. Refuses to choose: every number and option comes from the setup.
#![expect(unsafe_code, reason = "libav's encoders are C")]

use std::ffi::{CString, c_int};
use std::sync::Arc;

use cleanplate_types::picture::PlanesRef;
use ffmpeg_next as libav;
use libav::ffi;

use super::OPENING;
use crate::device::DevicePool;
use crate::error::{MediaError, Words};
use crate::frame::VideoFrame;

/// Flags of a frame that newer libraries read in place of fields of their own; older ones ignore them.
const FLAG_INTERLACED: c_int = 1 << 3;
const FLAG_TOP_FIRST: c_int = 1 << 4;

/// Everything that is set before an encoder is opened.
pub(super) struct Setup {
    /// libav's name of the encoder.
    pub(super) encoder: &'static str,
    /// libav's name of the pixel format that goes in.
    pub(super) format: String,
    pub(super) size: (u32, u32),
    pub(super) frame_rate: (u32, u32),
    pub(super) sample_aspect: (u32, u32),
    /// The pool of the card's frames that go in; nothing where those of the host do.
    pub(super) pool: Option<Arc<DevicePool>>,
    /// Options of libav and of the encoder, by name.
    pub(super) options: Vec<(&'static str, String)>,
}

/// What the next step of encoding gave.
pub(super) enum Step {
    /// A packet: its number (see [`Codec::send`]), whether it is a key, its bytes.
    Packet(i64, bool, libav::Packet),
    /// The encoder wants more frames.
    Hungry,
    /// Everything has come out.
    End,
}

/// An open encoder.
pub(super) struct Codec {
    context: libav::codec::Context,
    name: &'static str,
    format: c_int,
    pool: Option<Arc<DevicePool>>,
}

impl Codec {
    /// Opens the encoder that `setup` describes.
    pub(super) fn open(setup: &Setup) -> Result<Self, MediaError> {
        let encoder = || setup.encoder.to_owned();
        let codec = libav::encoder::find_by_name(setup.encoder)
            .ok_or_else(|| MediaError::NoEncoder { encoder: encoder() })?;
        let failed = |error| MediaError::Encode {
            encoder: encoder(),
            doing: OPENING,
            words: Words::of(error),
        };
        let mut context = libav::codec::Context::new_with_codec(codec);
        // SAFETY: the pointer is used while `context` is borrowed.
        let raw = unsafe { context.as_mut_ptr() };
        // SAFETY: null (no memory) gives an error; else it is exclusively ours.
        let fields = unsafe { raw.as_mut() }.ok_or(MediaError::OutOfMemory { doing: OPENING })?;
        let format = fill(fields, setup).map_err(failed)?;
        let mut options = libav::Dictionary::new();
        for (name, value) in &setup.options {
            options.set(name, value);
        }
        // SAFETY: gives up ownership of the dictionary; it is taken back below.
        let mut options = unsafe { options.disown() };
        // SAFETY: the pointer is used for the next call only.
        let codec = unsafe { codec.as_ptr() };
        // SAFETY: the context was allocated for this codec.
        let code = unsafe { ffi::avcodec_open2(raw, codec, &raw mut options) };
        // SAFETY: the dictionary belongs to this function; it holds what the encoder did not take.
        let unused = unsafe { libav::Dictionary::own(options) };
        if code < 0 {
            return Err(failed(libav::Error::from(code)));
        }
        if let Some((name, _)) = unused.iter().next() {
            let words = Words::logged(format!("it has no option {name}"));
            return Err(MediaError::Encode { encoder: encoder(), doing: OPENING, words });
        }
        Ok(Self { context, name: setup.encoder, format, pool: setup.pool.clone() })
    }

    /// The parameter sets.
    pub(super) fn extradata(&self) -> &[u8] {
        // SAFETY: the pointer is used while `self` is borrowed.
        let raw = unsafe { self.context.as_ptr() };
        // SAFETY: the context is open, and not changed while it is borrowed.
        let fields = unsafe { &*raw };
        let size = usize::try_from(fields.extradata_size).unwrap_or(0);
        if fields.extradata.is_null() || size == 0 {
            return &[];
        }
        // SAFETY: libav keeps `extradata_size` bytes there as long as the context is open.
        unsafe { std::slice::from_raw_parts(fields.extradata, size) }
    }

    /// Gives a frame to the encoder as picture `number` of the cell.
    ///
    /// The samples are referenced, not copied, unless the encoder takes another packing of them, or they have
    /// to go to the card that it encodes on.
    pub(super) fn send(
        &mut self,
        frame: &mut VideoFrame,
        number: i64,
        order: Order,
    ) -> Result<(), MediaError> {
        let mut packed = match &self.pool {
            Some(pool) => Some(on_card(frame, pool)?),
            None => packing(self.format).map(|up| pack(frame, self.format, up)).transpose()?,
        };
        let video = packed.as_mut().unwrap_or_else(|| frame.video_mut());
        // SAFETY: the pointer is used while the frame is borrowed.
        let target = unsafe { video.as_mut_ptr() };
        // SAFETY: a `Video` holds an allocated frame, borrowed exclusively here.
        let fields = unsafe { &mut *target };
        fields.format = self.format;
        fields.pts = number;
        // The decoder's types and key flags would force the encoder's.
        fields.pict_type = ffi::AVPictureType::AV_PICTURE_TYPE_NONE;
        fields.key_frame = 0;
        fields.interlaced_frame = c_int::from(order != Order::Progressive);
        fields.top_field_first = c_int::from(order == Order::TopFirst);
        fields.flags &= !(FLAG_INTERLACED | FLAG_TOP_FIRST);
        fields.flags |= match order {
            Order::Progressive => 0,
            Order::TopFirst => FLAG_INTERLACED | FLAG_TOP_FIRST,
            Order::BottomFirst => FLAG_INTERLACED,
        };
        // SAFETY: the pointer is used for the next call only.
        let raw = unsafe { self.context.as_mut_ptr() };
        // SAFETY: the context is open; libav takes a reference of its own.
        self.check(unsafe { ffi::avcodec_send_frame(raw, target) }, "encoding")
    }

    /// Tells the encoder that nothing more comes.
    pub(super) fn finish(&mut self) -> Result<(), MediaError> {
        // SAFETY: the pointer is used for the next call only.
        let raw = unsafe { self.context.as_mut_ptr() };
        // SAFETY: the context is open; null means the end.
        self.check(unsafe { ffi::avcodec_send_frame(raw, std::ptr::null()) }, "ending a cell")
    }

    /// Asks for the next packet.
    pub(super) fn receive(&mut self) -> Result<Step, MediaError> {
        let mut packet = libav::Packet::empty();
        // SAFETY: the pointer is used for the next call only.
        let raw = unsafe { self.context.as_mut_ptr() };
        let target = libav::packet::Mut::as_mut_ptr(&mut packet);
        // SAFETY: the context is open, the packet empty.
        match unsafe { ffi::avcodec_receive_packet(raw, target) } {
            0 => {}
            ffi::AVERROR_EOF => return Ok(Step::End),
            code if code == ffi::AVERROR(ffi::EAGAIN) => return Ok(Step::Hungry),
            code => self.check(code, "encoding")?,
        }
        let number = packet.pts().ok_or_else(|| {
            MediaError::Internal("the encoder gave a packet without a number".to_owned())
        })?;
        let key = packet.is_key();
        Ok(Step::Packet(number, key, packet))
    }

    fn check(&self, code: c_int, doing: &'static str) -> Result<(), MediaError> {
        if code >= 0 {
            return Ok(());
        }
        let words = Words::of(libav::Error::from(code));
        Err(MediaError::Encode { encoder: self.name.to_owned(), doing, words })
    }
}

/// How the lines of a frame are to be coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Progressive,
    TopFirst,
    BottomFirst,
}

/// Sets the fields of a context that is not open yet; returns the number of the pixel format.
fn fill(fields: &mut ffi::AVCodecContext, setup: &Setup) -> Result<c_int, libav::Error> {
    let number = |value: u32| c_int::try_from(value).map_err(|_large| libav::Error::InvalidData);
    let fraction = |(num, den): (u32, u32)| -> Result<ffi::AVRational, libav::Error> {
        Ok(ffi::AVRational { num: number(num)?, den: number(den)? })
    };
    let name = CString::new(setup.format.as_str()).map_err(|_zero| libav::Error::InvalidData)?;
    // SAFETY: the name is terminated and lives for the call.
    fields.pix_fmt = unsafe { ffi::av_get_pix_fmt(name.as_ptr()) };
    (fields.width, fields.height) = (number(setup.size.0)?, number(setup.size.1)?);
    fields.framerate = fraction(setup.frame_rate)?;
    fields.time_base = ffi::AVRational { num: fields.framerate.den, den: fields.framerate.num };
    fields.sample_aspect_ratio = fraction(setup.sample_aspect)?;
    if let Some(pool) = &setup.pool {
        fields.pix_fmt = ffi::AVPixelFormat::AV_PIX_FMT_CUDA;
        fields.sw_pix_fmt = pool.frames().samples();
        // Always given: without it libav tries every card in a context of its own, and says of none why it
        // was refused. The reference belongs to the context.
        fields.hw_frames_ctx = pool.frames().for_encoder();
    }
    Ok(fields.pix_fmt as c_int)
}

/// The frame's samples on the card: as they lie there, or put there for this.
fn on_card(
    frame: &mut VideoFrame,
    pool: &Arc<DevicePool>,
) -> Result<libav::frame::Video, MediaError> {
    let there = frame.take_on_card().filter(|there| there.is_of(pool));
    let there = match there {
        Some(there) => there,
        None => pool.upload(frame)?,
    };
    // The encoder's reference keeps the memory; the pool counts what is on its way to the encoder.
    Ok(there.for_encoder(frame.video_mut())?)
}

/// By how many bits samples move up where the encoder wants them packed as NVIDIA's cards do: luma,
/// then pairs of chroma, in the high bits of 16.
fn packing(format: c_int) -> Option<u32> {
    (format == ffi::AVPixelFormat::AV_PIX_FMT_P010LE as c_int).then_some(16 - 10)
}

/// A copy of the frame in 16-bit words, chroma in pairs.
fn pack(frame: &VideoFrame, format: c_int, up: u32) -> Result<libav::frame::Video, MediaError> {
    const NO_MEMORY: MediaError = MediaError::OutOfMemory { doing: "packing a frame for the card" };
    let mut packed = libav::frame::Video::empty();
    // SAFETY: the pointer is used while `packed` is borrowed.
    let raw = unsafe { packed.as_mut_ptr() };
    // SAFETY: null (no memory) gives an error; else the frame is exclusively ours.
    let fields = unsafe { raw.as_mut() }.ok_or(NO_MEMORY)?;
    let size = |length: u32| c_int::try_from(length).map_err(|_large| NO_MEMORY);
    (fields.width, fields.height) = (size(frame.width())?, size(frame.height())?);
    fields.format = format;
    // SAFETY: the frame has a format and a size, and no buffers yet.
    if unsafe { ffi::av_frame_get_buffer(raw, 0) } < 0 {
        return Err(NO_MEMORY);
    }
    let PlanesRef::Sixteen(planes) = frame.planes() else {
        return Err(MediaError::Internal("a frame of 8 bits is not packed into 16".to_owned()));
    };
    for (number, plane) in planes.iter().enumerate() {
        let (columns, first, step) = match number {
            0 => (plane.width as usize, 0, 1),
            _ => (2 * plane.width as usize, number - 1, 2),
        };
        for (y, samples) in plane.samples.chunks(plane.stride).enumerate() {
            let row = row_mut(&mut packed, usize::from(number > 0), y, columns);
            let places = row.iter_mut().skip(first).step_by(step);
            places.zip(&samples[..plane.width as usize]).for_each(|(to, from)| *to = from << up);
        }
    }
    Ok(packed)
}

/// `count` words of row `y` of `plane`, of a frame that libav made with as many.
fn row_mut(frame: &mut libav::frame::Video, plane: usize, y: usize, count: usize) -> &mut [u16] {
    // SAFETY: the pointer is used while `frame` is borrowed.
    let raw = unsafe { frame.as_mut_ptr() };
    // SAFETY: the frame is allocated and borrowed exclusively.
    let fields = unsafe { &mut *raw };
    let stride = usize::try_from(fields.linesize[plane]).unwrap_or(0);
    assert!(stride >= count * size_of::<u16>(), "a row holds its samples");
    // SAFETY: the row lies inside the plane that libav allocated for the frame's height.
    let first = unsafe { fields.data[plane].add(y * stride) };
    // SAFETY: the row holds `count` words (above), aligned as libav aligns rows.
    unsafe { std::slice::from_raw_parts_mut(first.cast::<u16>(), count) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use cleanplate_types::picture::{PixelLayout, PlanesMut};
    use cleanplate_types::time::Pts;

    use super::*;

    #[test]
    fn planes_of_ten_bits_become_the_cards_pairs() {
        let layout = PixelLayout {
            name: "yuv420p10le".to_owned(),
            depth: 10,
            planes: 3,
            chroma_shift_x: 1,
            chroma_shift_y: 1,
            full_range: false,
        };
        let mut frame = VideoFrame::blank(&Arc::new(layout), 4, 2, Pts(0)).unwrap();
        let PlanesMut::Sixteen(mut planes) = frame.planes_mut().unwrap() else { panic!("16 bit") };
        planes[0].samples[..4].copy_from_slice(&[1, 2, 3, 1023]);
        planes[1].samples[..2].copy_from_slice(&[10, 11]);
        planes[2].samples[..2].copy_from_slice(&[20, 21]);
        let format = ffi::AVPixelFormat::AV_PIX_FMT_P010LE as c_int;
        let mut packed = pack(&frame, format, packing(format).unwrap()).unwrap();
        assert_eq!(row_mut(&mut packed, 0, 0, 4), [1 << 6, 2 << 6, 3 << 6, 1023 << 6]);
        assert_eq!(row_mut(&mut packed, 1, 0, 4), [10 << 6, 20 << 6, 11 << 6, 21 << 6]);
    }
}
