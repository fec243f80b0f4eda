//! What suits each kind of detector: how often it sees a frame, and how its sights are joined.
//!
//! Owns these numbers, measured by `make bench-models`. Refuses to run anything.

use cleanplate_plate::track::Settings;
use cleanplate_types::frames::FrameTable;
use cleanplate_types::model::DetectorKind;
use cleanplate_types::source::VideoDescription;

/// Frames from one sight of a detector to its next.
///
/// Writing stays for many frames, and the frames at its ends are looked for; a face moves, and what lies between
/// two sights is covered whole.
pub(super) const fn stride(what: DetectorKind) -> u64 {
    match what {
        DetectorKind::Text => 8,
        DetectorKind::Faces => 3,
        DetectorKind::Own => 4,
    }
}

/// The longest side at which a detector of open size is shown a frame; `None` is the model's own.
pub(super) const fn side(what: DetectorKind) -> Option<usize> {
    match what {
        DetectorKind::Text | DetectorKind::Faces => Some(640),
        DetectorKind::Own => None,
    }
}

/// The score, of 1000, below which a sight is none: low, since the weak ones beside sure ones count.
pub(super) fn threshold(what: DetectorKind, score_min: Option<u16>) -> Option<u16> {
    match what {
        DetectorKind::Text => None,
        DetectorKind::Faces => Some(200),
        DetectorKind::Own => score_min,
    }
}

/// How what a detector saw in a video is joined.
pub(in crate::engine::look) fn settings(
    what: DetectorKind,
    score_min: Option<u16>,
    video: &VideoDescription,
    table: &FrameTable,
) -> Settings {
    let usual = Settings::usual(video.width, video.height, rate(table));
    match (what, score_min) {
        (DetectorKind::Own, Some(score)) => {
            Settings { enter_score: score, stay_score: score.min(usual.stay_score), ..usual }
        }
        (DetectorKind::Text | DetectorKind::Faces | DetectorKind::Own, _) => usual,
    }
}

/// Frames a second, rounded; 25 where the table does not tell.
fn rate(table: &FrameTable) -> u32 {
    let ends = table.pts.first().zip(table.pts.last());
    let ticks = ends.map_or(0, |(first, last)| last.0 - first.0 + table.last_duration);
    let nanos = i128::from(ticks) * i128::from(table.timebase.num()) * 1_000_000_000
        / i128::from(table.timebase.den());
    let frames = i128::from(table.range().count());
    let rate = (frames * 1_000_000_000 + nanos / 2).checked_div(nanos);
    rate.and_then(|rate| u32::try_from(rate).ok()).filter(|rate| *rate > 0).unwrap_or(25)
}
