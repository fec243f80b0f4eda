//! Which frame of the output is which frame of the source, by exact time.
//!
//! Owns the common clock of two files, and the one rule of pairing: equal times are the same frame; a
//! frame that is less than half a frame away from its only candidate is the same one, moved; everything
//! else is missing or extra. Refuses to look at pictures.

use cleanplate_types::frames::FrameTable;
use cleanplate_types::time::{Pts, Timebase};

use super::report::{FrameAt, Frames, Time};

/// The finest clock that is made: the product of any two clocks is coarser, and times on it fit.
const PER_SECOND_MAX: i128 = 1 << 64;

/// A clock on which the times of both files are whole numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Common {
    per_second: i128,
}

impl Common {
    /// The clock of all of `clocks`, exact for at least the first two.
    pub(super) fn of(clocks: impl IntoIterator<Item = Timebase>) -> Self {
        let join = |joined: i128, clock: Timebase| {
            let finer = lcm(joined, i128::from(clock.den()));
            if finer <= PER_SECOND_MAX { finer } else { joined }
        };
        Self { per_second: clocks.into_iter().fold(1, join) }
    }

    /// `ticks` of `clock` on this clock; rounded down where it was not made for it.
    pub(super) fn at(self, ticks: i64, clock: Timebase) -> i128 {
        let (over, under) = (i128::from(ticks) * i128::from(clock.num()), i128::from(clock.den()));
        over.div_euclid(under) * self.per_second + over.rem_euclid(under) * self.per_second / under
    }

    /// A time on this clock, as a report has it.
    pub(super) fn time(self, at: i128) -> Time {
        let by = gcd(at.abs(), self.per_second).max(1);
        let (over, under) = (at / by, self.per_second / by);
        let exact = if under == 1 { over.to_string() } else { format!("{over}/{under}") };
        Time { exact, seconds: over as f64 / under as f64 }
    }

    /// Nanoseconds, rounded towards zero.
    pub(super) fn nanos(self, at: i128) -> i64 {
        i64::try_from(at * 1_000_000_000 / self.per_second).unwrap_or(i64::MAX)
    }
}

const fn gcd(one: i128, other: i128) -> i128 {
    if other == 0 { one } else { gcd(other, one % other) }
}

fn lcm(one: i128, other: i128) -> i128 {
    one / gcd(one, other) * other
}

/// One step of going through both files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pair {
    /// A frame that both show, by its index in each; `later` is how much later the output shows it.
    Both { source: usize, output: usize, later: i128 },
    /// A frame of the source alone.
    Missing(usize),
    /// A frame of the output alone, and the index that a frame of the source would have there.
    Extra { output: usize, before: usize },
}

/// The frame tables of both files on their common clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tables<'a> {
    pub(super) common: Common,
    source: (&'a [Pts], Timebase),
    output: (&'a [Pts], Timebase),
    /// By how much all of the output is later.
    pub(super) shift: i128,
}

impl<'a> Tables<'a> {
    pub(super) fn new(common: Common, source: &'a FrameTable, output: &'a FrameTable) -> Self {
        let mut tables = Self {
            common,
            source: (&source.pts, source.timebase),
            output: (&output.pts, output.timebase),
            shift: 0,
        };
        let (Some(first), Some(begins)) = (tables.source_at(0), tables.output_at(0)) else {
            return tables;
        };
        let shifted = Self { shift: begins - first, ..tables };
        // A file whose every frame is late by the same is one that begins late, not one of wrong frames.
        if begins != first && shifted.exact() > tables.exact() {
            tables = shifted;
        }
        tables
    }

    fn exact(&self) -> usize {
        self.pairs().filter(|pair| matches!(pair, Pair::Both { later: 0, .. })).count()
    }

    pub(super) const fn source_clock(&self) -> Timebase {
        self.source.1
    }

    /// When the source shows frame `index`.
    pub(super) fn source_at(&self, index: usize) -> Option<i128> {
        self.source.0.get(index).map(|pts| self.common.at(pts.0, self.source.1))
    }

    /// When the output shows frame `index`, the shift left out.
    fn output_at(&self, index: usize) -> Option<i128> {
        self.output.0.get(index).map(|pts| self.common.at(pts.0, self.output.1) - self.shift)
    }

    pub(super) const fn pairs(&self) -> Pairs<'a> {
        Pairs { tables: *self, source: 0, output: 0 }
    }

    /// When the source shows its first and its last frame.
    pub(super) fn source_ends(&self) -> Option<(i128, i128)> {
        let last = self.source.0.len().checked_sub(1)?;
        Some((self.source_at(0)?, self.source_at(last)?))
    }

    /// When the output shows its first and its last frame, the shift included.
    pub(super) fn output_ends(&self) -> Option<(i128, i128)> {
        let last = self.output.0.len().checked_sub(1)?;
        Some((self.output_at(0)? + self.shift, self.output_at(last)? + self.shift))
    }

    /// Half of the way from the source's frame to its nearer neighbour.
    fn reach(&self, index: usize) -> i128 {
        let Some(this) = self.source_at(index) else { return 0 };
        let before = index.checked_sub(1).and_then(|before| self.source_at(before));
        let after = self.source_at(index + 1);
        let ways = [before.map(|before| this - before), after.map(|after| after - this)];
        ways.into_iter().flatten().min().unwrap_or(0) / 2
    }

    /// Goes through all pairs and counts.
    pub(super) fn count(&self) -> Frames {
        let (common, mut frames) = (self.common, Frames::default());
        frames.source = self.source.0.len() as u64;
        frames.output = self.output.0.len() as u64;
        frames.shift = (self.shift != 0).then(|| common.time(self.shift));
        let at = |index: usize, time: Option<i128>, later: Option<i128>| FrameAt {
            index: index as u64,
            time: common.time(time.unwrap_or(0)),
            later: later.map(|later| common.time(later)),
        };
        for pair in self.pairs() {
            match pair {
                Pair::Both { later: 0, .. } => frames.matched += 1,
                Pair::Both { source, later, .. } => {
                    frames.moved.add(|| at(source, self.source_at(source), Some(later)));
                }
                Pair::Missing(source) => {
                    frames.missing.add(|| at(source, self.source_at(source), None));
                }
                Pair::Extra { output, .. } => {
                    let time = self.output_at(output).map(|time| time + self.shift);
                    frames.extra.add(|| at(output, time, None));
                }
            }
        }
        frames
    }
}

/// See [`Pair`].
#[derive(Debug)]
pub(super) struct Pairs<'a> {
    tables: Tables<'a>,
    source: usize,
    output: usize,
}

impl Iterator for Pairs<'_> {
    type Item = Pair;

    fn next(&mut self) -> Option<Pair> {
        let (source, output) = (self.source, self.output);
        let pair = match (self.tables.source_at(source), self.tables.output_at(output)) {
            (None, None) => return None,
            (Some(_), None) => Pair::Missing(source),
            (None, Some(_)) => Pair::Extra { output, before: source },
            (Some(due), Some(shown)) => self.judge(due, shown),
        };
        match pair {
            Pair::Both { .. } => {
                self.source += 1;
                self.output += 1;
            }
            Pair::Missing(_) => self.source += 1,
            Pair::Extra { .. } => self.output += 1,
        }
        Some(pair)
    }
}

impl Pairs<'_> {
    fn judge(&self, due: i128, shown: i128) -> Pair {
        let (source, output) = (self.source, self.output);
        let (later, away) = (shown - due, (shown - due).abs());
        let both = Pair::Both { source, output, later };
        if later == 0 {
            return both;
        }
        let rival = if later > 0 {
            self.tables.source_at(source + 1).map(|next| (next - shown).abs())
        } else {
            self.tables.output_at(output + 1).map(|next| (next - due).abs())
        };
        let is_nearest = rival.is_none_or(|rival| rival > away);
        if is_nearest && away <= self.tables.reach(source) {
            both
        } else if later > 0 {
            Pair::Missing(source)
        } else {
            Pair::Extra { output, before: source }
        }
    }
}

#[cfg(test)]
mod tests {
    use cleanplate_types::frames::TableOrigin;

    use super::*;

    fn table(den: u32, pts: &[i64]) -> FrameTable {
        FrameTable {
            timebase: Timebase::new(1, den).unwrap(),
            pts: pts.iter().copied().map(Pts).collect(),
            last_duration: 1,
            entries: Vec::new(),
            origin: TableOrigin::Packets,
        }
    }

    fn count(source: &FrameTable, output: &FrameTable) -> Frames {
        let common = Common::of([source.timebase, output.timebase]);
        Tables::new(common, source, output).count()
    }

    #[test]
    fn a_dropped_a_moved_and_an_extra_frame_are_each_called_what_they_are() {
        let source = table(25, &[0, 1, 2, 3, 4, 5]);
        let output = table(100, &[0, 4, 12, 16, 17, 20, 24]);
        let frames = count(&source, &output);
        assert_eq!((frames.matched, frames.missing.count, frames.extra.count), (5, 1, 2));
        assert_eq!((frames.missing.first[0].index, frames.extra.first[0].index), (2, 4));
        assert_eq!(frames.missing.first[0].time.exact, "2/25");
        let frames = count(&source, &table(100, &[0, 4, 8, 13, 16, 20]));
        assert_eq!((frames.matched, frames.moved.count), (5, 1));
        let moved = &frames.moved.first[0];
        assert_eq!((moved.index, moved.later.as_ref().unwrap().exact.as_str()), (3, "1/100"));
    }

    #[test]
    fn a_file_that_begins_late_is_told_as_that() {
        let source = table(25, &[3, 4, 5, 6]);
        let frames = count(&source, &table(50, &[0, 2, 4, 6]));
        assert_eq!((frames.matched, frames.missing.count), (4, 0));
        assert_eq!(frames.shift.unwrap().exact, "-3/25");
        let frames = count(&source, &table(50, &[8, 10, 12]));
        assert_eq!((frames.matched, frames.missing.count, frames.shift), (3, 1, None));
    }

    #[test]
    fn a_cut_end_is_missing_frames() {
        let frames = count(&table(25, &[0, 1, 2, 3]), &table(25, &[0, 1]));
        assert_eq!((frames.matched, frames.missing.count, frames.extra.count), (2, 2, 0));
    }
}
