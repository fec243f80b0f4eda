//! What a model sees comes out where it is in the frame: through letterboxes, tiles, depths and batches.

use std::cell::RefCell;

use cleanplate_types::detection::DetectionKind;
use cleanplate_types::picture::{PixelLayout, PlaneRef, PlanesRef, Rect};
use cleanplate_vision::{Detector, DetectorError, DetectorSettings, Picture, Runtime};

use super::detectors::{self, BOX, CELLS, Rows, SCORE, USUAL, row8};
use super::machine::{Frame, detector, near, only, open, rect, runtime};
use super::onnx::{Kind, OPEN};

/// Where the box of the fixtures is in a frame of 1920 by 1080, which is a third as large in the middle of the input.
const PLACE: Rect = rect(864, 492, 192, 96);

fn check(runtime: &Runtime, fixture: &Rows, row: Vec<f32>) {
    let seen =
        detector(runtime, &fixture.model(&[row])).detect(&Frame::black(1920, 1080, 8).picture());
    let seen = seen.unwrap();
    let found = only(&seen);
    assert_eq!(found.bounds, PLACE, "{fixture:?}");
    assert_eq!((found.kind, found.score), (DetectionKind::Plate, 900), "{fixture:?}");
}

#[test]
fn a_box_comes_out_at_its_place_in_every_layout() {
    let Some(runtime) = runtime() else { return };
    let row = row8(&[0.1, SCORE], &[]);
    check(runtime, &USUAL, row.clone());
    check(runtime, &Rows { rows_first: true, ..USUAL }, row.clone());
    check(runtime, &Rows { kind: Kind::U8, ..USUAL }, row.clone());
    check(runtime, &Rows { batch: 4, ..USUAL }, row);
    let five = Rows { rows_first: true, shape: (3 * CELLS, 7), ..USUAL };
    // Objectness times score: 0.9.
    check(runtime, &five, [&BOX[..], &[0.96, 0.1, 0.9375]].concat());
    let end = Rows { rows_first: true, shape: (300, 6), meta: &[("end2end", "True")], ..USUAL };
    check(runtime, &end, vec![288.0, 304.0, 352.0, 336.0, SCORE, 1.0]);
    let description = &[("description", "RT-DETR")];
    let parts = Rows { meta: description, ..end };
    check(runtime, &parts, vec![0.5, 0.5, 0.1, 0.05, 0.1, SCORE]);
}

#[test]
fn a_final_box_that_is_no_corners_stops_the_run() {
    let Some(runtime) = runtime() else { return };
    let told = Rows { rows_first: true, shape: (300, 6), meta: &[("end2end", "True")], ..USUAL };
    // Corners at most places, so that only the run shows the one that is not.
    let corners = vec![8.0, 8.0, 16.0, 16.0, 0.01, 0.0];
    let model = told.model(&[vec![320.0, 200.0, 64.0, 32.0, SCORE, 0.0], corners.clone(), corners]);
    let seen = detector(runtime, &model).detect(&Frame::black(640, 640, 8).picture());
    let told = seen.unwrap_err().to_string();
    assert!(told.contains("not corners"), "{told}");
}

#[test]
fn half_precision_is_a_sample_or_two_off_at_most() {
    let Some(runtime) = runtime() else { return };
    let model = Rows { kind: Kind::F16, ..USUAL }.model(&[row8(&[0.1, SCORE], &[])]);
    let seen = detector(runtime, &model).detect(&Frame::black(1920, 1080, 8).picture()).unwrap();
    near(only(&seen).bounds, PLACE, 2);
    assert_eq!(only(&seen).score, 900);
}

#[test]
fn a_mask_covers_what_its_prototypes_do() {
    let Some(runtime) = runtime() else { return };
    let meta = &[("task", "segment")];
    let fixture = Rows { shape: (CELLS, 38), masks: 32, meta, ..USUAL };
    let model = fixture.model(&[row8(&[0.1, SCORE], &[1.0])]);
    let seen = detector(runtime, &model).detect(&Frame::black(1920, 1080, 8).picture()).unwrap();
    let found = only(&seen);
    assert_eq!(found.bounds, PLACE);
    // Positive on the left half of the input, whose middle is that of the box.
    let mask = found.mask.as_ref().unwrap();
    assert!(mask.covers(0, 0) && mask.covers(90, 90) && !mask.covers(100, 5));
    assert!(mask.count().abs_diff(96 * 96) <= 2 * 96, "{}", mask.count());
    let end = Rows { rows_first: true, shape: (300, 38), meta: &[("end2end", "True")], ..fixture };
    let row = [&[288.0, 304.0, 352.0, 336.0, SCORE, 1.0][..], &[1.0]].concat();
    let seen = detector(runtime, &end.model(&[row])).detect(&Frame::black(1920, 1080, 8).picture());
    assert_eq!(seen.unwrap()[0].mask.as_ref(), Some(mask));
}

#[test]
fn classes_that_do_not_count_are_not_told() {
    let Some(runtime) = runtime() else { return };
    let bytes = USUAL.model(&[row8(&[0.1, SCORE], &[]), row8(&[0.8, 0.1], &[])]);
    let frame = Frame::black(640, 640, 8);
    let with = |settings: &DetectorSettings| {
        Detector::new(open(runtime, &bytes).unwrap(), settings)
            .map(|mut detector| detector.detect(&frame.picture()).unwrap())
    };
    let both = with(&DetectorSettings::default()).unwrap();
    let kinds: Vec<DetectionKind> = both.iter().map(|one| one.kind).collect();
    assert_eq!(kinds, [DetectionKind::Plate, DetectionKind::Object]);
    let classes = vec!["LOGO".to_owned()];
    let logo = with(&DetectorSettings { classes, ..DetectorSettings::default() }).unwrap();
    assert_eq!(only(&logo).kind, DetectionKind::Object);
    let threshold = Some(850);
    let sure = with(&DetectorSettings { threshold, ..DetectorSettings::default() }).unwrap();
    assert_eq!(only(&sure).kind, DetectionKind::Plate);
    let classes = vec!["car".to_owned()];
    let refused = with(&DetectorSettings { classes, ..DetectorSettings::default() });
    assert!(matches!(refused, Err(DetectorError::NoClass { .. })), "{refused:?}");
}

#[test]
fn an_inpainting_model_is_no_detector() {
    let Some(runtime) = runtime() else { return };
    let model = open(runtime, &super::fillers::LAMA.model()).unwrap();
    let refused = Detector::new(model, &DetectorSettings::default()).unwrap_err();
    assert!(refused.to_string().contains("--fill"), "{refused}");
}

#[test]
fn bright_lines_come_out_where_they_are_whatever_the_size_and_depth() {
    let Some(runtime) = runtime() else { return };
    let mut detector = detector(runtime, &detectors::text_map(0.0));
    for (width, height, depth) in [(1920, 1080, 8), (1280, 720, 10), (640, 360, 8), (854, 481, 12)]
    {
        let line = rect(width / 4, height * 3 / 4, width / 2, height / 10);
        let frame = Frame::black(width, height, depth).with(line);
        let seen = detector.detect(&frame.picture()).unwrap();
        let found = only(&seen);
        assert_eq!(found.kind, DetectionKind::Text);
        // Grown by area * 1.6 / circumference, since the network marks cores.
        let grown = (line.width * line.height * 16) / (20 * (line.width + line.height));
        let expected =
            rect(line.x - grown, line.y - grown, line.width + 2 * grown, line.height + 2 * grown);
        let cell = width.div_ceil(960) + 2;
        near(found.bounds, expected, 2 * cell);
    }
}

#[test]
fn in_4k_what_is_small_comes_out_once_and_at_its_place() {
    let Some(runtime) = runtime() else { return };
    let mut detector = detector(runtime, &detectors::text_map(0.0));
    // In a corner, and across the border of two tiles.
    for line in [rect(3500, 2050, 300, 60), rect(1700, 1000, 500, 60)] {
        let frame = Frame::black(3840, 2160, 8).with(line);
        let seen = detector.detect(&frame.picture()).unwrap();
        assert!(!seen.is_empty());
        for found in &seen {
            let inside = found.bounds.x + 60 >= line.x && found.bounds.right() <= line.right() + 60;
            assert!(inside, "{found:?} is not about {line:?}");
        }
        let covers = |x: u32| seen.iter().any(|one| one.bounds.x <= x && x < one.bounds.right());
        assert!((line.x..line.right()).all(covers), "{seen:?} covers {line:?}");
        assert!(seen.len() <= 2, "{seen:?}");
    }
}

#[test]
fn a_face_comes_out_where_its_cell_is_hot() {
    let Some(runtime) = runtime() else { return };
    let mut detector = detector(runtime, &detectors::center_face());
    // One cell of 4 in a tensor half as large as the frame.
    let frame = Frame::black(1920, 1024, 8).with(rect(800, 400, 8, 8));
    let seen = detector.detect(&frame.picture()).unwrap();
    let found = only(&seen);
    assert_eq!(found.kind, DetectionKind::Face);
    // 24 wide and 32 high around the middle of the cell, twice as large in the frame.
    assert_eq!(found.bounds, rect(804 - 24, 404 - 32, 48, 64));
    assert!(found.score > 980, "{found:?}");
}

/// A frame of one colour, told as green, blue and red.
fn coloured<T>(see: impl Fn(&Picture<'_>) -> T) -> T {
    let layout = PixelLayout {
        name: "gbrp".to_owned(),
        depth: 8,
        planes: 3,
        chroma_shift_x: 0,
        chroma_shift_y: 0,
        full_range: true,
    };
    let planes = [100, 50, 200].map(|level| vec![level; 640 * 640]);
    let views =
        planes.iter().map(|samples| PlaneRef { samples, stride: 640, width: 640, height: 640 });
    see(&Picture::new(PlanesRef::Eight(views.collect()), &layout, 0).unwrap())
}

#[test]
fn colours_reach_a_model_in_its_order_and_range() {
    let Some(runtime) = runtime() else { return };
    for (class, level) in [("red", 200.0_f32), ("green", 100.0), ("blue", 50.0)] {
        let settings = DetectorSettings {
            classes: vec![class.to_owned()],
            threshold: Some(100),
            ..DetectorSettings::default()
        };
        let model = open(runtime, &detectors::colours()).unwrap();
        let detector = RefCell::new(Detector::new(model, &settings).unwrap());
        let seen = coloured(|picture| detector.borrow_mut().detect(picture).unwrap());
        // Red is the strongest everywhere, so nothing is green or blue.
        let score =
            if class == "red" { Some((level / 255.0 * 1000.0).round() as u16) } else { None };
        assert_eq!(seen.first().map(|one| one.score), score, "{class}");
    }
    let text = RefCell::new(detector(runtime, &detectors::last_channel()));
    let seen = coloured(|picture| text.borrow_mut().detect(picture).unwrap());
    assert_eq!(only(&seen).score, 784, "red comes last, 0 to 255 as -1 to 1");
}

#[test]
fn many_frames_at_once_are_seen_as_each_alone() {
    let Some(runtime) = runtime() else { return };
    let lines = [rect(100, 100, 300, 40), rect(700, 500, 200, 60), rect(5, 600, 400, 30)];
    let frames = lines.map(|line| Frame::black(1280, 720, 8).with(line));
    let pictures: Vec<_> = frames.iter().map(Frame::picture).collect();
    let bytes = detectors::text_map(0.0);
    let at_once = |batch: usize| {
        let settings = DetectorSettings { batch, ..DetectorSettings::default() };
        let mut detector = Detector::new(open(runtime, &bytes).unwrap(), &settings).unwrap();
        detector.detect_all(&pictures).unwrap()
    };
    let each = at_once(1);
    assert!(each.iter().all(|seen| seen.len() == 1));
    assert_eq!(at_once(2), each);
    assert_eq!(at_once(8), each);
    // A model that always takes four is given three and a blank.
    let fixed = Rows { batch: 4, ..USUAL }.model(&[row8(&[0.1, SCORE], &[])]);
    let seen = detector(runtime, &fixed).detect_all(&pictures).unwrap();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|one| one == &seen[0] && one.len() == 1));
    let open_batch = Rows { batch: OPEN, ..USUAL }.model(&[row8(&[0.1, SCORE], &[])]);
    assert_eq!(detector(runtime, &open_batch).detect_all(&pictures).unwrap(), seen);
}

#[test]
fn an_open_yolo_is_shown_what_it_was_made_for() {
    let Some(runtime) = runtime() else { return };
    let mut detector = detector(runtime, &detectors::open_yolo8(&[]));
    let seen = detector.detect(&Frame::black(640, 640, 8).picture()).unwrap();
    assert_eq!(only(&seen).bounds, rect(288, 304, 64, 32));
    assert!(detector.detect_all(&[]).unwrap().is_empty());
}
