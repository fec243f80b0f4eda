//! A hole is filled with what the model makes of its surroundings, and nothing else changes.

use cleanplate_types::overlay::Mask;
use cleanplate_types::picture::Rect;
use cleanplate_vision::{FillError, Inpainter, RgbPicture, RunError};

use super::detectors::text_map;
use super::fillers::{Does, Filler, LAMA, MIGAN};
use super::machine::{open, rect, runtime};
use super::onnx::Kind;

const GREY: [f32; 3] = [0.25, 0.5, 0.75];

/// One colour, with white where `white` is.
fn picture(width: usize, height: usize, white: &[Rect]) -> RgbPicture {
    let is_white = |index: usize| {
        let (x, y) = ((index % width) as u32, (index / width) as u32);
        white.iter().any(|rect| rect.x <= x && x < rect.right() && rect.y <= y && y < rect.bottom())
    };
    let plane = |level: f32| {
        (0..width * height).map(move |index| if is_white(index) { 1.0 } else { level })
    };
    RgbPicture::new(width, height, GREY.into_iter().flat_map(plane).collect()).unwrap()
}

fn hole(width: u32, height: u32, rects: &[Rect]) -> Mask {
    let mut mask = Mask::empty(rect(0, 0, width, height));
    for rect in rects {
        for y in rect.y..rect.bottom() {
            (rect.x..rect.right()).for_each(|x| mask.set(x, y));
        }
    }
    mask
}

/// Fills `rects`, which are white in a picture of one colour, and checks that the colour is everywhere after.
fn check(fixture: &Filler, (width, height): (usize, usize), rects: &[Rect]) {
    let Some(runtime) = runtime() else { return };
    let mut inpainter = Inpainter::new(open(runtime, &fixture.model()).unwrap()).unwrap();
    let before = picture(width, height, rects);
    let mask = hole(width as u32, height as u32, rects);
    let after = inpainter.fill(&before, &mask).unwrap();
    for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
        if mask.covers(x as u32, y as u32) {
            let far =
                after.at(x, y).iter().zip(GREY).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(far < 0.02, "{fixture:?}: {:?} at {x}, {y}", after.at(x, y));
        } else {
            let same = after.at(x, y).map(f32::to_bits) == before.at(x, y).map(f32::to_bits);
            assert!(same, "{fixture:?}: {x}, {y} changed");
        }
    }
}

#[test]
fn every_variant_fills_and_changes_nothing_else() {
    // Two that are filled as one: what is between them stays.
    let logo = [rect(100, 60, 20, 10), rect(125, 75, 10, 10)];
    for fixture in [
        LAMA,
        Filler { gives_bytes: false, ..LAMA },
        Filler { kind: Kind::F16, ..LAMA },
        Filler { joined: true, gives_bytes: false, ..LAMA },
        Filler { high_is_hole: false, ..LAMA },
        Filler { mask_first: true, ..LAMA },
        Filler { open: true, ..LAMA },
        MIGAN,
        Filler { high_is_hole: true, ..MIGAN },
    ] {
        check(&fixture, (200, 150), &logo);
    }
}

#[test]
fn holes_apart_long_thick_and_at_the_border_are_all_filled() {
    let rects =
        [rect(0, 0, 30, 12), rect(60, 140, 200, 14), rect(150, 30, 80, 70), rect(290, 190, 10, 10)];
    check(&LAMA, (300, 200), &rects);
    check(&MIGAN, (300, 200), &rects);
}

#[test]
fn a_picture_smaller_than_the_models_input_is_filled() {
    check(&LAMA, (40, 30), &[rect(10, 10, 8, 6)]);
    check(&MIGAN, (45, 33), &[rect(10, 10, 8, 6)]);
}

#[test]
fn no_hole_changes_nothing() {
    let Some(runtime) = runtime() else { return };
    let mut inpainter = Inpainter::new(open(runtime, &LAMA.model()).unwrap()).unwrap();
    let before = picture(100, 80, &[rect(5, 5, 10, 10)]);
    assert_eq!(inpainter.fill(&before, &hole(100, 80, &[])).unwrap(), before);
}

#[test]
fn a_detector_fills_nothing() {
    let Some(runtime) = runtime() else { return };
    let refused = Inpainter::new(open(runtime, &text_map(0.0)).unwrap()).unwrap_err();
    assert!(matches!(refused, FillError::NotAFiller { .. }));
    assert!(refused.to_string().contains("--detect"), "{refused}");
}

#[test]
fn the_part_that_is_shown_alone_comes_to_the_same_as_the_whole_picture() {
    let Some(runtime) = runtime() else { return };
    for fixture in [LAMA, Filler { open: true, ..LAMA }] {
        let mut inpainter = Inpainter::new(open(runtime, &fixture.model()).unwrap()).unwrap();
        let (width, height) = (1001_u32, 703_u32);
        let levels = (0..3 * width * height).map(|index| (index % 977) as f32 / 977.0);
        let size = (width as usize, height as usize);
        let whole = RgbPicture::new(size.0, size.1, levels.collect()).unwrap();
        for rects in [vec![rect(901, 601, 77, 90)], vec![rect(3, 5, 40, 20), rect(300, 9, 200, 31)]]
        {
            let mask = hole(width, height, &rects);
            let part = inpainter.context(&mask, (width, height)).unwrap();
            assert!(part.x.is_multiple_of(4) && part.y.is_multiple_of(4), "{part:?}");
            assert!(part.width < width, "{part:?}");
            let at = |index: usize| {
                let (x, y) = (index as u32 % part.width, index as u32 / part.width);
                (x + part.x, y + part.y)
            };
            let count = (part.width * part.height) as usize;
            let values = (0..3).flat_map(|channel| {
                let whole = &whole;
                (0..count).map(move |index| {
                    let (x, y) = at(index);
                    whole.at(x as usize, y as usize)[channel]
                })
            });
            let cut = RgbPicture::new(part.width as usize, part.height as usize, values.collect());
            let mut inside = Mask::empty(rect(0, 0, part.width, part.height));
            for index in 0..count {
                let (x, y) = at(index);
                if mask.covers(x, y) {
                    inside.set(x - part.x, y - part.y);
                }
            }
            assert_eq!(inside.count(), mask.count());
            let alone = inpainter.fill(&cut.unwrap(), &inside).unwrap();
            let all = inpainter.fill(&whole, &mask).unwrap();
            for index in 0..count {
                let (x, y) = at(index);
                let (one, other) = (
                    alone.at((x - part.x) as usize, (y - part.y) as usize),
                    all.at(x as usize, y as usize),
                );
                assert_eq!(one.map(f32::to_bits), other.map(f32::to_bits), "{fixture:?} {x}, {y}");
            }
        }
        assert_eq!(inpainter.context(&hole(width, height, &[]), (width, height)), None);
    }
}

#[test]
fn what_turns_out_to_be_no_number_is_refused_though_the_model_was_identified() {
    let Some(runtime) = runtime() else { return };
    let fixture = Filler { does: Does::NotANumberInTheDark, ..LAMA };
    let mut inpainter = Inpainter::new(open(runtime, &fixture.model()).unwrap()).unwrap();
    let mask = hole(100, 80, &[rect(20, 20, 10, 10)]);
    assert!(inpainter.fill(&picture(100, 80, &[]), &mask).is_ok(), "it is bright");
    let dark = RgbPicture::new(100, 80, vec![0.05; 3 * 100 * 80]).unwrap();
    assert_eq!(inpainter.fill(&dark, &mask), Err(FillError::Run(RunError::NotFinite)));
}

#[test]
fn bars_that_are_nowhere_around_are_refused_though_the_model_was_identified() {
    let Some(runtime) = runtime() else { return };
    let fixture = Filler { does: Does::BarsInTheLight, ..LAMA };
    let mut inpainter = Inpainter::new(open(runtime, &fixture.model()).unwrap()).unwrap();
    let mask = hole(100, 80, &[rect(24, 20, 17, 20)]);
    let even = |level: f32| RgbPicture::new(100, 80, vec![level; 3 * 100 * 80]).unwrap();
    assert!(inpainter.fill(&even(0.5), &mask).is_ok(), "it is not bright");
    let refused = inpainter.fill(&even(0.9), &mask).unwrap_err();
    assert!(matches!(&refused, FillError::Foreign(foreign) if foreign.percent == 17), "{refused}");
}
