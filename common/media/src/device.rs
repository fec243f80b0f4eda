//! Frames in a card's memory: the context they live in, the pool they come from, rectangles of them up and
//! down.
//!
//! Owns what libav needs to work in a CUDA context that somebody else opened, on that context's one stream,
//! and the bound on the frames that are held there. Refuses layouts that cards do not encode from (anything
//! but 4:2:0 of 8 or 10 bits), and to be the only place where a picture is: a frame of the host goes beside
//! each, since its hash is the proof that borders and audits rest on, and every fallback begins with it.
//!
//! The frames that NVDEC gives are never kept: in FFmpeg 5.1 they are the decoder's own surfaces, of which a
//! stream of many references leaves a handful. Each is copied on the card into a pool of ours at once.

pub(crate) mod ffi;
mod packing;
mod tiles;

use std::any::Any;
use std::ffi::c_int;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use cleanplate_types::picture::{PixelLayout, Rect, Run};
use cleanplate_types::time::Pts;
use ffmpeg_next as libav;

use crate::error::{MediaError, Words};
use crate::frame::VideoFrame;
use crate::log;

/// Why a card did not take or give a frame.
#[derive(Debug, thiserror::Error)]
pub enum CardError {
    /// libav does not work in the context.
    #[error("{card}: libav does not take the CUDA context: {words}")]
    Context {
        /// The card's name.
        card: String,
        /// libav's words.
        words: Words,
    },
    /// Samples that no card encodes from.
    #[error("{card}: frames of {layout} are not kept on a card, only yuv420p and yuv420p10le are")]
    Layout {
        /// The card's name.
        card: String,
        /// libav's name of the layout.
        layout: String,
    },
    /// All frames of the pool are held.
    #[error("{card}: all {frames_max} frames of its pool are held; fewer can be under way at once")]
    PoolFull {
        /// The card's name.
        card: String,
        /// The pool's bound.
        frames_max: u32,
    },
    /// The card's memory is used up.
    #[error(
        "{card}: no memory for one more frame of {width}x{height} {format} beside {held} of them ({words}); \
         run fewer slots on this card, or free its memory"
    )]
    OutOfMemory {
        /// The card's name.
        card: String,
        /// Width in samples.
        width: u32,
        /// Height in samples.
        height: u32,
        /// libav's name of the packing.
        format: &'static str,
        /// Frames of this pool that are held.
        held: u32,
        /// libav's words.
        words: Words,
    },
    /// A picture or a rectangle that is not of the pool's shape.
    #[error("{card}: {what} does not fit frames of {width}x{height} {layout}")]
    Shape {
        /// The card's name.
        card: String,
        /// What does not.
        what: String,
        /// Width in samples.
        width: u32,
        /// Height in samples.
        height: u32,
        /// libav's name of the layout.
        layout: String,
    },
    /// The driver failed. The context may be lost with all that is in it.
    #[error("{card}: {doing}: {words}")]
    Driver {
        /// The card's name.
        card: String,
        /// What was being done.
        doing: &'static str,
        /// libav's words.
        words: Words,
    },
}

/// A card's CUDA context and stream, as libav works in them.
///
/// The context is never libav's own, and never asked for by its flag for primary contexts: that one insists
/// on flags which others who opened the context before did not set.
pub struct CardContext {
    device: ffi::Device,
    name: String,
}

impl std::fmt::Debug for CardContext {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("CardContext").field("name", &self.name).finish_non_exhaustive()
    }
}

impl CardContext {
    /// Lets libav work in `context` (a `CUcontext`) on `stream` (a `CUstream`), both as numbers.
    ///
    /// `owner` is whoever opened them and would close them when dropped. It is kept until the last frame,
    /// decoder and encoder of this context are gone. The numbers must be those of `owner`: the driver looks
    /// at no context before it uses it. `name` is the card's, for errors.
    ///
    /// # Errors
    /// [`CardError::Context`] where libav has no CUDA, or the driver's library cannot be loaded.
    pub fn share(
        name: &str,
        (context, stream): (usize, usize),
        owner: Arc<dyn Any + Send + Sync>,
    ) -> Result<Arc<Self>, CardError> {
        log::install();
        drop(log::take());
        let device = ffi::Device::over(context, stream, owner);
        let device = device.map_err(|error| CardError::Context {
            card: name.to_owned(),
            words: Words::of(error),
        })?;
        Ok(Arc::new(Self { device, name: name.to_owned() }))
    }

    /// The card's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) const fn device(&self) -> &ffi::Device {
        &self.device
    }
}

/// Frames of one shape in a card's memory, so many at once and no more. Memory that was given back is used
/// again.
pub struct DevicePool {
    frames: ffi::Frames,
    card: Arc<CardContext>,
    layout: Arc<PixelLayout>,
    format: &'static str,
    size: (u32, u32),
    frames_max: u32,
    held: AtomicU32,
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
            even(self.size).and_then(|(_, rows)| ffi::copy(decoded, &mut frame.frame, rows));
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
        let counted = Counted(Arc::clone(self));
        let frame = self.frames.frame().map_err(|error| CardError::OutOfMemory {
            card: self.card.name.clone(),
            width: self.size.0,
            height: self.size.1,
            format: self.format,
            held,
            words: Words::of(error),
        })?;
        Ok(DeviceFrame { frame, counted })
    }

    const fn whole(&self) -> Rect {
        Rect { x: 0, y: 0, width: self.size.0, height: self.size.1 }
    }

    /// `rect` grown to whole pairs of chroma; it may then end a row or column beyond an odd picture, where
    /// the pool's frames have one to spare.
    fn paired(&self, rect: Rect) -> Result<Rect, CardError> {
        let inside = rect.right() <= self.size.0 && rect.bottom() <= self.size.1;
        if !inside || rect.width == 0 || rect.height == 0 {
            let Rect { x, y, width, height } = rect;
            return Err(self.misfit(&format!("a rectangle of {width}x{height} at {x},{y}")));
        }
        let (x, y) = (rect.x & !1, rect.y & !1);
        let length = |from: u32, to: u32| to.next_multiple_of(2) - from;
        Ok(Rect { x, y, width: length(x, rect.right()), height: length(y, rect.bottom()) })
    }

    fn staging(&self, rect: Rect) -> Result<ffi::Staging, CardError> {
        let bytes = packing::sample_bytes(self.layout.depth);
        let made = ffi::Staging::new(self.format, (rect.width, rect.height), bytes);
        made.map_err(|error| self.failed("staging a rectangle", error))
    }

    fn corner(&self, rect: Rect) -> ffi::Corner {
        ffi::Corner::of(rect, packing::sample_bytes(self.layout.depth))
    }

    fn check(&self, host: &VideoFrame) -> Result<(), CardError> {
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

    fn failed(&self, doing: &'static str, error: libav::Error) -> CardError {
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

/// One frame of the pool's count.
struct Counted(Arc<DevicePool>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A frame in a card's memory. It has samples and nothing else: time and messages are the host frame's.
pub struct DeviceFrame {
    frame: libav::frame::Video,
    // After the frame: its memory is back in the pool before it counts as given back.
    counted: Counted,
}

impl std::fmt::Debug for DeviceFrame {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("DeviceFrame").field("pool", &self.counted.0).finish_non_exhaustive()
    }
}

impl DeviceFrame {
    fn pool(&self) -> &DevicePool {
        &self.counted.0
    }

    /// Whether it is one of `pool`'s.
    #[must_use]
    pub fn is_of(&self, pool: &Arc<DevicePool>) -> bool {
        Arc::ptr_eq(&self.counted.0, pool)
    }

    /// All of it in memory of the host, with the time `pts`. Waits for the stream.
    ///
    /// # Errors
    /// [`CardError::Driver`], and [`MediaError::OutOfMemory`] where the host has no memory for it.
    pub fn download(&self, pts: Pts) -> Result<VideoFrame, MediaError> {
        let pool = self.pool();
        let mut host = VideoFrame::blank(&pool.layout, pool.size.0, pool.size.1, pts)?;
        self.download_region(pool.whole(), &mut host)?;
        Ok(host)
    }

    /// All of it in memory of the host, as libav's own frame with what `decoded` has beside its samples.
    pub(crate) fn fetched(
        &self,
        decoded: &libav::frame::Video,
    ) -> Result<libav::frame::Video, MediaError> {
        let mut host = self.download(Pts(0))?;
        host.take_properties(decoded)?;
        Ok(host.into_video())
    }

    /// Brings the samples of `rect`, grown to whole pairs of chroma, to the same place in `host`, a picture of
    /// the same shape. Waits for the stream.
    ///
    /// # Errors
    /// [`CardError::Shape`], [`CardError::Driver`], and [`MediaError::OutOfMemory`] where the host has no
    /// memory to stage it.
    pub fn download_region(&self, rect: Rect, host: &mut VideoFrame) -> Result<(), MediaError> {
        let pool = self.pool();
        pool.check(host)?;
        let rect = pool.paired(rect)?;
        let mut staged = pool.staging(rect)?;
        let fetched = staged.fetch(&self.frame, pool.corner(rect));
        fetched.map_err(|error| pool.failed("fetching samples from the card", error))?;
        packing::spread(&staged, rect, pool.layout.depth, host.planes_mut()?);
        Ok(())
    }

    /// Puts the samples of `rect`, grown to whole pairs of chroma, from `host` to the same place here.
    ///
    /// # Errors
    /// [`CardError::Shape`], [`CardError::Driver`].
    pub fn upload_region(&mut self, host: &VideoFrame, rect: Rect) -> Result<(), CardError> {
        let pool = self.pool();
        pool.check(host)?;
        let rect = pool.paired(rect)?;
        let mut staged = pool.staging(rect)?;
        packing::gather(&host.planes(), rect, pool.layout.depth, &mut staged);
        let put = staged.put(&self.frame, pool.corner(rect));
        put.map_err(|error| pool.failed("putting samples on the card", error))
    }

    /// Puts what `covered` names (runs for each plane, rising by row, then start) from `host` to the same
    /// place here, in a few rectangles. Returns the number of luma samples that those have.
    ///
    /// # Errors
    /// As [`Self::upload_region`]; what was put until then is.
    pub fn upload_covered(
        &mut self,
        host: &VideoFrame,
        covered: &[Vec<Run>],
    ) -> Result<u64, CardError> {
        let pool = self.pool();
        let mut samples = 0;
        for rect in tiles::of(covered, &pool.layout, pool.size) {
            self.upload_region(host, rect)?;
            samples += u64::from(rect.width) * u64::from(rect.height);
        }
        Ok(samples)
    }

    /// What an encoder is given: this memory, with what `host` has beside its samples.
    pub(crate) fn for_encoder(
        &self,
        host: &libav::frame::Video,
    ) -> Result<libav::frame::Video, CardError> {
        let pool = self.pool();
        let size =
            |length: u32| c_int::try_from(length).map_err(|_large| libav::Error::InvalidData);
        let made = size(pool.size.0)
            .and_then(|width| Ok((width, size(pool.size.1)?)))
            .and_then(|size| ffi::for_encoder(&self.frame, host, size));
        made.map_err(|error| pool.failed("handing a frame to the encoder", error))
    }
}

#[cfg(test)]
mod tests;
