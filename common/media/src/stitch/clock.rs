//! The movie's decoding timestamps, by one rule from the frame table.
//!
//! Packet `n` of the movie, in coding order, is decoded when frame `n - reorder` is shown; before the first
//! frame, time steps back by the first frame's duration. So decoding times rise strictly, no picture is
//! shown before it is decoded, and a variable frame rate stays exact. Refuses to look at packets.

use cleanplate_types::frames::FrameTable;

/// The decoding clock of one movie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock<'a> {
    table: &'a FrameTable,
    /// Frames by which coding runs ahead of display, at most.
    reorder: u8,
}

impl<'a> Clock<'a> {
    pub(super) const fn new(table: &'a FrameTable, reorder: u8) -> Self {
        Self { table, reorder }
    }

    /// The decoding timestamp of packet `number`, in ticks of the table.
    pub(super) fn dts(&self, number: u64) -> i64 {
        let reorder = u64::from(self.reorder);
        let first = self.table.pts.first().map_or(0, |pts| pts.0);
        match number.checked_sub(reorder) {
            Some(frame) => {
                let at = usize::try_from(frame).unwrap_or(usize::MAX);
                self.table.pts.get(at).map_or(first, |pts| pts.0)
            }
            None => {
                let back = i64::try_from(reorder - number).unwrap_or(0);
                first - back * self.table.duration_of(0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cleanplate_types::frames::TableOrigin;
    use cleanplate_types::time::{Pts, Timebase};

    use super::*;

    #[test]
    fn decoding_runs_ahead_of_display_by_whole_frames_of_whatever_length() {
        let table = FrameTable {
            timebase: Timebase::new(1, 1000).unwrap(),
            pts: [100, 140, 1000, 1001].map(Pts).into(),
            last_duration: 40,
            entries: Vec::new(),
            origin: TableOrigin::Packets,
        };
        let dts = |reorder| {
            let clock = Clock::new(&table, reorder);
            (0..4).map(|number| clock.dts(number)).collect::<Vec<_>>()
        };
        assert_eq!(dts(0), [100, 140, 1000, 1001]);
        assert_eq!(dts(2), [20, 60, 100, 140]);
        assert_eq!(dts(4), [-60, -20, 20, 60]);
    }
}
