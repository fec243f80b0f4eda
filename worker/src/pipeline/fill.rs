//! Filling: what the plan covers is restored, in the decoder's own planes.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, SyncSender};

use cleanplate_types::failure::{Failure, Stage};
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
    while let Ok(mut frame) = masked.recv() {
        if frame.touched {
            let Clean { outside, restored, samples_changed } =
                restoring.apply(frame.index, &mut frame.picture)?;
            (frame.outside, frame.restored) = (outside, restored);
            all.add(&restored);
            changed += samples_changed;
            calls += 1;
        } else {
            passed += 1;
        }
        if clean.send(frame).is_err() {
            return Ok(());
        }
    }
    let done = format!(
        "{ways}; {calls} frames in {calls} calls, {} of them show an overlay, {changed} samples changed: \
         {} inverted, {} fetched, {} synthesised, {} pixelated; {passed} frames passed untouched",
        all.frames, all.inverted, all.fetched, all.synthesised, all.pixelated
    );
    desk.trail(Stage::Fill, TrailEvent::Finished, done, Some(calls));
    Ok(())
}
