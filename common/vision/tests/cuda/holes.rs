//! The membrane and its grain on the card against the engine's.

use std::sync::Arc;

use cleanplate_plate::fill::Filler;
use cleanplate_types::overlay::{Fill, Mask};
use cleanplate_types::picture::{PixelLayout, Rect};
use cleanplate_vision::cuda::{Area, CudaError, Device, DeviceSet, Hole, HoleSite, Outline};

use super::scene::{Random, Scene, mask, packing};

/// Fills holes in both ways, for three frames each; says how many.
pub(crate) fn check(device: &Arc<Device>, rounds: u64) -> Result<String, String> {
    for seed in 0..rounds {
        let difference = one(device, seed).map_err(|error| error.to_string())?;
        if let Some(difference) = difference {
            return Err(format!("seed {seed}: {difference}"));
        }
    }
    Ok(format!("{rounds} holes filled for three frames each, every sample as the engine's"))
}

fn one(device: &Arc<Device>, seed: u64) -> Result<Option<String>, CudaError> {
    let mut random = Random(seed);
    let mut scene = Scene::any(&mut random, &[8, 10, 12]);
    let mut mask = mask(&mut random, scene.size, 3);
    if seed == 0 {
        // Nothing is known around it.
        mask = Mask::full(Rect { x: 0, y: 0, width: scene.size.0, height: scene.size.1 });
    }
    let mut holes = Vec::new();
    for plane in 0..scene.layout.planes {
        holes.push(prepare(device, (&scene.layout, scene.size), plane, &mask)?);
    }
    let mut filler = Filler::new(&scene.layout, &scene.plan(&mask, Fill::Membrane));
    let (depth, full_range) = (scene.layout.depth, scene.layout.full_range);
    for index in [0, 1, seed.wrapping_mul(0x1234_5678_9abc)] {
        let picture = scene.on_card(device, packing(&mut random))?;
        for (plane, hole) in (0..).zip(&mut holes) {
            hole.fill(HoleSite { index, plane, depth, full_range }, &picture)?;
        }
        let mut expected = scene.clone();
        if let Err(error) = filler.apply(index, expected.muts()) {
            return Ok(Some(error.to_string()));
        }
        if let Some(difference) = expected.difference(&scene.back(device, &picture)?) {
            return Ok(Some(format!("frame {index}: {difference}")));
        }
        scene = Scene::of(&mut random, scene.layout, scene.size);
    }
    Ok(None)
}

/// The hole that a mask makes of a plane: all of it is one part.
pub(crate) fn prepare(
    device: &Arc<Device>,
    (layout, size): (&PixelLayout, (u32, u32)),
    plane: u8,
    mask: &Mask,
) -> Result<Hole, CudaError> {
    let set = DeviceSet::draw(device, (layout, size), plane, Outline::Mask(mask))?;
    let (area, cells) = tight(set.area(), &set.cells()?);
    Hole::new(device, layout.plane_size(plane, size.0, size.1), area, &cells)
}

/// The smallest area that holds the set, and its cells.
fn tight(area: Area, cells: &[bool]) -> (Area, Vec<bool>) {
    let set = (0_u32..).zip(cells).filter(|(_, cell)| **cell).map(|(at, _)| at);
    let columns = set.clone().map(|at| at % area.width);
    let rows = set.map(|at| at / area.width);
    let from = (columns.clone().min().unwrap_or(0), rows.clone().min().unwrap_or(0));
    let to = (columns.max().unwrap_or(0) + 1, rows.max().unwrap_or(0) + 1);
    let kept =
        (from.1..to.1).flat_map(|y| (from.0..to.0).map(move |x| (y * area.width + x) as usize));
    let cells = kept.map(|at| cells[at]).collect();
    let (left, top) = (area.left + from.0, area.top + from.1);
    (Area { left, top, width: to.0 - from.0, height: to.1 - from.1 }, cells)
}
