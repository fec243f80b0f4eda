//! Coarse blocks on the card against the engine's.

use std::sync::Arc;

use cleanplate_plate::fill::Filler;
use cleanplate_types::overlay::Fill;
use cleanplate_vision::cuda::{Blocks, CudaError, Device, DeviceSet, Outline};

use super::scene::{Random, Scene, mask, packing};

/// Pixelates pictures in both ways; says how many.
pub(crate) fn check(device: &Arc<Device>, rounds: u64) -> Result<String, String> {
    for seed in 0..rounds {
        let difference = one(device, seed).map_err(|error| error.to_string())?;
        if let Some(difference) = difference {
            return Err(format!("seed {seed}: {difference}"));
        }
    }
    Ok(format!("{rounds} pictures in coarse blocks, every sample as the engine's"))
}

fn one(device: &Arc<Device>, seed: u64) -> Result<Option<String>, CudaError> {
    let mut random = Random(seed);
    let scene = Scene::any(&mut random, &[8, 10, 12, 16]);
    let mask = mask(&mut random, scene.size, 2);
    let picture = scene.on_card(device, packing(&mut random))?;
    for plane in 0..scene.layout.planes {
        let outline = Outline::Mask(&mask);
        let covered = DeviceSet::draw(device, (&scene.layout, scene.size), plane, outline)?;
        let layout = (&scene.layout, scene.size, plane);
        let mut blocks = Blocks::new(device, layout, covered, mask.bounds)?;
        blocks.apply(&picture)?;
    }
    let mut expected = scene.clone();
    let mut filler = Filler::new(&scene.layout, &scene.plan(&mask, Fill::Pixelate));
    if let Err(error) = filler.apply(0, expected.muts()) {
        return Ok(Some(error.to_string()));
    }
    Ok(expected.difference(&scene.back(device, &picture)?))
}
