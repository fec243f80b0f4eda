//! Restoring on pictures whose truth is known.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "test pictures are small, and their samples are cut to their range first"
)]

use cleanplate_types::overlay::{Mask, Overlay, OverlayOrigin};
use cleanplate_types::picture::Rect;
use proptest::prelude::*;

use super::*;
use crate::fetch::{Painter, Survey};
use crate::matte::{Logo, PAINT_ONE, known};
use crate::mattes::{Moving, PLACE_ONE, Place, SCALE_ONE};

mod steps;
mod tracks;
mod unserved;

const FRAMES: u64 = 24;
const LOGO: (u32, u32) = (44, 24);

/// Planes of 16-bit words, whatever the depth.
type Frame = Vec<Vec<u16>>;

/// What the pictures are, and what is to be seen on them.
struct Scene {
    layout: PixelLayout,
    size: (u32, u32),
}

impl Scene {
    fn new(depth: u8, shifts: (u8, u8), size: (u32, u32)) -> Self {
        let (chroma_shift_x, chroma_shift_y) = shifts;
        let name = String::from("test");
        let layout = PixelLayout {
            name,
            depth,
            planes: 3,
            chroma_shift_x,
            chroma_shift_y,
            full_range: false,
        };
        Self { layout, size }
    }

    fn coding(&self) -> Coding {
        let layout = self.layout.clone();
        Coding { layout, size: self.size, matrix: 6, chroma_location: 1 }
    }

    /// A world that a camera passes over, at a frame.
    fn clean(&self, index: u64) -> Frame {
        let plane = |plane: u8| {
            let (width, height) = self.layout.plane_size(plane, self.size.0, self.size.1);
            let (right, down) = crate::piece::shifts(&self.layout, plane);
            let at = index as u32;
            let level = |x: u32, y: u32| {
                let (x, y) = ((x << right) + 60 + 3 * at, (y << down) + 60 + at);
                let seed = u32::from(plane);
                let level = (smooth(seed, 30, x, y) * 4 + smooth(seed + 3, 9, x, y) * 2) / 10 + 40;
                (level as u16) << (self.layout.depth - 8)
            };
            (0..height)
                .flat_map(|y| (0..width).map(move |x| (x, y)))
                .map(|(x, y)| level(x, y))
                .collect()
        };
        (0..3).map(plane).collect()
    }

    /// A logo with an opaque disc and bars that shine through, at a place.
    fn matte(&self, at: (i32, i32)) -> Matte {
        let rgba = logo();
        known(&Logo { width: LOGO.0, height: LOGO.1, rgba: &rgba }, at, &self.coding()).unwrap()
    }

    fn painted(&self, frame: &Frame, matte: &Matte) -> Frame {
        let mut painted = frame.clone();
        for (number, part) in (0_u8..).zip(&matte.planes) {
            let rect = matte.plane_rect(number);
            let (width, _) = self.layout.plane_size(number, self.size.0, self.size.1);
            for at in 0..part.alpha.len() {
                let (x, y) = (at as u32 % rect.width, at as u32 / rect.width);
                let place = ((y + rect.y) * width + x + rect.x) as usize;
                let alpha = f64::from(part.alpha[at]) / f64::from(crate::matte::ALPHA_ONE);
                let paint = f64::from(part.paint[at]) / f64::from(PAINT_ONE);
                let seen = &mut painted[usize::from(number)][place];
                *seen = (f64::from(*seen) * (1.0 - alpha) + paint).round() as u16;
            }
        }
        painted
    }

    /// Restores a frame in place; bytes where it has 8 bits.
    fn restore(&self, restorer: &mut Restorer, index: u64, frame: &mut Frame) -> Restored {
        fn views<'a, S>(scene: &Scene, frame: &'a mut [Vec<S>]) -> Vec<PlaneMut<'a, S>> {
            let planes = (0_u8..).zip(frame);
            let view = |(plane, samples): (u8, &'a mut Vec<S>)| {
                let (width, height) = scene.layout.plane_size(plane, scene.size.0, scene.size.1);
                PlaneMut { samples, stride: width as usize, width, height }
            };
            planes.map(view).collect()
        }
        if self.layout.depth > 8 {
            return restorer.apply(index, PlanesMut::Sixteen(views(self, frame))).unwrap();
        }
        let narrow = |plane: &Vec<u16>| plane.iter().map(|sample| *sample as u8).collect();
        let mut bytes: Vec<Vec<u8>> = frame.iter().map(narrow).collect();
        let restored = restorer.apply(index, PlanesMut::Eight(views(self, &mut bytes))).unwrap();
        for (plane, bytes) in frame.iter_mut().zip(bytes) {
            *plane = bytes.into_iter().map(u16::from).collect();
        }
        restored
    }

    fn restorer(&self, overlay: Overlay, made: Made) -> Restorer {
        let plan = OverlayPlan::new(self.size.0, self.size.1, vec![overlay]);
        let mattes = Mattes { overlays: vec![made] };
        Restorer::new(&self.layout, &plan, mattes, &self.coding()).unwrap()
    }

    /// Mean absolute error in 8-bit codes over the luma samples of a rectangle.
    fn error(&self, frame: &Frame, truth: &Frame, rect: Rect) -> f64 {
        let mut sum = 0.0;
        for (x, y) in places(rect) {
            let at = (y * self.size.0 + x) as usize;
            sum += f64::from(frame[0][at].abs_diff(truth[0][at]));
        }
        let code = f64::from(1_u16 << (self.layout.depth - 8));
        sum / code / f64::from(rect.width * rect.height)
    }
}

fn places(rect: Rect) -> impl Iterator<Item = (u32, u32)> {
    (rect.y..rect.bottom()).flat_map(move |y| (rect.x..rect.right()).map(move |x| (x, y)))
}

fn hash(seed: u32, x: u32, y: u32) -> u32 {
    let mut bits = seed.wrapping_mul(0x9e37_79b9) ^ x.wrapping_mul(0x85eb_ca6b) ^ y.rotate_left(16);
    bits = (bits ^ (bits >> 15)).wrapping_mul(0x2c1b_3c6d);
    bits = (bits ^ (bits >> 12)).wrapping_mul(0x297a_2d39);
    bits ^ (bits >> 15)
}

/// Smooth noise with cells of `size`, from 0 to 255.
fn smooth(seed: u32, size: u32, x: u32, y: u32) -> u32 {
    let (left, top, right, below) = (x / size, y / size, x % size, y % size);
    let corner = |x: u32, y: u32| hash(seed, left + x, top + y) % 256;
    let upper = corner(0, 0) * (size - right) + corner(1, 0) * right;
    let lower = corner(0, 1) * (size - right) + corner(1, 1) * right;
    (upper * (size - below) + lower * below) / (size * size)
}

/// Left an opaque disc, right bars of alpha 0.5.
fn logo() -> Vec<u8> {
    let mut rgba = Vec::new();
    for (x, y) in places(Rect { x: 0, y: 0, width: LOGO.0, height: LOGO.1 }) {
        let is_disc = (x as i32 - 11).pow(2) + (y as i32 - 12).pow(2) < 64;
        let is_bar = (24..42).contains(&x) && y % 8 >= 3 && y < 22;
        rgba.extend([255, 220, 40, if is_disc { 255 } else { 128 * u8::from(is_bar) }]);
    }
    rgba
}

fn overlay(origin: OverlayOrigin, mask: Mask, fill: Fill) -> Overlay {
    Overlay { origin, mask, when: vec![FrameRange::new(0, FRAMES)], fill, hides: true }
}

/// The mask of a logo there, with room for what is smeared.
fn around((x, y): (i32, i32)) -> Mask {
    let (x, y) = (x as u32 - 3, y as u32 - 3);
    Mask::full(Rect { x, y, width: LOGO.0 + 6, height: LOGO.1 + 6 })
}

const AT: (i32, i32) = (60, 30);
const DISC: Rect = Rect { x: 66, y: 37, width: 11, height: 11 };
const BARS: Rect = Rect { x: 84, y: 33, width: 18, height: 19 };

#[test]
fn what_shines_through_is_solved_for_and_the_rest_is_made_up() {
    let scene = Scene::new(8, (1, 1), (160, 90));
    let matte = scene.matte(AT);
    let made = Made::Fixed(Box::new(matte.clone()));
    let mut restorer = scene.restorer(overlay(OverlayOrigin::Logo, around(AT), Fill::Auto), made);
    let truth = scene.clean(3);
    let mut frame = scene.painted(&truth, &matte);
    let restored = scene.restore(&mut restorer, 3, &mut frame);
    assert!(restored.shown && restored.fetched == 0 && restored.pixelated == 0);
    assert!(restored.inverted > 150 && restored.synthesised > 190, "{restored:?}");
    assert!(restored.synthesised < 420, "the hole is that of the disc: {restored:?}");
    let error = scene.error(&frame, &truth, BARS);
    assert!(error < 1.5, "the bars are off by {error} codes");
    let error = scene.error(&frame, &truth, DISC);
    assert!(error < 16.0, "the disc is off by {error} codes");
    let map = &restorer.origins()[0];
    assert_eq!(map.at(71, 42), Origin::Synthesised);
    assert_eq!(map.at(90, 36), Origin::Inverted);
    assert_eq!(map.at(80, 31), Origin::Untouched);
    assert_eq!(map.at(5, 5), Origin::Untouched);
}

#[test]
fn a_frame_without_the_overlay_is_left_alone_unless_the_place_was_drawn_by_hand() {
    let scene = Scene::new(8, (1, 1), (160, 90));
    for fill in [Fill::Auto, Fill::Membrane] {
        for (origin, is_left) in [
            (OverlayOrigin::Static, true),
            (OverlayOrigin::Logo, true),
            (OverlayOrigin::Region, false),
        ] {
            let made = Made::Fixed(Box::new(scene.matte(AT)));
            let mut restorer = scene.restorer(overlay(origin, around(AT), fill), made);
            let truth = scene.clean(5);
            let mut frame = truth.clone();
            let restored = scene.restore(&mut restorer, 5, &mut frame);
            assert_eq!(restored.shown, !is_left, "{origin:?} {fill:?}");
            assert_eq!(frame == truth, is_left, "{origin:?} {fill:?}");
            let covered = if is_left { 0 } else { around(AT).count() };
            assert_eq!(restored.synthesised, covered);
            let mut shown = scene.painted(&truth, &scene.matte(AT));
            assert!(scene.restore(&mut restorer, 6, &mut shown).shown, "it is there in this one");
        }
    }
}

#[test]
fn a_matte_makes_the_hole_no_larger_than_what_it_covers() {
    let scene = Scene::new(8, (1, 1), (160, 90));
    let matte = scene.matte(AT);
    let plain = overlay(OverlayOrigin::Static, around(AT), Fill::Membrane);
    let mut known = scene.restorer(plain.clone(), Made::Fixed(Box::new(matte.clone())));
    let mut unknown = scene.restorer(plain, Made::Unknown);
    let truth = scene.clean(2);
    let (mut tight, mut whole) = (scene.painted(&truth, &matte), scene.painted(&truth, &matte));
    let tight_report = scene.restore(&mut known, 2, &mut tight);
    let whole_report = scene.restore(&mut unknown, 2, &mut whole);
    assert_eq!(whole_report.synthesised, around(AT).count());
    assert!(tight_report.synthesised * 10 < whole_report.synthesised * 9, "{tight_report:?}");
    assert!(scene.error(&tight, &truth, BARS) < scene.error(&whole, &truth, BARS));
}

#[test]
fn a_logo_on_its_way_is_taken_off_where_it_is_and_nowhere_else() {
    let scene = Scene::new(8, (1, 1), (160, 90));
    let place = |index: u64| {
        let on = index as i32;
        Place { x: (20 + 2 * on) * PLACE_ONE, y: (8 + on) * PLACE_ONE, scale: SCALE_ONE }
    };
    let path = (0..FRAMES).map(|index| (index != 7).then(|| place(index))).collect();
    let moving = Moving { width: LOGO.0, height: LOGO.1, rgba: logo(), path };
    let whole = Mask::full(Rect { x: 0, y: 0, width: 160, height: 90 });
    let mut restorer = scene
        .restorer(overlay(OverlayOrigin::Logo, whole, Fill::Auto), Made::Moving(Box::new(moving)));
    assert!(restorer.touches(6) && !restorer.touches(7) && !restorer.touches(FRAMES));
    for index in [0, 6, 8, 20] {
        let (x, y) = (20 + 2 * index as i32, 8 + index as i32);
        let matte = scene.matte((x, y));
        let truth = scene.clean(index);
        let painted = scene.painted(&truth, &matte);
        let mut frame = painted.clone();
        let restored = scene.restore(&mut restorer, index, &mut frame);
        assert!(restored.shown && restored.inverted > 100, "frame {index}: {restored:?}");
        let bars = Rect { x: x as u32 + 24, y: y as u32 + 3, ..BARS };
        let error = scene.error(&frame, &truth, bars);
        assert!(error < 1.5, "frame {index}: the bars are off by {error} codes");
        let near = Rect { x: x as u32 - 3, y: y as u32 - 3, width: 50, height: 30 };
        for (x, y) in places(Rect { x: 0, y: 0, width: 160, height: 90 }) {
            let is_near =
                (near.x..near.right()).contains(&x) && (near.y..near.bottom()).contains(&y);
            let at = (y * 160 + x) as usize;
            assert!(is_near || frame[0][at] == painted[0][at], "frame {index}: {x},{y} changed");
        }
    }
    let truth = scene.clean(7);
    let mut frame = truth.clone();
    assert_eq!(scene.restore(&mut restorer, 7, &mut frame), Restored::default());
    assert_eq!(frame, truth);
}

#[test]
fn blocks_hide_what_is_there_whatever_is_known_of_it() {
    let scene = Scene::new(10, (1, 0), (161, 91));
    let overlay = overlay(OverlayOrigin::Static, around(AT), Fill::Pixelate);
    let mut restorer = scene.restorer(overlay, Made::Fixed(Box::new(scene.matte(AT))));
    let truth = scene.clean(0);
    let mut frame = truth.clone();
    let restored = scene.restore(&mut restorer, 0, &mut frame);
    assert_eq!(restored.pixelated, around(AT).count());
    assert!(restored.shown && frame != truth);
    assert!(restorer.origins()[0].origins.iter().all(|origin| *origin == Origin::Pixelated));
}

#[test]
fn samples_that_two_overlays_cover_are_counted_once() {
    let scene = Scene::new(8, (1, 1), (160, 90));
    let mask = |x| Mask::full(Rect { x, y: 20, width: 30, height: 20 });
    let overlays = vec![
        overlay(OverlayOrigin::Region, mask(20), Fill::Membrane),
        overlay(OverlayOrigin::Region, mask(40), Fill::Pixelate),
        overlay(OverlayOrigin::Region, mask(60), Fill::Membrane),
    ];
    let plan = OverlayPlan::new(160, 90, overlays);
    let mut restorer =
        Restorer::new(&scene.layout, &plan, Mattes::default(), &scene.coding()).unwrap();
    let restored = scene.restore(&mut restorer, 0, &mut scene.clean(0));
    assert_eq!(restored.synthesised + restored.pixelated, 70 * 20);
    assert!(restored.pixelated >= 20 * 20);
}

/// A plan with everything in it, and what was painted for its fetching overlay.
fn everything(scene: &Scene, frames: &[Frame]) -> (OverlayPlan, Mattes, Vec<Background>) {
    let path = (0..FRAMES)
        .map(|index| (index as i32, 18 + index as i32))
        .map(|(x, y)| Some(Place { x: (x + 4) * 12, y: y * 16 + 5, scale: SCALE_ONE - 100 }));
    let moving = Moving { width: LOGO.0, height: LOGO.1, rgba: logo(), path: path.collect() };
    let box_of = |x, y, width, height| Mask::full(Rect { x, y, width, height });
    let overlays = vec![
        overlay(OverlayOrigin::Static, around(AT), Fill::Auto),
        overlay(OverlayOrigin::Logo, box_of(0, 14, 64, 54), Fill::Invert),
        overlay(OverlayOrigin::Region, box_of(110, 60, 30, 18), Fill::Fetch),
        overlay(OverlayOrigin::Mask, box_of(140, 5, 15, 20), Fill::Pixelate),
    ];
    let mut plan = OverlayPlan::new(scene.size.0, scene.size.1, overlays);
    let mattes = Mattes {
        overlays: vec![
            Made::Fixed(Box::new(scene.matte(AT))),
            Made::Moving(Box::new(moving)),
            Made::Unknown,
            Made::Unknown,
        ],
    };
    let mut survey = Survey::new(&scene.layout, &plan, FrameRange::new(0, FRAMES));
    for (index, frame) in (0..).zip(frames) {
        scene.look(frame, |planes| survey.add(index, planes)).unwrap();
    }
    let mut painter = Painter::new(&scene.layout, &plan, &survey.finish(|| ()));
    for (index, frame) in (0..).zip(frames) {
        scene.look(frame, |planes| painter.add(index, planes)).unwrap();
    }
    let object = cleanplate_types::object::ObjectRef {
        key: String::from("test"),
        bytes: 0,
        sha: cleanplate_types::digest::Sha([0; 32]),
    };
    plan.backgrounds =
        vec![cleanplate_types::overlay::Backgrounds { frames: FrameRange::new(0, FRAMES), object }];
    (plan, mattes, painter.finish(|| ()))
}

#[test]
fn how_a_job_is_cut_does_not_show() {
    let scene = Scene::new(10, (1, 1), (161, 91));
    let frames: Vec<Frame> =
        (0..FRAMES).map(|index| scene.painted(&scene.clean(index), &scene.matte(AT))).collect();
    let (plan, mattes, backgrounds) = everything(&scene, &frames);
    let restorer = || {
        let mut restorer =
            Restorer::new(&scene.layout, &plan, mattes.clone(), &scene.coding()).unwrap();
        assert_eq!(restorer.needs(3), Some(0));
        restorer.lay_under(FrameRange::new(0, FRAMES), backgrounds.clone()).unwrap();
        assert_eq!((restorer.needs(3), restorer.needs(FRAMES)), (None, None));
        restorer
    };
    let apply = |restorer: &mut Restorer, index: u64| {
        let mut frame = frames[index as usize].clone();
        let restored = scene.restore(restorer, index, &mut frame);
        (restored, frame, restorer.origins().to_vec())
    };
    let mut whole = restorer();
    let inorder: Vec<_> = (0..FRAMES).map(|index| apply(&mut whole, index)).collect();
    assert!(inorder.iter().any(|(restored, ..)| restored.fetched > 0));
    assert!(inorder.iter().all(|(restored, ..)| restored.pixelated == 15 * 20));
    let mut other = restorer();
    for step in 0..FRAMES {
        let index = (step * 7 + 5) % FRAMES;
        assert!(apply(&mut other, index) == inorder[index as usize], "frame {index}, other order");
    }
    for index in [0, 11, 23] {
        assert!(apply(&mut restorer(), index) == inorder[index as usize], "frame {index}, alone");
    }
}

#[test]
fn frames_outside_the_window_fetch_nothing() {
    let scene = Scene::new(8, (1, 1), (160, 90));
    let frames: Vec<Frame> =
        (0..FRAMES).map(|index| scene.painted(&scene.clean(index), &scene.matte(AT))).collect();
    let (plan, mattes, backgrounds) = everything(&scene, &frames);
    let mut restorer = Restorer::new(&scene.layout, &plan, mattes, &scene.coding()).unwrap();
    restorer.lay_under(FrameRange::new(0, 12), backgrounds.clone()).unwrap();
    assert!(scene.restore(&mut restorer, 11, &mut frames[11].clone()).fetched > 0);
    assert_eq!(scene.restore(&mut restorer, 12, &mut frames[12].clone()).fetched, 0);
    let mut damaged = backgrounds;
    damaged[0].doubt.pop();
    let result = restorer.lay_under(FrameRange::new(0, FRAMES), damaged);
    assert!(matches!(result, Err(RestoreError::Background { .. })));
    assert_eq!(scene.restore(&mut restorer, 11, &mut frames[11].clone()).fetched, 0);
}

#[test]
fn what_does_not_fit_is_refused() {
    let scene = Scene::new(8, (1, 1), (160, 90));
    let plan =
        OverlayPlan::new(160, 90, vec![overlay(OverlayOrigin::Logo, around(AT), Fill::Auto)]);
    let new = |mattes: Vec<Made>| {
        Restorer::new(&scene.layout, &plan, Mattes { overlays: mattes }, &scene.coding())
            .map(|_| ())
    };
    let two = new(vec![Made::Unknown, Made::Unknown]);
    assert_eq!(two, Err(RestoreError::OtherMattes { overlays: 1, mattes: 2 }));
    let ten = Scene::new(10, (1, 1), (160, 90)).matte(AT);
    assert_eq!(new(vec![Made::Fixed(Box::new(ten))]), Err(RestoreError::OtherLayout(0)));
    let wide = Scene::new(8, (1, 1), (320, 90)).matte((200, 30));
    assert_eq!(new(vec![Made::Fixed(Box::new(wide))]), Err(RestoreError::OtherLayout(0)));
    let moving = Moving { width: 2, height: 2, rgba: vec![0; 15], path: Vec::new() };
    let found = new(vec![Made::Moving(Box::new(moving))]);
    assert!(matches!(found, Err(RestoreError::Logo(KnownError::OtherSize { .. }))));
    let mut restorer =
        Restorer::new(&scene.layout, &plan, Mattes::default(), &scene.coding()).unwrap();
    let none = restorer.apply(0, PlanesMut::Eight(Vec::new()));
    assert!(matches!(none, Err(RestoreError::Frame(FillError::OtherPlanes { .. }))));
}

impl Scene {
    fn look<T>(
        &self,
        frame: &Frame,
        look: impl FnOnce(&cleanplate_types::picture::PlanesRef<'_>) -> T,
    ) -> T {
        use cleanplate_types::picture::{PlaneRef, PlanesRef};
        let size = |plane: u8| self.layout.plane_size(plane, self.size.0, self.size.1);
        let bytes: Vec<Vec<u8>> =
            frame.iter().map(|plane| plane.iter().map(|sample| *sample as u8).collect()).collect();
        if self.layout.depth == 8 {
            let views = (0_u8..).zip(&bytes).map(|(plane, samples)| {
                let (width, height) = size(plane);
                PlaneRef { samples: &samples[..], stride: width as usize, width, height }
            });
            return look(&PlanesRef::Eight(views.collect()));
        }
        let views = (0_u8..).zip(frame).map(|(plane, samples)| {
            let (width, height) = size(plane);
            PlaneRef { samples: &samples[..], stride: width as usize, width, height }
        });
        look(&PlanesRef::Sixteen(views.collect()))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn outside_the_masks_nothing_changes_and_all_that_was_covered_is_named(
        depth in prop::sample::select(vec![8_u8, 10, 12]),
        shifts in prop::sample::select(vec![(0_u8, 0_u8), (1, 0), (1, 1)]),
        (width, height) in (131_u32..150, 80_u32..96),
        at in (4_i32..70, 4_i32..40),
        fill in prop::sample::select(vec![Fill::Auto, Fill::Invert, Fill::Fetch, Fill::Membrane, Fill::Pixelate]),
        origin in prop::sample::select(vec![OverlayOrigin::Static, OverlayOrigin::Region]),
        (make, cut) in (0_u8..3, 0_u32..9),
        index in 0_u64..FRAMES,
    ) {
        let scene = Scene::new(depth, shifts, (width, height));
        let matte = scene.matte(at);
        // A mask that is smaller than the overlay bounds all the same what changes.
        let mut mask = around(at);
        mask = Mask::full(Rect { width: mask.bounds.width - 3 * cut, ..mask.bounds });
        let mut allowed: Vec<Piece> =
            (0..3).map(|plane| Piece::of(&scene.layout, scene.size, plane, &mask)).collect();
        let made = match make {
            0 => Made::Unknown,
            1 => Made::Fixed(Box::new(matte.clone())),
            _ => {
                let place = Place { x: at.0 * PLACE_ONE, y: at.1 * PLACE_ONE, scale: SCALE_ONE };
                let path = vec![Some(place); FRAMES as usize];
                let (width, height) = LOGO;
                if fill != Fill::Pixelate {
                    allowed = solver::Solver::reach(&matte, &scene.coding());
                }
                Made::Moving(Box::new(Moving { width, height, rgba: logo(), path }))
            }
        };
        let mut restorer = scene.restorer(overlay(origin, mask.clone(), fill), made);
        let before = scene.painted(&scene.clean(index), &matte);
        let mut after = before.clone();
        let restored = scene.restore(&mut restorer, index, &mut after);
        prop_assert!(restored.shown);
        let mut changed = 0;
        for (plane, (after, before)) in after.iter().zip(&before).enumerate() {
            let (columns, _) = scene.layout.plane_size(plane as u8, width, height);
            for (place, _) in after.iter().zip(before).enumerate().filter(|(_, (a, b))| a != b) {
                let (x, y) = (place % columns as usize, place / columns as usize);
                prop_assert!(allowed[plane].has(x, y), "plane {} {},{} changed", plane, x, y);
                changed += 1;
            }
        }
        prop_assert_eq!(changed, restored.samples_changed);
        let named = restored.inverted + restored.fetched + restored.synthesised + restored.pixelated;
        prop_assert!(named > 0 && named <= mask.count().max(1500));
        if make == 0 || fill == Fill::Pixelate {
            prop_assert_eq!(named, mask.count());
        }
        let map = &restorer.origins()[0];
        for (x, y) in places(Rect { x: 0, y: 0, width, height }) {
            let place = (y * width + x) as usize;
            if after[0][place] != before[0][place] {
                prop_assert!(map.at(x, y) != Origin::Untouched);
            }
        }
    }
}
