//! What must hold of `tensor`.

use cleanplate_types::picture::PixelLayout;

use super::*;

const PLAIN: Levels = Levels { blue_first: false, scale: 1.0, shift: 0.0 };

fn layout(depth: u8, planes: u8, shifts: (u8, u8), full_range: bool) -> PixelLayout {
    let (chroma_shift_x, chroma_shift_y) = shifts;
    let name = "test".to_owned();
    PixelLayout { name, depth, planes, chroma_shift_x, chroma_shift_y, full_range }
}

fn plane<S>(samples: &[S], width: u32, height: u32) -> PlaneRef<'_, S> {
    PlaneRef { samples, stride: width as usize, width, height }
}

fn whole(width: u32, height: u32, size: (usize, usize)) -> Placement {
    let from = Rect { x: 0, y: 0, width, height };
    Placement { from, tensor: size, at: (0, 0), size }
}

fn grey_values(samples: &[u8], width: u32, placement: &Placement) -> Vec<f32> {
    let layout = layout(8, 1, (0, 0), true);
    let height = u32::try_from(samples.len()).unwrap() / width;
    let planes = PlanesRef::Eight(vec![plane(samples, width, height)]);
    let picture = Picture::new(planes, &layout, 1).unwrap();
    let mut values = vec![0.0; 3 * placement.tensor.0 * placement.tensor.1];
    place(&picture, placement, PLAIN, &mut values);
    values
}

#[test]
fn the_same_size_is_the_same_samples() {
    let samples: Vec<u8> = (0..12).map(|index| index * 20).collect();
    let values = grey_values(&samples, 4, &whole(4, 3, (4, 3)));
    let expected: Vec<f32> = samples.iter().map(|sample| f32::from(*sample)).collect();
    assert_eq!(values[..12], expected);
    assert_eq!(values[24..], expected, "grey in every channel");
}

#[test]
fn a_thin_stroke_survives_shrinking() {
    // One white column of 8 becomes a quarter of one of 2.
    let mut samples = [0; 16];
    samples[2] = 200;
    samples[10] = 200;
    let values = grey_values(&samples, 8, &whole(8, 2, (2, 1)));
    assert_eq!(values[..2], [50.0, 0.0]);
}

#[test]
fn sizes_that_do_not_divide_are_weighted_by_area() {
    // 3 samples in 2: the middle one belongs half to each.
    let values = grey_values(&[30, 60, 90], 3, &whole(3, 1, (2, 1)));
    assert_eq!(values[..2], [40.0, 80.0]);
    // 2 in 3: the middle is of both.
    let values = grey_values(&[30, 90], 2, &whole(2, 1, (3, 1)));
    assert_eq!(values[..3], [30.0, 60.0, 90.0]);
}

#[test]
fn the_sum_over_the_tensor_is_that_over_the_frame() {
    let samples: Vec<u8> =
        (0..35_u32).map(|index| u8::try_from(index * 97 % 256).unwrap()).collect();
    let mean = samples.iter().map(|sample| f32::from(*sample)).sum::<f32>() / 35.0;
    for size in [(1, 1), (2, 3), (7, 5), (9, 11), (3, 1)] {
        let values = grey_values(&samples, 7, &whole(7, 5, size));
        let count = f32::from(u16::try_from(size.0 * size.1).unwrap());
        let shown = values[..size.0 * size.1].iter().sum::<f32>() / count;
        assert!((shown - mean).abs() < 0.01, "{size:?}: {shown} against {mean}");
    }
}

#[test]
fn a_part_is_placed_on_an_even_margin() {
    let samples = [0, 0, 0, 0, 10, 20, 0, 30, 40];
    let from = Rect { x: 1, y: 1, width: 2, height: 2 };
    let placement = Placement { from, tensor: (4, 3), at: (1, 1), size: (2, 2) };
    let values = grey_values(&samples, 3, &placement);
    let m = MARGIN;
    assert_eq!(values[..12], [m, m, m, m, m, 10.0, 20.0, m, m, 30.0, 40.0, m]);
}

#[test]
fn places_come_back_to_the_frame() {
    let from = Rect { x: 100, y: 50, width: 1920, height: 1080 };
    let placement = Placement { from, tensor: (640, 640), at: (0, 140), size: (640, 360) };
    assert_eq!(placement.to_frame((0.0, 140.0)), (100.0, 50.0));
    assert_eq!(placement.to_frame((640.0, 500.0)), (2020.0, 1130.0));
    assert_eq!(placement.to_frame((320.0, 320.0)), (1060.0, 590.0));
}

fn one_colour(depth: u8, codes: [u16; 3], matrix: u8, full_range: bool) -> Vec<f32> {
    let layout = layout(depth, 3, (1, 1), full_range);
    let planes = codes.map(|code| vec![code; 16]);
    let eight: Vec<Vec<u8>> =
        planes.iter().map(|p| p.iter().map(|s| (*s & 255) as u8).collect()).collect();
    let planes = if depth == 8 {
        PlanesRef::Eight(vec![
            plane(&eight[0], 4, 4),
            plane(&eight[1], 2, 2),
            plane(&eight[2], 2, 2),
        ])
    } else {
        PlanesRef::Sixteen(vec![
            plane(&planes[0], 4, 4),
            plane(&planes[1], 2, 2),
            plane(&planes[2], 2, 2),
        ])
    };
    let picture = Picture::new(planes, &layout, matrix).unwrap();
    let mut values = vec![0.0; 3];
    place(&picture, &whole(4, 4, (1, 1)), PLAIN, &mut values);
    values
}

#[test]
fn colours_are_those_of_the_matrix_and_the_range() {
    let near = |found: Vec<f32>, expected: [f32; 3]| {
        let far = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(far < 1.5, "{found:?} against {expected:?}");
    };
    // Codes of pure red by BT.601 and BT.709 in the video range.
    near(one_colour(8, [81, 90, 240], 6, false), [255.0, 0.0, 0.0]);
    near(one_colour(8, [63, 102, 240], 1, false), [255.0, 0.0, 0.0]);
    near(one_colour(8, [235, 128, 128], 1, false), [255.0, 255.0, 255.0]);
    near(one_colour(8, [235, 128, 128], 1, true), [235.0, 235.0, 235.0]);
    near(one_colour(10, [63 * 4, 102 * 4, 240 * 4], 1, false), [255.0, 0.0, 0.0]);
    near(one_colour(12, [16 * 16, 128 * 16, 128 * 16], 9, false), [0.0, 0.0, 0.0]);
    near(one_colour(8, [40, 50, 60], 0, true), [60.0, 40.0, 50.0]);
    near(one_colour(8, [81, 90, 240], 2, false), [255.0, 0.0, 0.0]);
}

#[test]
fn chroma_of_every_subsampling_lands_on_its_luma() {
    // Red on the left half, grey on the right, told by V alone.
    for shifts in [(0, 0), (1, 0), (1, 1)] {
        let layout = layout(8, 3, shifts, true);
        let (width, height) = layout.plane_size(1, 8, 4);
        let v: Vec<u8> =
            (0..width * height).map(|i| if i % width < width / 2 { 200 } else { 128 }).collect();
        let (y, u) = (vec![100; 32], vec![128; v.len()]);
        let planes = vec![plane(&y, 8, 4), plane(&u, width, height), plane(&v, width, height)];
        let picture = Picture::new(PlanesRef::Eight(planes), &layout, 1).unwrap();
        let mut values = vec![0.0; 3 * 4 * 2];
        place(&picture, &whole(8, 4, (4, 2)), PLAIN, &mut values);
        let red = &values[..4];
        assert!(red[0] > 200.0 && red[1] > 200.0, "{shifts:?}: {red:?}");
        assert_eq!(red[2..], [100.0, 100.0], "{shifts:?}");
    }
}

#[test]
fn an_odd_frame_ends_where_its_last_chroma_sample_does() {
    let layout = layout(8, 3, (1, 1), true);
    let (y, chroma) = ([77; 15], [128; 6]);
    let planes = vec![plane(&y, 5, 3), plane(&chroma, 3, 2), plane(&chroma, 3, 2)];
    let picture = Picture::new(PlanesRef::Eight(planes), &layout, 1).unwrap();
    let mut values = vec![0.0; 3 * 2 * 2];
    place(&picture, &whole(5, 3, (2, 2)), PLAIN, &mut values);
    assert_eq!(values, [77.0; 12]);
}

#[test]
fn range_and_order_are_the_models() {
    let layout = layout(8, 3, (0, 0), true);
    let planes = PlanesRef::Eight(vec![plane(&[40], 1, 1), plane(&[50], 1, 1), plane(&[60], 1, 1)]);
    let picture = Picture::new(planes, &layout, 0).unwrap();
    let mut values = vec![0.0; 3];
    let levels = Levels { blue_first: true, scale: 2.0, shift: -1.0 };
    place(&picture, &whole(1, 1, (1, 1)), levels, &mut values);
    assert_eq!(values, [99.0, 79.0, 119.0], "blue, green, red");
}
