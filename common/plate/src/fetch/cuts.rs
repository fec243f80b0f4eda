//! Finds where one shot ends and the next begins.
//!
//! Owns likeness: the share of textured blocks of a small picture that the other shows too, near the
//! same place, brighter or darker as may be. A flash or a frame of something else is no cut where the
//! picture after it is like the one before it.

use super::picture::Picture;

/// Side of a block, and how far from its place it is looked for, in samples of the small picture.
const BLOCK: usize = 8;
const REACH: usize = 4;
/// Samples of a block.
const AREA: i64 = 64;
/// Sum of squared deviations of a block that counts as texture: 3 codes a sample.
const TEXTURE: i64 = 9 * AREA;
/// A block is found again where the correlation, in percent, is at least this.
const FOUND_PERCENT: i64 = 65;
/// Percent of the blocks that must be found again within a shot.
const LIKE_PERCENT: usize = 30;
/// Frames, of those looked at, that a flash lasts at most.
const FLASH_FRAMES: usize = 3;

/// First frames of the shots after the first. `moved` says whether the second frame can be registered
/// on the first, which is asked only in doubt.
pub(super) fn cuts(
    pictures: &[&Picture],
    mut moved: impl FnMut(usize, usize) -> bool,
) -> Vec<usize> {
    let mut cuts = Vec::new();
    let mut start = 0;
    for at in 1..pictures.len() {
        if is_like(pictures[at - 1], pictures[at]) || moved(at - 1, at) {
            continue;
        }
        // Up to three frames of light, or of something else, and the shot goes on: from before the
        // flash to after it, and for each frame of it.
        let befores = at.saturating_sub(FLASH_FRAMES).max(start)..at;
        let mut afters = at + 1..(at + 1 + FLASH_FRAMES).min(pictures.len());
        let goes_on = afters.any(|after| {
            befores.clone().rev().any(|before| {
                after - before <= FLASH_FRAMES + 1 && is_like(pictures[before], pictures[after])
            })
        });
        let returned = (start..at.saturating_sub(1)).rev().take(FLASH_FRAMES);
        let has_returned =
            returned.into_iter().any(|before| is_like(pictures[before], pictures[at]));
        if !goes_on && !has_returned {
            cuts.push(at);
            start = at;
        }
    }
    cuts
}

/// Whether the second picture shows much of what the first shows.
fn is_like(first: &Picture, second: &Picture) -> bool {
    let (mut blocks, mut found) = (0_usize, 0_usize);
    for top in (REACH..(first.height + 1).saturating_sub(BLOCK + REACH)).step_by(BLOCK) {
        for left in (REACH..(first.width + 1).saturating_sub(BLOCK + REACH)).step_by(BLOCK) {
            let forth = is_found(first, second, left, top);
            let back = is_found(second, first, left, top);
            blocks += usize::from(forth.is_some()) + usize::from(back.is_some());
            found += usize::from(forth == Some(true)) + usize::from(back == Some(true));
        }
    }
    if blocks < 6 {
        // Two pictures without anything to recognise: the light tells.
        let mean = |picture: &Picture| {
            let sum: usize = picture.samples.iter().map(|sample| usize::from(*sample)).sum();
            sum / picture.samples.len().max(1)
        };
        return mean(first).abs_diff(mean(second)) < 12;
    }
    found * 100 >= blocks * LIKE_PERCENT
}

/// Whether the block of `of` is in `other` too; `None` where it shows nothing.
fn is_found(of: &Picture, other: &Picture, left: usize, top: usize) -> Option<bool> {
    let block = Block::of(of, left, top);
    if block.energy < TEXTURE {
        return None;
    }
    for y in top - REACH..=top + REACH {
        for x in left - REACH..=left + REACH {
            if block.is_like(other, x, y) {
                return Some(true);
            }
        }
    }
    Some(false)
}

struct Block {
    samples: [i16; BLOCK * BLOCK],
    sum: i64,
    energy: i64,
}

impl Block {
    fn of(picture: &Picture, left: usize, top: usize) -> Self {
        let mut samples = [0; BLOCK * BLOCK];
        for (row, line) in samples.chunks_exact_mut(BLOCK).enumerate() {
            let from = &picture.samples[(top + row) * picture.width + left..][..BLOCK];
            for (to, from) in line.iter_mut().zip(from) {
                *to = i16::from(*from);
            }
        }
        let sum: i32 = samples.iter().map(|sample| i32::from(*sample)).sum();
        let squares: i32 = samples.iter().map(|sample| i32::from(*sample).pow(2)).sum();
        let energy = i64::from(squares) - i64::from(sum) * i64::from(sum) / AREA;
        Self { samples, sum: i64::from(sum), energy }
    }

    fn is_like(&self, other: &Picture, left: usize, top: usize) -> bool {
        let (mut sum, mut squares, mut products) = (0_i32, 0_i32, 0_i32);
        for (row, line) in self.samples.chunks_exact(BLOCK).enumerate() {
            let from = &other.samples[(top + row) * other.width + left..][..BLOCK];
            for (own, from) in line.iter().zip(from) {
                let value = i32::from(*from);
                sum += value;
                squares += value * value;
                products += value * i32::from(*own);
            }
        }
        let energy = i64::from(squares) - i64::from(sum) * i64::from(sum) / AREA;
        let both = i64::from(products) - self.sum * i64::from(sum) / AREA;
        // Squared: correlation >= FOUND, and the contrast within a factor of 4.
        both > 0
            && energy * 16 > self.energy
            && energy < 16 * self.energy
            && both * both * 10_000 >= FOUND_PERCENT * FOUND_PERCENT * self.energy * energy
    }
}
