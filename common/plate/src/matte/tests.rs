//! Mattes on pictures whose truth is known.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "test pictures are small, and their samples are cut to their range first"
)]

use cleanplate_types::overlay::Mask;
use cleanplate_types::picture::{PixelLayout, PlaneMut, PlaneRef, PlanesMut, PlanesRef, Rect};
use proptest::prelude::*;

use super::crops::FRAMES_MAX;
use super::*;

mod inks;
mod presence;

const WIDTH: usize = 160;
const HEIGHT: usize = 96;

/// A frame's planes, 16-bit whatever the depth.
type Frame = Vec<Vec<u16>>;

fn layout(depth: u8, shifts: (u8, u8), full_range: bool) -> PixelLayout {
    PixelLayout {
        name: String::from("test"),
        depth,
        planes: 3,
        chroma_shift_x: shifts.0,
        chroma_shift_y: shifts.1,
        full_range,
    }
}

fn coding(depth: u8, shifts: (u8, u8)) -> Coding {
    Coding {
        layout: layout(depth, shifts, false),
        size: (WIDTH as u32, HEIGHT as u32),
        matrix: 6,
        chroma_location: 1,
    }
}

struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A picture of soft blobs on a slope with some grain; another one for each seed.
fn background(layout: &PixelLayout, seed: u64) -> Frame {
    let mut noise = Noise(seed);
    let unit = f64::from(1_u16 << (layout.depth - 8));
    (0..3_u8)
        .map(|plane| {
            let (width, height) = layout.plane_size(plane, WIDTH as u32, HEIGHT as u32);
            let (base, spread) = if plane == 0 { (110.0, 90.0) } else { (128.0, 30.0) };
            let level = base + spread * (noise.unit() - 0.5);
            let slope = (noise.unit() - 0.5, noise.unit() - 0.5);
            let blobs: Vec<[f64; 4]> = (0..14)
                .map(|_| {
                    [
                        noise.unit() * f64::from(width),
                        noise.unit() * f64::from(height),
                        4.0 + 14.0 * noise.unit(),
                        spread * (noise.unit() - 0.5),
                    ]
                })
                .collect();
            let mut samples = Vec::new();
            for y in 0..height {
                for x in 0..width {
                    let (x, y) = (f64::from(x), f64::from(y));
                    let mut value = level + slope.0 * (x - 80.0) * 0.4 + slope.1 * (y - 48.0) * 0.4;
                    for [bx, by, r, height] in &blobs {
                        let d = ((x - bx).powi(2) + (y - by).powi(2)) / (r * r);
                        value += height / (1.0 + d * d);
                    }
                    value += 2.0 * (noise.unit() - 0.5);
                    samples.push((value.clamp(20.0, 230.0) * unit).round() as u16);
                }
            }
            samples
        })
        .collect()
}

/// What the compositor paints by a matte, `strength` of it.
fn composite(frame: &Frame, matte: &Matte, strength: f64) -> Frame {
    let mut painted = frame.clone();
    for (number, part) in (0_u8..).zip(&matte.planes) {
        let rect = crops::plane_rect(&matte.layout, number, matte.bounds);
        let (width, _) = matte.layout.plane_size(number, WIDTH as u32, HEIGHT as u32);
        for at in 0..part.alpha.len() {
            let (x, y) = (at % rect.width as usize, at / rect.width as usize);
            let place = (y + rect.y as usize) * width as usize + x + rect.x as usize;
            let alpha = strength * f64::from(part.alpha[at]) / f64::from(ALPHA_ONE);
            let paint = strength * f64::from(part.paint[at]) / f64::from(PAINT_ONE);
            let seen = &mut painted[usize::from(number)][place];
            *seen = (f64::from(*seen) * (1.0 - alpha) + paint).round() as u16;
        }
    }
    painted
}

fn refs<'a>(layout: &PixelLayout, frame: &'a Frame) -> PlanesRef<'a> {
    let planes = (0..3_u8).zip(frame).map(|(plane, samples)| {
        let (width, height) = layout.plane_size(plane, WIDTH as u32, HEIGHT as u32);
        PlaneRef { samples: samples.as_slice(), stride: width as usize, width, height }
    });
    PlanesRef::Sixteen(planes.collect())
}

fn invert(inverter: &mut Inverter, layout: &PixelLayout, frame: &Frame) -> (Inversion, Frame) {
    let mut restored = frame.clone();
    let planes = (0..3_u8).zip(&mut restored).map(|(plane, samples)| {
        let (width, height) = layout.plane_size(plane, WIDTH as u32, HEIGHT as u32);
        PlaneMut { samples: samples.as_mut_slice(), stride: width as usize, width, height }
    });
    let report = inverter.apply(7, PlanesMut::Sixteen(planes.collect())).unwrap();
    (report, restored)
}

/// Bars and a ring of that alpha and colour, 56 by 32.
fn logo_bytes(alpha: f64, colour: [u8; 3]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for y in 0..32_i32 {
        for x in 0..56_i32 {
            let ring = f64::from((x - 16).pow(2) + (y - 16).pow(2)).sqrt() - 10.0;
            let ring = (2.5 - ring.abs()).clamp(0.0, 1.0);
            let bar = f64::from(u8::from((34..52).contains(&x) && y % 10 >= 4 && y < 30));
            bytes.extend(colour);
            bytes.push((255.0 * alpha * ring.max(bar)).round() as u8);
        }
    }
    bytes
}

fn logo(bytes: &[u8]) -> Logo<'_> {
    Logo { width: 56, height: 32, rgba: bytes }
}

fn told(coding: &Coding, alpha: f64, colour: [u8; 3]) -> Matte {
    known(&logo(&logo_bytes(alpha, colour)), (60, 30), coding).unwrap()
}

/// Largest error in codes of the plane, over all planes.
fn error_max(a: &Frame, b: &Frame) -> u16 {
    a.iter().flatten().zip(b.iter().flatten()).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

/// Mean square error of luma where the matte covers, in 8-bit codes.
fn luma_error(a: &Frame, b: &Frame, matte: &Matte) -> f64 {
    let unit = f64::from(1_u16 << (matte.layout.depth - 8));
    let bounds = matte.bounds;
    let (mut sum, mut count) = (0.0, 0.0);
    for (at, _) in matte.planes[0].alpha.iter().enumerate().filter(|(_, alpha)| **alpha > 0) {
        let x = at % bounds.width as usize + bounds.x as usize;
        let y = at / bounds.width as usize + bounds.y as usize;
        let place = y * WIDTH + x;
        sum += ((f64::from(a[0][place]) - f64::from(b[0][place])) / unit).powi(2);
        count += 1.0;
    }
    sum / count
}

/// A mask that is a little larger than the matte.
fn mask(matte: &Matte) -> Mask {
    let bounds = matte.bounds;
    let mut mask = Mask::empty(bounds);
    let width = bounds.width as usize;
    for (at, _) in matte.planes[0].alpha.iter().enumerate().filter(|(_, alpha)| **alpha > 0) {
        let (x, y) = ((at % width) as u32, (at / width) as u32);
        for (dx, dy) in (0..5).flat_map(|dy| (0..5).map(move |dx| (dx, dy))) {
            mask.set((x + dx).saturating_sub(2), (y + dy).saturating_sub(2));
        }
    }
    mask
}

fn gather(matte: &Matte, frames: impl Iterator<Item = (u64, Frame)>) -> Crops {
    let size = (WIDTH as u32, HEIGHT as u32);
    let site = Site::around(&matte.layout, size, 1, &mask(matte));
    let mut gatherer = Gatherer::new(&site);
    for (index, frame) in frames {
        gatherer.add(index, &refs(&matte.layout, &frame)).unwrap();
    }
    gatherer.finish()
}

fn scenes(matte: &Matte, range: std::ops::Range<u64>) -> Crops {
    let frame = |seed| composite(&background(&matte.layout, seed), matte, 1.0);
    gather(matte, range.map(|seed| (seed, frame(seed))))
}

#[test]
fn colours_are_coded_by_matrix_range_and_depth() {
    let near = |coding: &Coding, rgb: [u8; 3], truth: [f64; 3]| {
        let bytes: Vec<u8> = (0..64).flat_map(|_| [rgb[0], rgb[1], rgb[2], 255]).collect();
        let logo = Logo { width: 8, height: 8, rgba: &bytes };
        let matte = known(&logo, (40, 40), coding).unwrap();
        let middle =
            |plane: &MattePlane| (plane.height / 2 * plane.width + plane.width / 2) as usize;
        for (plane, code) in matte.planes.iter().zip(truth) {
            let found = f64::from(plane.paint[middle(plane)]) / f64::from(PAINT_ONE);
            let rounding = 0.51 / f64::from(PAINT_ONE);
            assert!((found - code).abs() < rounding, "{found} is not {code} of {truth:?}");
        }
    };
    let mut coding = coding(8, (1, 1));
    near(&coding, [255, 255, 255], [235.0, 128.0, 128.0]);
    // BT.601, BT.709, BT.2020: a primary's share of luma gives all three codes.
    near(&coding, [255, 0, 0], [16.0 + 219.0 * 0.299, 128.0 - 112.0 * 0.299 / 0.886, 240.0]);
    coding.matrix = 1;
    near(&coding, [255, 0, 0], [16.0 + 219.0 * 0.2126, 128.0 - 112.0 * 0.2126 / 0.9278, 240.0]);
    coding.matrix = 9;
    near(&coding, [0, 0, 255], [16.0 + 219.0 * 0.0593, 240.0, 128.0 - 112.0 * 0.0593 / 0.7373]);
    coding.layout.depth = 10;
    near(&coding, [255, 255, 255], [940.0, 512.0, 512.0]);
    coding.layout.full_range = true;
    near(&coding, [255, 255, 255], [1023.0, 512.0, 512.0]);
    coding.layout.depth = 12;
    near(&coding, [255, 255, 255], [4095.0, 2048.0, 2048.0]);
    // Unspecified below 720 rows is BT.601; red's chroma is half a code beyond the last one.
    coding.matrix = 2;
    near(&coding, [255, 0, 0], [4095.0 * 0.299, 2048.0 - 2047.5 * 0.299 / 0.886, 4095.5]);
    coding.matrix = 8;
    let bytes = logo_bytes(1.0, [0; 3]);
    assert_eq!(known(&logo(&bytes), (0, 0), &coding), Err(KnownError::Matrix(8)));
}

#[test]
fn a_chroma_sample_has_the_mean_alpha_of_the_luma_that_shares_it() {
    let column = |location: u8, x: i32| {
        let coding = Coding { chroma_location: location, ..coding(8, (1, 1)) };
        let bytes: Vec<u8> = (0..8).flat_map(|_| [255, 255, 255, 255]).collect();
        let matte = known(&Logo { width: 1, height: 8, rgba: &bytes }, (x, 40), &coding).unwrap();
        let rect = crops::plane_rect(&matte.layout, 1, matte.bounds);
        let row = (rect.height / 2 * rect.width) as usize;
        let alpha = &matte.planes[1].alpha[row..row + rect.width as usize];
        let at = |x: u32| alpha[(x - rect.x) as usize];
        [at(19), at(20), at(21)]
    };
    for location in [0, 1, 2] {
        assert_eq!(column(location, 40), [0, 2048, 0], "{location}");
        assert_eq!(column(location, 41), [0, 2048, 0], "{location}");
    }
    assert_eq!(column(3, 41), [0, 1024, 1024], "in a corner, the odd one lies between two");
    let outside = known(&logo(&logo_bytes(1.0, [0; 3])), (-56, 0), &coding(8, (1, 1)));
    assert!(matches!(outside, Err(KnownError::Elsewhere { x: -56, .. })), "{outside:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_known_overlay_comes_off_but_for_rounding(
        seed: u64,
        depth in prop::sample::select(vec![8_u8, 10, 12]),
        shifts in prop::sample::select(vec![(1, 1), (1, 0), (0, 0)]),
        alpha in 0.1_f64..0.8,
        colour: [u8; 3],
        x in -20_i32..140,
        y in -10_i32..80,
    ) {
        let coding = coding(depth, shifts);
        let matte = known(&logo(&logo_bytes(alpha, colour)), (x, y), &coding).unwrap();
        let truth = background(&coding.layout, seed);
        let painted = composite(&truth, &matte, 1.0);
        let (report, restored) =
            invert(&mut Inverter::new(&matte).unwrap(), &coding.layout, &painted);
        if report.strength == STRENGTH_ONE && report.left == 0 {
            // What hides less than 0.4 % is not touched, which deep samples show.
            let untouched = 0.002 * f64::from(1_u16 << depth);
            let most = (0.5 / (1.0 - alpha) + 0.6 + untouched).ceil() as u16;
            prop_assert!(error_max(&restored, &truth) <= most, "{}", error_max(&restored, &truth));
        }
        let alike = restored.iter().zip(&painted).zip(0_u8..).all(|((restored, painted), plane)| {
            let rect = crops::plane_rect(&matte.layout, plane, matte.bounds);
            let (width, _) = matte.layout.plane_size(plane, WIDTH as u32, HEIGHT as u32);
            let part = &matte.planes[usize::from(plane)];
            restored.iter().zip(painted).enumerate().all(|(at, (a, b))| {
                let (x, y) = ((at % width as usize) as u32, (at / width as usize) as u32);
                let is_inside = rect.x <= x && x < rect.right() && rect.y <= y && y < rect.bottom();
                let covers = is_inside
                    && part.alpha[((y - rect.y) * rect.width + x - rect.x) as usize] > 0;
                covers || a == b
            })
        });
        prop_assert!(alike, "nothing changes where the overlay does not reach");
    }
}

#[test]
fn strength_is_read_from_the_frame() {
    let coding = coding(8, (1, 1));
    let matte = told(&coding, 0.6, [255, 255, 255]);
    let mut inverter = Inverter::new(&matte).unwrap();
    for seed in 0..12 {
        let truth = background(&coding.layout, seed);
        let (report, untouched) = invert(&mut inverter, &coding.layout, &truth);
        assert_eq!((report.strength, report.inverted), (0, 0), "seed {seed}: absent");
        assert_eq!(untouched, truth, "a frame without the overlay is not touched");
        for strength in [20_u8, 32, 48, 64] {
            let part = f64::from(strength) / f64::from(STRENGTH_ONE);
            let painted = composite(&truth, &matte, part);
            let (report, restored) = invert(&mut inverter, &coding.layout, &painted);
            let off = report.strength.abs_diff(strength);
            assert!(off <= 4, "seed {seed}: {strength} was taken for {}", report.strength);
            let error = luma_error(&restored, &truth, &matte);
            assert!(error < 9.0, "seed {seed} at {strength}: mean square error {error}");
        }
    }
}

#[test]
fn the_frame_before_does_not_matter() {
    let coding = coding(10, (1, 1));
    let matte = told(&coding, 0.5, [240, 200, 20]);
    let frames = [1.0, 0.4, 0.0, 1.0]
        .map(|part| composite(&background(&coding.layout, 3 + (part * 10.0) as u64), &matte, part));
    let mut one = Inverter::new(&matte).unwrap();
    let forward: Vec<_> = frames.iter().map(|f| invert(&mut one, &coding.layout, f)).collect();
    let mut backward: Vec<_> =
        frames.iter().rev().map(|f| invert(&mut one, &coding.layout, f)).collect();
    backward.reverse();
    assert_eq!(forward, backward);
}

#[test]
fn what_hides_the_background_is_left_and_named() {
    let coding = coding(8, (1, 1));
    let matte = told(&coding, 1.0, [255, 255, 255]);
    let painted = composite(&background(&coding.layout, 5), &matte, 1.0);
    let mut inverter = Inverter::new(&matte).unwrap();
    let (report, restored) = invert(&mut inverter, &coding.layout, &painted);
    assert!(report.left > 500, "{report:?}");
    let rect = inverter.plane_rect(0);
    for (at, origin) in inverter.origins(0).iter().enumerate() {
        let place = (at / rect.width as usize + rect.y as usize) * WIDTH
            + at % rect.width as usize
            + rect.x as usize;
        let alpha = matte.planes[0].alpha[at];
        assert_eq!(*origin == Origin::Untouched, alpha <= 16, "alpha {alpha}");
        assert!(*origin == Origin::Inverted || restored[0][place] == painted[0][place]);
    }
    assert!(matte.classes.contains(&Class::Opaque));
}

#[test]
fn a_wrong_matte_is_noticed() {
    let coding = coding(8, (0, 0));
    let real = told(&coding, 0.6, [255; 3]);
    let darker = [200, 220].map(|grey| told(&coding, 0.6, [grey; 3]));
    let thinner = [0.3, 0.45, 0.5].map(|alpha| told(&coding, alpha, [255; 3]));
    let aside = known(&logo(&logo_bytes(0.6, [255; 3])), (63, 30), &coding).unwrap();
    for seed in 20..30 {
        let painted = composite(&background(&coding.layout, seed), &real, 1.0);
        let report =
            |matte: &Matte| invert(&mut Inverter::new(matte).unwrap(), &coding.layout, &painted).0;
        assert_eq!(report(&real).left, 0, "a right matte is believed");
        for wrong in darker.iter().chain(&thinner) {
            let report = report(wrong);
            assert!(report.left > 1000, "seed {seed}: {report:?}");
        }
        let aside = report(&aside);
        assert!(aside.strength <= 8, "what lies elsewhere hardly shows: {aside:?}");
    }
}

#[test]
fn alpha_and_colour_are_learned_from_moving_pictures() {
    for (depth, shifts, alpha, colour) in [
        (8, (1, 1), 0.25, [255, 255, 255]),
        (8, (1, 1), 0.45, [230, 60, 30]),
        (10, (0, 0), 0.65, [255, 255, 255]),
        (10, (1, 1), 0.45, [20, 40, 60]),
    ] {
        let truth = told(&coding(depth, shifts), alpha, colour);
        let learned = learn(&[scenes(&truth, 0..40)]).unwrap();
        let mut errors = Vec::new();
        let (from, width) = (learned.bounds, learned.bounds.width);
        for (at, alpha) in truth.planes[0].alpha.iter().enumerate().filter(|(_, a)| **a > 100) {
            let x = at as u32 % truth.bounds.width + truth.bounds.x - from.x;
            let y = at as u32 / truth.bounds.width + truth.bounds.y - from.y;
            let found = learned.planes[0].alpha[(y * width + x) as usize];
            errors.push(f64::from(found.abs_diff(*alpha)) / f64::from(ALPHA_ONE));
        }
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        assert!(mean < 0.03, "alpha {alpha} is missed by {mean:.3}");
        // On frames that learning did not see.
        let (mut ours, mut told) = (0.0, 0.0);
        for seed in 100..110 {
            let clean = background(&truth.layout, seed);
            let painted = composite(&clean, &truth, 1.0);
            for (matte, sum) in [(&learned, &mut ours), (&truth, &mut told)] {
                let mut inverter = Inverter::new(matte).unwrap();
                let (report, restored) = invert(&mut inverter, &truth.layout, &painted);
                assert_eq!(report.strength, STRENGTH_ONE);
                *sum += luma_error(&restored, &clean, &truth);
            }
        }
        // No coder blurred these: the truth inverts to rounding, so errors are compared to 2 codes.
        assert!(ours < 10.0 * 4.0 + told, "alpha {alpha}: {ours:.2} against {told:.2}");
    }
}

#[test]
fn a_solid_mark_is_told_by_how_far_it_swings() {
    let coding = coding(8, (1, 1));
    for alpha in [0.25, 0.45, 0.65] {
        let code = (255.0 * alpha) as u8;
        let bytes: Vec<u8> = (0..56 * 32).flat_map(|_| [60, 90, 200, code]).collect();
        let truth = known(&logo(&bytes), (60, 30), &coding).unwrap();
        let learned = learn(&[scenes(&truth, 0..40)]).unwrap();
        let alpha = f64::from(code) / 255.0;
        let (mut sum, mut count) = (0.0, 0.0);
        for (at, found) in learned.planes[0].alpha.iter().enumerate() {
            let x = at as u32 % learned.bounds.width + learned.bounds.x;
            let y = at as u32 / learned.bounds.width + learned.bounds.y;
            if (62..114).contains(&x) && (32..60).contains(&y) {
                sum += (f64::from(*found) / f64::from(ALPHA_ONE) - alpha).abs();
                count += 1.0;
            }
        }
        assert!(sum / count < 0.025, "alpha {alpha} is missed by {:.3}", sum / count);
    }
}

#[test]
fn an_overlay_over_a_still_picture_is_not_believed() {
    let truth = told(&coding(8, (1, 1)), 0.5, [255, 255, 255]);
    let frame = |index: u64| {
        let mut still = background(&truth.layout, 3);
        let mut noise = Noise(index);
        still[0].iter_mut().for_each(|sample| *sample += u16::from(noise.unit() < 0.5));
        (index, composite(&still, &truth, 1.0))
    };
    let learned = learn(&[gather(&truth, (0..20).map(frame))]).unwrap();
    assert!(learned.planes.iter().all(|plane| plane.trust.iter().all(|trust| *trust == 0)));
}

#[test]
fn the_order_of_windows_does_not_matter() {
    let truth = told(&coding(8, (1, 1)), 0.5, [255, 255, 255]);
    let [a, b, c] = [0..10, 10..20, 20..24].map(|range| scenes(&truth, range));
    let forward = learn(&[a.clone(), b.clone(), c.clone()]).unwrap();
    assert_eq!(learn(&[c, a, b]).unwrap(), forward);
    let bytes = postcard::to_allocvec(&forward).unwrap();
    assert_eq!(postcard::from_bytes::<Matte>(&bytes).unwrap(), forward);
}

#[test]
fn frames_without_the_overlay_do_not_spoil_the_estimate() {
    let truth = told(&coding(8, (1, 1)), 0.5, [255, 255, 255]);
    let spoiled = gather(
        &truth,
        (0..40).map(|seed| {
            let part = if seed % 5 == 0 { 0.0 } else { 1.0 };
            (seed, composite(&background(&truth.layout, seed), &truth, part))
        }),
    );
    let alpha = |matte: &Matte| {
        let most = matte.planes[0].alpha.iter().max().copied().unwrap();
        f64::from(most) / f64::from(ALPHA_ONE)
    };
    let found = alpha(&learn(&[spoiled]).unwrap());
    assert!((found - 0.5).abs() < 0.05, "{found}");
}

#[test]
fn digits_that_change_are_named() {
    let truth = told(&coding(8, (1, 1)), 0.5, [30, 30, 60]);
    let digit = Rect { x: 96, y: 36, width: 8, height: 10 };
    let crops = gather(
        &truth,
        (0..40).map(|seed| {
            let mut frame = composite(&background(&truth.layout, seed), &truth, 1.0);
            let mut noise = Noise(seed * 3);
            for (x, y) in (0..digit.width).flat_map(|x| (0..digit.height).map(move |y| (x, y))) {
                if (x / 3 + y / 3 + u32::from(noise.next().is_multiple_of(7)) + seed as u32)
                    .is_multiple_of(2)
                {
                    frame[0][((digit.y + y) as usize) * WIDTH + (digit.x + x) as usize] = 235;
                }
            }
            (seed, frame)
        }),
    );
    let learned = learn(&[crops]).unwrap();
    let (mut inside, mut beyond) = (0, 0);
    for (at, class) in learned.classes.iter().enumerate() {
        let x = at as u32 % learned.bounds.width + learned.bounds.x;
        let y = at as u32 / learned.bounds.width + learned.bounds.y;
        let is_digit = digit.x <= x && x < digit.right() && digit.y <= y && y < digit.bottom();
        let is_near =
            digit.x <= x + 5 && x < digit.right() + 5 && digit.y <= y + 5 && y < digit.bottom() + 5;
        match (*class == Class::Changing, is_digit) {
            (true, true) => inside += 1,
            (true, false) => beyond += u32::from(!is_near),
            (false, _) => {}
        }
    }
    assert!(inside >= 70 && beyond == 0, "{inside} of 80, {beyond} far from them");
}

#[test]
fn a_window_keeps_few_frames_that_differ() {
    let truth = told(&coding(8, (1, 1)), 0.5, [255, 255, 255]);
    let clip = (0..400_u64).map(|index| {
        let scene = if index < 380 { 1 } else { index };
        (index, background(&truth.layout, scene))
    });
    let crops = gather(&truth, clip);
    let kept: Vec<u64> = crops.frames.iter().map(|crop| crop.index).collect();
    assert!(kept.len() <= FRAMES_MAX);
    assert_eq!(kept.iter().filter(|index| **index >= 380).count(), 20, "all that differ: {kept:?}");
    assert!(kept.iter().filter(|index| **index < 380).count() <= 8, "few that do not: {kept:?}");
    let mut again = Gatherer::new(&crops.site);
    let frame = background(&truth.layout, 1);
    again.add(5, &refs(&truth.layout, &frame)).unwrap();
    assert_eq!(
        again.add(5, &refs(&truth.layout, &frame)),
        Err(CropsError::OutOfOrder { index: 5, last: 5 })
    );
    let small = PlanesRef::Sixteen(Vec::new());
    assert_eq!(again.add(6, &small), Err(CropsError::OtherPicture { index: 6, plane: 0 }));
}

#[test]
fn damaged_objects_are_refused() {
    let truth = told(&coding(8, (1, 1)), 0.5, [255, 255, 255]);
    let mut short = truth.clone();
    short.planes[1].paint.pop();
    assert!(matches!(Inverter::new(&short), Err(InvertError::Damaged(_))));
    let mut deep = truth.clone();
    deep.layout.depth = 16;
    assert!(matches!(Inverter::new(&deep), Err(InvertError::Damaged(_))));
    let crops = scenes(&truth, 0..3);
    let mut cut = crops.clone();
    cut.frames[1].planes[2].pop();
    assert_eq!(learn(&[cut]), Err(LearnError::Damaged));
    assert_eq!(learn(&[]), Err(LearnError::NoFrames));
    let mut other = crops.clone();
    other.site.bounds.x += 2;
    assert_eq!(learn(&[crops, other]), Err(LearnError::OtherSite));
    let mut none = background(&coding(8, (0, 0)).layout, 1);
    none.pop();
    let planes = none.iter_mut().map(|plane| PlaneMut {
        samples: plane.as_mut_slice(),
        stride: WIDTH,
        width: WIDTH as u32,
        height: HEIGHT as u32,
    });
    let result = Inverter::new(&truth).unwrap().apply(3, PlanesMut::Sixteen(planes.collect()));
    assert_eq!(result, Err(InvertError::OtherPicture { index: 3, plane: 2 }));
}
