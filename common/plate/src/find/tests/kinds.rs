//! Kinds of overlays on moving pictures, made here: several at once, parts of the time, ticking, in colour.

use cleanplate_types::time::Timebase;

use super::*;

/// Whether a dot of something written, number `text`, is set at a place of it; dots are two by two.
fn is_ink(text: u64, x: u32, y: u32) -> bool {
    let (column, row) = (x / 2, y / 2);
    column % 6 < 5
        && hash(u32::try_from(text).unwrap() * 31 + column / 6, column % 6, row) % 100 < 55
}

fn covers(overlay: &cleanplate_types::overlay::Overlay, x: u32, y: u32) -> bool {
    let bounds = overlay.mask.bounds;
    x >= bounds.x && y >= bounds.y && overlay.mask.covers(x - bounds.x, y - bounds.y)
}

/// Asserts that the overlay is a rectangle, with at most `margin` samples around it.
#[track_caller]
fn assert_is_rectangle(overlay: &cleanplate_types::overlay::Overlay, rect: Rect, margin: u32) {
    for (x, y) in (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (x, y))) {
        let inside = |margin: u32| {
            x + margin >= rect.x
                && x < rect.right() + margin
                && y + margin >= rect.y
                && y < rect.bottom() + margin
        };
        assert!(covers(overlay, x, y) || !inside(0), "{x},{y} is left");
        assert!(!covers(overlay, x, y) || inside(margin), "{x},{y} is taken");
    }
}

#[test]
fn several_overlays_are_found_each_with_its_own_time() {
    let second = Rect { x: 20, y: 134, width: 52, height: 24 };
    let plan = overlays(find(&|index, x, y| {
        let is_second = (second.x..second.right()).contains(&x)
            && (second.y..second.bottom()).contains(&y)
            && (80..180).contains(&index);
        if is_second {
            let is_bar = (x - second.x) / 6 % 2 == 1 && (4..20).contains(&(y - second.y));
            return if is_bar { 30 } else { 200 };
        }
        marked(&panning, 256, index, x, y)
    }));
    assert_eq!(plan.overlays.len(), 2, "{plan:?}");
    assert_is_rectangle(&plan.overlays[0], second, 4);
    let when = &plan.overlays[0].when;
    let said = |frame| when.iter().any(|range| range.contains(frame));
    assert!((80..180).all(said), "frames are missed: {when:?}");
    assert!((0..FRAMES).filter(|frame| said(*frame)).count() < 150, "too much is said: {when:?}");
    assert_is_rectangle(&plan.overlays[1], MARK, 4);
    assert_is_when(&plan.overlays[1].when, &[(0, FRAMES)]);
}

#[test]
fn ticking_digits_are_one_overlay_with_their_plate() {
    let plate = Rect { x: 24, y: 20, width: 76, height: 22 };
    let plan = overlays(find(&|index, x, y| {
        let is_plate =
            (plate.x..plate.right()).contains(&x) && (plate.y..plate.bottom()).contains(&y);
        if !is_plate {
            return panning(index, x, y);
        }
        let (column, row) = ((x - plate.x).wrapping_sub(4), (y - plate.y).wrapping_sub(4));
        // The last digit ticks each second, the one before it each ten, and so on.
        let tick = index / 24 / 10_u64.pow(5_u32.saturating_sub(column.min(60) / 12));
        let is_digit = column < 68 && row < 14 && is_ink(tick, column, row);
        if is_digit { 230 } else { 36 }
    }));
    assert_eq!(plan.overlays.len(), 1, "{plan:?}");
    assert_is_rectangle(&plan.overlays[0], plate, 4);
    assert_is_when(&plan.overlays[0].when, &[(0, FRAMES)]);
}

#[test]
fn captions_of_other_words_each_time_are_one_overlay_without_the_gaps() {
    let (top, left) = (150, 60);
    let ink = |index: u64, x: u32, y: u32| {
        let turn = index / 50;
        let width = 120 + 20 * u32::try_from(turn % 3).unwrap();
        let (column, row) = (x.wrapping_sub(left), y.wrapping_sub(top));
        let is_there = index % 50 < 40 && column < width && row < 14;
        is_there.then(|| is_ink(turn + 7, column, row))
    };
    let plan = overlays(find(&|index, x, y| match ink(index, x, y) {
        Some(true) => 240,
        Some(false) => 20,
        None => panning(index, x, y),
    }));
    assert_eq!(plan.overlays.len(), 1, "{plan:?}");
    let all = Rect { x: left, y: top, width: 160, height: 14 };
    assert_is_rectangle(&plan.overlays[0], all, 6);
    let when = &plan.overlays[0].when;
    for frame in 0..FRAMES {
        let is_said = when.iter().any(|range| range.contains(frame));
        assert!(is_said || frame % 50 >= 40, "{frame} is missed: {when:?}");
        assert!(!is_said || !(44..47).contains(&(frame % 50)), "{frame} is too much: {when:?}");
    }
}

/// A frame in colour of 4:2:2, odd in width and height.
fn coloured(index: u64, is_marked: bool) -> [Vec<u8>; 3] {
    let (width, height) = (WIDTH + 1, HEIGHT + 1);
    let half = width.div_ceil(2);
    let byte = |value: u32| u8::try_from(value).unwrap();
    let luma = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let chroma = || (0..height).flat_map(|y| (0..half).map(move |x| (x, y)));
    let behind = |x, y| 96 + panning(index, x * 2, y) / 4;
    let is_mark = |x: u32, y: u32| is_marked && mark(x * 2, y).is_some();
    [
        luma.map(|(x, y)| byte(panning(index, x, y))).collect(),
        chroma().map(|(x, y)| byte(behind(x, y) + u32::from(is_mark(x, y)) * 24)).collect(),
        chroma().map(|(x, y)| byte(behind(x, y) - u32::from(is_mark(x, y)) * 18)).collect(),
    ]
}

fn find_coloured(is_marked: bool) -> Finding {
    find_planes(|index| coloured(index, is_marked))
}

fn find_planes(planes: impl Fn(u64) -> [Vec<u8>; 3]) -> Finding {
    let layout =
        PixelLayout { name: String::from("yuv422p"), planes: 3, chroma_shift_x: 1, ..layout(8) };
    let frames = FrameRange::new(0, FRAMES);
    let (width, height) = (WIDTH + 1, HEIGHT + 1);
    let mut window = Window::new(&layout, width, height, frames);
    for index in (0..FRAMES).step_by(3) {
        let planes = planes(index);
        let view = |plane: usize, width: u32| PlaneRef {
            samples: &planes[plane][..],
            stride: width as usize,
            width,
            height,
        };
        let half = width.div_ceil(2);
        let planes = vec![view(0, width), view(1, half), view(2, half)];
        window.add(index, PlanesRef::Eight(planes)).unwrap();
    }
    reduce(&[window.finish()], FRAMES, &Params::default())
}

#[test]
fn a_mark_that_only_colours_the_picture_is_found_in_422_of_odd_size() {
    let plan = overlays(find_coloured(true));
    assert_eq!(plan.overlays.len(), 1, "{plan:?}");
    let mask = &plan.overlays[0].mask;
    let (found, whole) = (mask.count(), u64::from(MARK.width * MARK.height));
    let is_near = mask.bounds.x.abs_diff(MARK.x) <= 5 && mask.bounds.y.abs_diff(MARK.y) <= 5;
    assert!(is_near, "{:?} of {MARK:?}", mask.bounds);
    assert!((whole * 9 / 10..whole * 3 / 2).contains(&found), "{found} of {whole}");
    assert_eq!(find_coloured(false), Finding::Nothing);
}

#[test]
fn noise_on_a_still_picture_is_no_change_however_strong() {
    for strength in [5, 11, 23] {
        let finding = find_planes(|index| {
            let mut planes = coloured(0, true);
            for (number, plane) in (0_u32..).zip(&mut planes) {
                for (at, sample) in (0_u32..).zip(plane) {
                    let frame = u32::try_from(index).unwrap();
                    let noise = hash(frame * 3 + number, at, 5) % (2 * strength + 1);
                    *sample = u8::try_from(u32::from(*sample) + noise).unwrap_or(u8::MAX);
                }
            }
            planes
        });
        assert!(matches!(finding, Finding::Abstained { .. }), "{strength}: {finding:?}");
    }
}

#[test]
fn evidence_of_a_restless_picture_is_below_a_mebibyte() {
    let (width, height) = (960_u32, 544_u32);
    let mut window = Window::new(&layout(8), width, height, FrameRange::new(0, 600));
    for index in 0..12_u32 {
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let samples: Vec<u8> = places
            .map(|(x, y)| {
                // Lines that stay, so that every block hints at an overlay, and a world that does not.
                let world = (x / 5 * 37 + y / 5 * 91 + index * 53).wrapping_mul(2_654_435_761);
                if y % 8 < 2 { 200 } else { u8::try_from(world >> 8 & 127).unwrap() }
            })
            .collect();
        let plane = PlaneRef { samples: &samples, stride: width as usize, width, height };
        window.add(u64::from(index) * 50, PlanesRef::Eight(vec![plane])).unwrap();
    }
    let evidence = window.finish();
    assert!(evidence.is_well_formed());
    let bytes = postcard::to_stdvec(&evidence).unwrap().len();
    assert!((500 << 10..1 << 20).contains(&bytes), "{bytes} bytes");
}

#[test]
fn a_known_rate_is_sampled_four_times_a_second() {
    for (frames, seconds, most) in [(25, 1, 6), (30_000, 1001, 7), (60, 1, 15), (1, 1, 1)] {
        let plan = SamplePlan::new(100_000).at_rate(frames, seconds, Timebase::new(1, 1).unwrap());
        let samples = plan.samples(FrameRange::new(600, 1200), &[]);
        assert!(samples.windows(2).all(|pair| pair[1] - pair[0] <= most + 1), "{frames}");
        assert!(samples.len() as u64 >= 600 / most, "{frames}");
    }
    let none = SamplePlan::new(100_000).at_rate(0, 0, Timebase::new(1, 25).unwrap());
    assert_eq!(none, SamplePlan::new(100_000));
}
