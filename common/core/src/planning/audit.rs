//! Audits: which cells another worker decodes again, and what that is worth. Pure; drawn from the job's
//! id, so that nobody can choose them.

use std::collections::BTreeMap;

use cleanplate_types::digest::Sha;
use cleanplate_types::ids::{CellIndex, JobId};

/// The share of frames that the example of the note takes for spoilt: one in so many.
const SPOILT_ONE_IN: u32 = 1000;

/// Draws `count` of `cells` cells for `job`, in order; all of them where there are fewer.
#[must_use]
pub fn drawn(job: &JobId, cells: u32, count: u32) -> Vec<CellIndex> {
    let mut moved: BTreeMap<u32, u32> = BTreeMap::new();
    let at = |moved: &BTreeMap<u32, u32>, place| moved.get(&place).copied().unwrap_or(place);
    let mut taken = Vec::new();
    // A shuffle of which only the first places are made.
    for place in 0..count.min(cells) {
        let digest = Sha::of(format!("audit/{job}/{place}").as_bytes());
        let number = digest.0.iter().take(8).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        let left = u64::from(cells - place);
        let other = place + u32::try_from(number % left).unwrap_or(0);
        taken.push(CellIndex(at(&moved, other)));
        let here = at(&moved, place);
        moved.insert(other, here);
    }
    taken.sort_unstable();
    taken
}

/// What the audit of `audited` of `cells` cells, of `frames` frames together, buys, in words.
#[must_use]
pub fn worth(audited: u32, cells: u32, frames: u64) -> String {
    let one_cell = 100.0 * f64::from(audited) / f64::from(cells.max(1));
    let sound = 1.0 - 1.0 / f64::from(SPOILT_ONE_IN);
    let frames_capped = u32::try_from(frames).unwrap_or(u32::MAX);
    let spread = 100.0 * (1.0 - sound.powf(f64::from(frames_capped)));
    format!(
        "audit: {audited} of {cells} cells ({frames} frames) are decoded again and compared; wrong \
         pictures in one cell alone are found with a probability of {one_cell:.1} %, a decoder that \
         spoils one frame in {SPOILT_ONE_IN} with {spread:.1} %"
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn job(name: &str) -> JobId {
        JobId::parse(name).expect("a good name")
    }

    #[test]
    fn a_job_always_draws_the_same_cells_each_once_and_another_job_others() {
        let one = drawn(&job("j1"), 100, 10);
        assert_eq!(one, drawn(&job("j1"), 100, 10));
        assert_ne!(one, drawn(&job("j2"), 100, 10));
        assert_eq!(one.iter().collect::<BTreeSet<_>>().len(), 10);
        assert!(one.iter().all(|cell| cell.0 < 100));
        assert_eq!(drawn(&job("j1"), 3, 10), [0, 1, 2].map(CellIndex));
        assert!(drawn(&job("j1"), 3, 0).is_empty());
    }

    #[test]
    fn every_cell_is_drawn_about_as_often_as_any_other() {
        let mut counts = [0_u32; 8];
        for number in 0..800 {
            for cell in drawn(&job(&format!("j{number}")), 8, 2) {
                counts[cell.0 as usize] += 1;
            }
        }
        assert!(counts.iter().all(|count| (140..=260).contains(count)), "{counts:?}");
    }

    #[test]
    fn the_note_tells_both_probabilities() {
        let note = worth(1, 6, 240);
        assert!(note.contains("16.7 %") && note.contains("21.3 %"), "{note}");
    }
}
