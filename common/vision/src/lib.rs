//! Cards, the libraries that drive them, and models: found at run time, so that one binary serves machines
//! with and without them.
//!
//! Owns what is asked of NVIDIA's management library and of the loader, ONNX Runtime, and what models see and
//! fill: [`Runtime`], then [`Model`], then [`Detector`] or [`Inpainter`]. Refuses to decide anything by the
//! answers, and to need any of it: what is absent is a reason in words, never a panic.

mod batch;
pub mod cuda;

mod cards;
mod catalogue;
mod class;
mod detect;
mod inpaint;
mod library;
mod model;
mod picture;
mod pretended;
mod runtime;
mod self_test;
mod session;
mod tensor;
mod wire;

pub use batch::{Batch, BatchStep, Measured, RESERVE_MIN, RUNS_TO_GROW};
pub use cards::{CardMeter, Found, FoundCard, find_cards, find_cards_by};
pub use catalogue::{CatalogueError, ModelsFolder};
pub use class::{PAINT_DEVICE, processor_class};
pub use cleanplate_types::known_models::{KNOWN_MODELS, KnownModel, known_model};
pub use detect::{CardTensorError, Detector, DetectorError, DetectorSettings, TOLERANCE};
pub use inpaint::{FillError, Foreign, Inpainter, RgbPicture};
pub use library::{Library, LibraryState, find_library};
pub use model::{BatchForm, Contract, FillContract, Identity, Model, ModelError, SizeForm};
pub use picture::{Picture, PictureError, matrix_of};
pub use pretended::{PretendError, parse_pretended};
pub use runtime::{LIBRARY_VARIABLE, RUNTIME_FOLDER, Runtime, RuntimeError, RuntimePlaces, Tried};
pub use self_test::{SelfTest, self_test};
pub use session::{Device, RunError};
pub use wire::is_readable;
