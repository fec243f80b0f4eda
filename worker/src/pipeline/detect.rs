//! Detection: which frames show something to remove. The plan knows, so no frame is looked at.

use std::sync::mpsc::{Receiver, SyncSender};

use cleanplate_types::failure::{Failure, Stage};
use cleanplate_types::trail::TrailEvent;

use super::{Frame, Segment};

/// Marks the frames that the plan touches.
pub(super) fn run(
    segment: &Segment,
    decoded: &Receiver<Frame>,
    masked: &SyncSender<Frame>,
) -> Result<(), Failure> {
    let desk = &segment.desk;
    let plan = &segment.brief.plan;
    let overlays = plan.overlays.len();
    let started = format!("by the plan, which removes {overlays} overlays");
    desk.trail(Stage::Detect, TrailEvent::Started, started, None);
    let mut touched = 0_u64;
    while let Ok(mut frame) = decoded.recv() {
        frame.touched = plan.touches(frame.index);
        touched += u64::from(frame.touched);
        if masked.send(frame).is_err() {
            return Ok(());
        }
    }
    let done = format!("{touched} frames may show overlays");
    desk.trail(Stage::Detect, TrailEvent::Finished, done, Some(touched));
    Ok(())
}
