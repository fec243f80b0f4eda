//! What a decoder hands over, copied on the card: a pool of the decoder's own shape plays it.

#[path = "../../tests/card/driver.rs"]
mod driver;

use std::ffi::c_int;

use cleanplate_types::picture::{PixelLayout, PlanesMut};
use cleanplate_types::time::Pts;
use driver::{HANDLES, with_card};

use super::*;
use crate::frame::{VideoFrame, layout_of};

fn layout(name: &str) -> Arc<PixelLayout> {
    Arc::new(layout_of(crate::frame::pixel_format(name) as c_int).unwrap())
}

/// A picture whose samples differ from their neighbours.
fn stripes(name: &str, width: u32, height: u32) -> VideoFrame {
    let mut frame = VideoFrame::blank(&layout(name), width, height, Pts(3)).unwrap();
    let number = |place: usize| place.wrapping_mul(40_503) >> 4;
    match frame.planes_mut().unwrap() {
        PlanesMut::Eight(planes) => planes.into_iter().for_each(|plane| {
            let samples = plane.samples.iter_mut().enumerate();
            samples.for_each(|(at, to)| *to = u8::try_from(number(at) & 0xff).unwrap());
        }),
        PlanesMut::Sixteen(planes) => planes.into_iter().for_each(|plane| {
            let samples = plane.samples.iter_mut().enumerate();
            samples.for_each(|(at, to)| *to = u16::try_from(number(at) & 0x3ff).unwrap());
        }),
    }
    frame
}

#[test]
fn what_is_decoded_stays_on_the_card_and_its_surface_goes_back_at_once() {
    let name = "device::tests::what_is_decoded_stays_on_the_card_and_its_surface_goes_back_at_once";
    let said = with_card(name, 1 << 14, || {
        let card = CardContext::share("the test's card", HANDLES, Arc::new(())).unwrap();
        for name in ["yuv420p", "yuv420p10le"] {
            let host = stripes(name, 190, 107);
            // Decoders allocate at the coded size, in rows of their own length.
            let surfaces = DevicePool::new(&card, &layout(name), (640, 112), 1).unwrap();
            let pool = DevicePool::new(&card, &layout(name), (190, 107), 2).unwrap();
            let coded = VideoFrame::blank(&layout(name), 640, 112, Pts(3)).unwrap();
            let mut surface = surfaces.upload(&coded).unwrap();
            let staged = pool.paired(pool.whole()).unwrap();
            let mut staging = pool.staging(staged).unwrap();
            packing::gather(&host.planes(), staged, pool.layout.depth, &mut staging);
            staging.put(surface.video(), pool.corner(staged)).unwrap();
            surface.video_mut().set_width(190);
            surface.video_mut().set_height(107);
            let kept = pool.copy_of(surface.video()).unwrap();
            let back = kept.fetched(surface.video()).unwrap();
            drop(surface);
            let back = VideoFrame::adopt(back, &layout(name), Pts(3)).unwrap();
            assert_eq!(back.content_sha(), host.content_sha(), "{name}");
            let sent = kept.for_encoder(&back.into_video()).unwrap();
            assert_eq!((sent.width(), sent.height()), (190, 107));
            assert!(crate::frame::is_cuda(&sent));
            drop(kept);
            assert_eq!((pool.held(), surfaces.held()), (0, 0));
        }
    });
    // Luma and chroma, as wide as the pool's rows of 512 bytes or more, at 1 and at 2 bytes a sample.
    assert!(
        said.is_none_or(|said| said.across >= 2 * 512 * 108 * 3 / 2),
        "it was copied on the card"
    );
}

#[test]
fn a_surface_of_another_shape_is_not_copied() {
    with_card("device::tests::a_surface_of_another_shape_is_not_copied", 1 << 14, || {
        let card = CardContext::share("the test's card", HANDLES, Arc::new(())).unwrap();
        let pool = DevicePool::new(&card, &layout("yuv420p"), (190, 108), 2).unwrap();
        for (name, height) in [("yuv420p", 106), ("yuv420p10le", 108)] {
            let surfaces = DevicePool::new(&card, &layout(name), (190, height), 1).unwrap();
            let surface = surfaces.upload(&stripes(name, 190, height)).unwrap();
            let error = pool.copy_of(surface.video()).unwrap_err();
            assert!(matches!(error, CardError::Shape { .. }), "{error}");
        }
        let host = stripes("yuv420p", 190, 108);
        assert!(pool.copy_of(&host.into_video()).is_err(), "a frame of the host is none of a card");
        assert_eq!(pool.held(), 0);
    });
}
