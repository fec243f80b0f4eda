//! What a finished estimate is worth: samples whose colour changes, places where the overlay can
//! still be seen in what was restored, and the noise that restoring amplifies.

use crate::bitmap::Bitmap;

use super::super::edges::{Edges, Remains};
use super::super::smooth::Smoother;
use super::stack::{Belief, Stack};

/// A sample changes where its variance about its line is this many times what detail explains, and
/// this much in squared 8-bit codes.
const CHANGE_TIMES: f32 = 6.0;
const CHANGE_MIN: f32 = 100.0;
/// Fewer such samples together are left alone; around more, this many samples change as well.
const CHANGE_COUNT_MIN: usize = 8;
const CHANGE_RIM: usize = 2;
/// Samples that let less than this through, or more, tell nothing of noise.
const NOISE_PASS: std::ops::Range<f32> = 0.1..0.85;
/// What is measured on the finest detail stands for this many times as much on all.
const NOISE_TIMES: f32 = 1.0;

/// The luma samples whose colour changes while the overlay stays.
pub(super) fn changing(stack: &Stack, belief: &Belief) -> Vec<bool> {
    let size = stack.inside.len();
    let mut smoother = Smoother::new(stack.width, stack.height, 3);
    let weights: Vec<f32> = belief.pass.iter().map(|pass| pass * pass).collect();
    let mut share = vec![0.0; size];
    smoother.smooth(&weights, &mut share);
    let (mut miss, mut square) = (vec![0.0; size], vec![0.0; size]);
    let (mut work, mut guess) = (vec![0.0; size], vec![0.0; size]);
    for frame in &stack.frames {
        for at in 0..size {
            work[at] = belief.pass[at] * (frame[at] - belief.paint[at]);
        }
        smoother.smooth(&work, &mut guess);
        for at in 0..size {
            let off =
                frame[at] - belief.paint[at] - belief.pass[at] * guess[at] / share[at].max(1e-6);
            miss[at] += off;
            square[at] += off * off;
        }
    }
    let count = stack.frames.len().max(1) as f32;
    let variance =
        |at: usize| (square[at] / count - miss[at] * miss[at] / (count * count)).max(0.0);
    let mut plain: Vec<f32> = (0..size).filter(|at| !stack.inside[*at]).map(variance).collect();
    plain.sort_by(f32::total_cmp);
    // Detail as rough as the roughest quarter around the overlay may lie under it.
    let detail = plain.get(plain.len() * 3 / 4).copied().unwrap_or(0.0);
    let mut changing = Bitmap::empty(stack.width, stack.height);
    for at in (0..size).filter(|at| stack.inside[*at]) {
        let pass = belief.pass[at];
        let explained = pass * pass * detail + 2.0;
        changing.cells[at] = variance(at) > CHANGE_MIN.max(CHANGE_TIMES * explained);
    }
    let mut kept = Bitmap::empty(stack.width, stack.height);
    for part in changing.parts() {
        let part = changing.within(part);
        if part.count() >= CHANGE_COUNT_MIN {
            kept.add(&part);
        }
    }
    let grown = kept.dilated(CHANGE_RIM);
    grown.cells.iter().zip(&stack.inside).map(|(grown, inside)| *grown && *inside).collect()
}

/// The luma samples around which the overlay can be seen in what the frames restore to.
pub(super) fn doubtful(stack: &Stack, belief: &Belief) -> Vec<bool> {
    let alpha: Vec<f32> = belief.pass.iter().map(|pass| 1.0 - pass).collect();
    let edges = Edges::new(stack.width, &alpha, &belief.paint);
    let mut remains = Remains::default();
    let mut restored = vec![0.0; alpha.len()];
    for frame in &stack.frames {
        for (at, restored) in restored.iter_mut().enumerate() {
            *restored = (frame[at] - belief.paint[at]) / belief.pass[at];
        }
        edges.measure(&restored, 1.0, &mut remains);
    }
    let mut doubtful = vec![false; alpha.len()];
    edges.visible(&remains, |at| doubtful[at] = true);
    doubtful
}

/// How much likelier a frame is with the overlay than without it, in nats, on the mean.
pub(super) fn evidence(stack: &Stack, belief: &Belief) -> f32 {
    let alpha: Vec<f32> = belief.pass.iter().map(|pass| 1.0 - pass).collect();
    let edges = Edges::new(stack.width, &alpha, &belief.paint);
    let sum: f32 = stack.frames.iter().map(|frame| edges.evidence(frame)).sum();
    sum / stack.frames.len().max(1) as f32
}

/// Deviation of the noise that restoring amplifies, in 8-bit codes: what restored samples have in fine
/// detail beyond their neighbours without overlay.
pub(super) fn noise(stack: &Stack, belief: &Belief) -> f32 {
    let (width, height) = (stack.width, stack.height);
    let (mut inside, mut outside) = ((0.0_f32, 0.0_f32, 0.0_f32), (0.0_f32, 0.0_f32));
    for y in 1..height.saturating_sub(1) {
        for x in 1..width.saturating_sub(1) {
            let at = y * width + x;
            let pass = belief.pass[at];
            let around = [at - width - 1, at - width + 1, at + width - 1, at + width + 1];
            let is_flat = around.iter().all(|other| (belief.pass[*other] - pass).abs() < 0.02);
            let is_plain = !stack.inside[at] && around.iter().all(|at| !stack.inside[*at]);
            if !(is_plain || is_flat && NOISE_PASS.contains(&pass)) {
                continue;
            }
            let detail: f32 = stack.frames.iter().map(|frame| fine(frame, at, width).powi(2)).sum();
            if is_plain {
                outside.0 += detail;
                outside.1 += 1.0;
            } else {
                inside.0 += detail / (pass * pass);
                inside.1 += 1.0;
                inside.2 += 1.0 / (pass * pass) - 1.0;
            }
        }
    }
    let frames = stack.frames.len().max(1) as f32;
    if inside.1 < 32.0 || outside.1 < 32.0 {
        return 0.0;
    }
    let more = inside.0 / (inside.1 * frames) - outside.0 / (outside.1 * frames);
    // Rounding alone has a variance of 1/12.
    (more / (inside.2 / inside.1)).clamp(1.0 / 12.0, 16.0).sqrt() * NOISE_TIMES
}

/// The finest detail at a sample, scaled so that white noise keeps its deviation.
fn fine(frame: &[f32], at: usize, width: usize) -> f32 {
    let row = |at: usize| frame[at - 1] - 2.0 * frame[at] + frame[at + 1];
    (row(at - width) - 2.0 * row(at) + row(at + width)) / 6.0
}
