//! Which of the kept frames show an overlay that hides what is behind it: those that agree on it with frames
//! whose surroundings are others.
//!
//! Owns that comparison, frame against frame. Says nothing of overlays that something shines through.

use std::collections::BTreeSet;

use crate::matte::Crops;

/// Samples of a frame that are compared, inside the mask and around it, at most each.
const SAMPLES_MAX: usize = 512;
/// Mean difference, in 8-bit codes, up to which two frames show the same there.
const SAME_MAX: u32 = 4;
/// Mean difference from which on the surroundings are others.
const OTHER_MIN: u32 = 10;
/// Frames of other surroundings that must agree with one.
const PARTNERS_MIN: usize = 3;

/// Samples of one frame in 8-bit codes.
struct Look {
    index: u64,
    inside: Vec<u8>,
    around: Vec<u8>,
}

/// The frames, by index, that show what most frames of different surroundings agree on; nothing where too few
/// agree.
pub(super) fn steady(crops: &[Crops]) -> Option<BTreeSet<u64>> {
    let looks: Vec<Look> = crops.iter().flat_map(looks).collect();
    let partners: Vec<usize> = looks
        .iter()
        .map(|one| {
            let agrees = |other: &&Look| {
                difference(&one.inside, &other.inside) < SAME_MAX
                    && difference(&one.around, &other.around) >= OTHER_MIN
            };
            looks.iter().filter(agrees).count()
        })
        .collect();
    let told = looks.iter().zip(&partners);
    let (first, _) = told.clone().max_by_key(|(look, count)| (**count, u64::MAX - look.index))?;
    let agrees = |look: &Look| difference(&first.inside, &look.inside) < SAME_MAX;
    let main = told.filter(|(look, count)| agrees(look) && **count >= PARTNERS_MIN);
    let main: BTreeSet<u64> = main.map(|(look, _)| look.index).collect();
    (main.len() >= PARTNERS_MIN).then_some(main)
}

fn looks(crops: &Crops) -> Vec<Look> {
    let site = &crops.site;
    let width = site.bounds.width as usize;
    let (left, top) = (site.bounds.x, site.bounds.y);
    let covers = |at: usize| {
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let x = (left + place(at % width.max(1))).checked_sub(site.mask.bounds.x);
        let y = (top + place(at / width.max(1))).checked_sub(site.mask.bounds.y);
        x.zip(y).is_some_and(|(x, y)| site.mask.covers(x, y))
    };
    let count = width * site.bounds.height as usize;
    let (inside, around): (Vec<usize>, Vec<usize>) = (0..count).partition(|at| covers(*at));
    let shift = u32::from(site.layout.depth.clamp(8, 16)) - 8;
    let picked = |places: &[usize], luma: &[u16]| {
        let step = places.len().div_ceil(SAMPLES_MAX).max(1);
        let values = places.iter().step_by(step).filter_map(|at| luma.get(*at));
        values.map(|value| u8::try_from(value >> shift).unwrap_or(u8::MAX)).collect()
    };
    let frames = crops.frames.iter().filter_map(|frame| Some((frame.index, frame.planes.first()?)));
    frames
        .map(|(index, luma)| Look {
            index,
            inside: picked(&inside, luma),
            around: picked(&around, luma),
        })
        .collect()
}

/// Mean absolute difference in codes.
fn difference(one: &[u8], other: &[u8]) -> u32 {
    let sum: u32 = one.iter().zip(other).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
    sum / u32::try_from(one.len().max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use cleanplate_types::overlay::Mask;
    use cleanplate_types::picture::{PixelLayout, Rect};

    use super::*;
    use crate::matte::{Crop, Site};

    /// Twenty frames of 24 by 16 luma samples whose content changes at each, with a mark of one colour in
    /// those of `shown`.
    fn crops(shown: impl Fn(u64) -> bool) -> Vec<Crops> {
        let layout = PixelLayout {
            name: String::from("gray"),
            depth: 8,
            planes: 1,
            chroma_shift_x: 0,
            chroma_shift_y: 0,
            full_range: false,
        };
        let mask = Mask::full(Rect { x: 8, y: 4, width: 8, height: 8 });
        let bounds = Rect { x: 0, y: 0, width: 24, height: 16 };
        let site = Site { layout, bounds, mask, chroma_location: 1 };
        let frame = |index: u64| {
            let luma = (0..24 * 16_u64).map(|at| {
                let (x, y) = (at % 24, at / 24);
                if shown(index) && (8..16).contains(&x) && (4..12).contains(&y) {
                    200
                } else {
                    u16::try_from((x * 7 + y * 13 + index * 37) % 180).unwrap()
                }
            });
            Crop { index, planes: vec![luma.collect()] }
        };
        vec![Crops { site, frames: (0..20).map(frame).collect() }]
    }

    #[test]
    fn the_frames_that_show_a_mark_are_told_even_where_they_are_few() {
        let found = steady(&crops(|index| (5..11).contains(&index))).unwrap();
        assert_eq!(found, (5..11).collect());
    }

    #[test]
    fn of_words_that_change_those_of_most_frames_are_told() {
        let mut crops = crops(|_always| true);
        for frame in crops[0].frames.iter_mut().filter(|frame| frame.index >= 12) {
            let luma = frame.planes[0].iter_mut();
            luma.filter(|sample| **sample == 200).for_each(|sample| *sample = 120);
        }
        assert_eq!(steady(&crops), Some((0..12).collect()));
    }

    #[test]
    fn frames_that_agree_on_nothing_show_nothing() {
        assert_eq!(steady(&crops(|_never| false)), None);
    }
}
