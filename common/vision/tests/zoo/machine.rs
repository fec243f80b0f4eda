//! What the tests find on this machine, and the frames that they draw.

use std::path::{Path, PathBuf};

use cleanplate_types::detection::Detection;
use cleanplate_types::picture::{PixelLayout, PlaneRef, PlanesRef, Rect};
use cleanplate_vision::{
    Detector, DetectorSettings, Device, Model, ModelError, ModelsFolder, Picture, Runtime,
    RuntimePlaces,
};

/// The CPU, one thread.
pub(crate) const CPU: Device = Device::Cpu { threads: 1 };

/// The models folder: where `CLEANPLATE_MODELS_FOLDER` says, as `scripts/setup-models` reads it, else the user's.
pub(crate) fn folder() -> ModelsFolder {
    let named = std::env::var_os("CLEANPLATE_MODELS_FOLDER").map(PathBuf::from);
    let named = named.filter(|path| path.is_absolute()).map(ModelsFolder::new);
    named.or_else(ModelsFolder::of_this_user).unwrap_or_else(|| ModelsFolder::new("/nonexistent"))
}

/// The runtime; where there is none, that is printed, and the test is over.
pub(crate) fn runtime() -> Option<&'static Runtime> {
    let places = RuntimePlaces::of_this_machine(None, folder().path());
    match Runtime::load(&places) {
        Ok(runtime) => Some(runtime),
        Err(error) => {
            println!("skipped: {error}");
            None
        }
    }
}

/// A known model: of the models folder, else of the shared data by the name of its file there.
pub(crate) fn known(name: &str, file: &str) -> Option<Vec<u8>> {
    let why = match folder().open(name) {
        Ok(bytes) => return Some(bytes),
        Err(error) => error,
    };
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/models");
    let found = std::fs::read(shared.join(file)).ok();
    if found.is_none() {
        println!("skipped: {why}");
    }
    found
}

/// Opens `bytes` on the CPU.
pub(crate) fn open(runtime: &Runtime, bytes: &[u8]) -> Result<Model, ModelError> {
    Model::open(runtime, bytes, CPU)
}

/// A detector of `bytes` with the usual settings.
pub(crate) fn detector(runtime: &Runtime, bytes: &[u8]) -> Detector {
    Detector::new(open(runtime, bytes).unwrap(), &DetectorSettings::default()).unwrap()
}

/// A frame in black with rectangles in white, 4:2:0.
pub(crate) struct Frame {
    width: u32,
    height: u32,
    layout: PixelLayout,
    luma: Vec<u16>,
    chroma: Vec<u16>,
    luma8: Vec<u8>,
    chroma8: Vec<u8>,
}

impl Frame {
    /// Black, `depth` bits.
    pub(crate) fn black(width: u32, height: u32, depth: u8) -> Self {
        let name = "yuv420p".to_owned();
        let layout = PixelLayout {
            name,
            depth,
            planes: 3,
            chroma_shift_x: 1,
            chroma_shift_y: 1,
            full_range: false,
        };
        let (columns, rows) = layout.plane_size(1, width, height);
        let chroma = vec![128_u16 << (depth - 8); (columns * rows) as usize];
        let luma = vec![16_u16 << (depth - 8); (width * height) as usize];
        let (luma8, chroma8) = (Vec::new(), Vec::new());
        let mut frame = Self { width, height, layout, luma, chroma, luma8, chroma8 };
        frame.settle();
        frame
    }

    /// With a white rectangle.
    pub(crate) fn with(mut self, rect: Rect) -> Self {
        let white = 235_u16 << (self.layout.depth - 8);
        for y in rect.y..rect.bottom() {
            let start = (y * self.width + rect.x) as usize;
            self.luma[start..start + rect.width as usize].fill(white);
        }
        self.settle();
        self
    }

    fn settle(&mut self) {
        let bytes = |plane: &[u16]| plane.iter().map(|sample| (*sample & 255) as u8).collect();
        self.luma8 = bytes(&self.luma);
        self.chroma8 = bytes(&self.chroma);
    }

    /// As models are shown it.
    pub(crate) fn picture(&self) -> Picture<'_> {
        let (columns, rows) = self.layout.plane_size(1, self.width, self.height);
        let (width, height) = (self.width, self.height);
        let planes = if self.layout.depth == 8 {
            PlanesRef::Eight(vec![
                view(&self.luma8, width, height),
                view(&self.chroma8, columns, rows),
                view(&self.chroma8, columns, rows),
            ])
        } else {
            PlanesRef::Sixteen(vec![
                view(&self.luma, width, height),
                view(&self.chroma, columns, rows),
                view(&self.chroma, columns, rows),
            ])
        };
        Picture::new(planes, &self.layout, 1).unwrap()
    }
}

fn view<S>(samples: &[S], width: u32, height: u32) -> PlaneRef<'_, S> {
    PlaneRef { samples, stride: width as usize, width, height }
}

/// A rectangle.
pub(crate) const fn rect(x: u32, y: u32, width: u32, height: u32) -> Rect {
    Rect { x, y, width, height }
}

/// The one detection of `seen`.
pub(crate) fn only(seen: &[Detection]) -> &Detection {
    assert_eq!(seen.len(), 1, "{seen:?}");
    &seen[0]
}

/// Checks that every side of `found` is at most `slack` samples from that of `expected`.
pub(crate) fn near(found: Rect, expected: Rect, slack: u32) {
    let sides = |rect: Rect| [rect.x, rect.y, rect.right(), rect.bottom()];
    let far = sides(found).into_iter().zip(sides(expected)).map(|(one, other)| one.abs_diff(other));
    assert!(far.max() <= Some(slack), "{found:?} is not within {slack} of {expected:?}");
}
