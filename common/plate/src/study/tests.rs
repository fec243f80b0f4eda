//! The second look on pictures whose truth is known.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "test pictures are small, and their samples are cut to their range first"
)]

use cleanplate_types::frames::FrameRange;
use cleanplate_types::overlay::{Draft, Fill, Mask, Overlay, OverlayOrigin, OverlayPlan};
use cleanplate_types::picture::{PixelLayout, PlaneRef, PlanesRef, Rect};
use cleanplate_types::request::UserLogo;

use super::*;
use crate::matte::{ALPHA_ONE, PAINT_ONE, known_at};
use crate::mattes::{Moving, PLACE_ONE, Place, SCALE_ONE};

const WIDTH: u32 = 160;
const HEIGHT: u32 = 96;

type Frame = Vec<Vec<u8>>;

fn layout() -> PixelLayout {
    PixelLayout {
        name: String::from("yuv420p"),
        depth: 8,
        planes: 3,
        chroma_shift_x: 1,
        chroma_shift_y: 1,
        full_range: false,
    }
}

fn coding() -> Coding {
    Coding { layout: layout(), size: (WIDTH, HEIGHT), matrix: 6, chroma_location: 1 }
}

struct Noise(u64);

impl Noise {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Soft blobs on a slope with some grain; another picture for each seed.
fn background(seed: u64) -> Frame {
    let mut noise = Noise(seed * 77 + 5);
    (0..3_u8)
        .map(|plane| {
            let (width, height) = layout().plane_size(plane, WIDTH, HEIGHT);
            let (base, spread) = if plane == 0 { (110.0, 90.0) } else { (128.0, 30.0) };
            let level = base + spread * (noise.unit() - 0.5);
            let slope = noise.unit() - 0.5;
            let blobs: Vec<[f64; 4]> = (0..20)
                .map(|_| {
                    let (x, y) =
                        (noise.unit() * f64::from(width), noise.unit() * f64::from(height));
                    [x, y, 3.0 + 12.0 * noise.unit(), spread * (noise.unit() - 0.5)]
                })
                .collect();
            let mut samples = Vec::new();
            for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                let (x, y) = (f64::from(x), f64::from(y));
                let mut value = level + slope * (x - 80.0) * 0.4;
                for [bx, by, r, height] in &blobs {
                    let d = ((x - bx).powi(2) + (y - by).powi(2)) / (r * r);
                    value += height / (1.0 + d * d);
                }
                value += 3.0 * (noise.unit() - 0.5);
                samples.push(value.clamp(20.0, 230.0).round() as u8);
            }
            samples
        })
        .collect()
}

fn paint(frame: &mut Frame, matte: &Matte) {
    for (number, part) in (0_u8..).zip(&matte.planes) {
        let (width, _) = layout().plane_size(number, WIDTH, HEIGHT);
        let shift = u32::from(number > 0);
        let (left, top) = (matte.bounds.x >> shift, matte.bounds.y >> shift);
        for at in 0..part.alpha.len() {
            let (x, y) = (at as u32 % part.width + left, at as u32 / part.width + top);
            let alpha = f64::from(part.alpha[at]) / f64::from(ALPHA_ONE);
            let paint = f64::from(part.paint[at]) / f64::from(PAINT_ONE);
            let seen = &mut frame[usize::from(number)][(y * width + x) as usize];
            *seen = (f64::from(*seen) * (1.0 - alpha) + paint).round() as u8;
        }
    }
}

fn refs(frame: &Frame) -> PlanesRef<'_> {
    let planes = (0..3_u8).zip(frame).map(|(plane, samples)| {
        let (width, height) = layout().plane_size(plane, WIDTH, HEIGHT);
        PlaneRef { samples: samples.as_slice(), stride: width as usize, width, height }
    });
    PlanesRef::Eight(planes.collect())
}

/// A ring and bars, 48 by 28, with that alpha.
fn logo(alpha: f64, at: Option<(i32, i32)>) -> UserLogo {
    let mut rgba = Vec::new();
    for (y, x) in (0..28_i32).flat_map(|y| (0..48_i32).map(move |x| (y, x))) {
        let ring = f64::from((x - 14).pow(2) + (y - 14).pow(2)).sqrt() - 10.0;
        let ring = (2.5 - ring.abs()).clamp(0.0, 1.0);
        let bar = f64::from(u8::from((28..46).contains(&x) && y % 9 >= 4 && y < 26));
        let colour = if x < 26 { [250, 250, 250] } else { [230, 60, 30] };
        rgba.extend(colour);
        rgba.push((255.0 * alpha * ring.max(bar)).round() as u8);
    }
    UserLogo { width: 48, height: 28, rgba, at }
}

fn at(logo: &UserLogo, place: Place) -> Matte {
    let logo = Logo { width: logo.width, height: logo.height, rgba: &logo.rgba };
    known_at(&logo, place, &coding()).unwrap()
}

fn place(x: f64, y: f64) -> Place {
    let part = |at: f64| (at * f64::from(PLACE_ONE)).round() as i32;
    Place { x: part(x), y: part(y), scale: SCALE_ONE }
}

fn overlay(origin: OverlayOrigin, bounds: Rect, fill: Fill, frames: u64) -> Overlay {
    let when = vec![FrameRange::new(0, frames)];
    Overlay { origin, mask: Mask::full(bounds), when, fill, hides: false }
}

const WHOLE: Rect = Rect { x: 0, y: 0, width: WIDTH, height: HEIGHT };
const AROUND: Rect = Rect { x: 56, y: 26, width: 56, height: 36 };

fn draft(overlays: Vec<Overlay>, logos: Vec<UserLogo>) -> Draft {
    Draft { plan: OverlayPlan::new(WIDTH, HEIGHT, overlays), logos, told_mattes: Vec::new() }
}

/// What the windows, each of `length` frames, keep of `frames` pictures.
fn look(study: &Study, frames: u64, length: u64, picture: impl Fn(u64) -> Frame) -> Vec<Studied> {
    let windows = (0..frames.div_ceil(length)).map(|at| {
        let window = FrameRange::new(at * length, ((at + 1) * length).min(frames));
        let mut looking = StudyWindow::new(study, window);
        for index in study.samples(window, &[]) {
            looking.add(index, &refs(&picture(index))).unwrap();
        }
        looking.finish()
    });
    windows.collect()
}

fn fixed(made: &Made) -> &Matte {
    match made {
        Made::Fixed(matte) => matte,
        Made::Unknown | Made::Moving(_) => panic!("{made:?} stays in place"),
    }
}

fn moving(made: &Made) -> &Moving {
    match made {
        Made::Moving(moving) => moving,
        Made::Unknown | Made::Fixed(_) => panic!("{made:?} moves"),
    }
}

#[test]
fn a_logo_whose_place_is_told_needs_no_frames() {
    for (alpha, hides) in [(0.5, false), (1.0, true)] {
        let logo = logo(alpha, Some((60, 30)));
        let drawn = overlay(OverlayOrigin::Logo, WHOLE, Fill::Auto, 50);
        let study = Study::new(&draft(vec![drawn], vec![logo.clone()]), &coding(), 50).unwrap();
        assert!(!study.needs_frames());
        assert!(study.samples(FrameRange::new(0, 50), &[]).is_empty());
        let conclusion = conclude(&study, &[], || {});
        assert_eq!(fixed(&conclusion.mattes.overlays[0]), &at(&logo, place(60.0, 30.0)));
        let overlay = &conclusion.plan.overlays[0];
        assert_eq!(overlay.hides, hides, "alpha {alpha}");
        // The ring's leftmost sample is column 2 of the logo, its lowest is in row 26.
        assert_eq!(overlay.mask.bounds.x, 60 + 2 - 2);
        assert_eq!(overlay.mask.bounds.bottom(), 30 + 27 + 2);
        assert!(!overlay.mask.covers(14, 14), "the middle of the ring is not the logo's");
    }
}

#[test]
fn few_frames_are_looked_at_each_by_one_window() {
    for (frames, length) in [(60, 60), (250, 90), (5000, 600), (900_000, 600)] {
        let drawn = overlay(OverlayOrigin::Region, AROUND, Fill::Auto, frames);
        let study = Study::new(&draft(vec![drawn], Vec::new()), &coding(), frames).unwrap();
        let windows = (0..frames.div_ceil(length))
            .map(|at| FrameRange::new(at * length, ((at + 1) * length).min(frames)));
        let starts: Vec<u64> = (0..frames).step_by(50).collect();
        let mut all = Vec::new();
        for window in windows {
            let samples = study.samples(window, &[]);
            assert!(samples.iter().all(|sample| window.contains(*sample)));
            assert!(samples.iter().all(|sample| study.is_sample(*sample)));
            let cheap = study.samples(window, &starts);
            assert_eq!(cheap.len(), samples.len());
            assert!(
                cheap.is_sorted_by(|a, b| a < b) && cheap.iter().all(|at| window.contains(*at))
            );
            all.extend(samples);
        }
        assert!(all.is_sorted_by(|a, b| a < b), "each once");
        let few = u64::try_from(all.len()).unwrap();
        assert!(few >= frames.min(SAMPLES_MIN) && few <= SAMPLES_MAX, "{few} of {frames}");
    }
    let logo =
        draft(vec![overlay(OverlayOrigin::Logo, WHOLE, Fill::Auto, 90)], vec![logo(1.0, None)]);
    let study = Study::new(&logo, &coding(), 90).unwrap();
    assert_eq!(study.samples(FrameRange::new(30, 200), &[]).len(), 60, "every frame that there is");
}

#[test]
fn what_stays_is_learned_from_all_windows_in_any_order() {
    let truth = at(&logo(0.5, None), place(60.0, 30.0));
    let overlays = vec![
        overlay(OverlayOrigin::Static, AROUND, Fill::Auto, 60),
        overlay(OverlayOrigin::Region, AROUND, Fill::Membrane, 60),
    ];
    let study = Study::new(&draft(overlays, Vec::new()), &coding(), 60).unwrap();
    let mut all = look(&study, 60, 20, |index| {
        let mut frame = background(index);
        paint(&mut frame, &truth);
        frame
    });
    let conclusion = conclude(&study, &all, || {});
    let learned = fixed(&conclusion.mattes.overlays[0]);
    let most = learned.planes[0].alpha.iter().max().copied().unwrap();
    assert!(most.abs_diff(ALPHA_ONE / 2) < ALPHA_ONE / 16, "{most}");
    assert_eq!(conclusion.mattes.overlays[1], Made::Unknown, "nobody asked");
    let found = &conclusion.plan.overlays[0];
    assert!(!found.hides && conclusion.plan.overlays[1].hides);
    assert!(found.mask.count() < u64::from(AROUND.width * AROUND.height) * 9 / 10, "refined");
    assert_eq!(conclusion.plan.overlays[1].mask, Mask::full(AROUND));
    for y in 0..AROUND.height {
        for x in 0..AROUND.width {
            let (u, v) = (x + AROUND.x - truth.bounds.x, y + AROUND.y - truth.bounds.y);
            let is_covered = truth.planes[0].alpha[(v * truth.bounds.width + u) as usize] > 400;
            let bounds = found.mask.bounds;
            let is_masked = (x + AROUND.x)
                .checked_sub(bounds.x)
                .zip((y + AROUND.y).checked_sub(bounds.y))
                .is_some_and(|(x, y)| found.mask.covers(x, y));
            assert!(is_masked || !is_covered, "{x},{y} is left out");
        }
    }
    all.reverse();
    assert_eq!(conclude(&study, &all, || {}), conclusion);
    let bytes = postcard::to_stdvec(&all).unwrap();
    assert_eq!(postcard::from_bytes::<Vec<Studied>>(&bytes).unwrap(), all);
}

#[test]
fn a_matte_that_nothing_bears_out_is_not_believed() {
    let overlays = vec![overlay(OverlayOrigin::Region, AROUND, Fill::Auto, 40)];
    let study = Study::new(&draft(overlays, Vec::new()), &coding(), 40).unwrap();
    let nothing = look(&study, 40, 40, background);
    let conclusion = conclude(&study, &nothing, || {});
    assert!(conclusion.mattes.overlays == vec![Made::Unknown], "there is nothing");
    assert!(conclusion.plan.overlays[0].hides);
    let words = look(&study, 40, 40, |index| {
        let mut frame = background(index);
        let mut noise = Noise(index / 4);
        for (row, column) in (0..7).flat_map(|row| (0..12).map(move |column| (row, column))) {
            if noise.unit() < 0.5 {
                for (y, x) in (0..4).flat_map(|y| (0..4).map(move |x| (y, x))) {
                    let place = (30 + row * 4 + y) * WIDTH as usize + 60 + column * 4 + x;
                    frame[0][place] = 235;
                }
            }
        }
        frame
    });
    let conclusion = conclude(&study, &words, || {});
    assert!(conclusion.mattes.overlays == vec![Made::Unknown], "it changes all over");
    assert_eq!(
        conclude(&study, &[], || {}).mattes.overlays,
        vec![Made::Unknown],
        "no frame was seen"
    );
}

/// How far the found places are from the true ones at most, in samples, and frames that are wrong in kind.
fn misses(found: &[Option<Place>], truth: &[Option<Place>]) -> (f64, usize) {
    assert_eq!(found.len(), truth.len());
    let (mut most, mut wrong) = (0.0_f64, 0);
    for (found, truth) in found.iter().zip(truth) {
        match (found, truth) {
            (Some(found), Some(truth)) => {
                let by = (found.x - truth.x).abs().max((found.y - truth.y).abs());
                most = most.max(f64::from(by) / f64::from(PLACE_ONE));
            }
            (None, None) => {}
            (Some(_), None) | (None, Some(_)) => wrong += 1,
        }
    }
    (most, wrong)
}

fn follow(logo: &UserLogo, way: &[Option<Place>], seed: u64) -> Conclusion {
    let frames = way.len() as u64;
    let sought = UserLogo { at: None, ..logo.clone() };
    let drawn = overlay(OverlayOrigin::Logo, WHOLE, Fill::Auto, frames);
    let study = Study::new(&draft(vec![drawn], vec![sought]), &coding(), frames).unwrap();
    assert!(study.needs_frames());
    let all = look(&study, frames, 30, |index| {
        let mut frame = background(seed + index / 7);
        if let Some(place) = way[index as usize] {
            paint(&mut frame, &at(logo, place));
        }
        frame
    });
    conclude(&study, &all, || {})
}

#[test]
fn a_logo_is_followed_where_it_drifts_jumps_and_blinks() {
    for (alpha, seed) in [(0.4, 10), (0.6, 20), (1.0, 30)] {
        let way: Vec<Option<Place>> = (0..60_i32)
            .map(|index| {
                let drift = f64::from(index) * 0.25;
                let at =
                    if index < 40 { place(20.0 + drift, 10.0) } else { place(70.0 - drift, 50.0) };
                (index != 12 && index != 50).then_some(at)
            })
            .collect();
        let conclusion = follow(&logo(alpha, None), &way, seed);
        let found = moving(&conclusion.mattes.overlays[0]);
        let (most, wrong) = misses(&found.path, &way);
        assert!(most <= 0.25 && wrong == 0, "alpha {alpha}: {most} off, {wrong} wrong");
        let shown = [(0, 12), (13, 50), (51, 60)].map(|(from, to)| FrameRange::new(from, to));
        assert_eq!(conclusion.plan.overlays[0].when, shown);
        let mask = &conclusion.plan.overlays[0].mask;
        assert!(mask.bounds.x <= 20 && mask.bounds.right() >= 60 + 46, "{:?}", mask.bounds);
        assert_eq!(conclusion.plan.overlays[0].hides, alpha > 0.9);
    }
}

#[test]
fn a_logo_of_another_size_is_found_and_followed_as_it_grows() {
    let logo = logo(0.8, None);
    let way: Vec<Option<Place>> = (0..40_u16)
        .map(|index| {
            let scale = if index < 20 { 700 } else { 1300 + index * 4 };
            Some(Place { x: 30 * PLACE_ONE, y: 20 * PLACE_ONE, scale })
        })
        .collect();
    let conclusion = follow(&logo, &way, 40);
    let found = moving(&conclusion.mattes.overlays[0]);
    let (most, wrong) = misses(&found.path, &way);
    assert!(most <= 0.5 && wrong == 0, "{most} off, {wrong} wrong");
    for (found, truth) in found.path.iter().flatten().zip(way.iter().flatten()) {
        let off = f64::from(found.scale.abs_diff(truth.scale)) / f64::from(SCALE_ONE) * 48.0;
        assert!(off < 0.5, "{found:?} is not {truth:?}");
    }
}

#[test]
fn a_logo_that_stays_is_at_one_place() {
    let logo = logo(0.6, None);
    let way = vec![Some(place(71.0, 33.0)); 40];
    let conclusion = follow(&logo, &way, 60);
    assert_eq!(fixed(&conclusion.mattes.overlays[0]), &at(&logo, place(71.0, 33.0)));
    assert_eq!(conclusion.plan.overlays[0].when, vec![FrameRange::new(0, 40)]);
}

#[test]
fn a_logo_that_is_nowhere_is_said_to_be_nowhere() {
    let conclusion = follow(&logo(0.5, None), &vec![None; 40], 80);
    assert_eq!(conclusion.mattes.overlays, vec![Made::Unknown]);
    assert!(conclusion.plan.overlays[0].when.is_empty());
    assert_eq!(conclusion.notes, vec![String::from("logo 1 was found in no frame")]);
}

#[test]
fn what_another_video_taught_is_taken_where_it_fits() {
    let matte = at(&logo(0.5, None), place(60.0, 30.0));
    let mut deeper = matte.clone();
    deeper.layout.depth = 10;
    let told = Mattes {
        overlays: vec![Made::Fixed(Box::new(matte.clone())), Made::Fixed(Box::new(deeper))],
    };
    let drawn = |origin| overlay(origin, AROUND, Fill::Auto, 10);
    let overlays =
        vec![drawn(OverlayOrigin::Region), drawn(OverlayOrigin::Plan), drawn(OverlayOrigin::Plan)];
    let mut draft = draft(overlays, Vec::new());
    draft.told_mattes = postcard::to_stdvec(&told).unwrap();
    draft.plan.overlays[1].when.clear();
    let study = Study::new(&draft, &coding(), 40).unwrap();
    let conclusion = conclude(&study, &[], || {});
    assert_eq!(fixed(&conclusion.mattes.overlays[1]), &matte);
    assert_eq!(conclusion.mattes.overlays[2], Made::Unknown);
    assert_eq!(conclusion.notes.len(), 1, "{:?}", conclusion.notes);
    assert_eq!(conclusion.plan.overlays[1].when, vec![FrameRange::new(0, 40)]);
    assert_eq!(conclusion.plan.overlays[1].mask, Mask::full(AROUND));
}

#[test]
fn damaged_drafts_and_foreign_frames_are_refused() {
    let drawn = |origin| overlay(origin, AROUND, Fill::Auto, 10);
    let mut told = draft(vec![drawn(OverlayOrigin::Plan)], Vec::new());
    told.told_mattes = vec![255; 9];
    assert!(matches!(Study::new(&told, &coding(), 10), Err(StudyError::Told(_))));
    let two = Mattes { overlays: vec![Made::Unknown, Made::Unknown] };
    told.told_mattes = postcard::to_stdvec(&two).unwrap();
    assert!(matches!(Study::new(&told, &coding(), 10), Err(StudyError::Draft(_))));
    let other = draft(vec![drawn(OverlayOrigin::Region)], vec![logo(1.0, None)]);
    assert!(matches!(Study::new(&other, &coding(), 10), Err(StudyError::Draft(_))));
    let outside = draft(vec![drawn(OverlayOrigin::Logo)], vec![logo(1.0, Some((500, 0)))]);
    let refused = Study::new(&outside, &coding(), 10);
    assert!(matches!(refused, Err(StudyError::Logo { number: 1, .. })), "{refused:?}");
    let region = draft(vec![drawn(OverlayOrigin::Region)], Vec::new());
    let study = Study::new(&region, &coding(), 10).unwrap();
    let window = FrameRange::new(2, 8);
    let mut looking = StudyWindow::new(&study, window);
    let frame = background(1);
    assert_eq!(looking.add(8, &refs(&frame)), Err(StudyWindowError::Outside { index: 8, window }));
    looking.add(4, &refs(&frame)).unwrap();
    assert_eq!(
        looking.add(4, &refs(&frame)),
        Err(StudyWindowError::OutOfOrder { index: 4, last: 4 })
    );
    let none = PlanesRef::Eight(Vec::new());
    assert!(matches!(looking.add(5, &none), Err(StudyWindowError::OtherSize { .. })));
}

/// Whether the plan's overlay is said to be in a frame.
fn is_said(conclusion: &Conclusion, frame: u64) -> bool {
    conclusion.plan.overlays[0].when.iter().any(|range| range.contains(frame))
}

/// What is concluded of a found overlay that `paint` paints, where the finder told of `told`.
fn conclude_found(told: &[(u64, u64)], paint: impl Fn(u64, &mut Frame)) -> Conclusion {
    let mut found = overlay(OverlayOrigin::Static, AROUND, Fill::Auto, 120);
    found.when = told.iter().map(|(start, end)| FrameRange::new(*start, *end)).collect();
    let study = Study::new(&draft(vec![found], Vec::new()), &coding(), 120).unwrap();
    let all = look(&study, 120, 60, |index| {
        let mut frame = background(index);
        paint(index, &mut frame);
        frame
    });
    conclude(&study, &all, || {})
}

#[test]
fn a_part_time_opaque_overlay_is_there_where_frames_show_it_whatever_the_finder_told() {
    let shown = at(&logo(1.0, None), place(60.0, 30.0));
    let conclusion = conclude_found(&[(10, 25), (50, 120)], |index, frame| {
        if (30..90).contains(&index) {
            paint(frame, &shown);
        }
    });
    assert!((30..90).all(|frame| is_said(&conclusion, frame)), "{:?}", conclusion.plan.overlays);
    let shown = |frame: u64| match &conclusion.mattes.overlays[0] {
        // It is asked in each frame whether it shows.
        Made::Fixed(_) => false,
        Made::Unknown | Made::Moving(_) => is_said(&conclusion, frame),
    };
    let vain = (0..120).filter(|frame| shown(*frame) && !(30..90).contains(frame)).count();
    assert!(vain <= 24, "{vain}: {:?}", conclusion.plan.overlays[0].when);
}

#[test]
fn words_that_change_are_removed_in_frames_of_which_the_finder_did_not_tell() {
    let conclusion = conclude_found(&[(0, 40), (80, 120)], |index, frame| {
        let mut noise = Noise(index / 40);
        for (row, column) in (0..7).flat_map(|row| (0..12).map(move |column| (row, column))) {
            let level = if noise.unit() < 0.5 { 235 } else { 16 };
            for (y, x) in (0..4).flat_map(|y| (0..4).map(move |x| (y, x))) {
                frame[0][(30 + row * 4 + y) * WIDTH as usize + 60 + column * 4 + x] = level;
            }
        }
    });
    assert!((0..120).all(|frame| is_said(&conclusion, frame)), "{:?}", conclusion.plan.overlays);
}

#[test]
fn a_mark_that_is_known_is_asked_for_in_frames_of_which_the_finder_did_not_tell() {
    let shown = at(&logo(0.2, None), place(60.0, 30.0));
    let conclusion = conclude_found(&[(0, 60)], |_, frame| paint(frame, &shown));
    assert!(matches!(conclusion.mattes.overlays[0], Made::Fixed(_)));
    assert!((0..120).all(|frame| is_said(&conclusion, frame)), "{:?}", conclusion.plan.overlays);
}

#[test]
fn a_region_that_was_told_for_a_time_is_learned_from_that_time_or_not_at_all() {
    let shown = at(&logo(0.6, None), place(60.0, 30.0));
    let told = |frames: std::ops::Range<u64>| {
        let mut region = overlay(OverlayOrigin::Region, AROUND, Fill::Auto, 120);
        region.when = vec![FrameRange::new(frames.start, frames.end)];
        let study = Study::new(&draft(vec![region], Vec::new()), &coding(), 120).unwrap();
        let all = look(&study, 120, 60, |index| {
            let mut frame = background(index);
            if frames.contains(&index) {
                paint(&mut frame, &shown);
            }
            frame
        });
        conclude(&study, &all, || {}).mattes.overlays.remove(0)
    };
    assert_eq!(told(100..118), Made::Unknown, "they are too few");
    let made = told(90..120);
    let matte = fixed(&made);
    let alpha = |matte: &Matte| matte.planes[0].alpha.iter().max().copied().unwrap_or(0);
    let (learned, true_one) = (alpha(matte), alpha(&shown));
    let off = learned.abs_diff(true_one);
    assert!(off < ALPHA_ONE / 10, "the other half dilutes it: {learned} for {true_one}");
}

#[test]
fn what_a_detector_saw_is_not_learned_and_stays_as_it_was_told() {
    let mut overlays = Vec::new();
    for at in 0..5000 {
        let mut caption = overlay(OverlayOrigin::Text, AROUND, Fill::Auto, 120);
        caption.when = vec![FrameRange::new(at * 20, at * 20 + 15)];
        overlays.push(caption);
    }
    overlays.push(overlay(OverlayOrigin::Object, AROUND, Fill::Membrane, 100_000));
    overlays.iter_mut().for_each(|overlay| overlay.hides = true);
    let study = Study::new(&draft(overlays.clone(), Vec::new()), &coding(), 100_000).unwrap();
    assert!(!study.needs_frames());
    let conclusion = conclude(&study, &[], || {});
    assert!(conclusion.plan.overlays == overlays);
    assert!(conclusion.mattes.overlays.iter().all(|made| *made == Made::Unknown));
    assert!(conclusion.notes.is_empty());
}
