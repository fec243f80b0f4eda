//! Captions, which other frames show nothing of, and what passes below them.

use cleanplate_types::overlay::{Shape, Step, Track};

use super::*;

fn range(start: u64, end: u64) -> FrameRange {
    FrameRange::new(start, end)
}

fn caption(when: FrameRange) -> Overlay {
    let (mask, origin) = (Mask::full(HOLE), OverlayOrigin::Text);
    Overlay { origin, mask, when: vec![when], fill: Fill::Auto, hides: true }
}

#[test]
fn a_caption_is_fetched_from_the_frames_before_and_after_it() {
    let layout = layout(8, 1);
    // The camera stands; the captions are short, and only a gap of two frames lies between them.
    let when = [range(4, 20), range(22, 40)];
    let plan = OverlayPlan::new(WIDTH, HEIGHT, when.into_iter().map(caption).collect());
    let truth = seen(&layout, 1, (100, 100));
    let frames: Vec<Frame> = (0..FRAMES)
        .map(|index| if plan.touches(index) { painted(&layout, &truth) } else { truth.clone() })
        .collect();
    let (courses, backgrounds) = backgrounds(&layout, &plan, &frames);
    let served: Vec<(u32, FrameRange)> =
        courses.courses.iter().map(|course| (course.overlay, course.serves)).collect();
    assert_eq!(served, [(0, when[0]), (1, when[1])]);
    for index in [4, 19, 22, 39] {
        let at = usize::try_from(index).unwrap();
        let (restored, filled) = fetched(&layout, &plan, &backgrounds, (index, &frames[at]));
        assert!(restored.fetched * 10 > COVERED * 9, "frame {index}: {restored:?}");
        let errors = errors(&layout, &filled, &truth);
        assert!(errors.iter().all(|error| *error < 1.0), "frame {index}: {errors:?}");
    }
}

#[test]
fn what_a_track_covers_is_in_no_background() {
    let layout = layout(8, 1);
    let bounds = Rect { x: HOLE.x - 4, y: HOLE.y - 4, width: 60, height: 36 };
    let step = |frames: FrameRange| Step { frames, bounds };
    let track = |origin| Track {
        origin,
        fill: Fill::Pixelate,
        shape: Shape::Rectangle,
        steps: vec![step(range(0, 10)), step(range(20, 44))],
    };
    // Something stands there before and after the caption; only the last frames show what is behind both.
    let truth = seen(&layout, 1, (100, 100));
    let frames: Vec<Frame> = (0..FRAMES)
        .map(|index| if index < 44 { painted(&layout, &truth) } else { truth.clone() })
        .collect();
    let error = |tracks: Vec<Track>| {
        let mut plan = OverlayPlan::new(WIDTH, HEIGHT, vec![caption(range(10, 20))]);
        plan.tracks = tracks;
        let (_, backgrounds) = backgrounds(&layout, &plan, &frames);
        let (restored, filled) = fetched(&layout, &plan, &backgrounds, (15, &frames[15]));
        (restored.fetched, errors(&layout, &filled, &truth)[0])
    };
    let (count, off) = error(vec![track(OverlayOrigin::Face)]);
    assert!(count * 10 > COVERED * 8 && off < 2.0, "{count} samples are off by {off}");
    let (_, off) = error(Vec::new());
    assert!(off > 20.0, "it is there to be taken: {off}");
}

#[test]
fn of_ten_hours_of_captions_a_window_is_concerned_with_its_own() {
    let when = |at: u64| range(at * 60, at * 60 + 50);
    let plan = OverlayPlan::new(WIDTH, HEIGHT, (0..10_000).map(when).map(caption).collect());
    let holes = holes::Holes::new(&layout(8, 1), &plan, range(300_000, 300_600));
    let numbers: Vec<u32> = holes.overlays.iter().map(|hole| hole.number).collect();
    assert_eq!(numbers, (5000..5010).collect::<Vec<u32>>());
    assert!(holes.hole(5003).is_some_and(|hole| hole.shows(300_180) && !hole.shows(300_230)));
    assert!(holes.hole(4999).is_none());
}

#[test]
fn a_background_of_a_caption_is_painted_from_the_frames_about_it() {
    let layout = layout(8, 1);
    let plan = OverlayPlan::new(WIDTH, HEIGHT, vec![caption(range(200, 230))]);
    let frame = seen(&layout, 1, (100, 100));
    let mut survey = Survey::new(&layout, &plan, range(0, 600));
    for index in (0..600).step_by(10) {
        shown(&layout, &frame, |planes| survey.add(index, planes)).unwrap();
    }
    let courses = survey.finish(|| ());
    let frames: Vec<FrameRange> = courses.courses.iter().map(|course| course.frames).collect();
    assert_eq!(frames, [range(50, 380)]);
    let painter = Painter::new(&layout, &plan, &courses);
    assert!((0..600).all(|index| !painter.wants(index) || (50..380).contains(&index)));
    assert!((50..380).filter(|index| painter.wants(*index)).count() > 20);
}
