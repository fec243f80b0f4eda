//! Prints what restoring a 1080p frame costs, on one core, by what is known of the overlay:
//! `cargo run --release --example restore_speed`.
//!
//! The overlay is 300 by 120 samples with an opaque disc; the background passes by, so that all of it
//! can be fetched. The fastest frame and the median: on a busy machine only the fastest speaks of the
//! code alone.

use std::time::Instant;

use cleanplate_plate::fetch::{Background, Painter, Survey};
use cleanplate_plate::matte::{Coding, Logo, known};
use cleanplate_plate::mattes::{Made, Mattes, Moving, PLACE_ONE, Place, SCALE_ONE};
use cleanplate_plate::restore::Restorer;
use cleanplate_types::frames::FrameRange;
use cleanplate_types::overlay::{Fill, Mask, Overlay, OverlayOrigin, OverlayPlan};
use cleanplate_types::picture::{PixelLayout, PlaneMut, PlaneRef, PlanesMut, PlanesRef, Rect};

type Failure = Box<dyn std::error::Error>;

const WIDTH: u32 = 1920;
const HEIGHT: u32 = 1080;
const FRAMES: u64 = 40;
const LOGO: Rect = Rect { x: 1560, y: 60, width: 300, height: 120 };

#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
fn main() -> Result<(), Failure> {
    let layout = PixelLayout {
        name: String::from("yuv420p"),
        depth: 8,
        planes: 3,
        chroma_shift_x: 1,
        chroma_shift_y: 1,
        full_range: false,
    };
    let coding = Coding { layout, size: (WIDTH, HEIGHT), matrix: 1, chroma_location: 1 };
    let frames: Vec<Vec<Vec<u8>>> = (0..FRAMES).map(|index| frame(&coding.layout, index)).collect();
    let (width, height) = (LOGO.width, LOGO.height);
    let (half, full) = (logo(128), logo(255));
    let at = (i32::try_from(LOGO.x)?, i32::try_from(LOGO.y)?);
    let fixed = |rgba: &[u8]| -> Result<Made, Failure> {
        Ok(Made::Fixed(Box::new(known(&Logo { width, height, rgba }, at, &coding)?)))
    };
    let path = (0..FRAMES).map(|index| {
        let by = i32::try_from(index).unwrap_or(0);
        Some(Place { x: (900 + 3 * by) * PLACE_ONE + 5, y: 100 * PLACE_ONE, scale: SCALE_ONE })
    });
    let moving = Moving { width, height, rgba: half.clone(), path: path.collect() };
    for (name, fill, made) in [
        ("membrane, nothing known", Fill::Membrane, Made::Unknown),
        ("invert and membrane, half through", Fill::Invert, fixed(&half)?),
        ("invert and membrane, opaque", Fill::Invert, fixed(&full)?),
        ("invert and membrane, moving", Fill::Invert, Made::Moving(Box::new(moving))),
        ("fetch, nothing known", Fill::Fetch, Made::Unknown),
        ("invert and fetch, opaque", Fill::Auto, fixed(&full)?),
    ] {
        let mut costs = cost(&coding, fill, made, &frames)?;
        costs.sort_by(f64::total_cmp);
        let median = costs[costs.len() / 2];
        println!("{name:36} fastest {:6.2} ms, median {median:6.2} ms a frame", costs[0]);
    }
    Ok(())
}

/// Milliseconds for each frame.
fn cost(
    coding: &Coding,
    fill: Fill,
    made: Made,
    frames: &[Vec<Vec<u8>>],
) -> Result<Vec<f64>, Failure> {
    let rect = Rect { x: LOGO.x - 3, y: LOGO.y - 3, width: 306, height: 126 };
    let when = vec![FrameRange::new(0, FRAMES)];
    let origin = OverlayOrigin::Region;
    let overlay = Overlay { origin, mask: Mask::full(rect), when, fill, hides: true };
    let plan = OverlayPlan::new(WIDTH, HEIGHT, vec![overlay]);
    let mattes = Mattes { overlays: vec![made] };
    let mut restorer = Restorer::new(&coding.layout, &plan, mattes, coding)?;
    if fill.fetches() {
        let backgrounds = backgrounds(coding, &plan, frames)?;
        restorer.lay_under(FrameRange::new(0, FRAMES), backgrounds)?;
    }
    let mut costs = Vec::new();
    for (index, frame) in (0..).zip(frames) {
        let mut frame = frame.clone();
        let planes = (0_u8..).zip(&mut frame).map(|(plane, samples)| {
            let (width, height) = coding.layout.plane_size(plane, WIDTH, HEIGHT);
            PlaneMut { samples: samples.as_mut_slice(), stride: width as usize, width, height }
        });
        let planes = PlanesMut::Eight(planes.collect());
        let start = Instant::now();
        restorer.apply(index, planes)?;
        costs.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    costs.remove(0);
    Ok(costs)
}

fn backgrounds(
    coding: &Coding,
    plan: &OverlayPlan,
    frames: &[Vec<Vec<u8>>],
) -> Result<Vec<Background>, Failure> {
    let mut survey = Survey::new(&coding.layout, plan, FrameRange::new(0, FRAMES));
    for (index, frame) in (0..).zip(frames) {
        survey.add(index, &views(coding, frame))?;
    }
    let mut painter = Painter::new(&coding.layout, plan, &survey.finish(|| ()));
    for (index, frame) in (0..).zip(frames) {
        if painter.wants(index) {
            painter.add(index, &views(coding, frame))?;
        }
    }
    Ok(painter.finish(|| ()))
}

fn views<'a>(coding: &Coding, frame: &'a [Vec<u8>]) -> PlanesRef<'a> {
    let planes = (0_u8..).zip(frame).map(|(plane, samples)| {
        let (width, height) = coding.layout.plane_size(plane, WIDTH, HEIGHT);
        PlaneRef { samples: samples.as_slice(), stride: width as usize, width, height }
    });
    PlanesRef::Eight(planes.collect())
}

/// A texture that passes by 9 samples a frame.
fn frame(layout: &PixelLayout, index: u64) -> Vec<Vec<u8>> {
    let by = u32::try_from(index).unwrap_or(0) * 9;
    let hash = |x: u32, y: u32| {
        let bits = (x.wrapping_mul(0x85eb_ca6b) ^ y.rotate_left(16)).wrapping_mul(0x2c1b_3c6d);
        (bits ^ (bits >> 15)) % 160 + 40
    };
    let plane = |plane: u8| {
        let (width, height) = layout.plane_size(plane, WIDTH, HEIGHT);
        let shift = u32::from(plane > 0);
        let level = |at: u32| {
            let (x, y) = (((at % width) << shift) + by, (at / width) << shift);
            let (left, top, right, below) = (x / 13, y / 13, x % 13, y % 13);
            let upper = hash(left, top) * (13 - right) + hash(left + 1, top) * right;
            let lower = hash(left, top + 1) * (13 - right) + hash(left + 1, top + 1) * right;
            u8::try_from((upper * (13 - below) + lower * below) / 169).unwrap_or(u8::MAX)
        };
        (0..width * height).map(level).collect()
    };
    (0..3).map(plane).collect()
}

/// A badge of that alpha with a disc in it that is opaque.
fn logo(alpha: u8) -> Vec<u8> {
    let mut rgba = Vec::new();
    for (x, y) in (0..LOGO.height).flat_map(|y| (0..LOGO.width).map(move |x| (x, y))) {
        let is_disc = x.abs_diff(60).pow(2) + y.abs_diff(60).pow(2) < 2500;
        rgba.extend([200, 60, 40, if is_disc { 255 } else { alpha }]);
    }
    rgba
}
