//! What must hold of `segments`.

use std::collections::BTreeSet;

use cleanplate_types::frames::Entry;
use proptest::prelude::*;

use super::*;
use crate::planning::cells::cut_cells;
use crate::samples::table;

fn together(_: CellIndex) -> Stance {
    Stance::Together
}

/// A segment of about so many frames from the lowest cell on.
fn about(frames: u64) -> Target {
    Target { frames, pick: Pick::Lowest }
}

fn target_frames(sizing: Sizing) -> u64 {
    target(sizing).frames
}

fn sizing() -> Sizing {
    Sizing {
        measured: None,
        speed: 30_000,
        fleet: 60_000,
        slots: 2,
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
    let segment = |target| cut([(2, 5), (7, 10)], &cells, about(target), together).unwrap();
    assert_eq!((segment(60).first, segment(60).cells), (CellIndex(2), 2));
    assert_eq!(segment(60).frames, FrameRange::new(60, 120));
    assert_eq!(segment(89).cells, 2);
    assert_eq!(segment(1000).cells, 3, "a run ends where the next cell is taken");
    assert_eq!(segment(1).cells, 1, "one cell at least");
    assert_eq!(cut([], &cells, about(60), together), None);
}

#[test]
fn a_cell_that_failed_goes_alone_and_not_where_it_failed() {
    let cells = cut_cells(&table(300, 300), Some(30));
    let odd = |stance| move |cell| if cell == CellIndex(1) { stance } else { Stance::Together };
    let first = |run, stance| cut([run], &cells, about(1000), odd(stance)).unwrap();
    let alone = first((1, 10), Stance::Alone);
    assert_eq!((alone.first, alone.cells), (CellIndex(1), 1));
    let before = first((0, 10), Stance::Alone);
    assert_eq!((before.first, before.cells), (CellIndex(0), 1), "not together with its neighbour");
    let after = first((1, 10), Stance::NotHere);
    assert_eq!((after.first, after.cells), (CellIndex(2), 8));
    assert_eq!(cut([(1, 2)], &cells, about(1000), odd(Stance::NotHere)), None);
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
            let Some(segment) = cut([(next, end)], &cells, about(*target), together) else { break };
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
    let (fleet, slots) = (speeds.iter().sum(), speeds.len() as u64);
    let mut free: BTreeSet<u32> = (0..u32::try_from(cells.len()).unwrap()).collect();
    let mut free_at = vec![0; speeds.len()];
    let mut measured = vec![None; speeds.len()];
    let mut frames_free = frames;
    while !free.is_empty() {
        let slot = (0..speeds.len()).min_by_key(|slot| free_at[*slot]).unwrap();
        let (speed, measured_before) = (speeds[slot], measured[slot]);
        let of = Sizing { measured: measured_before, speed, fleet, slots, frames_free, ..sizing() };
        let runs: Vec<(u32, u32)> = free.iter().map(|cell| (*cell, cell + 1)).collect();
        let runs = runs.chunk_by(|a, b| a.1 == b.0).map(|run| (run[0].0, run[run.len() - 1].1));
        let segment = cut(runs, cells, target(of), together).unwrap();
        let count = segment.frames.count();
        free_at[slot] += fixed_ms + count * 1_000_000 / speed;
        measured[slot] = Some(speed);
        free.retain(|cell| !segment.indices().any(|index| index.0 == *cell));
        frames_free -= count;
    }
    let took = free_at.into_iter().max().unwrap();
    let ideal = frames * 1_000_000 / fleet;
    took * 100 / ideal - 100
}

#[test]
fn who_is_fast_takes_the_longest_of_the_last_cells_and_who_is_slow_the_shortest() {
    // Keyframes where no grid is: cells of 139, 187, 111 and 163 frames.
    let mut table = table(600, 600);
    table.entries = [0, 139, 326, 437].map(|frame| Entry { frame, ..table.entries[0] }).to_vec();
    let cells = cut_cells(&table, None);
    let frames: Vec<u64> = cells.iter().map(|cell| cell.frames.count()).collect();
    assert_eq!(frames, [139, 187, 111, 163]);
    let taken = |speed, free: (u32, u32)| {
        let of =
            Sizing { measured: Some(speed), speed, fleet: 60_000, frames_free: 200, ..sizing() };
        cut([free], &cells, target(of), together).unwrap().first.0
    };
    assert_eq!((taken(30_000, (0, 4)), taken(30_000, (2, 4))), (1, 3));
    assert_eq!((taken(10_000, (0, 4)), taken(10_000, (0, 2))), (2, 0));
    let overhead = overhead_percent(&cells, &[30_000, 30_000], 200);
    assert!(overhead <= 5, "{overhead} %");
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
