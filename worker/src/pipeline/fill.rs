//! Filling: what the plan covers is restored, in the decoder's own planes.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, SyncSender};

use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::frames::FrameRange;
use cleanplate_types::part::Restored;
use cleanplate_types::trail::TrailEvent;

use super::{Frame, Segment};
use crate::engine::{By, Clean, Restoring};

/// Restores the frames that are touched and passes the others on as they are.
pub(super) fn run(
    segment: &Segment,
    masked: &Receiver<Frame>,
    clean: &SyncSender<Frame>,
) -> Result<(), Failure> {
    let desk = &segment.desk;
    let plan = &segment.brief.plan;
    let video = &segment.brief.description.video;
    let mut restoring = Restoring::open(desk, plan, video)?.on(segment.card.as_ref(), video);
    let ways: BTreeSet<&str> = plan.overlays.iter().map(|overlay| overlay.fill.as_str()).collect();
    let ways = ways.into_iter().collect::<Vec<_>>().join(" and ");
    let ways = if ways.is_empty() { "nothing to fill".to_owned() } else { ways };
    desk.trail(Stage::Fill, TrailEvent::Started, ways.clone(), None);
    let (mut calls, mut passed, mut changed) = (0_u64, 0_u64, 0_u64);
    let mut all = Restored::default();
    let mut on_card = OnCard::default();
    while let Ok(mut frame) = masked.recv() {
        if frame.touched {
            let is_first = on_card.is_first_of_cell(segment, frame.index);
            if is_first {
                restoring.compare_next();
            }
            let Clean { outside, restored, samples_changed, by } =
                restoring.apply(frame.index, &mut frame.picture)?;
            (frame.outside, frame.restored) = (outside, restored);
            all.add(&restored);
            changed += samples_changed;
            calls += 1;
            on_card.add(&frame, by, is_first)?;
        } else {
            passed += 1;
        }
        if clean.send(frame).is_err() {
            return Ok(());
        }
    }
    let done = format!(
        "{ways}; {calls} frames in {calls} calls, {} of them show an overlay, {changed} samples changed: \
         {} inverted, {} fetched, {} synthesised, {} pixelated; {passed} frames passed untouched{}",
        all.frames,
        all.inverted,
        all.fetched,
        all.synthesised,
        all.pixelated,
        on_card.text()
    );
    desk.trail(Stage::Fill, TrailEvent::Finished, done, Some(calls));
    Ok(())
}

/// What became of frames that are on the card too, and how often that was looked at.
#[derive(Debug, Default)]
struct OnCard {
    /// Frames that the host filled, luma samples that went up, and frames that came back.
    by_host: (u64, u64, u64),
    /// Frames that kernels filled, and those of them that the host filled too.
    by_kernels: (u64, u64),
    /// The first frame of the last cell.
    cell: Option<u64>,
}

impl OnCard {
    /// Whether the frame at `index`, which shows an overlay, is the first such of its cell. It is the one that is
    /// compared: at 1080p that is 3 MiB more to bring down in 120 frames or more.
    fn is_first_of_cell(&mut self, segment: &Segment, index: u64) -> bool {
        let cell = segment.cells.iter().find(|cell| cell.frames.contains(index));
        let cell = cell.map(|cell| cell.frames.start);
        std::mem::replace(&mut self.cell, cell) != cell
    }

    /// Counts a filled frame. Of those that the host filled, the first of every cell (in debug builds every one)
    /// comes back from the card whole and must be the host's, sample by sample.
    fn add(&mut self, frame: &Frame, by: By, is_first: bool) -> Result<(), Failure> {
        let Some(there) = frame.picture.on_card() else { return Ok(()) };
        let put_on_card = match by {
            By::Kernels { compared } => {
                self.by_kernels.0 += 1;
                self.by_kernels.1 += u64::from(compared);
                return Ok(());
            }
            By::Host { put_on_card } => put_on_card,
        };
        self.by_host.0 += 1;
        self.by_host.1 += put_on_card;
        if !is_first && !cfg!(debug_assertions) {
            return Ok(());
        }
        self.by_host.2 += 1;
        let only = FrameRange::new(frame.index, frame.index + 1);
        let back = there.download(frame.picture.pts());
        let back = back.map_err(|error| error.failure(Stage::Fill).at(only))?;
        if back.fast_hash() == frame.picture.fast_hash() {
            return Ok(());
        }
        let text = "the card's frame is not the one that was filled".to_owned();
        Err(Failure::new(FailureKind::Internal, Stage::Fill, text).at(only))
    }

    fn text(&self) -> String {
        let mut text = String::new();
        if let (frames @ 1.., compared) = self.by_kernels {
            text += &format!(
                "; {frames} frames filled by kernels where they lie on the card, {compared} of which the host \
                 filled too, with the same samples"
            );
        }
        if let (frames @ 1.., samples, compared) = self.by_host {
            text += &format!(
                "; {samples} luma samples of {frames} frames put on the card, {compared} of which came back whole \
                 and were the host's"
            );
        }
        text
    }
}
