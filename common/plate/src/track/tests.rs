use cleanplate_types::picture::Rect;
use proptest::prelude::*;

use cleanplate_types::detection::{Detection, DetectionKind, Seen};

use super::{Settings, Track, join};

const FRAMES: u64 = 500;

fn settings() -> Settings {
    Settings::usual(640, 360, 25)
}

fn face(x: u32, y: u32, score: u16) -> Detection {
    Detection {
        kind: DetectionKind::Face,
        bounds: Rect { x, y, width: 40, height: 50 },
        score,
        mask: None,
    }
}

fn seen(frame: u64, detections: &[Detection]) -> Seen {
    Seen { frame, detections: detections.to_vec() }
}

/// Whether `track` covers all of `bounds` in `frame`.
fn covers(track: &Track, frame: u64, bounds: Rect) -> bool {
    track.spans.iter().filter(|(frames, _)| frames.contains(frame)).any(|(_, mask)| {
        let outer = mask.bounds;
        outer.x <= bounds.x
            && outer.y <= bounds.y
            && outer.right() >= bounds.right()
            && outer.bottom() >= bounds.bottom()
    })
}

#[test]
fn a_thing_that_moves_is_one_track_and_is_covered_all_the_way() {
    let place = |frame: u64| face(u32::try_from(frame).unwrap() * 3, 100, 800);
    let samples: Vec<Seen> = (0..20).map(|at| seen(at * 8, &[place(at * 8)])).collect();
    let tracks = join(&samples, FRAMES, &settings());
    assert_eq!(tracks.len(), 1, "{tracks:?}");
    for frame in 0..153 {
        assert!(covers(&tracks[0], frame, place(frame).bounds), "frame {frame}");
    }
    let largest = tracks[0].spans.iter().map(|(_, mask)| mask.bounds.width).max();
    assert!(largest < Some(80), "what lies between is cut into steps: {largest:?}");
}

#[test]
fn a_gap_of_a_second_is_filled_and_a_longer_one_ends_the_track() {
    let at = |frame| seen(frame, &[face(100, 100, 800)]);
    let none = |frame| seen(frame, &[]);
    let tracks = join(&[at(100), none(108), none(116), at(124)], FRAMES, &settings());
    assert_eq!(tracks.len(), 1, "{tracks:?}");
    assert!((100..125).all(|frame| covers(&tracks[0], frame, face(100, 100, 0).bounds)));
    let tracks = join(&[at(100), none(113), at(126)], FRAMES, &settings());
    assert_eq!(tracks.len(), 2, "{tracks:?}");
}

#[test]
fn a_weak_sight_counts_beside_a_sure_one_earlier_and_later() {
    let weak = |frame| seen(frame, &[face(100, 100, 250)]);
    assert_eq!(join(&[weak(100), weak(110), weak(120)], FRAMES, &settings()), []);
    let sure = seen(110, &[face(102, 100, 700)]);
    let tracks = join(&[weak(100), sure, weak(120)], FRAMES, &settings());
    assert_eq!(tracks.len(), 1);
    assert!(tracks[0].frames().start <= 100 && tracks[0].frames().end > 120);
}

#[test]
fn a_track_reaches_back_to_the_sample_that_did_not_see_it() {
    let samples = [seen(0, &[]), seen(100, &[face(300, 60, 900)]), seen(200, &[])];
    let tracks = join(&samples, FRAMES, &settings());
    assert_eq!((tracks[0].frames().start, tracks[0].frames().end), (1, 200));
}

#[test]
fn kinds_do_not_mix_and_two_that_pass_each_other_stay_two() {
    let text = Detection { kind: DetectionKind::Text, ..face(100, 100, 800) };
    let samples: Vec<Seen> =
        (0..5).map(|at| seen(at * 5, &[face(100, 100, 800), text.clone()])).collect();
    let kinds: Vec<DetectionKind> =
        join(&samples, FRAMES, &settings()).iter().map(|track| track.kind).collect();
    assert_eq!(kinds, [DetectionKind::Text, DetectionKind::Face]);
    let passing = |frame: u64| {
        let at = u32::try_from(frame).unwrap();
        [face(100 + at * 4, 100, 800), face(400 - at * 4, 130, 800)]
    };
    let samples: Vec<Seen> = (0..24).map(|at| seen(at * 3, &passing(at * 3))).collect();
    let tracks = join(&samples, FRAMES, &settings());
    assert_eq!(tracks.len(), 2, "{tracks:?}");
    for frame in 0..70 {
        for place in passing(frame) {
            assert!(tracks.iter().any(|track| covers(track, frame, place.bounds)), "frame {frame}");
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_seen_is_covered_and_spans_meet(
        sights in prop::collection::vec((0_u64..400, 0_u32..600, 0_u32..330, 200_u16..1000), 1..60),
        order in any::<prop::sample::Index>(),
    ) {
        let mut samples: Vec<Seen> =
            sights.iter().map(|(frame, x, y, score)| seen(*frame, &[face(*x, *y, *score)])).collect();
        let settings = Settings { enter_score: 200, ..settings() };
        let tracks = join(&samples, FRAMES, &settings);
        for (frame, x, y, _) in &sights {
            let mut bounds = face(*x, *y, 0).bounds;
            bounds.width = bounds.width.min(640 - bounds.x);
            bounds.height = bounds.height.min(360 - bounds.y);
            prop_assert!(tracks.iter().any(|track| covers(track, *frame, bounds)), "frame {}", frame);
        }
        for track in &tracks {
            prop_assert!(track.spans.windows(2).all(|pair| pair[0].0.end == pair[1].0.start));
            prop_assert!(track.spans.iter().all(|(frames, mask)| !frames.is_empty() && mask.is_well_formed()));
            prop_assert!(track.frames().end <= FRAMES);
        }
        let middle = order.index(samples.len());
        samples.rotate_left(middle);
        prop_assert_eq!(join(&samples, FRAMES, &settings), tracks);
    }
}
