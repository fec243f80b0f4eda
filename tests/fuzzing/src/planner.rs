//! The planner: any table that keeps its rules is cut into cells that tile it.

use cleanplate_core::planning::cells::cut_cells;
use cleanplate_types::frames::{Entry, EntryKind, FrameTable, TableOrigin};
use cleanplate_types::limits::SourceLimits;
use cleanplate_types::time::{Pts, Timebase};

/// Frames of a made-up table: enough for a dozen cells.
const FRAMES_MAX: usize = 4096;

/// A table made of bytes: clock, first time, cell length, then runs of distances and entries.
pub(crate) fn plan(data: &[u8]) {
    let [num, den, cell, first, rest @ ..] = data else { return };
    let timebase = Timebase::new(u32::from(*num), u32::from(*den) * 100);
    let Some(timebase) = timebase else { return };
    let (mut pts, mut at) = (Vec::new(), i64::from(*first) - 128);
    let mut entries = Vec::new();
    for piece in rest.chunks(2) {
        let (step, kind) = (piece[0], piece.get(1).copied().unwrap_or(0));
        for _ in 0..=usize::from(kind) {
            if pts.len() < FRAMES_MAX {
                pts.push(Pts(at));
                at += i64::from(step);
            }
        }
        let entry =
            [EntryKind::Idr, EntryKind::Recovery, EntryKind::Unknown][usize::from(kind) % 3];
        let frame = pts.len() as u64 - 1;
        let last = Pts(pts[pts.len() - 1].0);
        entries.push(Entry { frame, pts: last, dts: None, byte: None, kind: entry });
    }
    let table =
        FrameTable { timebase, pts, last_duration: 1, entries, origin: TableOrigin::Packets };
    SourceLimits::USUAL.check_table(&table).ok();
    if table.check().is_err() {
        return;
    }
    let cell_frames = (*cell > 0).then(|| u32::from(*cell));
    let cells = cut_cells(&table, cell_frames);
    let mut end = 0;
    for cell in &cells {
        assert_eq!(cell.frames.start, end, "cells meet");
        assert!(!cell.frames.is_empty(), "a cell has frames");
        assert_eq!(cell.digest, table.digest_of(cell.frames), "a cell is of its table");
        end = cell.frames.end;
    }
    assert_eq!(end, table.range().end, "cells cover the table");
}
