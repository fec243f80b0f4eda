//! The membrane and its grain on the card against the engine's.

use std::sync::Arc;

use cleanplate_plate::fill::Filler;
use cleanplate_types::overlay::{Fill, Mask};
use cleanplate_types::picture::{PixelLayout, Rect};
use cleanplate_vision::cuda::{CudaError, Device, DeviceSet, Hole, HoleSite, Outline};

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
    if random.between(0, 1) == 0 {
        mask = scattered(&mut random, scene.size);
    }
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
        for (plane, holes) in (0..).zip(&mut holes) {
            for hole in holes {
                hole.fill(HoleSite { index, plane, depth, full_range }, &picture)?;
            }
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

/// The holes that a mask makes of a plane.
pub(crate) fn prepare(
    device: &Arc<Device>,
    (layout, size): (&PixelLayout, (u32, u32)),
    plane: u8,
    mask: &Mask,
) -> Result<Vec<Hole>, CudaError> {
    let set = DeviceSet::draw(device, (layout, size), plane, Outline::Mask(mask))?;
    Hole::all(device, layout.plane_size(plane, size.0, size.1), set.area(), &set.cells()?)
}

/// Letters and dots: several parts, some of which are near enough to be one hole.
fn scattered(random: &mut Random, size: (u32, u32)) -> Mask {
    let bounds = random.rect(size, 12);
    let mut mask = Mask::empty(bounds);
    for _ in 0..random.between(2, 6) {
        let part = random.rect((bounds.width, bounds.height), 1);
        let (wide, high) = (part.width.min(random.between(1, 14)), part.height.min(9));
        for (x, y) in (0..high).flat_map(|y| (0..wide).map(move |x| (x, y))) {
            mask.set(part.x + x, part.y + y);
        }
    }
    mask
}
