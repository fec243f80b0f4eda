//! Overlays taken off on the card against the engine's inverter: samples, strength, and what is left.

use std::sync::Arc;

use cleanplate_plate::matte::{Class, Inverter, Matte, MattePlane, Origin};
use cleanplate_types::picture::Rect;
use cleanplate_vision::cuda::{
    CudaError, Device, Inversion, MatteSource, PlaneSource, SampleOrigin,
};

use super::scene::{Random, Scene, packing};

/// Takes overlays off in both ways; says how many, and how they showed.
pub(crate) fn check(device: &Arc<Device>, rounds: u64) -> Result<String, String> {
    let (mut absent, mut faint, mut full, mut left) = (0, 0, 0, 0_u64);
    for seed in 0..rounds {
        let found = one(device, seed).map_err(|error| error.to_string())?;
        let (strength, named) = found.map_err(|wrong| format!("seed {seed}: {wrong}"))?;
        match strength {
            0 => absent += 1,
            64 => full += 1,
            _ => faint += 1,
        }
        left += named;
    }
    Ok(format!(
        "{rounds} overlays taken off as the engine does: {full} at full strength, {faint} fainter, \
         {absent} absent, {left} samples left"
    ))
}

fn one(device: &Arc<Device>, seed: u64) -> Result<Result<(u8, u64), String>, CudaError> {
    let mut random = Random(seed);
    let mut scene = Scene::any(&mut random, &[8, 10, 12]);
    let matte = matte(&mut random, &scene);
    let part = match random.between(0, 3) {
        0 => 0,
        1 => random.between(1, 63),
        _ => 64,
    };
    // Where what was painted is not what the matte says, something of it is left, and must be seen.
    let mut painted = matte.clone();
    if random.between(0, 2) == 0 {
        for plane in &mut painted.planes {
            let (less, of) = (u64::from(random.between(5, 19)), 16);
            for paint in &mut plane.paint {
                *paint = u16::try_from(u64::from(*paint) * less / of).unwrap_or(u16::MAX);
            }
        }
    }
    blend(&mut scene, &painted, part);
    let picture = scene.on_card(device, packing(&mut random))?;
    let mut inversion = prepare(device, &matte)?;
    inversion.apply(&picture)?;
    let mut expected = scene.clone();
    let engine = Inverter::new(&matte).and_then(|mut inverter| {
        let done = inverter.apply(0, expected.muts())?;
        Ok((inverter, done))
    });
    let (inverter, done) = match engine {
        Ok(both) => both,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let strength = inversion.strength()?;
    if strength != u32::from(done.strength) {
        return Ok(Err(format!("strength {strength}, not {}", done.strength)));
    }
    for plane in 0..scene.layout.planes {
        let origins = inverter.origins(plane);
        let told = inversion.origins(plane)?;
        if strength > 0 && !told.iter().map(|origin| like(*origin)).eq(origins.iter().copied()) {
            return Ok(Err(format!("plane {plane}: the samples come from elsewhere")));
        }
        let are = |which: Origin| origins.iter().map(|origin| *origin == which).collect::<Vec<_>>();
        if inversion.left(plane)?.cells()? != are(Origin::Left) {
            return Ok(Err(format!("plane {plane}: other samples are left")));
        }
        if inversion.inverted(plane)?.cells()? != are(Origin::Inverted) {
            return Ok(Err(format!("plane {plane}: other samples are inverted")));
        }
    }
    if let Some(difference) = expected.difference(&scene.back(device, &picture)?) {
        return Ok(Err(difference));
    }
    // Looked at alone, the picture shows the overlay as strongly, and stays as it is.
    let untaken = scene.on_card(device, packing(&mut random))?;
    inversion.look(&untaken)?;
    let looked = inversion.strength()?;
    if looked != strength {
        return Ok(Err(format!("looked at alone it shows at {looked}, not at {strength}")));
    }
    let difference = scene.difference(&scene.back(device, &untaken)?);
    Ok(difference.map_or(Ok((done.strength, done.left)), Err))
}

/// An origin in the engine's words.
const fn like(origin: SampleOrigin) -> Origin {
    match origin {
        SampleOrigin::Untouched => Origin::Untouched,
        SampleOrigin::Inverted => Origin::Inverted,
        SampleOrigin::Left => Origin::Left,
    }
}

/// The tables of a matte on the card.
pub(crate) fn prepare(device: &Arc<Device>, matte: &Matte) -> Result<Inversion, CudaError> {
    let planes: Vec<PlaneSource<'_>> = matte
        .planes
        .iter()
        .map(|plane| PlaneSource {
            alpha: &plane.alpha,
            paint: &plane.paint,
            trust: &plane.trust,
            noise: plane.noise,
        })
        .collect();
    let changing: Vec<bool> = matte.classes.iter().map(|class| *class == Class::Changing).collect();
    let (layout, bounds) = (&matte.layout, matte.bounds);
    let source = MatteSource { layout, bounds, planes: &planes, changing: &changing, within: None };
    Inversion::new(device, &source)
}

/// A matte of bars in one colour, some of them opaque, some that change or are not trusted.
pub(crate) fn matte(random: &mut Random, scene: &Scene) -> Matte {
    let layout = scene.layout.clone();
    let (width, height) = scene.size;
    let rect = random.rect(scene.size, 16);
    let bounds = Rect {
        x: rect.x / 2 * 2,
        y: rect.y / 2 * 2,
        width: (rect.width & !1).min(width - rect.x / 2 * 2),
        height: (rect.height & !1).min(height - rect.y / 2 * 2),
    };
    let (thick, gap) = (random.between(3, 9), random.between(3, 9));
    let strongest = random.one_of(&[700, 1600, 2600, 4096]);
    let is_bar = |x: u32, y: u32| x % (thick + gap) < thick && y > 2 && y + 3 < bounds.height;
    let code = 1_u32 << (layout.depth - 8);
    let noise = u16::try_from(random.one_of(&[0, 40, 120]) * code).unwrap_or(0);
    let mut planes = Vec::new();
    for number in 0..layout.planes {
        let (wide, high) = layout.plane_size(number, bounds.width, bounds.height);
        let (right, down) =
            if number == 0 { (0, 0) } else { (layout.chroma_shift_x, layout.chroma_shift_y) };
        let colour = random.between(16, 235) * code;
        let (mut alpha, mut paint, mut trust) = (Vec::new(), Vec::new(), Vec::new());
        for (x, y) in (0..high).flat_map(|y| (0..wide).map(move |x| (x, y))) {
            let own = if is_bar(x << right, y << down) {
                strongest - random.between(0, strongest / 16)
            } else {
                random.one_of(&[0, 0, 0, 9])
            };
            alpha.push(u16::try_from(own).unwrap_or(0));
            let added = u64::from(own) * u64::from(colour) * 16 / 4096;
            paint.push(u16::try_from(added).unwrap_or(u16::MAX));
            trust.push(if random.between(0, 40) == 0 { 90 } else { 255 });
        }
        planes.push(MattePlane { width: wide, height: high, alpha, paint, trust, noise });
    }
    let count = bounds.width as usize * bounds.height as usize;
    let mut class = || if random.between(0, 90) == 0 { Class::Changing } else { Class::Outside };
    let classes = (0..count).map(|_| class()).collect();
    Matte { layout, bounds, planes, classes }
}

/// Paints the matte over a picture, at so many 64ths of its strength.
pub(crate) fn blend(scene: &mut Scene, matte: &Matte, part: u32) {
    let top = (1_i64 << scene.layout.depth) - 1;
    for (number, plane) in (0..).zip(&matte.planes) {
        let (right, down) = if number == 0 {
            (0, 0)
        } else {
            (matte.layout.chroma_shift_x, matte.layout.chroma_shift_y)
        };
        for (at, (alpha, paint)) in (0_u32..).zip(plane.alpha.iter().zip(&plane.paint)) {
            let place = (
                (matte.bounds.x >> right) + at % plane.width,
                (matte.bounds.y >> down) + at / plane.width,
            );
            let (part, under) = (i64::from(part), i64::from(scene.code(number, place.0, place.1)));
            let shown = (under * (4096 * 64 - i64::from(*alpha) * part)
                + i64::from(*paint) * part * 4096 / 16)
                / (4096 * 64);
            let code = u32::try_from(shown.clamp(0, top)).unwrap_or(0);
            scene.set(number, place, code);
        }
    }
}
