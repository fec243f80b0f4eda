//! How long a container says that it lasts, beside where its last packet ends.
//!
//! Owns the rule of when that is told. Refuses nothing: a header may be wrong, and a movie may have been cut by
//! someone who left the header as it was.

use cleanplate_types::frames::FrameTable;
use cleanplate_types::source::SourceDescription;
use cleanplate_types::time::Timebase;
use ffmpeg_next as libav;

use crate::decode::place::Place;
use crate::error::MediaError;
use crate::input::SeekTo;

/// What may be missing at the end without a word: durations are rounded, and sound ends when it likes.
const TOLERANCE_MICROS: i64 = 1_000_000;

/// Says that the source ends earlier than its container says, where it does. Of a source whose video ends
/// when it should nothing is read.
///
/// # Errors
/// [`MediaError::Read`].
pub(super) fn told(
    place: &Place,
    description: &SourceDescription,
    table: &FrameTable,
) -> Result<Option<String>, MediaError> {
    let timebase = description.video.timebase;
    let Some(last) = table.pts.last().map(|pts| pts.0) else { return Ok(None) };
    let start = table.pts.first().map_or(0, |pts| micros(pts.0, timebase));
    let end = micros(last.saturating_add(table.last_duration.max(0)), timebase);
    let said = description.duration_micros.unwrap_or(0);
    if !is_early(said, start, end) {
        return Ok(None);
    }
    let Some((said, seen)) = tail(place, last)? else { return Ok(None) };
    let end = end.max(seen);
    let frame = table.pts.len() - 1;
    Ok(is_early(said, start, end).then(|| words(said, end, frame)))
}

/// Whether what ends at `end` is clearly shorter than the container says. A duration may be counted from zero or
/// from the start; the longer of the two counts.
fn is_early(said: i64, start: i64, end: i64) -> bool {
    let lasts = end.max(end.saturating_sub(start));
    said.saturating_sub(lasts) > TOLERANCE_MICROS.max(said / 100)
}

fn words(said: i64, end: i64, frame: usize) -> String {
    format!(
        "the container says that it lasts {} s, and its last packet ends at {} s (the last frame is {frame}): \
         it may be cut off",
        seconds(said),
        seconds(end)
    )
}

fn seconds(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let millis = micros.unsigned_abs() / 1000;
    format!("{sign}{}.{:03}", millis / 1000, millis % 1000)
}

fn micros(ticks: i64, timebase: Timebase) -> i64 {
    let micros =
        i128::from(ticks) * i128::from(timebase.num()) * 1_000_000 / i128::from(timebase.den());
    i64::try_from(micros).unwrap_or(i64::MAX)
}

/// The duration that the container says, and where the last packet of all streams ends, from the last frame on;
/// nothing where it says none.
fn tail(place: &Place, last: i64) -> Result<Option<(i64, i64)>, MediaError> {
    let mut input = place.open_whole()?;
    let Some(said) = input.duration_told() else { return Ok(None) };
    match input.seek(place.stream, SeekTo::Stamp(last)) {
        Err(MediaError::Read(error)) => return Err(MediaError::Read(error)),
        Err(error) => {
            tracing::debug!(%error, "the source is read whole for its end");
            input = place.open_whole()?;
        }
        Ok(()) => {}
    }
    let clock = |stream: libav::Stream<'_>| {
        let base = stream.time_base();
        let part = |number: i32| u32::try_from(number).ok();
        Timebase::new(part(base.numerator())?, part(base.denominator())?)
    };
    let clocks: Vec<Option<Timebase>> = input.context().streams().map(clock).collect();
    let mut end = i64::MIN;
    let mut packet = libav::Packet::empty();
    loop {
        match input.read(&mut packet) {
            Ok(true) => {}
            Err(MediaError::Read(error)) => return Err(MediaError::Read(error)),
            // What is behind damage is not known to be there.
            Ok(false) | Err(_) => return Ok(Some((said, end))),
        }
        let Some(time) = packet.pts().or_else(|| packet.dts()) else { continue };
        if let Some(clock) = clocks.get(packet.stream()).copied().flatten() {
            end = end.max(micros(time.saturating_add(packet.duration().max(0)), clock));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_movie_is_early_by_a_second_and_a_hundredth() {
        assert!(is_early(4_000_000, 0, 2_440_000));
        assert!(!is_early(4_000_000, 0, 3_100_000));
        assert!(!is_early(1_000_000_000, 0, 991_000_000), "within a hundredth");
        assert!(is_early(1_000_000_000, 0, 989_000_000));
        assert!(!is_early(4_000_000, 7_000_000, 9_000_000), "it may count from zero");
        assert!(!is_early(4_000_000, -2_000_000, 2_000_000), "it may count from the start");
        assert!(!is_early(0, 0, 5_000_000));
        assert_eq!(
            words(4_000_000, 2_440_000, 60),
            "the container says that it lasts 4.000 s, and its last packet ends at 2.440 s (the last frame is \
             60): it may be cut off"
        );
    }
}
