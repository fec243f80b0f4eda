//! Whether an overlay that some frames agree on is there in others too, fainter or over what hides the agreement:
//! its edges stay where they are when many frames are averaged, and those of the background do not.
//!
//! Owns that comparison. Says nothing of a single frame.

use std::collections::BTreeSet;

use super::steady::sides;
use crate::matte::Crops;

/// Frames that are averaged at least: of fewer, the background's edges are still seen.
const FRAMES_MIN: usize = 8;
/// Height of the edges in the other frames against those where all agree, in percent, that is a trace.
const HEIGHT_PERCENT: i64 = 30;
/// How far the edges of both must be the same ones: the squared cosine between them, in percent.
const ALIKE_PERCENT: i128 = 20;

/// Whether the frames of `all` that are not in `agreed` show, on the mean, what those in it do.
pub(super) fn leaves_a_trace(crops: &[Crops], agreed: &BTreeSet<u64>, all: &BTreeSet<u64>) -> bool {
    let rest: BTreeSet<u64> = all.difference(agreed).copied().collect();
    let (mut both, mut own, mut other) = (0_i64, 0_i64, 0_i64);
    let (Some(shown), Some(left)) = (edges(crops, agreed), edges(crops, &rest)) else {
        return false;
    };
    for (a, b) in shown.iter().zip(&left) {
        both += a * b;
        own += a * a;
        other += b * b;
    }
    let square = |value: i64| i128::from(value) * i128::from(value);
    both > 0
        && both * 100 >= own * HEIGHT_PERCENT
        && square(both) * 100 >= i128::from(own) * i128::from(other) * ALIKE_PERCENT
}

/// Mean slopes, across and down, of the samples inside the mask over those frames, in 16ths of an 8-bit code;
/// nothing where they are few.
fn edges(crops: &[Crops], frames: &BTreeSet<u64>) -> Option<Vec<i64>> {
    let site = &crops.first()?.site;
    let width = site.bounds.width as usize;
    let (inside, _) = sides(site);
    let mut sums = vec![0_i64; 2 * inside.len()];
    let mut count = 0;
    let kept = crops.iter().filter(|one| one.site == *site).flat_map(|one| &one.frames);
    for frame in kept.filter(|frame| frames.contains(&frame.index)) {
        let Some(luma) = frame.planes.first() else { continue };
        let slope = |from: Option<usize>, to: usize| {
            let from = from.and_then(|from| luma.get(from)).copied();
            from.zip(luma.get(to)).map_or(0, |(from, to)| i64::from(*to) - i64::from(from))
        };
        for (pair, at) in sums.chunks_exact_mut(2).zip(&inside) {
            pair[0] += slope(at.checked_sub(1), at + 1);
            pair[1] += slope(at.checked_sub(width), at + width);
        }
        count += 1;
    }
    let shift = u32::from(site.layout.depth.clamp(8, 16)) - 8;
    let one = i64::try_from(count).unwrap_or(i64::MAX) << shift;
    (count >= FRAMES_MIN).then(|| sums.iter().map(|sum| sum * 16 / one).collect())
}

#[cfg(test)]
mod tests {
    use cleanplate_types::picture::Rect;

    use super::super::drawn::drawn;
    use super::*;

    /// Sixty frames of 64 by 32 luma samples whose content changes at each, with a bar of that alpha in
    /// percent.
    fn crops(alpha: impl Fn(u64) -> u32) -> Vec<Crops> {
        let bounds = Rect { x: 0, y: 0, width: 64, height: 32 };
        let masked = Rect { x: 8, y: 8, width: 40, height: 16 };
        drawn(bounds, masked, 60, |index, x, y| {
            let place = index * 977 + u64::from(x / 4 * 31 + y / 4);
            let mut bits = place.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            bits ^= bits >> 29;
            let below = u32::try_from(bits % 180).unwrap();
            let is_bar = (12..40).contains(&x) && (12..20).contains(&y);
            let alpha = if is_bar { alpha(index) } else { 0 };
            u16::try_from((below * (100 - alpha) + 235 * alpha) / 100).unwrap()
        })
    }

    fn leaves(alpha: impl Fn(u64) -> u32) -> bool {
        leaves_a_trace(&crops(alpha), &(0..30).collect(), &(0..60).collect())
    }

    #[test]
    fn a_mark_that_is_in_all_frames_leaves_a_trace_in_those_that_do_not_agree() {
        assert!(leaves(|_| 45));
        assert!(leaves(|index| if index < 30 { 100 } else { 60 }));
    }

    #[test]
    fn a_background_alone_leaves_none() {
        assert!(!leaves(|index| if index < 30 { 100 } else { 0 }));
        assert!(!leaves(|index| if index < 30 { 45 } else { 0 }));
    }

    #[test]
    fn of_few_frames_nothing_is_said() {
        let all = (0..35).collect();
        assert!(!leaves_a_trace(&crops(|_| 45), &(0..30).collect(), &all));
    }
}
