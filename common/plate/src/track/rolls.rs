//! Lines of text that roll: several, straight and evenly, as no camera moves.

use super::Settings;
use super::parts::Part;
use super::places::middle;
use cleanplate_types::detection::DetectionKind;

/// Lines that go the same way at the same speed, at least.
pub const ROLL_LINES_MIN: usize = 3;
/// Sights of a line that rolls, at least.
const SIGHTS_MIN: usize = 4;
/// How far it goes at least, in heights.
const HEIGHTS_MIN: i64 = 2;
/// By how far a sight may lie off an even way: luma samples, and a share of the height.
const OFF: i64 = 2;
const OFF_SHARE: i64 = 8;
/// Speeds differ by at most this share, in percent.
const SPEED_PERCENT: u64 = 5;
/// Lines of one roll are at most so many times the longest gap apart.
const APART: u64 = 10;

/// How a line goes: down or across, and how far in a thousand frames.
#[derive(Debug, Clone, Copy)]
struct Way {
    is_down: bool,
    speed: i64,
    first: u64,
    last: u64,
}

/// Which of the parts are lines that roll.
pub(super) fn rolls(parts: &[Part<'_, '_>], settings: &Settings) -> Vec<bool> {
    let ways: Vec<Option<Way>> = parts.iter().map(way).collect();
    let apart = settings.gap_frames_max.saturating_mul(APART);
    let are_one = |a: Way, b: Way| {
        let most = a.speed.unsigned_abs() * SPEED_PERCENT / 100;
        a.is_down == b.is_down
            && a.speed.abs_diff(b.speed) <= most
            && a.first <= b.last.saturating_add(apart)
            && b.first <= a.last.saturating_add(apart)
    };
    let rolls = |way: &Option<Way>| {
        way.is_some_and(|way| {
            let lines = ways.iter().flatten().filter(|other| are_one(way, **other));
            lines.take(ROLL_LINES_MIN).count() == ROLL_LINES_MIN
        })
    };
    ways.iter().map(rolls).collect()
}

/// The way of a line of text that goes straight and evenly.
fn way(part: &Part<'_, '_>) -> Option<Way> {
    let sights = part.sights();
    if part.kind() != DetectionKind::Text || part.is_still || sights.len() < SIGHTS_MIN {
        return None;
    }
    let (first, last) = (sights.first()?, sights.last()?);
    let frames = i64::try_from(last.frame - first.frame).ok()?;
    let height = i64::from(first.bounds().height);
    let ((x, y), (to_x, to_y)) = (middle(first.bounds()), middle(last.bounds()));
    let is_down = (to_y - y).abs() >= (to_x - x).abs();
    let (goes, strays) = if is_down { (to_y - y, to_x - x) } else { (to_x - x, to_y - y) };
    // All of these are twice as far.
    let off = 2 * (OFF + height / OFF_SHARE);
    if strays.abs() > off || goes.abs() < 2 * HEIGHTS_MIN * height || frames == 0 {
        return None;
    }
    let is_even = sights.iter().all(|sight| {
        let (here_x, here_y) = middle(sight.bounds());
        let (from, here) = if is_down { (y, here_y) } else { (x, here_x) };
        let gone = i64::try_from(sight.frame - first.frame).unwrap_or(i64::MAX);
        (from + goes * gone / frames - here).abs() <= off
    });
    let speed = goes * 500 / frames;
    is_even.then_some(Way { is_down, speed, first: first.frame, last: last.frame })
}
