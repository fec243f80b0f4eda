//! What must hold of `cells`.

use cleanplate_types::frames::{Entry, EntryKind};
use cleanplate_types::time::Pts;
use proptest::prelude::*;

use super::*;
use crate::samples::table;

fn starts(cells: &[Cell]) -> Vec<u64> {
    cells.iter().map(|cell| cell.frames.start).collect()
}

fn lengths(cells: &[Cell]) -> Vec<u64> {
    cells.iter().map(|cell| cell.frames.count()).collect()
}

fn entry(frame: u64, kind: EntryKind) -> Entry {
    Entry { frame, pts: Pts(0), dts: None, byte: None, kind }
}

#[test]
fn an_empty_table_has_no_cells() {
    assert!(cut_cells(&table(0, 1), None).is_empty());
    assert!(cut_cells(&table(0, 1), Some(30)).is_empty());
}

#[test]
fn cells_start_at_the_latest_keyframe_within_reach() {
    let cells = cut_cells(&table(3000, 250), None);
    assert_eq!(starts(&cells)[..9], [0, 250, 500, 750, 1000, 1250, 1500, 1750, 2000]);
    assert!(cells[..9].iter().all(|cell| cell.entry == Some(EntryKind::Idr)));
    let cells = cut_cells(&table(3000, 48), None);
    assert_eq!(starts(&cells)[..3], [0, 288, 576]);
}

#[test]
fn an_idr_goes_before_a_later_recovery_point() {
    let mut source = table(3000, 3000);
    source.entries.push(entry(130, EntryKind::Idr));
    source.entries.push(entry(290, EntryKind::Recovery));
    source.entries.push(entry(400, EntryKind::Unknown));
    let cells = cut_cells(&source, None);
    assert_eq!(starts(&cells)[..3], [0, 130, 400]);
    assert_eq!(cells[2].entry, Some(EntryKind::Unknown));
}

#[test]
fn cells_are_240_frames_where_no_keyframe_is_near() {
    let cells = cut_cells(&table(3000, 3000), None);
    assert_eq!(starts(&cells)[..4], [0, 240, 480, 720]);
    assert_eq!(cells[1].entry, None);
}

#[test]
fn the_end_of_a_video_is_cut_finer_and_into_an_even_number() {
    assert_eq!(
        lengths(&cut_cells(&table(1800, 250), None)),
        [250, 250, 250, 250, 133, 117, 150, 100, 166, 134]
    );
    assert_eq!(lengths(&cut_cells(&table(660, 660), None)), [165, 165, 165, 165]);
    assert_eq!(lengths(&cut_cells(&table(250, 250), None)), [125, 125]);
    assert_eq!(lengths(&cut_cells(&table(239, 250), None)), [239]);
    assert_eq!(lengths(&cut_cells(&table(1, 250), None)), [1]);
}

#[test]
fn an_asked_length_is_kept_exactly_and_a_single_last_frame_joins_its_neighbour() {
    assert_eq!(lengths(&cut_cells(&table(100, 48), Some(30))), [30, 30, 30, 10]);
    assert_eq!(lengths(&cut_cells(&table(91, 48), Some(30))), [30, 30, 31]);
    assert_eq!(lengths(&cut_cells(&table(5, 48), Some(1))), [2, 3]);
    assert_eq!(lengths(&cut_cells(&table(7, 48), Some(u32::MAX))), [7]);
}

#[test]
fn a_cell_knows_its_first_and_last_stamp_and_the_digest_of_all() {
    let source = table(100, 48);
    let cells = cut_cells(&source, Some(30));
    assert_eq!((cells[1].first_pts, cells[1].last_pts), (Pts(130), Pts(159)));
    assert_eq!(cells[1].digest, source.digest_of(FrameRange::new(30, 60)));
    assert_ne!(cells[1].digest, cells[2].digest);
}

proptest! {
    #[test]
    fn cells_tile_any_table_and_keep_to_their_lengths(
        frames in 0_u64..5000,
        entries in prop::collection::vec((0_u64..5001, 0_u8..3), 0..60),
        length in prop::option::of(1_u32..400),
    ) {
        let mut source = table(frames, 5000);
        let kinds = [EntryKind::Idr, EntryKind::Recovery, EntryKind::Unknown];
        source.entries.extend(
            entries
                .iter()
                .filter(|(frame, _)| *frame <= frames)
                .map(|(frame, kind)| entry(*frame, kinds[usize::from(*kind)])),
        );
        // That they tile the table is asserted inside.
        let cells = cut_cells(&source, length);
        for cell in &cells {
            let frames = cell.frames.count();
            match length {
                Some(length) => prop_assert!(frames <= u64::from(length).max(2) + 1),
                None => prop_assert!(frames <= CELL_FRAMES_MAX),
            }
        }
        if length.is_none() && frames >= 2 * CELL_FRAMES_MIN {
            prop_assert!(cells.iter().all(|cell| cell.frames.count() >= CELL_FRAMES_MIN / 2));
        }
    }
}
