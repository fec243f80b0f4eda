//! Whether every timestamp of a video has a place in a container's own clock.
//!
//! Owns each container's first and last possible time. Refuses to round.

use cleanplate_types::frames::FrameTable;
use cleanplate_types::time::{Pts, Timebase};

use super::Container;

/// Ticks that a transport stream counts before it starts again.
const TS_TICKS: i64 = 1 << 33;

/// Ticks before the end of the count (60 seconds) from which demuxers take a stream's start for a time before
/// zero.
const TS_BEFORE_ZERO: i64 = 60 * 90_000;

/// Ticks by which anything in a stream may be ahead of its first picture: a second, and pictures that are
/// coded early.
const TS_AHEAD: i64 = 90_000;

/// Frames by which coding runs ahead of display, at most.
const REORDERED_MAX: i64 = 4;

/// Checks that `container` has a tick for each timestamp of `table`.
///
/// MP4 and MOV have no place before tick 0: their edit lists begin there, and players (and libav, but for
/// sources without a key frame ahead of the edit) hide what comes before. Transport streams begin to count
/// anew every 26.5 hours, and whoever reads them counts on.
///
/// # Errors
/// What would be moved, as a clause about the container.
pub(super) fn fit(container: Container, table: &FrameTable) -> Result<(), String> {
    match container {
        Container::Mkv | Container::Webm => on_clock(table, (1, 1000), "whole milliseconds"),
        Container::Ts { .. } => {
            on_clock(table, (1, 90_000), "ticks of 90 kHz")?;
            inside_ts(table)
        }
        Container::Mp4 | Container::Mov => match table.pts.first() {
            Some(first) if first.0 < 0 => Err(format!(
                "its first frame is shown at tick {} of {} seconds, before zero, where players hide it",
                first.0, table.timebase
            )),
            Some(_) | None if table.timebase.den() > i32::MAX.unsigned_abs() => {
                Err(format!("it has no clock of {} seconds", table.timebase))
            }
            Some(_) | None => Ok(()),
        },
    }
}

fn on_clock(table: &FrameTable, (num, den): (u32, u32), unit: &str) -> Result<(), String> {
    let Some(clock) = Timebase::new(num, den) else { return Ok(()) };
    let moved = |pts: &&Pts| table.timebase.rescale_exact(**pts, clock).is_none();
    match (0_u64..).zip(&table.pts).find(|(_, pts)| moved(pts)) {
        None => Ok(()),
        Some((index, pts)) => Err(format!(
            "it has {unit} only, and frame {index} is at tick {} of {} seconds",
            pts.0, table.timebase
        )),
    }
}

/// Whether a reader of a transport stream, who sees every time without its turns, finds them again: libav takes a
/// start in the last minute of the count for one before zero, and counts on where it begins anew.
fn inside_ts(table: &FrameTable) -> Result<(), String> {
    let Some(clock) = Timebase::new(1, 90_000) else { return Ok(()) };
    let at = |pts: Option<&Pts>| pts.and_then(|pts| table.timebase.rescale_exact(*pts, clock));
    let (Some(first), Some(last)) = (at(table.pts.first()), at(table.pts.last())) else {
        return Ok(());
    };
    let early = table.timebase.rescale_exact(Pts(table.duration_of(0)), clock);
    let early =
        early.map_or(0, |step| step.0.saturating_mul(REORDERED_MAX)).saturating_add(TS_AHEAD);
    let from = early - TS_BEFORE_ZERO;
    let to = TS_TICKS - TS_BEFORE_ZERO - early;
    if first.0 < from || first.0 >= to {
        return Err(format!(
            "its pictures must begin between ticks {from} and {to} of 90 kHz, and these begin at {}",
            first.0
        ));
    }
    if last.0 - first.0 >= to {
        return Err(format!(
            "it counts {to} ticks of 90 kHz, and these pictures last for {}",
            last.0 - first.0
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use cleanplate_types::frames::TableOrigin;

    use super::*;

    fn table(pts: &[i64]) -> FrameTable {
        FrameTable {
            timebase: Timebase::new(1, 90_000).unwrap(),
            pts: pts.iter().copied().map(Pts).collect(),
            last_duration: 3003,
            entries: Vec::new(),
            origin: TableOrigin::Packets,
        }
    }

    #[test]
    fn a_transport_stream_may_begin_at_zero_or_a_minute_before_and_count_past_its_end() {
        let ts = Container::Ts { timed: false };
        let fits = |pts: &[i64]| fit(ts, &table(pts)).is_ok();
        for first in [0, 62_999, -153_001, 5_297_987 - 10_500_000, TS_TICKS - 6_000_000] {
            assert!(fits(&[first, first + 3003]), "{first}");
        }
        let begins = TS_TICKS - 90_000 * 120;
        assert!(fits(&[begins, begins + 3003, TS_TICKS + 90_000]), "it wraps in the middle");
        for first in [-5_400_000, -9_000_000, TS_TICKS - 5_400_000, TS_TICKS] {
            assert!(!fits(&[first, first + 3003]), "{first}");
        }
        assert!(!fits(&[0, 3003, TS_TICKS - 5_000_000]), "longer than it counts");
    }
}
