//! Kept frames that tests draw: grey, 8 bits, of one site.

use cleanplate_types::overlay::Mask;
use cleanplate_types::picture::{PixelLayout, Rect};

use crate::matte::{Crop, Crops, Site};

/// `frames` frames of the luma samples of `bounds`, whose level at a place of the picture is `level`; the mask
/// of the site is all of `masked`.
pub(super) fn drawn(
    bounds: Rect,
    masked: Rect,
    frames: u64,
    level: impl Fn(u64, u32, u32) -> u16,
) -> Vec<Crops> {
    let layout = PixelLayout {
        name: String::from("gray"),
        depth: 8,
        planes: 1,
        chroma_shift_x: 0,
        chroma_shift_y: 0,
        full_range: false,
    };
    let site = Site { layout, bounds, mask: Mask::full(masked), chroma_location: 1 };
    let frame = |index: u64| {
        let rows = bounds.y..bounds.bottom();
        let places = rows.flat_map(|y| (bounds.x..bounds.right()).map(move |x| (x, y)));
        Crop { index, planes: vec![places.map(|(x, y)| level(index, x, y)).collect()] }
    };
    vec![Crops { site, frames: (0..frames).map(frame).collect() }]
}
