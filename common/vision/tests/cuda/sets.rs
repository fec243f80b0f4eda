//! Sets of samples, drawn on the card, against what the engine says that a plan covers.

use std::sync::Arc;

use cleanplate_plate::matte::Coding;
use cleanplate_plate::mattes::Mattes;
use cleanplate_plate::restore::Restorer;
use cleanplate_types::frames::FrameRange;
use cleanplate_types::overlay::{Fill, OverlayOrigin, OverlayPlan, Shape, Step, Track};
use cleanplate_types::picture::{PixelLayout, Run};
use cleanplate_vision::cuda::{CudaError, Device, DeviceSet, Join, Outline};

use super::scene::{Random, Scene, mask};

/// Draws, grows and joins sets; says how many.
pub(crate) fn check(device: &Arc<Device>, rounds: u64) -> Result<String, String> {
    for seed in 0..rounds {
        one(device, seed).map_err(|error| format!("seed {seed}: {error}"))?;
    }
    Ok(format!("{rounds} masks cover what the engine covers, on every plane"))
}

fn one(device: &Arc<Device>, seed: u64) -> Result<(), String> {
    let said = |error: CudaError| error.to_string();
    let mut random = Random(seed);
    let scene = Scene::any(&mut random, &[8, 10]);
    let (layout, size) = (&scene.layout, scene.size);
    // Some reach beyond the picture, and are cut to it.
    let mut mask = mask(&mut random, size, 1);
    mask.bounds.x += random.between(0, 6);
    mask.bounds.y += random.between(0, 6);
    let covered = covered(&scene, &scene.plan(&mask, Fill::Membrane))?;
    for (plane, runs) in (0..).zip(&covered) {
        let mut set = DeviceSet::draw(device, (layout, size), plane, Outline::Mask(&mask));
        let set = set.as_mut().map_err(|error| error.to_string())?;
        let expected = cells(layout, size, plane, runs);
        if in_plane(layout, size, plane, set)? != expected {
            return Err(format!("plane {plane} of {layout:?} {size:?}: another set"));
        }
        let by = random.between(0, 3);
        let grown = set.grown(by, layout.plane_size(plane, size.0, size.1)).map_err(said)?;
        if in_plane(layout, size, plane, &grown)? != dilated(layout, size, plane, &expected, by) {
            return Err(format!("plane {plane} of {size:?}: another set, grown by {by}"));
        }
        let ring = ring(&grown, set)?;
        let expected: Vec<bool> = in_plane(layout, size, plane, &grown)?
            .iter()
            .zip(&expected)
            .map(|(grown, own)| *grown && !*own)
            .collect();
        if in_plane(layout, size, plane, &ring)? != expected {
            return Err(format!("plane {plane} of {size:?}: another ring"));
        }
    }
    track(device, &scene, &mut random)
}

/// What is in `grown` and not in `set`.
fn ring(grown: &DeviceSet, set: &DeviceSet) -> Result<DeviceSet, String> {
    let said = |error: CudaError| error.to_string();
    let mut ring = grown.grown(0, (u32::MAX, u32::MAX)).map_err(said)?;
    ring.join(set, Join::Remove).map_err(said)?;
    ring.join(grown, Join::Keep).map_err(said)?;
    ring.join(&ring.grown(0, (u32::MAX, u32::MAX)).map_err(said)?, Join::Add).map_err(said)?;
    Ok(ring)
}

/// The outline of a track is what the engine says that it covers.
fn track(device: &Arc<Device>, scene: &Scene, random: &mut Random) -> Result<(), String> {
    let bounds = random.rect(scene.size, 1);
    for shape in [Shape::Ellipse, Shape::Rectangle] {
        let mut plan = OverlayPlan::new(scene.size.0, scene.size.1, Vec::new());
        let steps = vec![Step { frames: FrameRange::new(0, 1), bounds }];
        let (origin, fill) = (OverlayOrigin::Face, Fill::Membrane);
        plan.tracks = vec![Track { origin, fill, shape, steps }];
        for (plane, runs) in (0..).zip(covered(scene, &plan)?) {
            let (layout, size) = (&scene.layout, scene.size);
            let set = DeviceSet::draw(device, (layout, size), plane, Outline::Shape(shape, bounds));
            let set = set.map_err(|error| error.to_string())?;
            if in_plane(layout, size, plane, &set)? != cells(layout, size, plane, &runs) {
                return Err(format!("plane {plane}: another {shape:?} in {bounds:?}"));
            }
        }
    }
    Ok(())
}

/// What the engine says that a plan covers of each plane of the first frame.
fn covered(scene: &Scene, plan: &OverlayPlan) -> Result<Vec<Vec<Run>>, String> {
    let coding =
        Coding { layout: scene.layout.clone(), size: scene.size, matrix: 1, chroma_location: 0 };
    let mattes = Mattes::unknown(plan.overlays.len());
    let restorer = Restorer::new(&scene.layout, plan, mattes, &coding);
    let mut restorer = restorer.map_err(|error| error.to_string())?;
    restorer.covered(0).map(<[_]>::to_vec).map_err(|error| error.to_string())
}

fn cells(layout: &PixelLayout, size: (u32, u32), plane: u8, runs: &[Run]) -> Vec<bool> {
    let (width, height) = layout.plane_size(plane, size.0, size.1);
    let mut cells = vec![false; width as usize * height as usize];
    for run in runs {
        let row = run.row as usize * width as usize;
        cells[row + run.start as usize..row + run.end as usize].fill(true);
    }
    cells
}

/// The cells of a set for every sample of its plane.
pub(crate) fn in_plane(
    layout: &PixelLayout,
    size: (u32, u32),
    plane: u8,
    set: &DeviceSet,
) -> Result<Vec<bool>, String> {
    let (width, height) = layout.plane_size(plane, size.0, size.1);
    let mut all = vec![false; width as usize * height as usize];
    let (area, cells) = (set.area(), set.cells().map_err(|error| error.to_string())?);
    for (at, cell) in (0..).zip(cells) {
        let (x, y) = (area.left + at % area.width, area.top + at / area.width);
        all[(y * width + x) as usize] = cell;
    }
    Ok(all)
}

fn dilated(
    layout: &PixelLayout,
    size: (u32, u32),
    plane: u8,
    cells: &[bool],
    by: u32,
) -> Vec<bool> {
    let (width, height) = layout.plane_size(plane, size.0, size.1);
    let near = |x: u32, y: u32| {
        let rows = y.saturating_sub(by)..=(y + by).min(height - 1);
        let columns = x.saturating_sub(by)..=(x + by).min(width - 1);
        rows.flat_map(|y| columns.clone().map(move |x| (y * width + x) as usize))
            .any(|at| cells[at])
    };
    (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| near(x, y)).collect()
}
