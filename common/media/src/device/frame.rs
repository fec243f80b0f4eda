//! A frame in a card's memory: all of it or a rectangle, down to the host and up again.
//!
//! Owns the memory until it is dropped. Refuses pictures and rectangles that are not of its shape.

use std::ffi::c_int;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use cleanplate_types::picture::{PixelLayout, Rect, Run};
use cleanplate_types::time::Pts;
use ffmpeg_next as libav;

use super::pool::DevicePool;
use super::{CardError, ffi, packing, tiles};
use crate::error::MediaError;
use crate::frame::VideoFrame;

/// One frame of the pool's count.
pub(super) struct Counted(Arc<DevicePool>);

impl Counted {
    /// One of `pool`, which has counted it.
    pub(super) fn of(pool: &Arc<DevicePool>) -> Self {
        Self(Arc::clone(pool))
    }
}

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
    pub(super) const fn new(frame: libav::frame::Video, counted: Counted) -> Self {
        Self { frame, counted }
    }

    /// libav's own frame.
    #[cfg(test)]
    pub(super) const fn video(&self) -> &libav::frame::Video {
        &self.frame
    }

    /// libav's own frame, to write its samples.
    pub(super) const fn video_mut(&mut self) -> &mut libav::frame::Video {
        &mut self.frame
    }

    fn pool(&self) -> &DevicePool {
        &self.counted.0
    }

    /// Whether it is one of `pool`'s.
    #[must_use]
    pub fn is_of(&self, pool: &Arc<DevicePool>) -> bool {
        Arc::ptr_eq(&self.counted.0, pool)
    }

    /// The layout of its samples, and width and height in luma samples.
    #[must_use]
    pub fn shape(&self) -> (&PixelLayout, (u32, u32)) {
        (&self.pool().layout, self.pool().size)
    }

    /// Where it lies in the card's memory, for kernels on the context's stream: luma, then chroma in pairs, by
    /// address and bytes from row to row. There are as many rows as an even picture of its size has. They hold
    /// as long as the frame does.
    #[must_use]
    pub fn places(&mut self) -> [(u64, u32); 2] {
        ffi::places(&self.frame)
    }

    /// All of it in memory of the host, in place of what `host` holds. Waits for the stream.
    ///
    /// # Errors
    /// As [`Self::download_region`].
    pub fn download_over(&self, host: &mut VideoFrame) -> Result<(), MediaError> {
        self.download_region(self.pool().whole(), host)
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
