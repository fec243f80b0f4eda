//! Backgrounds laid under a frame on the card against the engine's own source, which is compiled in here:
//! what it does between samples is not for others to call.

use std::sync::Arc;

use cleanplate_vision::cuda::{
    Affine, Area, BackgroundPicture, CudaError, Device, DeviceSet, Lay, PlaneGround,
};
use motion::Similarity;
use warp::{Field, on_planes};

use super::scene::Random;

#[path = "../../../plate/src/fetch/motion.rs"]
#[expect(dead_code, unreachable_pub, reason = "the engine uses all of it")]
mod motion;
#[path = "../../../plate/src/fetch/warp.rs"]
mod warp;

/// What `warp.rs` needs of `align.rs`.
mod align {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast from float to integer saturates, and the value is not negative"
    )]
    pub(super) fn whole(value: f32) -> usize {
        value as usize
    }
}

/// A background of two pictures, on one plane.
struct Ground {
    size: (u32, u32),
    luma_size: (u32, u32),
    shifts: (u32, u32),
    values: [Vec<f32>; 2],
    doubts: [Vec<f32>; 2],
}

/// Lays backgrounds under parts of frames in both ways; says how many samples were compared.
pub(crate) fn check(device: &Arc<Device>, rounds: u64) -> Result<String, String> {
    let (mut found, mut outside) = (0_u64, 0_u64);
    for seed in 0..rounds {
        let (inside, beyond) = one(device, seed).map_err(|error| error.to_string())??;
        found += inside;
        outside += beyond;
    }
    if found == 0 || outside == 0 {
        return Err("nothing was compared".to_owned());
    }
    Ok(format!("{found} samples laid as the engine lays them, {outside} outside in both"))
}

fn one(device: &Arc<Device>, seed: u64) -> Result<Result<(u64, u64), String>, CudaError> {
    let mut random = Random(seed);
    let ground = Ground::any(&mut random);
    let area =
        Area { left: 12, top: 9, width: random.between(8, 50), height: random.between(8, 40) };
    let cells = area.width as usize * area.height as usize;
    let wanted: Vec<bool> = (0..cells).map(|_| random.between(0, 5) > 0).collect();
    let mut near = |wide: f64| (f64::from(random.between(0, 2000)) / 1000.0 - 1.0) * wide;
    let similarity =
        Similarity { cos: 1.0 + near(0.05), sin: near(0.05), right: near(9.0), down: near(9.0) };
    let share = single(0.5 + near(0.5));
    let map = on_planes(similarity, ground.shifts, (0, 0), (4, 2));
    // The map as numbers: what it does to the corner and one step each way, from where it is exact.
    let numbers = numbers(similarity, ground.shifts);
    let pictures = [0, 1]
        .map(|at| BackgroundPicture { values: &ground.values[at], doubt: &ground.doubts[at] });
    let sizes = (ground.size, ground.luma_size);
    let is_luma = ground.shifts == (0, 0);
    let plane = PlaneGround::new(device, &pictures, sizes, (ground.shifts, is_luma))?;
    let set = DeviceSet::of(device, area, &wanted)?;
    let lay = Lay { map: numbers, pictures: (0, 1), share };
    let (values, doubts) = plane.lay(&set, lay)?.download()?;
    let part = under(map, area, ground.size);
    let samples = ground.part(part, share);
    let (width, height) = (part.width as usize, part.height as usize);
    let field = Field { width, height, stride: width, samples: &samples };
    let (mut inside, mut beyond) = (0, 0);
    for (at, is_wanted) in (0_u32..).zip(wanted) {
        let (x, y) = (area.left + at % area.width, area.top + at / area.width);
        let (u, v) = map.apply(x as f32 + 0.5, y as f32 + 0.5);
        let value = field.at(u - part.left as f32, v - part.top as f32).filter(|_| is_wanted);
        let doubt = value.map_or(f32::INFINITY, |_| ground.doubt((u, v), share, is_luma));
        let value_or = value.unwrap_or(128.0);
        let found = (values[at as usize], doubts[at as usize]);
        if (found.0.to_bits(), found.1.to_bits()) != (value_or.to_bits(), doubt.to_bits()) {
            let text = format!("seed {seed}, {x},{y}: {found:?}, not {:?}", (value_or, doubt));
            return Ok(Err(text));
        }
        inside += u64::from(value.is_some());
        beyond += u64::from(value.is_none() && is_wanted);
    }
    Ok(Ok((inside, beyond)))
}

/// The map that [`on_planes`] makes, from the corner of the frame to a background at (4, 2).
fn numbers(motion: Similarity, shifts: (u32, u32)) -> Affine {
    let (sx, sy) = (f64::from(1_u32 << shifts.0), f64::from(1_u32 << shifts.1));
    let (x, y) = motion.apply(0.0, 0.0);
    Affine {
        xx: single(motion.cos),
        xy: single(-motion.sin * sy / sx),
        x: single((x - 4.0) / sx),
        yx: single(motion.sin * sx / sy),
        yy: single(motion.cos),
        y: single((y - 2.0) / sy),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "precision is what is given up")]
fn single(value: f64) -> f32 {
    value as f32
}

/// The part of a plane that is read, as the engine cuts it.
fn under(map: warp::Affine, area: Area, (width, height): (u32, u32)) -> Area {
    let cut = |value: f32| u32::try_from(align::whole(value)).unwrap_or(u32::MAX);
    let (mut low, mut high) = ((f32::MAX, f32::MAX), (0.0_f32, 0.0_f32));
    for x in [area.left, area.left + area.width] {
        for y in [area.top, area.top + area.height] {
            let (u, v) = map.apply(x as f32, y as f32);
            low = (low.0.min(u), low.1.min(v));
            high = (high.0.max(u), high.1.max(v));
        }
    }
    let left = cut((low.0 - 4.0).max(0.0)).min(width);
    let top = cut((low.1 - 4.0).max(0.0)).min(height);
    let right = cut(high.0 + 4.0).min(width).max(left);
    let bottom = cut(high.1 + 4.0).min(height).max(top);
    Area { left, top, width: right - left, height: bottom - top }
}

impl Ground {
    fn any(random: &mut Random) -> Self {
        let shifts = random.one_of(&[(0, 0), (1, 1), (1, 0)]);
        let luma_size = (random.between(20, 60) * 2, random.between(20, 50) * 2);
        let size = (luma_size.0 >> shifts.0, luma_size.1 >> shifts.1);
        let count = |(width, height): (u32, u32)| width as usize * height as usize;
        let mut values =
            || (0..count(size)).map(|_| random.between(64, 900) as f32 / 4.0).collect::<Vec<f32>>();
        let values = [values(), values()];
        let mut doubts = || {
            let mut doubt = || match random.between(0, 30) {
                0 => f32::INFINITY,
                other => other as f32 / 2.0,
            };
            (0..count(luma_size)).map(|_| doubt()).collect::<Vec<f32>>()
        };
        let doubts = [doubts(), doubts()];
        Self { size, luma_size, shifts, values, doubts }
    }

    /// The two pictures mixed, in a part of the plane.
    fn part(&self, part: Area, share: f32) -> Vec<f32> {
        let rows = part.top..part.top + part.height;
        let places = rows.flat_map(|y| (part.left..part.left + part.width).map(move |x| (x, y)));
        places.map(|(x, y)| mixed(&self.values, (y * self.size.0 + x) as usize, share)).collect()
    }

    /// The doubt about a place: of the luma under it, and for chroma of the last that shares it.
    fn doubt(&self, (u, v): (f32, f32), share: f32, is_luma: bool) -> f32 {
        let of = |place: usize| {
            let (Some(one), Some(other)) = (self.doubts[0].get(place), self.doubts[1].get(place))
            else {
                return f32::INFINITY;
            };
            let both = one.is_finite() && other.is_finite();
            if both { mixed(&self.doubts, place, share) } else { f32::INFINITY }
        };
        let column = align::whole(u - 0.5) << self.shifts.0;
        let row = align::whole(v - 0.5) << self.shifts.1;
        let wide = self.luma_size.0 as usize;
        let place = row * wide + column;
        if is_luma {
            return of(place);
        }
        of(place).max(of(place + (wide << self.shifts.1) - wide + (1 << self.shifts.0) - 1))
    }
}

fn mixed(of: &[Vec<f32>; 2], place: usize, share: f32) -> f32 {
    let (one, other) = (of[0][place], of[1][place]);
    one + (other - one) * share
}
