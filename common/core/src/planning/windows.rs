//! Choosing the windows that are analysed for overlays, spread over the video and over the fleet.

use cleanplate_types::frames::{FrameRange, FrameTable};

/// Frames of video for each window, where it has many: below that, more windows only cost more seeks.
pub const FRAMES_PER_WINDOW: u64 = 600;
/// Frames for each of the first windows: a short video is looked at by several slots too.
pub const FRAMES_PER_FIRST_WINDOW: u64 = 300;
/// So many windows have as few frames.
pub const FIRST_WINDOWS: u64 = 8;
/// The most windows: enough to keep a farm busy, few enough to reduce in one place.
pub const WINDOWS_MAX: u64 = 64;

/// The windows of `table`: they tile it, in equal lengths, one for each 600 frames (at most 64), or for each
/// 300 where those are up to 8. Where there would be more than the most, the first are longest, seven times
/// the last: there are long ones for the fast and short ones for the slow, and to end with.
///
/// A window is where one lease looks; which frames of it are sampled is the detector's business.
#[must_use]
pub fn analyse_windows(table: &FrameTable) -> Vec<FrameRange> {
    let frames = table.range().end;
    let first = (frames / FRAMES_PER_FIRST_WINDOW).min(FIRST_WINDOWS);
    let count = (frames / FRAMES_PER_WINDOW).max(first).clamp(1, WINDOWS_MAX);
    let edge = |index: u64| {
        if frames / FRAMES_PER_WINDOW > WINDOWS_MAX {
            tapered(frames, count, index)
        } else {
            frames * index / count
        }
    };
    let windows: Vec<_> = (0..count)
        .map(|index| FrameRange::new(edge(index), edge(index + 1)))
        .filter(|window| !window.is_empty())
        .collect();
    assert_eq!(
        windows.iter().map(|window| window.count()).sum::<u64>(),
        frames,
        "windows tile the table"
    );
    windows
}

/// Where window `index` of `count` begins, whose lengths fall evenly from 7/4 to 1/4 of their mean.
fn tapered(frames: u64, count: u64, index: u64) -> u64 {
    let part = u128::from(index) * u128::from(7 * count - 3 * index);
    let whole = 4 * u128::from(count) * u128::from(count);
    u64::try_from(u128::from(frames) * part / whole).unwrap_or(frames)
}

#[cfg(test)]
mod tests {
    use cleanplate_types::frames::TableOrigin;
    use cleanplate_types::time::{Pts, Timebase};

    use super::*;

    fn table(frames: i64) -> FrameTable {
        FrameTable {
            timebase: Timebase::new(1, 25).unwrap(),
            pts: (0..frames).map(Pts).collect(),
            last_duration: 1,
            entries: Vec::new(),
            origin: TableOrigin::Packets,
        }
    }

    #[test]
    fn a_short_video_is_one_window() {
        assert_eq!(analyse_windows(&table(48)), [FrameRange::new(0, 48)]);
        assert_eq!(analyse_windows(&table(599)), [FrameRange::new(0, 599)]);
        assert_eq!(analyse_windows(&table(600)).len(), 2);
    }

    #[test]
    fn a_long_video_has_no_more_than_the_most_windows() {
        assert_eq!(analyse_windows(&table(4000)).len(), 8);
        assert_eq!(analyse_windows(&table(7200)).len(), 12);
        assert_eq!(analyse_windows(&table(1_000_000)).len(), 64);
    }

    #[test]
    fn the_windows_of_a_long_video_get_shorter_towards_its_end() {
        let windows = analyse_windows(&table(216_000));
        assert!(windows.windows(2).all(|pair| pair[0].count() + 1 >= pair[1].count()));
        let (first, last) = (windows[0].count(), windows[63].count());
        assert!((64..=70).contains(&(first * 10 / last)), "{first} and {last} frames");
        let even = analyse_windows(&table(38_400));
        assert!(even.iter().all(|window| window.count() == 600), "one for each 600 frames");
    }
}
