//! What must hold of `track`.

use cleanplate_types::detection::{Detection, DetectionKind, Seen};
use cleanplate_types::frames::FrameRange;
use cleanplate_types::overlay::{Mask, OverlayOrigin, Track};
use cleanplate_types::picture::Rect;
use proptest::prelude::*;

use super::{Cut, Followed, Settings, followed, second_looks};

const FRAMES: u64 = 500;

fn settings() -> Settings {
    Settings::usual(640, 360, 25)
}

fn join(samples: &[Seen]) -> Followed {
    followed(samples, &[], FRAMES, &settings())
}

fn rect(x: u32, y: u32, width: u32, height: u32) -> Rect {
    Rect { x, y, width, height }
}

fn face(x: u32, y: u32, score: u16) -> Detection {
    Detection { kind: DetectionKind::Face, bounds: rect(x, y, 40, 50), score, mask: None }
}

fn text(bounds: Rect) -> Detection {
    Detection { kind: DetectionKind::Text, bounds, score: 700, mask: None }
}

fn seen(frame: u64, detections: &[Detection]) -> Seen {
    Seen { frame, detections: detections.to_vec() }
}

fn small(value: u64) -> u32 {
    u32::try_from(value).unwrap()
}

fn holds(outer: Rect, bounds: Rect) -> bool {
    outer.x <= bounds.x
        && outer.y <= bounds.y
        && outer.right() >= bounds.right()
        && outer.bottom() >= bounds.bottom()
}

/// Whether `track` covers all of `bounds` in `frame`.
fn covers(track: &Track, frame: u64, bounds: Rect) -> bool {
    track.at(frame).is_some_and(|outer| holds(outer, bounds))
}

/// Whether all of `bounds` is covered in `frame` by one overlay or track.
fn is_covered(followed: &Followed, frame: u64, bounds: Rect) -> bool {
    let mut overlays = followed.overlays.iter();
    followed.tracks.iter().any(|track| covers(track, frame, bounds))
        || overlays.any(|overlay| {
            overlay.when.iter().any(|range| range.contains(frame))
                && holds(overlay.mask.bounds, bounds)
        })
}

fn frames_of(track: &Track) -> (u64, u64) {
    (track.steps[0].frames.start, track.steps[track.steps.len() - 1].frames.end)
}

#[test]
fn a_face_that_moves_is_one_track_and_is_covered_all_the_way() {
    let place = |frame: u64| face(small(frame) * 3, 100, 800);
    let samples: Vec<Seen> = (0..20).map(|at| seen(at * 8, &[place(at * 8)])).collect();
    let found = join(&samples);
    assert_eq!((found.tracks.len(), found.overlays.len()), (1, 0), "{found:?}");
    let track = &found.tracks[0];
    assert!((0..153).all(|frame| covers(track, frame, place(frame).bounds)));
    let inner = track.steps.iter().filter(|step| step.frames.end <= 152);
    let largest = inner.map(|step| step.bounds.width).max();
    assert!(largest < Some(88), "what lies between is cut into steps: {largest:?}");
    assert_eq!(track.origin, OverlayOrigin::Face);
}

#[test]
fn a_face_that_leaves_is_covered_to_the_edge_of_the_picture() {
    let place = |frame: u64| face(400 + small(frame) * 4, 100, 800);
    let mut samples: Vec<Seen> = (0..6).map(|at| seen(at * 8, &[place(at * 8)])).collect();
    samples.push(seen(48, &[]));
    let found = join(&samples);
    assert!(found.tracks[0].at(45).unwrap().right() == 640, "{:?}", found.tracks[0].at(45));
    assert!(covers(&found.tracks[0], 47, rect(588, 100, 40, 50)));
    // One that stands is not led anywhere.
    let stands: Vec<Seen> = (0..6).map(|at| seen(at * 8, &[face(560, 100, 800)])).collect();
    assert!(join(&stands).tracks[0].at(45).unwrap().right() < 620);
}

#[test]
fn a_gap_of_a_second_is_covered_by_what_holds_both_its_ends_and_a_longer_one_from_both_sides() {
    let at = |frame, x| seen(frame, &[face(x, 100, 800)]);
    let none = |frame| seen(frame, &[]);
    let found = join(&[at(100, 100), none(108), none(116), at(124, 130)]);
    assert_eq!(found.tracks.len(), 1, "{found:?}");
    for frame in 100..125 {
        let track = &found.tracks[0];
        assert!(covers(track, frame, rect(100, 100, 70, 50)), "frame {frame}");
    }
    let found = join(&[at(100, 100), at(160, 130)]);
    assert!((100..161).all(|frame| covers(&found.tracks[0], frame, rect(100, 100, 70, 50))));
    let found = join(&[at(100, 100), none(113), at(126, 100)]);
    assert_eq!(found.tracks.len(), 2, "{found:?}");
    assert!((100..127).all(|frame| is_covered(&found, frame, rect(100, 100, 40, 50))));
}

#[test]
fn a_weak_sight_counts_beside_a_sure_one_earlier_and_later() {
    let weak = |frame| seen(frame, &[face(100, 100, 250)]);
    assert_eq!(join(&[weak(100), weak(110), weak(120)]), Followed::default());
    let sure = seen(110, &[face(102, 100, 700)]);
    let found = join(&[weak(100), sure, weak(120)]);
    let (start, end) = frames_of(&found.tracks[0]);
    assert!(found.tracks.len() == 1 && start <= 100 && end > 120);
}

#[test]
fn one_sight_of_a_face_reaches_to_the_samples_that_did_not_see_it() {
    let samples = [seen(0, &[]), seen(100, &[face(300, 60, 600)]), seen(200, &[])];
    assert_eq!(frames_of(&join(&samples).tracks[0]), (1, 200));
    let dense = [seen(99, &[]), seen(100, &[face(300, 60, 600)]), seen(101, &[])];
    assert_eq!(frames_of(&join(&dense).tracks[0]), (87, 114), "half a second at least");
}

#[test]
fn kinds_do_not_mix_and_two_that_pass_each_other_stay_two() {
    let samples: Vec<Seen> = (0..5)
        .map(|at| seen(at * 5, &[face(100, 100, 800), text(rect(100, 100, 40, 50))]))
        .collect();
    let found = join(&samples);
    assert_eq!((found.overlays.len(), found.tracks.len()), (1, 1));
    let passing = |frame: u64| {
        let at = small(frame);
        [face(100 + at * 4, 100, 800), face(400 - at * 4, 130, 800)]
    };
    let samples: Vec<Seen> = (0..24).map(|at| seen(at * 3, &passing(at * 3))).collect();
    let found = join(&samples);
    assert_eq!(found.tracks.len(), 2, "{found:?}");
    for frame in 0..70 {
        let places = passing(frame);
        assert!(places.iter().all(|place| is_covered(&found, frame, place.bounds)), "{frame}");
    }
}

/// Words at a place that the detector finds a few samples off.
fn trembling(bounds: Rect, frame: u64) -> Detection {
    let off = |seed: u64| small((frame * 7 + seed) % 5);
    text(rect(bounds.x + off(0), bounds.y + off(1), bounds.width - off(2), bounds.height - off(3)))
}

#[test]
fn a_caption_whose_box_trembles_is_one_overlay_with_one_mask() {
    let line = rect(203, 300, 230, 26);
    let samples: Vec<Seen> = (0..40)
        .map(|at| at * 5)
        .map(|frame| {
            let shown = (50..=150).contains(&frame) && frame != 90;
            seen(frame, &if shown { vec![trembling(line, frame)] } else { Vec::new() })
        })
        .collect();
    let found = join(&samples);
    assert_eq!((found.overlays.len(), found.tracks.len()), (1, 0), "{found:?}");
    let overlay = &found.overlays[0];
    assert_eq!(overlay.when, [FrameRange::new(46, 155)], "up to the samples without it");
    assert!(holds(overlay.mask.bounds, line) && overlay.mask.bits.is_empty());
    assert!(overlay.mask.bounds.width < 260 && overlay.mask.bounds.height < 44, "{overlay:?}");
    assert!(overlay.hides && overlay.origin == OverlayOrigin::Text);
}

#[test]
fn captions_that_differ_or_have_a_gap_between_them_are_overlays_of_their_own() {
    let (short, long) = (rect(250, 300, 140, 26), rect(170, 300, 300, 26));
    let at = |frame: u64| match frame {
        20..=70 | 121..=150 => Some(short),
        71..=120 | 171..=200 => Some(long),
        _ => None,
    };
    let samples: Vec<Seen> = (0..50)
        .map(|at| at * 5)
        .map(|frame| seen(frame, &at(frame).map(text).into_iter().collect::<Vec<_>>()))
        .collect();
    let found = join(&samples);
    let when: Vec<(u64, u64)> =
        found.overlays.iter().map(|overlay| (overlay.when[0].start, overlay.when[0].end)).collect();
    assert_eq!(when, [(16, 75), (71, 125), (121, 155), (171, 205)]);
    let alike: Vec<Seen> = (0..50)
        .map(|at| at * 5)
        .map(|frame| seen(frame, &if frame % 60 < 40 { vec![text(short)] } else { Vec::new() }))
        .collect();
    assert_eq!(join(&alike).overlays.len(), 5, "a gap that four samples bear out");
}

#[test]
fn second_looks_make_the_ends_exact_to_the_frame() {
    let line = rect(203, 300, 230, 26);
    let shows = |frame: u64| (53..=147).contains(&frame) || (190..=191).contains(&frame);
    let look = |frame: u64| {
        seen(frame, &if shows(frame) { vec![trembling(line, frame)] } else { Vec::new() })
    };
    let mut samples: Vec<Seen> = (0..25).map(|at| look(at * 10)).collect();
    let mut rounds = 0;
    loop {
        let wanted = second_looks(&samples, FRAMES, &settings());
        if wanted.is_empty() {
            break;
        }
        assert!(wanted.iter().all(|frame| samples.iter().all(|sample| sample.frame != *frame)));
        samples.extend(wanted.into_iter().map(look));
        rounds += 1;
        assert!(rounds < 6, "it halves: {samples:?}");
    }
    let when: Vec<FrameRange> =
        join(&samples).overlays.iter().map(|overlay| overlay.when[0]).collect();
    assert_eq!(when, [FrameRange::new(53, 148), FrameRange::new(190, 192)]);
    assert!(samples.len() < 60, "{} looks", samples.len());
}

#[test]
fn a_line_that_is_marked_closer_at_its_end_is_there_to_its_end() {
    // A second look shows the line larger, and its box is as wide but lower.
    let usual = text(rect(300, 286, 200, 38));
    let closer = text(rect(304, 292, 194, 26));
    // Another sees half of it, for less than a caption lasts.
    let half = text(rect(400, 290, 100, 30));
    let settings = Settings { frames_min: 6, ..settings() };
    let join = |samples: &[Seen]| followed(samples, &[], FRAMES, &settings);
    for other in [closer, half] {
        let mut samples: Vec<Seen> =
            (0..5).map(|at| seen(at * 6, std::slice::from_ref(&usual))).collect();
        samples.extend([25, 26].map(|frame| seen(frame, std::slice::from_ref(&other))));
        samples.extend([27, 30, 36].map(|frame| seen(frame, &[])));
        let found = join(&samples);
        for frame in 0..27 {
            assert!(is_covered(&found, frame, usual.bounds), "{frame}: {found:?}");
        }
        assert!(!is_covered(&found, 27, usual.bounds), "{found:?}");
        // The same, seen backwards.
        let turned = samples.iter().map(|one| seen(FRAMES - 1 - one.frame, &one.detections));
        let found = join(&turned.collect::<Vec<_>>());
        let all = FRAMES - 27..FRAMES;
        assert!(all.clone().all(|frame| is_covered(&found, frame, usual.bounds)), "{found:?}");
        assert!(!is_covered(&found, all.start - 1, usual.bounds), "{found:?}");
    }
}

#[test]
fn what_fades_is_covered_a_little_longer_and_what_comes_and_goes_at_once_is_not() {
    let line = text(rect(300, 286, 200, 38));
    let there = (10..31).map(|frame| seen(frame, std::slice::from_ref(&line)));
    let samples: Vec<Seen> =
        [9, 31].map(|frame| seen(frame, &[])).into_iter().chain(there).collect();
    let settings = Settings { fade_frames: 3, ..settings() };
    let when = |cuts: &[Cut]| {
        let found = followed(&samples, cuts, FRAMES, &settings).overlays;
        (found[0].when[0].start, found[0].when[0].end)
    };
    let cut = |frame: u64, x: u32| Cut { frame, bounds: rect(x, 280, 200, 40) };
    assert_eq!(when(&[]), (7, 34));
    assert_eq!(when(&[cut(10, 310)]), (10, 34));
    assert_eq!(when(&[cut(31, 310)]), (7, 31));
    assert_eq!(
        when(&[cut(30, 310), cut(31, 500), cut(9, 310)]),
        (7, 34),
        "others' frames and places"
    );
    // What is private reaches on whatever the picture does.
    let faces = [seen(30, &[]), seen(31, &[face(300, 280, 900)]), seen(32, &[])];
    let track = |cuts: &[Cut]| frames_of(&followed(&faces, cuts, FRAMES, &settings).tracks[0]);
    assert_eq!(track(&[cut(31, 300), cut(32, 300)]), track(&[]));
}

#[test]
fn between_two_that_come_and_go_at_once_nothing_is_covered() {
    let line = text(rect(300, 286, 200, 38));
    let shown = [10, 16, 20, 27, 28, 34].map(|frame| seen(frame, std::slice::from_ref(&line)));
    let gone = [9, 21, 24, 26, 35].map(|frame| seen(frame, &[]));
    let samples: Vec<Seen> = shown.into_iter().chain(gone).collect();
    let cut = |frame: u64| Cut { frame, bounds: line.bounds };
    let when = |cuts: &[Cut]| {
        let found = followed(&samples, cuts, FRAMES, &settings()).overlays;
        found.iter().flat_map(|one| &one.when).map(|it| (it.start, it.end)).collect::<Vec<_>>()
    };
    assert_eq!(when(&[]), [(10, 35)], "it may have been missed");
    assert_eq!(when(&[cut(21)]), [(10, 35)]);
    assert_eq!(when(&[cut(21), cut(27)]), [(10, 21), (27, 35)]);
}

#[test]
fn a_line_of_which_a_part_is_seen_first_as_it_fades_in_is_covered_whole() {
    let line = text(rect(300, 286, 200, 38));
    let part = text(rect(300, 286, 120, 38));
    let early = (10..18).map(|frame| seen(frame, std::slice::from_ref(&part)));
    let full = (18..80).map(|frame| seen(frame, std::slice::from_ref(&line)));
    let samples: Vec<Seen> = early.chain(full).chain([seen(9, &[]), seen(80, &[])]).collect();
    let covered = |cuts: &[Cut]| {
        let found = followed(&samples, cuts, FRAMES, &settings());
        (0..FRAMES).filter(|frame| is_covered(&found, *frame, line.bounds)).collect::<Vec<_>>()
    };
    assert_eq!(covered(&[]), (10..80).collect::<Vec<_>>());
    let another = Cut { frame: 18, bounds: line.bounds };
    assert_eq!(covered(&[another]), (18..80).collect::<Vec<_>>(), "that is another caption");
}

#[test]
fn a_chance_sight_of_text_is_no_overlay_unless_it_is_sure_or_samples_are_sparse() {
    let found = |score: u16, apart: u64| {
        let sign = Detection { score, ..text(rect(300, 60, 90, 20)) };
        let samples = [seen(100 - apart, &[]), seen(100, &[sign]), seen(100 + apart, &[])];
        join(&samples).overlays.len()
    };
    assert_eq!((found(700, 5), found(950, 5), found(700, 50)), (0, 1, 1));
}

#[test]
fn writing_that_goes_with_the_camera_is_left_alone_and_a_title_in_front_of_it_is_not() {
    let title = rect(200, 40, 180, 30);
    // The camera slows down as it goes; signs pass by.
    let sign = |frame: u64, at: u32| {
        let x = 40 + small(frame) * 4 - small(frame * frame) / 100 + at;
        text(rect(x, 150 + at / 4, 60, 24))
    };
    let samples: Vec<Seen> = (0..24)
        .map(|at| at * 5)
        .map(|frame| seen(frame, &[text(title), sign(frame, 0), sign(frame, 150)]))
        .collect();
    let found = join(&samples);
    assert_eq!((found.overlays.len(), found.tracks.len(), found.left_alone), (1, 0, 2));
    assert!(holds(found.overlays[0].mask.bounds, title));
    // A slow one too, whose places hardly differ from sample to sample.
    let slow: Vec<Seen> = (0..60)
        .map(|at| at * 5)
        .map(|frame| seen(frame, &[text(rect(100 + small(frame) / 3, 100, 80, 24))]))
        .collect();
    assert_eq!((join(&slow).overlays.len(), join(&slow).left_alone), (0, 1));
}

#[test]
fn lines_that_roll_are_tracks_and_are_covered_all_the_way() {
    let line = |frame: u64, number: u32| {
        let y = (340 + 60 * number).checked_sub(2 * small(frame))?;
        (y < 334).then(|| rect(200 + 15 * number, y, 220 - 30 * number, 24))
    };
    let lines = |frame: u64| (0..4).filter_map(move |number| line(frame, number));
    let samples: Vec<Seen> = (0..40)
        .map(|at| at * 5)
        .map(|frame| seen(frame, &lines(frame).map(text).collect::<Vec<_>>()))
        .collect();
    let found = join(&samples);
    assert_eq!((found.tracks.len(), found.overlays.len(), found.left_alone), (4, 0, 0));
    for frame in 5..160 {
        assert!(lines(frame).all(|line| is_covered(&found, frame, line)), "frame {frame}");
    }
    let two: Vec<Seen> = samples
        .iter()
        .map(|one| seen(one.frame, &one.detections[..one.detections.len().min(1)]))
        .collect();
    assert!(join(&two).tracks.len() < 4, "what is no roll is none");
}

#[test]
fn a_title_that_slides_in_and_rests_is_covered_on_its_way_too() {
    let place = |frame: u64| rect(20 + small(frame.min(30)) * 6, 280, 160, 28);
    let samples: Vec<Seen> =
        (0..40).map(|at| at * 5).map(|frame| seen(frame, &[text(place(frame))])).collect();
    let found = join(&samples);
    assert_eq!((found.overlays.len(), found.tracks.len(), found.left_alone), (1, 1, 0));
    assert!((0..200).all(|frame| is_covered(&found, frame, place(frame))));
}

#[test]
fn an_object_that_stays_is_an_overlay_of_its_own_samples_and_one_that_moves_is_a_track() {
    let bounds = rect(500, 40, 60, 60);
    let mut ring = Mask::empty(bounds);
    (0..60).for_each(|at| ring.set(at, at));
    let logo = Detection { kind: DetectionKind::Object, mask: Some(ring), ..text(bounds) };
    let moving = |frame: u64| Detection {
        kind: DetectionKind::Object,
        ..text(rect(50 + small(frame) * 2, 200, 40, 40))
    };
    let samples: Vec<Seen> =
        (0..30).map(|at| at * 5).map(|frame| seen(frame, &[logo.clone(), moving(frame)])).collect();
    let found = join(&samples);
    assert_eq!((found.overlays.len(), found.tracks.len()), (1, 1));
    let mask = &found.overlays[0].mask;
    let at = |x: u32, y: u32| mask.covers(x - mask.bounds.x, y - mask.bounds.y);
    assert!(at(530, 70) && at(522, 70) && !at(505, 95) && mask.is_well_formed());
    assert!((0..146).all(|frame| covers(&found.tracks[0], frame, moving(frame).bounds)));
}

/// Sights of any kind, anywhere.
fn sights() -> impl Strategy<Value = Vec<(u64, u32, u32, u16, DetectionKind)>> {
    use DetectionKind::{Face, Object, Plate, Text};
    let kind = prop::sample::select(vec![Face, Plate, Object, Text]);
    prop::collection::vec((0_u64..400, 0_u32..640, 0_u32..360, 200_u16..1000, kind), 1..60)
}

proptest! {
    #[test]
    fn whatever_is_surely_seen_is_covered_in_any_order_of_the_samples(
        sights in sights(),
        order in any::<prop::sample::Index>(),
    ) {
        let place = |x: u32, y: u32| rect(x, y, 40, 50);
        let mut samples: Vec<Seen> = sights.iter().map(|(frame, x, y, score, kind)| {
            let found = Detection { kind: *kind, bounds: place(*x, *y), score: *score, mask: None };
            seen(*frame, &[found])
        }).collect();
        let found = join(&samples);
        for (frame, x, y, score, kind) in &sights {
            // Text may be left alone, and one chance sight of an object too.
            let least = match kind {
                DetectionKind::Face | DetectionKind::Plate => 500,
                DetectionKind::Object => 900,
                DetectionKind::Text => 1001,
            };
            if *score >= least {
                let bounds = super::places::clipped(place(*x, *y), &settings()).unwrap();
                prop_assert!(is_covered(&found, *frame, bounds), "frame {}", frame);
            }
        }
        for track in &found.tracks {
            prop_assert!(track.steps.windows(2).all(|pair| pair[0].frames.end == pair[1].frames.start));
            prop_assert!(track.steps.len() <= 32 * (sights.len() + 2));
            for step in &track.steps {
                prop_assert!(!step.frames.is_empty() && step.frames.end <= FRAMES);
                prop_assert!(step.bounds.width > 0 && step.bounds.height > 0);
                prop_assert!(step.bounds.right() <= 640 && step.bounds.bottom() <= 360);
            }
        }
        for overlay in &found.overlays {
            let bounds = overlay.mask.bounds;
            prop_assert!(bounds.right() <= 640 && bounds.bottom() <= 360 && overlay.mask.is_well_formed());
            prop_assert!(overlay.when.iter().all(|frames| !frames.is_empty() && frames.end <= FRAMES));
        }
        let looks = second_looks(&samples, FRAMES, &settings());
        let middle = order.index(samples.len());
        samples.rotate_left(middle);
        samples[..middle].reverse();
        prop_assert_eq!(join(&samples), found);
        prop_assert_eq!(second_looks(&samples, FRAMES, &settings()), looks);
    }
}

#[test]
fn a_chance_sight_that_second_looks_confirm_in_frames_beside_it_is_none() {
    let settings = Settings { frames_min: 7, sure_score: 1001, ..Settings::usual(640, 360, 25) };
    let lasting = |frames: std::ops::Range<u64>| {
        let samples: Vec<Seen> = (0..60)
            .map(|at| {
                let bounds = Rect { x: 100, y: 300, width: 200, height: 24 };
                let text = Detection { kind: DetectionKind::Text, bounds, score: 950, mask: None };
                let detections = if frames.contains(&at) { vec![text] } else { Vec::new() };
                Seen { frame: at, detections }
            })
            .collect();
        followed(&samples, &[], FRAMES, &settings).overlays.len()
    };
    assert_eq!((lasting(20..26), lasting(20..27)), (0, 1));
}
