//! How far the alpha that the product learned from a clip is from the true one, by the plan that it saved.

use std::path::Path;

use cleanplate_plate::matte::{ALPHA_ONE, Matte};
use cleanplate_plate::mattes::{Made, Mattes};
use cleanplate_store::{decode_object, kinds};
use cleanplate_tests::quality::blend::{Blend, OPAQUE};
use serde_json::Value;

/// The mean distance of learned and true alpha over the covered luma samples; nothing where no alpha was
/// learned.
///
/// # Errors
/// Why the plan cannot be read.
pub(crate) fn error(plan: &Path, blend: &Blend) -> Result<Option<f64>, String> {
    let mattes = mattes(plan)?;
    let fixed: Vec<&Matte> = mattes
        .overlays
        .iter()
        .filter_map(|made| match made {
            Made::Fixed(matte) => Some(&**matte),
            Made::Unknown | Made::Moving(_) => None,
        })
        .collect();
    if fixed.is_empty() {
        return Ok(None);
    }
    let luma = &blend.planes[0];
    let (mut sum, mut count) = (0.0, 0.0);
    let truth = luma.alpha.iter().zip(luma.covered()).enumerate();
    for (at, (alpha, _)) in truth.filter(|(_, (_, covered))| *covered) {
        let (x, y) = (luma.area.x + at % luma.area.width, luma.area.y + at / luma.area.width);
        let learned = fixed.iter().map(|matte| alpha_at(matte, x, y)).fold(0.0, f64::max);
        sum += (learned - f64::from(*alpha) / f64::from(OPAQUE)).abs();
        count += 1.0;
    }
    Ok((count > 0.0).then(|| sum / count))
}

/// What a matte hides of a luma sample, 0 to 1.
fn alpha_at(matte: &Matte, x: usize, y: usize) -> f64 {
    let bounds = matte.bounds;
    let inside = |at: usize, from: u32, length: u32| {
        at.checked_sub(from as usize).filter(|at| *at < length as usize)
    };
    let place = inside(x, bounds.x, bounds.width).zip(inside(y, bounds.y, bounds.height));
    let alpha = place.map(|(x, y)| matte.planes[0].alpha[y * bounds.width as usize + x]);
    f64::from(alpha.unwrap_or(0)) / f64::from(ALPHA_ONE)
}

fn mattes(plan: &Path) -> Result<Mattes, String> {
    let text = std::fs::read(plan).map_err(|error| error.to_string())?;
    let plan: Value = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    let digits = plan["mattes"].as_str().unwrap_or_default().as_bytes();
    let pairs = digits.chunks_exact(2).map(|pair| {
        let pair = std::str::from_utf8(pair).map_err(|error| error.to_string())?;
        u8::from_str_radix(pair, 16).map_err(|error| error.to_string())
    });
    let bytes = pairs.collect::<Result<Vec<u8>, String>>()?;
    decode_object(kinds::MATTES, &bytes).map_err(|error| error.to_string())
}
