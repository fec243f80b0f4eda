//! Filling: what the plan covers is restored, in the decoder's own planes.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, SyncSender};

use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::frames::FrameRange;
use cleanplate_types::part::Restored;
use cleanplate_types::trail::TrailEvent;

use super::{Frame, Segment};
use crate::engine::{Clean, Restoring};

/// Restores the frames that are touched and passes the others on as they are.
pub(super) fn run(
    segment: &Segment,
    masked: &Receiver<Frame>,
    clean: &SyncSender<Frame>,
) -> Result<(), Failure> {
    let desk = &segment.desk;
    let plan = &segment.brief.plan;
    let mut restoring = Restoring::open(desk, plan, &segment.brief.description.video)?;
    let ways: BTreeSet<&str> = plan.overlays.iter().map(|overlay| overlay.fill.as_str()).collect();
    let ways = ways.into_iter().collect::<Vec<_>>().join(" and ");
    let ways = if ways.is_empty() { "nothing to fill".to_owned() } else { ways };
    desk.trail(Stage::Fill, TrailEvent::Started, ways.clone(), None);
    let (mut calls, mut passed, mut changed) = (0_u64, 0_u64, 0_u64);
    let mut all = Restored::default();
    let mut on_card = OnCard::default();
    while let Ok(mut frame) = masked.recv() {
        if frame.touched {
            let Clean { outside, restored, samples_changed, put_on_card } =
                restoring.apply(frame.index, &mut frame.picture)?;
            (frame.outside, frame.restored) = (outside, restored);
            all.add(&restored);
            changed += samples_changed;
            calls += 1;
            on_card.add(segment, &frame, put_on_card)?;
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

/// What went to frames that are on the card too, and how often that was looked at.
#[derive(Debug, Default)]
struct OnCard {
    frames: u64,
    samples: u64,
    compared: u64,
    /// The first frame of the cell that was compared last.
    cell: Option<u64>,
}

impl OnCard {
    /// Counts a filled frame. The first of every cell (in debug builds every one) comes back from the card whole
    /// and must be the host's, sample by sample: at 1080p that is 3 MiB in 120 frames or more.
    fn add(&mut self, segment: &Segment, frame: &Frame, samples: u64) -> Result<(), Failure> {
        let Some(there) = frame.picture.on_card() else { return Ok(()) };
        self.frames += 1;
        self.samples += samples;
        let cell = segment.cells.iter().find(|cell| cell.frames.contains(frame.index));
        let cell = cell.map(|cell| cell.frames.start);
        if self.cell == cell && !cfg!(debug_assertions) {
            return Ok(());
        }
        self.cell = cell;
        self.compared += 1;
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
        let Self { frames, samples, compared, .. } = self;
        match frames {
            0 => String::new(),
            _ => format!(
                "; {samples} luma samples of {frames} frames put on the card, {compared} of which came back whole \
                 and were the host's"
            ),
        }
    }
}
