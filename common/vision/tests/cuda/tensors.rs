//! Tensors on the card against the formula, written here as it reads: the length that two intervals have
//! in common, for every sample of every plane.

use std::sync::Arc;

use cleanplate_vision::cuda::{CudaError, Device, DeviceTensor, Number, TensorPlace, TensorRange};

use super::scene::{Random, Scene, packing};

/// Places pictures in tensors in both ways; says how many.
pub(crate) fn check(device: &Arc<Device>, rounds: u64) -> Result<String, String> {
    for seed in 0..rounds {
        let wrong = one(device, seed).map_err(|error| error.to_string())?;
        wrong.map_err(|wrong| format!("seed {seed}: {wrong}"))?;
    }
    Ok(format!("{rounds} pictures placed in tensors of both kinds, every bit as the formula's"))
}

fn one(device: &Arc<Device>, seed: u64) -> Result<Result<(), String>, CudaError> {
    let mut random = Random(seed);
    let scene = Scene::any(&mut random, &[8, 10, 12, 16]);
    let tensor = (random.between(8, 90), random.between(8, 90));
    let whole = (random.between(1, tensor.0), random.between(1, tensor.1));
    let at = (random.between(0, tensor.0 - whole.0), random.between(0, tensor.1 - whole.1));
    let place = TensorPlace { from: random.rect(scene.size, 1), at, size: whole };
    let range = TensorRange {
        blue_first: random.one_of(&[false, true]),
        scale: random.one_of(&[1.0, 1.0 / 255.0, 0.017_124_75]),
        shift: random.one_of(&[0.0, -1.0, -2.117_904]),
    };
    let matrix = random.one_of(&[0, 1, 5, 6, 9]);
    let picture = scene.on_card(device, packing(&mut random))?;
    let expected = expected(&scene, tensor, &place, (range, matrix));
    for number in [Number::Single, Number::Half] {
        let mut values = DeviceTensor::new(device, 2, tensor, number)?;
        values.place(1, (&picture, matrix), &place, range)?;
        let bits = values.download_bits()?;
        let (first, second) = bits.split_at(expected.len());
        if first.iter().any(|bits| *bits != 0) {
            return Ok(Err("the tensor before it was written to".to_owned()));
        }
        for (at, (found, value)) in second.iter().zip(&expected).enumerate() {
            let is_right = match number {
                Number::Single => *found == value.to_bits(),
                Number::Half => is_nearest_half(*found, *value),
            };
            if !is_right {
                return Ok(Err(format!(
                    "{number:?} {at} of {tensor:?} is {found:#x}, not {value}"
                )));
            }
        }
    }
    Ok(Ok(()))
}

/// The tensor by the formula.
fn expected(
    scene: &Scene,
    tensor: (u32, u32),
    place: &TensorPlace,
    (range, matrix): (TensorRange, u8),
) -> Vec<f32> {
    let count = tensor.0 as usize * tensor.1 as usize;
    let mut values = vec![114.0 * range.scale + range.shift; 3 * count];
    let places = (0..place.size.1).flat_map(|y| (0..place.size.0).map(move |x| (x, y)));
    for (x, y) in places {
        let mut codes = [128 * 256; 3];
        for (number, code) in (0..scene.layout.planes).zip(&mut codes) {
            *code = average(scene, number, place, (x, y));
        }
        let levels = colour(codes, matrix, scene.layout.full_range);
        let at = (place.at.1 + y) as usize * tensor.0 as usize + (place.at.0 + x) as usize;
        for (channel, level) in levels.into_iter().enumerate() {
            let channel = if range.blue_first { 2 - channel } else { channel };
            let scaled = (level as f32 / 256.0) * range.scale;
            values[channel * count + at] = scaled + range.shift;
        }
    }
    values
}

fn average(scene: &Scene, number: u8, place: &TensorPlace, (x, y): (u32, u32)) -> i64 {
    let layout = &scene.layout;
    let (right, down) =
        if number == 0 { (0, 0) } else { (layout.chroma_shift_x, layout.chroma_shift_y) };
    let (width, height) = layout.plane_size(number, scene.size.0, scene.size.1);
    // The length that sample `at` of a plane and sample `own` of the tensor have in common.
    let common = |first: u32, side: u32, size: u32, own: u32, at: u32, shift: u8, last: bool| {
        let low = u64::from(first) * u64::from(size) + u64::from(own) * u64::from(side);
        let high = low + u64::from(side);
        let unit = u64::from(size) << shift;
        let from = u64::from(at) * unit;
        // The last sample holds for what an odd picture has no sample for.
        let to = if last { u64::MAX } else { from + unit };
        high.min(to).saturating_sub(low.max(from))
    };
    let mut sum = 0_u64;
    for row in 0..height {
        let (first, side, size) = (place.from.y, place.from.height, place.size.1);
        let down = common(first, side, size, y, row, down, row + 1 == height);
        if down == 0 {
            continue;
        }
        for column in 0..width {
            let (first, side, size) = (place.from.x, place.from.width, place.size.0);
            let across = common(first, side, size, x, column, right, column + 1 == width);
            sum += u64::from(scene.code(number, column, row)) * across * down;
        }
    }
    let total = u64::from(place.from.width) * u64::from(place.from.height);
    i64::try_from((((sum << 8) >> (layout.depth - 8)) + total / 2) / total).unwrap_or(0)
}

fn colour([y, u, v]: [i64; 3], matrix: u8, full_range: bool) -> [i64; 3] {
    let (kr, kb) = match matrix {
        5 | 6 => (0.299, 0.114),
        9 => (0.2627, 0.0593),
        _others => (0.2126, 0.0722),
    };
    let kg = 1.0 - kr - kb;
    let (luma, chroma, offset) =
        if full_range { (1.0, 1.0, 0) } else { (255.0 / 219.0, 255.0 / 224.0, 16 * 256) };
    let stretch = |level: i64| (level - offset) * fixed(luma);
    let sums = if matrix == 0 {
        [stretch(v), stretch(y), stretch(u)]
    } else {
        let (y, u, v) = (stretch(y), u - 128 * 256, v - 128 * 256);
        let green_u = fixed(2.0 * (1.0 - kb) * kb / kg * chroma);
        let green_v = fixed(2.0 * (1.0 - kr) * kr / kg * chroma);
        [
            y + v * fixed(2.0 * (1.0 - kr) * chroma),
            y - u * green_u - v * green_v,
            y + u * fixed(2.0 * (1.0 - kb) * chroma),
        ]
    };
    sums.map(|sum| ((sum + (1 << 15)) >> 16).clamp(0, 255 * 256))
}

#[expect(clippy::cast_possible_truncation, reason = "factors are below 3")]
fn fixed(factor: f64) -> i64 {
    (factor * 65536.0).round() as i64
}

/// The value of a half, by its bits.
fn half(bits: u32) -> f64 {
    let (exponent, fraction) = ((bits >> 10 & 31).cast_signed(), f64::from(bits & 1023));
    let size = if exponent == 0 {
        fraction * (-24.0_f64).exp2()
    } else {
        (1024.0 + fraction) * f64::from(exponent - 25).exp2()
    };
    if bits >> 15 == 1 { -size } else { size }
}

/// Whether no half is nearer to the value; of two as near it is the even one.
fn is_nearest_half(bits: u32, value: f32) -> bool {
    let off = |bits: u32| (half(bits) - f64::from(value)).abs();
    let own = off(bits);
    let is_beaten = |other: u32| off(other) < own || (off(other) <= own && bits & 1 == 1);
    let below = (bits & 0x7fff > 0).then(|| bits - 1);
    ![Some(bits + 1), below].into_iter().flatten().any(is_beaten)
}
