//! Tracks, and plans of very many overlays.

use cleanplate_types::overlay::{Shape, Step, Track};

use super::*;

fn step(frames: std::ops::Range<u64>, x: u32, y: u32, width: u32, height: u32) -> Step {
    let bounds = Rect { x, y, width, height };
    Step { frames: FrameRange::new(frames.start, frames.end), bounds }
}

fn track(origin: OverlayOrigin, fill: Fill, shape: Shape, steps: Vec<Step>) -> Track {
    Track { origin, fill, shape, steps }
}

fn restorer(scene: &Scene, plan: &OverlayPlan) -> Restorer {
    Restorer::new(&scene.layout, plan, Mattes::default(), &scene.coding()).unwrap()
}

/// Whether a luma sample is in some run.
fn is_in(runs: &[Run], x: u32, y: u32) -> bool {
    runs.iter().any(|run| run.row == y && (run.start..run.end).contains(&x))
}

#[test]
fn a_face_is_blocks_where_it_is_and_nothing_else_changes() {
    let scene = Scene::new(8, (1, 1), (160, 90));
    let mut plan = OverlayPlan::new(160, 90, Vec::new());
    let steps = vec![step(3..6, 20, 10, 36, 40), step(6..9, 41, 12, 36, 40)];
    plan.tracks = vec![track(OverlayOrigin::Face, Fill::Pixelate, Shape::Rectangle, steps)];
    let mut restorer = restorer(&scene, &plan);
    for (index, x, y) in [(5, 20, 10), (6, 41, 12), (3, 20, 10)] {
        assert!(restorer.touches(index));
        let covered = restorer.covered(index).unwrap()[0].clone();
        let truth = scene.clean(index);
        let mut frame = truth.clone();
        let restored = scene.restore(&mut restorer, index, &mut frame);
        assert_eq!((restored.shown, restored.pixelated), (true, 36 * 40));
        assert_eq!((restored.synthesised, restored.fetched, restored.inverted), (0, 0, 0));
        for (column, row) in places(Rect { x: 0, y: 0, width: 160, height: 90 }) {
            let at = (row * 160 + column) as usize;
            let inside = (x..x + 36).contains(&column) && (y..y + 40).contains(&row);
            assert_eq!(is_in(&covered, column, row), inside);
            assert!(inside || frame[0][at] == truth[0][at], "{column},{row} changed");
        }
        let shown: std::collections::BTreeSet<u16> = places(Rect { x, y, width: 36, height: 40 })
            .map(|(x, y)| frame[0][(y * 160 + x) as usize])
            .collect();
        assert!(shown.len() <= 9, "three blocks by three: {}", shown.len());
        assert_eq!(restorer.origins()[0].at(x, y), Origin::Pixelated);
    }
    for index in [2, 9] {
        let mut frame = scene.clean(index);
        assert!(!restorer.touches(index) && restorer.covered(index).unwrap()[0].is_empty());
        assert_eq!(scene.restore(&mut restorer, index, &mut frame), Restored::default());
        assert_eq!(frame, scene.clean(index));
    }
}

#[test]
fn an_object_that_moves_is_made_up_from_what_is_around_it() {
    let scene = Scene::new(10, (1, 1), (160, 90));
    let mut plan = OverlayPlan::new(160, 90, Vec::new());
    let steps = vec![step(0..9, 50, 30, 24, 24)];
    plan.tracks = vec![track(OverlayOrigin::Object, Fill::Auto, Shape::Ellipse, steps)];
    let mut restorer = restorer(&scene, &plan);
    let truth = scene.clean(4);
    let mut frame = truth.clone();
    for (x, y) in places(Rect { x: 53, y: 33, width: 18, height: 18 }) {
        frame[0][(y * 160 + x) as usize] = 1000;
    }
    let restored = scene.restore(&mut restorer, 4, &mut frame);
    assert!((440..500).contains(&restored.synthesised), "an ellipse: {restored:?}");
    let error = scene.error(&frame, &truth, Rect { x: 53, y: 33, width: 18, height: 18 });
    assert!(error < 16.0, "off by {error} codes");
    assert_eq!(restorer.needs(4), None, "nothing is fetched for what moves");
}

/// Captions that follow one another, each for a few frames at one of some places, and faces that pass.
fn series(count: u64) -> OverlayPlan {
    let caption = |number: u64| {
        let (x, width) = (20 + number as u32 % 5 * 4, 60 + number as u32 % 7 * 4);
        Overlay {
            origin: OverlayOrigin::Text,
            mask: Mask::full(Rect { x, y: 64, width, height: 16 }),
            when: vec![FrameRange::new(number * 4, number * 4 + 3)],
            fill: Fill::Auto,
            hides: true,
        }
    };
    let mut plan = OverlayPlan::new(160, 90, (0..count).map(caption).collect());
    let face = |number: u64| {
        let steps = (0..6)
            .map(|at| step(number * 40 + at..number * 40 + at + 1, 90 + 4 * at as u32, 20, 32, 32));
        track(OverlayOrigin::Face, Fill::Pixelate, Shape::Rectangle, steps.collect())
    };
    plan.tracks = (0..count / 10).map(face).collect();
    plan
}

#[test]
fn of_ten_thousand_captions_only_those_of_the_frame_at_hand_are_made_ready() {
    let scene = Scene::new(8, (1, 1), (160, 90));
    let plan = series(10_000);
    let mut restorer = restorer(&scene, &plan);
    assert_eq!(restorer.layers.count(), 0);
    let mut shown = 0;
    for index in [0, 1, 2, 3, 39_996, 39_997, 39_999, 20_000, 20_001, 20_002, 20_003, 20_004, 7] {
        let restored = scene.restore(&mut restorer, index, &mut scene.clean(index % FRAMES));
        assert_eq!(restored.shown, plan.touches(index), "frame {index}");
        assert_eq!(restorer.touches(index), plan.touches(index));
        assert!(restorer.layers.count() <= 2, "frame {index}: {}", restorer.layers.count());
        shown += u64::from(restored.shown);
    }
    assert_eq!(shown, 11, "captions, and faces between them");
}

#[test]
fn a_frame_of_a_long_series_is_the_same_from_whatever_start() {
    let scene = Scene::new(8, (1, 1), (160, 90));
    let plan = series(30);
    let frames = 118..FRAMES + 118;
    let apply = |restorer: &mut Restorer, index: u64| {
        let mut frame = scene.clean(index);
        let covered = restorer.covered(index).unwrap().to_vec();
        let restored = scene.restore(restorer, index, &mut frame);
        (restored, frame, covered, restorer.origins().to_vec())
    };
    let mut whole = restorer(&scene, &plan);
    let in_order: Vec<_> = (0..frames.end).map(|index| apply(&mut whole, index)).collect();
    assert!(in_order.iter().any(|one| one.0.pixelated > 0 && one.0.synthesised > 0));
    for start in frames.clone() {
        let mut other = restorer(&scene, &plan);
        assert!(apply(&mut other, start) == in_order[start as usize], "frame {start}, first");
    }
    let mut back = restorer(&scene, &plan);
    for index in frames.rev() {
        assert!(apply(&mut back, index) == in_order[index as usize], "frame {index}, backwards");
    }
}
