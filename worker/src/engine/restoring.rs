//! Restoring frames by a plan: what its overlays are made of is read once, what lies behind them window by
//! window as the frames come.
//!
//! Owns who restores a frame, and the proof that nothing outside the overlays changed. A frame of the card is
//! restored there by kernels (`kernels.rs`), where the plan asks for nothing that the engine alone can do; it then
//! comes back whole, and what of it no overlay covers must have the hash that it had before, for each frame.
//! The first frames, the first of each overlay and each that is asked for are restored by the host too, and must
//! be the same sample by sample. Where they are not, or the card fails, the host restores that frame and all
//! after it, and the trail says why. Refuses a frame of which the host changed anything else.

mod ffi;
mod kernels;

use cleanplate_media::device::DeviceFrame;
use cleanplate_media::frame::VideoFrame;
use cleanplate_plate::fetch::Background;
use cleanplate_plate::mattes::Mattes;
use cleanplate_plate::restore::{OriginMap, Restorer, Unserved};
use cleanplate_store::kinds;
use cleanplate_types::digest::FrameHash;
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::frames::FrameRange;
use cleanplate_types::overlay::OverlayPlan;
use cleanplate_types::part::Restored;
use cleanplate_types::picture::{PlaneRef, PlanesRef, Run};
use cleanplate_types::source::VideoDescription;
use cleanplate_types::trail::TrailEvent;

use crate::engine::look::learn::coding;
use crate::engine::{Desk, OpenCard};
use crate::order::{MATTES, backgrounds};
use kernels::Kernels;

/// See the top of the file.
pub(crate) struct Restoring<'a> {
    desk: &'a Desk,
    plan: &'a OverlayPlan,
    hands: Hands,
    /// Whether it was told that the card does not take what changed.
    is_card_left: bool,
}

/// Who restores.
struct Hands {
    restorer: Restorer,
    /// The card's kernels, as long as nothing is against them.
    kernels: Option<Kernels>,
    /// Whether the next frame that kernels restore is compared, whatever it shows.
    compares_next: bool,
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
    /// Who restored it.
    pub(crate) by: By,
}

/// Who restored a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// The host.
    Host {
        /// Luma samples that went to the card's frame, where there is one.
        put_on_card: u64,
    },
    /// The card's kernels; the host has a copy.
    Kernels {
        /// Whether the host restored it too, and it was the same.
        compared: bool,
    },
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
        let hands = Hands { restorer, kernels: None, compares_next: false };
        Ok(Self { desk, plan, hands, is_card_left: false })
    }

    /// Has frames of `video` that lie on `card` restored there, where frames are kept on it.
    pub(crate) fn on(mut self, card: Option<&OpenCard>, video: &VideoDescription) -> Self {
        let card = card.filter(|card| card.pool().is_some());
        let size = (video.width, video.height);
        self.hands.kernels = card.map(|card| Kernels::new(card.device(), &video.layout, size));
        self
    }

    /// Has the host restore the next frame too that kernels restore.
    pub(crate) const fn compare_next(&mut self) {
        self.hands.compares_next = true;
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
        if let Some(window) = self.hands.restorer.needs(index)
            && let Some(named) = self.plan.backgrounds.get(window)
        {
            let painted: Vec<Background> =
                self.desk.load(&backgrounds(window), kinds::BACKGROUNDS)?;
            let laid = self.hands.restorer.lay_under(named.frames, painted);
            laid.map_err(|error| failed(error.to_string()))?;
        }
        let (clean, left) = self.hands.clean(index, picture)?;
        for left in left {
            let text = match left {
                Left::Kernels(why) => format!("kernels -> the host's fill: {why}"),
                Left::Card(_) if std::mem::replace(&mut self.is_card_left, true) => continue,
                Left::Card(why) => format!("frames of the card -> of the host: {why}"),
            };
            self.desk.trail(Stage::Fill, TrailEvent::Fallback, text, None);
        }
        Ok(clean)
    }

    /// The same, telling of each frame what a model may paint.
    pub(crate) fn painting(mut self) -> Self {
        self.hands.restorer = self.hands.restorer.painting();
        self
    }

    /// What a model may paint of the last frame.
    pub(crate) const fn unserved(&self) -> Option<&Unserved> {
        self.hands.restorer.unserved()
    }

    /// The samples of the frame at `index` that may be changed.
    ///
    /// # Errors
    /// [`FailureKind::Internal`] where an overlay cannot be brought into the video.
    pub(crate) fn covered(&mut self, index: u64) -> Result<Vec<Vec<Run>>, Failure> {
        let covered = self.hands.restorer.covered(index);
        covered.map(<[Vec<Run>]>::to_vec).map_err(|error| failed(error.to_string()))
    }

    /// Where the samples of the last frame come from.
    pub(crate) fn origins(&self) -> &[OriginMap] {
        self.hands.restorer.origins()
    }
}

/// What was left, and why.
#[derive(Debug)]
enum Left {
    /// The kernels, for good.
    Kernels(String),
    /// The card, for one frame.
    Card(String),
}

/// What became of a frame that kernels were to restore.
enum Tried {
    Done(Clean),
    /// It is one for the host; nothing was done to it.
    Unfit(DeviceFrame),
    /// It failed: the card's frame is spoilt, the host's is as it was.
    Failed(String),
}

impl Hands {
    /// Takes the overlays off, by kernels where they can.
    fn clean(
        &mut self,
        index: u64,
        picture: &mut VideoFrame,
    ) -> Result<(Clean, Vec<Left>), Failure> {
        let covered = self.restorer.covered(index).map_err(|error| failed(error.to_string()))?;
        let covered = covered.to_vec();
        let outside = picture.fast_hash_outside(&covered);
        let before = Before { index, covered: &covered, outside };
        let mut left = Vec::new();
        let mut on_card = picture.take_on_card();
        if let Some(there) = on_card.take() {
            match self.by_kernels(&before, picture, there)? {
                Tried::Done(clean) => return Ok((clean, left)),
                Tried::Unfit(there) => on_card = Some(there),
                Tried::Failed(why) => {
                    self.kernels = None;
                    left.push(Left::Kernels(why));
                }
            }
        }
        let (clean, why) = self.by_host(&before, picture, on_card)?;
        left.extend(why.map(Left::Card));
        Ok((clean, left))
    }

    /// Has the card's kernels restore `there`, and brings it back.
    fn by_kernels(
        &mut self,
        before: &Before<'_>,
        picture: &mut VideoFrame,
        mut there: DeviceFrame,
    ) -> Result<Tried, Failure> {
        let Some(kernels) = &mut self.kernels else { return Ok(Tried::Unfit(there)) };
        let numbers = self.restorer.by_steps(before.index);
        let Some(numbers) = numbers.map_err(|error| failed(error.to_string()))? else {
            return Ok(Tried::Unfit(there));
        };
        let compares = std::mem::take(&mut self.compares_next)
            || kernels.is_new(&numbers)
            || cfg!(debug_assertions);
        // Takes the same samples again; they are copied when one of both is changed.
        let mut after = picture.twin().map_err(|error| error.failure(Stage::Fill))?;
        let at = (&mut self.restorer, before.index);
        let restored = match kernels.restore(at, &mut there, numbers) {
            Ok(restored) => restored,
            Err(error) => return Ok(Tried::Failed(error.to_string())),
        };
        if let Err(error) = there.download_over(&mut after) {
            return Ok(Tried::Failed(error.to_string()));
        }
        if after.fast_hash_outside(before.covered) != before.outside {
            let why = format!("in frame {} they change what no overlay covers", before.index);
            return Ok(Tried::Failed(why));
        }
        if compares {
            let mut host = picture.twin().map_err(|error| error.failure(Stage::Fill))?;
            let (clean, _) = self.by_host(before, &mut host, None)?;
            if host.fast_hash() != after.fast_hash() || clean.restored != told(restored) {
                let why = format!("frame {} is not what the host makes of it", before.index);
                return Ok(Tried::Failed(why));
            }
        }
        let samples_changed = changed(&picture.planes(), &after.planes(), before.covered);
        after.lay_on_card(there);
        *picture = after;
        let (outside, restored) = (before.outside, told(restored));
        let by = By::Kernels { compared: compares };
        Ok(Tried::Done(Clean { outside, restored, samples_changed, by }))
    }

    /// Takes the overlays off on the host; what changed goes to the card's frame too, where there is one. One
    /// that does not take it is dropped, and why is said: who encodes on the card then puts all of it there.
    fn by_host(
        &mut self,
        before: &Before<'_>,
        picture: &mut VideoFrame,
        on_card: Option<DeviceFrame>,
    ) -> Result<(Clean, Option<String>), Failure> {
        let planes = picture.planes_mut().map_err(|error| error.failure(Stage::Fill))?;
        let done = self.restorer.apply(before.index, planes);
        let done = done.map_err(|error| failed(error.to_string()))?;
        let outside = picture.fast_hash_outside(before.covered);
        if outside != before.outside {
            return Err(failed("a sample changed that no overlay covers".to_owned()));
        }
        let (mut put_on_card, mut left) = (0, None);
        if let Some(mut there) = on_card {
            match there.upload_covered(picture, before.covered) {
                Ok(samples) => {
                    picture.lay_on_card(there);
                    put_on_card = samples;
                }
                Err(error) => left = Some(error.to_string()),
            }
        }
        let (samples_changed, by) = (done.samples_changed, By::Host { put_on_card });
        Ok((Clean { outside, restored: told(done), samples_changed, by }, left))
    }
}

/// A frame before anything was done to it.
struct Before<'a> {
    index: u64,
    covered: &'a [Vec<Run>],
    outside: FrameHash,
}

/// The engine's counts as parts carry them.
fn told(done: cleanplate_plate::restore::Restored) -> Restored {
    Restored {
        frames: u64::from(done.shown),
        inverted: done.inverted,
        fetched: done.fetched,
        synthesised: done.synthesised,
        pixelated: done.pixelated,
        painted_frames: 0,
    }
}

/// How many samples of `covered` are others in `after`.
fn changed(before: &PlanesRef<'_>, after: &PlanesRef<'_>, covered: &[Vec<Run>]) -> u64 {
    match (before, after) {
        (PlanesRef::Eight(before), PlanesRef::Eight(after)) => changed_in(before, after, covered),
        (PlanesRef::Sixteen(before), PlanesRef::Sixteen(after)) => {
            changed_in(before, after, covered)
        }
        // One is the other's twin.
        (PlanesRef::Eight(_), PlanesRef::Sixteen(_))
        | (PlanesRef::Sixteen(_), PlanesRef::Eight(_)) => 0,
    }
}

fn changed_in<S: PartialEq>(
    before: &[PlaneRef<'_, S>],
    after: &[PlaneRef<'_, S>],
    covered: &[Vec<Run>],
) -> u64 {
    let mut changed = 0;
    for ((before, after), runs) in before.iter().zip(after).zip(covered) {
        for run in runs {
            let row = |plane: &PlaneRef<'_, S>| {
                let start = run.row as usize * plane.stride;
                start + run.start as usize..start + run.end as usize
            };
            let pairs = before.samples[row(before)].iter().zip(&after.samples[row(after)]);
            changed += pairs.filter(|(before, after)| before != after).count() as u64;
        }
    }
    changed
}

fn failed(text: String) -> Failure {
    Failure::new(FailureKind::Internal, Stage::Fill, text)
}

#[cfg(test)]
mod tests;
