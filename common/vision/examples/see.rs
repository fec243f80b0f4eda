//! Shows raw frames to a detector and prints what it sees, with the time that each takes.
//!
//! `ffmpeg -i CLIP -f rawvideo -pix_fmt yuv420p - | cargo run --release -p cleanplate-vision --example see -- MODEL
//! WIDTH HEIGHT [THREADS]`; MODEL is `text`, `faces` or the path of an ONNX file.
#![expect(clippy::print_stdout, reason = "it is what the example is for")]

use std::error::Error;
use std::io::Read as _;
use std::time::Instant;

use cleanplate_types::picture::{PixelLayout, PlaneRef, PlanesRef};
use cleanplate_vision::{
    Detector, DetectorSettings, Device, Model, ModelsFolder, Picture, Runtime, RuntimePlaces,
    known_model,
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, width, height, rest @ ..] = arguments.as_slice() else {
        return Err("MODEL WIDTH HEIGHT [THREADS]".into());
    };
    let (width, height): (u32, u32) = (width.parse()?, height.parse()?);
    let threads = rest.first().map_or(Ok(1), |threads| threads.parse())?;
    let named = std::env::var_os("CLEANPLATE_MODELS_FOLDER").map(ModelsFolder::new);
    let folder =
        named.or_else(ModelsFolder::of_this_user).ok_or("no home: set CLEANPLATE_MODELS_FOLDER")?;
    let bytes = if known_model(name).is_some() { folder.open(name)? } else { std::fs::read(name)? };
    let runtime = Runtime::load(&RuntimePlaces::of_this_machine(None, folder.path()))?;
    let model = Model::open(runtime, &bytes, Device::Cpu { threads })?;
    println!("ONNX Runtime {}, {}", runtime.version(), model.identity());
    let mut detector = Detector::new(model, &DetectorSettings::default())?;
    let layout = PixelLayout {
        name: "yuv420p".to_owned(),
        depth: 8,
        planes: 3,
        chroma_shift_x: 1,
        chroma_shift_y: 1,
        full_range: false,
    };
    let sizes: Vec<(u32, u32)> =
        (0..3).map(|plane| layout.plane_size(plane, width, height)).collect();
    let lengths: Vec<usize> =
        sizes.iter().map(|(width, height)| (width * height) as usize).collect();
    let mut frame = vec![0; lengths.iter().sum()];
    let mut input = std::io::stdin().lock();
    for index in 0_u64.. {
        if input.read_exact(&mut frame).is_err() {
            break;
        }
        let mut rest = frame.as_slice();
        let mut planes = Vec::new();
        for ((width, height), length) in sizes.iter().zip(&lengths) {
            let (samples, behind) = rest.split_at(*length);
            rest = behind;
            planes.push(PlaneRef {
                samples,
                stride: *width as usize,
                width: *width,
                height: *height,
            });
        }
        let start = Instant::now();
        let seen = detector.detect(&Picture::new(PlanesRef::Eight(planes), &layout, 2)?)?;
        println!("{index}: {:.1} ms", start.elapsed().as_secs_f64() * 1000.0);
        for one in seen {
            let at = one.bounds;
            let turned = if one.mask.is_some() { ", masked" } else { "" };
            println!(
                "    {:?} {} at {},{} {}x{}{turned}",
                one.kind, one.score, at.x, at.y, at.width, at.height
            );
        }
    }
    Ok(())
}
