//! Which rectangles cross to the card where some samples changed.
//!
//! Owns the trade between few copies and few samples. Refuses to leave a changed sample out.

use cleanplate_types::picture::{PixelLayout, Rect, Run};

/// Rectangles of one frame: each costs two copies, and a plan rarely shows more overlays at once.
const TILES_MAX: usize = 8;

/// Rows and columns between two places that still make them one rectangle: letters of a caption are this
/// close, logos in different corners are not.
const GAP: u32 = 16;

/// Rectangles (luma) that hold all runs of `covered`, which has runs for each plane; sorted, inside `size`.
pub(super) fn of(
    covered: &[Vec<Run>],
    layout: &PixelLayout,
    (width, height): (u32, u32),
) -> Vec<Rect> {
    let mut tiles: Vec<Rect> = Vec::new();
    for (plane, runs) in covered.iter().enumerate() {
        let (x, y) =
            if plane == 0 { (0, 0) } else { (layout.chroma_shift_x, layout.chroma_shift_y) };
        for run in runs.iter().filter(|run| run.start < run.end) {
            let (left, right) = (run.start << x, (run.end << x).min(width));
            let (top, bottom) = (run.row << y, ((run.row + 1) << y).min(height));
            if left < right && top < bottom {
                let (width, height) = (right - left, bottom - top);
                add(&mut tiles, Rect { x: left, y: top, width, height });
            }
        }
    }
    settle(&mut tiles);
    while tiles.len() > TILES_MAX {
        join_nearest(&mut tiles);
        settle(&mut tiles);
    }
    tiles.sort_unstable();
    tiles
}

/// Takes one more place in; most lie at the place that was added to last.
fn add(tiles: &mut Vec<Rect>, place: Rect) {
    match tiles.iter_mut().rev().find(|tile| are_close(**tile, place)) {
        Some(tile) => *tile = tile.hull(place),
        None => tiles.push(place),
    }
    // Where runs are scattered like noise, what is close to each other meets before the list grows long.
    if tiles.len() > 8 * TILES_MAX {
        settle(tiles);
        while tiles.len() > 4 * TILES_MAX {
            join_nearest(tiles);
        }
    }
}

/// Joins what is close to each other until nothing is.
fn settle(tiles: &mut Vec<Rect>) {
    let mut at = 0;
    while at < tiles.len() {
        let one = tiles[at];
        let found = (at + 1..tiles.len()).find(|other| are_close(one, tiles[*other]));
        match found {
            Some(other) => {
                tiles[at] = one.hull(tiles.swap_remove(other));
                // It has grown: what was too far from it before may not be any more.
                at = 0;
            }
            None => at += 1,
        }
    }
}

/// Joins the two whose hull has the fewest samples.
fn join_nearest(tiles: &mut Vec<Rect>) {
    let area = |rect: Rect| u64::from(rect.width) * u64::from(rect.height);
    let pairs =
        (0..tiles.len()).flat_map(|one| (one + 1..tiles.len()).map(move |other| (one, other)));
    let nearest = pairs.min_by_key(|(one, other)| area(tiles[*one].hull(tiles[*other])));
    if let Some((one, other)) = nearest {
        tiles[one] = tiles[one].hull(tiles.swap_remove(other));
    }
}

fn are_close(one: Rect, other: Rect) -> bool {
    let apart = |end: u32, start: u32| start > end.saturating_add(GAP);
    !apart(one.right(), other.x)
        && !apart(other.right(), one.x)
        && !apart(one.bottom(), other.y)
        && !apart(other.bottom(), one.y)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn layout() -> PixelLayout {
        PixelLayout {
            name: "yuv420p".to_owned(),
            depth: 8,
            planes: 3,
            chroma_shift_x: 1,
            chroma_shift_y: 1,
            full_range: false,
        }
    }

    #[test]
    fn logos_in_two_corners_are_two_rectangles_and_a_caption_is_one() {
        let row = |row, start, end| Run { row, start, end };
        let mut luma: Vec<Run> = (10..20).map(|y| row(y, 10, 40)).collect();
        luma.extend((10..20).map(|y| row(y, 1800, 1900)));
        luma.sort_unstable();
        luma.extend(
            (1000..1040).flat_map(|y| (0..20).map(move |x| row(y, 100 + 20 * x, 112 + 20 * x))),
        );
        let tiles = of(&[luma], &layout(), (1920, 1080));
        let expected = [(10, 10, 30, 10), (100, 1000, 392, 40), (1800, 10, 100, 10)];
        assert_eq!(tiles, expected.map(|(x, y, width, height)| Rect { x, y, width, height }));
    }

    #[test]
    fn nothing_covered_is_no_rectangle() {
        assert_eq!(of(&[Vec::new(), Vec::new()], &layout(), (64, 64)), []);
    }

    proptest! {
        #[test]
        fn every_covered_sample_lies_in_a_rectangle_inside_the_picture(
            places in proptest::collection::vec((0_u8..3, 0_u32..99, 0_u32..190, 1_u32..30), 0..200),
        ) {
            let size = (201, 113);
            let mut covered = vec![Vec::new(); 3];
            for (plane, row, start, length) in places {
                let (rows, columns) = if plane == 0 { (113, 201) } else { (57, 101) };
                let start = start.min(columns - 1);
                let end = (start + length).min(columns);
                covered[usize::from(plane)].push(Run { row: row.min(rows - 1), start, end });
            }
            covered.iter_mut().for_each(|runs| runs.sort_unstable());
            let tiles = of(&covered, &layout(), size);
            prop_assert!(tiles.len() <= TILES_MAX);
            prop_assert!(tiles.iter().all(|tile| tile.right() <= size.0 && tile.bottom() <= size.1));
            for (plane, runs) in covered.iter().enumerate() {
                let shift = u32::from(plane > 0);
                for run in runs {
                    let (x, y) = (run.start << shift, run.row << shift);
                    let right = (run.end << shift).min(size.0);
                    let inside = |tile: &Rect| tile.x <= x && right <= tile.right()
                        && tile.y <= y && y < tile.bottom();
                    prop_assert!(tiles.iter().any(inside), "{run:?} of plane {plane}");
                }
            }
        }
    }
}
