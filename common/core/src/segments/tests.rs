use proptest::prelude::*;

use super::*;
use crate::planning::cells::cut_cells;
use crate::samples::table;

fn together(_: CellIndex) -> Stance {
    Stance::Together
}

fn sizing() -> Sizing {
    Sizing {
        measured: None,
        speed: 30_000,
        fleet: 60_000,
        tier_frames: 180,
        frames_max: None,
        frames_free: 1_000_000,
        segment_ms: 30_000,
    }
}

#[test]
fn a_first_segment_is_the_tiers_and_later_ones_are_half_a_minute_of_work() {
    assert_eq!(target_frames(sizing()), 180);
    assert_eq!(target_frames(Sizing { measured: Some(30_000), ..sizing() }), 900);
}

#[test]
fn the_user_sets_the_most_and_the_last_frames_are_shared_by_speed() {
    let sizing = Sizing { measured: Some(30_000), ..sizing() };
    assert_eq!(target_frames(Sizing { frames_max: Some(100), ..sizing }), 100);
    assert_eq!(target_frames(Sizing { frames_free: 400, ..sizing }), 200);
    assert_eq!(target_frames(Sizing { frames_free: 400, fleet: 120_000, ..sizing }), 100);
    assert_eq!(target_frames(Sizing { frames_free: 0, ..sizing }), 1);
}

#[test]
fn a_speed_of_zero_still_gets_a_frame() {
    let dead = Sizing { measured: Some(0), speed: 0, fleet: 0, ..sizing() };
    assert_eq!(target_frames(dead), 1);
}

#[test]
fn a_segment_is_whole_cells_from_the_lowest_free_one_on() {
    let cells = cut_cells(&table(300, 300), Some(30));
    let segment = |target| cut([(2, 5), (7, 10)], &cells, target, together).unwrap();
    assert_eq!((segment(60).first, segment(60).cells), (CellIndex(2), 2));
    assert_eq!(segment(60).frames, FrameRange::new(60, 120));
    assert_eq!(segment(89).cells, 2);
    assert_eq!(segment(1000).cells, 3, "a run ends where the next cell is taken");
    assert_eq!(segment(1).cells, 1, "one cell at least");
    assert_eq!(cut([], &cells, 60, together), None);
}

#[test]
fn a_cell_that_failed_goes_alone_and_not_where_it_failed() {
    let cells = cut_cells(&table(300, 300), Some(30));
    let odd = |stance| move |cell| if cell == CellIndex(1) { stance } else { Stance::Together };
    let first = |run, stance| cut([run], &cells, 1000, odd(stance)).unwrap();
    let alone = first((1, 10), Stance::Alone);
    assert_eq!((alone.first, alone.cells), (CellIndex(1), 1));
    let before = first((0, 10), Stance::Alone);
    assert_eq!((before.first, before.cells), (CellIndex(0), 1), "not together with its neighbour");
    let after = first((1, 10), Stance::NotHere);
    assert_eq!((after.first, after.cells), (CellIndex(2), 8));
    assert_eq!(cut([(1, 2)], &cells, 1000, odd(Stance::NotHere)), None);
}

proptest! {
    #[test]
    fn segments_cut_one_after_another_tile_the_video(
        frames in 1_u64..3000, length in 2_u32..300, targets in prop::collection::vec(1_u64..900, 1..20)
    ) {
        let cells = cut_cells(&table(frames, 250), Some(length));
        let end = u32::try_from(cells.len()).unwrap();
        let (mut next, mut shown) = (0, 0);
        for target in targets.iter().cycle() {
            let Some(segment) = cut([(next, end)], &cells, *target, together) else { break };
            prop_assert_eq!(segment.first, CellIndex(next));
            prop_assert_eq!(segment.frames.start, shown);
            prop_assert!(segment.cells == 1 || segment.frames.count() <= *target);
            (next, shown) = (next + segment.cells, segment.frames.end);
        }
        prop_assert_eq!(shown, frames);
    }
}

/// Slots that work side by side, each at its speed, with a fixed cost for each segment; returns how
/// much longer they take than all of them at work to the end without that cost, in percent.
fn overhead_percent(cells: &[Cell], speeds: &[u64], fixed_ms: u64) -> u64 {
    let frames: u64 = cells.iter().map(|cell| cell.frames.count()).sum();
    let fleet: u64 = speeds.iter().sum();
    let end = u32::try_from(cells.len()).unwrap();
    let mut free_at = vec![0; speeds.len()];
    let mut measured = vec![None; speeds.len()];
    let (mut next, mut left) = (0, frames);
    while next < end {
        let slot = (0..speeds.len()).min_by_key(|slot| free_at[*slot]).unwrap();
        let speed = speeds[slot];
        let (fleet, frames_free) = (fleet, left);
        let target = target_frames(Sizing {
            measured: measured[slot],
            speed,
            fleet,
            frames_free,
            ..sizing()
        });
        let segment = cut([(next, end)], cells, target, together).unwrap();
        let count = segment.frames.count();
        free_at[slot] += fixed_ms + count * 1_000_000 / speed;
        measured[slot] = Some(speed);
        next += segment.cells;
        left -= count;
    }
    let took = free_at.into_iter().max().unwrap();
    let ideal = frames * 1_000_000 / fleet;
    took * 100 / ideal - 100
}

#[test]
fn two_slots_of_one_machine_end_together() {
    for (frames, keyframes) in [(1800, 250), (1800, 48), (1800, 1800), (1500, 250), (660, 250)] {
        let cells = cut_cells(&table(frames, keyframes), None);
        let overhead = overhead_percent(&cells, &[30_000, 30_000], 200);
        assert!(overhead <= 8, "{frames} frames, keyframes every {keyframes}: {overhead} %");
    }
}

#[test]
fn unequal_slots_share_a_long_job_by_their_speed() {
    let cells = cut_cells(&table(180_000, 250), None);
    let overhead =
        overhead_percent(&cells, &[240_000, 120_000, 120_000, 60_000, 60_000, 30_000], 3000);
    assert!(overhead <= 20, "{overhead} %");
}
