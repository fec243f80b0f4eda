//! Frames of the card that are filled, over the driver of the kernels' tests with what libav wants beside it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use cleanplate_media::device::DevicePool;
use cleanplate_plate::matte::{Coding, Logo, known};
use cleanplate_plate::mattes::Made;
use cleanplate_types::overlay::{Fill, Mask, Overlay, OverlayOrigin, OverlayPlan};
use cleanplate_types::picture::{PixelLayout, PlaneMut, PlanesMut, Rect};
use cleanplate_types::time::Pts;

use super::*;
use crate::engine::card::share;

/// Tells the process that it is the one in which the body runs.
const INSIDE: &str = "CARD_TEST_INSIDE";

/// Runs `body` in a process that finds the driver as it would find the real one. `name` is the test's own.
/// `launches` is what becomes of kernels, in the driver's words.
fn with_card(name: &str, launches: Option<&str>, body: impl FnOnce()) {
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
        .envs(launches.map(|how| ("LAUNCHES_FOR_TEST", how)))
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

fn restorer(layout: &PixelLayout, size: (u32, u32), fill: Fill, made: Made) -> Restorer {
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
    let mattes = Mattes { overlays: vec![made, Made::Unknown] };
    Restorer::new(layout, &plan, mattes, &coding).unwrap()
}

/// What fills frames of that shape by the two overlays of [`restorer`].
fn hands(restorer: Restorer, kernels: Option<Kernels>) -> Hands {
    Hands { restorer, kernels, compares_next: false }
}

/// A matte that something shines through, with an opaque bar, for an overlay at [`restorer`]'s first place.
fn matte(layout: &PixelLayout, size: (u32, u32)) -> Made {
    let (width, height) = (40, 22);
    let alpha = |x: u32| if x % 10 < 3 { 255 } else { u8::try_from(x % 10 * 20).unwrap() };
    let rgba = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let rgba: Vec<u8> =
        rgba.flat_map(|(x, y)| [200, 220, 90 + u8::try_from(y).unwrap(), alpha(x)]).collect();
    let coding = Coding { layout: layout.clone(), size, matrix: 1, chroma_location: 1 };
    let logo = Logo { width, height, rgba: &rgba };
    Made::Fixed(Box::new(known(&logo, (12, 8), &coding).unwrap()))
}

/// A slope with the overlay of `made` painted over it.
fn shaded(layout: &PixelLayout, (width, height): (u32, u32), made: &Made) -> VideoFrame {
    let mut frame = VideoFrame::blank(&Arc::new(layout.clone()), width, height, Pts(5)).unwrap();
    let Made::Fixed(matte) = made else { panic!("a matte is painted") };
    let up = layout.depth - 8;
    let code = |plane: usize, x: u32, y: u32| {
        let under = (60 + (x * 3 + y * 5 + x * y % 7) / 16 % 120) << up;
        let shift = u32::from(plane > 0);
        let part = &matte.planes[plane];
        let place =
            (x.checked_sub(matte.bounds.x >> shift), y.checked_sub(matte.bounds.y >> shift));
        match place {
            (Some(x), Some(y)) if x < part.width && y < part.height => {
                let at = (y * part.width + x) as usize;
                let (alpha, paint) = (u32::from(part.alpha[at]), u32::from(part.paint[at]));
                (under * (4096 - alpha) / 4096) + paint / 16
            }
            _ => under,
        }
    };
    fn each<S>(planes: Vec<PlaneMut<'_, S>>, sample: impl Fn(usize, u32, u32) -> S) {
        for (number, plane) in planes.into_iter().enumerate() {
            let (stride, width) = (plane.stride, plane.width);
            for (y, row) in (0..plane.height).zip(plane.samples.chunks_mut(stride)) {
                (0..width).zip(row).for_each(|(x, to)| *to = sample(number, x, y));
            }
        }
    }
    match frame.planes_mut().unwrap() {
        PlanesMut::Eight(planes) => each(planes, |p, x, y| u8::try_from(code(p, x, y)).unwrap()),
        PlanesMut::Sixteen(planes) => each(planes, |p, x, y| u16::try_from(code(p, x, y)).unwrap()),
    }
    frame
}

/// One frame filled by the host alone, and once more by `kernels` on the card.
fn both_ways(
    pool: &Arc<DevicePool>,
    picture: &VideoFrame,
    (alone, kernels): (&mut Hands, &mut Hands),
    index: u64,
) -> (Clean, Vec<Left>) {
    let mut host = picture.twin().unwrap();
    let (expected, left) = alone.clean(index, &mut host).unwrap();
    assert!(left.is_empty() && expected.by == By::Host { put_on_card: 0 });
    let mut both = picture.twin().unwrap();
    both.lay_on_card(pool.upload(&both).unwrap());
    let (done, left) = kernels.clean(index, &mut both).unwrap();
    assert_eq!(both.content_sha(), host.content_sha(), "the host has the clean frame");
    assert_eq!((done.outside, done.restored), (expected.outside, expected.restored));
    assert_eq!(done.samples_changed, expected.samples_changed);
    if let Some(there) = both.on_card() {
        let back = there.download(Pts(5)).unwrap();
        assert_eq!(back.content_sha(), host.content_sha(), "so has the card");
    }
    (done, left)
}

#[test]
fn a_frame_of_the_card_that_the_host_fills_is_the_hosts_and_little_of_it_crosses() {
    let name = "engine::restoring::tests::\
                a_frame_of_the_card_that_the_host_fills_is_the_hosts_and_little_of_it_crosses";
    with_card(name, None, || {
        let (card, _) = share(0).unwrap();
        for (depth, size) in [(8, (640, 360)), (10, (333, 187))] {
            let layout = layout(depth);
            let pool = DevicePool::new(&card, &Arc::new(layout.clone()), size, 2).unwrap();
            for fill in [Fill::Pixelate, Fill::Membrane] {
                let mut alone = hands(restorer(&layout, size, fill, Made::Unknown), None);
                let mut other = hands(restorer(&layout, size, fill, Made::Unknown), None);
                let (done, left) =
                    both_ways(&pool, &noise(&layout, size), (&mut alone, &mut other), 3);
                assert!(left.is_empty(), "{left:?}");
                let samples = u64::from(size.0) * u64::from(size.1);
                let By::Host { put_on_card } = done.by else { panic!("{done:?}") };
                assert!((41 * 23 + 33 * 19..samples / 20).contains(&put_on_card), "{done:?}");
                assert!(done.samples_changed > 0);
            }
            assert_eq!(pool.held(), 0);
        }
    });
}

#[test]
fn kernels_fill_a_frame_where_it_lies_as_the_host_does_in_every_way_that_they_know() {
    let name = "engine::restoring::tests::\
                kernels_fill_a_frame_where_it_lies_as_the_host_does_in_every_way_that_they_know";
    with_card(name, None, || {
        let (card, device) = share(0).unwrap();
        for (depth, size) in [(8, (640, 360)), (10, (333, 187))] {
            let layout = layout(depth);
            let pool = DevicePool::new(&card, &Arc::new(layout.clone()), size, 2).unwrap();
            let ways = [
                (Fill::Pixelate, Made::Unknown),
                (Fill::Membrane, Made::Unknown),
                (Fill::Membrane, matte(&layout, size)),
                (Fill::Auto, matte(&layout, size)),
            ];
            for (fill, made) in ways {
                let mut alone = hands(restorer(&layout, size, fill, made.clone()), None);
                let kernels = Kernels::new(&device, &layout, size);
                let restorer = restorer(&layout, size, fill, made.clone());
                let mut by_kernels = hands(restorer, Some(kernels));
                let picture = match &made {
                    Made::Unknown => noise(&layout, size),
                    known @ (Made::Fixed(_) | Made::Moving(_)) => shaded(&layout, size, known),
                };
                for index in [3, 4, 9, 3] {
                    let (done, left) =
                        both_ways(&pool, &picture, (&mut alone, &mut by_kernels), index);
                    assert!(left.is_empty(), "{depth} bits, {fill:?}, {made:?}: {left:?}");
                    assert_eq!(done.by, By::Kernels { compared: true });
                    assert!(done.samples_changed > 0);
                    assert_eq!(done.restored.inverted > 100, fill == Fill::Auto, "{done:?}");
                }
            }
            assert_eq!(pool.held(), 0);
        }
    });
}

#[test]
fn the_first_frames_and_the_first_of_each_overlay_are_compared() {
    let name =
        "engine::restoring::tests::the_first_frames_and_the_first_of_each_overlay_are_compared";
    with_card(name, None, || {
        let (card, device) = share(0).unwrap();
        let (layout, size) = (layout(8), (640, 360));
        let pool = DevicePool::new(&card, &Arc::new(layout.clone()), size, 1).unwrap();
        let mut kernels = Kernels::new(&device, &layout, size);
        let mut restorer = restorer(&layout, size, Fill::Pixelate, Made::Unknown);
        let mut found = Vec::new();
        for (index, shows) in [(3, vec![0, 1]), (4, vec![0, 1]), (5, vec![0]), (6, vec![0, 7])] {
            found.push(kernels.is_new(&shows));
            let mut there = pool.upload(&noise(&layout, size)).unwrap();
            kernels.restore((&mut restorer, index), &mut there, shows).unwrap();
        }
        assert_eq!(found, [true, true, false, true]);
        assert!(!kernels.is_new(&[7, 1]));
    });
}

/// The second frame of a segment over a driver that fails after the first, and what is told of it.
fn after_a_good_frame(name: &str, how: &'static str, words: &'static [&'static str]) {
    with_card(name, Some(how), || {
        let (card, device) = share(0).unwrap();
        let (layout, size) = (layout(8), (640, 360));
        let pool = DevicePool::new(&card, &Arc::new(layout.clone()), size, 2).unwrap();
        let fresh = || restorer(&layout, size, Fill::Pixelate, Made::Unknown);
        let mut alone = hands(fresh(), None);
        let mut by_kernels = hands(fresh(), Some(Kernels::new(&device, &layout, size)));
        let picture = noise(&layout, size);
        let mut at = |index| both_ways(&pool, &picture, (&mut alone, &mut by_kernels), index);
        let (done, left) = at(3);
        assert!(left.is_empty() && done.by == By::Kernels { compared: true }, "{left:?}");
        let (done, left) = at(4);
        let [Left::Kernels(why)] = left.as_slice() else { panic!("{left:?}") };
        assert!(words.iter().all(|word| why.contains(word)), "{why}");
        // The card's frame is spoilt: nobody encodes from it.
        assert_eq!(done.by, By::Host { put_on_card: 0 });
        let (done, left) = at(5);
        assert!(left.is_empty(), "it is told once: {left:?}");
        assert!(matches!(done.by, By::Host { put_on_card: 1.. }), "{done:?}");
        assert_eq!(pool.held(), 0);
    });
}

// Two overlays of three planes in blocks are 12 launches a frame.

#[test]
fn kernels_that_give_other_samples_than_the_host_are_left_with_the_reason() {
    let name = "engine::restoring::tests::\
                kernels_that_give_other_samples_than_the_host_are_left_with_the_reason";
    after_a_good_frame(name, "lose:12", &["frame 4 is not what the host makes of it"]);
}

#[test]
fn kernels_that_change_what_no_overlay_covers_are_left_with_the_reason() {
    let name = "engine::restoring::tests::\
                kernels_that_change_what_no_overlay_covers_are_left_with_the_reason";
    after_a_good_frame(name, "stray:12", &["in frame 4", "what no overlay covers"]);
}

#[test]
fn a_card_that_refuses_a_kernel_is_left_with_the_drivers_words() {
    let name =
        "engine::restoring::tests::a_card_that_refuses_a_kernel_is_left_with_the_drivers_words";
    after_a_good_frame(name, "refuse:12", &["launching a kernel", "CUDA_ERROR_LAUNCH_FAILED"]);
}

#[test]
fn a_card_of_the_wrong_shape_is_left_with_its_reason_and_the_host_has_the_clean_frame() {
    let name = "engine::restoring::tests::\
                a_card_of_the_wrong_shape_is_left_with_its_reason_and_the_host_has_the_clean_frame";
    with_card(name, None, || {
        let (layout, size) = (layout(8), (640, 360));
        let other = Arc::new(layout.clone());
        let (card, device) = share(0).unwrap();
        let pool = DevicePool::new(&card, &other, (320, 180), 1).unwrap();
        let fresh = || restorer(&layout, size, Fill::Pixelate, Made::Unknown);
        for kernels in [None, Some(Kernels::new(&device, &layout, size))] {
            let has_kernels = kernels.is_some();
            let (mut host, mut both) = (noise(&layout, size), noise(&layout, size));
            hands(fresh(), None).clean(3, &mut host).unwrap();
            both.lay_on_card(pool.upload(&noise(&layout, (320, 180))).unwrap());
            let (done, left) = hands(fresh(), kernels).clean(3, &mut both).unwrap();
            match left.as_slice() {
                [Left::Card(why)] if !has_kernels => assert!(why.contains("RTX 4090"), "{why}"),
                [Left::Kernels(why)] if has_kernels => assert!(why.contains("shape"), "{why}"),
                other => panic!("{other:?}"),
            }
            assert_eq!((done.by, both.on_card().is_some()), (By::Host { put_on_card: 0 }, false));
            assert_eq!(both.content_sha(), host.content_sha());
            assert_eq!(pool.held(), 0, "what is not the picture's any more is given back");
        }
    });
}
