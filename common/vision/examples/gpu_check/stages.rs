//! The stages at 1080p: the same samples as the engine's, and how many frames a second of each.

use std::sync::Arc;
use std::time::Instant;

use cleanplate_plate::fill::Filler;
use cleanplate_plate::matte::{Inverter, Matte};
use cleanplate_types::overlay::{Fill, Mask};
use cleanplate_types::picture::{PixelLayout, Rect};
use cleanplate_vision::cuda::{
    Blocks, CudaError, Device, DevicePicture, DeviceSet, DeviceTensor, Hole, HoleSite, Inversion,
    Number, Outline, Packing, TensorPlace, TensorRange,
};

use super::scene::{Random, Scene};
use super::{holes, inversions};

const SIZE: (u32, u32) = (1920, 1080);
/// Where the logo is that is inverted, and the mark that is filled.
const LOGO: Rect = Rect { x: 1560, y: 60, width: 300, height: 120 };
const MARK: Rect = Rect { x: 60, y: 900, width: 260, height: 100 };
/// Frames that are timed on the card, and on the CPU.
const FRAMES: u64 = 400;
const FRAMES_CPU: u64 = 20;

/// All that is done to a frame of 1080p: seen as a tensor, a logo inverted, a mark filled.
pub(super) struct Chain {
    device: Arc<Device>,
    scene: Scene,
    source: DevicePicture,
    matte: Matte,
    tensor: DeviceTensor,
    inversion: Inversion,
    holes: Vec<Vec<Hole>>,
}

impl Chain {
    /// The chain for frames of 8 or 10 bits, as NV12 or P010.
    pub(super) fn new(device: &Arc<Device>, depth: u8) -> Result<Self, String> {
        Self::ready(device, depth).map_err(|error| error.to_string())
    }

    fn ready(device: &Arc<Device>, depth: u8) -> Result<Self, CudaError> {
        let layout = PixelLayout {
            name: "test".to_owned(),
            depth,
            planes: 3,
            chroma_shift_x: 1,
            chroma_shift_y: 1,
            full_range: false,
        };
        let mut random = Random(u64::from(depth));
        let mut scene = Scene::of(&mut random, layout.clone(), SIZE);
        let matte = logo(&layout);
        inversions::blend(&mut scene, &matte, 64);
        let mark = Mask::full(MARK);
        let holes: Result<Vec<Vec<Hole>>, CudaError> =
            (0..3).map(|plane| holes::prepare(device, (&layout, SIZE), plane, &mark)).collect();
        Ok(Self {
            source: scene.on_card(device, Packing::Interleaved)?,
            tensor: DeviceTensor::new(device, 1, (640, 640), Number::Half)?,
            inversion: inversions::prepare(device, &matte)?,
            holes: holes?,
            device: Arc::clone(device),
            scene,
            matte,
        })
    }

    /// One frame, in memory of its own: copied, seen, cleaned.
    pub(super) fn frame(&mut self, index: u64) -> Result<(), String> {
        self.clean(index).map(|_| ()).map_err(|error| error.to_string())
    }

    fn clean(&mut self, index: u64) -> Result<DevicePicture, CudaError> {
        let layout = self.scene.layout.clone();
        let picture = DevicePicture::new(&self.device, &layout, SIZE, Packing::Interleaved)?;
        self.source.copy_into(&picture, None)?;
        self.see(&picture)?;
        self.inversion.apply(&picture)?;
        self.fill(index, &picture)?;
        Ok(picture)
    }

    fn see(&mut self, picture: &DevicePicture) -> Result<(), CudaError> {
        let from = Rect { x: 0, y: 0, width: SIZE.0, height: SIZE.1 };
        let place = TensorPlace { from, at: (0, 140), size: (640, 360) };
        let range = TensorRange { blue_first: false, scale: 1.0 / 255.0, shift: 0.0 };
        self.tensor.place(0, (picture, 1), &place, range)
    }

    fn fill(&mut self, index: u64, picture: &DevicePicture) -> Result<(), CudaError> {
        let layout = picture.layout();
        for (plane, holes) in (0..).zip(&mut self.holes) {
            let site =
                HoleSite { index, plane, depth: layout.depth, full_range: layout.full_range };
            for hole in holes {
                hole.fill(site, picture)?;
            }
        }
        Ok(())
    }

    /// The first sample of a cleaned frame that is another than the engine's.
    fn difference(&mut self) -> Result<Option<String>, String> {
        let said = |error: CudaError| error.to_string();
        let picture = self.clean(7).map_err(said)?;
        let found = self.scene.back(&self.device, &picture).map_err(said)?;
        let mut expected = self.scene.clone();
        let mut inverter = Inverter::new(&self.matte).map_err(|error| error.to_string())?;
        inverter.apply(7, expected.muts()).map_err(|error| error.to_string())?;
        let plan = self.scene.plan(&Mask::full(MARK), Fill::Membrane);
        let mut filler = Filler::new(&self.scene.layout, &plan);
        filler.apply(7, expected.muts()).map_err(|error| error.to_string())?;
        Ok(expected.difference(&found))
    }
}

/// Compares and times; says every figure by `say`.
pub(super) fn check(device: &Arc<Device>, say: fn(&str)) -> Result<String, String> {
    for (depth, name) in [(8, "NV12"), (10, "P010")] {
        let mut chain = Chain::new(device, depth)?;
        if let Some(difference) = chain.difference()? {
            return Err(format!("{name}: {difference}"));
        }
        say(&format!("  frames a second at 1080p, {name} (card; engine on one core of the CPU)"));
        on_card(&mut chain, say).map_err(|error| error.to_string())?;
        on_cpu(&chain, say)?;
    }
    Ok("a frame of NV12 and one of P010 cleaned, every sample as the engine's".to_owned())
}

fn on_card(chain: &mut Chain, say: fn(&str)) -> Result<(), CudaError> {
    let device = Arc::clone(&chain.device);
    let layout = chain.scene.layout.clone();
    let mut planar = DevicePicture::new(&device, &layout, SIZE, Packing::Planar)?;
    let picture = DevicePicture::new(&device, &layout, SIZE, Packing::Interleaved)?;
    chain.source.copy_into(&picture, None)?;
    let scene = chain.scene.clone();
    let line = |name: &str, rate: f64| say(&format!("  {rate:>9.0}  {name}"));
    line("upload of a planar frame", timed(&device, 60, |_| planar.upload(&scene.refs()))?);
    let mut back = chain.scene.clone();
    line("download of a planar frame", timed(&device, 60, |_| planar.download(&mut back.muts()))?);
    let into = |_| planar.copy_into(&picture, None);
    line("planar to interleaved", timed(&device, FRAMES, into)?);
    let out = |_| picture.copy_into(&planar, None);
    line("interleaved to planar", timed(&device, FRAMES, out)?);
    let mask = Mask::full(MARK);
    let draw = |plane| DeviceSet::draw(&device, (&layout, SIZE), plane, Outline::Mask(&mask));
    line(
        "masks of three planes",
        timed(&device, FRAMES, |_| (0..3).try_for_each(|plane| draw(plane).map(drop)))?,
    );
    let mut blocks = Vec::new();
    for plane in 0..3 {
        blocks.push(Blocks::new(&device, (&layout, SIZE, plane), draw(plane)?, MARK)?);
    }
    line(
        "coarse blocks, 260x100",
        timed(&device, FRAMES, |_| {
            blocks.iter_mut().try_for_each(|blocks| blocks.apply(&picture))
        })?,
    );
    line("tensor, 640x640 halves", timed(&device, FRAMES, |_| chain.see(&picture))?);
    line("inversion, 300x120", timed(&device, FRAMES, |_| chain.inversion.apply(&picture))?);
    line(
        "membrane and grain, 260x100",
        timed(&device, FRAMES, |index| chain.fill(index, &picture))?,
    );
    line(
        "all of it, each frame in memory of its own",
        timed(&device, FRAMES, |index| chain.clean(index).map(drop))?,
    );
    Ok(())
}

/// Frames a second of `work`, all of it done.
fn timed(
    device: &Arc<Device>,
    frames: u64,
    mut work: impl FnMut(u64) -> Result<(), CudaError>,
) -> Result<f64, CudaError> {
    for index in 0..8 {
        work(index)?;
    }
    device.wait()?;
    let started = Instant::now();
    for index in 0..frames {
        work(index)?;
    }
    device.wait()?;
    Ok(frames as f64 / started.elapsed().as_secs_f64())
}

fn on_cpu(chain: &Chain, say: fn(&str)) -> Result<(), String> {
    let mut inverter = Inverter::new(&chain.matte).map_err(|error| error.to_string())?;
    let plan = chain.scene.plan(&Mask::full(MARK), Fill::Membrane);
    let mut filler = Filler::new(&chain.scene.layout, &plan);
    let (mut inverting, mut filling) = (0.0, 0.0);
    for index in 0..FRAMES_CPU {
        // What was cleaned shows nothing that could be cleaned again.
        let mut scene = chain.scene.clone();
        let started = Instant::now();
        inverter.apply(index, scene.muts()).map_err(|error| error.to_string())?;
        inverting += started.elapsed().as_secs_f64();
        let started = Instant::now();
        filler.apply(index, scene.muts()).map_err(|error| error.to_string())?;
        filling += started.elapsed().as_secs_f64();
    }
    let frames = FRAMES_CPU as f64;
    say(&format!("  {:>9.0}  engine: inversion, 300x120", frames / inverting));
    say(&format!("  {:>9.0}  engine: membrane and grain, 260x100", frames / filling));
    Ok(())
}

/// A logo of thick letters' strokes in one colour, 40 percent of the background hidden.
fn logo(layout: &PixelLayout) -> Matte {
    let mut random = Random(11);
    let place = Scene::of(&mut random, layout.clone(), (LOGO.width, LOGO.height));
    let mut matte = inversions::matte(&mut random, &place);
    let code = 1_u16 << (layout.depth - 8);
    matte.bounds = LOGO;
    matte.classes =
        vec![cleanplate_plate::matte::Class::SemiTransparent; (LOGO.width * LOGO.height) as usize];
    for (number, plane) in (0..).zip(&mut matte.planes) {
        let (width, height) = layout.plane_size(number, LOGO.width, LOGO.height);
        let shift = u32::from(number > 0);
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x << shift, y << shift)));
        let is_stroke = |(x, y): (u32, u32)| x % 24 < 10 && y > 16 && y < 104;
        plane.alpha = places.map(|place| if is_stroke(place) { 1640 } else { 0 }).collect();
        let colour = if number == 0 { 225 } else { 128 } * code;
        let paint = |alpha: &u16| {
            u16::try_from(u32::from(*alpha) * u32::from(colour) * 16 / 4096).unwrap_or(0)
        };
        plane.paint = plane.alpha.iter().map(paint).collect();
        plane.trust = vec![255; plane.alpha.len()];
        (plane.width, plane.height) = (width, height);
        plane.noise = 60 * code;
    }
    matte
}
