//! The card of a lease, opened once for all that works on it.
//!
//! Owns that decoder, pool and encoder share the context and the stream that kernels and models have too.
//! Refuses nothing: a card that does not open, or that keeps no frames, is told once, and the host does it.

use std::sync::Arc;

use cleanplate_media::decode::DecodeCard;
use cleanplate_media::device::{CardContext, DevicePool};
use cleanplate_types::failure::Stage;
use cleanplate_types::source::VideoDescription;
use cleanplate_types::trail::TrailEvent;
use cleanplate_vision::cuda::Device;

use crate::engine::Desk;

/// An open card.
#[derive(Debug, Clone)]
pub(crate) struct OpenCard {
    context: Arc<CardContext>,
    device: Arc<Device>,
    pool: Option<Arc<DevicePool>>,
}

impl OpenCard {
    /// Opens the card that the order names, where it names one.
    pub(crate) fn open(desk: &Desk, stage: Stage) -> Option<Self> {
        let ordinal = desk.order().means.card?;
        match share(ordinal) {
            Ok((context, device)) => Some(Self { context, device, pool: None }),
            Err(why) => {
                let text = format!("nvdec -> software: opening the card: {why}");
                desk.trail(stage, TrailEvent::Fallback, text, None);
                None
            }
        }
    }

    /// Keeps frames of `video` there, at most `frames_max` at once.
    pub(crate) fn keeping(
        mut self,
        desk: &Desk,
        video: &VideoDescription,
        frames_max: u32,
    ) -> Self {
        let layout = Arc::new(video.layout.clone());
        let size = (video.width, video.height);
        match DevicePool::new(&self.context, &layout, size, frames_max) {
            Ok(pool) => self.pool = Some(pool),
            Err(error) => {
                let text = format!("frames of the card -> of the host: {error}");
                desk.trail(Stage::Decode, TrailEvent::Fallback, text, None);
            }
        }
        self
    }

    /// The card as a decoder takes it.
    pub(crate) fn for_decoder(&self) -> DecodeCard {
        DecodeCard { card: Arc::clone(&self.context), pool: self.pool.clone() }
    }

    /// The card as kernels work on it.
    pub(crate) const fn device(&self) -> &Arc<Device> {
        &self.device
    }

    /// Where frames are kept there.
    pub(crate) const fn pool(&self) -> Option<&Arc<DevicePool>> {
        self.pool.as_ref()
    }
}

/// Lets libav work in the context and on the stream of the card at `ordinal`.
pub(super) fn share(ordinal: u32) -> Result<(Arc<CardContext>, Arc<Device>), String> {
    let device = Device::open(ordinal).map_err(|error| error.to_string())?;
    let (name, handles) = (device.card().name.clone(), device.handles());
    let owner = Arc::clone(&device);
    let shared = CardContext::share(&name, (handles.context, handles.stream), owner);
    Ok((shared.map_err(|error| error.to_string())?, device))
}
