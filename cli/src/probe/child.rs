//! The child of `probe`: scans the source and counts what is asked.

use std::sync::Arc;

use cleanplate_child::Link;
use cleanplate_core::planning::cells::cut_cells;
use cleanplate_core::segments::{Sizing, Stance, cut, target};
use cleanplate_media::scan::{ScanOrder, scan};
use cleanplate_types::cell::Cell;
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::frames::{EntryKind, FrameTable};
use cleanplate_types::tier::{TIERS, Tier};

use super::{Answer, Ask, Cells, Entries, TierCut};
use crate::inquiry;

/// The name of what is probed.
pub(super) const SOURCE: &str = "source";
/// How much work a segment should be: the scheduler's own default would do, were speed measured.
const SEGMENT_MS: u64 = 60_000;

/// Does what the parent asks; returns the process's exit status.
#[must_use]
pub(crate) fn main() -> u8 {
    inquiry::answer_parent(answer)
}

fn answer(link: &Link, request: &[u8]) -> Result<Vec<u8>, Failure> {
    let internal = |error: postcard::Error| {
        Failure::new(FailureKind::Internal, Stage::Intake, format!("probe: {error}"))
    };
    let Ask { name_hint, cell_frames, threads, limits } =
        postcard::from_bytes(request).map_err(internal)?;
    let source = link.open(SOURCE).map_err(|error| {
        Failure::new(FailureKind::SourceUnavailable, Stage::Intake, error.to_string())
    })?;
    let order = ScanOrder { conceal: true, threads, limits, ..ScanOrder::default() };
    let mut progress = |_frames: u64| {
        // A parent that is gone ends this process by itself.
        link.event(Vec::new()).ok();
    };
    let scanned = scan(Arc::new(source), &name_hint, &order, &mut progress);
    let scanned = scanned.map_err(|error| error.failure(Stage::Intake))?;
    let table = &scanned.table;
    let bad = |error: cleanplate_types::frames::BadTable| {
        Failure::new(FailureKind::BadInput, Stage::Intake, error.to_string())
    };
    table.check().map_err(bad)?;
    let cells = cut_cells(table, cell_frames);
    let answer = Answer {
        frames: table.range().count(),
        shown_nanos: shown_nanos(table),
        origin: table.origin.clone(),
        entries: entries(table),
        cells: summary(&cells),
        tiers: TIERS.iter().map(|tier| tier_cut(tier, &cells)).collect(),
        notes: scanned.notes,
        description: scanned.description,
    };
    postcard::to_stdvec(&answer).map_err(internal)
}

fn shown_nanos(table: &FrameTable) -> (i128, i128) {
    use cleanplate_types::time::Pts;
    let at = |pts: Pts| table.timebase.nanos_between(Pts(0), pts);
    let (first, last) = (table.pts.first().copied(), table.pts.last().copied());
    let end = last.map(|last| Pts(last.0.saturating_add(table.last_duration)));
    (first.map_or(0, at), end.map_or(0, at))
}

fn entries(table: &FrameTable) -> Entries {
    let mut found = Entries::default();
    let mut frames: Vec<u64> = Vec::with_capacity(table.entries.len());
    for entry in &table.entries {
        frames.push(entry.frame);
        match entry.kind {
            EntryKind::Idr => found.idr += 1,
            EntryKind::Recovery => found.recovery += 1,
            EntryKind::Unknown => found.unknown += 1,
        }
    }
    frames.sort_unstable();
    frames.push(table.range().end);
    let gaps = frames.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
    found.gap_frames_max = gaps.max().unwrap_or(0);
    found
}

fn summary(cells: &[Cell]) -> Cells {
    let frames = || cells.iter().map(|cell| cell.frames.count());
    let at =
        |kind: Option<EntryKind>| cells.iter().filter(|cell| cell.entry == kind).count() as u64;
    Cells {
        count: cells.len() as u64,
        frames_min: frames().min().unwrap_or(0),
        frames_max: frames().max().unwrap_or(0),
        at_idr: at(Some(EntryKind::Idr)),
        at_recovery: at(Some(EntryKind::Recovery)),
        at_unknown: at(Some(EntryKind::Unknown)),
        elsewhere: at(None),
    }
}

fn tier_cut(tier: &Tier, cells: &[Cell]) -> TierCut {
    let count = u32::try_from(cells.len()).unwrap_or(u32::MAX);
    let mut next = 0;
    let mut segments = 0;
    while let Some(first) = cells.get(next as usize) {
        let end = cells.last().map_or(0, |last| last.frames.end);
        let speed = u64::from(tier.fps_min) * 1000;
        let target = target(Sizing {
            measured: None,
            speed,
            fleet: speed,
            slots: 1,
            tier_frames: tier.segment_frames,
            frames_max: None,
            frames_free: end - first.frames.start,
            segment_ms: SEGMENT_MS,
        });
        let Some(segment) = cut([(next, count)], cells, target, |_cell| Stance::Together) else {
            break;
        };
        next += segment.cells;
        segments += 1;
    }
    TierCut { tier: tier.name.to_owned(), segments }
}

#[cfg(test)]
mod tests {
    use cleanplate_types::frames::{Entry, TableOrigin};
    use cleanplate_types::time::{Pts, Timebase};

    use super::*;

    fn table(frames: u64, keyframes: &[(u64, EntryKind)]) -> FrameTable {
        let entry = |(frame, kind): &(u64, EntryKind)| Entry {
            frame: *frame,
            pts: Pts(i64::try_from(*frame).unwrap()),
            dts: None,
            byte: None,
            kind: *kind,
        };
        FrameTable {
            timebase: Timebase::new(1, 25).unwrap(),
            pts: (0..i64::try_from(frames).unwrap()).map(Pts).collect(),
            last_duration: 1,
            entries: keyframes.iter().map(entry).collect(),
            origin: TableOrigin::Packets,
        }
    }

    #[test]
    fn keyframes_are_counted_by_kind_with_the_longest_way_between_them() {
        use EntryKind::{Idr, Recovery, Unknown};
        let found = entries(&table(100, &[(0, Idr), (30, Recovery), (20, Idr), (40, Unknown)]));
        assert_eq!((found.idr, found.recovery, found.unknown), (2, 1, 1));
        assert_eq!(found.gap_frames_max, 60, "from the last keyframe to the end");
    }

    #[test]
    fn a_smaller_tier_cuts_no_fewer_segments() {
        let cells = cut_cells(&table(9_000, &[]), Some(30));
        let counts: Vec<u64> = TIERS.iter().map(|tier| tier_cut(tier, &cells).segments).collect();
        assert_eq!(counts, [20, 25, 30, 38, 50, 50]);
    }

    #[test]
    fn a_video_is_shown_from_its_first_frame_to_the_end_of_its_last() {
        assert_eq!(shown_nanos(&table(50, &[])), (0, 2_000_000_000));
    }
}
