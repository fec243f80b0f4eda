//! Frames of the card that are filled, over the driver of the kernels' tests with what libav wants beside it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use cleanplate_media::device::DevicePool;
use cleanplate_plate::matte::Coding;
use cleanplate_types::overlay::{Fill, Mask, Overlay, OverlayOrigin, OverlayPlan};
use cleanplate_types::picture::{PixelLayout, PlanesMut, Rect};
use cleanplate_types::time::Pts;

use super::*;
use crate::engine::card::share;

/// Tells the process that it is the one in which the body runs.
const INSIDE: &str = "CARD_TEST_INSIDE";

/// Runs `body` in a process that finds the driver as it would find the real one. `name` is the test's own.
fn with_card(name: &str, body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some_and(|inside| inside == *name) {
        body();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    build(&folder.path().join("libcuda.so.1"));
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env("LD_LIBRARY_PATH", folder.path())
        .env("CARDS_FOR_TEST", "NVIDIA GeForce RTX 4090:24564")
        .env("DRIVER_SAYS", folder.path().join("said"))
        .env_remove("CUDA_VISIBLE_DEVICES")
        .env(INSIDE, name)
        .output()
        .unwrap();
    let (out, error) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{name}\n{out}{error}");
    let said = std::fs::read_to_string(folder.path().join("said")).unwrap();
    assert!(said.starts_with("memory 0 contexts 0 streams 0"), "all is given back: {said}");
}

fn build(library: &Path) {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let vision = here.join("../common/vision");
    let kernels = std::fs::read_dir(vision.join("kernels")).unwrap();
    let mut kernels: Vec<_> = kernels.map(|entry| entry.unwrap().path()).collect();
    kernels.retain(|path| path.extension().is_some_and(|extension| extension == "cu"));
    kernels.sort();
    let status = Command::new("cc")
        .args(["-std=gnu11", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-I"])
        .arg(vision.join("tests/cuda"))
        .arg("-o")
        .arg(library)
        .arg(here.join("src/engine/restoring/card.c"))
        .args(["-x", "c"])
        .args(kernels)
        .arg("-ldl")
        .status();
    assert!(status.unwrap().success(), "the driver compiles");
}

fn layout(depth: u8) -> PixelLayout {
    let name = if depth == 8 { "yuv420p" } else { "yuv420p10le" }.to_owned();
    let (chroma_shift_x, chroma_shift_y) = (1, 1);
    PixelLayout { name, depth, planes: 3, chroma_shift_x, chroma_shift_y, full_range: false }
}

/// A picture without a pattern, the same every time.
fn noise(layout: &PixelLayout, (width, height): (u32, u32)) -> VideoFrame {
    let mut frame = VideoFrame::blank(&Arc::new(layout.clone()), width, height, Pts(5)).unwrap();
    let mut state = 1_u64;
    let mut next = move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40).to_le_bytes()
    };
    match frame.planes_mut().unwrap() {
        PlanesMut::Eight(planes) => {
            planes.into_iter().for_each(|plane| plane.samples.fill_with(|| next()[0]));
        }
        PlanesMut::Sixteen(planes) => planes.into_iter().for_each(|plane| {
            plane.samples.fill_with(|| {
                let bytes = next();
                u16::from_le_bytes([bytes[0], bytes[1] & 3])
            });
        }),
    }
    frame
}

fn restorer(layout: &PixelLayout, size: (u32, u32), fill: Fill) -> Restorer {
    let of = |x, y, width, height| Overlay {
        origin: OverlayOrigin::Region,
        mask: Mask::full(Rect { x, y, width, height }),
        when: vec![FrameRange::new(0, 100)],
        fill,
        hides: true,
    };
    // Two corners, odd places and odd sizes, one up to the picture's edge.
    let overlays = vec![of(11, 7, 41, 23), of(size.0 - 33, size.1 - 19, 33, 19)];
    let plan = OverlayPlan::new(size.0, size.1, overlays);
    let coding = Coding { layout: layout.clone(), size, matrix: 1, chroma_location: 1 };
    Restorer::new(layout, &plan, Mattes::default(), &coding).unwrap()
}

#[test]
fn a_filled_frame_of_the_card_is_the_hosts_bit_for_bit_and_little_of_it_crosses() {
    let name = "engine::restoring::tests::\
                a_filled_frame_of_the_card_is_the_hosts_bit_for_bit_and_little_of_it_crosses";
    with_card(name, || {
        let card = share(0).unwrap();
        for (depth, size) in [(8, (640, 360)), (10, (333, 187))] {
            let layout = layout(depth);
            let pool = DevicePool::new(&card, &Arc::new(layout.clone()), size, 2).unwrap();
            for fill in [Fill::Pixelate, Fill::Membrane] {
                let mut restorer = restorer(&layout, size, fill);
                let mut host = noise(&layout, size);
                let (alone, _) = clean(&mut restorer, 3, &mut host).unwrap();
                let mut both = noise(&layout, size);
                let there = pool.upload(&both).unwrap();
                both.lay_on_card(there);
                let (done, left) = clean(&mut restorer, 3, &mut both).unwrap();
                assert!(left.is_none(), "{left:?}");
                assert_eq!(both.content_sha(), host.content_sha());
                assert_eq!((done.outside, done.restored), (alone.outside, alone.restored));
                let samples = u64::from(size.0) * u64::from(size.1);
                assert!((41 * 23 + 33 * 19..samples / 20).contains(&done.put_on_card), "{done:?}");
                assert_eq!(alone.put_on_card, 0);
                let back = both.on_card().unwrap().download(Pts(5)).unwrap();
                assert_eq!(back.content_sha(), host.content_sha(), "{depth} bits, {fill:?}");
                assert!(done.samples_changed > 0);
            }
            assert_eq!(pool.held(), 0);
        }
    });
}

#[test]
fn a_card_of_the_wrong_shape_is_left_with_its_reason_and_the_host_has_the_clean_frame() {
    let name = "engine::restoring::tests::\
                a_card_of_the_wrong_shape_is_left_with_its_reason_and_the_host_has_the_clean_frame";
    with_card(name, || {
        let (layout, size) = (layout(8), (640, 360));
        let other = Arc::new(layout.clone());
        let pool = DevicePool::new(&share(0).unwrap(), &other, (320, 180), 1).unwrap();
        let mut restorer = restorer(&layout, size, Fill::Pixelate);
        let (mut host, mut both) = (noise(&layout, size), noise(&layout, size));
        clean(&mut restorer, 3, &mut host).unwrap();
        both.lay_on_card(pool.upload(&noise(&layout, (320, 180))).unwrap());
        let (done, left) = clean(&mut restorer, 3, &mut both).unwrap();
        assert!(left.unwrap().to_string().contains("RTX 4090"));
        assert_eq!((done.put_on_card, both.on_card().is_some()), (0, false));
        assert_eq!(both.content_sha(), host.content_sha());
        assert_eq!(pool.held(), 0, "what is not the picture's any more is given back");
    });
}
