//! Which of very many things a frame shows, without asking each of them.
//!
//! Owns the order of what begins and ends. A step costs what changes between two frames; a frame before the last
//! one starts anew. What is answered never depends on what was asked before.

use std::collections::BTreeMap;

use cleanplate_types::frames::FrameRange;

/// Things by the frames that they are there in.
#[derive(Debug)]
pub(super) struct Timeline {
    /// Frame, whether something ends there, and what: rising.
    turns: Vec<(u64, bool, usize)>,
    /// The first turn that lies after the last frame that was asked for.
    next: usize,
    last: u64,
    /// What is there, and in how many of its ranges.
    there: BTreeMap<usize, usize>,
}

impl Timeline {
    /// The timeline of things with their ranges; empty ranges say nothing.
    pub(super) fn new(things: impl Iterator<Item = (usize, FrameRange)>) -> Self {
        let mut turns = Vec::new();
        for (thing, frames) in things.filter(|(_, frames)| !frames.is_empty()) {
            // What begins at a frame comes before what ends there: no count goes below nothing.
            turns.extend([(frames.start, false, thing), (frames.end, true, thing)]);
        }
        turns.sort_unstable();
        Self { turns, next: 0, last: 0, there: BTreeMap::new() }
    }

    /// What is there in the frame at `index`, rising.
    pub(super) fn at(&mut self, index: u64) -> impl Iterator<Item = usize> {
        if index < self.last {
            self.next = 0;
            self.there.clear();
        }
        self.last = index;
        while let Some((_, ends, thing)) =
            self.turns.get(self.next).filter(|(frame, ..)| *frame <= index)
        {
            self.next += 1;
            if !*ends {
                *self.there.entry(*thing).or_default() += 1;
            } else if let Some(count) = self.there.get_mut(thing) {
                *count -= 1;
                if *count == 0 {
                    self.there.remove(thing);
                }
            }
        }
        self.there.keys().copied()
    }
}

/// Frames, whatever shows in them.
#[derive(Debug)]
pub(super) struct Shown {
    /// Rising, none touching another.
    ranges: Vec<FrameRange>,
}

impl Shown {
    pub(super) fn new(ranges: impl Iterator<Item = FrameRange>) -> Self {
        let mut all: Vec<FrameRange> = ranges.filter(|range| !range.is_empty()).collect();
        all.sort_unstable();
        let mut ranges: Vec<FrameRange> = Vec::new();
        for range in all {
            match ranges.last_mut().filter(|last| range.start <= last.end) {
                Some(last) => last.end = last.end.max(range.end),
                None => ranges.push(range),
            }
        }
        Self { ranges }
    }

    pub(super) fn contains(&self, index: u64) -> bool {
        let at = self.ranges.partition_point(|range| range.end <= index);
        self.ranges.get(at).is_some_and(|range| range.contains(index))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_there_is_what_a_scan_of_all_would_find_in_any_order(
            ranges in prop::collection::vec((0_usize..12, 0_u64..60, 0_u64..20), 0..40),
            asked in prop::collection::vec(0_u64..90, 1..40),
        ) {
            let ranges: Vec<(usize, FrameRange)> = ranges
                .into_iter()
                .map(|(thing, start, count)| (thing, FrameRange::new(start, start + count)))
                .collect();
            let mut timeline = Timeline::new(ranges.iter().copied());
            let shown = Shown::new(ranges.iter().map(|(_, frames)| *frames));
            for index in asked {
                let mut all: Vec<usize> =
                    ranges.iter().filter(|(_, range)| range.contains(index)).map(|(at, _)| *at).collect();
                all.sort_unstable();
                all.dedup();
                prop_assert_eq!(shown.contains(index), !all.is_empty());
                prop_assert_eq!(timeline.at(index).collect::<Vec<_>>(), all);
            }
        }
    }
}
