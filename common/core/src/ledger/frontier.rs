//! The free cells of a job: runs of cells that nobody holds and nobody has done.

use std::collections::BTreeMap;

use cleanplate_types::ids::CellIndex;

/// A set of cells, kept as runs: as small as the work is orderly.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Frontier {
    /// First cell of a run to the cell after its last; runs neither overlap nor touch.
    runs: BTreeMap<u32, u32>,
}

impl Frontier {
    /// All cells from 0 up to but not including `cells`.
    pub(crate) fn all(cells: u32) -> Self {
        let runs = if cells == 0 { BTreeMap::new() } else { BTreeMap::from([(0, cells)]) };
        Self { runs }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The runs, lowest first, each as first cell and cell after the last.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (u32, u32)> + Clone {
        self.runs.iter().map(|(start, end)| (*start, *end))
    }

    fn run_of(&self, cell: CellIndex) -> Option<(u32, u32)> {
        let (start, end) = self.runs.range(..=cell.0).next_back()?;
        (cell.0 < *end).then_some((*start, *end))
    }

    pub(crate) fn holds(&self, cell: CellIndex) -> bool {
        self.run_of(cell).is_some()
    }

    /// Takes one cell out; says whether it was in.
    pub(crate) fn take(&mut self, cell: CellIndex) -> bool {
        let Some((start, end)) = self.run_of(cell) else {
            return false;
        };
        self.runs.remove(&start);
        if start < cell.0 {
            self.runs.insert(start, cell.0);
        }
        if cell.0 + 1 < end {
            self.runs.insert(cell.0 + 1, end);
        }
        true
    }

    /// Puts one cell in; says whether it was out.
    pub(crate) fn give(&mut self, cell: CellIndex) -> bool {
        if self.holds(cell) {
            return false;
        }
        let (mut start, mut end) = (cell.0, cell.0 + 1);
        if let Some((before, until)) = self.runs.range(..cell.0).next_back()
            && *until == cell.0
        {
            start = *before;
        }
        if let Some(until) = self.runs.remove(&end) {
            end = until;
        }
        self.runs.insert(start, end);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_what_a_plain_set_holds(moves in prop::collection::vec((0_u32..40, any::<bool>()), 0..200)) {
            let mut frontier = Frontier::all(40);
            let mut plain: BTreeSet<u32> = (0..40).collect();
            for (cell, take) in moves {
                let changed = if take { plain.remove(&cell) } else { plain.insert(cell) };
                let index = CellIndex(cell);
                let said = if take { frontier.take(index) } else { frontier.give(index) };
                prop_assert_eq!(said, changed);
            }
            let cells: Vec<u32> = frontier.runs().flat_map(|(start, end)| start..end).collect();
            prop_assert_eq!(cells, plain.iter().copied().collect::<Vec<_>>());
            let runs: Vec<_> = frontier.runs().collect();
            prop_assert!(runs.windows(2).all(|pair| pair[0].1 < pair[1].0), "runs do not touch");
        }
    }
}
