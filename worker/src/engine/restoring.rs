//! Restoring frames by a plan: what its overlays are made of is read once, what lies behind them window by
//! window as the frames come.
//!
//! Owns the proof that nothing outside the overlays changed. Refuses a frame of which anything did.

use cleanplate_media::device::CardError;
use cleanplate_media::frame::VideoFrame;
use cleanplate_plate::fetch::Background;
use cleanplate_plate::mattes::Mattes;
use cleanplate_plate::restore::{OriginMap, Restorer};
use cleanplate_store::kinds;
use cleanplate_types::digest::FrameHash;
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::frames::FrameRange;
use cleanplate_types::overlay::OverlayPlan;
use cleanplate_types::part::Restored;
use cleanplate_types::source::VideoDescription;
use cleanplate_types::trail::TrailEvent;

use crate::engine::Desk;
use crate::engine::look::learn::coding;
use crate::order::{MATTES, backgrounds};

/// See the top of the file.
pub(crate) struct Restoring<'a> {
    desk: &'a Desk,
    plan: &'a OverlayPlan,
    restorer: Restorer,
    /// Whether it was told that the card does not take what changed.
    is_card_left: bool,
}

/// What became of a frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clean {
    /// The hash of the samples that no overlay may cover, before and after.
    pub(crate) outside: FrameHash,
    /// Where the others come from.
    pub(crate) restored: Restored,
    /// Samples of all planes whose value is another than before.
    pub(crate) samples_changed: u64,
    /// Luma samples that went to the card's frame, where there is one.
    pub(crate) put_on_card: u64,
}

impl<'a> Restoring<'a> {
    /// Reads what the overlays are made of, where that was learned.
    ///
    /// # Errors
    /// What kept it from being read, and [`FailureKind::Internal`] where it does not fit the plan.
    pub(crate) fn open(
        desk: &'a Desk,
        plan: &'a OverlayPlan,
        video: &VideoDescription,
    ) -> Result<Self, Failure> {
        let mattes = match &plan.mattes {
            Some(_) => desk.load(MATTES, kinds::MATTES)?,
            None => Mattes::default(),
        };
        let restorer = Restorer::new(&video.layout, plan, mattes, &coding(video));
        let restorer = restorer.map_err(|error| failed(error.to_string()))?;
        Ok(Self { desk, plan, restorer, is_card_left: false })
    }

    /// Takes the overlays off the frame at `index`.
    ///
    /// # Errors
    /// Where the frame does not fit the plan, or a sample changed that no overlay covers.
    pub(crate) fn apply(&mut self, index: u64, picture: &mut VideoFrame) -> Result<Clean, Failure> {
        let only = FrameRange::new(index, index + 1);
        self.apply_to(index, picture).map_err(|failure| failure.at(only))
    }

    fn apply_to(&mut self, index: u64, picture: &mut VideoFrame) -> Result<Clean, Failure> {
        if let Some(window) = self.restorer.needs(index)
            && let Some(named) = self.plan.backgrounds.get(window)
        {
            let painted: Vec<Background> =
                self.desk.load(&backgrounds(window), kinds::BACKGROUNDS)?;
            let laid = self.restorer.lay_under(named.frames, painted);
            laid.map_err(|error| failed(error.to_string()))?;
        }
        let (clean, left) = clean(&mut self.restorer, index, picture)?;
        if let Some(error) = left
            && !std::mem::replace(&mut self.is_card_left, true)
        {
            let text = format!("frames of the card -> of the host: {error}");
            self.desk.trail(Stage::Fill, TrailEvent::Fallback, text, None);
        }
        Ok(clean)
    }

    /// Where the samples of the last frame come from.
    pub(crate) fn origins(&self) -> &[OriginMap] {
        self.restorer.origins()
    }
}

/// Takes the overlays off, on the host; what changed goes to the card's frame too, where there is one. One that
/// does not take it is dropped, and why is said: who encodes on the card then puts all of it there.
fn clean(
    restorer: &mut Restorer,
    index: u64,
    picture: &mut VideoFrame,
) -> Result<(Clean, Option<CardError>), Failure> {
    let covered = restorer.covered(index).map_err(|error| failed(error.to_string()))?.to_vec();
    let outside = picture.fast_hash_outside(&covered);
    let on_card = picture.take_on_card();
    let planes = picture.planes_mut().map_err(|error| error.failure(Stage::Fill))?;
    let done = restorer.apply(index, planes).map_err(|error| failed(error.to_string()))?;
    if picture.fast_hash_outside(&covered) != outside {
        return Err(failed("a sample changed that no overlay covers".to_owned()));
    }
    let restored = Restored {
        frames: u64::from(done.shown),
        inverted: done.inverted,
        fetched: done.fetched,
        synthesised: done.synthesised,
        pixelated: done.pixelated,
    };
    let (mut put_on_card, mut left) = (0, None);
    if let Some(mut there) = on_card {
        match there.upload_covered(picture, &covered) {
            Ok(samples) => {
                picture.lay_on_card(there);
                put_on_card = samples;
            }
            Err(error) => left = Some(error),
        }
    }
    let samples_changed = done.samples_changed;
    Ok((Clean { outside, restored, samples_changed, put_on_card }, left))
}

fn failed(text: String) -> Failure {
    Failure::new(FailureKind::Internal, Stage::Fill, text)
}

#[cfg(test)]
mod tests;
