//! Filling: what the plan covers is replaced, in the decoder's own planes.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, SyncSender};

use cleanplate_plate::fill::Filler;
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::frames::FrameRange;
use cleanplate_types::trail::TrailEvent;

use super::{Frame, Segment};

/// Fills the frames that are touched and passes the others on as they are.
pub(super) fn run(
    segment: &Segment,
    masked: &Receiver<Frame>,
    clean: &SyncSender<Frame>,
) -> Result<(), Failure> {
    let desk = &segment.desk;
    let plan = &segment.brief.plan;
    let mut filler = Filler::new(&segment.brief.spec.layout, plan);
    let ways: BTreeSet<&str> = plan.overlays.iter().map(|overlay| overlay.fill.as_str()).collect();
    let ways = ways.into_iter().collect::<Vec<_>>().join(" and ");
    let ways = if ways.is_empty() { "nothing to fill".to_owned() } else { ways };
    desk.trail(Stage::Fill, TrailEvent::Started, ways.clone(), None);
    let (mut calls, mut passed, mut changed) = (0_u64, 0_u64, 0_u64);
    while let Ok(mut frame) = masked.recv() {
        if frame.touched {
            changed += fill(&mut filler, &mut frame)?;
            calls += 1;
        } else {
            passed += 1;
        }
        if clean.send(frame).is_err() {
            return Ok(());
        }
    }
    let done = format!(
        "{ways}; {calls} frames in {calls} calls, {changed} samples changed; {passed} frames passed \
         untouched"
    );
    desk.trail(Stage::Fill, TrailEvent::Finished, done, Some(calls));
    Ok(())
}

fn fill(filler: &mut Filler, frame: &mut Frame) -> Result<u64, Failure> {
    let only = FrameRange::new(frame.index, frame.index + 1);
    let planes = frame.picture.planes_mut().map_err(|error| error.failure(Stage::Fill).at(only))?;
    let report = filler.apply(frame.index, planes).map_err(|error| {
        Failure::new(FailureKind::Internal, Stage::Fill, error.to_string()).at(only)
    })?;
    Ok(report.samples_changed)
}
