//! Blending on frames of one grey with a hole in the middle.

use cleanplate_types::overlay::Mask;

use super::*;

const SIDE: u32 = 64;
const HOLE: Rect = Rect { x: 20, y: 20, width: 16, height: 16 };

fn layout() -> PixelLayout {
    PixelLayout {
        name: "test".to_owned(),
        depth: 8,
        planes: 1,
        chroma_shift_x: 0,
        chroma_shift_y: 0,
        full_range: false,
    }
}

fn unserved() -> Unserved {
    let luma = Mask::full(HOLE);
    let piece = Piece::of(&layout(), (SIDE, SIDE), 0, &luma);
    Unserved { luma, planes: vec![piece] }
}

/// A frame of the level `around`, whose hole a model painted as `painted`.
fn painting(index: u64, around: u8, painted: u16) -> Painting {
    let samples = vec![around; (SIDE * SIDE) as usize];
    let plane = PlaneRef { samples: &samples, stride: SIDE as usize, width: SIDE, height: SIDE };
    let area = Rect { x: 16, y: 16, width: 32, height: 32 };
    let painted = vec![painted; (area.width * area.height) as usize];
    let planes = PlanesRef::Eight(vec![plane]);
    Painting::new(&layout(), (index, &unserved()), &planes, (area, &[painted])).unwrap()
}

/// The level that the hole of `paintings[at]` gets, and how many others were mixed in.
fn laid(paintings: &[Painting], at: usize) -> (u8, usize) {
    let mut samples = vec![0_u8; (SIDE * SIDE) as usize];
    let planes =
        vec![PlaneMut { samples: &mut samples, stride: SIDE as usize, width: SIDE, height: SIDE }];
    let near: Vec<&Painting> = paintings.iter().collect();
    let mixed = paintings[at].lay(&near, PlanesMut::Eight(planes));
    let inside = |index: usize| {
        let (x, y) = (index % SIDE as usize, index / SIDE as usize);
        (20..36).contains(&x) && (20..36).contains(&y)
    };
    assert!(samples.iter().enumerate().all(|(at, sample)| inside(at) || *sample == 0));
    (samples[30 * SIDE as usize + 30], mixed)
}

#[test]
fn paintings_of_alike_frames_are_mixed_by_their_distance() {
    let levels = [100, 110, 120, 90, 80, 200];
    let all: Vec<Painting> =
        (0..).zip(levels).map(|(index, level)| painting(index, 60, level)).collect();
    // 1, 2, 3, 2, 1 of nine parts; the sixth is beyond the halo.
    assert_eq!(laid(&all, 2), (104, 4));
    // At the ends what there is: 3, 2, 1 of six.
    assert_eq!(laid(&all, 0), (107, 2));
}

#[test]
fn what_flickers_from_frame_to_frame_is_calmed_to_a_ninth() {
    let all: Vec<Painting> =
        (0..20).map(|index| painting(index, 60, if index % 2 == 0 { 90 } else { 120 })).collect();
    let levels: Vec<u8> = (2..18).map(|at| laid(&all, at).0).collect();
    let flicker = levels.windows(2).map(|pair| pair[0].abs_diff(pair[1])).max().unwrap();
    assert!(flicker <= 4, "{levels:?}, where each painting is 30 away from the next");
}

#[test]
fn nothing_is_mixed_across_a_cut_even_where_the_picture_comes_back() {
    let around = [60, 60, 160, 60, 60];
    let all: Vec<Painting> =
        (0..).zip(around).map(|(index, around)| painting(index, around, 100)).collect();
    assert_eq!(laid(&all, 2), (100, 0), "a flash");
    assert_eq!(laid(&all, 1).1, 1, "beyond the flash nothing counts");
    assert_eq!(laid(&all, 3).1, 1);
}

#[test]
fn a_frame_without_a_painting_ends_the_row() {
    let all = [painting(0, 60, 100), painting(2, 60, 120), painting(3, 60, 120)];
    assert_eq!(laid(&all, 1), (120, 1));
    assert_eq!(laid(&all, 0), (100, 0));
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let samples = vec![0_u8; (SIDE * SIDE) as usize];
    let plane = || PlaneRef { samples: &samples, stride: SIDE as usize, width: SIDE, height: SIDE };
    let planes = PlanesRef::Eight(vec![plane()]);
    let new = |area: Rect| {
        let painted = vec![0; (area.width * area.height) as usize];
        Painting::new(&layout(), (0, &unserved()), &planes, (area, &[painted]))
    };
    assert!(new(HOLE).is_some());
    assert!(new(Rect { x: 24, ..HOLE }).is_none(), "it begins within the hole");
    assert!(new(Rect { height: 8, ..HOLE }).is_none(), "it ends within the hole");
}
