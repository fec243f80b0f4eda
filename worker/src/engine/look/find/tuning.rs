//! What suits each kind of detector: how often and how large it sees a frame, what of its sights counts, and how they
//! are joined.
//!
//! Owns these numbers. Those for writing were measured on 7 clips with 43 captions in 9 scripts, 3 to 9 % high, for
//! 0.4 to 4 s: with them all 1,438 captioned frames were covered over 90 %, and at most 0.04 % of the picture on
//! clips without any. `make bench-models` measures the product. Refuses to run anything.

use cleanplate_plate::track::Settings;
use cleanplate_types::detection::Detection;
use cleanplate_types::frames::{FrameRange, FrameTable};
use cleanplate_types::model::DetectorKind;
use cleanplate_types::source::VideoDescription;

/// The longest side at which detectors of open size are shown a frame.
const SIDE: usize = 640;
/// A place that is higher than this share of the picture, in percent, is no line of writing: the detector takes
/// blinds and fences for some. Its boxes are 2.6 times as high as what it marks.
const LINE_PERCENT_MAX: u32 = 31;
/// No score is so sure: chance sights of writing score high too, and only time tells them apart.
const NEVER_SURE: u16 = 1001;

/// The frames of a window that a detector sees, by their times, whatever the rate: no two of them are farther apart than
/// the kind allows, but where the frames themselves are.
///
/// A caption of 0.4 s must be seen twice; the frames at its ends are looked for. A face moves, and what lies between
/// two sights is covered whole. Frames that show something else than those before them are seen besides.
pub(super) fn samples(what: DetectorKind, window: FrameRange, table: &FrameTable) -> Vec<u64> {
    let apart_nanos: i128 = match what {
        DetectorKind::Text => 200_000_000,
        DetectorKind::Faces | DetectorKind::Own => 125_000_000,
    };
    let pts = |frame: u64| usize::try_from(frame).ok().and_then(|at| table.pts.get(at)).copied();
    let mut samples: Vec<u64> = Vec::new();
    for frame in window.start..window.end {
        let next = pts(frame + 1).filter(|_| frame + 1 < window.end);
        let last = samples.last().and_then(|last| pts(*last));
        let is_due = last
            .zip(next)
            .is_none_or(|(last, next)| table.timebase.nanos_between(last, next) > apart_nanos);
        if is_due {
            samples.push(frame);
        }
    }
    samples
}

/// The longest side at which a detector of open size is shown a frame; `None` is the model's own.
pub(super) const fn side(what: DetectorKind) -> Option<usize> {
    match what {
        DetectorKind::Text | DetectorKind::Faces => Some(SIDE),
        DetectorKind::Own => None,
    }
}

/// The same for the band of rows of a second look: a line that the whole shows just large enough must not be missed
/// there, or its frames at the end would be left alone.
pub(super) const fn part_side(what: DetectorKind) -> Option<usize> {
    match what {
        DetectorKind::Text => Some(SIDE * 3 / 2),
        DetectorKind::Faces | DetectorKind::Own => None,
    }
}

/// The score, of 1000, below which a sight is none; `None` is what suits the model.
pub(super) const fn threshold(what: DetectorKind, score_min: Option<u16>) -> Option<u16> {
    match what {
        DetectorKind::Text => None,
        DetectorKind::Faces => Some(200),
        DetectorKind::Own => score_min,
    }
}

/// Whether a sight in a picture of that height can be what the detector looks for.
pub(super) fn is_possible(what: DetectorKind, seen: &Detection, height: u32) -> bool {
    match what {
        DetectorKind::Text => {
            let short = seen.bounds.width.min(seen.bounds.height);
            u64::from(short) * 100 <= u64::from(height) * u64::from(LINE_PERCENT_MAX)
        }
        DetectorKind::Faces | DetectorKind::Own => true,
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
        (DetectorKind::Text, _) => Settings {
            enter_score: 600,
            stay_score: 600,
            sure_score: NEVER_SURE,
            frames_min: u64::from(rate(table).div_ceil(4)),
            ..usual
        },
        (DetectorKind::Own, Some(score)) => {
            Settings { enter_score: score, stay_score: score.min(usual.stay_score), ..usual }
        }
        // With this much on each side an ellipse in the box covers the detector's own in every frame measured.
        // A face that was never seen surely is covered too: too much is better than a miss.
        (DetectorKind::Faces, _) => {
            Settings { enter_score: 300, private_grow_percent: 20, ..usual }
        }
        // What the model itself counts, counts.
        (DetectorKind::Own, None) => Settings { enter_score: 0, stay_score: 0, ..usual },
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

#[cfg(test)]
mod tests {
    use cleanplate_types::frames::TableOrigin;
    use cleanplate_types::time::{Pts, Timebase};

    use super::*;

    #[test]
    fn frames_that_stay_for_long_are_all_seen_whatever_the_rate_before_them() {
        // 240 frames at 60 a second, then 4 of a second each.
        let pts = (0..244).map(|at: i64| Pts(if at < 240 { at } else { 240 + (at - 240) * 60 }));
        let table = FrameTable {
            timebase: Timebase::new(1, 60).unwrap(),
            pts: pts.collect(),
            last_duration: 60,
            entries: Vec::new(),
            origin: TableOrigin::Packets,
        };
        let seen = samples(DetectorKind::Faces, FrameRange::new(0, 244), &table);
        assert!((240..244).all(|frame| seen.contains(&frame)), "{seen:?}");
        let apart = |pair: &[u64]| pair[1] - pair[0];
        assert!(seen.windows(2).all(|pair| apart(pair) <= 7), "an eighth of a second: {seen:?}");
        let text = samples(DetectorKind::Text, FrameRange::new(0, 244), &table);
        assert!(text.len() < seen.len() && text.contains(&243), "{text:?}");
    }
}
