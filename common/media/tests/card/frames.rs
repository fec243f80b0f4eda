//! Samples up and down: whole frames, rectangles, what a plan covers.

use cleanplate_media::device::{CardError, DevicePool};
use cleanplate_types::picture::{Rect, Run};
use cleanplate_types::time::Pts;

use crate::card;
use crate::driver::with_card;
use crate::picture::{Random, layout, noise, samples, spoil};

/// Even and odd, narrower and wider than a row of the card is aligned to.
const SIZES: [(u32, u32); 5] = [(64, 48), (1, 1), (65, 33), (514, 18), (31, 2)];

#[test]
fn a_frame_comes_back_from_the_card_bit_for_bit() {
    with_card("frames::a_frame_comes_back_from_the_card_bit_for_bit", 1 << 14, || {
        let (card, mut random) = (card(), Random(1));
        for depth in [8, 10] {
            for size in SIZES {
                let pool = DevicePool::new(&card, &layout(depth), size, 2).unwrap();
                let host = noise(&mut random, depth, size);
                let back = pool.upload(&host).unwrap().download(Pts(7)).unwrap();
                assert_eq!(back.content_sha(), host.content_sha(), "{depth} bits, {size:?}");
                assert_eq!((back.pts(), back.on_card().is_some()), (host.pts(), false));
            }
        }
    });
}

/// Whether a sample of a plane is one of `rect` grown to whole pairs of chroma.
fn is_in(rect: Rect, (plane, x, y): (usize, u32, u32)) -> bool {
    let (left, top) = (rect.x & !1, rect.y & !1);
    let (right, bottom) = (rect.right().next_multiple_of(2), rect.bottom().next_multiple_of(2));
    let shift = u32::from(plane > 0);
    (left >> shift..right >> shift).contains(&x) && (top >> shift..bottom >> shift).contains(&y)
}

fn any_rect(random: &mut Random, (width, height): (u32, u32)) -> Rect {
    let (x, y) = (random.below(width), random.below(height));
    let (width, height) = (1 + random.below(width - x), 1 + random.below(height - y));
    Rect { x, y, width, height }
}

#[test]
fn a_rectangle_goes_up_and_down_and_nothing_beside_it() {
    with_card("frames::a_rectangle_goes_up_and_down_and_nothing_beside_it", 1 << 14, || {
        let (card, mut random) = (card(), Random(2));
        for round in 0..200_usize {
            let (depth, size) = ([8, 10][round % 2], SIZES[round % SIZES.len()]);
            let pool = DevicePool::new(&card, &layout(depth), size, 2).unwrap();
            let (before, other) =
                (noise(&mut random, depth, size), noise(&mut random, depth, size));
            let rect = any_rect(&mut random, size);
            let mut on_card = pool.upload(&before).unwrap();
            on_card.upload_region(&other, rect).unwrap();
            let mut part = before.twin().unwrap();
            on_card.download_region(rect, &mut part).unwrap();
            let whole = on_card.download(Pts(7)).unwrap();
            assert_eq!(whole.content_sha(), part.content_sha(), "{size:?} {rect:?}");
            let found = samples(&whole).into_iter().zip(samples(&before)).zip(samples(&other));
            for (((plane, x, y, found), (.., before)), (.., other)) in found {
                let expected = if is_in(rect, (plane, x, y)) { other } else { before };
                assert_eq!(found, expected, "{depth} bits, {size:?}, {rect:?}: {plane} {x} {y}");
            }
        }
    });
}

#[test]
fn only_what_is_covered_crosses_and_the_card_has_the_hosts_picture_then() {
    let name = "frames::only_what_is_covered_crosses_and_the_card_has_the_hosts_picture_then";
    let said = with_card(name, 1 << 14, || {
        let (card, mut random) = (card(), Random(3));
        let size = (640, 360);
        let pool = DevicePool::new(&card, &layout(8), size, 2).unwrap();
        let mut host = noise(&mut random, 8, size);
        let mut on_card = pool.upload(&host).unwrap();
        // A logo of 61 by 21 in a corner; its chroma is wider by what shares a sample.
        let runs = |rows: std::ops::Range<u32>, start, end| -> Vec<Run> {
            rows.map(|row| Run { row, start, end }).collect()
        };
        let covered = [runs(9..30, 561, 622), runs(4..15, 280, 311), runs(4..15, 280, 311)];
        spoil(&mut host, |plane, x, y, sample| {
            let is_covered = |run: &Run| run.row == y && (run.start..run.end).contains(&x);
            *sample ^= if covered[plane].iter().any(is_covered) { 0x55 } else { 0 };
        });
        let crossed = on_card.upload_covered(&host, &covered).unwrap();
        assert_eq!(crossed, 62 * 22);
        assert_eq!(on_card.download(Pts(7)).unwrap().content_sha(), host.content_sha());
    });
    if let Some(said) = said {
        let frame = 640 * 360 * 3 / 2;
        assert_eq!((said.up, said.down), (frame + 62 * 22 * 3 / 2, frame));
    }
}

#[test]
fn what_does_not_fit_a_pool_is_refused_and_nothing_is_copied() {
    let said = with_card(
        "frames::what_does_not_fit_a_pool_is_refused_and_nothing_is_copied",
        9999,
        || {
            let (card, mut random) = (card(), Random(4));
            let pool = DevicePool::new(&card, &layout(8), (64, 48), 1).unwrap();
            for (depth, size) in [(8, (64, 46)), (8, (62, 48)), (10, (64, 48))] {
                let error = pool.upload(&noise(&mut random, depth, size)).unwrap_err();
                assert!(matches!(error, CardError::Shape { .. }), "{error}");
            }
            let mut layout = layout(8).as_ref().clone();
            layout.name = "yuv444p".to_owned();
            let error = DevicePool::new(&card, &layout.into(), (64, 48), 1).unwrap_err();
            assert!(error.to_string().contains("the test's card: frames of yuv444p"), "{error}");
            let host = noise(&mut random, 8, (64, 48));
            let mut whole = pool.upload(&host).unwrap();
            for (x, y, width, height) in
                [(0, 0, 65, 1), (63, 47, 1, 2), (0, 0, 0, 1), (u32::MAX, 0, 2, 2)]
            {
                let error = whole.upload_region(&host, Rect { x, y, width, height }).unwrap_err();
                assert!(
                    error.to_string().contains("does not fit frames of 64x48 yuv420p"),
                    "{error}"
                );
            }
        },
    );
    assert!(said.is_none_or(|said| said.up == 64 * 48 * 3 / 2), "one frame alone went up");
}
