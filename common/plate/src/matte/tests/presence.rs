//! Whether a frame shows an overlay, on pictures of which it is known.

use super::*;

/// A solid mark, 56 by 32, of that alpha and colour.
fn solid(coding: &Coding, alpha: u8, [red, green, blue]: [u8; 3]) -> Matte {
    let bytes: Vec<u8> = (0..56 * 32).flat_map(|_| [red, green, blue, alpha]).collect();
    known(&logo(&bytes), (60, 30), coding).unwrap()
}

/// How strongly each of 12 pictures, changed by `behind`, shows `part` of the mark.
fn strengths(matte: &Matte, part: f64, behind: impl Fn(u64, &mut Frame)) -> Vec<u8> {
    let mut inverter = Inverter::new(matte).unwrap();
    let strength = |seed| {
        let mut frame = background(&matte.layout, seed);
        behind(seed, &mut frame);
        let painted = composite(&frame, matte, part);
        invert(&mut inverter, &matte.layout, &painted).0.strength
    };
    (0..12).map(strength).collect()
}

/// All of the luma about `grey`, as rough as a texture.
fn textured(grey: u16) -> impl Fn(u64, &mut Frame) {
    move |seed, frame| {
        let mut noise = Noise(seed);
        frame[0].iter_mut().for_each(|sample| *sample = grey + (16.0 * noise.unit()) as u16 - 8);
    }
}

#[test]
fn an_opaque_mark_shows_in_every_frame_that_has_it_and_in_no_other() {
    let matte = solid(&coding(8, (1, 1)), 255, [230, 30, 30]);
    for full in strengths(&matte, 1.0, |_, _| {}) {
        assert!(full >= STRENGTH_ONE - 2, "the whole mark was taken for {full}");
    }
    assert_eq!(strengths(&matte, 0.0, |_, _| {}), [0; 12]);
}

#[test]
fn what_is_as_grey_as_an_opaque_mark_does_not_pass_for_it() {
    let matte = solid(&coding(8, (1, 1)), 255, [230, 30, 30]);
    let middle = matte.planes[0].paint.len() / 2 + matte.bounds.width as usize / 2;
    let grey = matte.planes[0].paint[middle] / PAINT_ONE;
    assert_eq!(strengths(&matte, 0.0, textured(grey)), [0; 12]);
    assert_eq!(strengths(&matte, 1.0, textured(grey)), [STRENGTH_ONE; 12]);
    for half in strengths(&matte, 0.5, textured(grey)) {
        assert!(half.abs_diff(STRENGTH_ONE / 2) <= 4, "a half was taken for {half}");
    }
}

#[test]
fn a_mark_that_shines_through_is_told_by_its_edges() {
    let matte = solid(&coding(8, (1, 1)), 115, [255, 255, 255]);
    for full in strengths(&matte, 1.0, |_, _| {}) {
        assert!(full >= STRENGTH_ONE - 2, "the whole mark was taken for {full}");
    }
    assert_eq!(strengths(&matte, 0.0, |_, _| {}), [0; 12]);
}
