//! A model, identified: which contract its file keeps, told from its ports, its metadata and a run on a known
//! picture. What cannot be identified, or does wrong, is refused with one line that says why.
//!
//! Owns what the contracts are. Refuses to decode boxes or to fill holes; it says how.

use std::fmt;
use std::sync::Arc;

use cleanplate_types::digest::Sha;

use crate::cuda;
use crate::runtime::Runtime;
use crate::session::{Device, Element, Network, OpenError};
use cleanplate_types::known_models::KNOWN_MODELS;

mod detector;
mod error;
mod filler;
mod layout;
mod names;
mod ports;

pub use error::ModelError;
pub(crate) use names::kind_of;
use ports::{PictureForm, Ports};

/// What a model's inputs and outputs mean. Rows are boxes; places are in samples of the model's input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contract {
    /// `YOLOv5`: `[B, 3 cells, 5 + classes + coefficients]`, centre, size, objectness, a score for each class.
    Yolo5 {
        /// Number of classes.
        classes: usize,
        /// Mask coefficients at the end of each row; 0 for a detector of boxes.
        coefficients: usize,
    },
    /// `YOLOv8`, 11: `[B, 4 + classes + coefficients, cells]`, centre, size, a score for each class.
    Yolo8 {
        /// Number of classes.
        classes: usize,
        /// Mask coefficients at the end of each row; 0 for a detector of boxes.
        coefficients: usize,
        /// Whether the two dimensions are swapped.
        rows_first: bool,
    },
    /// YOLO26, v10 or an export with `nms=True`: `[B, N, 6 + coefficients]`, corners, score, class.
    EndToEnd {
        /// Mask coefficients at the end of each row; 0 for a detector of boxes.
        coefficients: usize,
    },
    /// RT-DETR as Ultralytics exports it: `[B, N, 4 + classes]`, centre and size as parts of the input.
    RtDetr {
        /// Number of classes.
        classes: usize,
    },
    /// PP-OCR text detection: `[B, 1, H, W]`, how likely each sample is text.
    TextMap,
    /// `CenterFace`: heat, size, offset and landmarks on a grid of a quarter.
    CenterFace,
    /// `LaMa`: a picture of 0 to 1 and a mask give a picture.
    Lama(FillContract),
    /// MI-GAN: a picture and a mask of bytes give a picture of bytes.
    MiGan(FillContract),
}

/// How an inpainting model is fed and read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FillContract {
    /// Whether picture (holes blackened) and mask are one input of four channels.
    pub joined: bool,
    /// Whether the mask's high value marks the hole, and not what is kept.
    pub high_is_hole: bool,
    /// Whether the result spans 0 to 255, and not 0 to 1.
    pub gives_bytes: bool,
}

/// Frames that a model takes at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchForm {
    /// Always this many.
    Fixed(usize),
    /// As many as the device holds.
    Open,
}

/// Size of the pictures that a model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SizeForm {
    /// Always this one, in samples.
    Fixed {
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
    },
    /// Any that is a multiple.
    Open {
        /// Columns of the size that it was made for.
        width: usize,
        /// Rows of the size that it was made for.
        height: usize,
        /// What both are a multiple of.
        multiple: usize,
    },
}

/// Who a model is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// What it does.
    pub contract: Contract,
    /// SHA-256 of its file as it was given.
    pub sha: Sha,
    /// Names of its classes, in order; empty where it has none.
    pub names: Vec<String>,
    /// The licence that its file states, or the catalogue where the model is one of its own. AGPL-3.0 here binds who
    /// offers the service.
    pub licence: Option<String>,
    /// Frames at once.
    pub batch: BatchForm,
    /// Size of the pictures.
    pub size: SizeForm,
    /// Type of its input: `f32`, `f16` or `u8`.
    pub element: &'static str,
}

/// A model that is ready to be run.
#[derive(Debug)]
pub struct Model {
    pub(crate) network: Network,
    pub(crate) identity: Identity,
    /// Which outputs the contract reads, in its order.
    pub(crate) roles: Vec<usize>,
}

impl Model {
    /// Opens the ONNX file in `bytes` for `device` and finds out what it is, running it once or a few times.
    ///
    /// # Errors
    /// [`ModelError`]: it cannot be opened, cannot be identified, or does wrong.
    pub fn open(runtime: &Runtime, bytes: &[u8], device: Device) -> Result<Self, ModelError> {
        let network = opened(runtime, bytes, (device, None))?;
        Self::identified(network, bytes, ports::of, detector::identify)
    }

    /// As [`Self::open`], for a model that is to fill holes: one that takes or gives anything else is refused by what
    /// fillers take and give. A detector that is known is opened, so that it can be told where it belongs.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_filler(
        runtime: &Runtime,
        bytes: &[u8],
        device: Device,
    ) -> Result<Self, ModelError> {
        let network = opened(runtime, bytes, (device, None))?;
        let ports = |network: &Network| {
            ports::of(network).map_err(|error| {
                let helps =
                    matches!(error, ModelError::ChannelsLast { .. } | ModelError::Element { .. });
                if helps { error } else { filler::no_filler(network) }
            })
        };
        let detects = |network: &mut Network, form: &PictureForm| {
            detector::identify(network, form).map_err(|error| {
                let failed = matches!(error, ModelError::Run(_));
                if failed { error } else { filler::no_filler(network) }
            })
        };
        Self::identified(network, bytes, ports, detects)
    }

    /// As [`Self::open`], on `card`, which is the one at its own place in CUDA's order, and on its stream: tensors that
    /// kernels make there are taken where they lie ([`crate::Detector::with_tensors_of`]).
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_on_stream(
        runtime: &Runtime,
        bytes: &[u8],
        card: &Arc<cuda::Device>,
    ) -> Result<Self, ModelError> {
        let device = Device::Cuda { index: card.card().ordinal };
        let network = opened(runtime, bytes, (device, Some(card)))?;
        Self::identified(network, bytes, ports::of, detector::identify)
    }

    fn identified(
        mut network: Network,
        bytes: &[u8],
        ports: impl Fn(&Network) -> Result<Ports, ModelError>,
        detects: impl Fn(&mut Network, &PictureForm) -> Result<Found, ModelError>,
    ) -> Result<Self, ModelError> {
        let ports = ports(&network)?;
        let found = match ports {
            Ports::Picture(ref form) => detects(&mut network, form)?,
            Ports::Joined(_) | Ports::Masked { .. } => filler::identify(&mut network, &ports)?,
        };
        let form = ports.form();
        let identity = Identity {
            contract: found.contract,
            sha: Sha::of(bytes),
            names: found.names,
            licence: network.metadata.get("license").cloned().or_else(|| catalogued(bytes)),
            batch: form.batch,
            size: found.size,
            element: element_name(&form.element),
        };
        Ok(Self { network, identity, roles: found.roles })
    }

    /// Who it is.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }
}

/// The network of the file in `bytes`.
fn opened(
    runtime: &Runtime,
    bytes: &[u8],
    device: (Device, Option<&Arc<cuda::Device>>),
) -> Result<Network, ModelError> {
    let refused = |error| match error {
        OpenError::Device(why) => ModelError::Device { why },
        OpenError::File(why) => {
            ModelError::Unreadable { version: runtime.version().to_owned(), why }
        }
    };
    let network = Network::open(runtime, bytes, device).map_err(refused)?;
    match detector::opened(&network, bytes) {
        Some(bytes) => Network::open(runtime, &bytes, device).map_err(refused),
        None => Ok(network),
    }
}

/// The licence of a model that a package ships, which its file does not state.
fn catalogued(bytes: &[u8]) -> Option<String> {
    let sha = Sha::of(bytes);
    let known = KNOWN_MODELS.iter().find(|model| model.sha == sha);
    known.map(|model| format!("{} ({} {})", model.licence, model.package, model.package_version))
}

/// What identification comes to.
struct Found {
    contract: Contract,
    names: Vec<String>,
    size: SizeForm,
    roles: Vec<usize>,
}

fn element_name(element: &Element) -> &'static str {
    match element {
        Element::F32 => "f32",
        Element::F16 => "f16",
        Element::U8 => "u8",
        Element::Other(_) => "other",
    }
}

impl SizeForm {
    /// The size that the model was made for: columns, rows.
    #[must_use]
    pub const fn nominal(self) -> (usize, usize) {
        match self {
            Self::Fixed { width, height } | Self::Open { width, height, .. } => (width, height),
        }
    }
}

impl Contract {
    /// Whether it tells where things are, and does not fill holes.
    #[must_use]
    pub const fn detects(&self) -> bool {
        match self {
            Self::Yolo5 { .. }
            | Self::Yolo8 { .. }
            | Self::EndToEnd { .. }
            | Self::RtDetr { .. }
            | Self::TextMap
            | Self::CenterFace => true,
            Self::Lama(_) | Self::MiGan(_) => false,
        }
    }
}

impl fmt::Display for Contract {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = |coefficients: &usize| if *coefficients > 0 { "masks" } else { "boxes" };
        match self {
            Self::Yolo5 { classes, coefficients } => {
                write!(formatter, "YOLOv5 {}, {classes} classes", kind(coefficients))
            }
            Self::Yolo8 { classes, coefficients, rows_first } => {
                let turned = if *rows_first { " (rows first)" } else { "" };
                write!(formatter, "YOLOv8 {}{turned}, {classes} classes", kind(coefficients))
            }
            Self::EndToEnd { coefficients } => {
                write!(formatter, "YOLO end to end, final {}", kind(coefficients))
            }
            Self::RtDetr { classes } => write!(formatter, "RT-DETR boxes, {classes} classes"),
            Self::TextMap => formatter.write_str("PP-OCR text map"),
            Self::CenterFace => formatter.write_str("CenterFace"),
            Self::Lama(form) => write!(formatter, "LaMa ({form})"),
            Self::MiGan(form) => write!(formatter, "MI-GAN ({form})"),
        }
    }
}

impl fmt::Display for FillContract {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inputs = if self.joined { "one input" } else { "two inputs" };
        let hole =
            if self.high_is_hole { "mask marks the hole" } else { "mask marks what is kept" };
        let range = if self.gives_bytes { "0 to 255" } else { "0 to 1" };
        write!(formatter, "{inputs}, {hole}, gives {range}")
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (width, height) = self.size.nominal();
        let size = match self.size {
            SizeForm::Fixed { .. } => "only",
            SizeForm::Open { .. } => "or other sizes",
        };
        write!(formatter, "{}, {width}x{height} {size}, {}", self.contract, self.element)?;
        match self.batch {
            BatchForm::Fixed(frames) => write!(formatter, ", batch {frames}")?,
            BatchForm::Open => formatter.write_str(", any batch")?,
        }
        match &self.licence {
            Some(licence) => write!(formatter, ", licence {licence}"),
            None => formatter.write_str(", no licence stated"),
        }
    }
}
