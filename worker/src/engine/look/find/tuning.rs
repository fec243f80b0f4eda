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

/// Bytes of frames that are kept for second looks, at most, but for two frames.
const KEPT_BYTES_MAX: u64 = 256 << 20;

/// Bytes of a frame of the video.
pub(super) fn frame_bytes(video: &VideoDescription) -> u64 {
    let VideoDescription { layout, width, height, .. } = video;
    let planes = (0..layout.planes).map(|plane| layout.plane_size(plane, *width, *height));
    let samples: u64 = planes.map(|(width, height)| u64::from(width) * u64::from(height)).sum();
    samples * if layout.depth > 8 { 2 } else { 1 }
}

/// The frames of a window that a detector sees, by their times, whatever the rate: no two of them are farther apart than
/// the kind allows, but where the frames themselves are.
///
/// A caption of half a second must be seen twice; the frames at its ends are looked for. A face moves, and what lies between
/// two sights is covered whole. Frames that show something else than those before them are seen besides. Large frames
/// that come fast are seen more often: those since the sample before the last are kept, of `frame_bytes` each.
pub(super) fn samples(
    what: DetectorKind,
    window: FrameRange,
    (table, frame_bytes): (&FrameTable, u64),
) -> Vec<u64> {
    let frames_apart = (KEPT_BYTES_MAX / 2 / frame_bytes.max(1)).max(1);
    let apart_nanos: i128 = match what {
        DetectorKind::Text => 250_000_000,
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
        let is_far = samples.last().is_some_and(|last| frame - last >= frames_apart);
        if is_due || is_far {
            samples.push(frame);
        }
    }
    samples
}

/// The frames of a video, whose longer side has `longest` samples, in which small writing is looked for besides, at
/// [`SMALL_SIDE`]: letters of 2 % of the height, as clocks of cameras have, which the usual side does not show. It is dear and takes
/// blinds for writing, so it is done every [`SMALL_APART_NANOS`], and what counts stays for [`SMALL_SIGHTS_MIN`] of these
/// frames. They follow from the table alone, whatever the windows; none where the usual side shows as much.
pub(super) fn small_samples(what: DetectorKind, longest: u32, table: &FrameTable) -> Vec<u64> {
    let shown = u64::from(longest) * 4 > SIDE as u64 * 5;
    let (DetectorKind::Text, true) = (what, shown) else { return Vec::new() };
    let Some((first, last)) = table.pts.first().zip(table.pts.last()) else { return Vec::new() };
    let apart = small_apart_nanos(table).max(1);
    let mut samples: Vec<u64> = Vec::new();
    let mut due = 0;
    for (frame, pts) in (0_u64..).zip(&table.pts) {
        let at = table.timebase.nanos_between(*first, *pts);
        if at >= due || pts == last {
            samples.push(frame);
            due = (at / apart + 1) * apart;
        }
    }
    samples
}

/// Nanoseconds from one look at small writing to the next.
const SMALL_APART_NANOS: i128 = 4_000_000_000;
/// Sights of small writing that count.
const SMALL_SIGHTS_MIN: usize = 3;

/// In a short video they are nearer, so that writing that stays has its sights.
fn small_apart_nanos(table: &FrameTable) -> i128 {
    let ends = table.pts.first().zip(table.pts.last());
    let lasts = ends.map_or(0, |(first, last)| table.timebase.nanos_between(*first, *last));
    SMALL_APART_NANOS.min(lasts / SMALL_SIGHTS_MIN as i128)
}

/// How sights of small writing are joined: it may be missed once between two sights.
pub(in crate::engine::look) fn small_settings(
    video: &VideoDescription,
    table: &FrameTable,
) -> Settings {
    // Samples are chosen by time: at a rate that varies so does the number of frames between them.
    let samples = small_samples(DetectorKind::Text, u32::MAX, table);
    let gaps = samples.windows(3).map(|three| three[2] - three[0]);
    let gap = gaps.max().unwrap_or(1);
    Settings {
        enter_score: 700,
        stay_score: 600,
        sure_score: NEVER_SURE,
        sights_min: SMALL_SIGHTS_MIN,
        dense_frames: u64::MAX,
        gap_frames_max: gap,
        blink_frames_max: gap,
        ..Settings::usual(video.width, video.height, rate(table))
    }
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
pub(super) const fn band_side(what: DetectorKind) -> Option<usize> {
    match what {
        DetectorKind::Text => Some(SIDE * 5 / 4),
        DetectorKind::Faces | DetectorKind::Own => None,
    }
}

/// The same where small writing is looked for.
pub(super) const SMALL_SIDE: usize = SIDE * 3 / 2;

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
    // What may be private is joined over so many frames as a second holds at most: where they are fewer, too much
    // is covered rather than too little.
    let rate = match what {
        DetectorKind::Text => rate(table),
        DetectorKind::Faces | DetectorKind::Own => peak_rate(table),
    };
    let usual = Settings::usual(video.width, video.height, rate);
    match (what, score_min) {
        (DetectorKind::Text, _) => Settings {
            enter_score: 600,
            stay_score: 600,
            sure_score: NEVER_SURE,
            frames_min: u64::from(rate.div_ceil(4)),
            // Captions that fade are seen from a quarter of their strength on, small ones from two fifths: of a fade
            // of 0.4 s up to 0.15 s are not seen.
            fade_frames: u64::from(rate.div_ceil(10)),
            ..usual
        },
        (DetectorKind::Own, Some(score)) => {
            Settings { enter_score: score, stay_score: score.min(usual.stay_score), ..usual }
        }
        // With this much on each side an ellipse in the box covers the detector's own in every frame measured.
        // A face that was never seen surely is covered too: too much is better than a miss.
        (DetectorKind::Faces, _) => {
            Settings { enter_score: 200, private_grow_percent: 20, ..usual }
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

/// The most frames that any second of the video holds.
fn peak_rate(table: &FrameTable) -> u32 {
    let mut first = 0;
    let mut most = 1;
    for (at, pts) in table.pts.iter().enumerate() {
        while table.timebase.nanos_between(table.pts[first], *pts) >= 1_000_000_000 {
            first += 1;
        }
        most = most.max(at + 1 - first);
    }
    u32::try_from(most).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use cleanplate_types::frames::TableOrigin;
    use cleanplate_types::time::{Pts, Timebase};

    use super::*;

    fn even(frames: i64, rate: u32) -> FrameTable {
        FrameTable {
            timebase: Timebase::new(1, rate).unwrap(),
            pts: (0..frames).map(Pts).collect(),
            last_duration: 1,
            entries: Vec::new(),
            origin: TableOrigin::Packets,
        }
    }

    #[test]
    fn small_writing_is_looked_for_every_few_seconds_and_thrice_at_least_where_it_can_be_missed() {
        let small = |longest, table: &FrameTable| small_samples(DetectorKind::Text, longest, table);
        assert_eq!(small(1920, &even(501, 25)), [0, 100, 200, 300, 400, 500]);
        assert!(small(1920, &even(30, 25)).len() >= SMALL_SIGHTS_MIN);
        assert!(small(640, &even(501, 25)).is_empty(), "the usual look shows as much");
        assert!(small_samples(DetectorKind::Faces, 1920, &even(501, 25)).is_empty());
        assert_eq!(small(1920, &even(1, 25)), [0]);
    }

    #[test]
    fn large_frames_that_come_fast_are_seen_before_they_fill_the_memory() {
        let (table, window) = (even(240, 120), FrameRange::new(0, 240));
        let kept_at = |bytes: u64| {
            let seen = samples(DetectorKind::Text, window, (&table, bytes));
            seen.windows(3).map(|three| three[2] - three[0]).max().unwrap_or(0) * bytes
        };
        assert_eq!(kept_at(1), 60, "a quarter of a second each");
        for bytes in [8 << 20, 24 << 20, 100 << 20] {
            assert!(kept_at(bytes) <= KEPT_BYTES_MAX.max(2 * bytes), "{bytes}");
        }
    }

    #[test]
    fn gaps_of_what_is_private_are_as_long_as_the_densest_second() {
        // A minute of one frame a second, then two seconds of 30.
        let pts = (0..120).map(|at: i64| Pts(if at < 60 { at * 30 } else { 1770 + (at - 59) }));
        let table = FrameTable { pts: pts.collect(), ..even(0, 30) };
        assert_eq!(peak_rate(&table), 30);
        assert!(rate(&table) < 3);
        assert_eq!(peak_rate(&even(100, 25)), 25);
        assert_eq!(peak_rate(&even(1, 25)), 1);
    }

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
        let seen = samples(DetectorKind::Faces, FrameRange::new(0, 244), (&table, 1));
        assert!((240..244).all(|frame| seen.contains(&frame)), "{seen:?}");
        let apart = |pair: &[u64]| pair[1] - pair[0];
        assert!(seen.windows(2).all(|pair| apart(pair) <= 7), "an eighth of a second: {seen:?}");
        let text = samples(DetectorKind::Text, FrameRange::new(0, 244), (&table, 1));
        assert!(text.len() < seen.len() && text.contains(&243), "{text:?}");
    }
}
