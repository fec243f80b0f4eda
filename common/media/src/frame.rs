//! One decoded frame: its planes, its timestamp, and what the encoder must hear of it.
//!
//! Owns the picture that libav decoded (or a copy, once it is written to). Refuses formats that are
//! not planar YUV or grey: they never get this far.

mod ffi;

use std::sync::Arc;

use cleanplate_types::digest::{FrameHash, Sha, ShaWriter};
use cleanplate_types::picture::{PixelLayout, PlaneRef, PlanesMut, PlanesRef, Run};
use cleanplate_types::time::Pts;
use ffmpeg_next as libav;
use libav::util::frame::side_data::Type as SideData;

use crate::device::DeviceFrame;
use crate::error::{MediaError, Words};

pub(crate) use ffi::{
    colour_of, convert_hardware, format_name, format_of, is_cuda, layout_of, pixel_format, raw,
    raw_mut, repeats,
};

/// A frame in host memory. Its samples may be shared with the decoder until they are written to.
///
/// The same samples may lie on a card as well, for an encoder there. Whoever changes the planes parts both:
/// the card's frame is dropped then, unless it was taken off before and is laid on again.
pub struct VideoFrame {
    frame: libav::frame::Video,
    layout: Arc<PixelLayout>,
    pts: Pts,
    on_card: Option<DeviceFrame>,
}

impl std::fmt::Debug for VideoFrame {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("VideoFrame")
            .field("pts", &self.pts.0)
            .field("size", &(self.width(), self.height()))
            .field("layout", &self.layout.name)
            .finish_non_exhaustive()
    }
}

impl VideoFrame {
    /// A frame with memory of its own and samples of value 0.
    ///
    /// # Errors
    /// [`MediaError::UnsupportedPixels`] where libav does not know the layout's name as planar YUV
    /// or grey, [`MediaError::OutOfMemory`].
    pub fn blank(
        layout: &Arc<PixelLayout>,
        width: u32,
        height: u32,
        pts: Pts,
    ) -> Result<Self, MediaError> {
        let mut frame = ffi::allocate(&layout.name, width, height)?;
        frame.set_pts(Some(pts.0));
        let mut blank = Self { frame, layout: Arc::clone(layout), pts, on_card: None };
        match blank.planes_mut()? {
            PlanesMut::Eight(planes) => planes.into_iter().for_each(|p| p.samples.fill(0)),
            PlanesMut::Sixteen(planes) => planes.into_iter().for_each(|p| p.samples.fill(0)),
        }
        Ok(blank)
    }

    /// Takes a frame in host memory whose format has been checked to be `layout`.
    pub(crate) fn adopt(
        frame: libav::frame::Video,
        layout: &Arc<PixelLayout>,
        pts: Pts,
    ) -> Result<Self, MediaError> {
        let mut frame = if ffi::is_plain(&frame, layout) { frame } else { ffi::copied(&frame)? };
        frame.set_pts(Some(pts.0));
        Ok(Self { frame, layout: Arc::clone(layout), pts, on_card: None })
    }

    /// Takes the properties of a frame that libav decoded, such as its side data.
    pub(crate) fn take_properties(&mut self, of: &libav::frame::Video) -> Result<(), MediaError> {
        ffi::copy_properties(&mut self.frame, of)
    }

    /// libav's own frame.
    pub(crate) fn into_video(self) -> libav::frame::Video {
        self.frame
    }

    /// The same frame once more, on the host alone; its samples are copied when one of both is changed.
    ///
    /// # Errors
    /// [`MediaError::OutOfMemory`].
    pub fn twin(&self) -> Result<Self, MediaError> {
        let frame = ffi::reference(&self.frame)?;
        Ok(Self { frame, layout: Arc::clone(&self.layout), pts: self.pts, on_card: None })
    }

    /// The frame of a card that has the same samples.
    #[must_use]
    pub const fn on_card(&self) -> Option<&DeviceFrame> {
        self.on_card.as_ref()
    }

    /// Takes the card's frame off, to keep both the same while the planes are changed.
    pub const fn take_on_card(&mut self) -> Option<DeviceFrame> {
        self.on_card.take()
    }

    /// Says that `frame` has the same samples.
    pub fn lay_on_card(&mut self, frame: DeviceFrame) {
        self.on_card = Some(frame);
    }

    /// Its timestamp, in ticks of the source's video stream.
    #[must_use]
    pub const fn pts(&self) -> Pts {
        self.pts
    }

    /// Width in luma samples.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.frame.width()
    }

    /// Height in luma samples.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.frame.height()
    }

    /// Its sample layout.
    #[must_use]
    pub const fn layout(&self) -> &Arc<PixelLayout> {
        &self.layout
    }

    /// Whether its lines belong to two fields.
    #[must_use]
    pub fn is_interlaced(&self) -> bool {
        self.frame.is_interlaced()
    }

    /// Whether its top field comes first, where it has fields.
    #[must_use]
    pub fn is_top_first(&self) -> bool {
        self.frame.is_top_first()
    }

    /// Its planes, to look at.
    #[must_use]
    pub fn planes(&self) -> PlanesRef<'_> {
        ffi::planes(&self.frame, &self.layout)
    }

    /// Its planes, to change; a picture that the decoder still needs is copied first, and a card's frame is
    /// dropped, since it would no longer be the same.
    ///
    /// # Errors
    /// [`MediaError::OutOfMemory`] where there is no memory for the copy.
    pub fn planes_mut(&mut self) -> Result<PlanesMut<'_>, MediaError> {
        self.on_card = None;
        ffi::make_writable(&mut self.frame)?;
        Ok(ffi::planes_mut(&mut self.frame, &self.layout))
    }

    /// The hash of its visible samples, plane by plane and row by row; 16-bit samples low byte first.
    ///
    /// Equal to the hash of what the ffmpeg command line writes as `rawvideo`.
    #[must_use]
    pub fn content_sha(&self) -> Sha {
        let mut writer = ShaWriter::default();
        self.each_bytes(|bytes| writer.write(bytes));
        writer.finish()
    }

    /// A fast hash of the same samples: equal for two decodings of a frame, no proof against forgery.
    #[must_use]
    pub fn fast_hash(&self) -> FrameHash {
        use std::hash::Hasher as _;
        let mut hasher = twox_hash::xxhash3_64::Hasher::new();
        self.each_bytes(|bytes| hasher.write(bytes));
        FrameHash(hasher.finish())
    }

    /// As [`Self::fast_hash`], without the samples of `covered`: runs for each plane, rising by row, then
    /// start. Planes that `covered` has no runs for are hashed whole.
    #[must_use]
    pub fn fast_hash_outside(&self, covered: &[Vec<Run>]) -> FrameHash {
        use std::hash::Hasher as _;
        let mut hasher = twox_hash::xxhash3_64::Hasher::new();
        self.each_bytes_outside(covered, |bytes| hasher.write(bytes));
        FrameHash(hasher.finish())
    }

    /// Gives every row of its visible samples as bytes, plane by plane; 16-bit samples low byte first.
    fn each_bytes(&self, take: impl FnMut(&[u8])) {
        self.each_bytes_outside(&[], take);
    }

    fn each_bytes_outside(&self, covered: &[Vec<Run>], mut take: impl FnMut(&[u8])) {
        let runs = |plane: usize| covered.get(plane).map_or(&[][..], Vec::as_slice);
        match self.planes() {
            PlanesRef::Eight(planes) => {
                for (at, plane) in planes.iter().enumerate() {
                    each_row(plane, runs(at), &mut take);
                }
            }
            PlanesRef::Sixteen(planes) => {
                let mut bytes = Vec::new();
                for (at, plane) in planes.iter().enumerate() {
                    each_row(plane, runs(at), |row| {
                        bytes.clear();
                        bytes.extend(row.iter().flat_map(|sample| sample.to_le_bytes()));
                        take(&bytes);
                    });
                }
            }
        }
    }

    /// libav's own frame, to set what an encoder reads from it; the samples stay as they are.
    pub(crate) const fn video_mut(&mut self) -> &mut libav::frame::Video {
        &mut self.frame
    }
}

/// Calls `look` with each row of visible samples, or with the pieces of it between `covered` runs.
fn each_row<S>(plane: &PlaneRef<'_, S>, mut covered: &[Run], mut look: impl FnMut(&[S])) {
    let width = plane.width as usize;
    let rows = plane.samples.chunks(plane.stride.max(1)).take(plane.height as usize);
    for (number, row) in (0_u32..).zip(rows) {
        let count = covered.partition_point(|run| run.row <= number);
        let (here, after) = covered.split_at(count);
        covered = after;
        let mut from = 0;
        for run in here.iter().filter(|run| run.row == number) {
            let start = (run.start as usize).clamp(from, width);
            look(&row[from..start]);
            from = (run.end as usize).clamp(start, width);
        }
        look(&row[from..width]);
    }
}

/// HDR metadata of single frames: its kinds in libav, and their names.
const DYNAMIC_HDR: [(SideData, &str); 4] = [
    (SideData::DYNAMIC_HDR_PLUS, "HDR10+"),
    (SideData::DOVI_METADATA, "Dolby Vision"),
    (SideData::DOVI_RPU_BUFFER, "Dolby Vision"),
    (SideData::DYNAMIC_HDR_VIVID, "HDR Vivid"),
];

/// The kinds of HDR metadata that a frame has of its own, by name.
pub(crate) fn dynamic_hdr(frame: &libav::frame::Video) -> impl Iterator<Item = &'static str> {
    DYNAMIC_HDR
        .into_iter()
        .filter(|(kind, _)| frame.side_data(*kind).is_some())
        .map(|(_, name)| name)
}

/// What a decoder made: its size and format in words.
pub(crate) fn shape_text(width: u32, height: u32, format: &str) -> String {
    format!("{width}x{height} {format}")
}

/// Checks that a host frame is what the description promised.
pub(crate) fn check_shape(
    frame: &libav::frame::Video,
    layout: &PixelLayout,
    (width, height): (u32, u32),
) -> Result<(), MediaError> {
    let name = ffi::frame_format(frame);
    if name == layout.name && frame.width() == width && frame.height() == height {
        return Ok(());
    }
    Err(MediaError::PictureChanges {
        before: shape_text(width, height, &layout.name),
        after: shape_text(frame.width(), frame.height(), &name),
    })
}

/// What libav's flags and log lines say against a frame; nothing where it is sound.
pub(crate) fn damage_of(frame: &libav::frame::Video) -> Option<Words> {
    let flagged = frame.is_corrupt() || frame.has_decode_errors();
    flagged.then(|| Words::logged("the decoder flags the picture as damaged"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(name: &str) -> Arc<PixelLayout> {
        Arc::new(ffi::layout_named(name).unwrap())
    }

    #[test]
    fn layouts_are_told_by_name() {
        let ten = layout("yuv422p10le");
        assert_eq!((ten.depth, ten.planes), (10, 3));
        assert_eq!((ten.chroma_shift_x, ten.chroma_shift_y), (1, 0));
        assert!(layout("yuvj420p").full_range && !layout("yuv420p").full_range);
        assert_eq!(layout("gray").planes, 1);
        for name in
            ["rgb24", "nv12", "pal8", "yuva420p", "yuyv422", "p010le", "gbrp", "yuv420p10be"]
        {
            assert!(ffi::layout_named(name).is_none(), "{name} is not worked on");
        }
    }

    #[test]
    fn writing_to_a_frame_leaves_its_twin_alone() {
        let mut first = VideoFrame::blank(&layout("yuv420p"), 17, 9, Pts(3)).unwrap();
        let shared = ffi::reference(&first.frame).unwrap();
        let twin = VideoFrame::adopt(shared, &layout("yuv420p"), Pts(3)).unwrap();
        let before = twin.content_sha();
        let PlanesMut::Eight(mut planes) = first.planes_mut().unwrap() else { panic!("8 bit") };
        assert_eq!((planes[1].width, planes[1].height), (9, 5));
        planes[2].samples[0] = 200;
        assert_eq!(twin.content_sha(), before);
        assert_ne!(first.content_sha(), before);
    }

    #[test]
    fn the_hash_is_that_of_the_packed_samples() {
        let mut frame = VideoFrame::blank(&layout("gray10le"), 3, 2, Pts(0)).unwrap();
        let PlanesMut::Sixteen(planes) = frame.planes_mut().unwrap() else { panic!("16 bit") };
        for plane in planes {
            for row in plane.samples.chunks_mut(plane.stride) {
                row[..3].copy_from_slice(&[1, 2, 1023]);
            }
        }
        let packed: Vec<u8> =
            [1_u16, 2, 1023, 1, 2, 1023].iter().flat_map(|s| s.to_le_bytes()).collect();
        assert_eq!(frame.content_sha(), Sha::of(&packed));
        let whole = twox_hash::xxhash3_64::Hasher::oneshot(&packed);
        assert_eq!(frame.fast_hash(), FrameHash(whole), "whatever the strides");
    }
}
