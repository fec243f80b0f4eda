//! From the planes of a frame to RGB, near enough to look at: chroma by the nearest sample, transfer as it is.

use cleanplate_types::picture::{PixelLayout, PlaneRef, PlanesRef};
use cleanplate_types::source::VideoDescription;

use crate::engine::image::Image;

/// A frame in 8-bit RGB. The matrix is the video's own (ITU-T H.273), where none is told BT.709 from 720 rows
/// on, else BT.601.
pub(in crate::engine) fn rgb(planes: &PlanesRef<'_>, video: &VideoDescription) -> Image {
    let shares = match video.colour.matrix {
        1 => (0.2126, 0.0722),
        9 | 10 => (0.2627, 0.0593),
        2 if video.height >= 720 => (0.2126, 0.0722),
        _ => (0.299, 0.114),
    };
    match planes {
        PlanesRef::Eight(planes) => drawn(planes, &video.layout, shares, f32::from),
        PlanesRef::Sixteen(planes) => drawn(planes, &video.layout, shares, f32::from),
    }
}

fn drawn<S: Copy>(
    planes: &[PlaneRef<'_, S>],
    layout: &PixelLayout,
    (red, blue): (f32, f32),
    wide: fn(S) -> f32,
) -> Image {
    let Some(luma) = planes.first() else { return Image::black(0, 0) };
    let code = f32::from(1_u16 << (layout.depth.clamp(8, 16) - 8));
    let (black, span, chroma_span) =
        if layout.full_range { (0.0, 255.0, 255.0) } else { (16.0, 219.0, 224.0) };
    let sample = |plane: usize, x: u32, y: u32| {
        let plane = planes.get(plane)?;
        let at = y as usize * plane.stride + x as usize;
        plane.samples.get(at).map(|sample| wide(*sample) / code)
    };
    let chroma = |plane: usize, x: u32, y: u32| {
        let found = sample(plane, x >> layout.chroma_shift_x, y >> layout.chroma_shift_y);
        found.map_or(0.0, |found| (found - 128.0) / chroma_span)
    };
    let green = 1.0 - red - blue;
    let mut image = Image::black(luma.width, luma.height);
    for (x, y) in (0..luma.height).flat_map(|y| (0..luma.width).map(move |x| (x, y))) {
        let light = sample(0, x, y).map_or(0.0, |found| (found - black) / span);
        let (of_blue, of_red) = (chroma(1, x, y), chroma(2, x, y));
        let r = light + 2.0 * (1.0 - red) * of_red;
        let b = light + 2.0 * (1.0 - blue) * of_blue;
        let g = (light - red * r - blue * b) / green;
        image.put(x, y, [byte(r), byte(g), byte(b)]);
    }
    image
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value is cut to a byte first"
)]
fn byte(part: f32) -> u8 {
    (part * 255.0 + 0.5).clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_grey_and_red_come_out_as_such() {
        let layout = PixelLayout {
            name: "yuv444p".to_owned(),
            depth: 8,
            planes: 3,
            chroma_shift_x: 0,
            chroma_shift_y: 0,
            full_range: false,
        };
        let plane = |samples: &'static [u8]| PlaneRef { samples, stride: 3, width: 3, height: 1 };
        let planes = [plane(&[235, 126, 63]), plane(&[128, 128, 102]), plane(&[128, 128, 240])];
        let image = drawn(&planes, &layout, (0.2126, 0.0722), |sample: u8| f32::from(sample));
        assert_eq!(image.samples[..3], [255; 3]);
        assert!(image.samples[3..6].iter().all(|part| part.abs_diff(128) <= 1));
        let [r, g, b] = [image.samples[6], image.samples[7], image.samples[8]];
        assert!(r > 250 && g < 6 && b < 6, "{r} {g} {b}");
    }
}
