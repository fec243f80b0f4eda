//! The pipeline of a segment: decode, detect, fill, encode, upload, each on a thread of its own.
//!
//! Owns the threads, the queues between them and which failure counts. A stage is a function from
//! receiver to sender; it ends when its neighbour does, and the first failure ends them all. Frames
//! stay in the decoder's own planes; one that the plan does not touch is passed on by reference and
//! never copied.

mod decode;
mod detect;
mod encode;
mod fill;
mod forge;
mod paint;
mod upload;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use cleanplate_media::encode::takes_card_frames;
use cleanplate_media::frame::VideoFrame;
use cleanplate_store::kinds;
use cleanplate_types::access::ReadAt;
use cleanplate_types::brief::JobBrief;
use cleanplate_types::cell::Cell;
use cleanplate_types::digest::FrameHash;
use cleanplate_types::failure::{Failure, FailureKind, Stage};
use cleanplate_types::frames::{FrameRange, FrameTable};
use cleanplate_types::part::Restored;

use crate::engine::{Desk, OpenCard, panicked};
use crate::order::{BRIEF, Outcome, Run, TABLE};

/// Decoded frames that may wait for their masks.
///
/// A frame of 1080p in 8-bit 4:2:0 has 3 MiB. With one in the hands of each stage, the queues
/// between decoder and encoder hold at most 2 + 1 + 2 + 4 = 9 frames: 27 MiB a slot.
const DECODED_FRAMES_MAX: usize = 2;

/// Frames with masks that may wait to be filled: 1 of 3 MiB. Making a mask from the plan is quick.
const MASKED_FRAMES_MAX: usize = 1;

/// Clean frames that may wait for the encoder: 2 of 3 MiB, so that it goes on while a frame that
/// came late is filled. Encoding is the slowest stage; longer queues would only hold memory.
const CLEAN_FRAMES_MAX: usize = 2;

/// Frames of a segment that the card may hold: the 9 above, and one that the encoder's parameter sets are
/// asked for with. What NVENC still reads of (4 frames without B-frames and lookahead) is beside that. Of
/// 1080p in 8 bits 16 frames are 48 MiB, of 2160p in 10 bits 380 MiB.
const CARD_FRAMES_MAX: u32 = 16;

/// Restored frames that may wait, where frames are painted, for what is painted of those after them: 3 of 3 MiB
/// (the paintings themselves, of at most five frames, are as large as what they cover).
const HELD_FRAMES_MAX: usize = 3;

/// Bundles of packets that may wait to be uploaded: 2 of 1 MiB. With the one that is gathered and the
/// one under way 4 MiB a slot.
const BUNDLES_MAX: usize = 2;

/// The stages, with the names of their threads.
const STAGES: [(Stage, &str); 5] = [
    (Stage::Decode, "decode"),
    (Stage::Detect, "detect"),
    (Stage::Fill, "fill"),
    (Stage::Encode, "encode"),
    (Stage::Upload, "upload"),
];

/// A frame on its way.
#[derive(Debug)]
struct Frame {
    /// Its index in the job's table.
    index: u64,
    /// Its samples.
    picture: VideoFrame,
    /// Whether the plan removes something from it; not known before the detect stage.
    touched: bool,
    /// The hash of its samples as they were decoded.
    hash: FrameHash,
    /// That of the samples that the plan does not cover, before anything was filled and after.
    outside: FrameHash,
    /// Where the clean samples come from.
    restored: Restored,
    /// That of the decoded frame before it, where the decoder showed it.
    before: Option<FrameHash>,
}

/// What all stages know.
struct Segment {
    desk: Desk,
    brief: JobBrief,
    table: Arc<FrameTable>,
    cells: Vec<Cell>,
    range: FrameRange,
    /// The range and, where frames are painted, what is looked at beside it.
    decoded: FrameRange,
    run: Run,
    source: Arc<dyn ReadAt>,
    /// The card, where there is one; it keeps frames where the encoder takes them from there.
    card: Option<OpenCard>,
    /// The failure that came first; the others follow from it.
    failure: Mutex<Option<Failure>>,
}

/// Works through the cells of `run` and hands in each.
///
/// # Errors
/// The failure that came first, with its stage and frames.
pub(crate) fn run(desk: &Desk, run: Run) -> Result<Outcome, Failure> {
    let segment = Arc::new(Segment::load(desk, run)?);
    let (to_detect, decoded) = sync_channel(DECODED_FRAMES_MAX);
    let (to_fill, masked) = sync_channel(MASKED_FRAMES_MAX);
    let (to_encode, clean) = sync_channel(CLEAN_FRAMES_MAX);
    let (to_upload, bundles) = sync_channel(BUNDLES_MAX);
    let (ended, ends) = sync_channel(STAGES.len());
    let [decode, detect, fill, encode, upload] = STAGES;
    segment.start(decode, &ended, move |it| decode::run(it, &to_detect))?;
    segment.start(detect, &ended, move |it| detect::run(it, &decoded, &to_fill))?;
    segment.start(fill, &ended, move |it| fill::run(it, &masked, &to_encode))?;
    segment.start(encode, &ended, move |it| encode::run(it, &clean, to_upload.clone()))?;
    segment.start(upload, &ended, move |it| upload::run(it, &bundles))?;
    drop(ended);
    segment.wait(&ends)
}

impl Segment {
    fn load(desk: &Desk, run: Run) -> Result<Self, Failure> {
        let senseless =
            |text: &str| Failure::new(FailureKind::Internal, Stage::Fetch, text.to_owned());
        let brief: JobBrief = desk.load(BRIEF, kinds::BRIEF)?;
        let table: FrameTable = desk.load(TABLE, kinds::TABLE)?;
        let start = run.first.0 as usize;
        let cells = brief.cells.get(start..start.saturating_add(run.cells as usize));
        let cells = cells.map(<[Cell]>::to_vec).unwrap_or_default();
        let (Some(head), Some(last)) = (cells.first(), cells.last()) else {
            return Err(senseless("the segment's cells are not in the plan"));
        };
        let range = FrameRange::new(head.frames.start, last.frames.end);
        if table.range().intersect(range) != range {
            return Err(senseless("the segment's frames are not in the table"));
        }
        let source = desk.source()?;
        let card = OpenCard::open(desk, Stage::Decode);
        let card = card.map(|card| {
            // What is painted is painted on the host.
            let keeps = takes_card_frames(&brief.spec) && brief.spec.painting.is_none();
            let video = &brief.description.video;
            if keeps { card.keeping(desk, video, CARD_FRAMES_MAX) } else { card }
        });
        let painted = brief.spec.painting.as_ref();
        let decoded = painted.map_or(range, |_| paint::halo(range, &brief.plan, table.range()));
        let table = Arc::new(table);
        let failure = Mutex::new(None);
        let desk = desk.clone();
        Ok(Self { desk, brief, table, cells, range, decoded, run, source, card, failure })
    }

    /// Starts a stage on a thread of its own; `ended` hears when it is over.
    fn start(
        self: &Arc<Self>,
        (stage, name): (Stage, &str),
        ended: &SyncSender<Stage>,
        work: impl Fn(&Self) -> Result<(), Failure> + Send + 'static,
    ) -> Result<(), Failure> {
        let segment = Arc::clone(self);
        let ended = ended.clone();
        let run = move || {
            let kept = Arc::clone(&segment);
            worked(stage, move || work(&segment), |failure| kept.failed(failure));
            // There is room for every stage; where nobody waits any more the process is ending.
            ended.try_send(stage).ok();
        };
        let lease = self.desk.order().lease;
        let started = std::thread::Builder::new().name(format!("{name}-{lease}")).spawn(run);
        started.map(drop).map_err(|error| {
            let text = format!("no thread can be had: {error}");
            Failure::new(FailureKind::WorkerLacks, stage, text)
        })
    }

    /// Waits for all stages, or for the first failure: a stage that is stuck then does not matter,
    /// because the process ends.
    fn wait(&self, ends: &Receiver<Stage>) -> Result<Outcome, Failure> {
        for _ in STAGES {
            // All senders gone before all stages were heard: one could not even say that it ended.
            let heard = ends.recv();
            if let Some(failure) = self.lock().take() {
                return Err(failure);
            }
            if heard.is_err() {
                break;
            }
        }
        Ok(Outcome::Segment)
    }

    /// Keeps the failure that comes first. One that names no frames concerns those of the segment.
    fn failed(&self, failure: Failure) {
        let failure = if failure.frames.is_none() { failure.at(self.range) } else { failure };
        self.lock().get_or_insert(failure);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Failure>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does a stage's work. Its failure is kept before its ends of the queues are let go of: a neighbour that finds them
/// gone must not be the first to say that something failed.
fn worked(stage: Stage, work: impl Fn() -> Result<(), Failure>, failed: impl FnOnce(Failure)) {
    let done = catch_unwind(AssertUnwindSafe(&work));
    let done = done.unwrap_or_else(|panic| Err(panicked(stage, panic.as_ref())));
    if let Err(failure) = done {
        failed(failure);
    }
    drop(work);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_kept_before_a_neighbour_can_find_the_stage_gone() {
        let (sender, receiver) = sync_channel::<u8>(1);
        let mut kept = None;
        let work = move || match receiver.try_recv() {
            Ok(_one) => Ok(()),
            Err(_none) => {
                Err(Failure::new(FailureKind::StoreUnavailable, Stage::Upload, "it is out"))
            }
        };
        worked(Stage::Upload, work, |failure| {
            assert!(sender.send(1).is_ok(), "the neighbour finds the stage there still");
            kept = Some(failure.kind);
        });
        assert_eq!(kept, Some(FailureKind::StoreUnavailable));
        assert!(sender.send(2).is_err(), "and gone afterwards");
    }
}
