//! Pictures of noise, and what of two is the same.

use std::sync::Arc;

use cleanplate_media::frame::VideoFrame;
use cleanplate_types::picture::{PixelLayout, PlanesMut, PlanesRef};
use cleanplate_types::time::Pts;

/// Numbers without a pattern, the same every time.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// Below `end`.
    pub(crate) fn below(&mut self, end: u32) -> u32 {
        u32::try_from(self.next() % u64::from(end)).unwrap()
    }
}

/// 4:2:0 of that depth.
pub(crate) fn layout(depth: u8) -> Arc<PixelLayout> {
    let name = if depth == 8 { "yuv420p" } else { "yuv420p10le" }.to_owned();
    let (chroma_shift_x, chroma_shift_y) = (1, 1);
    Arc::new(PixelLayout {
        name,
        depth,
        planes: 3,
        chroma_shift_x,
        chroma_shift_y,
        full_range: false,
    })
}

/// A picture of noise, at tick 7.
pub(crate) fn noise(random: &mut Random, depth: u8, size: (u32, u32)) -> VideoFrame {
    noise_at(random, depth, size, Pts(7))
}

/// A picture of noise.
pub(crate) fn noise_at(
    random: &mut Random,
    depth: u8,
    (width, height): (u32, u32),
    pts: Pts,
) -> VideoFrame {
    let mut frame = VideoFrame::blank(&layout(depth), width, height, pts).unwrap();
    spoil(&mut frame, |_plane, _x, _y, sample| {
        *sample = u16::try_from(random.next() & 0x3ff).unwrap();
    });
    frame
}

/// Changes every sample: its plane, column and row are told.
pub(crate) fn spoil(frame: &mut VideoFrame, mut change: impl FnMut(usize, u32, u32, &mut u16)) {
    match frame.planes_mut().unwrap() {
        PlanesMut::Eight(planes) => {
            for (at, plane) in planes.into_iter().enumerate() {
                for (y, row) in (0..).zip(plane.samples.chunks_mut(plane.stride)) {
                    for (x, sample) in (0..plane.width).zip(row) {
                        let mut wide = u16::from(*sample);
                        change(at, x, y, &mut wide);
                        *sample = (wide & 0xff).try_into().unwrap();
                    }
                }
            }
        }
        PlanesMut::Sixteen(planes) => {
            for (at, plane) in planes.into_iter().enumerate() {
                for (y, row) in (0..).zip(plane.samples.chunks_mut(plane.stride)) {
                    (0..plane.width).zip(row).for_each(|(x, sample)| change(at, x, y, sample));
                }
            }
        }
    }
}

/// Every sample with its plane, column and row.
pub(crate) fn samples(frame: &VideoFrame) -> Vec<(usize, u32, u32, u16)> {
    let mut all = Vec::new();
    match frame.planes() {
        PlanesRef::Eight(planes) => {
            for (at, plane) in planes.iter().enumerate() {
                for (y, row) in (0..).zip(plane.samples.chunks(plane.stride)) {
                    all.extend((0..plane.width).zip(row).map(|(x, s)| (at, x, y, u16::from(*s))));
                }
            }
        }
        PlanesRef::Sixteen(planes) => {
            for (at, plane) in planes.iter().enumerate() {
                for (y, row) in (0..).zip(plane.samples.chunks(plane.stride)) {
                    all.extend((0..plane.width).zip(row).map(|(x, s)| (at, x, y, *s)));
                }
            }
        }
    }
    all
}
