//! The borders between cells: whether neighbours decoded the frame there alike, how far that is
//! settled, and how early a cell must be decoded so that it is.
//!
//! Borders are judged from the first on, so that what is left of a border has been found right up to
//! its own first frame. A border that breaks costs the cell after it a longer pre-roll; then both cells
//! are made again as one, decoded from one beginning; then the job ends.

use std::collections::BTreeMap;

use cleanplate_types::cell::Cell;
use cleanplate_types::digest::FrameHash;
use cleanplate_types::frames::EntryKind;
use cleanplate_types::ids::{CellIndex, WorkerId};

use crate::effect::PreRoll;
use crate::ledger::job::{Encoding, place};
use crate::planning::cutting::Cutting;
use crate::seams::Shared;

/// Times that a border may break before the job fails.
pub(crate) const BREAKS_MAX: u32 = 3;

/// Breaks from which on both cells are decoded from one beginning.
const BREAKS_MERGED: u32 = 2;

/// What is known of a job's borders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Borders {
    /// Everything is decoded from the start.
    whole: bool,
    /// Whether the border before each cell is compared.
    compared: Vec<bool>,
    /// Cells, from the first on, that are committed and whose border before them holds.
    settled: u32,
    /// How often the border before a cell broke.
    breaks: BTreeMap<CellIndex, u32>,
}

/// A border that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Break {
    /// The cell after it.
    pub(crate) cell: CellIndex,
    /// How the cell before it ends, and who says so.
    pub(crate) left: (FrameHash, WorkerId),
    /// How the same frame was seen before the cell after it, and by whom.
    pub(crate) right: (FrameHash, WorkerId),
}

impl Borders {
    pub(crate) fn new(cutting: Cutting, cells: &[Cell]) -> Self {
        let from = cutting.compared_from.unwrap_or(u64::MAX);
        let compared = |cell: &Cell| {
            let start = cell.frames.start;
            start > from && cell.entry != Some(EntryKind::Idr)
        };
        Self {
            whole: cutting.whole,
            compared: cells.iter().map(compared).collect(),
            settled: 0,
            breaks: BTreeMap::new(),
        }
    }

    /// Whether the job runs as one segment.
    pub(crate) const fn is_whole(&self) -> bool {
        self.whole
    }

    /// At which of its borders the part of `cell` must tell how the frame there was decoded. Where its first
    /// frame may turn out to be an IDR, its decoder need not have seen the one before.
    pub(crate) fn shared(&self, cell: CellIndex, cells: &[Cell]) -> Shared {
        let compared = |place: usize| self.compared.get(place).copied().unwrap_or(false);
        let entry = cells.get(place(cell)).and_then(|cell| cell.entry);
        let may_be_idr = entry == Some(EntryKind::Unknown);
        Shared { before: compared(place(cell)) && !may_be_idr, after: compared(place(cell) + 1) }
    }

    /// How often the border before `cell` broke.
    pub(crate) fn breaks(&self, cell: CellIndex) -> u32 {
        self.breaks.get(&cell).copied().unwrap_or(0)
    }

    /// How early the decoding of a segment that begins with `first` begins.
    pub(crate) fn pre_roll(&self, first: CellIndex, cells: &[Cell]) -> PreRoll {
        if self.whole {
            return PreRoll { from: Some(0), doublings: 0 };
        }
        let mut begin = first;
        while self.breaks(begin) >= BREAKS_MERGED && begin.0 > 0 {
            begin = CellIndex(begin.0 - 1);
        }
        let from = (begin != first).then(|| cells.get(place(begin)).map(|cell| cell.frames.start));
        PreRoll { from: from.flatten(), doublings: self.breaks(begin).min(1) }
    }

    /// The part of `cell` is void: what follows is to be judged again.
    pub(crate) fn unsettle(&mut self, cell: CellIndex) {
        self.settled = self.settled.min(cell.0);
    }

    /// A person tries again: no border has broken yet.
    pub(crate) fn forgive(&mut self) {
        self.breaks.clear();
    }

    /// The border before `cell` broke once more; returns the cells that are void.
    pub(crate) fn broke(&mut self, cell: CellIndex) -> Vec<CellIndex> {
        let breaks = self.breaks.entry(cell).or_default();
        *breaks += 1;
        match (*breaks, cell.0.checked_sub(1).map(CellIndex)) {
            (..BREAKS_MERGED, _) | (_, None) => vec![cell],
            (_, Some(before)) => {
                let before_it = self.breaks.entry(before).or_default();
                *before_it = (*before_it).max(1);
                vec![before, cell]
            }
        }
    }
}

impl Encoding {
    /// Judges borders as far as parts are there.
    pub(crate) fn settle(&mut self) {
        while self.part(CellIndex(self.borders.settled)).is_some() && self.broken().is_none() {
            self.borders.settled += 1;
        }
    }

    /// The first border that does not hold, where both its parts are there.
    pub(crate) fn broken(&self) -> Option<Break> {
        let cell = CellIndex(self.borders.settled);
        let right = self.part(cell)?;
        let left = self.part(CellIndex(cell.0.checked_sub(1)?))?;
        if !self.borders.compared.get(place(cell)).copied().unwrap_or(false) {
            return None;
        }
        let (last, before) = (left.summary.last?, right.summary.before?);
        let (left, right) = ((last, left.worker.clone()), (before, right.worker.clone()));
        (last != before).then_some(Break { cell, left, right })
    }

    /// Cells, from the first on, that nothing can void any more but what the stitch itself finds:
    /// those whose borders on both sides hold; the last one only when all audits are settled.
    pub(crate) fn cells_firm(&self) -> u32 {
        let settled = self.borders.settled;
        let is_open = self.borders.compared.get(settled as usize).copied().unwrap_or(false);
        let firm = if is_open { settled.saturating_sub(1) } else { settled };
        let cells = u32::try_from(self.parts.len()).unwrap_or(u32::MAX);
        if self.has_open_audits() { firm.min(cells.saturating_sub(1)) } else { firm }
    }
}
