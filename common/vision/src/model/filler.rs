//! Identification of inpainting models: what the mask means, in which range the result comes, and whether what
//! is hidden stays hidden. Shapes tell none of it, so the model is run on pictures whose answer is known.
//!
//! Owns those pictures and the verdict. Refuses a model that copies what the mask hides, comes out black, in a part of
//! the hole too, or gives no numbers.

use super::ports::{PictureForm, Ports, shown};
use super::{BatchForm, Contract, FillContract, Found, ModelError, SizeForm};
use crate::inpaint::foreign;
use crate::session::{Element, Feed, Network, Output, RunError};

/// Side of the picture for models that take any size: MI-GAN cuts out 512 around the hole, and both of the
/// others' fixed sizes are this one.
const SIDE: usize = 512;
/// Sizes that the dynamic variants take are multiples of 8; 32 serves the strictest.
const MULTIPLE: usize = 32;

/// Level around the hole and in it, of 1, in the two pictures. What is filled must come near the first of each,
/// and what ignores its mask shows the second.
const PICTURES: [(f32, f32); 2] = [(0.6, 0.0), (0.3, 1.0)];
/// How far from the level around it a fill may be, of 1. The pictures' levels are twice as far apart.
const TOLERANCE: f32 = 0.14;

/// Tells how `network`, which takes `ports`, is fed and read.
pub(super) fn identify(network: &mut Network, ports: &Ports) -> Result<Found, ModelError> {
    let channels = network.outputs.first().and_then(|port| port.dims.get(1)).copied().flatten();
    if network.outputs.len() != 1 || !matches!(channels, Some(3) | None) {
        return Err(no_filler(network));
    }
    let form = ports.form();
    let is_bytes = form.element == Element::U8;
    if matches!(form.batch, BatchForm::Fixed(frames) if frames != 1) {
        return Err(no_filler(network));
    }
    let size = form.size.unwrap_or((SIDE, SIDE));
    // As most of each kind have it first; the other is tried where that fails.
    let usual = !is_bytes;
    let mut verdict = Err(ModelError::IgnoresMask);
    for high_is_hole in [usual, !usual] {
        let told = try_polarity(network, ports, size, high_is_hole);
        match told {
            Ok(gives_bytes) => {
                let joined = matches!(ports, Ports::Joined(_));
                let contract = FillContract { joined, high_is_hole, gives_bytes };
                return Ok(found(contract, is_bytes, form));
            }
            // Why the usual one fails says more than why the other does.
            Err(error) if high_is_hole == usual => verdict = Err(error),
            Err(_) => {}
        }
    }
    verdict
}

fn found(contract: FillContract, is_bytes: bool, form: &PictureForm) -> Found {
    let open = SizeForm::Open { width: SIDE, height: SIDE, multiple: MULTIPLE };
    let size = form.size.map_or(open, |(width, height)| SizeForm::Fixed { width, height });
    let contract = if is_bytes { Contract::MiGan(contract) } else { Contract::Lama(contract) };
    Found { contract, names: Vec::new(), size, roles: vec![0] }
}

/// Fills a hole in both pictures; whether the result spans 0 to 255.
fn try_polarity(
    network: &mut Network,
    ports: &Ports,
    size: (usize, usize),
    high_is_hole: bool,
) -> Result<bool, ModelError> {
    let mut holes = [Vec::new(), Vec::new()];
    for (hole, (around, within)) in holes.iter_mut().zip(PICTURES) {
        let output = run(network, ports, size, &Sight { around, within, high_is_hole })?;
        *hole = in_the_hole(&output, size).ok_or_else(|| no_filler(network))?;
    }
    let gives_bytes = judge([level(&holes[0]), level(&holes[1])])?;
    let scale = if gives_bytes { 255.0 } else { 1.0 };
    for (hole, (around, _)) in holes.iter().zip(PICTURES) {
        foreign::judge(hole.iter().map(|colour| colour.map(|it| it / scale)), &[[around; 3]])?;
    }
    Ok(gives_bytes)
}

/// The refusal of a model that takes or gives what no filler does.
pub(super) fn no_filler(network: &Network) -> ModelError {
    ModelError::NoFiller { inputs: shown(&network.inputs), outputs: shown(&network.outputs) }
}

/// The verdict on the levels that came out in the hole.
fn judge(levels: [f32; 2]) -> Result<bool, ModelError> {
    for (scale, gives_bytes) in [(1.0, false), (255.0, true)] {
        let near = |against: fn(&(f32, f32)) -> f32| {
            let pairs = levels.iter().zip(&PICTURES);
            let mut far = pairs.map(|(level, picture)| (level / scale - against(picture)).abs());
            far.all(|far| far < TOLERANCE)
        };
        if near(|picture| picture.0) {
            return Ok(gives_bytes);
        }
        if near(|picture| picture.1) {
            return Err(ModelError::IgnoresMask);
        }
    }
    let [(surroundings, _), _] = PICTURES;
    let [result, _] = levels;
    Err(ModelError::WrongFill { surroundings, result })
}

/// A picture of one level with a hole of another.
struct Sight {
    around: f32,
    within: f32,
    high_is_hole: bool,
}

/// Whether a sample lies in the hole: the middle eighth of either side.
fn in_hole((x, y): (usize, usize), (width, height): (usize, usize)) -> bool {
    let middle = |at: usize, side: usize| (side * 7 / 16..side * 9 / 16).contains(&at);
    middle(x, width) && middle(y, height)
}

fn run(
    network: &mut Network,
    ports: &Ports,
    (width, height): (usize, usize),
    sight: &Sight,
) -> Result<Output, ModelError> {
    let holes =
        (0..width * height).map(|index| in_hole((index % width, index / width), (width, height)));
    let holes: Vec<bool> = holes.collect();
    let scale = if ports.form().element == Element::U8 { 255.0 } else { 1.0 };
    let level = |hole: bool, within: f32| if hole { within } else { sight.around } * scale;
    let mask: Vec<f32> =
        holes.iter().map(|hole| if *hole == sight.high_is_hole { scale } else { 0.0 }).collect();
    let plane = |within: f32| holes.iter().map(move |hole| level(*hole, within));
    let outputs = match ports {
        // The hole is blackened for it: that is its contract.
        Ports::Joined(_) => {
            let mut values: Vec<f32> = (0..3).flat_map(|_channel| plane(0.0)).collect();
            values.extend(&mask);
            network.run(&[Feed { dims: [1, 4, height, width], values: &values }])?
        }
        Ports::Picture(_) | Ports::Masked { .. } => {
            let picture: Vec<f32> = (0..3).flat_map(|_channel| plane(sight.within)).collect();
            let picture = Feed { dims: [1, 3, height, width], values: &picture };
            let mask = Feed { dims: [1, 1, height, width], values: &mask };
            let mask_first = matches!(ports, Ports::Masked { mask_first: true, .. });
            network.run(&if mask_first { [mask, picture] } else { [picture, mask] })?
        }
    };
    let output = outputs.into_iter().next();
    let output = output.ok_or_else(|| no_filler(network))?;
    if output.values.iter().all(|value| value.is_finite()) {
        Ok(output)
    } else {
        Err(RunError::NotFinite.into())
    }
}

/// The colours in the hole; `None` where the result is no picture of that size.
fn in_the_hole(output: &Output, (width, height): (usize, usize)) -> Option<Vec<[f32; 3]>> {
    if output.dims != [1, 3, height, width] {
        return None;
    }
    let places = (0..width * height)
        .filter(|place| in_hole((place % width, place / width), (width, height)));
    let colour = |place: usize| {
        let of = |channel: usize| output.values.get(channel * width * height + place).copied();
        Some([of(0)?, of(1)?, of(2)?])
    };
    let colours: Vec<[f32; 3]> = places.map(colour).collect::<Option<_>>()?;
    (!colours.is_empty()).then_some(colours)
}

/// Mean of all channels.
fn level(colours: &[[f32; 3]]) -> f32 {
    let (sum, count) = colours
        .iter()
        .flatten()
        .fold((0.0_f32, 0.0_f32), |(sum, count), value| (sum + value, count + 1.0));
    sum / count.max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fill_like_its_surroundings_tells_the_range() {
        assert_eq!(judge([0.6, 0.3]), Ok(false));
        assert_eq!(judge([153.0, 76.0]), Ok(true));
        assert_eq!(judge([0.55, 0.38]), Ok(false), "not exactly");
    }

    #[test]
    fn what_is_hidden_must_not_come_out() {
        assert_eq!(judge([0.0, 1.0]), Err(ModelError::IgnoresMask));
        assert_eq!(judge([3.0, 250.0]), Err(ModelError::IgnoresMask));
    }

    #[test]
    fn black_and_constant_results_are_wrong() {
        for levels in [[0.0, 0.0], [0.45, 0.45], [-0.2, 0.4], [127.0, 127.0], [5.0, 2.5]] {
            assert!(matches!(judge(levels), Err(ModelError::WrongFill { .. })), "{levels:?}");
        }
    }
}
