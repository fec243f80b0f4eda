//! Prints what filling a 1080p frame costs, and what looking at one for overlays does, on one core:
//! `cargo run --release --example fill_speed`.
//!
//! The fastest frame and the median: on a busy machine only the fastest speaks of the code alone.

use std::time::Instant;

use cleanplate_plate::fill::Filler;
use cleanplate_plate::find::Window;
use cleanplate_types::frames::FrameRange;
use cleanplate_types::overlay::{Fill, Mask, Overlay, OverlayOrigin, OverlayPlan};
use cleanplate_types::picture::{PixelLayout, PlaneMut, PlaneRef, PlanesMut, PlanesRef, Rect};

const WIDTH: u32 = 1920;
const HEIGHT: u32 = 1080;
const FRAMES: u64 = 100;

#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    for (name, rect) in [
        ("logo 300x120", Rect { x: 1560, y: 60, width: 300, height: 120 }),
        ("region 600x400", Rect { x: 660, y: 340, width: 600, height: 400 }),
        ("caption 1100x90 at the edge", Rect { x: 410, y: 990, width: 1100, height: 90 }),
    ] {
        for (kind, fill) in [("membrane", Fill::Membrane), ("pixelate", Fill::Pixelate)] {
            let (fastest, median) = cost(rect, fill)?;
            println!(
                "{name:30} {kind:10} fastest {fastest:6.2} ms, median {median:6.2} ms a frame"
            );
        }
    }
    let (fastest, median) = looking()?;
    println!("{:41} fastest {fastest:6.2} ms, median {median:6.2} ms a sample", "looking");
    Ok(())
}

/// What taking a sample into a window costs, where every sample is another scene.
fn looking() -> Result<(f64, f64), Box<dyn std::error::Error>> {
    let mut window = Window::new(&layout(), WIDTH, HEIGHT, FrameRange::new(0, FRAMES));
    let mut costs = Vec::new();
    for index in 0..FRAMES {
        let place = |at: u32| (at % WIDTH / 24 + at / WIDTH / 24 * 80).wrapping_mul(2_654_435_761);
        let turn = u32::try_from(index % 28)?;
        let samples: Vec<u8> =
            (0..WIDTH * HEIGHT).map(|at| place(at).rotate_left(turn).to_le_bytes()[3]).collect();
        let plane =
            PlaneRef { samples: &samples, stride: WIDTH as usize, width: WIDTH, height: HEIGHT };
        let start = Instant::now();
        window.add(index, PlanesRef::Eight(vec![plane]))?;
        costs.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    costs.remove(0);
    Ok(fastest_and_median(costs))
}

fn fastest_and_median(mut costs: Vec<f64>) -> (f64, f64) {
    costs.sort_by(f64::total_cmp);
    (costs[0], costs[costs.len() / 2])
}

fn layout() -> PixelLayout {
    PixelLayout {
        name: String::from("yuv420p"),
        depth: 8,
        planes: 3,
        chroma_shift_x: 1,
        chroma_shift_y: 1,
        full_range: false,
    }
}

fn cost(rect: Rect, fill: Fill) -> Result<(f64, f64), Box<dyn std::error::Error>> {
    let layout = layout();
    let overlay = Overlay {
        origin: OverlayOrigin::Region,
        mask: Mask::full(rect),
        when: vec![FrameRange::new(0, FRAMES + 1)],
        fill,
        hides: true,
    };
    let plan = OverlayPlan::new(WIDTH, HEIGHT, vec![overlay]);
    let mut filler = Filler::new(&layout, &plan);
    let mut picture: Vec<(Vec<u8>, u32, u32)> = (0..3)
        .map(|plane| {
            let (width, height) = layout.plane_size(plane, WIDTH, HEIGHT);
            let texture = (0..width * height)
                .map(|at| u8::try_from(60 + at.wrapping_mul(2_654_435_761) % 97).unwrap_or(0))
                .collect();
            (texture, width, height)
        })
        .collect();
    let mut costs = Vec::new();
    for index in 0..=FRAMES {
        let planes = picture
            .iter_mut()
            .map(|(samples, width, height)| PlaneMut {
                samples,
                stride: *width as usize,
                width: *width,
                height: *height,
            })
            .collect();
        let start = Instant::now();
        filler.apply(index, PlanesMut::Eight(planes))?;
        costs.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(fastest_and_median(costs))
}
