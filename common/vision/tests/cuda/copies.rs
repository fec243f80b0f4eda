//! Pictures in and out, planar and interleaved, all of them or a set of their samples.

use std::sync::Arc;

use cleanplate_types::picture::Rect;
use cleanplate_vision::cuda::{CudaError, Device, DevicePicture, DeviceSet, Outline, Packing};

use super::scene::{Random, Scene, mask};

/// Copies pictures through every packing; says how many.
pub(crate) fn check(device: &Arc<Device>, rounds: u64) -> Result<String, String> {
    for seed in 0..rounds {
        one(device, seed).map_err(|error| error.to_string())??;
    }
    Ok(format!("{rounds} pictures are the same after planar and interleaved memory"))
}

fn one(device: &Arc<Device>, seed: u64) -> Result<Result<(), String>, CudaError> {
    let mut random = Random(seed);
    let scene = Scene::any(&mut random, &[8, 9, 10, 12, 16]);
    let packed = scene.on_card(device, Packing::Interleaved)?;
    if let Some(difference) = scene.difference(&scene.back(device, &packed)?) {
        return Ok(Err(format!("round trip, seed {seed}: {difference}")));
    }
    if let Err(wrong) = check_bytes(&scene, &packed)? {
        return Ok(Err(format!("bytes, seed {seed}: {wrong}")));
    }
    // Of another picture, the samples of a set alone.
    let other = Scene::of(&mut random, scene.layout.clone(), scene.size);
    let mask = mask(&mut random, scene.size, 4);
    let draw =
        |plane| DeviceSet::draw(device, (&scene.layout, scene.size), plane, Outline::Mask(&mask));
    let sets: Result<Vec<_>, _> = (0..scene.layout.planes).map(draw).collect();
    let sets = sets?;
    other.on_card(device, Packing::Planar)?.copy_into(&packed, Some(&sets))?;
    let mut expected = scene.clone();
    for (plane, set) in (0..).zip(&sets) {
        let (area, cells) = (set.area(), set.cells()?);
        for (at, _) in (0..).zip(&cells).filter(|(_, cell)| **cell) {
            let place = (area.left + at % area.width, area.top + at / area.width);
            expected.set(plane, place, other.code(plane, place.0, place.1));
        }
    }
    if let Some(text) = expected.difference(&scene.back(device, &packed)?) {
        return Ok(Err(format!("set, seed {seed}: {text}")));
    }
    let wrong = check_part(device, &mut random, (&expected, &packed))?;
    Ok(wrong.map_or(Ok(()), |text| Err(format!("part, seed {seed}: {text}"))))
}

/// Takes a rectangle out of a picture, and puts another in its place.
fn check_part(
    device: &Arc<Device>,
    random: &mut Random,
    (scene, packed): (&Scene, &DevicePicture),
) -> Result<Option<String>, CudaError> {
    let layout = &scene.layout;
    let rect = random.rect(scene.size, 4);
    let (x, y) = (rect.x & !1, rect.y & !1);
    let side = |length: u32, from: u32, size: u32| {
        let even = length & !1;
        if from + even + 1 == size { even + 1 } else { even }
    };
    let (width, height) = (side(rect.width, x, scene.size.0), side(rect.height, y, scene.size.1));
    let part = packed.part(Rect { x, y, width, height })?;
    let other = Scene::of(random, layout.clone(), (width, height));
    let taken = other.back(device, &part)?;
    let mut expected = scene.clone();
    for plane in 0..layout.planes {
        let (right, down) =
            if plane == 0 { (0, 0) } else { (layout.chroma_shift_x, layout.chroma_shift_y) };
        let (wide, high) = layout.plane_size(plane, width, height);
        for (column, row) in (0..high).flat_map(|row| (0..wide).map(move |column| (column, row))) {
            let place = ((x >> right) + column, (y >> down) + row);
            if taken.code(plane, column, row) != scene.code(plane, place.0, place.1) {
                return Ok(Some(format!("plane {plane} at {place:?} was not taken out")));
            }
            expected.set(plane, place, other.code(plane, column, row));
        }
    }
    other.on_card(device, Packing::Planar)?.copy_into(&part, None)?;
    Ok(expected.difference(&scene.back(device, packed)?))
}

/// Whether the bytes on the card are those of NV12 and P010: Y, then U and V in turn; values in the high
/// bits of their words.
fn check_bytes(scene: &Scene, packed: &DevicePicture) -> Result<Result<(), String>, CudaError> {
    let (bytes, stored) = (packed.download_bytes()?, packed.stored());
    let base = stored[0].address();
    let depth = u32::from(scene.layout.depth);
    for number in 0..scene.layout.planes {
        let plane = stored[usize::from(number.min(1))];
        let (width, height) = scene.layout.plane_size(number, scene.size.0, scene.size.1);
        for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
            let place = if number == 0 { x } else { 2 * x + u32::from(number) - 1 };
            let row = plane.address() - base + u64::from(y) * u64::from(plane.pitch());
            let at = |byte: u64| bytes[usize::try_from(row + byte).unwrap_or(0)];
            let place = u64::from(place);
            let found = if depth == 8 {
                u32::from(at(place))
            } else {
                let word = u16::from_le_bytes([at(2 * place), at(2 * place + 1)]);
                u32::from(word) >> (16 - depth)
            };
            let code = scene.code(number, x, y);
            if found != code {
                return Ok(Err(format!("plane {number} at {x},{y} is {found}, not {code}")));
            }
        }
    }
    Ok(Ok(()))
}
