//! Fetching on pictures whose truth is known: a world that a camera passes over.

use cleanplate_types::frames::FrameRange;
use cleanplate_types::overlay::{Fill, Mask, Overlay, OverlayOrigin, OverlayPlan};
use cleanplate_types::picture::{PixelLayout, PlaneMut, PlaneRef, PlanesMut, PlanesRef, Rect};

use super::*;
use crate::matte::Coding;
use crate::mattes::Mattes;
use crate::restore::{Restored, Restorer};

mod captions;

const WIDTH: u32 = 320;
const HEIGHT: u32 = 180;
const FRAMES: u64 = 48;
const HOLE: Rect = Rect { x: 212, y: 40, width: 48, height: 24 };
/// Luma samples that the overlay covers.
const COVERED: u64 = 48 * 24;
/// What an overlay hides its samples behind, in 8-bit codes.
const PAINT: u16 = 235;

type Frame = Vec<Vec<u16>>;

fn layout(depth: u8, shift: u8) -> PixelLayout {
    PixelLayout {
        name: String::from("test"),
        depth,
        planes: 3,
        chroma_shift_x: shift,
        chroma_shift_y: shift,
        full_range: false,
    }
}

fn plan(when: Vec<FrameRange>) -> OverlayPlan {
    let mask = Mask::full(HOLE);
    let origin = OverlayOrigin::Region;
    let overlay = Overlay { origin, mask, when, fill: Fill::Auto, hides: true };
    OverlayPlan::new(WIDTH, HEIGHT, vec![overlay])
}

fn always() -> Vec<FrameRange> {
    vec![FrameRange::new(0, FRAMES)]
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

/// A frame of the world of that seed, seen from a place, without an overlay.
fn seen(layout: &PixelLayout, seed: u32, (left, top): (u32, u32)) -> Frame {
    let sample = |plane: u8, x: u32, y: u32| {
        let shift = if plane == 0 { 0 } else { layout.chroma_shift_x };
        let (x, y) = ((x << shift) + left, (y << shift) + top);
        let seed = seed * 10 + u32::from(plane);
        let level = (smooth(seed, 36, x, y) * 4 + smooth(seed + 3, 11, x, y) * 3) / 10 + 30;
        u16::try_from(level).unwrap() << (layout.depth - 8)
    };
    let plane = |plane: u8| -> Vec<u16> {
        let (width, height) = layout.plane_size(plane, WIDTH, HEIGHT);
        (0..height).flat_map(|y| (0..width).map(move |x| sample(plane, x, y))).collect()
    };
    (0..3).map(plane).collect()
}

/// The camera's way: on by 3 and 1 samples a frame.
fn place(index: u64) -> (u32, u32) {
    let index = u32::try_from(index).unwrap();
    (100 + 3 * index, 100 + index)
}

/// Whether a sample of a plane lies under the overlay.
fn is_hidden(layout: &PixelLayout, plane: u8, at: usize) -> bool {
    let width = layout.plane_size(plane, WIDTH, HEIGHT).0 as usize;
    let shift = if plane == 0 { 0 } else { layout.chroma_shift_x };
    let (x, y) = ((at % width) << shift, (at / width) << shift);
    let inside =
        |at: usize, from: u32, count: u32| (from as usize..(from + count) as usize).contains(&at);
    inside(x, HOLE.x, HOLE.width) && inside(y, HOLE.y, HOLE.height)
}

fn painted(layout: &PixelLayout, frame: &Frame) -> Frame {
    let mut painted = frame.clone();
    for (plane, samples) in (0..3).zip(&mut painted) {
        for (at, sample) in samples.iter_mut().enumerate() {
            if is_hidden(layout, plane, at) {
                *sample = PAINT << (layout.depth - 8);
            }
        }
    }
    painted
}

/// Shows the frame's planes to `look`: bytes where it has 8 bits.
fn shown<T>(layout: &PixelLayout, frame: &Frame, look: impl FnOnce(&PlanesRef<'_>) -> T) -> T {
    fn views<'a, S>(layout: &PixelLayout, frame: &'a [Vec<S>]) -> Vec<PlaneRef<'a, S>> {
        let view = |(plane, samples): (u8, &'a Vec<S>)| {
            let (width, height) = layout.plane_size(plane, WIDTH, HEIGHT);
            PlaneRef { samples: samples.as_slice(), stride: width as usize, width, height }
        };
        (0_u8..).zip(frame).map(view).collect()
    }
    if layout.depth > 8 {
        return look(&PlanesRef::Sixteen(views(layout, frame)));
    }
    look(&PlanesRef::Eight(views(layout, &bytes(frame))))
}

fn bytes(frame: &Frame) -> Vec<Vec<u8>> {
    let narrow = |sample: &u16| u8::try_from(*sample).unwrap();
    frame.iter().map(|plane| plane.iter().map(narrow).collect()).collect()
}

fn views_mut<'a, S>(layout: &PixelLayout, frame: &'a mut [Vec<S>]) -> Vec<PlaneMut<'a, S>> {
    let view = |(plane, samples): (u8, &'a mut Vec<S>)| {
        let (width, height) = layout.plane_size(plane, WIDTH, HEIGHT);
        PlaneMut { samples: samples.as_mut_slice(), stride: width as usize, width, height }
    };
    (0_u8..).zip(frame).map(view).collect()
}

/// Both passes over the frames.
fn backgrounds(
    layout: &PixelLayout,
    plan: &OverlayPlan,
    frames: &[Frame],
) -> (Courses, Vec<Background>) {
    looked_at(layout, plan, frames, |_| true)
}

/// Both passes, where the first sees some of the frames only.
fn looked_at(
    layout: &PixelLayout,
    plan: &OverlayPlan,
    frames: &[Frame],
    sees: impl Fn(u64) -> bool,
) -> (Courses, Vec<Background>) {
    let window = FrameRange::new(0, frames.len() as u64);
    let mut survey = Survey::new(layout, plan, window);
    for (index, frame) in (0..).zip(frames).filter(|(index, _)| sees(*index)) {
        shown(layout, frame, |planes| survey.add(index, planes)).unwrap();
    }
    let mut steps = 0;
    let courses = survey.finish(|| steps += 1);
    assert!(steps + 1 >= courses.seen.len(), "it tells of each look that it is through with");
    let mut painter = Painter::new(layout, plan, &courses);
    for (index, frame) in (0..).zip(frames).filter(|(index, _)| sees(*index)) {
        if painter.wants(index) {
            shown(layout, frame, |planes| painter.add(index, planes)).unwrap();
        }
    }
    let mut steps = 0;
    let backgrounds = painter.finish(|| steps += 1);
    assert!(backgrounds.is_empty() || steps > 0, "it tells of the last ones");
    (courses, backgrounds)
}

fn fetched(
    layout: &PixelLayout,
    plan: &OverlayPlan,
    backgrounds: &[Background],
    (index, frame): (u64, &Frame),
) -> (Restored, Frame) {
    let size = (WIDTH, HEIGHT);
    let coding = Coding { layout: layout.clone(), size, matrix: 1, chroma_location: 0 };
    let mut restorer = Restorer::new(layout, plan, Mattes::default(), &coding).unwrap();
    restorer.lay_under(FrameRange::new(0, FRAMES), backgrounds.to_vec()).unwrap();
    if layout.depth > 8 {
        let mut filled = frame.clone();
        let planes = PlanesMut::Sixteen(views_mut(layout, &mut filled));
        return (restorer.apply(index, planes).unwrap(), filled);
    }
    let mut filled = bytes(frame);
    let planes = PlanesMut::Eight(views_mut(layout, &mut filled));
    let restored = restorer.apply(index, planes).unwrap();
    let wide = |plane: &Vec<u8>| plane.iter().copied().map(u16::from).collect();
    (restored, filled.iter().map(wide).collect())
}

/// Mean absolute error under the overlay in 8-bit codes, of each plane.
fn errors(layout: &PixelLayout, frame: &Frame, truth: &Frame) -> Vec<f64> {
    let code = f64::from(1_u16 << (layout.depth - 8));
    let error = |plane: u8| {
        let pairs = frame[usize::from(plane)].iter().zip(&truth[usize::from(plane)]);
        let hidden = pairs.enumerate().filter(|(at, _)| is_hidden(layout, plane, *at));
        let (mut sum, mut count) = (0.0, 0.0);
        for (_, (a, b)) in hidden {
            sum += f64::from(a.abs_diff(*b)) / code;
            count += 1.0;
        }
        sum / count
    };
    (0..3).map(error).collect()
}

#[test]
fn a_camera_that_passes_uncovers_what_an_overlay_hides() {
    for (depth, shift) in [(8, 1), (10, 0)] {
        let layout = layout(depth, shift);
        let plan = plan(always());
        let truth: Vec<Frame> = (0..FRAMES).map(|index| seen(&layout, 1, place(index))).collect();
        let frames: Vec<Frame> = truth.iter().map(|frame| painted(&layout, frame)).collect();
        let (courses, backgrounds) = backgrounds(&layout, &plan, &frames);
        assert_eq!(courses.shots, [0]);
        assert!(backgrounds.iter().all(|background| background.is_well_formed(&layout)));
        for index in [4, 24, 40] {
            let at = usize::try_from(index).unwrap();
            let (restored, filled) = fetched(&layout, &plan, &backgrounds, (index, &frames[at]));
            let sure = restored.fetched;
            assert_eq!(sure + restored.synthesised, COVERED);
            assert!(sure * 10 > COVERED * 9, "frame {index}: {sure} are fetched");
            let errors = errors(&layout, &filled, &truth[at]);
            assert!(errors.iter().all(|error| *error < 3.0), "frame {index}: {errors:?}");
            for (plane, (after, before)) in (0..3).zip(filled.iter().zip(&frames[at])) {
                let mut samples = after.iter().zip(before).enumerate();
                let is_kept = samples.all(|(at, (a, b))| is_hidden(&layout, plane, at) || a == b);
                assert!(is_kept, "nothing but the hole changes");
            }
        }
    }
}

#[test]
fn captions_give_what_they_hid_when_they_are_gone() {
    let layout = layout(8, 1);
    let plan = plan(vec![FrameRange::new(8, 30)]);
    let truth = seen(&layout, 2, (50, 60));
    let hidden = painted(&layout, &truth);
    let shows = |index: u64| (8..30).contains(&index);
    let frames: Vec<Frame> = (0..FRAMES)
        .map(|index| if shows(index) { hidden.clone() } else { truth.clone() })
        .collect();
    let (_, backgrounds) = backgrounds(&layout, &plan, &frames);
    let (restored, filled) = fetched(&layout, &plan, &backgrounds, (20, &hidden));
    assert_eq!(restored.fetched, COVERED);
    let errors = errors(&layout, &filled, &truth);
    assert!(errors.iter().all(|error| *error < 1.5), "{errors:?}");
    let (restored, untouched) = fetched(&layout, &plan, &backgrounds, (40, &truth));
    assert!(!restored.shown && untouched == truth, "a frame without it is left alone");
}

#[test]
fn a_camera_that_stays_gives_nothing() {
    let layout = layout(8, 1);
    let plan = plan(always());
    let frame = painted(&layout, &seen(&layout, 3, (50, 60)));
    let frames = vec![frame.clone(); usize::try_from(FRAMES).unwrap()];
    let (_, backgrounds) = backgrounds(&layout, &plan, &frames);
    let (restored, _) = fetched(&layout, &plan, &backgrounds, (20, &frame));
    assert_eq!(
        (restored.fetched, restored.synthesised),
        (0, COVERED),
        "no frame shows what is behind"
    );
}

#[test]
fn what_no_frame_shows_may_be_painted_and_is_no_evidence() {
    let layout = layout(8, 1);
    let plan = plan(always());
    let truth = seen(&layout, 3, (50, 60));
    let frame = painted(&layout, &truth);
    let frames = vec![frame.clone(); usize::try_from(FRAMES).unwrap()];
    let (_, mut backgrounds) = backgrounds(&layout, &plan, &frames);
    assert!(!backgrounds.is_empty(), "there is something to paint on");
    for background in &mut backgrounds {
        for picture in 0..background.pictures() {
            let unseen = background.unseen(picture).expect("the overlay hides something");
            assert!(unseen.mask.count() >= COVERED);
            // The truth, at the background's own place.
            let Area { left, top, width, height } = background.area;
            let made: Vec<Vec<u16>> = (0_u8..3)
                .map(|plane| {
                    let (right, down) = if plane == 0 { (0, 0) } else { (1, 1) };
                    let (wide, _) = layout.plane_size(plane, WIDTH, HEIGHT);
                    let (across, along) = layout.plane_size(plane, width, height);
                    let place = |x: u32, y: u32| {
                        let x = u32::try_from((left >> right) + i32::try_from(x).unwrap());
                        let y = u32::try_from((top >> down) + i32::try_from(y).unwrap());
                        (y.unwrap_or(0) * wide + x.unwrap_or(0)) as usize
                    };
                    let rows = 0..along;
                    rows.flat_map(|y| (0..across).map(move |x| (x, y)))
                        .map(|(x, y)| {
                            truth[usize::from(plane)].get(place(x, y)).copied().unwrap_or(128)
                        })
                        .collect()
                })
                .collect();
            background.paint(picture, &layout, &made);
            assert!(background.unseen(picture).is_none(), "all of it is painted now");
        }
        assert!(background.is_well_formed(&layout));
    }
    let (restored, filled) = fetched(&layout, &plan, &backgrounds, (20, &frame));
    assert_eq!((restored.fetched, restored.synthesised), (0, COVERED), "nothing was fetched");
    let errors = errors(&layout, &filled, &truth);
    assert!(errors.iter().all(|error| *error < 1.5), "but what was painted is shown: {errors:?}");
}

#[test]
fn a_background_of_another_scene_is_not_believed() {
    let layout = layout(8, 1);
    let plan = plan(always());
    let frames: Vec<Frame> =
        (0..FRAMES).map(|index| painted(&layout, &seen(&layout, 1, place(index)))).collect();
    let (_, backgrounds) = backgrounds(&layout, &plan, &frames);
    let other = painted(&layout, &seen(&layout, 7, (900, 700)));
    let (restored, _) = fetched(&layout, &plan, &backgrounds, (24, &other));
    assert!(restored.fetched * 10 < COVERED, "{} are fetched", restored.fetched);
}

#[test]
fn cuts_begin_shots() {
    let layout = layout(8, 1);
    let plan = plan(always());
    let frames: Vec<Frame> = (0..FRAMES)
        .map(|index| seen(&layout, if index < 20 { 1 } else { 5 }, place(index)))
        .map(|frame| painted(&layout, &frame))
        .collect();
    let (courses, _) = backgrounds(&layout, &plan, &frames);
    assert_eq!(courses.shots, [0, 20]);
}

/// Looks as a decoder gives them that shows only what other pictures refer to.
fn is_look(index: u64) -> bool {
    [0, 2, 4, 8].contains(&(index % 9))
}

#[test]
fn frames_that_no_look_saw_are_laid_by_what_they_show_themselves() {
    let layout = layout(8, 1);
    let plan = plan(always());
    // The hand that holds the camera shakes between the looks: no straight way leads through them.
    let place = |index: u64| {
        let (left, top) = place(index);
        if is_look(index) { (left, top) } else { (left + 2, top + u32::from(index % 2 == 1)) }
    };
    let truth: Vec<Frame> = (0..FRAMES).map(|index| seen(&layout, 1, place(index))).collect();
    let frames: Vec<Frame> = truth.iter().map(|frame| painted(&layout, frame)).collect();
    let (courses, backgrounds) = looked_at(&layout, &plan, &frames, is_look);
    assert_eq!((courses.shots, courses.frames), (vec![0], FrameRange::new(0, FRAMES)));
    for index in [6, 24, 41] {
        assert!(!is_look(index));
        let at = usize::try_from(index).unwrap();
        let (restored, filled) = fetched(&layout, &plan, &backgrounds, (index, &frames[at]));
        let sure = restored.fetched;
        assert!(sure * 10 > COVERED * 8, "frame {index}: {sure} are fetched");
        let errors = errors(&layout, &filled, &truth[at]);
        assert!(errors.iter().all(|error| *error < 3.5), "frame {index}: {errors:?}");
    }
}

#[test]
fn a_cut_between_two_looks_lies_where_the_frames_say() {
    let layout = layout(8, 1);
    let plan = plan(always());
    // Looks at 18, 20, 22, 26 and 27: the frame 23 is the last of its shot, 24 and 25 are of the next.
    let truth: Vec<Frame> = (0..FRAMES)
        .map(|index| seen(&layout, if index < 24 { 1 } else { 5 }, place(index)))
        .collect();
    let frames: Vec<Frame> = truth.iter().map(|frame| painted(&layout, frame)).collect();
    let (courses, backgrounds) = looked_at(&layout, &plan, &frames, is_look);
    assert_eq!(courses.shots, [0, 26], "a cut is known by the first look after it");
    for index in [23, 24, 25] {
        let at = usize::try_from(index).unwrap();
        let (restored, filled) = fetched(&layout, &plan, &backgrounds, (index, &frames[at]));
        let sure = restored.fetched;
        assert!(sure * 10 > COVERED * 8, "frame {index}: {sure} are fetched");
        let errors = errors(&layout, &filled, &truth[at]);
        assert!(errors[0] < 4.0, "frame {index}: {errors:?}");
    }
}

/// The frames that a painter wants of 600 where the camera goes on by so much and the overlay shows so.
fn wanted(right: i32, when: Vec<FrameRange>, sees: impl Fn(u64) -> bool) -> Vec<u64> {
    let frames = FrameRange::new(0, 600);
    let motion = |index| Motion { cos: 1 << 24, sin: 0, right: -right * index * 256, down: 0 };
    let course = Course {
        overlay: 0,
        serves: frames,
        area: Area { left: 0, top: 0, width: 320, height: 180 },
        frames,
        motions: (0..600).map(motion).map(Some).collect(),
    };
    let seen = (0..600).filter(|index| sees(*index)).collect();
    let courses = Courses { frames, seen, shots: vec![0], courses: vec![course] };
    let painter = Painter::new(&layout(8, 1), &plan(when), &courses);
    (0..600).filter(|index| painter.wants(*index)).collect()
}

#[test]
fn of_a_long_shot_some_frames_are_wanted() {
    let whole = || vec![FrameRange::new(0, 600)];
    let even = wanted(0, whole(), |_| true);
    assert_eq!((even.len(), even[0], even[1]), (40, 0, 15));
    let looks = wanted(0, whole(), is_look);
    assert!(looks.iter().all(|index| is_look(*index)), "only what the first pass saw");
    assert!((30..=40).contains(&looks.len()), "{}", looks.len());
    let moving = wanted(2, whole(), |_| true);
    assert_eq!(moving[1], 3, "a quarter of the hole's height on");
    let gaps = wanted(0, vec![FrameRange::new(0, 101), FrameRange::new(104, 600)], |_| true);
    assert!([100, 101, 103, 104].iter().all(|index| gaps.contains(index)), "{gaps:?}");
}

#[test]
fn frames_that_do_not_fit_are_refused() {
    let layout = layout(8, 1);
    let plan = plan(always());
    let frame = seen(&layout, 1, (0, 0));
    let mut survey = Survey::new(&layout, &plan, FrameRange::new(5, 9));
    let mut add = |index| shown(&layout, &frame, |planes| survey.add(index, planes));
    let refused = |index, expected| Err(FetchError::OutOfOrder { index, expected });
    assert_eq!(add(4), refused(4, 5), "it lies before the window");
    assert_eq!(add(9), refused(9, 5), "it lies after the window");
    assert_eq!(add(7), Ok(()), "frames may be left out");
    assert_eq!(add(7), refused(7, 8), "no frame comes twice");
    assert_eq!(add(6), refused(6, 8), "none comes late");
    let none = PlanesRef::Eight(Vec::new());
    assert_eq!(survey.add(8, &none), Err(FetchError::OtherFrame { index: 8 }));
    let (_, mut backgrounds) = backgrounds(&layout, &plan, &[frame.clone(), frame]);
    if let Some(mut background) = backgrounds.pop() {
        background.planes[1].pop();
        assert!(Ground::new(&layout, background).is_none());
    }
}
