//! What a model takes, told from its declared inputs.
//!
//! Owns which inputs are accepted. Refuses the rest by name.

use std::fmt::Write as _;

use super::{BatchForm, ModelError};
use crate::session::{Element, Network, Port};

/// Longest side and most frames that a model may ask for. What a file declares is a stranger's word: without a bound it
/// could ask for more memory than there is.
pub(super) const SIDE_MAX: usize = 4096;
/// See [`SIDE_MAX`].
const FRAMES_MAX: usize = 64;

/// A picture that a model takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PictureForm {
    pub(super) element: Element,
    pub(super) batch: BatchForm,
    /// Columns and rows; `None` where they are open.
    pub(super) size: Option<(usize, usize)>,
}

/// The inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ports {
    /// A picture.
    Picture(PictureForm),
    /// A picture and a mask as four channels.
    Joined(PictureForm),
    /// A picture and a mask.
    Masked {
        picture: PictureForm,
        /// Whether the mask is the first input.
        mask_first: bool,
    },
}

impl Ports {
    pub(super) const fn form(&self) -> &PictureForm {
        match self {
            Self::Picture(form) | Self::Joined(form) | Self::Masked { picture: form, .. } => form,
        }
    }
}

/// What `network` takes.
pub(super) fn of(network: &Network) -> Result<Ports, ModelError> {
    let refused = || ModelError::Inputs { found: shown(&network.inputs) };
    match network.inputs.as_slice() {
        [only] => match channels(only)? {
            Some(4) => Ok(Ports::Joined(form(only)?)),
            Some(3) | None => Ok(Ports::Picture(form(only)?)),
            Some(_) => Err(refused()),
        },
        [one, other] => {
            if let Some(sizes) = [one, other].into_iter().find(|port| port.name.contains("sizes")) {
                return Err(ModelError::OriginalSizes { name: sizes.name.clone() });
            }
            let mask_first = match (channels(one)?, channels(other)?) {
                (Some(3), Some(1)) => false,
                (Some(1), Some(3)) => true,
                _neither => return Err(refused()),
            };
            let (picture, mask) = if mask_first { (other, one) } else { (one, other) };
            let (picture, mask) = (form(picture)?, form(mask)?);
            if picture.size != mask.size
                || (picture.element == Element::U8) != (mask.element == Element::U8)
            {
                return Err(refused());
            }
            Ok(Ports::Masked { picture, mask_first })
        }
        _none_or_more => Err(refused()),
    }
}

/// Number of channels, `None` where it is open. Only of what could be a picture.
fn channels(port: &Port) -> Result<Option<usize>, ModelError> {
    let [_, channels, _, last] = port.dims.as_slice() else {
        return Err(ModelError::Inputs { found: shown(std::slice::from_ref(port)) });
    };
    let is_channels = |size: &Option<usize>| matches!(size, Some(1 | 3 | 4));
    if !is_channels(channels) && is_channels(last) {
        return Err(ModelError::ChannelsLast { found: shown(std::slice::from_ref(port)) });
    }
    Ok(*channels)
}

fn form(port: &Port) -> Result<PictureForm, ModelError> {
    if let Element::Other(found) = &port.element {
        return Err(ModelError::Element { name: port.name.clone(), found: found.clone() });
    }
    let refused = || ModelError::Inputs { found: shown(std::slice::from_ref(port)) };
    let [batch, _, height, width] = port.dims.as_slice() else { return Err(refused()) };
    let batch = match batch {
        Some(frames @ 1..=FRAMES_MAX) => BatchForm::Fixed(*frames),
        Some(_) => return Err(refused()),
        None => BatchForm::Open,
    };
    let size = match (width, height) {
        (Some(width @ 1..=SIDE_MAX), Some(height @ 1..=SIDE_MAX)) => Some((*width, *height)),
        (None, None) => None,
        (Some(_), Some(_) | None) | (None, Some(_)) => return Err(refused()),
    };
    Ok(PictureForm { element: port.element.clone(), batch, size })
}

/// Ports in words: `images` float32 [1, 3, ?, ?].
pub(super) fn shown(ports: &[Port]) -> String {
    let mut text = String::new();
    for port in ports {
        let dims: Vec<String> =
            port.dims.iter().map(|dim| dim.map_or("?".to_owned(), |dim| dim.to_string())).collect();
        let element = match &port.element {
            Element::F32 => "float32",
            Element::F16 => "float16",
            Element::U8 => "uint8",
            Element::Other(name) => name,
        };
        let comma = if text.is_empty() { "" } else { ", " };
        // Writing to a string does not fail.
        write!(text, "{comma}`{}` {element} [{}]", port.name, dims.join(", ")).unwrap_or_default();
    }
    if text.is_empty() { "none".to_owned() } else { text }
}
