//! What must hold of `find`.

use cleanplate_types::frames::FrameRange;
use cleanplate_types::overlay::{Finding, OverlayPlan};
use cleanplate_types::picture::{PixelLayout, PlaneRef, PlanesRef, Rect};
use proptest::prelude::*;

use super::{Evidence, Params, SamplePlan, Window, WindowError, reduce};

mod kinds;

const WIDTH: u32 = 320;
const HEIGHT: u32 = 180;
const FRAMES: u64 = 240;
const WINDOW: u64 = 40;
/// Where the mark is pasted.
const MARK: Rect = Rect { x: 236, y: 18, width: 60, height: 28 };

fn layout(depth: u8) -> PixelLayout {
    PixelLayout {
        name: String::from("gray"),
        depth,
        planes: 1,
        chroma_shift_x: 0,
        chroma_shift_y: 0,
        full_range: false,
    }
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

/// A world of large and small shapes.
fn world(seed: u32, x: u32, y: u32) -> u32 {
    let large = smooth(seed, 40, x, y) * 4;
    let middle = smooth(seed + 1, 14, x, y) * 3;
    (large + middle + smooth(seed + 2, 4, x, y)) * 3 / 32 + 50
}

type Level<'a> = &'a dyn Fn(u64, u32, u32) -> u32;

/// A camera that moves on over the world.
fn panning(index: u64, x: u32, y: u32) -> u32 {
    let step = u32::try_from(index).unwrap();
    world(7, x + step * 9, y + 2000 - step * 5)
}

/// Level and opacity (of 256) of the mark: a plate with two bars on it.
fn mark(x: u32, y: u32) -> Option<u32> {
    let (x, y) = (x.checked_sub(MARK.x)?, y.checked_sub(MARK.y)?);
    (x < MARK.width && y < MARK.height).then(|| {
        let is_bar = (8..52).contains(&x) && (y / 7) % 2 == 1;
        if is_bar { 225 } else { 90 }
    })
}

/// The mark over a picture.
fn marked(background: Level<'_>, opacity: u32, index: u64, x: u32, y: u32) -> u32 {
    let behind = background(index, x, y);
    mark(x, y).map_or(behind, |level| (level * opacity + behind * (256 - opacity)) / 256)
}

fn window(frames: FrameRange, level: Level<'_>) -> Evidence {
    let mut window = Window::new(&layout(8), WIDTH, HEIGHT, frames);
    for index in SamplePlan::new(FRAMES).samples(frames, &[]) {
        let places = (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (x, y)));
        let samples: Vec<u8> =
            places.map(|(x, y)| u8::try_from(level(index, x, y)).unwrap()).collect();
        let plane =
            PlaneRef { samples: &samples, stride: WIDTH as usize, width: WIDTH, height: HEIGHT };
        window.add(index, PlanesRef::Eight(vec![plane])).unwrap();
    }
    window.finish()
}

fn windows(level: Level<'_>) -> Vec<Evidence> {
    (0..FRAMES / WINDOW)
        .map(|at| window(FrameRange::new(at * WINDOW, (at + 1) * WINDOW), level))
        .collect()
}

fn find(level: Level<'_>) -> Finding {
    reduce(&windows(level), FRAMES, &Params::default())
}

#[track_caller]
fn overlays(finding: Finding) -> OverlayPlan {
    match finding {
        Finding::Overlays { plan, .. } => plan,
        Finding::Nothing => panic!("nothing was found"),
        Finding::Learned { .. } => panic!("nothing is learned by finding"),
        Finding::Abstained { why } => panic!("abstained: {why}"),
    }
}

/// Asserts that one overlay was found: all of the mark, and little around it.
#[track_caller]
fn assert_is_mark(plan: &OverlayPlan) {
    assert_eq!(plan.overlays.len(), 1, "one overlay: {plan:?}");
    let mask = &plan.overlays[0].mask;
    for (x, y) in (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (x, y))) {
        let is_covered = x >= mask.bounds.x
            && y >= mask.bounds.y
            && mask.covers(x - mask.bounds.x, y - mask.bounds.y);
        assert!(is_covered || mark(x, y).is_none(), "{x},{y} is left");
        let is_near =
            (x + 9 >= MARK.x && x < MARK.right() + 9) && (y + 9 >= MARK.y && y < MARK.bottom() + 9);
        assert!(!is_covered || is_near, "{x},{y} is taken");
    }
}

/// Asserts that no shown frame is missed, and that half a second (12 frames) more is said at most.
#[track_caller]
fn assert_is_when(when: &[FrameRange], shown: &[(u64, u64)]) {
    let inside = |ranges: &[FrameRange], frame| ranges.iter().any(|one| one.contains(frame));
    let truth: Vec<_> = shown.iter().map(|(start, end)| FrameRange::new(*start, *end)).collect();
    let near: Vec<_> = truth
        .iter()
        .map(|one| FrameRange::new(one.start.saturating_sub(12), one.end + 12))
        .collect();
    for frame in 0..FRAMES {
        assert!(inside(when, frame) || !inside(&truth, frame), "{frame} is missed: {when:?}");
        assert!(!inside(when, frame) || inside(&near, frame), "{frame} is too much: {when:?}");
    }
}

#[test]
fn a_mark_on_a_moving_picture_is_found_whole() {
    for opacity in [256, 150, 115] {
        let plan = overlays(find(&|index, x, y| marked(&panning, opacity, index, x, y)));
        assert_is_mark(&plan);
        assert_eq!(plan.overlays[0].when, [FrameRange::new(0, FRAMES)], "opacity {opacity}");
    }
}

#[test]
fn a_moving_picture_without_a_mark_has_nothing() {
    assert_eq!(find(&panning), Finding::Nothing);
}

#[test]
fn a_still_picture_gives_no_evidence() {
    let still: Level<'_> = &|_, x, y| world(3, x, y);
    assert!(matches!(find(still), Finding::Abstained { .. }));
    let with_mark = find(&|index, x, y| marked(still, 256, index, x, y));
    assert!(matches!(with_mark, Finding::Abstained { .. }));
    let grainy = find(&|index, x, y| {
        let frame = u32::try_from(index).unwrap();
        marked(still, 256, index, x, y) + hash(frame, x, y) % 7
    });
    assert!(matches!(grainy, Finding::Abstained { .. }));
}

#[test]
fn what_passes_before_a_still_picture_makes_no_overlay_of_it() {
    let finding = find(&|index, x, y| {
        let at = u32::try_from(index * 11).unwrap() % 400;
        let is_passing = x + 40 > at && x < at + 40 && y > 40;
        if is_passing { world(9, x + 400 - at, y) } else { world(3, x, y) }
    });
    assert!(matches!(finding, Finding::Abstained { .. }), "{finding:?}");
}

#[test]
fn two_still_scenes_that_alternate_are_no_overlay() {
    let alternating: Level<'_> =
        &|index, x, y| world(if index / 12 % 2 == 0 { 20 } else { 30 }, x, y);
    let finding = find(alternating);
    assert!(!matches!(finding, Finding::Overlays { .. }), "{finding:?}");
    // However often the video returns to them, they are two.
    let evidence = window(FrameRange::new(0, FRAMES), alternating);
    assert_eq!(evidence.blocks.iter().map(|block| block.turns).max(), Some(2));
}

#[test]
fn a_fade_to_black_and_back_is_no_change_of_scene() {
    let finding = find(&|index, x, y| {
        let light = u32::try_from(index % 40).unwrap();
        16 + world(3, x, y).saturating_sub(16) * light.min(40 - light) / 20
    });
    assert!(matches!(finding, Finding::Abstained { .. }), "{finding:?}");
}

#[test]
fn where_much_of_the_picture_stays_little_or_nothing_is_believed() {
    let found = |still_rows: u32, last: u64| {
        find(&|index, x, y| {
            let half: Level<'_> =
                &|index, x, y| panning(if y < HEIGHT - still_rows { index } else { 0 }, x, y);
            marked(half, if index < last { 256 } else { 0 }, index, x, y)
        })
    };
    assert_is_mark(&overlays(found(HEIGHT / 6, FRAMES)));
    let for_a_time = found(HEIGHT / 6, FRAMES / 2);
    assert!(matches!(for_a_time, Finding::Abstained { .. }), "five sixths: {for_a_time:?}");
    let always = found(HEIGHT / 4, FRAMES);
    assert!(matches!(always, Finding::Abstained { .. }), "three quarters: {always:?}");
}

#[test]
fn a_mark_is_not_there_where_whole_windows_do_not_show_it() {
    let finding = find(&|index, x, y| {
        let opacity = if (40..80).contains(&index) { 0 } else { 256 };
        marked(&panning, opacity, index, x, y)
    });
    let plan = overlays(finding);
    assert_is_mark(&plan);
    assert_is_when(&plan.overlays[0].when, &[(0, 40), (80, FRAMES)]);
}

#[test]
fn ten_bits_say_the_same_as_eight() {
    let frames = FrameRange::new(0, FRAMES);
    let level = |index, x, y| marked(&panning, 256, index, x, y);
    let mut deep = Window::new(&layout(10), WIDTH, HEIGHT, frames);
    for index in SamplePlan::new(FRAMES).samples(frames, &[]) {
        let places = (0..HEIGHT).flat_map(|y| (0..WIDTH + 5).map(move |x| (x, y)));
        let samples: Vec<u16> =
            places.map(|(x, y)| u16::try_from(level(index, x, y)).unwrap() << 2).collect();
        let (width, height, stride) = (WIDTH, HEIGHT, WIDTH as usize + 5);
        let plane = PlaneRef { samples: &samples, stride, width, height };
        deep.add(index, PlanesRef::Sixteen(vec![plane])).unwrap();
    }
    assert_eq!(deep.finish(), window(frames, &level));
}

#[test]
fn evidence_travels() {
    let evidence = window(FrameRange::new(0, 60), &panning);
    let bytes = postcard::to_stdvec(&evidence).unwrap();
    let arrived: Evidence = postcard::from_bytes(&bytes).unwrap();
    assert!(arrived.is_well_formed());
    assert_eq!(arrived, evidence);
}

#[test]
fn evidence_that_does_not_fit_the_picture_is_left_out() {
    let level: Level<'_> = &|index, x, y| marked(&panning, 256, index, x, y);
    let mut evidence = windows(level);
    let expected = reduce(&evidence, FRAMES, &Params::default());
    let mut broken = evidence[0].clone();
    broken.kept[0].right.pop();
    evidence.push(broken);
    assert_eq!(reduce(&evidence, FRAMES, &Params::default()), expected);
    assert!(matches!(reduce(&[], FRAMES, &Params::default()), Finding::Abstained { .. }));
}

#[test]
fn a_window_takes_rising_frames_of_its_size_only() {
    let mut window = Window::new(&layout(8), 32, 16, FrameRange::new(0, 100));
    let samples = vec![100_u8; 32 * 17];
    let mut add = |index, height| {
        let plane = PlaneRef { samples: &samples, stride: 32, width: 32, height };
        window.add(index, PlanesRef::Eight(vec![plane]))
    };
    assert_eq!(add(5, 16), Ok(()));
    assert_eq!(add(5, 16), Err(WindowError::NotRising { index: 5, last: 5 }));
    assert_eq!(add(6, 17), Err(WindowError::OtherSize { index: 6, width: 32, height: 16 }));
    assert_eq!(add(6, 16), Ok(()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn the_order_of_the_windows_does_not_matter(
        order in Just((0..6).collect::<Vec<usize>>()).prop_shuffle(),
        opacity in 100_u32..257,
    ) {
        let evidence = windows(&|index, x, y| {
            let is_away = (40..80).contains(&index) || (160..200).contains(&index);
            marked(&panning, if is_away { 0 } else { opacity }, index, x, y)
        });
        let shuffled: Vec<Evidence> = order.iter().map(|at| evidence[*at].clone()).collect();
        let params = Params::default();
        prop_assert_eq!(reduce(&evidence, FRAMES, &params), reduce(&shuffled, FRAMES, &params));
    }

    #[test]
    fn no_moving_picture_without_a_mark_has_an_overlay(
        seed in 0_u32..10_000,
        (across, down) in (0_u32..20, 0_u32..12),
    ) {
        let finding = find(&|index, x, y| {
            let step = u32::try_from(index).unwrap();
            world(seed, x + step * across, y + step * down)
        });
        prop_assert!(!matches!(finding, Finding::Overlays { .. }), "{:?}", finding);
    }
}

proptest! {
    #[test]
    fn samples_rise_within_the_window(
        total in 1_u64..500_000,
        (start, count) in (0_u64..500_000, 1_u64..20_000),
        entries in prop::collection::vec(0_u64..500_000, 0..40),
    ) {
        let start = start.min(total - 1);
        let window = FrameRange::new(start, (start + count).min(total));
        let samples = SamplePlan::new(total).samples(window, &entries);
        prop_assert!(!samples.is_empty());
        prop_assert!(samples.windows(2).all(|pair| pair[0] < pair[1]));
        prop_assert!(samples.iter().all(|sample| window.contains(*sample)));
    }
}

#[test]
fn samples_prefer_frames_where_decoding_can_start() {
    let samples = SamplePlan::new(96_000).samples(FrameRange::new(0, 600), &[3, 90, 333, 334]);
    assert_eq!(samples.len(), 100);
    assert_eq!(samples[..2], [3, 9]);
    assert_eq!((samples[15], samples[55]), (90, 333));
}
