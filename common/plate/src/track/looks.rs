//! Which frames between the samples are worth a look, to know where something begins and ends.

use std::collections::BTreeSet;

use cleanplate_types::detection::Seen;

use super::Settings;
use super::join::{Chain, Sight, chains};
use super::samples::in_order;

/// The frames, rising, to look at next: the middle between each sight of text or of an object and the sample
/// beside it that did not see it, as far as any frame lies between the two. What is seen there is joined with what
/// was seen before; when nothing more is named, all ends are exact. That takes as many rounds as halvings of
/// the distance between samples. What never was seen with [`Settings::enter_score`] is worth no look, nor
/// is a single sight where things must last ([`Settings::frames_min`]); what is private neither, since it reaches beyond
/// its ends anyway.
#[must_use]
pub fn second_looks(seen: &[Seen], table_frames: u64, settings: &Settings) -> Vec<u64> {
    let samples = in_order(seen, table_frames, settings);
    let mut looks = BTreeSet::new();
    for chain in chains(&samples, settings) {
        let is_seen = |sight: &Sight<'_>| sight.found.score >= settings.enter_score;
        let is_borne_out = settings.frames_min <= 1 || chain.sights.len() >= settings.sights_min;
        if !chain.kind.is_private() && is_borne_out && chain.sights.iter().any(is_seen) {
            add(&mut looks, &chain, &samples, table_frames);
        }
    }
    looks.into_iter().collect()
}

/// Adds the looks that a chain is worth.
fn add(looks: &mut BTreeSet<u64>, chain: &Chain<'_>, samples: &[Seen], table_frames: u64) {
    // Frames from the first up to the last that nobody looked at.
    let mut look = |from: u64, to: u64| {
        if from < to {
            looks.insert(from + (to - from) / 2);
        }
    };
    let mut before: Option<usize> = None;
    for sight in &chain.sights {
        if before.is_none_or(|before| before + 1 < sight.sample) {
            let beside = sight.sample.checked_sub(1).and_then(|at| samples.get(at));
            look(beside.map_or(0, |beside| beside.frame + 1), sight.frame);
            if let Some(last) = before.and_then(|at| Some((samples.get(at)?, samples.get(at + 1)?)))
            {
                look(last.0.frame + 1, last.1.frame);
            }
        }
        before = Some(sight.sample);
    }
    let last = chain.last();
    let beside = samples.get(last.sample + 1).map_or(table_frames, |beside| beside.frame);
    look(last.frame + 1, beside);
}
