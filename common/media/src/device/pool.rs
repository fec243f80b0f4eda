//! A pool of frames on a card: their shape, their bound, how they are made.
//!
//! Owns what all frames of a segment have in common there, and the count of those that are held. Refuses shapes
//! that no card encodes from, and the frame after the last: it never waits for one to be given back, since
//! whoever holds it may be waiting too.

use std::ffi::c_int;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use cleanplate_types::picture::{PixelLayout, Rect};
use ffmpeg_next as libav;

use super::frame::{Counted, DeviceFrame};
use super::{CardContext, CardError, ffi, packing};
use crate::error::Words;
use crate::frame::VideoFrame;

/// Frames of one shape in a card's memory, so many at once and no more. Memory that was given back is used
/// again.
pub struct DevicePool {
    frames: ffi::Frames,
    card: Arc<CardContext>,
    pub(super) layout: Arc<PixelLayout>,
    format: &'static str,
    pub(super) size: (u32, u32),
    frames_max: u32,
    pub(super) held: AtomicU32,
}

impl std::fmt::Debug for DevicePool {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("DevicePool")
            .field("card", &self.card.name)
            .field("size", &self.size)
            .field("format", &self.format)
            .field("frames_max", &self.frames_max)
            .finish_non_exhaustive()
    }
}

/// The card's packing of `layout`; nothing where no card encodes from it.
fn packing_of(layout: &PixelLayout) -> Option<&'static str> {
    match layout.name.as_str() {
        "yuv420p" | "yuvj420p" => Some("nv12"),
        "yuv420p10le" => Some("p010le"),
        _ => None,
    }
}

impl DevicePool {
    /// A pool on `card` for at most `frames_max` frames of `width` by `height` in `layout`. Takes no memory
    /// yet; a frame of 1920 by 1080 takes 3 MiB (8 bits) or 6 MiB (10 bits).
    ///
    /// # Errors
    /// [`CardError::Layout`], and [`CardError::Driver`] where libav does not take the shape.
    pub fn new(
        card: &Arc<CardContext>,
        layout: &Arc<PixelLayout>,
        (width, height): (u32, u32),
        frames_max: u32,
    ) -> Result<Arc<Self>, CardError> {
        let refused = || CardError::Layout { card: card.name.clone(), layout: layout.name.clone() };
        let format = packing_of(layout).ok_or_else(refused)?;
        let made =
            even((width, height)).and_then(|size| ffi::Frames::new(&card.device, format, size));
        let frames = made.map_err(|error| CardError::Driver {
            card: card.name.clone(),
            doing: "making a pool of frames",
            words: Words::of(error),
        })?;
        Ok(Arc::new(Self {
            frames,
            card: Arc::clone(card),
            layout: Arc::clone(layout),
            format,
            size: (width, height),
            frames_max,
            held: AtomicU32::new(0),
        }))
    }

    /// Frames that are held now. What an encoder still reads of is not among them.
    #[must_use]
    pub fn held(&self) -> u32 {
        self.held.load(Ordering::Acquire)
    }

    /// A copy of `host` on the card.
    ///
    /// # Errors
    /// [`CardError::PoolFull`], [`CardError::OutOfMemory`], [`CardError::Shape`], [`CardError::Driver`].
    pub fn upload(self: &Arc<Self>, host: &VideoFrame) -> Result<DeviceFrame, CardError> {
        let mut frame = self.take()?;
        frame.upload_region(host, self.whole())?;
        Ok(frame)
    }

    /// A copy of what NVDEC decoded, made on the card. Nothing is waited for: `decoded` must live until
    /// something after it on the stream was.
    pub(crate) fn copy_of(
        self: &Arc<Self>,
        decoded: &libav::frame::Video,
    ) -> Result<DeviceFrame, CardError> {
        let fits = ffi::samples_of(decoded) == Some(self.frames.samples())
            && (decoded.width(), decoded.height()) == self.size;
        if !fits {
            return Err(self.misfit("what the card decoded"));
        }
        let mut frame = self.take()?;
        let doing = "copying a frame on the card";
        let copied =
            even(self.size).and_then(|(_, rows)| ffi::copy(decoded, frame.video_mut(), rows));
        copied.map_err(|error| self.failed(doing, error))?;
        Ok(frame)
    }

    /// A frame of the pool, with whatever samples were there.
    fn take(self: &Arc<Self>) -> Result<DeviceFrame, CardError> {
        let more = |held: u32| (held < self.frames_max).then(|| held + 1);
        let counted = self.held.fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        let held = counted.map_err(|_all| CardError::PoolFull {
            card: self.card.name.clone(),
            frames_max: self.frames_max,
        })?;
        let counted = Counted::of(self);
        let frame = self.frames.frame().map_err(|error| CardError::OutOfMemory {
            card: self.card.name.clone(),
            width: self.size.0,
            height: self.size.1,
            format: self.format,
            held,
            words: Words::of(error),
        })?;
        Ok(DeviceFrame::new(frame, counted))
    }

    pub(super) const fn whole(&self) -> Rect {
        Rect { x: 0, y: 0, width: self.size.0, height: self.size.1 }
    }

    /// `rect` grown to whole pairs of chroma; it may then end a row or column beyond an odd picture, where
    /// the pool's frames have one to spare.
    pub(super) fn paired(&self, rect: Rect) -> Result<Rect, CardError> {
        let inside = rect.right() <= self.size.0 && rect.bottom() <= self.size.1;
        if !inside || rect.width == 0 || rect.height == 0 {
            let Rect { x, y, width, height } = rect;
            return Err(self.misfit(&format!("a rectangle of {width}x{height} at {x},{y}")));
        }
        let (x, y) = (rect.x & !1, rect.y & !1);
        let length = |from: u32, to: u32| to.next_multiple_of(2) - from;
        Ok(Rect { x, y, width: length(x, rect.right()), height: length(y, rect.bottom()) })
    }

    pub(super) fn staging(&self, rect: Rect) -> Result<ffi::Staging, CardError> {
        let bytes = packing::sample_bytes(self.layout.depth);
        let made = ffi::Staging::new(self.format, (rect.width, rect.height), bytes);
        made.map_err(|error| self.failed("staging a rectangle", error))
    }

    pub(super) fn corner(&self, rect: Rect) -> ffi::Corner {
        ffi::Corner::of(rect, packing::sample_bytes(self.layout.depth))
    }

    pub(super) fn check(&self, host: &VideoFrame) -> Result<(), CardError> {
        let fits = (host.width(), host.height()) == self.size && host.layout() == &self.layout;
        let (width, height) = (host.width(), host.height());
        let what = || format!("a picture of {width}x{height} {}", host.layout().name);
        if fits { Ok(()) } else { Err(self.misfit(&what())) }
    }

    fn misfit(&self, what: &str) -> CardError {
        let ((width, height), layout) = (self.size, self.layout.name.clone());
        CardError::Shape {
            card: self.card.name.clone(),
            what: what.to_owned(),
            width,
            height,
            layout,
        }
    }

    pub(super) fn failed(&self, doing: &'static str, error: libav::Error) -> CardError {
        CardError::Driver { card: self.card.name.clone(), doing, words: Words::of(error) }
    }

    /// libav's side of the pool, for an encoder that is to read from it.
    pub(crate) const fn frames(&self) -> &ffi::Frames {
        &self.frames
    }
}

/// Width and height rounded up to whole pairs of chroma.
fn even((width, height): (u32, u32)) -> Result<(c_int, c_int), libav::Error> {
    let up = |length: u32| {
        let even = length.checked_next_multiple_of(2).and_then(|even| c_int::try_from(even).ok());
        even.ok_or(libav::Error::InvalidData)
    };
    Ok((up(width)?, up(height)?))
}
