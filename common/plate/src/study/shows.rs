//! In which of the kept frames an overlay is there whose make is known, as each of them says for itself.
//!
//! Owns nothing but the way from kept samples to the judge that looks at whole frames.

use cleanplate_types::picture::{PlaneMut, Rect};

use crate::matte::{Crop, Crops, Inverter, Matte};

/// The indices of the frames that show it, in the order of the crops.
pub(super) fn shows(matte: &Matte, crops: &[Crops]) -> Vec<u64> {
    let mut shown = Vec::new();
    for crops in crops.iter().filter(|crops| crops.site.bounds == matte.bounds) {
        // The kept samples are a picture of their own.
        let bounds = Rect { x: 0, y: 0, ..matte.bounds };
        let Ok(mut judge) = Inverter::new(&Matte { bounds, ..matte.clone() }) else { continue };
        let is_shown = |frame: &&Crop| is_shown(&mut judge, matte, frame);
        shown.extend(crops.frames.iter().filter(is_shown).map(|frame| frame.index));
    }
    shown
}

fn is_shown(judge: &mut Inverter, matte: &Matte, frame: &Crop) -> bool {
    let mut planes = frame.planes.clone();
    let planes = planes.iter_mut().zip(&matte.planes);
    let planes: Vec<PlaneMut<'_, u16>> = planes
        .map(|(samples, plane)| PlaneMut {
            samples,
            stride: plane.width as usize,
            width: plane.width,
            height: plane.height,
        })
        .collect();
    judge.strength(frame.index, &planes).is_ok_and(|strength| strength > 0)
}
