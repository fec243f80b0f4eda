//! Where a learned matte contradicts the frames that it was learned from: restored, a sample would be blacker
//! than black or whiter than white.
//!
//! Owns that test alone. A sample that fails it in one frame of fifty is not believed in any.

use cleanplate_types::picture::PixelLayout;

use crate::matte::{ALPHA_ONE, Crops, Matte, PAINT_ONE};

/// How far, in 8-bit codes, noise and overshoot may carry a sample beyond the codes that the format means.
const BEYOND: f32 = 20.0;
/// One frame in so many must fail, and two at least.
const FRAMES_PER_FAILURE: usize = 50;
/// Alpha below which nothing is changed, and above which nothing is restored.
const ALPHA_MIN: u16 = ALPHA_ONE / 256;

/// Takes the trust from samples that the frames contradict, and from chroma that shares a sample with such luma.
pub(super) fn doubt(matte: &mut Matte, crops: &[Crops]) {
    let unit = f32::from(1_u16 << (matte.layout.depth.clamp(8, 15) - 8));
    let frames: Vec<&[Vec<u16>]> =
        crops.iter().flat_map(|one| &one.frames).map(|frame| frame.planes.as_slice()).collect();
    let enough = (frames.len() / FRAMES_PER_FAILURE).max(2);
    for (number, plane) in matte.planes.iter_mut().enumerate() {
        let (low, high) = meant(&matte.layout, number);
        for (at, trust) in plane.trust.iter_mut().enumerate() {
            let (alpha, paint) = (plane.alpha[at], plane.paint[at]);
            if !(ALPHA_MIN..ALPHA_ONE).contains(&alpha) {
                continue;
            }
            let pass = 1.0 - f32::from(alpha) / f32::from(ALPHA_ONE);
            let paint = f32::from(paint) / f32::from(PAINT_ONE);
            let fails = |planes: &&&[Vec<u16>]| {
                let seen = planes.get(number).and_then(|plane| plane.get(at));
                let restored = seen.map(|seen| (f32::from(*seen) - paint) / (pass * unit));
                restored.is_some_and(|it| it < low - BEYOND || it > high + BEYOND)
            };
            if frames.iter().filter(fails).count() >= enough {
                *trust = 0;
            }
        }
    }
    follow(matte);
}

/// The codes that the format means to be used, in 8 bits.
const fn meant(layout: &PixelLayout, plane: usize) -> (f32, f32) {
    match (layout.full_range, plane) {
        (true, _) => (0.0, 255.0),
        (false, 0) => (16.0, 235.0),
        (false, _) => (16.0, 240.0),
    }
}

/// Chroma is believed where its luma is.
fn follow(matte: &mut Matte) {
    let (right, down) = (matte.layout.chroma_shift_x, matte.layout.chroma_shift_y);
    let Some((luma, chroma)) = matte.planes.split_first_mut() else { return };
    let width = luma.width as usize;
    for plane in chroma {
        let columns = plane.width as usize;
        for (at, doubted) in luma.trust.iter().zip(&luma.alpha).enumerate() {
            if *doubted.0 == 0 && *doubted.1 >= ALPHA_MIN {
                let (x, y) = (at % width.max(1), at / width.max(1));
                if let Some(trust) = plane.trust.get_mut((y >> down) * columns + (x >> right)) {
                    *trust = 0;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cleanplate_types::overlay::Mask;
    use cleanplate_types::picture::Rect;

    use super::*;
    use crate::matte::{Class, Crop, MattePlane, Site};

    /// A matte of 4 by 2 samples that hides half of all of them and adds 60 codes, and frames that show `seen`.
    fn doubted(seen: [u16; 8]) -> Matte {
        let layout = PixelLayout {
            name: String::from("yuv420p"),
            depth: 8,
            planes: 3,
            chroma_shift_x: 1,
            chroma_shift_y: 1,
            full_range: false,
        };
        let bounds = Rect { x: 0, y: 0, width: 4, height: 2 };
        let plane = |width: u32, height: u32| {
            let count = (width * height) as usize;
            MattePlane {
                width,
                height,
                alpha: vec![ALPHA_ONE / 2; count],
                paint: vec![60 * PAINT_ONE; count],
                trust: vec![255; count],
                noise: 0,
            }
        };
        let planes = vec![plane(4, 2), plane(2, 1), plane(2, 1)];
        let classes = vec![Class::SemiTransparent; 8];
        let mut matte = Matte { layout: layout.clone(), bounds, planes, classes };
        let site = Site { layout, bounds, mask: Mask::full(bounds), chroma_location: 1 };
        let crop = |index| Crop { index, planes: vec![seen.to_vec(), vec![124; 2], vec![124; 2]] };
        doubt(&mut matte, &[Crops { site, frames: (0..10).map(crop).collect() }]);
        matte
    }

    #[test]
    fn a_sample_that_would_be_blacker_than_black_is_doubted_and_so_is_its_chroma() {
        let mut seen = [124; 8];
        assert!(doubted(seen).planes.iter().flat_map(|plane| &plane.trust).all(|it| *it == 255));
        seen[5] = 30;
        let matte = doubted(seen);
        let doubts: Vec<usize> = (0..8).filter(|at| matte.planes[0].trust[*at] == 0).collect();
        assert_eq!(doubts, [5]);
        assert_eq!(matte.planes[1].trust, [0, 255]);
    }
}
