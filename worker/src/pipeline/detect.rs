//! Detection: which frames show something to remove. The plan knows, so no frame is looked at.

use std::sync::mpsc::{Receiver, SyncSender};

use cleanplate_types::failure::{Failure, Stage};
use cleanplate_types::frames::FrameRange;
use cleanplate_types::trail::TrailEvent;

use super::{Frame, Segment};

/// Marks the frames that the plan touches.
///
/// The plan is asked about a batch of frames at a time, ahead of the frames themselves: none has to
/// wait for its batch to be complete.
pub(super) fn run(
    segment: &Segment,
    decoded: &Receiver<Frame>,
    masked: &SyncSender<Frame>,
) -> Result<(), Failure> {
    let desk = &segment.desk;
    let batch = u64::from(desk.order().means.batches.detect.max(1));
    let plan = &segment.brief.plan;
    let overlays = plan.overlays.len();
    let started = format!("by the plan, which removes {overlays} overlays");
    desk.trail(Stage::Detect, TrailEvent::Started, started, None);
    let (mut asked, mut marks) = (FrameRange::new(0, 0), Vec::new());
    let (mut batches, mut largest, mut touched) = (0_u64, 0_u64, 0_u64);
    while let Ok(mut frame) = decoded.recv() {
        if !asked.contains(frame.index) {
            asked = FrameRange::new(frame.index, frame.index + batch).intersect(segment.decoded);
            marks = (asked.start..asked.end).map(|index| plan.touches(index)).collect();
            batches += 1;
            largest = largest.max(asked.count());
        }
        let place = usize::try_from(frame.index - asked.start).unwrap_or(usize::MAX);
        frame.touched = marks.get(place).copied().unwrap_or(true);
        touched += u64::from(frame.touched);
        if masked.send(frame).is_err() {
            return Ok(());
        }
    }
    let done = format!(
        "{touched} frames may show overlays; {batches} batches of at most {largest} frames"
    );
    desk.trail(Stage::Detect, TrailEvent::Finished, done, Some(batches));
    Ok(())
}
