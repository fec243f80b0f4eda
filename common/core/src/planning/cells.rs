//! Cutting a job into encode cells, from the frame table alone (so the movie does not depend on who
//! computed what). Refuses cells of one frame: each starts with an IDR, two adjacent IDR pictures
//! need different `idr_pic_id`s, and every part's encoder starts at the same one.

use cleanplate_types::cell::Cell;
use cleanplate_types::frames::{Entry, EntryKind, FrameRange, FrameTable};
use cleanplate_types::ids::CellIndex;

/// The shortest cell in frames, before its ends are moved to keyframes: shorter ones cost bits.
pub const CELL_FRAMES_MIN: u64 = 120;
/// The length of a cell where no keyframe is near, in frames.
pub const CELL_FRAMES_USUAL: u64 = 240;
/// The longest cell, in frames: the usual distance of keyframes, 250, fits.
pub const CELL_FRAMES_MAX: u64 = 300;
/// The frames at the end of a video that are cut into short cells, whose number is even where it can
/// be, so that slots which work side by side end together.
///
/// The last cell of a slot is what the others may wait for: with cells of 250 frames, 1,800 frames
/// keep two slots busy for 1.17 times the ideal, with a tail like this for 1.04.
pub const CELLS_TAIL_FRAMES: u64 = 960;
/// The shortest cell at all, in frames.
pub const CELL_FRAMES_LEAST: u64 = 2;

/// Cuts `table` into cells.
///
/// Without `cell_frames`, the next cut is the latest IDR entry 120 to 300 frames on, else the latest
/// entry of any kind there, else 240 frames on. The last 960 frames are divided evenly into cells of
/// 120 to 240 frames, each cut moved to an entry where one is within a quarter of a cell.
/// With `cell_frames`, cuts are that many frames apart, wherever they fall; less than 2 is taken as
/// 2 ([`clamped`] tells). A last cell of a single frame is joined to the one before it.
///
/// The table must be checked (`FrameTable::check`); an empty table has no cells.
#[must_use]
pub fn cut_cells(table: &FrameTable, cell_frames: Option<u32>) -> Vec<Cell> {
    let frames = table.range().end;
    let mut cuts = match clamped(cell_frames) {
        Some(length) => every(frames, length),
        None => at_entries(frames, &table.entries),
    };
    // A single frame at the end is no cell of its own.
    if let [.., before, last] = cuts[..]
        && frames - last < CELL_FRAMES_LEAST
    {
        assert!(before < last, "cuts rise");
        cuts.pop();
    }
    let cells = between(table, &cuts);
    assert_tiles(table, &cells);
    cells
}

/// The cell length that is used where `cell_frames` is asked for.
#[must_use]
pub fn clamped(cell_frames: Option<u32>) -> Option<u64> {
    cell_frames.map(|length| u64::from(length).max(CELL_FRAMES_LEAST))
}

fn every(frames: u64, length: u64) -> Vec<u64> {
    (0..frames.div_ceil(length)).map(|index| index * length).collect()
}

fn at_entries(frames: u64, entries: &[Entry]) -> Vec<u64> {
    let mut idr = Vec::new();
    let mut any = Vec::new();
    for entry in entries {
        any.push(entry.frame);
        match entry.kind {
            EntryKind::Idr => idr.push(entry.frame),
            EntryKind::Recovery | EntryKind::Unknown => {}
        }
    }
    // Entries come in decode order; open GOPs may disorder the frames that they show.
    idr.sort_unstable();
    any.sort_unstable();
    let mut cuts = vec![0];
    let mut start = 0;
    while frames - start > CELLS_TAIL_FRAMES {
        let (least, most) = (start + CELL_FRAMES_MIN, start + CELL_FRAMES_MAX);
        start = latest(&idr, least, most)
            .or_else(|| latest(&any, least, most))
            .unwrap_or(start + CELL_FRAMES_USUAL);
        cuts.push(start);
    }
    let rest = frames - start;
    let mut count = rest / CELL_FRAMES_MIN;
    if count > 1 {
        count -= count % 2;
    }
    for index in 1..count {
        let even = start + rest * index / count;
        let slack = rest / count / 4;
        let near = nearest(&idr, even, slack).or_else(|| nearest(&any, even, slack));
        cuts.push(near.unwrap_or(even));
    }
    if frames == 0 { Vec::new() } else { cuts }
}

/// The latest of `sorted` in `least..=most`.
fn latest(sorted: &[u64], least: u64, most: u64) -> Option<u64> {
    let upto = sorted.partition_point(|frame| *frame <= most);
    sorted[..upto].last().copied().filter(|frame| *frame >= least)
}

/// The one of `sorted` that is nearest to `wanted`, within `slack`; the earlier of two.
fn nearest(sorted: &[u64], wanted: u64, slack: u64) -> Option<u64> {
    let at = sorted.partition_point(|frame| *frame < wanted);
    let around = [at.checked_sub(1).and_then(|before| sorted.get(before)), sorted.get(at)];
    let by_distance = around.into_iter().flatten().map(|frame| (frame.abs_diff(wanted), *frame));
    by_distance.min().filter(|(distance, _)| *distance <= slack).map(|(_, frame)| frame)
}

fn between(table: &FrameTable, cuts: &[u64]) -> Vec<Cell> {
    let ends = cuts.iter().skip(1).copied().chain(std::iter::once(table.range().end));
    let mut entries: Vec<(u64, EntryKind)> =
        table.entries.iter().map(|entry| (entry.frame, entry.kind)).collect();
    entries.sort_by_key(|(frame, kind)| (*frame, *kind != EntryKind::Idr));
    let mut cells = Vec::with_capacity(cuts.len());
    for ((index, start), end) in (0_u32..).zip(cuts.iter().copied()).zip(ends) {
        let frames = FrameRange::new(start, end);
        let pts = table.pts_of(frames);
        let (Some(first), Some(last)) = (pts.first(), pts.last()) else {
            continue;
        };
        let at = entries.partition_point(|(frame, _)| *frame < start);
        let entry = entries.get(at).filter(|(frame, _)| *frame == start).map(|(_, kind)| *kind);
        cells.push(Cell {
            index: CellIndex(index),
            frames,
            first_pts: *first,
            last_pts: *last,
            digest: table.digest_of(frames),
            entry,
        });
    }
    cells
}

fn assert_tiles(table: &FrameTable, cells: &[Cell]) {
    let mut end = 0;
    for (index, cell) in (0_u32..).zip(cells) {
        assert_eq!(cell.index, CellIndex(index), "cells are numbered in order");
        assert_eq!(cell.frames.start, end, "cells meet without gap or overlap");
        assert!(!cell.frames.is_empty(), "a cell has frames");
        end = cell.frames.end;
    }
    assert_eq!(end, table.range().end, "cells end where the table ends");
    let single = cells.iter().any(|cell| cell.frames.count() < CELL_FRAMES_LEAST);
    assert!(!single || cells.len() == 1, "a cell of one frame is the whole video");
}

#[cfg(test)]
mod tests;
