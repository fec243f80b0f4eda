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
/// 300 where those are up to 8.
///
/// A window is where one lease looks; which frames of it are sampled is the detector's business.
#[must_use]
pub fn analyse_windows(table: &FrameTable) -> Vec<FrameRange> {
    let frames = table.range().end;
    let first = (frames / FRAMES_PER_FIRST_WINDOW).min(FIRST_WINDOWS);
    let count = (frames / FRAMES_PER_WINDOW).max(first).clamp(1, WINDOWS_MAX);
    let windows: Vec<_> = (0..count)
        .map(|index| FrameRange::new(frames * index / count, frames * (index + 1) / count))
        .filter(|window| !window.is_empty())
        .collect();
    assert_eq!(
        windows.iter().map(|window| window.count()).sum::<u64>(),
        frames,
        "windows tile the table"
    );
    windows
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
}
